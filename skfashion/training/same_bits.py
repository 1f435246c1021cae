"""Layers of somebody's module, told to give a row the same bits in any company.

The module's code may look at its layers, so that these keep all they have: another class computes.
Where a compiler has taken the module, its kernels decide, and layers compute as PyTorch's do.
"""

import copy

import torch
from torch import nn

from skfashion.training.activations import ROUNDED, InVectors
from skfashion.training.dense import PaddedLinear
from skfashion.training.folding import PaddedConv2d, convolved_by_onednn

# Whose classes are known not to compute anything else than their parents.
KNOWN = ("torch.nn", "skfashion.")


class SameBitsLinear(nn.Linear):
    """A linear layer, see :class:`PaddedLinear`."""

    def forward(self, input):
        """Return the values: ``(..., d) -> (..., m)``."""
        if torch.compiler.is_compiling():
            return super().forward(input)
        return PaddedLinear(self.weight, self.bias)(input)


class SameBitsConv2d(nn.Conv2d):
    """A convolution, see :func:`convolved_by_onednn` and :class:`PaddedConv2d`."""

    def forward(self, input):
        """Return the convolution: ``(n, c, h, w) -> (n, m, i, j)``."""
        if torch.compiler.is_compiling():
            return super().forward(input)
        if self.weight.dtype is torch.float64:
            return PaddedConv2d(self)(input)
        return convolved_by_onednn(self, super().forward, input)


def with_same_bits(module):
    """Return a copy of a network in evaluation mode, which shares the network's tensors.

    Of its layers, linear ones, convolutions and smooth activations of PyTorch's give a row the same
    bits in any company of a multiple of 16 rows.

    Parameters
    ----------
    module : Network
    """
    tensors = [*module.parameters(), *module.buffers()]
    own = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    for name, layer in list(own.named_modules()):
        if type(layer) is nn.Linear:
            layer.__class__ = SameBitsLinear
        elif type(layer) in ROUNDED:
            parent, _, child = name.rpartition(".")
            setattr(own.get_submodule(parent), child, InVectors(layer))
        elif _is_plain_convolution(layer):
            layer.__class__ = SameBitsConv2d
    return own.eval()


def _is_plain_convolution(layer):
    is_known = isinstance(layer, nn.Conv2d) and type(layer).__module__.startswith(KNOWN)
    return is_known and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
