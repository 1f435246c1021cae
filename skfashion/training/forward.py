"""The logits of a training: a network's first layers computed in ways that its modules cannot know.

In training, batch norm needs the mean and the variance of all that the convolution before it
returns. Where that is the first layer, both follow from the means and covariances of its patches,
a dozen pixels instead of dozens of channels: batch norm becomes a factor of the filters, which the
images pass once instead of five times, and its gradient one with respect to filters.
"""

from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from skfashion.training._torch import has_backward_hooks, has_forward_hooks, has_global_hooks
from skfashion.training.pooling import POOLING


def training_forward(module):
    """Return what computes a network's logits in training mode.

    Parameters
    ----------
    module : torch.nn.Module
        With ``standardize``, ``features`` (a sequence of layers) and ``head``.

    Returns
    -------
    forward : callable
        ``(n, c, h, w) -> (n, k)``: the network itself where there is nothing that could be computed
        in another way.
    pools : list of torch.nn.MaxPool2d
        Those of the network that `pooled_by_kernels` is for.
    """
    features = getattr(module, "features", None)
    is_known = (
        getattr(module, "may_be_rebuilt", False)
        and module.has_plain_forward
        and "transform" not in vars(module)
        and type(features) is nn.Sequential
    )
    if not is_known or has_global_hooks() or _is_heard(module) or _is_heard(features):
        return module, _pools(module)
    layers, others = list(features), []
    if len(layers) > 1 and _is_normalized(*layers[:2]):
        others.append(NormalizedConv(*layers[:2]))
        del layers[:2]
    while layers:
        layer = layers.pop(0)
        if _is_pool(layer) and not _is_heard(layer):
            rectifies = bool(layers) and type(layers[0]) is nn.ReLU and not _is_heard(layers[0])
            layer = _RectifiedPool(layer, layers.pop(0) if rectifies else None)
        others.append(layer)
    if not any(isinstance(layer, (NormalizedConv, _RectifiedPool)) for layer in others):
        return module, _pools(module)

    def forward(images):
        x = module.standardize(images)
        for layer in others:
            x = layer(x)
        return module.head(x)

    return forward, []


def _pools(module):
    return [layer for layer in module.modules() if _is_pool(layer)]


@contextmanager
def pooled_by_kernels(layers):
    """Let max-pools of a module compute by kernels for a while, if that is worth it by now.

    They are of another class meanwhile, so that files and others' code find PyTorch's afterwards;
    hooks on them are called. What is computed twice is computed in one way.
    """
    cls = _KernelMaxPool2d if layers and POOLING.is_worth_it() else _CountedMaxPool2d
    try:
        for layer in layers:
            layer.__class__ = cls
        yield
    finally:
        for layer in layers:
            layer.__class__ = nn.MaxPool2d


def _is_heard(layer):
    """Tell whether somebody has put a hook on a layer, or given it another method."""
    return has_forward_hooks(layer) or has_backward_hooks(layer) or "forward" in vars(layer)


def _is_pool(layer):
    return (
        type(layer) is nn.MaxPool2d
        and layer.kernel_size in (2, (2, 2))
        and layer.stride in (2, (2, 2))
        and layer.padding in (0, (0, 0))
        and layer.dilation in (1, (1, 1))
        and not layer.ceil_mode
        and not layer.return_indices
        and "forward" not in vars(layer)
    )


def _is_normalized(conv, norm):
    """Tell whether batch norm follows a convolution whose patches are small beside its result."""
    return (
        type(conv) is nn.Conv2d
        and type(norm) is nn.BatchNorm2d
        and conv.bias is None
        and conv.groups == 1
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and conv.dilation == (1, 1)
        and norm.affine
        and norm.track_running_stats
        # A GPU takes longer to start so many small computations than for the batch norm.
        and conv.weight.device.type == "cpu"
        and conv.weight[0].numel() <= conv.out_channels
        and not _is_heard(conv)
        and not _is_heard(norm)
    )


class NormalizedConv:
    """A convolution of images, which need no gradient, and the batch norm behind it, as one.

    The same numbers up to rounding; those of a convolution in 16 bits, and its gradient above all,
    are rounded once instead of three times.

    Parameters
    ----------
    conv : torch.nn.Conv2d
        Without a bias, which would change nothing.
    norm : torch.nn.BatchNorm2d
        Whose running statistics are updated.
    """

    def __init__(self, conv, norm):
        self._conv, self._norm = conv, norm

    def __call__(self, images):
        """Return the normalised images ``(n, c, h, w) -> (n, m, i, j)``."""
        conv, norm = self._conv, self._norm
        # A single row is normalised by the running statistics.
        if not norm.training or images.requires_grad:
            return norm(conv(images))
        with torch.autocast(images.device.type, enabled=False):
            weight, bias = self._folded(images)
        return functional.conv2d(images, weight, bias, conv.stride, conv.padding)

    def _folded(self, images):
        """Return the filters and biases of the convolution with batch norm in it."""
        conv, norm = self._conv, self._norm
        means, covariances, n_values = moments(images, conv.kernel_size, conv.stride, conv.padding)
        filters = conv.weight.flatten(1)
        mean = filters @ means
        variance = ((filters @ covariances) * filters).sum(1).clamp(min=0)
        scale = norm.weight * (variance + norm.eps).rsqrt()
        self._remember(mean.detach(), variance.detach(), n_values)
        return conv.weight * scale[:, None, None, None], norm.bias - scale * mean

    @torch.no_grad()
    def _remember(self, mean, variance, n_values):
        """Update the running statistics as batch norm does."""
        norm = self._norm
        norm.num_batches_tracked += 1
        share = norm.momentum
        if share is None:
            share = 1 / float(norm.num_batches_tracked)
        norm.running_mean.lerp_(mean, share)
        norm.running_var.lerp_(variance * (n_values / max(1, n_values - 1)), share)


@torch.no_grad()
def moments(images, kernel_size, stride, padding):
    """Return means and covariances of a convolution's patches, and how many patches there are.

    Parameters
    ----------
    images : tensor (n, c, h, w)
    kernel_size, stride, padding : pair of int
        Of the convolution; what is added to an edge is zero.

    Returns
    -------
    means : tensor (d,), d = c * kernel_size[0] * kernel_size[1]
    covariances : tensor (d, d)
        Divided by the number of patches.
    n_patches : int
    """
    (down, right), (below, beside) = kernel_size, stride
    images = functional.pad(images, (padding[1], padding[1], padding[0], padding[0]))
    height, width = images.shape[2] - down + 1, images.shape[3] - right + 1
    patches = torch.stack(
        [
            channel[:, i : i + height : below, j : j + width : beside]
            for channel in images.unbind(1)
            for i in range(down)
            for j in range(right)
        ]
    ).flatten(1)
    means = patches.mean(1)
    # Before the products: a mean may be much larger than what varies.
    patches.sub_(means[:, None])
    return means, patches @ patches.t() / patches.shape[1], patches.shape[1]


class _RectifiedPool:
    """A max-pool of 2 x 2 pixels, and ReLU if it follows, by a kernel where there is one."""

    def __init__(self, layer, relu):
        self._layer, self._relu = layer, relu

    def __call__(self, images):
        pooled = POOLING(images, rectifies=self._relu is not None)
        if pooled is not None:
            return pooled
        pooled = self._layer(images)
        return pooled if self._relu is None else self._relu(pooled)


class _KernelMaxPool2d(nn.MaxPool2d):
    """A max-pool of 2 x 2 pixels by a kernel."""

    def forward(self, input):
        # Compiled code cannot call the kernel.
        pooled = None if torch.compiler.is_compiling() else POOLING(input)
        return super().forward(input) if pooled is None else pooled


class _CountedMaxPool2d(nn.MaxPool2d):
    """PyTorch's max-pool, which counts what a kernel would compute."""

    def forward(self, input):
        if not torch.compiler.is_compiling():
            POOLING.count(input)
        return super().forward(input)
