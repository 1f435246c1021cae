"""Classifiers that vote, fitted one after the other: whoever is fitted is kept on the disk.

A series that was stopped goes on with the next member, and a larger vote takes the members of a
smaller one, with the seconds that they took.
"""

import os
import time

from benchmarks import environment, results

KEPT = results.LOCAL / "members"


def fit(votes, X, y, folder=None):
    """Fit the members of a vote, or load those that were fitted before.

    Parameters
    ----------
    votes : sklearn.ensemble.VotingClassifier
        Unfitted; what it holds stays unfitted.
    X : ndarray, shape (n, d)
    y : ndarray, shape (n,)
    folder : pathlib.Path or None
        Where members are kept; None means ``KEPT``. A member is known by its parameters,
        ``random_state`` too, the data, skfashion's sources, the versions and the machine.

    Returns
    -------
    votes : sklearn.ensemble.VotingClassifier
        Fitted.
    seconds : float
        What the fits took together, those that were loaded included.
    """
    from sklearn.base import clone
    from sklearn.frozen import FrozenEstimator

    fitted, total = [], 0.0
    for name, member in votes.estimators:
        member, seconds = _fitted(clone(member), X, y, folder or KEPT)
        fitted.append((name, FrozenEstimator(member)))
        total += seconds
    return clone(votes).set_params(estimators=fitted).fit(X, y), total


def _fitted(member, X, y, folder):
    """Return a fitted member and the seconds of its fit."""
    import joblib

    from benchmarks import models

    known_by = [
        type(member).__name__,
        models.parameters(member),
        environment.code_hash(),
        environment.versions(),
        environment.machine(),
        joblib.cpu_count(),
        X,
        y,
    ]
    path = folder / f"{joblib.hash(known_by)}.joblib"
    if path.exists():
        return joblib.load(path)
    start = time.perf_counter()
    member.fit(X, y)
    seconds = time.perf_counter() - start
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    joblib.dump((member, seconds), temporary)
    os.replace(temporary, path)
    return member, seconds
