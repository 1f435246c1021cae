"""What every network of the package is: standardise, extract features, classify."""

import math

import torch
from torch import nn

from skfashion.nets.layers import Standardize


class Network(nn.Module):
    """Images ``(n, c, h, w)`` -> logits ``(n, k)``, through features ``(n, d)``.

    An abstract class: a final network sets ``features``, a module ``(n, c, h, w) -> (n, d)``, and
    ``head``, a linear layer ``(n, d) -> (n, k)``, in its constructor.

    Parameters
    ----------
    n_channels : int
        Number of channels ``c``.
    """

    # Rows to predict at a time: enough to keep the cores busy, few enough for what the layers
    # return to stay in the caches. A power of two times the number below.
    inference_block_size = 128

    # Rows in such multiples are computed by the same kernels, and have the same bits, in any
    # company: measured with MKL and oneDNN on processors with AVX2 and AVX-512. Convolutions of one
    # pixel need 16.
    inference_rows_multiple = 16

    def __init__(self, n_channels):
        super().__init__()
        self.standardize = Standardize(n_channels)
        # Weights that the architecture brings along, by name, to begin with.
        self.pretrained = None
        # Pairs of a pattern of parameters' names and the factor of their learning rate.
        self.lr_factors = ()

    @property
    def n_features_out(self):
        """Number ``d`` of values that :meth:`transform` returns for an image."""
        return self.head.in_features

    def transform(self, x):
        """Return the activations before the last layer: ``(n, c, h, w) -> (n, d)``."""
        return self.features(self.standardize(x))

    def forward(self, x):
        """Return the logits: ``(n, c, h, w) -> (n, k)``."""
        return self.head(self.transform(x))

    def use_generator(self, generator):
        """Make every random layer draw from `generator` (None: from the global one)."""
        for module in self.modules():
            if hasattr(module, "generator"):
                module.generator = generator

    @torch.no_grad()
    def initialize(self, generator):
        """Draw the initial weights from `generator`, in the order in which layers were defined.

        Weights and biases of linear and convolutional layers are uniform in
        ``+-1/sqrt(fan_in)``, PyTorch's own default; norms start as the identity; a layer of the
        package's own may know better, and has ``draw_weights(generator)`` then. A network may be
        built on the ``meta`` device and given storage by ``to_empty`` first, since nothing of the
        storage's content survives.

        Raises
        ------
        TypeError
            If a layer holds parameters or buffers that this method does not know how to fill.
        """
        for module in self.modules():
            tensors = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
            if isinstance(module, nn.Linear | nn.Conv2d):
                bound = 1 / math.sqrt(module.weight[0].numel())
                for tensor in tensors:
                    tensor.uniform_(-bound, bound, generator=generator)
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
                module.reset_parameters()
            elif hasattr(module, "draw_weights"):
                module.draw_weights(generator)
            elif isinstance(module, Standardize):
                module.mean.zero_()
                module.scale.fill_(1)
            elif hasattr(module, "layer_scale") and len(tensors) == 1:
                # ConvNeXt's blocks begin as almost nothing (Touvron et al., ICCV 2021).
                module.layer_scale.fill_(1e-6)
            elif tensors:
                raise TypeError(
                    f"Got a layer of type {type(module).__name__}, expected one whose initial "
                    "weights Network.initialize knows; teach it this layer."
                )
