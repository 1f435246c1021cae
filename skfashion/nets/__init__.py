"""Network architectures: pure PyTorch, images ``(n, c, h, w)`` in, logits ``(n, k)`` out."""

from skfashion.nets.conv import ConvNet
from skfashion.nets.mlp import MLP

__all__ = ["MLP", "ConvNet"]
