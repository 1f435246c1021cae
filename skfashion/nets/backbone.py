"""torchvision's architectures, with a head of our own."""

import copy
import re

import torch
from torch import nn

from skfashion.nets.layers import Dropout, GroupedConv2d, StochasticDepth
from skfashion.nets.network import Network

# To this side, in pixels, images are enlarged for architectures that do not accept smaller ones:
# all that halve it five times do.
SIDE = 32

# What keeps constructors of refused architectures from warning first.
OPTIONS = {"inception_v3": {"init_weights": True}, "googlenet": {"init_weights": True}}

# Children whose children are the parts of a backbone.
CONTAINERS = ("features", "trunk_output", "classifier")


class TorchvisionNet(Network):
    """An architecture of torchvision's for images of any number of channels.

    ``(n, c, h, w) -> (n, k)``. Its last linear layer is replaced by one with ``k`` outputs, its
    first convolution by one with ``c`` inputs, and its random layers by those that draw from a
    generator of their own. Where it does not accept images so small, their edges are continued to
    32 pixels a side.

    Parameters
    ----------
    image_shape : tuple (c, h, w)
        Shape of an image.
    n_classes : int
        Number ``k`` of logits.
    backbone : str
        A name of ``torchvision.models.list_models(module=torchvision.models)``.
    freeze : int or None
        Number of parts, counted from the image, whose weights and statistics stay as they are;
        None means all but the head.
    layer_lr_decay : float in (0, 1]
        Factor of each part's learning rate to that of the part after it, the head at the end.
    pretrained : dict of str to tensor or None
        Weights to begin with, as torchvision names them.

    Raises
    ------
    ValueError
        If torchvision has no such architecture, or it is not one for images of this size.
    """

    def __init__(
        self, image_shape, n_classes, *, backbone, freeze, layer_lr_decay, pretrained=None
    ):
        # Slow to import, and only this network needs it.
        from torchvision import models

        super().__init__(image_shape[0])
        names = models.list_models(module=models)
        if backbone not in names:
            raise ValueError(
                f"Got backbone={backbone!r}, expected one of torchvision's classification models: "
                f"{', '.join(names)}."
            )
        # Some architectures compute with tensors while they are built, which "meta" has none of.
        with torch.device("cpu"), _WithoutDraws():
            module = models.get_model(backbone, weights=None, **OPTIONS.get(backbone, {}))
        if not any(isinstance(layer, nn.Linear) for layer in module.modules()):
            raise _refusal(backbone, image_shape, "it has no linear layer to replace")
        n_features = _without_last_layer(module)
        _use_own_layers(module, image_shape[0])
        self.features, prefix = module, "features."
        why = _objection(module, image_shape, n_features)
        if why is not None:
            padding = _padding(image_shape)
            padded = image_shape[0], *(max(SIDE, side) for side in image_shape[1:])
            if not any(padding) or _objection(module, padded, n_features) is not None:
                raise _refusal(backbone, image_shape, why)
            self.features, prefix = (
                nn.Sequential(nn.ReplicationPad2d(padding), module),
                "features.1.",
            )
        self.head = nn.Linear(n_features, n_classes)
        unknown = self.unknown_layers()
        if unknown:
            raise _refusal(backbone, image_shape, f"it has layers of type {unknown[0]}")
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
            self.pretrained = _adapted(pretrained, image_shape[0], prefix)

    def train(self, mode=True):
        """Switch to training, but for the parts that are frozen; their statistics are, too."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self


class _WithoutDraws(torch.overrides.TorchFunctionMode):
    """Leave out torchvision's own initialisation: it draws from the global generator."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        if function in (torch.Tensor.normal_, torch.Tensor.uniform_):
            return args[0].zero_()  # which who draws until values are in a range accepts
        return function(*args, **kwargs)


def read_weights(backbone, weights):
    """Return pretrained weights of an architecture, as torchvision names them.

    Parameters
    ----------
    backbone : str
        Name of the architecture.
    weights : str
        A name of torchvision's, such as "DEFAULT" or "IMAGENET1K_V1"; they are downloaded once.

    Raises
    ------
    ValueError
        If torchvision has no weights of this name.
    OSError
        If they cannot be downloaded.
    """
    from torchvision import models

    # Called where a network is built without storage.
    with torch.device("cpu"):
        known = models.get_model_weights(backbone)
        names = {"DEFAULT": known.DEFAULT, **known.__members__} if len(known) else {}
        if weights not in names:
            raise ValueError(
                f"Got weights={weights!r} for backbone={backbone!r}, expected one of "
                f"{sorted(names)} or the path of a file with a state dict."
            )
        return names[weights].get_state_dict(progress=False, check_hash=True)


def _adapted(state, n_channels, prefix):
    """Return torchvision's weights as those of a :class:`TorchvisionNet`, without its head.

    The first convolution's filters for red, green and blue are added up and shared out where
    images have another number of channels: a grey image is a picture in grey.
    """
    adapted, is_first = {}, True
    for name, tensor in state.items():
        # The DenseNets' published files have names of an older version.
        name = re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.", r"\1\2.", name)
        if tensor.ndim == 4 and is_first:
            is_first = False
            if tensor.shape[1] != n_channels:
                shared = tensor.sum(1, keepdim=True) / n_channels
                tensor = shared.expand(-1, n_channels, -1, -1).contiguous()
        adapted[f"{prefix}{name}"] = tensor
    last = list(adapted)[-1].rpartition(".")[0]
    return {name: tensor for name, tensor in adapted.items() if name.rpartition(".")[0] != last}


def _names_of_parts(module):
    """Return the names of the parts of a backbone that have weights, from the image to the head."""
    names = []
    for name, child in module.named_children():
        inner = [f"{name}.{part}" for part, _ in child.named_children()]
        names += inner if name in CONTAINERS else [name]
    return [name for name in names if any(True for _ in module.get_submodule(name).parameters())]


def _without_last_layer(module):
    """Replace the last linear layer by nothing; return the number of its inputs."""
    name, last = [(n, m) for n, m in module.named_modules() if isinstance(m, nn.Linear)][-1]
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, nn.Identity())
    return last.in_features


def _use_own_layers(module, n_channels):
    """Replace the first convolution, and layers that draw from the global generator."""
    first = next((n, m) for n, m in module.named_modules() if isinstance(m, nn.Conv2d))
    for name, layer in list(module.named_modules()):
        parent, _, child = name.rpartition(".")
        if name == first[0] and layer.in_channels != n_channels:
            shape = n_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding
            with torch.device(layer.weight.device), _WithoutDraws():
                layer = nn.Conv2d(*shape, bias=layer.bias is not None)
        elif type(layer) is nn.Conv2d and layer.groups > 1:
            layer.__class__ = GroupedConv2d
            continue
        elif isinstance(layer, nn.Dropout):
            layer = Dropout(layer.p)
        elif type(layer).__name__ == "StochasticDepth":
            layer = StochasticDepth(layer.p)
        else:
            continue
        setattr(module.get_submodule(parent), child, layer)


def _objection(module, image_shape, n_features):
    """Return why an architecture does not accept images of this size, None if it does."""
    try:
        with torch.no_grad(), torch.device("meta"):
            images = torch.empty(2, *image_shape)
            features = copy.deepcopy(module).to("meta")(images)
    except (RuntimeError, AssertionError, ValueError) as error:
        return str(error).splitlines()[0]
    if torch.is_tensor(features) and features.shape == (2, n_features):
        return None
    return "it returns something else than one vector an image"


def _padding(image_shape):
    """Return left, right, upper and lower padding up to sides of `SIDE` pixels."""
    lacking = [max(0, SIDE - side) for side in reversed(image_shape[1:])]
    return tuple(part for pixels in lacking for part in (pixels // 2, pixels - pixels // 2))


def _refusal(backbone, image_shape, why):
    return ValueError(
        f"Got backbone={backbone!r} for images of (c, h, w)={tuple(image_shape)}, expected an "
        f"architecture that accepts them ({why}). Take one of the resnet, regnet, mobilenet, "
        "efficientnet, densenet or convnext families, or enlarge the images."
    )
