"""Checks of arguments that both studies share; all are made before the first run."""

from collections.abc import Iterable
from numbers import Integral

import numpy as np
from sklearn.base import is_classifier


def check_estimators(estimators):
    """Refuse what is not a dict of unfitted classifiers.

    Raises
    ------
    TypeError
        If it is not.
    """
    if not isinstance(estimators, dict) or not estimators:
        raise TypeError(
            f"Got estimators={estimators!r}, expected a dict of names to unfitted classifiers. "
            "Write {'mlp': MLPNetClassifier()}, say."
        )
    for name, estimator in estimators.items():
        if isinstance(estimator, type):
            raise TypeError(
                f"Got the class {estimator.__name__} as estimator {name!r}, expected an instance. "
                f"Write {estimator.__name__}()."
            )
        if not hasattr(estimator, "fit") or not is_classifier(estimator):
            raise TypeError(
                f"Got {estimator!r} as estimator {name!r}, expected a classifier of scikit-learn's "
                "kind, or a pipeline that ends with one."
            )


def check_each_once(name, values, example):
    """Return values as a list; refuse what is no list, and what occurs twice.

    Parameters
    ----------
    name : str
        Of the parameter.
    values : object
    example : str
        What a list of them looks like.

    Raises
    ------
    TypeError
        If `values` is a single one.
    ValueError
        If there is none, or one twice.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"Got {name}={values!r}, expected a list. Write {name}={example}.")
    values = list(values)
    if not values:
        raise ValueError(
            f"Got no {name}, expected one at least. Without the parameter its default is taken."
        )
    as_text = [repr(np.asarray(value).tolist()) for value in values]
    if len(set(as_text)) < len(values):
        raise ValueError(f"Got {name}={values!r}, expected each of them once.")
    return values


def checked_seeds(seeds):
    """Return seeds as ints.

    Raises
    ------
    TypeError, ValueError
        If they are not ints from 0, at least one, each once.
    """
    example = f"range({seeds})" if isinstance(seeds, Integral) else "[0]"
    seeds = check_each_once("seeds", seeds, example)
    for seed in seeds:
        if not isinstance(seed, Integral) or isinstance(seed, bool | np.bool_) or seed < 0:
            raise ValueError(f"Got the seed {seed!r}, expected ints that are not negative.")
    return [int(seed) for seed in seeds]
