"""What callers may have told PyTorch, and a training or a prediction does in its own way."""

from contextlib import ExitStack, contextmanager, nullcontext

import torch

# Kinds of devices for which autocast may be on.
KINDS = ("cpu", "cuda", "mps")


def own_modes(*, gradients):
    """Return a context in which PyTorch computes as it does where nobody has told it otherwise.

    Gradients are recorded, tensors are made on the CPU unless a device is named, and types are
    those of the weights, whatever is around: ``torch.no_grad``, ``torch.inference_mode``,
    ``torch.set_default_device``, ``torch.autocast``. All of these belong to the thread. The default
    type, ``torch.set_default_dtype``, belongs to the whole process and stays as it is: this package
    names the type of every tensor that it makes.

    Parameters
    ----------
    gradients : bool
        Whether gradients are needed.
    """
    contexts = []
    if gradients and (torch.is_inference_mode_enabled() or not torch.is_grad_enabled()):
        contexts.append(torch.inference_mode(False))  # which records gradients, too
    # Cheaper than `torch.get_default_device`, which is felt where one row is predicted.
    if torch.empty(0).device.type != "cpu":
        contexts.append(torch.device("cpu"))
    # Around another one, autocast would keep its 16-bit copies of weights from step to step.
    contexts += [
        torch.autocast(kind, enabled=False, cache_enabled=False)
        for kind in KINDS
        if torch.is_autocast_enabled(kind)
    ]
    return _all_of(contexts) if contexts else nullcontext()


def to_be_trained(module):
    """Let weights be trained that were copied, or read from a pickle, in PyTorch's inference mode.

    Parameters
    ----------
    module : torch.nn.Module
        Tensors of that mode in it are replaced, since they stay so outside of it.
    """
    with torch.inference_mode(False):
        for layer in module.modules():
            for name, weight in list(layer.named_parameters(recurse=False)):
                if weight.is_inference():
                    setattr(layer, name, torch.nn.Parameter(weight.clone(), weight.requires_grad))
            for name, buffer in list(layer.named_buffers(recurse=False)):
                if buffer.is_inference():
                    setattr(layer, name, buffer.clone())


@contextmanager
def _all_of(contexts):
    """Enter several contexts."""
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield
