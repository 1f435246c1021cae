"""Fits that are timed, and votes: whoever has been fitted for one, and how long it took, is kept.

A series that was stopped goes on with the next member, a larger vote takes those of a smaller one.
"""

import pickle
import time

from benchmarks import environment, results

# Nobody else fits here: whoever wants all to be fitted again empties it.
KEPT = results.LOCAL / "members"


def timed_fit(estimator, X, y, folder=None):
    """Fit a classifier, or the members of a vote one after the other; return it and the seconds.

    A ``VotingClassifier`` needs soft votes and stays unfitted; its members are known by what they
    are before their fit, the data, skfashion's sources, the versions, the machine and the threads.
    """
    import torch
    from sklearn.base import clone
    from sklearn.ensemble import VotingClassifier
    from sklearn.frozen import FrozenEstimator

    if not isinstance(estimator, VotingClassifier):
        return _fit(estimator, X, y)
    if estimator.voting != "soft":  # hard votes are of labels that VotingClassifier has encoded
        raise ValueError(f"Got voting={estimator.voting!r}, expected 'soft'.")
    import joblib  # not above, where it would count as memory of any classifier

    from skfashion.utils import files, values

    here = [environment.code_hash(), environment.versions(), environment.machine()]
    folder, fitted, total = folder or KEPT, [], 0.0
    folder.mkdir(parents=True, exist_ok=True)
    files.sweep(folder)
    for name, member in estimator.estimators:
        member = clone(member)
        known_by = [member, X, y, *here, torch.get_num_threads()]
        path = folder / f"{joblib.hash(known_by)}.npz"
        if not path.exists():  # a pickle, in a file with checksums
            values.write_values(path, pickle.dumps(_fit(member, X, y)))
        member, seconds = pickle.loads(values.read_values(path))
        fitted.append((name, FrozenEstimator(member)))
        total += seconds
    return clone(estimator).set_params(estimators=fitted).fit(X, y), total


def _fit(estimator, X, y):
    start = time.perf_counter()
    estimator.fit(X, y)
    return estimator, time.perf_counter() - start
