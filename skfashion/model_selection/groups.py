"""Candidates whose networks have one shape, and how these are trained together."""

import pickle

import joblib
from sklearn import config_context
from sklearn.base import clone

from skfashion.model_selection.stepping import last_of
from skfashion.training import borrowed_threads, train_together

# Parameters in which networks of one shape, trained together, may differ.
NUMBERS = {"lr", "weight_decay", "label_smoothing", "momentum", "random_state"}


def in_groups(models, size):
    """Return the numbers of the models in groups of those that differ in numbers only.

    Parameters
    ----------
    models : list of (estimator, object)
        Unfitted, and the data that each is to be trained on.
    size : int
        Most models of a group.

    Returns
    -------
    list of list of int
    """
    if size == 1:
        return [[i] for i in range(len(models))]
    groups = {}
    for i, (model, data) in enumerate(models):
        # What is no net of this package stays alone.
        shape = _shape(model) if hasattr(last_of(model), "_fit_until") else None
        groups.setdefault(i if shape is None else (shape, data), []).append(i)
    return [g[i : i + size] for g in groups.values() for i in range(0, len(g), size)]


def _shape(model):
    """Return a name for all that models in a group have in common; None where there is none."""
    known = [name for name in model.get_params() if name.split("__")[-1] in NUMBERS]
    try:
        return joblib.hash(clone(model).set_params(**dict.fromkeys(known)))
    except (pickle.PicklingError, TypeError):
        return None  # with a function of a notebook's among its parameters


def call_together(model, calls):
    """Make calls that train nets of a group, which take their steps together.

    Parameters
    ----------
    model : estimator
        One of the group.
    calls : list of callable
        Without arguments.

    Returns
    -------
    list
        What they returned.
    """
    # The calls begin and end in any order, so what each of them sets for a while, and would put
    # back at a time when others compute, is set around all of them.
    with config_context(), borrowed_threads(last_of(model).n_threads):
        return train_together(calls)
