"""How an estimator is trained up to some epoch, and goes on from there in another process."""

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline

from skfashion.utils.pipelines import last_step


def train_until(estimator, X, y, fit_params, *, until, total, paused):
    """Train an estimator up to an epoch.

    Parameters
    ----------
    estimator : estimator
        One of this package's, one with ``partial_fit``, or a pipeline that ends with such a one.
        Its steps before the last are fitted anew each time, so they must draw nothing at random,
        or from a `random_state` that is an int.
    X, y : array-likes
        The same in every call.
    fit_params : dict
        More arguments of ``fit``, or of ``partial_fit``.
    until : int
        Epochs to be behind it at the end.
    total : int
        Epochs of the whole training, the length of its schedule.
    paused : object or None
        What the call before returned; None begins.

    Returns
    -------
    fitted : estimator
        Trained up to the epoch.
    paused : object
        What the rest of the training needs: bytes of a checkpoint, or, for an estimator with
        ``partial_fit``, which keeps everything in itself, the estimator and its epochs.
    """
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        keeper = _Keeper(last)
        estimator.steps[-1] = (name, keeper)
        estimator.fit(X, y, **fit_params)
        options = {"until": until, "total": total, "paused": paused}
        fitted, paused = train_until(last, keeper.X_, keeper.y_, keeper.params_, **options)
        estimator.steps[-1] = (name, fitted)
        return estimator, paused
    if hasattr(estimator, "_fit_until"):
        estimator.set_params(max_epochs=total)
        return estimator, estimator._fit_until(X, y, until=until, paused=paused, **fit_params)
    fitted, done = (estimator, 0) if paused is None else paused
    first = {"classes": np.unique(y)} if done == 0 and is_classifier(fitted) else {}
    for _ in range(done, until):
        fitted.partial_fit(X, y, **first, **fit_params)
        first = {}
    return fitted, (fitted, until)


def can_go_on(estimator):
    """Tell whether an estimator can be trained for some epochs and then for some more."""
    last = last_step(estimator)
    return hasattr(last, "_fit_until") or hasattr(last, "partial_fit")


def is_around_a_net(estimator):
    """Tell whether an estimator with ``partial_fit`` trains a classifier of this package inside."""
    last = last_step(estimator)
    inside = last.get_params().values()
    return not hasattr(last, "_fit_until") and any(hasattr(value, "_fit_until") for value in inside)


def epochs_of(estimator, n_rows):
    """Return how many epochs an estimator trains by itself on so many rows.

    Parameters
    ----------
    estimator : estimator
    n_rows : int
        Number of training rows.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it does not say.
    """
    last = last_step(estimator)
    if hasattr(last, "_fit_until"):
        return last._n_epochs(n_rows)
    # A placeholder in a pipeline, "passthrough", has no parameters.
    n_epochs = last.get_params().get("max_iter") if hasattr(last, "get_params") else None
    if n_epochs is None:
        raise ValueError(
            f"Got max_resources='auto' with a {type(last).__name__}, which has neither max_epochs "
            "nor max_iter; expected a number of epochs."
        )
    return n_epochs


def train_wholly(estimator, X, y, fit_params, *, total):
    """Train an estimator for all epochs, as its own ``fit`` does where it can.

    Parameters
    ----------
    estimator : estimator
        As in :func:`train_until`.
    X, y, fit_params
        As in :func:`train_until`.
    total : int
        Epochs.

    Returns
    -------
    estimator
        The same, fitted.
    """
    last = last_step(estimator)
    if hasattr(last, "_fit_until"):
        last.set_params(max_epochs=total)
        return estimator.fit(X, y, **fit_params)
    options = {"until": total, "total": total, "paused": None}
    return train_until(estimator, X, y, fit_params, **options)[0]


class _Keeper(BaseEstimator):
    """Last step of a pipeline that keeps what reaches it."""

    def __init__(self, estimator):
        self.estimator = estimator

    def get_metadata_routing(self):
        return self.estimator.get_metadata_routing()

    def __sklearn_tags__(self):
        return self.estimator.__sklearn_tags__()

    def fit(self, X, y=None, **params):
        self.X_, self.y_, self.params_ = X, y, params
        return self
