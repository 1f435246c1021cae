"""From the name of an optimizer to a class and its arguments."""

import inspect
import operator

import torch

from skfashion.training._torch import (
    ADAM_LISTS,
    SGD_LISTS,
    collect_state,
    collects_state,
    fused_adam,
    fused_sgd,
    has_step_hooks,
    without_compiler,
)
from skfashion.training.muon import MuonAdamW

Adam = without_compiler(torch.optim.Adam, __name__)
AdamW = without_compiler(torch.optim.AdamW, __name__)
SGD = without_compiler(torch.optim.SGD, __name__)
FUSED = {"adamw": AdamW, "adam": Adam, "sgd": SGD}
OPTIMIZERS = {**FUSED, "muon": MuonAdamW}


def resolve_optimizer(optimizer, *, weight_decay, momentum, nesterovs_momentum):
    """Return an optimizer class and the keyword arguments, without `lr`, to call it with.

    Parameters
    ----------
    optimizer : {"adamw", "adam", "sgd", "muon"} or subclass of torch.optim.Optimizer
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
        # PyTorch's own are trained like those named: with their fused kernels.
        ours = (known for known in FUSED.values() if known.__base__ is optimizer)
        cls = next(ours, optimizer)
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
    if cls in FUSED.values():
        # One kernel for all parameters instead of a Python loop over them. Which devices and
        # dtypes the fused kernels of other classes support is not ours to know.
        offered["fused"] = True
    accepted = inspect.signature(cls).parameters
    return cls, {name: value for name, value in offered.items() if name in accepted}


def make_update(optimizer):
    """Return a function that takes a step of an optimizer; None if it needs the loss for that.

    An optimizer of the user's may want to evaluate the loss several times a step.
    """
    if type(optimizer) is MuonAdamW:
        return optimizer.step
    if type(optimizer) not in FUSED.values():
        return None
    # A scheduler of PyTorch's puts a step of its own on the instance, to count it.
    hooked = has_step_hooks(optimizer) or "step" in vars(optimizer)
    update = SGDUpdate if isinstance(optimizer, torch.optim.SGD) else AdamUpdate
    if hooked or len(optimizer.param_groups) > 1 or not update.is_possible(optimizer):
        return optimizer.step
    return update(optimizer)


def _are_those(parameters, others):
    """Tell whether two lists hold the same parameters."""
    return len(parameters) == len(others) and all(map(operator.is_, parameters, others))


class AdamUpdate:
    """The step of a fused Adam or AdamW: its kernel on its state, without the wrapper around it.

    The wrapper groups tensors, reads options and opens profiler ranges, anew at every step, which
    costs more than the kernel does on a small network. Parameters and state are those of the
    optimizer; the learning rate is read at every step, so that schedulers have their way.

    Parameters
    ----------
    optimizer : torch.optim.Adam or torch.optim.AdamW
        With ``fused=True`` and one group of parameters.
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self._kernel = self._find_kernel(optimizer)
        self._params = ()

    @staticmethod
    def _find_kernel(optimizer):
        return fused_adam(decoupled=isinstance(optimizer, torch.optim.AdamW))

    @classmethod
    def is_possible(cls, optimizer):
        """Tell whether this version of PyTorch has what is needed."""
        has_kernel = cls._find_kernel(optimizer) is not None
        return has_kernel and collects_state(type(optimizer), ADAM_LISTS)

    def _collect(self):
        """Collect the parameters that have gradients, and their state, made here if missing."""
        lists = collect_state(self.optimizer, ADAM_LISTS)
        self._params, _, self._averages, self._squares, _, steps = lists
        # The numbers of steps become views of one tensor, so that one addition counts for all.
        self._counts = torch.stack(steps)
        self._steps = list(self._counts.unbind())
        for parameter, step in zip(self._params, self._steps, strict=True):
            self.optimizer.state[parameter]["step"] = step

    def __call__(self):
        """Update the parameters by their gradients; those that have none stay as they are."""
        group = self.optimizer.param_groups[0]
        used = [parameter for parameter in group["params"] if parameter.grad is not None]
        if not used:
            return
        if not _are_those(used, self._params):
            self._collect()
        beta1, beta2 = group["betas"]
        self._counts.add_(1)
        self._kernel(
            self._params,
            [parameter.grad for parameter in self._params],
            self._averages,
            self._squares,
            [],
            self._steps,
            amsgrad=False,
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


class SGDUpdate:
    """The step of a fused SGD, as :class:`AdamUpdate`.

    Parameters
    ----------
    optimizer : torch.optim.SGD
        With ``fused=True`` and one group of parameters.
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self._kernel = fused_sgd()
        self._params = ()

    @staticmethod
    def is_possible(optimizer):
        """Tell whether this version of PyTorch has what is needed."""
        return fused_sgd() is not None and collects_state(type(optimizer), SGD_LISTS)

    def _collect(self):
        self._params, _, self._momenta = collect_state(self.optimizer, SGD_LISTS)
        for i, parameter in enumerate(self._params[: len(self._momenta)]):
            if self._momenta[i] is None:
                # The first momentum is the gradient; adding it to nothing gives the same.
                self._momenta[i] = torch.zeros_like(parameter)
                self.optimizer.state[parameter]["momentum_buffer"] = self._momenta[i]

    def __call__(self):
        """Update the parameters by their gradients; those that have none stay as they are."""
        group = self.optimizer.param_groups[0]
        used = [parameter for parameter in group["params"] if parameter.grad is not None]
        if not used:
            return
        if not _are_those(used, self._params):
            self._collect()
        self._kernel(
            self._params,
            [parameter.grad for parameter in self._params],
            self._momenta,
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=group["dampening"],
            nesterov=group["nesterov"],
            maximize=False,
            is_first_step=False,
        )
