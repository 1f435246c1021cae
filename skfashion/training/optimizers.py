"""From the name of an optimizer to a class and its arguments."""

import inspect

import torch

OPTIMIZERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}


def resolve_optimizer(optimizer, *, weight_decay, momentum, nesterovs_momentum):
    """Return an optimizer class and the keyword arguments, without `lr`, to call it with.

    Parameters
    ----------
    optimizer : {"adamw", "adam", "sgd"} or subclass of torch.optim.Optimizer
        A class of the user's gets those of the arguments below that its signature names.
    weight_decay, momentum : float
        As in PyTorch; `momentum` for optimizers that have one.
    nesterovs_momentum : bool
        Whether the momentum is Nesterov's.

    Raises
    ------
    ValueError
        If `optimizer` is neither a known name nor an optimizer class.
    """
    if isinstance(optimizer, str):
        cls = OPTIMIZERS[optimizer]
    elif isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer):
        cls = optimizer
    else:
        raise ValueError(
            f"Got optimizer={optimizer!r}, expected one of {sorted(OPTIMIZERS)} or a subclass of "
            "torch.optim.Optimizer (the class itself, not an instance of it)."
        )
    offered = {
        "weight_decay": weight_decay,
        "momentum": momentum,
        "nesterov": nesterovs_momentum and momentum > 0,
    }
    if cls in OPTIMIZERS.values():
        # One kernel for all parameters instead of a Python loop over them. Which devices and
        # dtypes the fused kernels of other classes support is not ours to know.
        offered["fused"] = True
    accepted = inspect.signature(cls).parameters
    return cls, {name: value for name, value in offered.items() if name in accepted}
