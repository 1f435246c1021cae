"""Activation functions of predictions, with the same bits for a value in any company."""

import math

from torch import get_num_threads, nn
from torch.nn.functional import pad

from skfashion.parallel.threads import GRAIN

# PyTorch computes so many values by vector instructions at a time, at most; what is left over of a
# thread's share it computes one by one, by another function.
VECTORS = 64
# More values than this, GELU shares out among all threads.
GELU_ALONE = 16_384
# Those whose two functions round in different ways.
ROUNDED = (nn.Sigmoid, nn.Tanh, nn.ELU, nn.GELU, nn.SiLU)


def in_vectors(activate, x):
    """Return what an activation makes of a tensor, all of it by vector instructions."""
    x, size = x.contiguous(), x.numel()
    n_padding = _whole(size, get_num_threads()) - size
    if n_padding == 0:
        return activate(x)
    return activate(pad(x.flatten(), (0, n_padding)))[:size].view(x.shape)


def _whole(size, n_threads):
    """Return to how many values to fill up, so that each thread's share is whole vectors."""
    n_shares, needed = 0, 1
    while n_shares != needed:
        n_shares = needed
        whole = size + -size % (VECTORS * n_shares)
        needed = min(n_threads, -(-whole // GRAIN))
        if whole > GELU_ALONE:
            needed = math.lcm(needed, n_threads)
    return whole


class InVectors(nn.Module):
    """An activation that gives a value the same bits in any company.

    Parameters
    ----------
    layer : torch.nn.Module
        One of ``ROUNDED``.
    """

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        """Return the activations, same shape as `x`."""
        return in_vectors(self.layer, x)
