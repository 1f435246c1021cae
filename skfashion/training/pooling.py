"""A 2 x 2 max-pool in training, and ReLU: on a CPU in bfloat16, to PyTorch's bits, in less time.

By kernels that numba compiles, where it is installed and there is enough to pool.
"""

from functools import cache
from importlib import import_module

import torch

# Values that a process pools before numba is worth importing: a second or two of a training.
WORTH = 2**29
# So many values are worth calling a kernel for.
LEAST = 2**15


class Pooling:
    """Counts what a process has pooled, and pools by kernels once that is worth it."""

    n_values = 0

    def is_worth_it(self):
        """Tell whether so much was pooled that kernels are worth loading, and there are some."""
        return self.n_values >= WORTH and _kernels() is not None

    def count(self, images):
        """Tell whether kernels could pool images, and count them if so."""
        n_values = images.numel()
        suits = (
            n_values >= LEAST
            and images.dtype is torch.bfloat16
            and images.device.type == "cpu"
            and images.dim() == 4
            and min(images.shape[2:]) >= 2
            and _is_channels_last(images)
        )
        # Two threads may count at once, and lose some.
        self.n_values += n_values if suits else 0
        return suits

    def __call__(self, images, *, rectifies=False):
        """Return pooled images ``(n, c, h // 2, w // 2)``, None if PyTorch is to pool them.

        Parameters
        ----------
        images : tensor (n, c, h, w)
        rectifies : bool
            Whether ReLU follows.
        """
        if not self.count(images) or not self.is_worth_it():
            return None
        pooled, _ = _KernelPool.apply(images, _kernels(), rectifies)
        return pooled


def _is_channels_last(images):
    try:
        return images.is_contiguous(memory_format=torch.channels_last)
    except RuntimeError:  # within torch.vmap, which has no answer
        return False


class _KernelPool(torch.autograd.Function):
    @staticmethod
    def forward(images, kernels, rectifies):
        n, n_channels, height, width = images.shape
        shape = n, n_channels, height // 2, width // 2
        pooled = torch.empty(shape, dtype=images.dtype, memory_format=torch.channels_last)
        places = torch.empty((n, *shape[2:], n_channels), dtype=torch.uint8)
        kernels.pool(images, pooled, places, rectifies=rectifies)
        return pooled, places

    @staticmethod
    def setup_context(ctx, inputs, output):
        images, ctx.kernels, _ = inputs
        ctx.shape, places = images.shape, output[1]
        ctx.mark_non_differentiable(places)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(places)

    @staticmethod
    def backward(ctx, gradient, _):
        (places,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # whoever differentiates twice
            return _spread(gradient, places, ctx.shape), None, None
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        is_whole = ctx.shape[2] % 2 == ctx.shape[3] % 2 == 0
        images = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        ctx.kernels.spread(images if is_whole else images.zero_(), gradient, places)
        return images, None, None


def _spread(gradient, places, shape):
    """Return what the kernel does, by operations that have a gradient themselves."""
    places = places.permute(0, 3, 1, 2)
    images, (height, width) = gradient.new_zeros(shape), gradient.shape[2:]
    for k in range(4):
        here = torch.where(places == k, gradient, 0)
        images[:, :, k // 2 : 2 * height : 2, k % 2 : 2 * width : 2] = here
    return images


@cache
def _kernels():
    """Return the module of the kernels, None where there is no numba, or none that works here."""
    try:
        return import_module("skfashion.training.kernels")
    # Whatever is wrong with it, with its compiler, or with the folder that it keeps code in.
    except Exception:
        return None


POOLING = Pooling()
