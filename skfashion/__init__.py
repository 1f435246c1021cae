"""Real neural networks that behave like scikit-learn's own classifiers."""

from skfashion.classifiers.attention import AttentionNetClassifier
from skfashion.classifiers.conv import ConvNetClassifier
from skfashion.classifiers.mlp import MLPNetClassifier
from skfashion.classifiers.resnet import ResNetClassifier
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
    "ResNetClassifier",
    "TorchvisionClassifier",
    "load",
]
