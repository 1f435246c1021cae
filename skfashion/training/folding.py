"""A copy of a network that predicts the same, fast and with the same bits in any company."""

import copy

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from skfashion.training.arithmetic import filling
from skfashion.training.batch_norm import batch_norms
from skfashion.training.dense import DenseForward, dense_layers, pad_columns

# To a multiple of so many rows those of a product are filled up where that has been tried, and
# images are taken at a time.
ROWS = 4
# Of the matrices of attention: tokens and their values are filled up to multiples of this number.
ALIGNMENT = 4

FOLDED = {
    (nn.Conv2d, nn.BatchNorm2d): fuse_conv_bn_eval,
    (nn.Linear, nn.BatchNorm1d): fuse_linear_bn_eval,
}


def fold_batch_norm(module):
    """Return a module that computes the same in evaluation mode, without batch norm layers.

    A batch norm that follows a convolution or linear layer in a sequence is merged into it.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode; returned as it is where there is nothing to fold.
    """
    if not batch_norms(module):
        return module
    with torch.no_grad():
        folded = copy.deepcopy(module)
        for sequence in list(folded.modules()):
            if isinstance(sequence, nn.Sequential):
                layers = _fold(list(sequence))
                del sequence[:]
                sequence.extend(layers)
    return folded.eval()


def _fold(layers):
    for i in range(len(layers) - 1, 0, -1):
        pair = layers[i - 1], layers[i]
        fold = next((f for types, f in FOLDED.items() if all(map(isinstance, pair, types))), None)
        if fold is not None:
            layers[i - 1 : i + 1] = [fold(layers[i - 1], layers[i])]
    return layers


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
    every = [*module.parameters(), *module.buffers()]
    folded = fold_batch_norm(module)
    layers = dense_layers(folded)
    if layers is not None:
        written = DenseForward(folded, layers, pads=pads)
        return written, written.copied if folded is module else every
    if not pads:
        return folded, [] if folded is module else every
    padded = copy.deepcopy(module) if folded is module else folded
    for name, layer in list(padded.named_modules()):
        if hasattr(layer, "alignment"):
            layer.alignment = filling(ALIGNMENT)
        other = _padded(layer)
        if other is not None:
            parent, _, child = name.rpartition(".")
            setattr(padded.get_submodule(parent), child, other)
    return padded.eval(), every


class PaddedLinear(nn.Module):
    """A linear layer that gives a row the same bits in any company.

    MKL's products of at least four rows do so, in float32 and in float64, where the second matrix
    lies in memory row by row and has a multiple of four columns (on AMD's processors, seen with
    PyTorch 2.14.1). On others, rows and columns are filled up to more.

    Parameters
    ----------
    weight : tensor (m, d)
    bias : tensor (m,) or None
    """

    def __init__(self, weight, bias=None):
        super().__init__()
        self.weight, self.bias = pad_columns(weight, bias)
        self.out_features = len(weight)

    def forward(self, x):
        """Return the products: ``(..., d) -> (..., m)``."""
        rows = x.flatten(0, -2)
        padded = functional.pad(rows, (0, 0, 0, -len(rows) % filling(ROWS)))
        products = torch.addmm(self.bias, padded, self.weight)[: len(rows), : self.out_features]
        return products.unflatten(0, x.shape[:-1])


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
    if isinstance(layer, nn.Conv2d) and layer.weight.dtype is torch.float64:
        return PaddedConv2d(layer) if layer.padding_mode == "zeros" else None
    return None
