"""torchvision's architectures, with a head of our own."""

import copy
import re

import torch
from torch import nn

from skfashion.nets.layers import Dropout, GroupedConv2d, StochasticDepth, StridedConv2d
from skfashion.nets.network import Network

# To this side, in pixels, images are enlarged for architectures that do not accept smaller ones:
# all that halve it five times do.
SIDE = 32

# Beginnings of the names of torchvision's modules whose architectures suit small images; "resnet"
# has ResNeXt and wide residual networks, too.
FAMILIES = ("resnet", "regnet", "mobilenet", "efficientnet", "densenet", "convnext")

# By how much a step moves batch norm's statistics, at least. Some architectures have a tenth of
# PyTorch's own default, for trainings of a hundred thousand steps; after a few hundred, the
# statistics would hardly have left where they began, and predictions be nonsense.
MOMENTUM = 0.1

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
        A name that `check_name` accepts.
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
        If the architecture has fewer parts than `freeze`.
    """

    def __init__(
        self, image_shape, n_classes, *, backbone, freeze, layer_lr_decay, pretrained=None
    ):
        # Slow to import, and only this network needs it.
        from torchvision import models

        super().__init__(image_shape[0])
        # Some architectures compute with tensors while they are built, which "meta" has none of.
        with torch.device("cpu"), _WithoutDraws():
            module = models.get_model(backbone, weights=None)
        n_features = _without_last_layer(module)
        _use_own_layers(module, image_shape[0])
        self.features, prefix = module, "features."
        if not _accepts(module, image_shape):
            pad = nn.ReplicationPad2d(_padding(image_shape))
            self.features, prefix = nn.Sequential(pad, module), "features.1."
        self.head = nn.Linear(n_features, n_classes)
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


def check_name(backbone):
    """Raise an error unless torchvision has an architecture for small images of this name.

    Parameters
    ----------
    backbone : str
        Name of an architecture.

    Raises
    ------
    ValueError
        If it is of no family that accepts small images, or of none at all.
    """
    from torchvision import models

    def family(name):
        return models.get_model_builder(name).__module__.rpartition(".")[2]

    names = [n for n in models.list_models(module=models) if family(n).startswith(FAMILIES)]
    if backbone not in names:
        raise ValueError(
            f"Got backbone={backbone!r}, expected one of torchvision's {', '.join(FAMILIES)} "
            f"families, which accept small images: {', '.join(names)}."
        )


class _WithoutDraws(torch.overrides.TorchFunctionMode):
    """Leave out torchvision's own initialisation: it draws from the global generator."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        if function in (torch.Tensor.normal_, torch.Tensor.uniform_):
            return args[0].zero_()  # which who draws until values are in a range accepts
        return function(*args, **kwargs)


def names_of_weights(backbone):
    """Return torchvision's pretrained weights of an architecture, not yet loaded, by name."""
    from torchvision import models

    # Called where a network is built without storage.
    with torch.device("cpu"):
        known = models.get_model_weights(backbone)
    return {"DEFAULT": known.DEFAULT, **known.__members__} if len(known) else {}


def number_of_weights(backbone):
    """Return how many weights torchvision says that an architecture has, 0 if it does not."""
    known = names_of_weights(backbone).values()
    return max((entry.meta.get("num_params", 0) for entry in known), default=0)


def read_weights(backbone, weights):
    """Return pretrained weights of an architecture, as torchvision names them.

    Parameters
    ----------
    backbone : str
        A name that `check_name` accepts.
    weights : str
        A name of torchvision's, such as "DEFAULT" or "IMAGENET1K_V1"; they are downloaded once.

    Raises
    ------
    ValueError
        If torchvision has no weights of this name.
    OSError
        If they cannot be downloaded.
    """
    names = names_of_weights(backbone)
    # Called where a network is built without storage.
    with torch.device("cpu"):
        if weights not in names:
            raise ValueError(
                f"Got weights={weights!r} for backbone={backbone!r}, expected one of "
                f"{sorted(names)} or the path of a file with a state dict."
            )
        try:
            return names[weights].get_state_dict(progress=False, check_hash=True)
        except OSError as error:
            raise OSError(
                f"Got weights={weights!r} for backbone={backbone!r}, which could not be downloaded "
                f"from {names[weights].url}: {error}. Where there is no network, put that file "
                f"into {torch.hub.get_dir()}/checkpoints, or give the path of a file with a state "
                "dict as weights."
            ) from error


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
    """Put layers of our own where torchvision's draw from the global generator or go wrong.

    The first convolution gets as many inputs as images have channels.
    """
    first = next((n, m) for n, m in module.named_modules() if isinstance(m, nn.Conv2d))
    for name, layer in list(module.named_modules()):
        parent, _, child = name.rpartition(".")
        if isinstance(layer, nn.Conv2d):
            if name == first[0] and layer.in_channels != n_channels:
                shape = layer.out_channels, layer.kernel_size, layer.stride, layer.padding
                with torch.device(layer.weight.device), _WithoutDraws():
                    layer = nn.Conv2d(n_channels, *shape, bias=layer.bias is not None)
            if layer.groups > 1:
                layer.__class__ = GroupedConv2d
            elif max(layer.stride) > 1:
                layer.__class__ = StridedConv2d
        elif isinstance(layer, nn.Dropout):
            layer = Dropout(layer.p)
        elif type(layer).__name__ == "StochasticDepth":
            layer = StochasticDepth(layer.p)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.momentum = max(layer.momentum, MOMENTUM)
        else:
            continue
        setattr(module.get_submodule(parent), child, layer)


def _accepts(module, image_shape):
    """Tell whether an architecture computes anything of images of this size."""
    try:
        with torch.no_grad(), torch.device("meta"):
            copy.deepcopy(module).to("meta")(torch.empty(2, *image_shape))
    except (RuntimeError, ValueError):
        return False
    return True


def _padding(image_shape):
    """Return left, right, upper and lower padding up to sides of `SIDE` pixels."""
    lacking = [max(0, SIDE - side) for side in reversed(image_shape[1:])]
    return tuple(part for pixels in lacking for part in (pixels // 2, pixels - pixels // 2))
