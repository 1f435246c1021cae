"""Real neural networks that behave like scikit-learn's own classifiers."""

from skfashion.attention import AttentionNetClassifier
from skfashion.augmentation import Augmentation
from skfashion.backbones import TorchvisionClassifier
from skfashion.conv import ConvNetClassifier
from skfashion.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
)
from skfashion.mlp import MLPNetClassifier
from skfashion.resnet import ResNetClassifier

__version__ = "0.1.0.dev0"

__all__ = [
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
]
