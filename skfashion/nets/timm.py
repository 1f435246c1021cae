"""timm's architectures, with a head of our own."""

import difflib
import functools
import re

import torch

from skfashion.nets.adopting import BackboneNet, WithoutDraws, output_shape

# Where a name may be looked up by hand.
EXAMPLES = ("tf_efficientnet_lite0", "resnet18", "mobilenetv3_small_100", "convnext_atto")
# Most names that a message lists.
MOST_SHOWN = 5
# What the Hugging Face Hub has of an architecture, unless it is said otherwise.
WEIGHTS = "model.safetensors"


class TimmNet(BackboneNet):
    """An architecture of timm's for images of any number of channels.

    Parameters
    ----------
    image_shape : tuple (c, h, w)
        Shape of an image.
    n_classes : int
        Number ``k`` of logits.
    backbone : str
        A name that `check_name` accepts.
    pretrained : dict of str to tensor or None
        Weights to begin with, as timm names them.
    **options
        See :class:`BackboneNet`.

    Raises
    ------
    ValueError
        If it has layers that this package cannot fill, or returns no features of an image.
    """

    def __init__(self, image_shape, n_classes, *, backbone, pretrained=None, **options):
        module = _built(backbone, num_classes=0, in_chans=image_shape[0])
        # Some have layers between the pooled features and the last one.
        n_features = getattr(module, "head_hidden_size", None) or module.num_features
        if pretrained is not None:
            options |= {"pretrained": _without_head(pretrained, module)}
        super().__init__(module, n_features, image_shape, n_classes, backbone=backbone, **options)
        unknown = self.unknown_layers()
        shape = output_shape(self, image_shape)
        if unknown or shape is None:
            reason = f"has layers of the types {', '.join(unknown)}" if unknown else "is none"
            raise ValueError(
                f"Got backbone={backbone!r} for images of (c, h, w)={tuple(image_shape)}, expected "
                f"an architecture of convolutions that gives an image a row of features; this one "
                f"{reason}. Take another, such as {', '.join(EXAMPLES)}."
            )


def check_name(backbone):
    """Raise an error unless timm has an architecture of this name.

    Parameters
    ----------
    backbone : str
        Name of an architecture, with or without a dot and the name of its weights.

    Raises
    ------
    ValueError
        If there is none, or no such weights.
    """
    import timm

    # A colon would make timm look for it in the network.
    name, _, tag = backbone.partition(".")
    if not re.fullmatch(r"\w+", name) or not timm.is_model(name):
        known = timm.list_models()
        near = difflib.get_close_matches(name, known, MOST_SHOWN) or EXAMPLES
        raise ValueError(
            f"Got backbone={backbone!r}, expected one of timm's {len(known):,} architectures, such "
            f"as {', '.join(near)}; timm.list_models('*resnet*') lists them."
        )
    if tag and backbone not in (known := names_of_weights(backbone)):
        raise ValueError(
            f"Got backbone={backbone!r}, expected {name!r}, or one with the name of its weights: "
            f"{', '.join(known[:MOST_SHOWN])}."
        )


def names_of_weights(backbone):
    """Return the names of an architecture's weights, each behind its own name and a dot."""
    import timm

    return timm.list_pretrained(f"{backbone.partition('.')[0]}.*")


@functools.cache
def number_of_weights(backbone):
    """Return how many weights an architecture has before its last layer, at least.

    Parameters
    ----------
    backbone : str
        A name that `check_name` accepts.
    """
    # Of one channel: the fewest that images have.
    module = _built(backbone, num_classes=0, in_chans=1)
    return sum(tensor.numel() for tensor in module.parameters())


def normalization_of(backbone):
    """Return mean and deviation of red, green and blue, of 0 to 1, that weights were trained with.

    Parameters
    ----------
    backbone : str
        A name that `check_name` accepts.
    """
    import timm

    known = timm.get_pretrained_cfg(backbone)
    return list(known.mean), list(known.std)


def read_weights(backbone, ask):
    """Return timm's pretrained weights of an architecture, as timm names them.

    They are downloaded once, by huggingface_hub, into its cache.

    Parameters
    ----------
    backbone : str
        A name that `check_name` accepts.
    ask : callable
        ``ask(known, name)`` is called first, with what timm knows of the weights and the usual name
        of their file, and raises whatever it likes where they are out of reach.

    Raises
    ------
    ValueError
        If timm has none.
    OSError
        If they cannot be downloaded.
    """
    import timm

    known = timm.get_pretrained_cfg(backbone)
    if known is None or not known.has_weights:
        raise ValueError(
            f"Got weights='DEFAULT' for backbone={backbone!r}, of which timm has no weights; "
            "expected None, the path of a file with a state dict, or another backbone."
        )
    try:
        ask(known, WEIGHTS)
        module = _built(backbone, pretrained=True)
    except Exception as error:  # of whatever library timm downloads by
        place = f"https://huggingface.co/{known.hf_hub_id}" if known.hf_hub_id else known.url
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise OSError(
            f"Got weights='DEFAULT' for backbone={backbone!r}, which could not be downloaded from "
            f"{place} ({why:.200}); where there is no network, fetch the file from there with "
            f"another machine ({known.hf_hub_filename or WEIGHTS}), and give its path as weights."
        ) from error
    return module.state_dict()


def named_by_timm(state, backbone):
    """Return weights of an architecture under timm's names, those of a file of another origin, too.

    Other implementations of an architecture call its layers otherwise. Where a file has as many
    tensors as timm's network, in the same order, of the same shapes, and each is the same of its
    layer (weight, bias, running_mean …), they are taken for its own.

    Parameters
    ----------
    state : dict of str to tensor
    backbone : str
        A name that `check_name` accepts.
    """
    own = _built(backbone).state_dict()
    counts = "num_batches_tracked"  # which old files do not have
    if set(own) & set(state) - {name for name in own if name.endswith(counts)}:
        return state
    names = [name for name in own if not name.endswith(counts)]
    given = {name: tensor for name, tensor in state.items() if not name.endswith(counts)}
    if len(names) != len(given):
        return state

    def is_same(name, other):
        same_role = name.rpartition(".")[2] == other.rpartition(".")[2]
        return same_role and own[name].shape == given[other].shape

    if not all(map(is_same, names, given)):
        return state
    return dict(zip(names, given.values(), strict=True))


def _built(backbone, **options):
    """Return an architecture of timm's, on the CPU, without a draw from the global generator."""
    # Slow to import, and only this network needs it.
    import timm

    # Some architectures compute with tensors while they are built, which "meta" has none of.
    with torch.device("cpu"), WithoutDraws():
        return timm.create_model(backbone, **options)


def _without_head(state, module):
    """Return weights without those of layers that a module without its last layer has not."""
    known = module.pretrained_cfg.get("classifier") or ()
    known = (known,) if isinstance(known, str) else known
    own = module.state_dict()
    return {
        name: tensor
        for name, tensor in state.items()
        if name in own or name.rpartition(".")[0] not in known
    }
