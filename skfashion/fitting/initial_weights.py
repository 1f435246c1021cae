"""Weights to begin with, from a net fitted before or from a file, and which nets share them."""

import hashlib
import os
import pickle
import re
import secrets
import warnings
import zipfile
from os import PathLike

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

from skfashion.fitting.fit_files import weights_in
from skfashion.utils.extras import import_library
from skfashion.utils.forms import TORCH, refuse_other_forms
from skfashion.utils.tensors import looks_like_tensors

# What a file of weights is made by, for each parameter that names one.
EXPECTED = {
    "init_from": (
        "Expected one that net.save(path), net.net_.save_params(f_params=path) or "
        "torch.save(module.state_dict(), path) has written. An estimator in a file is loaded first "
        "and then given as FrozenEstimator(net)."
    ),
    "weights": (
        "Expected a state dict of the architecture, as torch.save(module.state_dict(), path) and "
        "safetensors write it. A net of this package is for init_from."
    ),
}


def read_initial_weights(init_from, classes, module=None):
    """Return the weights that a parameter `init_from` names, by name, None for None.

    Those of the head are left out where a net is known to have learned other labels than `classes`.
    They are for `module`, so that a file of far more bytes is none of its; None is not known yet.

    Raises
    ------
    ValueError
        If it is an estimator that is not frozen, not fitted or none of this package's, or a file
        without weights.
    OSError
        If the file cannot be read.
    """
    if init_from is None:
        return None
    if isinstance(init_from, str | PathLike):
        if os.path.isfile(init_from) and looks_like_tensors(init_from):
            return _weights_for(classes, *_read_fit(init_from, module))
        return read_file(init_from, "init_from")
    if isinstance(init_from, BaseEstimator) and not isinstance(init_from, FrozenEstimator):
        raise ValueError(
            f"Got init_from={type(init_from).__name__}(...), expected a frozen estimator: clone, "
            "and with it GridSearchCV, would forget what a bare one has learned. Use "
            "init_from=sklearn.frozen.FrozenEstimator(net)."
        )
    source = init_from.estimator
    net = getattr(source, "net_", None)
    if not hasattr(net, "module_"):
        raise ValueError(
            f"Got init_from=FrozenEstimator({type(init_from.estimator).__name__}(...)), expected a "
            "fitted classifier of this package in it."
        )
    weights = {name: tensor.cpu() for name, tensor in net.module_.state_dict().items()}
    return _weights_for(classes, weights, source.classes_)


def _weights_for(classes, weights, its_classes):
    """Return weights by name, those of the head only if they are for the same classes."""
    if np.array_equal(its_classes, classes):
        return weights
    return {name: tensor for name, tensor in weights.items() if not name.startswith("head.")}


def _read_fit(path, module):
    """Return the weights and the classes in a file that a classifier's `save` has written."""
    # The head may be for many more classes, and the header has up to some megabytes.
    state = {} if module is None else module.state_dict()
    most = 2**25 + 4 * sum(tensor.nbytes for tensor in state.values()) if state else 2**32
    try:
        return weights_in(path, most)
    except ValueError as error:
        raise ValueError(
            f"Got init_from={os.fspath(path)!r}, which cannot be read as a file of net.save(path): "
            f"{error}."
        ) from error


def read_file(path, parameter):
    """Return the weights in a file, by name.

    Parameters
    ----------
    path : path-like
        A file that ``torch.save`` or safetensors has written.
    parameter : str
        Which parameter named it, for messages.

    Raises
    ------
    ValueError
        If it holds something else.
    OSError
        If it cannot be read.
    """
    given = f"Got {parameter}={os.fspath(path)!r}"
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{given}, expected a file of weights, which is not there.")
    expected = EXPECTED[parameter]
    refuse_other_forms(path, given, expected, but=[TORCH])
    if looks_like_tensors(path):
        return _read_safetensors(path, given, expected)
    with open(path, "rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickles of another kind: refused below
        try:
            _check_sums(stream)
            state = torch.load(stream, map_location="cpu", weights_only=True)
        except MemoryError:
            raise
        except Exception as error:
            raise ValueError(
                f"{given}, which is no file of weights, or a damaged one ({_reason(error)}). "
                f"{expected}"
            ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]  # as many training scripts write them
    if not isinstance(state, dict) or not all(map(_is_weight, state, state.values())):
        raise ValueError(
            f"{given}, which holds a {type(state).__name__}, expected weights by name. {expected}"
        )
    return state


def _read_safetensors(path, given, expected):
    """Return the weights in a file of safetensors' that may be of any library."""
    # It has an integer's length and JSON: reading runs no code.
    library = import_library("safetensors.torch", "persistence", "Files of safetensors need")
    try:
        return library.load_file(path)
    except Exception as error:  # safetensors' own errors are no ValueErrors
        raise ValueError(
            f"{given}, which is no file of weights, or a damaged one ({error}). {expected}"
        ) from error


def _reason(error):
    """Return what PyTorch says of a file, without its advice to let the file run code."""
    if not isinstance(error, pickle.UnpicklingError):
        return str(error).partition("\n")[0]
    found = re.search(r"Unsupported (?:global: GLOBAL|class) (\S+)", str(error))
    more = f"a {found[1]}" if found else "something"
    return f"it holds {more} beside tensors, such as a whole module, and no code is run"


def _check_sums(stream):
    """Raise a ValueError if a file's checksums, which ``torch.load`` ignores, are not right."""
    if zipfile.is_zipfile(stream):  # very old files of PyTorch's are none, and have no checksums
        with zipfile.ZipFile(stream) as file:
            # PyTorch compresses nothing, so that no file becomes more than it is long.
            if any(member.file_size > member.compress_size for member in file.infolist()):
                raise ValueError("it says that it holds more than it can")
            if (damaged := file.testzip()) is not None:
                raise ValueError(f"the checksum of {damaged} is another one")
    stream.seek(0)


def _is_weight(name, value):
    """Tell whether this is a name and an ordinary tensor of real numbers."""
    return (
        isinstance(name, str)
        and torch.is_tensor(value)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not (value.is_quantized or value.is_complex())
    )


def begin_with(module, weights, source):
    """Copy weights into a network; a head with another number of classes stays as it is drawn.

    Parameters
    ----------
    module : torch.nn.Module
        The network, with ``standardize``, ``features`` and ``head``.
    weights : dict of str to tensor
        See :func:`read_initial_weights`.
    source : str
        The parameter's name, for messages.

    Raises
    ------
    ValueError
        If the network has weights of other names or shapes.
    """
    own = module.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    head = {name for name in own if name.startswith("head.")}
    its_head = {name for name in weights if name.startswith("head.")}
    keeps_head = head == its_head and all(shapes[n] == tuple(own[n].shape) for n in head)
    # torchvision's weights come without statistics of the pixels, and old ones without batch norm's
    # counters, which nothing here reads.
    left = {
        name
        for name in own
        if name not in weights
        and (name.startswith("standardize.") or name.endswith(".num_batches_tracked"))
    }
    left |= set() if keeps_head else head
    wanted = set(own) - left
    differing = [
        f"{name}: {shapes.get(name, 'nothing')} there, "
        f"{tuple(own[name].shape) if name in own else 'nothing'} here"
        for name in sorted(wanted | (set(weights) - its_head))
        if name not in own or shapes.get(name) != tuple(own[name].shape)
    ]
    if differing:
        shown = "; ".join(differing[:3]) + ("; …" if len(differing) > 3 else "")
        raise ValueError(
            f"Got {source} with weights of another architecture ({len(differing)} differ: {shown})"
            "; expected the same parameters of the architecture, and images of the same channels "
            "or a table of the same columns (image_shape says which)."
        )
    module.load_state_dict({name: weights[name] for name in wanted}, strict=False)


def lineage_of(module, before, *, is_given):
    """Return an id shared by all nets trained from the same weights.

    Parameters
    ----------
    module : torch.nn.Module
        The network, its weights those of the beginning.
    before : TrainingNet or None
        The net whose training goes on, in a warm start.
    is_given : bool
        Whether weights come from another net or from a file.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    known = getattr(before, "lineage", None)  # an old pickle has none
    if known is not None:
        return known
    # Two fits that draw the same random weights go different ways from the first step on (Frankle
    # et al., ICML 2020), so a name of that kind is unlike any other.
    return hash_of_weights(module) if is_given else secrets.token_hex(16)


def hash_of_weights(module):
    """Return a name of a network's weights.

    Statistics of the pixels and batch norm's counters are left out: the former are compared by
    themselves, and the latter are missing in old files.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        if not (name.startswith("standardize.") or name.endswith(".num_batches_tracked")):
            values = tensor.detach().cpu().contiguous().numpy()
            digest.update(f"{name} {values.dtype} {values.shape}".encode() + values.tobytes())
    return digest.hexdigest()[:32]
