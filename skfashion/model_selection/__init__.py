"""Choosing a model: searches that make use of what a training has learned already.

How a training pauses and goes on is in ``fitting`` and ``training``.
"""

from skfashion.model_selection.epoch_halving import EpochHalvingSearchCV

__all__ = ["EpochHalvingSearchCV"]
