"""Whether the rows that a classifier predicts are still like its validation data.

A :class:`ReferenceProfile` keeps what validation data look like to a classifier, in a few
kilobytes; a :class:`DriftMonitor` compares incoming rows with it, window by window. It only needs
NumPy and SciPy, so a service without PyTorch can use it; nothing here knows files or servers.
"""

from skfashion.monitoring.label_shift import shift_probabilities
from skfashion.monitoring.monitor import DriftMonitor
from skfashion.monitoring.profile import ReferenceProfile
from skfashion.monitoring.report import DriftReport

__all__ = ["DriftMonitor", "DriftReport", "ReferenceProfile", "shift_probabilities"]
