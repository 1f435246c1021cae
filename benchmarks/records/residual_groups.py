"""Groups of three convolutions: the first halves the image, the other two learn a residual.

The shape is that of the largest net in Jordan, "94% on CIFAR-10 in 3.29 seconds"
(arXiv:2404.00498), made narrower, for images of about 28 x 28 pixels.
"""

import torch
from skorch.callbacks import Callback
from torch import nn
from torch.nn.functional import batch_norm, gelu, interpolate, unfold

# Images whose patches say how the first layer is whitened, and what keeps it from dividing by 0.
N_WHITENED, SMALLEST = 5_000, 5e-4


class ResidualGroups(nn.Module):
    """Maps images ``(n, c, h, w)`` to logits ``(n, n_classes)``, for ``ModuleClassifier``.

    The last step is a linear layer of each channel's largest value, scaled down, so that the
    training begins with almost even probabilities.

    Parameters
    ----------
    n_classes, in_channels : int
    widths : sequence of int
        Channels of each group.
    bias_rate : float
        How many times faster than all else the biases of batch norm are trained.
    scale : float
        What the logits are multiplied by.
    """

    def __init__(self, n_classes, in_channels, widths=(64, 128, 256), bias_rate=1.0, scale=1 / 9):
        super().__init__()
        # Two filters for each value of a patch: one of its principal components, and the negative.
        n_filters = 2 * 9 * in_channels
        self.first = nn.Conv2d(in_channels, n_filters, 3, padding=1)
        self.first.weight.requires_grad_(False)
        ends = zip((n_filters, *widths), widths, strict=False)
        self.groups = nn.Sequential(*(_Group(*its, bias_rate) for its in ends))
        self.last = nn.Linear(widths[-1], n_classes, bias=False)
        self.scale = scale
        # Side to which images of a training are made smaller; None leaves them as they are.
        self.side = None

    def forward(self, x):
        """Return the logits."""
        if self.training and self.side is not None:
            x = interpolate(x, self.side, mode="bilinear", antialias=True)
        x = self.groups(gelu(self.first(x)))
        return self.last(x.amax((2, 3)) * self.scale)


class _Group(nn.Module):
    """Maps images to those of half the side and of other channels."""

    def __init__(self, in_channels, channels, bias_rate):
        super().__init__()
        sizes = [(in_channels, channels), (channels, channels), (channels, channels)]
        convolutions = [nn.Conv2d(*its, 3, padding=1, bias=False) for its in sizes]
        for convolution in convolutions:  # hands on what it gets
            nn.init.dirac_(convolution.weight[: convolution.in_channels])
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(_BatchNorm(channels, bias_rate) for _ in sizes)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        first, second, third = self.convolutions
        x = gelu(self.norms[0](self.pool(first(x))))
        residual = gelu(self.norms[1](second(x)))
        return gelu(self.norms[2](third(residual)) + x)


class _BatchNorm(nn.BatchNorm2d):
    """Batch norm without weights, whose biases are trained `rate` times as fast."""

    def __init__(self, channels, rate):
        super().__init__(channels)
        self.weight.requires_grad_(False)
        self.rate = rate

    def forward(self, x):
        statistics = self.running_mean, self.running_var
        affine = self.weight, self.bias * self.rate
        return batch_norm(x, *statistics, *affine, self.training, self.momentum, self.eps)


class _Stateless(Callback):
    """What all callbacks here are: a training that goes on gives them nothing back."""

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class Whitening(_Stateless):
    """Makes the filters of the first layer, which no step of a training changes.

    They are the principal components of training images' patches, divided by their standard
    deviations, and the negatives. The layer's biases are trained.
    """

    @torch.no_grad()
    def on_train_begin(self, net, X, **kwargs):
        """Set the filters; a training that goes on finds its own again."""
        layer = _module_of(net).first
        images = net.module_.standardize(X.X[:N_WHITENED].to(net.device_))
        patches = unfold(images, 3).transpose(1, 2).flatten(0, 1).double()
        values, vectors = torch.linalg.eigh(torch.cov(patches.T))
        filters = vectors.T / (values + SMALLEST).sqrt()[:, None]
        layer.weight.copy_(torch.cat([filters, -filters]).view_as(layer.weight))


class ImageSides(_Stateless):
    """Trains on smaller images first.

    Parameters
    ----------
    sides : sequence of (float, int)
        Up to which share of the epochs, 0 to 1, images have which side, in order; in the epochs
        after the last of them images are as they are.
    """

    def __init__(self, sides):
        self.sides = sides

    def on_epoch_begin(self, net, **kwargs):
        """Set the side of an epoch's images."""
        done = _share_done(net)
        _module_of(net).side = next((side for end, side in self.sides if done < end), None)


class ErasingEnds(_Stateless):
    """Erases no rectangles of images in the last epochs.

    Parameters
    ----------
    share : float
        Share of the epochs, 0 to 1, with erasing.
    """

    def __init__(self, share):
        self.share = share

    def on_epoch_begin(self, net, **kwargs):
        """Turn it off in its time."""
        if _share_done(net) >= self.share:
            net.augment.erase = 0.0


def _module_of(net):
    """Return the ``ResidualGroups`` that a skorch net trains."""
    return next(layer for layer in net.module_.modules() if isinstance(layer, ResidualGroups))


def _share_done(net):
    """Return which share of the epochs lies before the one that begins."""
    return (len(net.history) - 1) / net.max_epochs
