"""What every network of the package is: standardise, extract features, classify."""

import math

import torch
from torch import nn

from skfashion.nets.layers import CosineHead, Standardize


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
    # company: measured with MKL and oneDNN on processors with AVX2 and AVX-512. Convolutions with
    # large filters, and attention, need 16.
    inference_rows_multiple = 16

    # Whether layers may be merged, filled up and exchanged for predictions: the code of somebody
    # else's module may look at them.
    may_be_rebuilt = True
    # Whether filters may lie in memory channels last, and products be computed in 16 bits.
    suits_channels_last = suits_autocast = True
    # Whether `head` makes the logits of what `transform` returns.
    has_head = True
    # Whether layers draw from PyTorch's process-wide generator in training.
    draws_from_process = False
    # What a fit is to warn of, and what it is to refuse.
    doubts = faults = ()
    # Whether it returns logarithms of probabilities in training.
    returns_log_probabilities = False
    # Whether it computes `features` and `head`, one after the other, and nothing else.
    has_plain_forward = True

    def __init__(self, n_channels):
        super().__init__()
        self.standardize = Standardize(n_channels)
        # Weights that the architecture brings along, by name, to begin with.
        self.pretrained = None
        # Pairs of a pattern of parameters' names and the factor of their learning rate.
        self.lr_factors = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if {"forward", "transform"} & set(vars(cls)):
            cls.has_plain_forward = False

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

    def standardize_columns(self, n_columns):
        """Give each column of a table a mean and a deviation of its own."""
        self.standardize = Standardize(1, n_columns)

    def normalize_head(self, scale):
        """Let the logits be `scale` times the cosines between features and weights."""
        self.head = CosineHead(self.head.in_features, self.head.out_features, scale)

    def unknown_layers(self):
        """Return the names of the types of layers that :meth:`initialize` cannot fill, sorted."""
        return sorted({type(layer).__name__ for layer in self.modules() if _drawer(layer) is None})

    def use_generator(self, generator):
        """Make every random layer draw from `generator` (None: from the global one)."""
        for module in self.modules():
            if hasattr(module, "generator"):
                module.generator = generator

    def hidden_matrices(self):
        """Return the weights of hidden layers that are matrices or filters, in order.

        The head is none, and neither are filters of one channel each, nor single rows.
        """
        return [
            module.weight
            for module in self.features.modules()
            if (isinstance(module, nn.Linear) and module.out_features > 1)
            or (isinstance(module, nn.Conv2d) and module.groups == 1)
        ]

    def begin(self, generator):
        """Give a network that was built without storage its memory, and initial weights."""
        # Not by `to_empty`, which imports sympy: half a second and 30 MB for every process.
        memory = {
            name: torch.empty(t.shape, dtype=t.dtype) for name, t in self.state_dict().items()
        }
        self.load_state_dict(memory, assign=True)
        self.initialize(generator)

    @torch.no_grad()
    def initialize(self, generator):
        """Draw the initial weights from `generator`, in the order in which layers were defined.

        Weights and biases of linear and convolutional layers are uniform in
        ``+-1/sqrt(fan_in)``, PyTorch's own default; norms start as the identity; a layer of the
        package's own may know better, and has ``draw_weights(generator)`` then. A network may be
        built on the ``meta`` device and given storage first, since nothing of the storage's content
        survives.

        Raises
        ------
        TypeError
            If a layer holds parameters or buffers that this method does not know how to fill.
        """
        unknown = self.unknown_layers()
        if unknown:
            raise TypeError(
                f"Got a layer of type {unknown[0]}, expected one whose initial weights "
                "Network.initialize knows; teach it this layer."
            )
        for module in self.modules():
            _drawer(module)(module, generator)


def _drawer(module):
    """Return the function that draws a layer's own weights, None if there is none."""
    tensors = dict(module.named_parameters(recurse=False)) | dict(
        module.named_buffers(recurse=False)
    )
    for types, draw in DRAWERS.items():
        # A subclass may have more of them than its base class fills.
        if isinstance(module, types) and set(tensors) <= FILLED:
            return draw
    if hasattr(module, "draw_weights"):
        return lambda module, generator: module.draw_weights(generator)
    if set(tensors) in ({"layer_scale"}, {"gamma"}):
        # ConvNeXt's blocks begin as almost nothing (Touvron et al., ICCV 2021).
        return lambda module, generator: next(module.parameters(False)).fill_(1e-6)
    return None if tensors else (lambda module, generator: None)


def _draw_uniform(module, generator):
    bound = 1 / math.sqrt(module.weight[0].numel())
    for tensor in (module.weight, module.bias):
        if tensor is not None:
            tensor.uniform_(-bound, bound, generator=generator)


# Names of the tensors that the functions below fill.
FILLED = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked", "mean", "scale"}
DRAWERS = {
    (nn.Linear, nn.Conv2d): _draw_uniform,
    (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm): lambda module, _: (
        module.reset_parameters()
    ),
    Standardize: lambda module, _: module.set_statistics(
        [0.0] * module.mean.numel(), [1.0] * module.mean.numel()
    ),
}
