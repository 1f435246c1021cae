"""Several nets as one: snapshots of one training, and means of weights.

Voting and stacking are scikit-learn's.
"""

from skfashion.ensemble.averaging import average_weights
from skfashion.ensemble.snapshots import SnapshotEnsembleClassifier

__all__ = ["SnapshotEnsembleClassifier", "average_weights"]
