"""Layers that every network of the package shares."""

import torch
from torch import nn
from torch.nn import functional

# Name -> layer class. The first four are scikit-learn's names (`MLPClassifier.activation`).
ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}

# Non-decreasing functions commute with a maximum, so these may follow a max-pool instead of
# preceding it: the same function on a quarter of the values.
MONOTONE_ACTIVATIONS = frozenset(ACTIVATIONS) - {"gelu", "silu"}


class Standardize(nn.Module):
    """Subtract a mean and divide by a deviation: one of each per channel, or per column of a table.

    Maps ``(n, c, h, w)`` of any real dtype to the same shape in the dtype of the buffers. Until
    :meth:`set_statistics` is called it only casts.

    Parameters
    ----------
    n_channels : int
        Number of channels ``c``.
    n_columns : int
        Width ``w`` of a table's rows, which have one channel; 1 means that all pixels of a channel
        have one mean.
    """

    def __init__(self, n_channels, n_columns=1):
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, n_channels, 1, n_columns))
        self.register_buffer("scale", torch.ones(1, n_channels, 1, n_columns))

    @property
    def is_by_column(self):
        """Whether columns of a table have means of their own."""
        return self.mean.shape[3] > 1

    def set_statistics(self, mean, scale):
        """Store the statistics: a number for each channel, or each column; `scale` positive."""
        for buffer, values in ((self.mean, mean), (self.scale, scale)):
            buffer.copy_(torch.as_tensor(values, dtype=torch.float64).view_as(buffer))

    def is_identity(self):
        """Tell whether the statistics are those of :meth:`set_statistics` never called."""
        return not self.mean.any() and bool((self.scale == 1).all())

    def forward(self, x):
        """Return the standardised images, same shape as `x`."""
        if x.dtype == self.mean.dtype:
            return (x - self.mean) / self.scale
        # The cast has made a copy that nobody else holds.
        return x.to(self.mean.dtype).sub_(self.mean).div_(self.scale)


class CosineHead(nn.Module):
    """`scale` times the cosines between features and weights: ``(n, d) -> (n, k)``.

    Parameters
    ----------
    in_features, out_features : int
        Numbers ``d`` and ``k``.
    scale : float
        The largest logit.

    References
    ----------
    Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss", NeurIPS
    2019, section 3.3.
    """

    def __init__(self, in_features, out_features, scale):
        super().__init__()
        self.in_features, self.out_features, self.scale = in_features, out_features, scale
        self.weight = nn.Parameter(torch.empty(out_features, in_features))

    def draw_weights(self, generator):
        """Draw the directions."""
        self.weight.uniform_(-1, 1, generator=generator)

    def forward(self, x):
        """Return the logits."""
        return self.scale * functional.linear(
            functional.normalize(x), functional.normalize(self.weight)
        )

    def as_layers(self):
        """Return layers that compute the same with the weights of now, the last one linear."""
        linear = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        linear.weight = nn.Parameter(self.scale * functional.normalize(self.weight.detach()))
        return nn.Sequential(_Normalize(), linear)


class _Normalize(nn.Module):
    """Divide each row by its length."""

    def forward(self, x):
        return functional.normalize(x)


class Dropout(nn.Module):
    """Zero each value with probability `p` while training, drawing from a generator of its own.

    ``torch.nn.Dropout`` draws from the process-wide generator, so that two fits in two threads
    would disturb each other. This layer draws from `generator`, which the trainer sets for the
    length of a training. Shapes and dtypes are preserved.

    Parameters
    ----------
    p : float in [0, 1)
        Probability that a value is dropped; the others are scaled by ``1 / (1 - p)``.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014.
    """

    def __init__(self, p):
        super().__init__()
        self.p = p
        self.generator = None

    def forward(self, x):
        """Return `x` with values dropped (training) or as it is (evaluation)."""
        if not self.training or self.p == 0:
            return x
        keep = 1 - self.p
        mask = torch.empty_like(x).bernoulli_(keep, generator=self.generator)
        return x * mask.div_(keep)

    def extra_repr(self):
        """Return the part of ``repr`` between the parentheses."""
        return f"p={self.p}"

    def __getstate__(self):
        # A generator belongs to a running training, never to a stored network.
        return {**super().__getstate__(), "generator": None}


class ChannelDropout(Dropout):
    """Zero whole channels with probability `p` while training: ``(n, c, ...) -> (n, c, ...)``.

    What ``torch.nn.Dropout2d`` and its like do, from a generator of its own, as :class:`Dropout`.

    Parameters
    ----------
    p : float in [0, 1)
        Probability that a channel of a row is dropped; the others are scaled by ``1 / (1 - p)``.

    References
    ----------
    Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
    """

    def forward(self, x):
        """Return `x` with channels dropped (training) or as it is (evaluation)."""
        if not self.training or self.p == 0:
            return x
        keep = 1 - self.p
        mask = x.new_empty(x.shape[:2] + (1,) * (x.ndim - 2))
        return x * mask.bernoulli_(keep, generator=self.generator).div_(keep)


class GroupedConv2d(nn.Conv2d):
    """A convolution in groups that the CPU computes in the type of its weights.

    Under autocast oneDNN computes it in bfloat16, and its gradient with respect to the weights then
    reads memory that nobody has written where images are as small as the filters (seen with
    PyTorch 2.14.1, groups of one channel, stride 2): now and then a weight is NaN.
    """

    def forward(self, x):
        """Return the convolution of `x`, (n, c, h, w)."""
        if x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.to(self.weight.dtype))


class StridedConv2d(nn.Conv2d):
    """A convolution that takes no steps along a side of one pixel.

    The result is the same where its padding keeps the size. With steps, oneDNN's bfloat16 gradient
    with respect to the weights reads memory that nobody has written (seen with PyTorch 2.14.1,
    images one pixel wide, steps of 2): now and then a weight is NaN.
    """

    def forward(self, x):
        """Return the convolution of `x`, (n, c, h, w)."""
        sides = zip(x.shape[2:], self.stride, strict=True)
        steps = tuple(1 if side == 1 else step for side, step in sides)
        padding, dilation, groups = self.padding, self.dilation, self.groups
        return functional.conv2d(x, self.weight, self.bias, steps, padding, dilation, groups)


class SameConv2d(GroupedConv2d):
    """A convolution that leaves of a side of ``p`` pixels ``ceil(p / step)``.

    As TensorFlow's padding "same" does: zeros continue the edges, the odd one at the lower
    right. Its own ``padding`` is 0.
    """

    def forward(self, x):
        """Return the convolution of `x`, (n, c, h, w)."""
        return super().forward(self._padding()(x))

    def as_layers(self):
        """Return layers that compute the same with the same weights, the last one a convolution."""
        sizes = self.kernel_size, self.stride, 0, self.dilation, self.groups
        plain = GroupedConv2d(
            self.in_channels, self.out_channels, *sizes, self.bias is not None, device="meta"
        )
        plain.weight, plain.bias = self.weight, self.bias
        return nn.Sequential(self._padding(), plain)

    def _padding(self):
        return SamePadding(self.kernel_size, self.stride, self.dilation)


class SamePadding(nn.Module):
    """Continue edges with zeros, so that a convolution leaves of ``p`` pixels ``ceil(p / step)``.

    Parameters
    ----------
    kernel_size, stride, dilation : tuple (vertical, horizontal)
        Those of the convolution.
    """

    def __init__(self, kernel_size, stride, dilation):
        super().__init__()
        self.sizes = kernel_size, stride, dilation

    def forward(self, x):
        """Return `x`, (n, c, h, w), with larger sides."""
        parts = []
        for side, kernel, step, dilation in zip(x.shape[2:], *self.sizes, strict=True):
            needed = (-(-side // step) - 1) * step + (kernel - 1) * dilation + 1
            lacking = max(0, needed - side)
            parts = [lacking // 2, lacking - lacking // 2, *parts]
        return functional.pad(x, parts) if any(parts) else x


class Resize(nn.Module):
    """Enlarge images, or shrink them, to squares by bilinear interpolation.

    Maps ``(n, c, h, w)`` to ``(n, c, side, side)``. Shrinking leaves out pixels (there is no
    antialiasing), since this is made to enlarge.

    Parameters
    ----------
    side : int
        Height and width of the result, in pixels.
    """

    def __init__(self, side):
        super().__init__()
        self.side = side

    def forward(self, x):
        """Return the images in their new size."""
        size = self.side, self.side
        return functional.interpolate(x, size, mode="bilinear", align_corners=False)

    def extra_repr(self):
        """Return the part of ``repr`` between the parentheses."""
        return f"side={self.side}"


class StochasticDepth(nn.Module):
    """Zero whole rows with probability `p` while training: ``(n, ...) -> (n, ...)``.

    Put behind the residual function of a block, it leaves the block out for these rows. It draws
    from a generator of its own, as :class:`Dropout` does.

    Parameters
    ----------
    p : float in [0, 1)
        Probability that a row is dropped; the others are scaled by ``1 / (1 - p)``.

    References
    ----------
    Huang et al., "Deep networks with stochastic depth", ECCV 2016.
    """

    def __init__(self, p):
        super().__init__()
        self.p = p
        self.generator = None

    def forward(self, x):
        """Return `x` with rows dropped (training) or as it is (evaluation)."""
        if not self.training or self.p == 0:
            return x
        keep = 1 - self.p
        mask = x.new_empty((len(x),) + (1,) * (x.ndim - 1))
        return x * mask.bernoulli_(keep, generator=self.generator).div_(keep)

    def extra_repr(self):
        """Return the part of ``repr`` between the parentheses."""
        return f"p={self.p}"

    def __getstate__(self):
        return {**super().__getstate__(), "generator": None}


def dense_block(n_in, n_out, *, activation, batch_norm, dropout):
    """Return the layers of a hidden layer, ``(n, n_in) -> (n, n_out)``, as a list."""
    layers = [nn.Linear(n_in, n_out, bias=not batch_norm)]
    if batch_norm:
        layers.append(nn.BatchNorm1d(n_out))
    layers.append(ACTIVATIONS[activation]())
    if dropout:
        layers.append(Dropout(dropout))
    return layers
