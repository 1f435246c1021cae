"""Weights to begin with, from a net fitted before or from a file."""

from os import PathLike

import torch
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator


def read_initial_weights(init_from):
    """Return the weights that a parameter `init_from` names, by name, None for None.

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
        return _read_file(init_from)
    if isinstance(init_from, BaseEstimator) and not isinstance(init_from, FrozenEstimator):
        raise ValueError(
            f"Got init_from={type(init_from).__name__}(...), expected a frozen estimator: clone, "
            "and with it GridSearchCV, would forget what a bare one has learned. Use "
            "init_from=sklearn.frozen.FrozenEstimator(net)."
        )
    net = getattr(init_from.estimator, "net_", None)
    if not hasattr(net, "module_"):
        raise ValueError(
            f"Got init_from=FrozenEstimator({type(init_from.estimator).__name__}(...)), expected a "
            "fitted classifier of this package in it."
        )
    return {name: tensor.cpu() for name, tensor in net.module_.state_dict().items()}


def _read_file(path):
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise ValueError(
            f"Got init_from={str(path)!r}, which PyTorch cannot read as weights ({error}); "
            "expected a file that net.net_.save_params(f_params=path) has written."
        ) from error
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        raise ValueError(
            f"Got init_from={str(path)!r}, which holds a {type(state).__name__}, expected weights "
            "by name, as net.net_.save_params(f_params=path) writes them."
        )
    return state


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
    keeps_head = all(shapes.get(name) == tuple(own[name].shape) for name in head)
    # torchvision's weights come without statistics of the pixels.
    left = {name for name in own if name.startswith("standardize.") and name not in weights}
    left |= set() if keeps_head else head
    wanted = set(own) - left
    differing = [
        f"{name}: {shapes.get(name, 'nothing')} there, "
        f"{tuple(own[name].shape) if name in own else 'nothing'} here"
        for name in sorted(wanted | (set(weights) - head))
        if name not in own or shapes.get(name) != tuple(own[name].shape)
    ]
    if differing:
        shown = "; ".join(differing[:3]) + ("; …" if len(differing) > 3 else "")
        raise ValueError(
            f"Got {source} with weights of another architecture ({len(differing)} differ: {shown})"
            "; expected the same parameters of the architecture and the same channels."
        )
    module.load_state_dict({name: weights[name] for name in wanted}, strict=False)
