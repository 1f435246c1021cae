"""Which checkpoint belongs to a fit: derived from its parameters and data."""

import hashlib
import inspect
import json
import math
import pickle
from contextlib import contextmanager
from os.path import isfile
from pathlib import Path

import joblib
import numpy as np
import sklearn
import torch

from skfashion.fitting.initial_weights import read_initial_weights
from skfashion.fitting.inputs import find_device
from skfashion.images import dense, planes_shape
from skfashion.training import (
    CheckpointFile,
    has_bfloat16,
    is_resumable,
    is_watching,
    onednn_is_better,
    thread_share,
)

# Raised whenever the package computes other bits than before from the same parameters and data:
# each for its own kind of data, so that a change for tables makes no result on images out of date.
# A table is a strip of one row (1 x n); everything else is an image.
ENGINE = {"images": 6, "tables": 7}

# What changes nothing about the result of a fit, or is compared by itself: threads by the
# environment, weights to begin with and what a teacher says by the data.
NO_INFLUENCE = {
    "checkpoint_dir",
    "checkpoint_every",
    "init_from",
    "log_dir",
    "n_threads",
    "teacher",
    "tta",
    "verbose",
}

# Bytes of the data that are hashed at a time.
BLOCK_BYTES = 2**24


@contextmanager
def checkpoint_of(estimator, given):
    """Give a fit its checkpoint, and remove it when the fit has succeeded.

    Parameters
    ----------
    estimator : ImageClassifier
        What is being fitted.
    given : Given
        The fit's arguments.

    Yields
    ------
    CheckpointFile or None
        Its ``seed`` is the one to use: the stored one where the fit goes on from a checkpoint. None
        without ``checkpoint_dir``.

    Raises
    ------
    ValueError
        If the checkpoint belongs to another fit, or callbacks have a state that it cannot hold.
    OSError
        If the folder cannot be written.
    """
    if estimator.checkpoint_dir is None:
        yield None
        return
    file = _open(estimator, given)
    try:
        yield file
        file.remove()
    finally:
        file.close()


def _open(estimator, given):
    """Return a fit's checkpoint file, locked; its name is made of parameters and data."""
    check_callbacks(estimator, "checkpoint_dir")
    identity = {
        "parameter": _describe_parameters(estimator, given.seed),
        "data": {name: _digest(array) for name, array in _arrays_of(estimator, given).items()},
        "environment": _environment(estimator, scope_of(planes_shape(given.image_shape))),
    }
    folder = Path(estimator.checkpoint_dir).absolute()
    named = folder.is_file()
    if named:
        path = folder
    else:
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps([identity["parameter"], identity["data"]], sort_keys=True)
        name = hashlib.sha256(content.encode()).hexdigest()[:16]
        path = folder / f"{type(estimator).__name__}-{name}.ckpt"
    file = CheckpointFile(path, identity, estimator.checkpoint_every, named)
    if file.seed is None:
        file.seed = given.seed
    return file


def scope_of(shape):
    """Return the key of ``ENGINE`` for images of a shape ``(c, h, w)``."""
    return "tables" if shape[1] == 1 else "images"


def _arrays_of(estimator, given):
    """Return all that a fit's result depends on besides parameters, by name."""
    arrays = {
        "X": given.rows,
        "image shape": np.array(planes_shape(given.image_shape)),
        "table": np.array([given.is_table]),
        "y": given.y,
        "sample_weight": given.weights,
    }
    held_out = given.held_out
    arrays |= {"X_val": held_out.rows, "y_val": held_out.y, "sample_weight_val": held_out.weights}
    arrays |= {"groups": given.groups, "soft_targets": given.soft_targets}
    if given.before is not None:
        arrays["weights before"] = _as_vector(given.before.net_.module_.state_dict())
    if estimator.init_from is not None:
        weights = read_initial_weights(estimator.init_from, given.classes)
        arrays["weights of init_from"] = _as_vector(weights)
    return arrays


def _as_vector(weights):
    return torch.cat([tensor.cpu().double().ravel() for tensor in weights.values()]).numpy()


def _environment(estimator, scope):
    """Return what else decides the bits of a result: versions, processor, threads."""
    device = find_device(estimator.device)
    device = None if device is None else device.partition(":")[0]  # devices of a kind are alike
    return {
        "engine": {scope: ENGINE[scope]},
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "device": device,
        "threads": estimator.n_threads or thread_share() or torch.get_num_threads(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": device is not None and has_bfloat16(device),
        "oneDNN": onednn_is_better(),
    }


def check_callbacks(estimator, what):
    """Raise a ValueError if a callback has a state that does not travel; `what` is why it would."""
    for item in estimator.skorch_callbacks or ():
        callback = item[1] if isinstance(item, tuple) else item
        if not is_resumable(callback):
            raise ValueError(
                f"Got {what} together with the skorch callback {type(callback).__name__}, "
                "whose state no checkpoint can hold; expected callbacks without a state, or with "
                "the methods state_dict() and load_state_dict(state). Give it these two, or leave "
                "out one or the other."
            )


def _describe_parameters(estimator, seed):
    """Return a text for each parameter that has an influence on the result."""
    parameters = estimator.get_params(deep=False)
    described = {"class": type(estimator).__name__}
    for name, value in parameters.items():
        if name == "random_state" and isinstance(value, np.random.RandomState):
            value = seed
        if name not in NO_INFLUENCE:
            described[name] = _describe(value)
    file = estimator._file_of_weights()
    if file is not None and isfile(file):
        described["file of weights"] = _digest(np.fromfile(file, dtype=np.uint8))
    return described


def _describe(value):
    """Return a text that is the same in every process for the same value."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_describe, value))})"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if inspect.isfunction(value):
        return _describe_function(value, set())
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if is_watching(value):
        return kind
    try:
        return f"{kind} {joblib.hash(value)}"
    except (pickle.PicklingError, TypeError):
        return kind  # what cannot be pickled, such as a notebook's classes, is told by its class


def _describe_function(function, seen):
    """Return a text of a function's name, code, defaults and what it has from around it.

    What it may change while it runs, such as a list that it fills, is told by its type alone.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    if id(function) in seen:
        return name  # it calls itself
    seen.add(id(function))
    around = [cell.cell_contents for cell in function.__closure__ or ()]
    around += [*(function.__defaults__ or ()), *sorted((function.__kwdefaults__ or {}).items())]
    texts = [
        _describe_function(value, seen)
        if inspect.isfunction(value)
        else _describe(value)
        if value is None or isinstance(value, bool | int | float | str | tuple | type)
        else f"{type(value).__module__}.{type(value).__qualname__}"
        for value in around
    ]
    content = str([_describe_code(function.__code__), texts])
    return f"{name} {hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _describe_code(code):
    """Return what a function does, but not the file and the lines in which it is written."""
    constants = [
        _describe_code(constant) if inspect.iscode(constant) else repr(constant)
        for constant in code.co_consts
    ]
    return str([code.co_code.hex(), constants, code.co_names, code.co_varnames])


def _digest(array):
    """Return a fingerprint of an array's type, shape and content."""
    if array is None:
        return "none"
    digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    if array.dtype.hasobject:
        digest.update(joblib.hash(array).encode())
    else:
        bytes_of_row = math.prod(array.shape[1:]) * array.dtype.itemsize
        rows = max(1, BLOCK_BYTES // max(1, bytes_of_row))
        for start in range(0, array.shape[0], rows):
            block = dense(array[start : start + rows])
            digest.update(np.ascontiguousarray(block).view(np.uint8))
    return digest.hexdigest()[:16]
