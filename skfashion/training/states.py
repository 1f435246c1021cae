"""All that the rest of a training depends on, as one state: for a checkpoint, or to undo it."""

import torch

from skfashion.training.history import RowHistory


def training_state(net):
    """Return the state of a net in training: numbers, strings and tensors, nested.

    Parameters
    ----------
    net : TrainingNet
    """
    return state_without_history(net) | {"history": list(net.history)}


def state_without_history(net):
    """Return the same without the rows of the history, which are only ever added."""
    scaler = net.scaler_
    callbacks = {
        name: callback.state_dict()
        for name, callback in net.callbacks_
        if hasattr(callback, "state_dict")
    }
    return {
        "module": dict(net.module_.state_dict()),
        "optimizer": net.optimizer_.state_dict(),
        "generators": [generator.get_state() for generator in generators_of(net)],
        "scaler": None if scaler is None else scaler.state_dict(),
        "averaged": None if net.averaged_ is None else net.averaged_.state_dict(),
        "step": net.step_,
        "stopped": net.stop_training_,
        "callbacks": callbacks,
    }


def load_training_state(net, state):
    """Let a net go on from where :func:`training_state` was called."""
    net.module_.load_state_dict(state["module"])
    net.optimizer_.load_state_dict(state["optimizer"])
    for parameter, moments in net.optimizer_.state.items():
        for name, tensor in moments.items():
            if torch.is_tensor(tensor) and tensor.shape == parameter.shape:
                # In the parameter's own layout: the fused kernels walk through memory blindly.
                moments[name] = torch.empty_like(parameter).copy_(tensor)
    for generator, saved in zip(generators_of(net), state["generators"], strict=True):
        generator.set_state(saved)
    if net.scaler_ is not None and state["scaler"] is not None:
        net.scaler_.load_state_dict(state["scaler"])
    if net.averaged_ is not None and state["averaged"] is not None:
        net.averaged_.load_state_dict(state["averaged"])
    net.history = RowHistory(state["history"])
    net.step_, net.stop_training_ = state["step"], state["stopped"]
    callbacks = dict(net.callbacks_)
    for name, saved in state["callbacks"].items():
        callbacks[name].load_state_dict(saved)


def generators_of(net):
    """Return the generators of a training: of the rows' order, and of noise on a GPU."""
    noise = {
        id(module.generator): module.generator
        for module in net.module_.modules()
        if getattr(module, "generator", None) is not None
    }
    noise.pop(id(net.generator), None)
    return [net.generator, *noise.values()]
