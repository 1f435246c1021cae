"""Residual networks for small images."""

from torch import nn

from skfashion.nets.layers import Dropout, GroupedConv2d, StochasticDepth
from skfashion.nets.network import Network

# Neurons of a squeeze-and-excitation layer, as a share of the channels (Hu et al. use a 16th of
# networks many times as wide).
SQUEEZE = 1 / 4

# Channels inside an inverted residual block for each channel outside (Sandler et al.: 6; 4 is
# what EfficientNet's small variants use and costs less).
EXPANSION = 4


def conv(n_in, n_out, kernel_size=3, stride=1, groups=1):
    """Return a convolution without bias that keeps the size (divided by the stride)."""
    padding = kernel_size // 2
    cls = nn.Conv2d if groups == 1 else GroupedConv2d
    return cls(n_in, n_out, kernel_size, stride, padding, groups=groups, bias=False)


class SqueezeExcitation(nn.Module):
    """Weigh channels by what they hold: ``(n, c, h, w) -> (n, c, h, w)``.

    Parameters
    ----------
    n_channels : int
        Number of channels ``c``.

    References
    ----------
    Hu, Shen and Sun, "Squeeze-and-excitation networks", CVPR 2018.
    """

    def __init__(self, n_channels):
        super().__init__()
        n_squeezed = max(4, int(SQUEEZE * n_channels))
        self.weigh = nn.Sequential(
            nn.Linear(n_channels, n_squeezed),
            nn.ReLU(),
            nn.Linear(n_squeezed, n_channels),
            nn.Sigmoid(),
        )

    def forward(self, x):
        """Return `x` (n, c, h, w) with its channels weighed."""
        return x * self.weigh(x.mean((2, 3)))[:, :, None, None]


def basic_layers(n_in, n_out, stride):
    """Return a basic block's layers (He et al., CVPR 2016), see `BLOCKS`."""
    layers = [conv(n_in, n_out, 3, stride), nn.BatchNorm2d(n_out), nn.ReLU()]
    return [], [*layers, conv(n_out, n_out), nn.BatchNorm2d(n_out)], nn.ReLU()


def squeezing_layers(n_in, n_out, stride):
    """Return a basic block's layers with squeeze-and-excitation (Hu et al., CVPR 2018)."""
    first, layers, last = basic_layers(n_in, n_out, stride)
    return first, [*layers, SqueezeExcitation(n_out)], last


def preactivated_layers(n_in, n_out, stride):
    """Return a block's layers with norm and activation first (He et al., ECCV 2016).

    In the paper the first block's shortcut starts behind them, too. Here, as in any other block
    that keeps the shape, it carries the stem's output itself.
    """
    first = [nn.BatchNorm2d(n_in), nn.ReLU()]
    layers = [conv(n_in, n_out, 3, stride), nn.BatchNorm2d(n_out), nn.ReLU()]
    return first, [*layers, conv(n_out, n_out)], nn.Identity()


def depthwise_layers(n_in, n_out, stride):
    """Return an inverted residual block's layers (Sandler et al., CVPR 2018; Tan and Le, 2019)."""
    n_inside = EXPANSION * n_in
    layers = [conv(n_in, n_inside, 1), nn.BatchNorm2d(n_inside), nn.SiLU()]
    layers += [conv(n_inside, n_inside, 3, stride, groups=n_inside), nn.BatchNorm2d(n_inside)]
    layers += [nn.SiLU(), SqueezeExcitation(n_inside)]
    return [], [*layers, conv(n_inside, n_out, 1), nn.BatchNorm2d(n_out)], nn.Identity()


# Name -> function (n_in, n_out, stride) -> layers before the residual function, its own layers,
# what follows the sum.
BLOCKS = {
    "basic": basic_layers,
    "preact": preactivated_layers,
    "se": squeezing_layers,
    "depthwise": depthwise_layers,
}


class Residual(nn.Module):
    """A block ``last(shortcut(x) + residual(first(x)))``: ``(n, c, h, w) -> (n, d, h/s, w/s)``.

    A shortcut that changes the shape has a convolution, which starts from ``first(x)``; batch norm
    follows it unless the block begins with one.

    Parameters
    ----------
    n_in, n_out : int
        Channels ``c`` and ``d``.
    stride : tuple of int
        Steps ``s``, vertical and horizontal.
    block : str
        A key of `BLOCKS`.
    drop : float in [0, 1)
        Probability that the residual function of a row is left out in training.
    """

    def __init__(self, n_in, n_out, stride, *, block, drop):
        super().__init__()
        first, layers, self.last = BLOCKS[block](n_in, n_out, stride)
        self.first = nn.Sequential(*first)
        self.residual = nn.Sequential(*layers)
        self.drop = StochasticDepth(drop)
        self.shortcut = nn.Identity()
        self.reshapes = n_in != n_out or max(stride) > 1
        if self.reshapes:
            # Averages lose less than leaving three of four pixels out does (He et al., CVPR 2019).
            pool = [nn.AvgPool2d(stride, ceil_mode=True)] if max(stride) > 1 else []
            norm = [] if first else [nn.BatchNorm2d(n_out)]
            self.shortcut = nn.Sequential(*pool, conv(n_in, n_out, 1), *norm)

    def forward(self, x):
        """Return the block's activations."""
        inside = self.first(x)
        kept = self.shortcut(inside if self.reshapes else x)
        return self.last(kept + self.drop(self.residual(inside)))


class ResNet(Network):
    """Residual network for small images: ``(n, c, h, w) -> (n, k)``.

    A stem, stages of residual blocks (each stage after the first halves height and width and
    doubles the channels), and the average of what is left of each channel. A side that has
    shrunk to one pixel is not halved any more, so that any image size works, a ``1 x n`` strip
    included.

    Parameters
    ----------
    image_shape : tuple (c, h, w)
        Shape of an image.
    n_classes : int
        Number ``k`` of logits.
    width : int
        Channels of the first stage.
    depth : sequence of int
        Blocks of each stage.
    block : str
        A key of `BLOCKS`.
    stem_stride : int
        1: the stem is a 3 x 3 convolution and keeps the size; 2: it halves it.
    stem_pool : bool
        Whether it does so by a max-pool behind the 3 x 3 convolution (as He et al. do), or by the
        stride of a 4 x 4 one.
    stochastic_depth : float in [0, 1)
        Probability that the last of L blocks is left out in training; for block l it is l / L of
        that.
    dropout : float in [0, 1)
        Probability of dropping a value before the last layer.

    References
    ----------
    He et al., "Deep residual learning for image recognition", CVPR 2016; Zagoruyko and Komodakis,
    "Wide residual networks", BMVC 2016 (widths); Huang et al., "Deep networks with stochastic
    depth", ECCV 2016.
    """

    inference_rows_multiple = 1

    def __init__(
        self,
        image_shape,
        n_classes,
        *,
        width,
        depth,
        block,
        stem_stride,
        stem_pool,
        stochastic_depth,
        dropout,
    ):
        n_channels, height, width_of_image = image_shape
        super().__init__(n_channels)
        sides = [height, width_of_image]
        steps = tuple(min(stem_stride, side) for side in sides)
        pools = stem_pool and max(steps) > 1
        layers = [conv(n_channels, width) if pools else self._stem(n_channels, width, steps)]
        pool = [nn.MaxPool2d(steps)] if pools else []
        # Blocks with norm and activation first begin with these.
        layers += pool if block == "preact" else [nn.BatchNorm2d(width), *pool, nn.ReLU()]
        sides = [side // step for side, step in zip(sides, steps, strict=True)]
        n_blocks, number, size = sum(depth), 0, width
        for stage, n_repeats in enumerate(depth):
            for i in range(n_repeats):
                halves = stage > 0 and i == 0
                stride = tuple(min(2, side) if halves else 1 for side in sides)
                n_in, size = size, width * 2**stage
                number += 1
                drop = stochastic_depth * number / n_blocks
                layers.append(Residual(n_in, size, stride, block=block, drop=drop))
                sides = [-(-side // step) for side, step in zip(sides, stride, strict=True)]
        if block == "preact":
            layers += [nn.BatchNorm2d(size), nn.ReLU()]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        if dropout:
            layers.append(Dropout(dropout))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(size, n_classes)

    @staticmethod
    def _stem(n_in, n_out, steps):
        """Return a first convolution that divides sides by its steps."""
        if max(steps) == 1:
            return conv(n_in, n_out)
        kernel = tuple(2 * step if step > 1 else 3 for step in steps)
        return nn.Conv2d(n_in, n_out, kernel, steps, padding=1, bias=False)
