"""What a report refuses, in words."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfashion.utils.pipelines import last_step


def models_by_name(models):
    """Return models in a dict; a single one is named after its class.

    Parameters
    ----------
    models : estimator, or dict of str to estimator

    Raises
    ------
    ValueError
        If they are neither, or names are equal as text: one model would hide another.
    """
    if isinstance(models, list | tuple | set):
        raise ValueError(
            f"Got a {type(models).__name__} of models, expected a fitted classifier or a dict of "
            "names and fitted classifiers."
        )
    if not isinstance(models, dict):
        return {type(last_step(models)).__name__: models}
    texts = {str(name): model for name, model in models.items()}
    if len(texts) < len(models):
        raise ValueError(
            f"Got models named {list(models)}, some of which are equal as text; expected a name "
            "of its own for each."
        )
    return texts


def common_classes(models):
    """Return the classes that all models know.

    Parameters
    ----------
    models : dict of str to estimator

    Raises
    ------
    ValueError
        If there is no model, one is no classifier or has no probabilities, or models differ in
        their classes.
    sklearn.exceptions.NotFittedError
        If one is not fitted.
    """
    if not models:
        raise ValueError("Got no models, expected at least one.")
    for name, model in models.items():
        if isinstance(model, type) or not hasattr(model, "fit"):
            raise ValueError(f"Got {name}, a {type(model).__name__}, expected a fitted classifier.")
        check_is_fitted(model)
        if not hasattr(model, "predict_proba"):
            raise ValueError(
                f"Got {name}, a {type(model).__name__} without predict_proba, expected classifiers "
                "with probabilities; scikit-learn's CalibratedClassifierCV gives it some."
            )
    (first, *others) = models.items()
    for name, model in others:
        if not np.array_equal(model.classes_, first[1].classes_):
            raise ValueError(
                f"Got models of different classes: {first[0]} knows "
                f"{np.asarray(first[1].classes_).tolist()}, {name} "
                f"{np.asarray(model.classes_).tolist()}; expected equal ones."
            )
    return first[1].classes_
