"""How an estimator is trained up to some epoch, and goes on from there in another process."""

from copy import copy

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, is_classifier
from sklearn.callback import CallbackSupportMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from skfashion.utils._sklearn import passed_on_callbacks
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
        More arguments of the method that :func:`training_method` names.
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
        stage = _Stage(last, {"until": until, "total": total, "paused": paused})
        estimator.steps[-1] = (name, stage)
        estimator.fit(X, y, **fit_params)
        estimator.steps[-1] = (name, stage.fitted_)
        return estimator, stage.paused_
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


def training_method(estimator):
    """Return which method's requests for metadata count where an estimator is trained by epochs."""
    has_fit = isinstance(estimator, Pipeline) or hasattr(estimator, "_fit_until")
    return "fit" if has_fit else "partial_fit"


def method_mapping(estimator):
    """Return which methods of an estimator are asked what they request when a search is fitted."""
    mapping = MethodMapping().add(caller="fit", callee="fit")
    if training_method(estimator) == "partial_fit":
        # Both are asked, as in scikit-learn's learning_curve.
        mapping.add(caller="fit", callee="partial_fit")
    return mapping


def routed_as(estimator):
    """Return an estimator that asks for the metadata which :func:`train_until` passes on."""
    if not isinstance(estimator, Pipeline):
        return estimator
    name, last = estimator.steps[-1]
    routed = copy(estimator)
    routed.steps = [*estimator.steps[:-1], (name, _Stage(last, {}))]
    return routed


class _Stage(CallbackSupportMixin, BaseEstimator):
    """Last step of a pipeline, whose ``fit`` trains an estimator up to an epoch."""

    def __init__(self, estimator, options):
        self.estimator = estimator
        self.options = options

    def get_metadata_routing(self):
        if training_method(self.estimator) == "fit":
            return routed_as(self.estimator).get_metadata_routing()
        mapping = method_mapping(self.estimator)
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        return self.estimator.__sklearn_tags__()

    def fit(self, X, y=None, **params):
        method = training_method(self.estimator)
        if method == "partial_fit" and get_config()["enable_metadata_routing"]:
            params = process_routing(self, "fit", **params).estimator.partial_fit
        with passed_on_callbacks(self, self.estimator):
            self.fitted_, self.paused_ = train_until(self.estimator, X, y, params, **self.options)
        return self
