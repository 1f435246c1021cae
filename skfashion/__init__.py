"""Real neural networks that behave like scikit-learn's own classifiers."""

from skfashion.conv import ConvNetClassifier
from skfashion.mlp import MLPNetClassifier

__version__ = "0.1.0.dev0"

__all__ = ["ConvNetClassifier", "MLPNetClassifier"]
