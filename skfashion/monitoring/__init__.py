"""Whether what a classifier is asked about is still like what it was validated on.

A :class:`ReferenceProfile` keeps what validation data look like to a classifier, in a few
kilobytes; a :class:`DriftMonitor` compares with it what comes in, window by window. NumPy and SciPy
suffice, so that a service without PyTorch can use it; nothing here knows files or servers.
"""

from skfashion.monitoring.label_shift import shift_probabilities
from skfashion.monitoring.monitor import DriftMonitor
from skfashion.monitoring.profile import ReferenceProfile
from skfashion.monitoring.report import DriftReport

__all__ = ["DriftMonitor", "DriftReport", "ReferenceProfile", "shift_probabilities"]
