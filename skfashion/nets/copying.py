"""Copies of somebody's module, which may keep results of its last call."""

import copy

import torch
from torch import nn


def copy_of(module):
    """Return a deep copy of a module; see :func:`without_history`."""
    return copy.deepcopy(module, without_history(module, {}))


def without_history(module, memo):
    """Let a deep copy have results that a module keeps, such as attention maps, detached.

    PyTorch refuses to copy tensors that a gradient flows through.

    Parameters
    ----------
    module : torch.nn.Module
    memo : dict
        What is copied already, as ``copy.deepcopy`` has it; it is returned with the results.
    """
    for layer in module.modules():
        for result in _results_in(vars(layer)):
            memo[id(result)] = result.detach().clone()
    return memo


def _results_in(value):
    """Yield the tensors in dicts, lists and tuples that are computed of weights."""
    if torch.is_tensor(value):
        if not value.is_leaf:
            yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            if not isinstance(part, nn.Module):
                yield from _results_in(part)
