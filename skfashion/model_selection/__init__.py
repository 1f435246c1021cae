"""Choosing a model: searches that make use of what a training has learned already."""

from skfashion.model_selection.epoch_halving import EpochHalvingSearchCV

__all__ = ["EpochHalvingSearchCV"]
