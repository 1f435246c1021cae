"""All that the rest of a training depends on, as one state: for a checkpoint, or to undo it."""

import copy
from functools import partial

import numpy as np
import torch

from skfashion.training.history import RowHistory
from skfashion.training.optimizers import make_update

# What a training records in each epoch.
RECORDS = ("epoch", "train_loss", "train_accuracy", "lr", "seconds")

# Options of optimizers that decide which kernels run, and on which of their state.
SWITCHES = {"amsgrad", "capturable", "differentiable", "foreach", "fused", "maximize", "nesterov"}
SWITCHES |= {"orthogonal"}


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
    load_optimizer_state(net.optimizer_, state["optimizer"])
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


def load_optimizer_state(optimizer, state):
    """Give an optimizer the state of another one, of weights of the same shapes."""
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        for name, tensor in moments.items():
            if torch.is_tensor(tensor) and tensor.shape == parameter.shape:
                # In the parameter's own layout: the fused kernels walk through memory blindly.
                moments[name] = torch.empty_like(parameter).copy_(tensor)


def resume_training(net, state, *, validates, steps_per_epoch):
    """Let a net go on from a state that comes from elsewhere, once it is known to be one of its.

    Parameters
    ----------
    net : TrainingNet
        At the beginning of its training.
    state : dict
        What :func:`training_state` returned, or what somebody has made of it.
    validates : bool
        Whether the training has validation data.
    steps_per_epoch : int
        Steps of the optimizer in each epoch.

    Raises
    ------
    ValueError
        If a part of it is of another type, shape or dtype than the net's, or counts steps or
        epochs that the training cannot have had; the net is as it was.
    """
    difference = next(_differences_from_own(net, state, validates, steps_per_epoch), None)
    if difference is not None:
        raise ValueError(difference)
    load_training_state(net, state)


def _differences_from_own(net, state, validates, steps_per_epoch):
    """Yield in words how a state is not one of a net's: kernels walk through memory blindly."""
    own = training_state(net)
    if not isinstance(state, dict) or set(state) != set(own):
        yield "it has not the parts of a training"
        return
    for part in ("module", "generators", "step", "stopped"):
        yield from _differences(own[part], state[part], part)
    for part in ("scaler", "averaged"):  # a training may have one before a pause alone
        if own[part] is not None and state[part] is not None:
            yield from _differences(own[part], state[part], part)
    yield from _differences_of_history(net, state["history"], validates)
    n_steps = len(state["history"]) * steps_per_epoch
    if state["step"] != n_steps:
        yield f"step: {state['step']} there, {n_steps} after {len(state['history'])} epochs here"
    if own["averaged"] is not None and state["averaged"] is not None:
        yield from _differences_of_count(state["averaged"]["n"], n_steps, "averaged n")
    yield from _differences_of_optimizer(net.optimizer_, state["optimizer"], n_steps)
    yield from _differences_of_callbacks(net, own["callbacks"], state["callbacks"])


def _differences(own, other, name):
    """Yield in words where a nested state differs from another in types, shapes and dtypes."""
    if torch.is_tensor(own) and torch.is_tensor(other):
        if (own.shape, own.dtype) != (other.shape, other.dtype):
            yield (
                f"{name}: {tuple(other.shape)} of {other.dtype} there, {tuple(own.shape)} of "
                f"{own.dtype} here"
            )
    elif _kind(own) is not _kind(other):
        yield f"{name}: {type(other).__name__} there, {type(own).__name__} here"
    elif isinstance(own, dict):
        if set(own) != set(other):
            yield f"{name}: {_shown(other)} there, {_shown(own)} here"
        for key in own:
            if key in other:
                yield from _differences(own[key], other[key], f"{name} {key}")
    elif isinstance(own, list | tuple):
        if len(own) != len(other):
            yield f"{name}: {len(other)} there, {len(own)} here"
        for i, pair in enumerate(zip(own, other, strict=False)):
            yield from _differences(*pair, f"{name} {i}")


def _kind(value):
    """Return the type of a value; all numbers are of one."""
    value = value.item() if isinstance(value, np.generic) else value
    return float if isinstance(value, int | float) and type(value) is not bool else type(value)


def _is_number(value):
    return _kind(value) is float


def _shown(names):
    """Return a few names, to be read."""
    return ", ".join(map(str, list(names)[:3])) + (", …" if len(names) > 3 else "")


def _differences_of_optimizer(optimizer, state, n_steps):
    """Yield in words how a state is not one of an optimizer after so many steps."""
    own = optimizer.state_dict()
    if not isinstance(state, dict) or set(state) != set(own):
        yield "optimizer: it has not the parts of one"
        return
    groups, moments = state["param_groups"], state["state"]
    places = [group["params"] for group in own["param_groups"]]
    if not isinstance(groups, list) or places != [group["params"] for group in groups]:
        yield "optimizer: it is for other parameters"
        return
    if not isinstance(moments, dict) or not set(moments) <= {p for group in places for p in group}:
        yield "optimizer: it has a state of other parameters"
        return
    is_known = _is_known(optimizer)
    for mine, theirs in zip(own["param_groups"], groups, strict=True):
        # A scheduler of the user's may have added something.
        shared = {name: value for name, value in theirs.items() if name in mine}
        yield from _differences(mine, shared, "optimizer") if is_known else ()
        for name in SWITCHES & set(mine):
            if shared.get(name) != mine[name]:
                yield f"optimizer {name}: {shared.get(name)} there, {mine[name]} here"
    expected = _state_after_a_step(optimizer)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    n_weights = sum(parameter.numel() for parameter in parameters)
    for place, found in moments.items():
        name, mine = f"optimizer {place}", expected.get(place, {})
        # What an optimizer of the user's adds later is compared with the weights instead, where a
        # fused kernel of PyTorch's may walk through it; ordinary operations look themselves.
        later = {} if is_known else {k: v for k, v in found.items() if k not in _fixed(mine)}
        yield from _differences(mine | later, found, name)
        if _is_like_torchs(optimizer):
            yield from _differences_from_weights(parameters[place], n_weights, later, name)
        if is_known and "step" in found:
            yield from _differences_of_count(found["step"], n_steps, f"{name} step")


def _is_known(optimizer):
    """Tell whether all states of an optimizer have the form of that after its first step."""
    library = type(optimizer).__module__.partition(".")[0]
    return library in {"torch", "skfashion"} and not isinstance(optimizer, torch.optim.LBFGS)


def _is_like_torchs(optimizer):
    """Tell whether an optimizer is derived from one that PyTorch has a kernel for."""
    kinds = set(type(optimizer).__mro__) - {torch.optim.Optimizer}
    return any(kind.__module__.startswith("torch.optim") for kind in kinds)


def _fixed(moments):
    """Return the names of those of a parameter's moments that keep their form."""
    return {key for key, value in moments.items() if torch.is_tensor(value) or _is_number(value)}


def _state_after_a_step(optimizer):
    """Return the state of an optimizer after a step; a copy of it takes the step."""
    try:
        memo = {}
        twin = copy.deepcopy(optimizer, memo)
        # PyTorch copies its own attributes alone; a "step" there is a scheduler's, around this one.
        more = {n: v for n, v in vars(optimizer).items() if n not in vars(twin) and n != "step"}
        vars(twin).update(copy.deepcopy(more, memo))
        for group in twin.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.zeros_like(parameter)
        update = make_update(twin) or partial(twin.step, lambda: torch.zeros(()))
        update()
        return twin.state_dict()["state"]
    except Exception:
        # One of the user's, which cannot be copied, or wants more of a loss than its value.
        return {}


def _differences_from_weights(parameter, n_weights, value, name):
    """Yield in words which tensors in a value have another form than a parameter, or all of them.

    What belongs to a parameter has its shape, is one number, or one long vector of all weights.
    """
    if isinstance(value, dict | list | tuple):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _differences_from_weights(parameter, n_weights, item, f"{name} {key}")
    elif torch.is_tensor(value) and value.shape:
        shapes = parameter.shape, torch.Size([n_weights])
        if value.shape not in shapes or value.dtype != parameter.dtype:
            yield (
                f"{name}: {tuple(value.shape)} of {value.dtype} there, "
                f"{tuple(parameter.shape)} of {parameter.dtype} here"
            )


def _differences_of_count(value, largest, name):
    """Yield in words how a number of steps or epochs is none of this training."""
    if not 0 <= float(value) <= largest:
        yield f"{name}: {float(value):g} there, at most {largest} here"


def _differences_of_history(net, history, validates):
    if not isinstance(history, list):
        yield "history: it is no list"
        return
    yield from _differences_of_count(len(history), net.max_epochs, "history")
    records = (*RECORDS, *(("valid_loss", "valid_score") if validates else ()))
    for epoch, row in enumerate(history, 1):
        is_row = isinstance(row, dict) and all(_is_number(row.get(name)) for name in records)
        if not is_row or row["epoch"] != epoch or not _are_batches(row.get("batches")):
            yield f"history: it has no records of epoch {epoch}"


def _are_batches(batches):
    """Tell whether these are skorch's records of the batches of an epoch."""
    return isinstance(batches, list) and all(isinstance(batch, dict) for batch in batches)


def _differences_of_callbacks(net, own, states):
    if not isinstance(states, dict) or set(states) != set(own):
        yield "callbacks: it has others"
        return
    for name, callback in net.callbacks_:
        if name in own and hasattr(callback, "state_like"):
            # As it is before the first epoch, or after one.
            before = list(_differences(own[name], states[name], name))
            after = list(_differences(callback.state_like(net), states[name], name))
            yield from after if before else ()


def generators_of(net):
    """Return the generators of a training: of the rows' order, and of noise on a GPU."""
    noise = {
        id(module.generator): module.generator
        for module in net.module_.modules()
        if isinstance(getattr(module, "generator", None), torch.Generator)
    }
    noise.pop(id(net.generator), None)
    return [net.generator, *noise.values()]
