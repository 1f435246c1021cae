"""Several nets as one: snapshots of one training, and the mean of weights.

Votes and stacks are scikit-learn's own.
"""

from skfashion.ensemble.averaging import average_weights
from skfashion.ensemble.snapshots import SnapshotEnsembleClassifier

__all__ = ["SnapshotEnsembleClassifier", "average_weights"]
