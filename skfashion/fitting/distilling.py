"""Soft targets, given or a teacher's: probabilities of the classes to learn besides the labels."""

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skfashion.fitting.frequencies import sum_tolerance
from skfashion.fitting.inputs import refuse_masked
from skfashion.utils.labels import encode_labels, plain_labels


def read_soft_targets(estimator, X, classes, codes, soft_targets=None):
    """Return what rows are to be taught besides their labels, None where that is nothing.

    Parameters
    ----------
    estimator : ImageClassifier
        Whose `teacher` is asked.
    X : array-like
        The rows as the user has passed them: whatever else they are, the teacher knows them so.
    classes, codes : ndarrays of shape (k,) and (n,)
        The classes, and the numbers of the rows' labels among them.
    soft_targets : array-like of shape (n, k) or None
        The argument of `fit`.

    Returns
    -------
    ndarray of shape (n, k) or None
        float64, in the order of `classes`, each row of sum 1.

    Raises
    ------
    ValueError
        If they are no probabilities of these rows and classes, if a teacher is none, or does not
        know a class, or if other parameters do not go with soft targets.
    """
    if soft_targets is None and estimator.teacher is None:
        return None
    if estimator.deferred_reweighting is not None:
        raise ValueError(
            f"Got deferred_reweighting={estimator.deferred_reweighting} with "
            f"{'teacher' if soft_targets is None else 'soft_targets'}, which would have to change "
            "on the way; expected None. Weigh classes from the start, by class_weight or "
            "loss='class_balanced'."
        )
    if soft_targets is None:
        return _ask(estimator.teacher, X, classes, codes)
    if estimator.teacher is not None:
        raise ValueError(
            "Got soft_targets and teacher, expected one of them: a teacher makes soft targets. "
            "Leave soft_targets out, or set teacher=None."
        )
    hint = "one column for each label of y, in the order of np.unique(y)"
    return _check_probabilities(soft_targets, (len(codes), len(classes)), "soft_targets", hint)


def training_targets(soft_targets, codes, ratios, temperature):
    """Return soft targets as a training needs them, (n, k).

    Parameters
    ----------
    soft_targets : ndarray of shape (n, k)
        Probabilities where classes are as frequent as in the data.
    codes : ndarray of shape (n,)
        The numbers of the rows' labels.
    ratios : ndarray of shape (k,) or None
        How much more often the net meets the rows of each class; None for equally. Soft targets are
        moved to these frequencies, as the labels are, so that both teach the same.
    temperature : float
        By which their logits are divided.
    """
    if ratios is not None:
        soft_targets = _with_sum_1(soft_targets * ratios, codes)
    if temperature != 1:
        # Beside 1 for the largest, a power does not underflow as a whole.
        relative = soft_targets / soft_targets.max(axis=1, keepdims=True)
        soft_targets = _with_sum_1(relative ** (1 / temperature), codes)
    return soft_targets


def _ask(teacher, X, classes, codes):
    """Return the probabilities that a teacher gives each of the classes, (n, k)."""
    if not isinstance(teacher, FrozenEstimator):
        raise ValueError(
            f"Got teacher={type(teacher).__name__}(...), expected a frozen estimator: clone, and "
            "with it GridSearchCV, would forget what a bare one has learned. Use "
            "teacher=sklearn.frozen.FrozenEstimator(teacher)."
        )
    name = f"teacher=FrozenEstimator({type(teacher.estimator).__name__}(...))"
    known = getattr(teacher, "classes_", None)
    if not _is_fitted(teacher) or known is None or not hasattr(teacher, "predict_proba"):
        raise ValueError(
            f"Got {name}, expected a fitted classifier with predict_proba in it; fit it first."
        )
    try:
        _, columns = encode_labels(classes, known)
    except ValueError as error:
        raise ValueError(
            f"Got {name} for labels that it does not know: it has the classes "
            f"{plain_labels(known)}, and y those of {classes.tolist()}; expected a teacher "
            "that has learned all labels of y."
        ) from error
    expected = f"what its classes_ promise, {len(known)} probabilities a row"
    found = _check_probabilities(
        teacher.predict_proba(X), (len(codes), len(known)), f"predict_proba of {name}", expected
    )
    # In float32: of sums that a forest's threads make in another order each time, nothing is left.
    return _with_sum_1(found[:, columns].astype(np.float32).astype(float), codes)


def _is_fitted(teacher):
    try:
        check_is_fitted(teacher)
    except NotFittedError:
        return False
    return True


def _check_probabilities(given, shape, name, hint):
    """Return an array-like of a shape whose rows are probabilities as float64, of sum 1."""
    refuse_masked(given, name)
    found = np.asarray(given)
    if found.shape != shape:
        raise ValueError(f"Got {name} of shape {found.shape}, expected {shape}: {hint}.")
    shares = check_array(given, dtype=np.float64, input_name=name)
    sums = shares.sum(axis=1)
    wrong = (shares < 0).any(axis=1) | (abs(sums - 1) > sum_tolerance(found.dtype))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"Got {name} with {wrong.sum()} rows that are no probabilities, the first in row "
            f"{row}, of sum {sums[row]:.6g} and smallest number {shares[row].min():.6g}; expected "
            "numbers that are not negative, of sum 1. Logits become such by a softmax."
        )
    return shares / sums[:, None]


def _with_sum_1(shares, codes):
    """Return shares divided by their sum; where nothing is left of a row's, its label has all."""
    sums = shares.sum(axis=1)
    empty = np.flatnonzero(sums == 0)
    shares[empty, codes[empty]] = sums[empty] = 1
    return shares / sums[:, None]
