"""A copy of a network that predicts the same, fast and with the same bits in any company."""

import copy
from itertools import chain

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from skfashion.training._torch import onednn_convolution
from skfashion.training.activations import ROUNDED, InVectors
from skfashion.training.arithmetic import filling
from skfashion.training.batch_norm import batch_norms
from skfashion.training.dense import ROWS, DenseForward, PaddedLinear, dense_layers

# Of the matrices of attention: tokens and their values are filled up to multiples of this number.
ALIGNMENT = 4

FOLDED = {
    (nn.Conv2d, nn.BatchNorm2d): fuse_conv_bn_eval,
    (nn.Linear, nn.BatchNorm1d): fuse_linear_bn_eval,
}
# Where rows have the same bits in any company.
PADDED = FOLDED | {
    (nn.Linear, nn.BatchNorm1d): lambda layer, norm: PaddedLinear(layer.weight, layer.bias, norm),
}


def fold_batch_norm(module):
    """Return a module that computes the same in evaluation mode, without batch norm layers.

    A batch norm that follows a convolution or linear layer in a sequence is merged into it.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode; returned as it is where there is nothing to fold, or its code may look
        at these layers.
    """
    if not getattr(module, "may_be_rebuilt", True) or not batch_norms(module):
        return module
    folded = copy.deepcopy(module)
    _fold(folded, FOLDED)
    return folded.eval()


@torch.no_grad()
def _fold(module, folds):
    """Replace pairs of layers in a module's sequences, in place."""
    for sequence in [part for part in module.modules() if isinstance(part, nn.Sequential)]:
        layers = list(sequence)
        for i in range(len(layers) - 1, 0, -1):
            pair = layers[i - 1], layers[i]
            fold = next(
                (f for types, f in folds.items() if all(map(isinstance, pair, types))), None
            )
            if not all(map(_is_known, pair)):
                continue
            if fold is not None:
                layers[i - 1 : i + 1] = [fold(*pair)]
        del sequence[:]
        sequence.extend(layers)


def _is_known(layer):
    """Tell whether a layer computes what its base class in PyTorch does.

    Other libraries' may do more: batch norm and an activation in one, or filters that are scaled.
    """
    return type(layer).__module__.partition(".")[0] in ("torch", "skfashion")


def for_predictions(module, *, pads):
    """Return what computes ``forward`` and ``transform`` of a network in evaluation mode.

    Batch norm is folded into the layers before it, and a multilayer perceptron's layers are written
    out.

    Parameters
    ----------
    module : Network
        In evaluation mode.
    pads : bool
        Whether a row has the same bits in any company of a multiple of
        ``inference_rows_multiple`` rows.

    Returns
    -------
    function : Network or DenseForward
    copied : list of tensors
        Those of the network that it does not read anew each time.
    """
    tensors = [*module.parameters(), *module.buffers()]
    # All but the tensors, which stay those of the network.
    own = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    _fold(own, PADDED if pads else FOLDED)
    if pads:
        for layer in own.modules():
            if hasattr(layer, "alignment"):
                layer.alignment = filling(ALIGNMENT)
        _replace(own, _padded)
    read = {id(tensor) for tensor in chain(own.parameters(), own.buffers())}
    copied = [tensor for tensor in tensors if id(tensor) not in read]
    layers = dense_layers(own)
    if layers is not None:
        return DenseForward(own, layers), copied
    if pads:
        _replace(own, _in_vectors)
    return own.eval(), copied


@torch.no_grad()
def _replace(module, other_of):
    """Replace a module's layers by what a function makes of them, but for None, in place."""
    for name, layer in list(module.named_modules()):
        other = other_of(layer)
        if other is not None:
            parent, _, child = name.rpartition(".")
            setattr(module.get_submodule(parent), child, other)


def convolved_by_onednn(layer, forward, images):
    """Return a float32 convolution that gives an image the same bits in any company.

    PyTorch takes another kernel for a small image that is alone, and for a filter of a single pixel
    and one thread. Here oneDNN's is always taken; where it is not offered, two images at least, by
    what the layer itself computes: `forward`.
    """
    convolve = onednn_convolution()
    if convolve is None:
        padded = functional.pad(images, (0, 0, 0, 0, 0, 0, 0, len(images) % 2))
        return forward(padded)[: len(images)]
    sizes = layer.padding, layer.stride, layer.dilation, layer.groups
    return convolve(images, layer.weight, layer.bias, *sizes)


class OneDNNConv2d(nn.Module):
    """A convolution by :func:`convolved_by_onednn`.

    Parameters
    ----------
    layer : torch.nn.Conv2d
    """

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        """Return the convolution: ``(n, c, h, w) -> (n, m, i, j)``."""
        return convolved_by_onednn(self.layer, self.layer, x)


class PaddedConv2d(nn.Module):
    """A float64 convolution that gives an image the same bits in any company.

    PyTorch computes it image by image, with bits that depend on where in memory an image begins.
    Here patches are rows of a product, see :class:`PaddedLinear`.

    Parameters
    ----------
    layer : torch.nn.Conv2d
        Which continues edges with zeros.
    """

    def __init__(self, layer):
        super().__init__()
        self.size = {name: getattr(layer, name) for name in ("kernel_size", "dilation", "stride")}
        self.padding = _padding(layer)
        biases = [None] * layer.groups if layer.bias is None else layer.bias.chunk(layer.groups)
        filters = layer.weight.flatten(1).chunk(layer.groups)
        self.products = nn.ModuleList(map(PaddedLinear, filters, biases))

    def forward(self, x):
        """Return the convolution: ``(n, c, h, w) -> (n, m, i, j)``."""
        # Patches have several times the size of images.
        return torch.cat([self._forward(four) for four in x.split(ROWS)])

    def _forward(self, x):
        x = functional.pad(x, self.padding)
        sides = [
            (side - dilation * (kernel - 1) - 1) // step + 1
            for side, kernel, dilation, step in zip(x.shape[2:], *self.size.values(), strict=True)
        ]
        patches = functional.unfold(x, **self.size).transpose(1, 2).chunk(len(self.products), 2)
        pairs = zip(self.products, patches, strict=True)
        maps = torch.cat([product(part.contiguous()) for product, part in pairs], 2)
        return maps.transpose(1, 2).unflatten(2, sides).contiguous()


def _padding(layer):
    """Return a convolution's padding on the left, right, top and bottom."""
    if layer.padding == "same":
        sums = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        pairs = [(total // 2, total - total // 2) for total in sums]
    else:
        pairs = [(0, 0) if layer.padding == "valid" else (side, side) for side in layer.padding]
    return tuple(side for pair in reversed(pairs) for side in pair)


def _padded(layer):
    """Return what computes a layer with the same bits in any company, None where it does so."""
    if hasattr(layer, "as_layers"):
        *others, linear = layer.as_layers()
        return nn.Sequential(*others, _padded(linear))
    if type(layer) is nn.Linear:
        return PaddedLinear(layer.weight, layer.bias)
    is_convolution = isinstance(layer, nn.Conv2d) and _is_known(layer)
    if not is_convolution or layer.padding_mode != "zeros":
        return None
    if layer.weight.dtype is torch.float64:
        return PaddedConv2d(layer)
    return None if isinstance(layer.padding, str) else OneDNNConv2d(layer)


def _in_vectors(layer):
    """Return what computes an activation with the same bits in any company, None for others."""
    return InVectors(layer) if type(layer) in ROUNDED else None
