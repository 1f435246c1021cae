"""A fit as plain data, JSON's types and NumPy's arrays, and the fit again that it describes.

A pickle, a file of skops or of :mod:`skfashion.fitting.saved` then holds no object of PyTorch's and
no path of a layer's module, so that files outlive the modules' names.
"""

import dataclasses

import numpy as np
import torch

from skfashion.fitting.building import (
    architecture_of,
    build_module,
    names_of_architecture,
    net_around,
    without_weights,
)
from skfashion.fitting.shift import ImageStatistics
from skfashion.images import planes_shape
from skfashion.training import (
    NAMED_DTYPES,
    OPTIMIZERS,
    RowHistory,
    TrainingNet,
    is_built_like,
    own_modes,
)
from skfashion.utils.versions import KEY

# What a net knows besides its weights, criterion, optimizer and history.
SETTINGS = (
    *("lr", "batch_size", "max_epochs", "standardizes", "compiles", "ema_decay"),
    *("max_grad_norm", "sam_rho", "lineage", "architecture"),
)
DTYPES = {"float32": torch.float32, "float64": torch.float64}
# Of weights, and of what counts batches.
NUMBERS = DTYPES | {"int64": torch.int64}
CRITERION = ("gamma", "label_smoothing", "offset", "margins", "soft_weight", "temperature")


def with_plain_fit(cls, state):
    """Return the attributes of an estimator, those that are fitted as plain data.

    A network that has been changed by hand, which no parameters describe, stays the object it is.

    Parameters
    ----------
    cls : type
        Class of the estimator.
    state : dict
        Its attributes by name.
    """
    if not isinstance(state.get("net_"), TrainingNet):
        return state
    plain = dict(state)
    statistics = plain.get("_image_statistics")
    if statistics is not None:
        plain["_image_statistics"] = dataclasses.asdict(statistics)
    plain["image_shape_"] = list(plain["image_shape_"])
    net = _plain_net(cls, state)
    return plain if net is None else plain | {"net_": net}


def from_plain_fit(cls, state, module=None):
    """Return the attributes that :func:`with_plain_fit` was given; others are as they are.

    Parameters
    ----------
    cls : type
    state : dict
    module : Network or None
        What :func:`build_for` has made of it; None makes it.

    Raises
    ------
    ValueError
        If this version cannot build the network that is described; it says which one wrote it.
    """
    if "net_" not in state:
        return state
    fitted = dict(state)
    statistics = fitted.get("_image_statistics")
    if isinstance(statistics, dict):
        fitted["_image_statistics"] = ImageStatistics(**statistics)
    fitted["image_shape_"] = tuple(fitted["image_shape_"])
    if isinstance(fitted["net_"], dict):
        try:
            with own_modes(gradients=True):
                fitted["net_"] = _net_of(cls, fitted, module)
        except Exception as error:
            versions = ", ".join(f"{name} {v}" for name, v in state.get(KEY, {}).items())
            raise ValueError(
                f"Got a {cls.__name__} that was written with {versions or 'unknown versions'}, "
                f"whose network this version cannot build ({type(error).__name__}: {error}). "
                "Install what it was written with, or fit it again."
            ) from error
    return fitted


def build_for(cls, plain, image_shape, n_classes):
    """Return the network that the plain data of a net describe, without weights.

    Nothing is opened and nothing downloaded: weights to begin with have done their work.

    Parameters
    ----------
    cls : type
        Class of the classifier.
    plain : dict
        What :func:`with_plain_fit` makes of a net; its weights are not looked at.
    image_shape : tuple of int
    n_classes : int
    """
    # Nothing else: of weights to begin with, the file would be opened.
    unknown = set(plain["architecture"]) - set(names_of_architecture(cls))
    if unknown:
        raise ValueError(f"{cls.__name__} has no architecture of {', '.join(sorted(unknown))}")
    estimator = without_weights(cls(**{**cls._before, **plain["architecture"]}))
    module = build_module(
        estimator,
        planes_shape(image_shape),
        n_classes,
        dtype=DTYPES[plain["dtype"]],
        n_columns=plain["n_columns"],
        head_scale=plain["head_scale"],
    )
    return module.eval()


def _plain_net(cls, state):
    """Return a net as plain data, None where its network is none that parameters describe."""
    net, module = state["net_"], state["net_"].module_
    if getattr(module, "standardize", None) is None or getattr(module, "head", None) is None:
        return None
    standardize, head = module.standardize, module.head
    dtypes = {str(tensor.dtype).removeprefix("torch.") for tensor in module.parameters()}
    plain = {name: getattr(net, name) for name in SETTINGS}
    if net.architecture is None:  # a net of an older version
        names = [field.name for field in dataclasses.fields(cls) if field.name in state]
        plain["architecture"] = architecture_of(cls(**{name: state[name] for name in names}))
    plain |= {
        "dtype": dtypes.pop() if len(dtypes) == 1 else "mixed",
        "n_columns": standardize.mean.numel() if standardize.mean.shape[3] > 1 else None,
        "head_scale": getattr(head, "scale", None),
    }
    try:
        built = build_for(cls, plain, state["image_shape_"], len(state["classes_"]))
    except Exception:
        return None
    if not is_built_like(module, built):
        return None
    tensors = {name: tensor.detach().cpu() for name, tensor in module.state_dict().items()}
    names = {kind: name for name, kind in OPTIMIZERS.items()}
    return plain | {
        "weights": {name: np.array(tensor.numpy(), order="C") for name, tensor in tensors.items()},
        # Bits of a prediction depend on how filters lie in memory.
        "channels_last": [name for name, t in tensors.items() if _is_channels_last(t)],
        "compute_dtype": _name_of(net.compute_dtype),
        "inference_dtype": _name_of(net.inference_dtype),
        "criterion": _plain_criterion(vars(net)),
        "optimizer": names.get(net.optimizer, net.optimizer),
        "optimizer_options": {
            name.removeprefix("optimizer__"): value
            for name, value in vars(net).items()
            if name.startswith("optimizer__") and name != "optimizer__param_groups"
        },
        "history": [_plain_row(row) for row in net.history],
    }


def _net_of(cls, fitted, module):
    """Return the net that plain data describe, around its network or one that is built."""
    plain, k = fitted["net_"], len(fitted["classes_"])
    module = build_for(cls, plain, fitted["image_shape_"], k) if module is None else module
    channels_last = set(plain["channels_last"])
    state = {n: _as_tensor(a, n in channels_last) for n, a in plain["weights"].items()}
    if module.may_be_rebuilt:
        # What has no weights there would stay without memory.
        module.load_state_dict(state, strict=True, assign=True)
    else:
        _fill(module, state)
    module.pretrained = None
    settings = {name: plain[name] for name in SETTINGS}
    net = net_around(
        module,
        plain["criterion"],
        OPTIMIZERS.get(plain["optimizer"], plain["optimizer"]),
        plain["optimizer_options"],
        compute_dtype=NAMED_DTYPES.get(plain["compute_dtype"]),
        inference_dtype=NAMED_DTYPES.get(plain["inference_dtype"]),
        **settings,
    ).forget_training()
    net.history = RowHistory(plain["history"])
    net.criterion_.eval()
    module.eval()
    return net


def _fill(module, state):
    """Give a network that has memory other weights; what its layers share, they still share."""
    module.load_state_dict(state, strict=True)
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    for name, tensor in own.items():
        if name in state and tensor.stride() != state[name].stride():
            tensor.data = state[name]


def _is_channels_last(tensor):
    """Tell whether the values of all channels of a pixel lie side by side in memory."""
    if tensor.ndim != 4:
        return False
    # Steps along a side of one, too: kernels are chosen by them.
    usual = torch.empty(tensor.shape, device="meta")
    return tensor.stride() == usual.to(memory_format=torch.channels_last).stride() != usual.stride()


def _as_tensor(array, is_channels_last):
    """Return a tensor in memory of PyTorch's own: how it is aligned decides bits, too."""
    layout = torch.channels_last if is_channels_last else torch.contiguous_format
    made = torch.empty(array.shape, dtype=NUMBERS[array.dtype.name], memory_format=layout)
    made.numpy()[...] = array
    return made


def _plain_criterion(values):
    """Return the parameters of a net's loss, arrays as NumPy's; one of the user's as it is."""
    plain = {name: _plain_value(values, f"criterion__{name}") for name in CRITERION}
    own = values.get("criterion__loss")
    return plain if own is None else {"loss": own}


def _name_of(dtype):
    """Return the name of a type to compute in, None for None."""
    return {kind: name for name, kind in NAMED_DTYPES.items()}.get(dtype)


def _plain_value(values, name):
    """Return a value as an array where it is a tensor, None where there is none."""
    value = values.get(name)
    return value.detach().cpu().numpy() if torch.is_tensor(value) else value


def _plain_row(row):
    """Return a row of a history, or a value in it, as JSON's types.

    Callbacks may record what they like. Arrays become lists; what has no such form is left out.
    """
    if isinstance(row, dict):
        return {n: _plain_row(v) for n, v in row.items() if isinstance(n, str) and _is_plain(v)}
    if isinstance(row, list | tuple):
        return [_plain_row(value) for value in row if _is_plain(value)]
    return row.tolist() if hasattr(row, "tolist") else row


def _is_plain(value):
    """Tell whether a value has a form in JSON's types."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufU"
    kinds = (bool, int, float, str, type(None), dict, list, tuple, np.generic, torch.Tensor)
    return isinstance(value, kinds)
