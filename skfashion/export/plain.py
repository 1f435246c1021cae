"""Fitted estimators as skl2onnx can take them: searches and samplers gone, labels numbered."""

import copy

import numpy as np
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skfashion.classifiers.base import ImageClassifier
from skfashion.ensemble import SnapshotEnsembleClassifier
from skfashion.utils.fitted import snapshot


def unwrapped(model):
    """Return what predicts for a fitted search or a frozen estimator, `model` itself for others."""
    if isinstance(model, FrozenEstimator):
        return unwrapped(model.estimator)
    return unwrapped(model.best_estimator_) if hasattr(model, "best_estimator_") else model


def fitted_model(model, features=False):
    """Return a fitted classifier as it is now, searches unwrapped.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If features are wanted of what is no single net, or a parameter of a net that predictions
        read is not as described.
    """
    check_is_fitted(model)
    fitted = snapshot(unwrapped(model))
    if isinstance(fitted, ImageClassifier):
        fitted._check_what_was_set_after_fit()
    elif features:
        raise ValueError(
            f"Got features=True with a {type(model).__name__}, expected False: features are those "
            "of a single net. Export the net by itself."
        )
    return fitted


def on_cpu(model):
    """Return a copy of a fitted estimator whose nets compute on the CPU.

    GPUs round the factors of a product to fewer digits, by PyTorch's default.
    """
    copied = copy.deepcopy(model)
    for part in parts_of(copied):
        if isinstance(part, ImageClassifier):
            part.device = "cpu"
    return copied


def parts_of(model):
    """Return an estimator and all that are inside of it, calibrated folds included."""
    parts, waiting, seen = [], [model], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
        elif hasattr(part, "get_params") or hasattr(part, "calibrators"):
            parts.append(part)
            waiting += () if isinstance(part, ImageClassifier) else vars(part).values()
    return parts


def plain(model, classes=None):
    """Return a copy of a fitted estimator that skl2onnx converts to what it computes.

    Labels are numbers from 0 on in it, whatever their type was. What is fitted is shared, and the
    estimator that is given is not changed.

    Parameters
    ----------
    model : estimator
        Fitted.
    classes : ndarray or None
        Labels whose positions are the numbers; None takes the model's own.

    Raises
    ------
    ValueError
        If a net stands in the middle of a pipeline.
    """
    model = unwrapped(model)
    if isinstance(model, Pipeline):
        return _plain_pipeline(model, classes)
    if not is_classifier(model) or not hasattr(model, "classes_"):
        return model
    numbers = np.searchsorted(model.classes_ if classes is None else classes, model.classes_)
    if isinstance(model, SnapshotEnsembleClassifier):
        return _vote(model.estimators_, numbers)
    if isinstance(model, VotingClassifier):
        weights = [] if model.weights is None else model.weights
        used = [w for w, (_, e) in zip(weights, model.estimators, strict=False) if e != "drop"]
        return _vote(model.estimators_, numbers, used or None)
    if isinstance(model, StackingClassifier):
        estimators = [e if isinstance(e, str) else plain(e) for e in model.estimators_]
        last = plain(model.final_estimator_)
        return _with(model, estimators_=estimators, final_estimator_=last, classes_=numbers)
    if isinstance(model, CalibratedClassifierCV):
        return _plain_calibration(model, numbers)
    return _with(model, classes_=numbers)


def _plain_pipeline(model, classes):
    """Return a pipeline of the steps that do something in predictions."""
    *earlier, (name, last) = model.steps
    steps = []
    for step_name, step in earlier:
        is_nothing = step is None or isinstance(step, str) or hasattr(step, "fit_resample")
        if isinstance(step, ImageClassifier):
            raise ValueError(
                f"Got a pipeline with a {type(step).__name__} in its middle, {step_name!r}; "
                "expected nets at its end. Export the net with features=True, and what follows it "
                "by itself."
            )
        if not is_nothing:
            steps.append((step_name, plain(step)))
    return Pipeline([*steps, (name, plain(last, classes))])


def _vote(estimators, numbers, weights=None):
    """Return a soft vote of fitted classifiers."""
    voters = [plain(e) for e in estimators]
    names = [(f"voter{i}", voter) for i, voter in enumerate(voters)]
    weights = None if weights is None else np.asarray(weights, dtype=float)
    # skl2onnx refuses the default, which matters to `transform` alone.
    vote = VotingClassifier(names, voting="soft", weights=weights, flatten_transform=False)
    return _with(vote, estimators_=voters, classes_=numbers)


def _plain_calibration(model, numbers):
    """Return a calibrated classifier whose classifiers give numbers as labels."""
    folds = [
        _with(
            fold,
            estimator=plain(fold.estimator, fold.classes),
            classes=np.arange(len(fold.classes)),
        )
        for fold in model.calibrated_classifiers_
    ]
    return _with(model, calibrated_classifiers_=folds, classes_=numbers)


def _with(fitted, /, **attributes):
    """Return a copy of a fitted estimator in which some attributes are others."""
    return snapshot(fitted, **attributes)
