"""Choosing a model: searches that reuse what a training has already learned.

How a training pauses and continues is in ``fitting`` and ``training``.
"""

from skfashion.model_selection.epoch_halving import EpochHalvingSearchCV

__all__ = ["EpochHalvingSearchCV"]
