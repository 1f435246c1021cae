"""Network architectures: pure PyTorch, images ``(n, c, h, w)`` in, logits ``(n, k)`` out.

No loss, no training and nothing of scikit-learn.
"""

from skfashion.nets.attention import AttentionNet
from skfashion.nets.backbone import TorchvisionNet
from skfashion.nets.conv import ConvNet
from skfashion.nets.mlp import MLP
from skfashion.nets.module import ModuleNet
from skfashion.nets.residual import ResNet
from skfashion.nets.timm import TimmNet

__all__ = ["MLP", "AttentionNet", "ConvNet", "ModuleNet", "ResNet", "TimmNet", "TorchvisionNet"]
