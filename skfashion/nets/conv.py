"""The plain convolutional network."""

from torch import nn

from skfashion.nets.layers import (
    ACTIVATIONS,
    MONOTONE_ACTIVATIONS,
    Dropout,
    dense_block,
)
from skfashion.nets.network import Network

# Sizes of filters with which oneDNN convolves one image by the kernel of many.
SAME_ALONE = (1, 2, 3, 4)


def conv_layers(n_in, n_out, *, kernel_size, pool, activation, batch_norm, dropout):
    """Return a convolution's layers, ``(n, n_in, h, w) -> (n, n_out, h//pool[0], w//pool[1])``.

    Convolution (size kept by zero padding), batch norm (optional), activation, max-pool,
    dropout (optional). A monotone activation is computed after the max-pool: the same function
    for a quarter of the work.
    """
    before, after = (kernel_size - 1) // 2, kernel_size // 2
    layers = [nn.ZeroPad2d((before, after, before, after))] if before < after else []
    padding = before if before == after else 0
    layers.append(nn.Conv2d(n_in, n_out, kernel_size, padding=padding, bias=not batch_norm))
    if batch_norm:
        layers.append(nn.BatchNorm2d(n_out))
    layers.append(ACTIVATIONS[activation]())
    if max(pool) > 1:
        position = len(layers) - (activation in MONOTONE_ACTIVATIONS)
        layers.insert(position, nn.MaxPool2d(pool))
    if dropout:
        layers.append(Dropout(dropout))
    return layers


class ConvNet(Network):
    """Convolutional network: ``(n, c, h, w) -> (n, k)``.

    Blocks of convolutions, each with batch norm and activation, and a 2 x 2 max-pool behind the
    first of them, where the others cost a quarter; then fully connected hidden layers. A side that
    has shrunk to one pixel is not pooled any more, so that any image size works, a ``1 x n`` strip
    included.

    Parameters
    ----------
    image_shape : tuple (c, h, w)
        Shape of an image.
    n_classes : int
        Number ``k`` of logits.
    channels : sequence of int
        Number of filters of each convolution of a block.
    depth : int
        Number of convolutions of each block.
    kernel_size : int
        Height and width of the filters, in pixels.
    hidden_layer_sizes : sequence of int
        Number of neurons of each fully connected hidden layer.
    activation : str
        A key of ``skfashion.nets.layers.ACTIVATIONS``.
    batch_norm : bool
        Whether batch norm follows each convolution and hidden linear layer.
    conv_dropout, dropout : float in [0, 1)
        Probability of dropping an activation after a block, and in a hidden layer.

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the
    IEEE 86(11), 1998; batch norm: Ioffe and Szegedy, ICML 2015.
    """

    def __init__(
        self,
        image_shape,
        n_classes,
        *,
        channels,
        depth,
        kernel_size,
        hidden_layer_sizes,
        activation,
        batch_norm,
        conv_dropout,
        dropout,
    ):
        n_channels, height, width = image_shape
        super().__init__(n_channels)
        if kernel_size in SAME_ALONE:
            self.inference_rows_multiple = 1
        layers = []
        common = {"kernel_size": kernel_size, "activation": activation, "batch_norm": batch_norm}
        for size in channels:
            pool = (min(2, height), min(2, width))
            for i in range(depth):
                last = i == depth - 1
                layers += conv_layers(
                    n_channels,
                    size,
                    pool=pool if i == 0 else (1, 1),
                    dropout=conv_dropout if last else 0.0,
                    **common,
                )
                n_channels = size
            height, width = height // pool[0], width // pool[1]
        layers.append(nn.Flatten())
        n_values = n_channels * height * width
        for size in hidden_layer_sizes:
            layers += dense_block(
                n_values, size, activation=activation, batch_norm=batch_norm, dropout=dropout
            )
            n_values = size
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(n_values, n_classes)
