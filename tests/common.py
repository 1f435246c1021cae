"""What several test files share: the public estimators, small nets, their weights."""

import inspect
import os

import pytest
import torch
from modules import Plain

import skfashion
from skfashion import ModuleClassifier, TimmClassifier, TorchvisionClassifier
from skfashion.classifiers.base import ImageClassifier

ESTIMATORS = [
    cls
    for _, cls in sorted(inspect.getmembers(skfashion, inspect.isclass))
    if issubclass(cls, ImageClassifier)
]


# Those without a deep network.
FAST = [cls for cls in ESTIMATORS if hasattr(cls, "hidden_layer_sizes")]

# Those whose networks are made for small images, and learn from a few hundred of them in seconds.
LEARNING = [cls for cls in ESTIMATORS if not hasattr(cls, "backbone")]


def kinds(classes, fast):
    """Return classes as parameters of a test: those that are not among `fast` are slow."""
    return [
        pytest.param(cls, id=cls.__name__, marks=() if cls in fast else pytest.mark.slow)
        for cls in classes
    ]


# Parameters of one class or another.
ARCHITECTURE = {"dropout", "conv_dropout", "activation", "kernel_size"}

# What makes each parameter of an architecture small; those that a class has not are left out.
SMALL = {
    "hidden_layer_sizes": (16,),
    "batch_norm": True,
    "channels": (4,),
    "width": 8,
    "depth": 1,
    "n_heads": 2,
    "n_stem_blocks": 1,
    "backbone": "mobilenet_v3_small",
    "module": Plain,
}
# Of timm's, which has names of its own: a network of a few layers, not downloaded.
TIMM = {"backbone": "test_efficientnet", "weights": None, "resize": None}


def sizes_of(cls):
    """Return those of `SMALL` that a class has, and means so: channels of a module are images'."""
    known = set(cls().get_params()) - ({"channels"} if cls is ModuleClassifier else set())
    sizes = SMALL | (TIMM if cls is TimmClassifier else {})
    return {name: value for name, value in sizes.items() if name in known}


def light(cls, **params):
    """Return an estimator that passes scikit-learn's checks in reasonable time.

    For as few epochs as pass with any seed, so that another processor's rounding changes nothing;
    of a deep network a tiny one. Among backbones "regnet_y_400mf" has more weights than that of
    `SMALL`, but learns in fewer epochs.
    """
    if cls in FAST:
        return cls(max_epochs=10, **params)
    tiny = sizes_of(cls)
    if cls is TorchvisionClassifier:
        tiny |= {"backbone": "regnet_y_400mf"}
    return cls(max_epochs=5 if "backbone" in tiny else 10, **tiny, **params)


def small(cls, **params):
    """Return an estimator of `cls` that trains in a tenth of a second.

    Parameters of an architecture that `cls` has not are left out.
    """
    defaults = {"max_epochs": 3, "batch_size": 32, "random_state": 0, "lr": 5e-3, **sizes_of(cls)}
    known = set(cls().get_params())
    for name in set(params) - set(defaults) - set(SMALL):
        assert name in known or name in ARCHITECTURE, name
    if cls is ModuleClassifier and isinstance(params.get("channels"), tuple):
        known -= {"channels"}  # of a convolutional net
    return cls(**{k: v for k, v in (defaults | params).items() if k in known})


class Trap:
    """A pickle that makes a folder when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def weights_of(estimator):
    """Return all weights and statistics of a fitted net as one float64 vector."""
    state = estimator.net_.module_.state_dict().values()
    return torch.cat([tensor.double().ravel() for tensor in state]).numpy()
