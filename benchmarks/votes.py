"""Fits that are timed, and votes: whoever has been fitted for one is kept on the disk.

A series that was stopped goes on with the next member, and a larger vote takes the members of a
smaller one, with the seconds that they took.
"""

import pickle
import time

import joblib

from benchmarks import environment, results
from skfashion.utils import files, values

# Nobody else fits here: whoever wants all to be fitted again empties it.
KEPT = results.LOCAL / "members"


def timed_fit(estimator, X, y, folder=None):
    """Fit a classifier, or the members of a vote one after the other; return it and the seconds.

    A ``VotingClassifier`` needs soft votes and stays unfitted; its members are loaded from `folder`
    if they were fitted before, with their seconds. They are known by what they are before their
    fit, the data, skfashion's sources, the versions, the machine and the threads.
    """
    import torch
    from sklearn.base import clone
    from sklearn.ensemble import VotingClassifier
    from sklearn.frozen import FrozenEstimator

    if not isinstance(estimator, VotingClassifier):
        return _fit(estimator, X, y)
    if estimator.voting != "soft":  # hard votes are of labels that VotingClassifier has encoded
        raise ValueError(f"Got voting={estimator.voting!r}, expected 'soft'.")
    here = [environment.code_hash(), environment.versions(), environment.machine()]
    fitted, total = [], 0.0
    for name, member in estimator.estimators:
        here_now = [*here, torch.get_num_threads()]
        member, seconds = _kept_fit(folder or KEPT, clone(member), X, y, here_now)
        fitted.append((name, FrozenEstimator(member)))
        total += seconds
    return clone(estimator).set_params(estimators=fitted).fit(X, y), total


def _kept_fit(folder, *known_by):
    """Return what `_fit` does, and keep it: a pickle in a file with checksums; damaged, anew."""
    folder.mkdir(parents=True, exist_ok=True)
    files.sweep(folder)
    path = folder / f"{joblib.hash(known_by)}.npz"
    try:
        return pickle.loads(values.read_values(path))
    except (FileNotFoundError, ValueError):
        fitted = _fit(*known_by[:3])
        values.write_values(path, pickle.dumps(fitted))
        return fitted


def _fit(estimator, X, y):
    start = time.perf_counter()
    estimator.fit(X, y)
    return estimator, time.perf_counter() - start
