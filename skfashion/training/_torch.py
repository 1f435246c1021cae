"""Every private name of PyTorch that this package uses, and no other module has one.

PyTorch may rename or change them in any release. Beside each stand the first and the last version
in which it was seen; those between were not looked at. Where a name is gone, or no longer takes the
arguments that it is given here, there is a plain way that computes the same up to rounding, if
slower.
"""

import inspect
from functools import cache

import torch


def _find(owner, name, default=None):
    """Return a private attribute, or `default` where this version of PyTorch does not have it."""
    return getattr(owner, name, default)


# --- fused optimizers -----------------------------------------------------------------------------

# What `_init_group` fills after its group. In 2.6 AdamW, not yet an Adam, has one argument more.
ADAM_LISTS = (
    "params_with_grad",
    "grads",
    "exp_avgs",
    "exp_avg_sqs",
    "max_exp_avg_sqs",
    "state_steps",
)
SGD_LISTS = ("params", "grads", "momentum_buffer_list")


def fused_adam(decoupled):
    """Return the kernel of Adam, of AdamW if `decoupled`; None where it cannot be called."""
    kernel = _find(torch, "_fused_adamw_" if decoupled else "_fused_adam_")  # torch 2.6-2.14
    return kernel if kernel is not None and _can_run_adam(kernel) else None


@cache
def _can_run_adam(kernel):
    lists = [[torch.ones(1, dtype=torch.float32)] for _ in range(4)]
    steps = [torch.ones((), dtype=torch.float32)]
    options = {"lr": 0.1, "beta1": 0.9, "beta2": 0.9, "weight_decay": 0.1, "eps": 0.1}
    try:
        kernel(*lists, [], steps, amsgrad=False, maximize=False, **options)
    except (TypeError, RuntimeError):
        return False
    return True


def fused_sgd():
    """Return the kernel of SGD; None where it cannot be called."""
    kernel = _find(torch, "_fused_sgd_")  # torch 2.6-2.14
    return kernel if kernel is not None and _can_run_sgd(kernel) else None


@cache
def _can_run_sgd(kernel):
    lists = [[torch.ones(1, dtype=torch.float32)] for _ in range(3)]
    options = {"weight_decay": 0.1, "momentum": 0.9, "lr": 0.1, "dampening": 0.0}
    options |= {"nesterov": True, "maximize": False, "is_first_step": False}
    try:
        kernel(*lists, **options)
    except (TypeError, RuntimeError):
        return False
    return True


def collects_state(cls, names):
    """Tell whether an optimizer class has a method that collects these lists of its state."""
    method = _find(cls, "_init_group")  # torch 2.6-2.14
    return method is not None and _arguments_of(method)[2:] == names


@cache
def _arguments_of(function):
    return tuple(inspect.signature(function).parameters)


def collect_state(optimizer, names):
    """Return lists of an optimizer's parameters with gradients and their state, made if missing."""
    lists = tuple([] for _ in names)
    optimizer._init_group(optimizer.param_groups[0], *lists)  # torch 2.6-2.14
    return lists


def without_compiler(cls, module):
    """Return a subclass of an optimizer, of a module, made and used without PyTorch's compiler.

    PyTorch wraps these methods to hide them from the compiler, and the wrapper imports it:
    hundreds of modules that every process would load which trains for the first time.
    """
    names = ("add_param_group", "zero_grad")
    plain = {name: inspect.unwrap(getattr(cls, name)) for name in names}
    return type(cls.__name__, (cls,), {**plain, "__module__": module})


def has_step_hooks(optimizer):
    """Tell whether somebody listens to an optimizer's steps; True where that is not known."""
    return bool(
        _find(optimizer, "_optimizer_step_pre_hooks", True)  # torch 2.6-2.14
        or _find(optimizer, "_optimizer_step_post_hooks", True)  # torch 2.6-2.14
    )


def adamw_step_(params, grads, averages, squares, steps, *, lr, beta1, beta2, weight_decay, eps):
    """Update parameters and their averages in place by one step of AdamW; `steps` count it."""
    kernel = fused_adam(decoupled=True)
    if kernel is not None:
        options = {"lr": lr, "beta1": beta1, "beta2": beta2}
        options |= {"weight_decay": weight_decay, "eps": eps, "amsgrad": False, "maximize": False}
        kernel(params, grads, averages, squares, [], steps, **options)
        return
    for param, grad, average, square, step in zip(
        params, grads, averages, squares, steps, strict=True
    ):
        param.mul_(1 - lr * weight_decay)
        average.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = (square / (1 - beta2**step)).sqrt_().add_(eps)
        param.sub_(average / root * (lr / (1 - beta1**step)))


# --- one call for many tensors --------------------------------------------------------------------


@cache
def _can_run_foreach(function, n_lists):
    lists = [[torch.ones(1, dtype=torch.float32)] for _ in range(n_lists)]
    try:
        function(*lists, 0.5)
    except (TypeError, RuntimeError):
        return False
    return True


def foreach_lerp_(tensors, ends, weight):
    """Move each tensor towards its end, in place."""
    together = _find(torch, "_foreach_lerp_")  # torch 2.6-2.14
    if together is not None and _can_run_foreach(together, 2):
        together(tensors, ends, weight)
        return
    for tensor, end in zip(tensors, ends, strict=True):
        tensor.lerp_(end, weight)


def foreach_lerp(tensors, ends, weight):
    """Return new tensors: each of `tensors`, moved towards its end."""
    together = _find(torch, "_foreach_lerp")  # torch 2.6-2.14
    if together is not None and _can_run_foreach(together, 2):
        return together(tensors, ends, weight)
    return [torch.lerp(tensor, end, weight) for tensor, end in zip(tensors, ends, strict=True)]


def foreach_mul_(tensors, factor):
    """Multiply each tensor by a number, in place."""
    together = _find(torch, "_foreach_mul_")  # torch 2.6-2.14
    if together is not None and _can_run_foreach(together, 1):
        together(tensors, factor)
        return
    for tensor in tensors:
        tensor.mul_(factor)


# --- what the processor can do --------------------------------------------------------------------


def onednn_product(a, b):
    """Return ``a @ b`` of float32 matrices, computed by oneDNN; None where it is not offered."""
    multiply = _find(torch.ops.mkldnn, "_linear_pointwise")  # torch 2.6-2.14
    return None if multiply is None else multiply(a, b.t(), None, "none", [], "")


def onednn_convolution():
    """Return oneDNN's convolution, None where it is not offered.

    ``convolve(x, weight, bias, padding, stride, dilation, groups)``. PyTorch's own takes
    oneDNN's or another by the number of images.
    """
    is_there = torch.backends.mkldnn.is_available()
    return _find(torch, "mkldnn_convolution") if is_there else None  # torch 2.6-2.14


def cpu_has_bfloat16():
    """Tell whether the processor has instructions for bfloat16; False where that is not known."""
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch 2.6-2.14
    return any(_find(torch.cpu, name, bool)() for name in questions)


# --- layers and hooks -----------------------------------------------------------------------------


def registries_of(layer):
    """Return the dicts in which a layer keeps its layers, parameters, buffers and forward hooks.

    First those of what it holds, then those of hooks; None where they are not found.
    """
    held = [_find(layer, name) for name in ("_modules", "_parameters", "_buffers")]
    hooks = [_find(layer, name) for name in ("_forward_hooks", "_forward_pre_hooks")]
    return None if None in held or None in hooks else (held, hooks)  # torch 2.6-2.14


def has_forward_hooks(layer):
    """Tell whether hooks on a layer see its predictions; True where that is not known."""
    # torch 2.6-2.14
    return bool(_find(layer, "_forward_hooks", True) or _find(layer, "_forward_pre_hooks", True))


def has_backward_hooks(layer):
    """Tell whether hooks on a layer see its gradients; True where that is not known."""
    # torch 2.6-2.14
    return bool(_find(layer, "_backward_hooks", True) or _find(layer, "_backward_pre_hooks", True))


def has_global_hooks():
    """Tell whether hooks see what any layer computes; True where that is not known."""
    names = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
    module = torch.nn.modules.module
    return any(_find(module, f"_global_{name}", True) for name in names)  # torch 2.6-2.14


def has_gradient_hooks(parameter):
    """Tell whether hooks on a parameter see its gradient; True where that is not known."""
    names = ("_backward_hooks", "_post_accumulate_grad_hooks")  # torch 2.6-2.14
    return any(_find(parameter, name, True) for name in names)
