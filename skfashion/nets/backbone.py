"""torchvision's architectures, with a head of our own."""

import re

import torch
from torch import nn

from skfashion.nets.adopting import BackboneNet, WithoutDraws

# Beginnings of the names of torchvision's modules whose architectures suit small images; "resnet"
# has ResNeXt and wide residual networks, too.
FAMILIES = ("resnet", "regnet", "mobilenet", "efficientnet", "densenet", "convnext")


class TorchvisionNet(BackboneNet):
    """An architecture of torchvision's for images of any number of channels.

    Parameters
    ----------
    image_shape : tuple (c, h, w)
        Shape of an image.
    n_classes : int
        Number ``k`` of logits.
    backbone : str
        A name that `check_name` accepts.
    pretrained : dict of str to tensor or None
        Weights to begin with, as torchvision names them.
    **options
        See :class:`BackboneNet`.
    """

    def __init__(self, image_shape, n_classes, *, backbone, pretrained=None, **options):
        # Slow to import, and only this network needs it.
        from torchvision import models

        # Some architectures compute with tensors while they are built, which "meta" has none of.
        with torch.device("cpu"), WithoutDraws():
            module = models.get_model(backbone, weights=None)
        last, n_features = _without_last_layer(module)
        if pretrained is not None:
            options |= {"pretrained": _without_head(pretrained, last)}
        super().__init__(module, n_features, image_shape, n_classes, backbone=backbone, **options)


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


def normalization_of(backbone, weights):
    """Return mean and deviation of red, green and blue, of 0 to 1, that weights were trained with.

    Parameters
    ----------
    backbone : str
        A name that `check_name` accepts.
    weights : str or path-like
        A name of its weights; all else is a file, taken for one of torchvision's.

    Returns
    -------
    tuple of two lists of float, or None
        None where torchvision has no weights of this architecture, and so does not say it.
    """
    names = names_of_weights(backbone)
    if not names:
        return None
    weights = weights if isinstance(weights, str) and weights in names else "DEFAULT"
    transform = names[weights].transforms()
    return transform.mean, transform.std


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
            # The DenseNets' files are so old that PyTorch reads them as whole pickles only.
            is_plain = not backbone.startswith("densenet")
            return names[weights].get_state_dict(
                progress=False, check_hash=True, weights_only=is_plain
            )
        except Exception as error:  # of the network's, of another hash, of what is no weights
            why = str(error).partition(". ")[0]  # without advice to let a file run code
            raise OSError(
                f"Got weights={weights!r} for backbone={backbone!r}, which could not be downloaded "
                f"from {names[weights].url}: {why}. Where there is no network, put that file into "
                f"{torch.hub.get_dir()}/checkpoints, or give the path of a file with a state dict "
                "as weights."
            ) from error


def _without_head(state, last):
    """Return weights by today's names, without those of the last layer, whose name is given."""
    # The DenseNets' published files have names of an older version.
    older = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")
    state = {older.sub(r"\1\2.", name): tensor for name, tensor in state.items()}
    return {name: tensor for name, tensor in state.items() if name.rpartition(".")[0] != last}


def _without_last_layer(module):
    """Replace the last linear layer by nothing; return its name and the number of its inputs."""
    name, last = [(n, m) for n, m in module.named_modules() if isinstance(m, nn.Linear)][-1]
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, nn.Identity())
    return name, last.in_features
