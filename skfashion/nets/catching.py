"""What a layer in the middle of somebody's module gets or returns, without hooks."""

import threading
from contextlib import contextmanager

from torch import nn

# What taps have caught, a list, in the thread that asks for it.
_CAUGHT = threading.local()


class Tap(nn.Module):
    """A layer that lets others catch what it gets, or returns.

    Parameters
    ----------
    layer : torch.nn.Module
    of_input : bool
        Whether its first argument is caught, and not its result.
    """

    def __init__(self, layer, of_input):
        super().__init__()
        self.layer, self.of_input = layer, of_input

    def __getattr__(self, name):
        # The module may look at the layer's weights and sizes.
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "layer":
                raise
            return getattr(self.layer, name)

    def forward(self, *args, **kwargs):
        """Return what the layer returns."""
        found = self.layer(*args, **kwargs)
        caught = getattr(_CAUGHT, "values", None)
        if caught is not None:
            caught.append(args[0] if self.of_input and args else found)
        return found


class NoHead(nn.Module):
    """The sizes of a last layer, where the logits come from somewhere else.

    Parameters
    ----------
    in_features, out_features : int
    """

    def __init__(self, in_features, out_features):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features


@contextmanager
def catching():
    """Yield a list of what taps catch meanwhile in this thread."""
    before = getattr(_CAUGHT, "values", None)
    _CAUGHT.values = []
    try:
        yield _CAUGHT.values
    finally:
        _CAUGHT.values = before
