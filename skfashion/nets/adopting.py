"""Architectures of other libraries as networks of this package: own layers, head, parts."""

import copy
import math

import torch
from torch import nn

from skfashion.nets.layers import (
    Dropout,
    GroupedConv2d,
    Resize,
    SameConv2d,
    StochasticDepth,
    StridedConv2d,
)
from skfashion.nets.network import Network

# To this side, in pixels, images are enlarged for architectures that do not accept smaller ones:
# all that halve it five times do.
SIDE = 32

# Most pixels of images that are predicted at a time, as many as 128 images of 128 a side have: what
# layers return of larger ones takes gigabytes.
MOST_PIXELS = 2**21

# By how much a step moves batch norm's statistics, at least. Some architectures have a tenth of
# PyTorch's own default, for trainings of a hundred thousand steps; after a few hundred, the
# statistics would hardly have left where they began, and predictions be nonsense.
MOMENTUM = 0.1

# Children whose children are the parts of a backbone.
CONTAINERS = ("features", "trunk_output", "classifier", "blocks", "stages", "layers")

# timm's activations that are PyTorch's under another type; predictions know PyTorch's.
ACTIVATIONS = {"Sigmoid": nn.Sigmoid, "Tanh": nn.Tanh, "GELU": nn.GELU, "Swish": nn.SiLU}


class BackboneNet(Network):
    """An architecture of another library, for images of any number of channels.

    An abstract class: ``(n, c, h, w) -> (n, k)``. A final one builds the module and hands it on.
    Random layers of it are replaced by those that draw from a generator of their own. Where it
    does not accept images so small, and they are not resized, their edges are continued to 32
    pixels a side.

    Parameters
    ----------
    module : torch.nn.Module
        The architecture without its last layer, ``(n, c, h, w) -> (n, n_features)``. It is changed.
    n_features : int
        Number of values that it returns.
    image_shape : tuple (c, h, w)
        Shape of an image.
    n_classes : int
        Number ``k`` of logits.
    backbone : str
        Its name, for messages.
    freeze : int or None
        Number of parts, counted from the image, whose weights and statistics stay as they are;
        None means all but the head.
    layer_lr_decay : float in (0, 1]
        Factor of each part's learning rate to that of the part after it, the head at the end.
    resize : int or None
        To squares of so many pixels a side images are brought first.
    pretrained : dict of str to tensor or None
        Weights to begin with, as the architecture names them, its last layer's left out.

    Raises
    ------
    ValueError
        If the architecture has fewer parts than `freeze`, or returns something else.
    """

    def __init__(
        self,
        module,
        n_features,
        image_shape,
        n_classes,
        *,
        backbone,
        freeze,
        layer_lr_decay,
        resize=None,
        pretrained=None,
    ):
        super().__init__(image_shape[0])
        _use_own_layers(module, image_shape[0])
        before = []
        if resize is not None:
            before.append(Resize(resize))
            image_shape = (image_shape[0], resize, resize)
        if not _accepts(module, image_shape):
            before.append(nn.ReplicationPad2d(_padding(image_shape)))
        self.features = nn.Sequential(*before, module) if before else module
        prefix = f"features.{len(before)}." if before else "features."
        self.head = nn.Linear(n_features, n_classes)
        n_pixels = math.prod(image_shape[1:])
        while self.inference_block_size * n_pixels > MOST_PIXELS:
            if self.inference_block_size == self.inference_rows_multiple:
                break
            self.inference_block_size //= 2
        names = _names_of_parts(module)
        if freeze is not None and freeze > len(names):
            raise ValueError(
                f"Got freeze={freeze} with backbone={backbone!r}, which has {len(names)} parts: "
                f"{', '.join(names)}. Expected at most so many, or 'backbone' for all."
            )
        self._frozen = [module.get_submodule(name) for name in names[:freeze]]
        for part in self._frozen:
            part.requires_grad_(False)
        if layer_lr_decay < 1:
            factors = [layer_lr_decay ** (len(names) - i) for i in range(len(names))]
            patterns = [f"{prefix}{name}.*" for name in names]
            self.lr_factors = tuple(zip(patterns, factors, strict=True))
        if pretrained is not None:
            self.pretrained = _adapted(pretrained, image_shape[0], prefix, module)

    def train(self, mode=True):
        """Switch to training, but for the parts that are frozen; their statistics are, too."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self


class WithoutDraws(torch.overrides.TorchFunctionMode):
    """Leave out a library's own initialisation: it draws from the global generator."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        if function in (torch.Tensor.normal_, torch.Tensor.uniform_):
            return args[0].zero_()  # which who draws until values are in a range accepts
        if function in (torch.rand, torch.randn):
            return torch.zeros(*args, **kwargs)
        return function(*args, **kwargs)


def output_shape(module, image_shape):
    """Return the shape of what a module makes of two images, None where it makes nothing.

    Nothing is computed, and no memory is needed.
    """
    try:
        with torch.no_grad(), torch.device("meta"):
            return copy.deepcopy(module).to("meta")(torch.empty(2, *image_shape)).shape
    except Exception:  # each architecture has its own ways to refuse
        return None


def _accepts(module, image_shape):
    """Tell whether an architecture computes anything of images of this size."""
    return output_shape(module, image_shape) is not None


def _first_of(module):
    """Return the name of an architecture's first convolution, None where it has none."""
    return next((n for n, layer in module.named_modules() if isinstance(layer, nn.Conv2d)), None)


def _adapted(state, n_channels, prefix, module):
    """Return an architecture's weights under the names that they have in a network.

    Filters for red, green and blue, of the first convolution and of those beside it, are added up
    and shared out where images have another number of channels: a grey image is a picture in grey.
    """
    own, first = module.state_dict(), state.get(f"{_first_of(module)}.weight")
    n_given = first.shape[1] if first is not None and first.ndim == 4 else n_channels
    adapted = {}
    for name, tensor in state.items():
        is_filter = name in own and own[name].ndim == tensor.ndim == 4
        if is_filter and own[name].shape[1] == n_channels != tensor.shape[1] == n_given:
            shared = tensor.sum(1, keepdim=True) / n_channels
            tensor = shared.expand(-1, n_channels, -1, -1).contiguous()
        adapted[f"{prefix}{name}"] = tensor
    return adapted


def _names_of_parts(module):
    """Return the names of the parts of a backbone that have weights, from the image to the head."""
    names = []
    for name, child in module.named_children():
        inner = [f"{name}.{part}" for part, _ in child.named_children()]
        names += inner if name in CONTAINERS else [name]
    return [name for name in names if any(True for _ in module.get_submodule(name).parameters())]


def _use_own_layers(module, n_channels):
    """Put layers of our own where a library's draw from the global generator or go wrong.

    The first convolution gets as many inputs as images have channels.
    """
    first = _first_of(module)
    for name, layer in list(module.named_modules()):
        parent, _, child = name.rpartition(".")
        kind = type(layer).__name__
        if type(layer) is nn.Conv2d:
            if name == first and layer.in_channels != n_channels:
                shape = layer.out_channels, layer.kernel_size, layer.stride, layer.padding
                with torch.device(layer.weight.device), WithoutDraws():
                    layer = nn.Conv2d(n_channels, *shape, bias=layer.bias is not None)
            if layer.groups > 1:
                layer.__class__ = GroupedConv2d
            elif max(layer.stride) > 1:
                layer.__class__ = StridedConv2d
        elif kind == "Conv2dSame":
            layer.__class__ = SameConv2d
        elif isinstance(layer, nn.Dropout):
            layer = Dropout(layer.p)
        elif kind in ("StochasticDepth", "DropPath"):
            layer = StochasticDepth(layer.p if hasattr(layer, "p") else layer.drop_prob)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.momentum = max(layer.momentum, MOMENTUM)
        elif kind in ACTIVATIONS and not type(layer).__module__.startswith("torch."):
            layer = ACTIVATIONS[kind]()
        else:
            continue
        setattr(module.get_submodule(parent), child, layer)


def _padding(image_shape):
    """Return left, right, upper and lower padding up to sides of `SIDE` pixels."""
    lacking = [max(0, SIDE - side) for side in reversed(image_shape[1:])]
    return tuple(part for pixels in lacking for part in (pixels // 2, pixels - pixels // 2))
