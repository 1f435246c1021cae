"""Fits that are timed, and votes: whoever has been fitted for one is kept on the disk.

A series that was stopped goes on with the next member, and a larger vote takes the members of a
smaller one, with the seconds that they took.
"""

import os
import time

from benchmarks import environment, results

# Nobody else fits here: whoever wants all to be fitted again empties it.
KEPT = results.LOCAL / "members"


def timed_fit(estimator, X, y, folder=None):
    """Fit a classifier, or the members of a vote one after the other.

    A ``VotingClassifier`` needs soft votes and stays unfitted; its members are loaded from `folder`
    if they were fitted before, and are known by what they are before their fit, ``random_state``
    included, the data, skfashion's sources, the versions, the machine and the threads.

    Returns
    -------
    estimator : scikit-learn classifier
        Fitted.
    seconds : float
        What the fits took together, those that were loaded included.
    """
    from sklearn.base import clone
    from sklearn.ensemble import VotingClassifier
    from sklearn.frozen import FrozenEstimator

    if not isinstance(estimator, VotingClassifier):
        start = time.perf_counter()
        estimator.fit(X, y)
        return estimator, time.perf_counter() - start
    if estimator.voting != "soft":  # hard votes are of labels that VotingClassifier has encoded
        raise ValueError(f"Got voting={estimator.voting!r}, expected 'soft'.")
    fitted, total = [], 0.0
    for name, member in estimator.estimators:
        member, seconds = _fitted_member(clone(member), X, y, folder or KEPT)
        fitted.append((name, FrozenEstimator(member)))
        total += seconds
    return clone(estimator).set_params(estimators=fitted).fit(X, y), total


def _fitted_member(member, X, y, folder):
    """Return a fitted member and the seconds of its fit."""
    import joblib
    import torch

    circumstances = [environment.code_hash(), environment.versions(), environment.machine()]
    known_by = joblib.hash([member, X, y, *circumstances, torch.get_num_threads()])
    path = folder / f"{known_by}.joblib"
    if path.exists():
        return joblib.load(path)
    member, seconds = timed_fit(member, X, y)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    joblib.dump((member, seconds), temporary)
    os.replace(temporary, path)
    return member, seconds
