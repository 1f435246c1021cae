"""Layers of the package's own in the places of PyTorch's, in somebody's module."""

import torch
from torch import nn

from skfashion.nets.copying import copy_of
from skfashion.nets.layers import (
    ChannelDropout,
    Dropout,
    GroupedConv2d,
    StochasticDepth,
    StridedConv2d,
)

# Layers of the package's own that draw.
NOISE = (Dropout, ChannelDropout, StochasticDepth)
# Those of PyTorch's whose place they take.
CHANNEL_DROPOUTS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def copy_for_trial(module):
    """Return a copy whose own random layers do not draw from the process-wide generator."""
    copied = copy_of(module)
    generator = torch.Generator().manual_seed(0)
    for layer in copied.modules():
        if isinstance(layer, NOISE):
            layer.generator = generator
    return copied


def use_own_layers(module):
    """Put layers of the package's own where PyTorch's draw from elsewhere, or go wrong."""
    others = {}
    # A layer that has two places stays one.
    for name, layer in list(module.named_modules(remove_duplicate=False)):
        if type(layer) is nn.Conv2d and layer.padding_mode == "zeros":
            if layer.groups > 1:
                layer.__class__ = GroupedConv2d
            elif max(layer.stride) > 1 and _keeps_size(layer):
                layer.__class__ = StridedConv2d
            continue
        if layer not in others:
            others[layer] = _own_noise(layer)
        if others[layer] is not None:
            parent, _, child = name.rpartition(".")
            setattr(module.get_submodule(parent), child, others[layer].train(layer.training))


def _own_noise(layer):
    """Return the package's own layer that drops what a layer drops, None where there is none."""
    if type(layer) is nn.Dropout and layer.p < 1:
        return Dropout(layer.p)
    if type(layer) in CHANNEL_DROPOUTS and layer.p < 1:
        return ChannelDropout(layer.p)
    if type(layer).__name__ == "StochasticDepth" and getattr(layer, "mode", "") == "row":
        return StochasticDepth(layer.p)
    return None


def _keeps_size(layer):
    """Tell whether a convolution without steps would return images of the size that it gets."""
    if isinstance(layer.padding, str):
        return False
    sides = zip(layer.padding, layer.dilation, layer.kernel_size, strict=True)
    return all(2 * padding == dilation * (kernel - 1) for padding, dilation, kernel in sides)
