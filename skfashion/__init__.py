"""Real neural networks that behave like scikit-learn's own classifiers.

Its names are imported on first use: a service for an exported file needs no PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# For editors and type checkers, which read names without running anything.
if TYPE_CHECKING:
    from skfashion.classifiers.attention import AttentionNetClassifier
    from skfashion.classifiers.conv import ConvNetClassifier
    from skfashion.classifiers.mlp import MLPNetClassifier
    from skfashion.classifiers.module import ModuleClassifier
    from skfashion.classifiers.resnet import ResNetClassifier
    from skfashion.classifiers.timm import TimmClassifier
    from skfashion.classifiers.torchvision import TorchvisionClassifier
    from skfashion.parameters.augmentation import Augmentation
    from skfashion.parameters.losses import (
        BalancedSoftmaxLoss,
        ClassBalancedLoss,
        FocalLoss,
        LDAMLoss,
        LogitAdjustedLoss,
    )
    from skfashion.persistence import TRUSTED_TYPES, load

__version__ = "0.1.0.dev0"

__all__ = [
    "TRUSTED_TYPES",
    "AttentionNetClassifier",
    "Augmentation",
    "BalancedSoftmaxLoss",
    "ClassBalancedLoss",
    "ConvNetClassifier",
    "FocalLoss",
    "LDAMLoss",
    "LogitAdjustedLoss",
    "MLPNetClassifier",
    "ModuleClassifier",
    "ResNetClassifier",
    "TimmClassifier",
    "TorchvisionClassifier",
    "load",
]

# Where each name is at home.
_HOMES = {
    "TRUSTED_TYPES": "persistence",
    "AttentionNetClassifier": "classifiers.attention",
    "Augmentation": "parameters.augmentation",
    "BalancedSoftmaxLoss": "parameters.losses",
    "ClassBalancedLoss": "parameters.losses",
    "ConvNetClassifier": "classifiers.conv",
    "FocalLoss": "parameters.losses",
    "LDAMLoss": "parameters.losses",
    "LogitAdjustedLoss": "parameters.losses",
    "MLPNetClassifier": "classifiers.mlp",
    "ModuleClassifier": "classifiers.module",
    "ResNetClassifier": "classifiers.resnet",
    "TimmClassifier": "classifiers.timm",
    "TorchvisionClassifier": "classifiers.torchvision",
    "load": "persistence",
}
# Modules that `import skfashion` alone makes reachable, as scikit-learn does.
_MODULES = (
    "adaptation",
    "classifiers",
    "datasets",
    "ensemble",
    "exceptions",
    "export",
    "inspection",
    "model_selection",
    "parameters",
    "persistence",
    "preprocessing",
    "serving",
    "studies",
)


def __getattr__(name):
    if name in _HOMES:
        found = getattr(import_module(f"skfashion.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    if name in _MODULES:
        return import_module(f"skfashion.{name}")
    raise AttributeError(f"module 'skfashion' has no attribute {name!r}", name=name, obj=None)


def __dir__():
    return sorted({*globals(), *__all__, *_MODULES})
