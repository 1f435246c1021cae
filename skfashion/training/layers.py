"""What a network is made of, to tell whether two networks are built alike."""

from skfashion.training.inference import is_watched


def is_built_like(module, other):
    """Tell whether a network is built as another one, and nobody has changed it by hand.

    Its layers, the shapes and types of its weights, and which of them are trained are compared, not
    the weights themselves.

    Parameters
    ----------
    module, other : Network
        Hooks on `module`, or a method of a single layer's own, count as a change.
    """
    return not is_watched(module) and _build_of(module) == _build_of(other)


def _build_of(module):
    """Return what can be compared: layers, weights, and factors of learning rates."""
    layers = [(name, type(layer), _options_of(layer)) for name, layer in module.named_modules()]
    parameters = [(n, p.shape, p.dtype, p.requires_grad) for n, p in module.named_parameters()]
    buffers = [(name, buffer.shape, buffer.dtype) for name, buffer in module.named_buffers()]
    return layers, parameters, buffers, list(module.lr_factors)


def _options_of(layer):
    """Return the numbers and words that a layer keeps besides its tensors."""
    plain = (bool, float, int, str, tuple, type(None))
    # Of a training in progress are whether it is one, and what draws.
    return {
        name: value
        for name, value in vars(layer).items()
        if isinstance(value, plain) and not name.startswith("_")
        if name not in {"training", "generator"}
    }
