"""Somebody's module, made and tried: what it takes, what it returns, and what draws in it."""

import inspect
from difflib import get_close_matches

import torch
from torch import nn

from skfashion.nets.copying import copy_of
from skfashion.nets.endings import sum_to_one

# Rows that a module is tried with: as few as batch norm can learn from.
N_ROWS = 2
# How often it is tried again whether a layer draws.
REPETITIONS = 8
# Where layers are defined of which none draws from that generator, whatever other threads draw
# from it while they compute. The package's own draw from a generator of theirs.
QUIET = (
    "skfashion.nets.layers",
    *(
        f"torch.nn.modules.{part}"
        for part in (
            *("batchnorm", "container", "conv", "flatten", "instancenorm", "linear"),
            *("normalization", "padding", "upsampling"),
        )
    ),
)


def parameters_of(module):
    """Return the parameters of what makes a module, by name; None where they are not known.

    Parameters
    ----------
    module : type, callable or torch.nn.Module
        What makes the module; a module itself takes none.

    Returns
    -------
    dict of str to inspect.Parameter, or None
    """
    if isinstance(module, nn.Module):
        return {}
    try:
        found = inspect.signature(module).parameters
    except (TypeError, ValueError):  # written in C
        return None
    return dict(found)


def takes(module, name):
    """Tell whether what makes a module may be called with a keyword of this name."""
    known = parameters_of(module)
    if known is None:
        return True
    by_keyword = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    if name in known and known[name].kind in by_keyword:
        return True
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known.values())


def name_of(module):
    """Return what a module, or what makes it, is called: for messages."""
    named = type(module) if isinstance(module, nn.Module) else module
    return getattr(named, "__qualname__", type(named).__name__)


def has_tensors(value):
    """Tell whether something is a module that is made already, with weights or other tensors."""
    return isinstance(value, nn.Module) and bool(value.state_dict())


def made_module(module, params, facts):
    """Return a new module, on the CPU, its weights in float32.

    Parameters
    ----------
    module : type, callable or torch.nn.Module
        What returns a module; a module itself is copied.
    params : dict
        What it is called with; "auto" stands for a fact of that name.
    facts : dict
        What is known of the data, such as ``n_classes``: passed where the signature names it.

    Raises
    ------
    ValueError
        If it cannot be called so, or returns something else.
    """
    if isinstance(module, nn.Module):
        if params:
            raise ValueError(
                f"Got module_params={params!r} with a module that is made already, expected a "
                f"class or a function to call with them: module={name_of(module)}."
            )
        made = copy_of(module)
    else:
        named = parameters_of(module) or {}
        arguments = {name: value for name, value in facts.items() if name in named} | params
        arguments |= {
            name: facts[name]
            for name, value in params.items()
            if isinstance(value, str) and value == "auto" and name in facts
        }
        try:
            made = module(**arguments)
        except Exception as error:
            told = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
            raise ValueError(
                f"Got a module that cannot be made: {name_of(module)}({told}) ends with "
                f"{type(error).__name__}: {error}. Expected module_params to hold what it needs "
                f"besides {', '.join(facts)}, which are passed where its signature names them, or "
                f'where module_params says "auto".{_meant(module, params)}'
            ) from error
        if not isinstance(made, nn.Module):
            raise ValueError(
                f"Got module={name_of(module)}, which returns a {type(made).__name__}, expected "
                "a class or a function that returns a torch.nn.Module."
            )
    if any(isinstance(layer, torch.jit.ScriptModule) for layer in made.modules()):
        raise ValueError(
            f"Got module={name_of(module)}, a module of TorchScript, or one with a part of it, "
            "expected plain modules: those that torch.jit.script or torch.jit.trace was given."
        )
    return made.cpu().float()


def _meant(module, params):
    """Return what a name that a module does not take may have meant, as a sentence or nothing."""
    known = parameters_of(module) or {}
    for name in params:
        near = [] if takes(module, name) else get_close_matches(name, known, n=1)
        if near:
            return f" Did you mean {near[0]!r} by {name!r}?"
    return ""


def hidden_number_of_classes(module, params):
    """Return how to ask for the number of classes where a signature hides it, or nothing."""
    known = {} if isinstance(module, nn.Module) else parameters_of(module) or {}
    names = ("num_classes", "n_classes")
    hides = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known.values())
    if not hides or any(name in known or name in params for name in names):
        return ""
    return ' If it takes their number in its **kwargs, module_params={"num_classes": "auto"} asks.'


def logits_of(module, images, n_classes, name, hint=""):
    """Return what a module makes of images, once it is known to be logits ``(n, k)``.

    Parameters
    ----------
    module : torch.nn.Module
    images : tensor
    n_classes : int
        Number ``k`` of logits.
    name : str
        Of what has made the module, for messages.
    hint : str, default=""
        What to say besides where it returns another number of columns.

    Raises
    ------
    ValueError
        If it fails, or returns anything else.
    """
    seen = tuple(images.shape)
    try:
        with torch.no_grad():
            found = module(images)
    except Exception as error:
        raise ValueError(
            f"Got module={name}, which fails on a batch of shape {seen} ({type(error).__name__}: "
            f"{error}). Expected one for such a batch; channels=3 repeats grey images, "
            'module_input="rows" gives flat rows, and image_shape says what a row is.'
        ) from error
    expected = f"expected logits, a tensor of shape ({len(images)}, {n_classes})"
    if not torch.is_tensor(found):
        raise ValueError(
            f"Got a {type(found).__name__} from module={name} for a batch of shape {seen}, "
            f"{expected}. Wrap it in a module whose forward returns them alone."
        )
    if found.shape != (len(images), n_classes) or not found.is_floating_point():
        raise ValueError(
            f"Got a tensor of shape {tuple(found.shape)} and {found.dtype} from module={name} for "
            f"a batch of shape {seen}, {expected}: one number a class, two for two classes.{hint}"
        )
    if sum_to_one(found):
        raise ValueError(
            f"Got probabilities from module={name}: all numbers lie from 0 to 1, and each row sums "
            f"to 1; {expected}. Leave out the softmax at its end, which the loss and predict_proba "
            "apply."
        )
    return found


def linear_calls(module, images):
    """Return the linear layers that a module calls, in order: triples of name, input and output."""
    calls, names = [], {id(layer): name for name, layer in module.named_modules()}

    def note(layer, args, output):
        calls.append((names[id(layer)], args[0] if args else None, output))

    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            found = module(images)
    finally:
        for handle in handles:
            handle.remove()
    return found, calls


def drawing_layers(module, images):
    """Return the layers of a module that draw from PyTorch's process-wide generator, in words.

    Whether they do so is told by its state; of what other threads do to that meanwhile, a few
    repetitions tell.

    Parameters
    ----------
    module : torch.nn.Module
        Called several times.
    images : tensor
    """
    found = _drawing_layers(module, images)
    for _ in range(REPETITIONS):
        if found:
            again = _drawing_layers(module, images)
            found = [words for words in found if words in again]
    return found


def _drawing_layers(module, images):
    names = {id(layer): name for name, layer in module.named_modules()}
    found, inside, last = {}, [], [torch.get_rng_state()]

    def look(layer):
        now = torch.get_rng_state()
        if type(layer).__module__ not in QUIET and not torch.equal(now, last[0]):
            name, kind = names[id(layer)], type(layer).__name__
            found[id(layer)] = f"{name} ({kind})" if name else kind
        last[0] = now

    def begin(layer, args):
        if inside:
            look(inside[-1])
        inside.append(layer)

    def end(layer, args, output):
        look(layer)
        inside.pop()

    handles = []
    for layer in module.modules():
        handles.append(layer.register_forward_pre_hook(begin))
        handles.append(layer.register_forward_hook(end))
    with torch.no_grad():
        module(images)
    for handle in handles:
        handle.remove()
    return list(found.values())


def suits_channels_last(module, images):
    """Tell whether a module computes anything where convolutions return images channels last.

    Parameters
    ----------
    module : torch.nn.Module
        Its weights lie channels last afterwards.
    images : tensor
    """

    def lay_out(layer, args, output):
        return output.contiguous(memory_format=torch.channels_last)

    module = module.to(memory_format=torch.channels_last)
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    # Which layout it is hangs on the library and the sizes.
    handles = [layer.register_forward_hook(lay_out) for layer in layers]
    found = works(module, images)
    for handle in handles:
        handle.remove()
    return found


def works(module, images, dtype=None):
    """Tell whether a module computes anything of images, under autocast if a type is given."""
    try:
        with torch.no_grad(), torch.autocast("cpu", dtype, enabled=dtype is not None):
            module(images)
    except Exception:
        return False
    return True
