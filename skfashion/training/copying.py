"""What a fit copies of the callbacks that it was given, and what it shares with them."""

import copy
from collections import deque
from types import MethodType

import numpy as np
import torch
from skorch.callbacks import Callback

# Copied as a whole; all else that is no container and no callback is shared.
VALUES = (np.ndarray, torch.Tensor, np.random.RandomState, np.random.Generator, torch.Generator)


def copy_callbacks(callbacks):
    """Return copies of callbacks, so that a fit leaves the parameter as it was.

    Lists, dicts and their like, arrays, tensors, random generators and callbacks are copied. What
    else a callback holds (a trial, a writer, a run, an open file) stands for something outside of
    the fit, and is shared: a report to a copy of a trial would reach nobody.

    Parameters
    ----------
    callbacks : sequence of skorch callbacks, or of tuples (name, callback)

    Returns
    -------
    list
        In the same form.
    """
    callbacks = list(callbacks)
    shared, seen, waiting = {}, set(), [callbacks]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        parts = _parts_of(value)
        if parts is None:
            shared[id(value)] = value
        else:
            waiting.extend(parts)
    # What is in its memo already, deepcopy does not copy again.
    return copy.deepcopy(callbacks, shared)


def _parts_of(value):
    """Return what a value that is to be copied holds; None of one that is to be shared."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset | deque):
        return list(value)
    if isinstance(value, Callback):
        return list(vars(value).values())
    if isinstance(value, MethodType):  # of the copy, where it is one of a callback
        return [value.__self__]
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return value.ravel().tolist()
    # A tensor that was computed with gradients cannot be copied without what it comes from.
    is_computed = isinstance(value, torch.Tensor) and not value.is_leaf
    return [] if isinstance(value, VALUES) and not is_computed else None
