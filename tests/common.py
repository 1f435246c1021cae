"""What several test files share: the public estimators, small nets, their weights."""

import inspect

import torch

import skfashion
from skfashion.base import ImageClassifier

ESTIMATORS = [
    cls
    for _, cls in sorted(inspect.getmembers(skfashion, inspect.isclass))
    if issubclass(cls, ImageClassifier)
]


def small(cls, **params):
    """Return an estimator of `cls` that trains in a tenth of a second."""
    defaults = {"max_epochs": 3, "batch_size": 32, "random_state": 0, "hidden_layer_sizes": (16,)}
    # What a tiny net needs to learn something in a few steps.
    defaults |= {"lr": 5e-3, "batch_norm": True}
    if "channels" in cls().get_params():
        defaults["channels"] = (4,)
    return cls(**(defaults | params))


def weights_of(estimator):
    """Return all weights and statistics of a fitted net as one float64 vector."""
    state = estimator.net_.module_.state_dict().values()
    return torch.cat([tensor.double().ravel() for tensor in state]).numpy()
