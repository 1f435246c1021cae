"""Parameters and labels as JSON, and back: names are looked up in tables, and nothing is run."""

import re
from dataclasses import fields
from os import PathLike, fspath

import numpy as np
import torch

from skfashion.parameters import losses
from skfashion.parameters.augmentation import Augmentation
from skfashion.parameters.declaring import constraints_of
from skfashion.utils._sklearn import validate_parameter_constraints

LOSSES = [
    losses.BalancedSoftmaxLoss,
    losses.ClassBalancedLoss,
    losses.FocalLoss,
    losses.LDAMLoss,
    losses.LogitAdjustedLoss,
]
# Objects that may be parameters, and are made of parameters themselves.
OBJECTS = {cls.__name__: cls for cls in (Augmentation, *LOSSES)}
# Bytes of an array of labels, so that few letters become no large memory.
MOST_BYTES = 2**24
NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
TEXT = re.compile(r"[<>|=]?U\d{1,6}")
# Entries of a dict, and keys that are numbers: beyond these, hashes of different ones are equal.
MOST_ENTRIES, LARGEST_KEY = 10_000, 2**61 - 2


def to_words(value):
    """Return a parameter's value as JSON's types.

    Raises
    ------
    TypeError
        If it is none that a file without code can hold.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | range):
        return [to_words(item) for item in value]
    if isinstance(value, tuple) and type(value) is tuple:
        return {"tuple": [to_words(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[to_words(key), to_words(item)] for key, item in value.items()]}
    if isinstance(value, np.ndarray):
        return {"array": array_to_words(value)}
    if isinstance(value, PathLike) and isinstance(fspath(value), str):
        return fspath(value)
    if isinstance(value, type) and _optimizers().get(value.__name__) is value:
        return {"optimizer": value.__name__}
    if OBJECTS.get(type(value).__name__) is type(value):
        its = {field.name: to_words(getattr(value, field.name)) for field in fields(value)}
        return {"object": [type(value).__name__, its]}
    if hasattr(value, "__array__"):
        return {"array": array_to_words(np.asarray(value))}
    raise TypeError(f"{type(value).__name__} is no number, no word and no list of them")


def name_of(value):
    """Return what a class, a function or an object is called, to be read and not to be found."""
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def from_words(words):
    """Return what :func:`to_words` was given.

    Raises
    ------
    ValueError
        If it is nothing that :func:`to_words` returns.
    """
    if isinstance(words, list):
        return [from_words(item) for item in words]
    if not isinstance(words, dict):
        return words
    kind, content = _only_item(words)
    if kind == "tuple" and isinstance(content, list):
        return tuple(from_words(item) for item in content)
    if kind == "dict" and isinstance(content, list):
        if len(content) > MOST_ENTRIES:
            raise ValueError(f"a dict has {len(content):,} entries, at most {MOST_ENTRIES:,}")
        return {_key(key): from_words(item) for key, item in map(_pair, content)}
    if kind == "array":
        return array_from_words(content)
    if kind == "optimizer" and isinstance(content, str) and content in _optimizers():
        return _optimizers()[content]
    if kind == "object":
        name, its = _pair(content)
        cls = OBJECTS.get(name) if isinstance(name, str) else None
        if cls is None or not isinstance(its, dict):
            raise ValueError(f"{name!r} is no object of a parameter")
        return _checked(cls, {key: from_words(value) for key, value in its.items()})
    raise ValueError(f"{kind!r} is no kind of value")


def array_to_words(array):
    """Return an array of numbers or text, of one dimension, as JSON's types.

    Raises
    ------
    TypeError
        If it has objects that are no numbers and no text, or numbers of more than 64 bits.
    """
    if array.ndim != 1:
        raise TypeError(f"an array of {array.ndim} dimensions is no list of numbers")
    if array.dtype == object:
        values = [to_words(value) for value in array.tolist()]
        if not all(isinstance(value, bool | int | float | str) for value in values):
            raise TypeError("an array of objects holds more than numbers and text")
        return {"dtype": "object", "values": values}
    if not (NUMBERS.fullmatch(array.dtype.str) or TEXT.fullmatch(array.dtype.str)):
        raise TypeError(f"an array of {array.dtype} holds neither numbers nor text")
    return {"dtype": array.dtype.str, "values": array.tolist()}


def array_from_words(words):
    """Return what :func:`array_to_words` was given.

    Raises
    ------
    ValueError
        If it is no array, or would need far more memory than its words.
    """
    is_array = isinstance(words, dict) and set(words) == {"dtype", "values"}
    if not is_array or not isinstance(words["values"], list) or not isinstance(words["dtype"], str):
        raise ValueError("an array has no dtype or no values")
    name, values = words["dtype"], words["values"]
    kinds = {type(value) for value in values}
    if name == "object":
        if not kinds <= {bool, int, float, str}:
            raise ValueError("an array of objects holds more than numbers and text")
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return made
    if not (kinds <= {bool, int, float} and NUMBERS.fullmatch(name)) and not (
        kinds <= {str} and TEXT.fullmatch(name)
    ):
        raise ValueError(f"an array of {name!r} holds something else")
    dtype = np.dtype(name)
    if dtype.itemsize * len(values) > MOST_BYTES:
        raise ValueError(f"an array of {name!r} is too large")
    try:
        made = np.array(values, dtype=dtype)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    if made.tolist() != values and not (dtype.kind == "f" and np.isnan(made).any()):
        raise ValueError(f"an array of {name!r} holds values that are none of its")
    return made


def _optimizers():
    """Return PyTorch's own optimizers by name."""
    found = {name: getattr(torch.optim, name) for name in dir(torch.optim)}
    base = torch.optim.Optimizer
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type) and issubclass(kind, base) and kind is not base
    }


def _key(words):
    """Return a key of a dict: a label, or a name."""
    key = from_words(words)
    is_number = isinstance(key, int | float)
    if not isinstance(key, str | int | float) or (is_number and not abs(key) <= LARGEST_KEY):
        raise ValueError("a key of a dict is no label")
    return key


def _only_item(words):
    if len(words) != 1:
        raise ValueError("a value has several kinds, or none")
    return next(iter(words.items()))


def _pair(words):
    if not isinstance(words, list) or len(words) != 2:
        raise ValueError("a list of two values has more or fewer")
    return words


def _checked(cls, values):
    """Return an object with these parameters, once they are known to be such."""
    constraints = constraints_of(cls)
    if not set(values) <= set(constraints):
        raise ValueError(f"{cls.__name__} has parameters that this version does not know")
    made = cls(**values)
    its = {name: getattr(made, name) for name in constraints}
    validate_parameter_constraints(constraints, its, cls.__name__)
    return made
