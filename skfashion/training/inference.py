"""Predicting fast: a copy made for it, and rows in blocks that give each the same bits."""

import copy
import operator
from itertools import chain

import numpy as np
import torch
from torch import nn

from skfashion.training._torch import (
    has_backward_hooks,
    has_forward_hooks,
    has_global_hooks,
    has_gradient_hooks,
    registries_of,
)
from skfashion.training.arithmetic import few_rows_suffice, filling
from skfashion.training.folding import fold_batch_norm, for_predictions
from skfashion.training.same_bits import with_same_bits

# Rows of every block of a dense net where nothing less gives a row the same bits in each.
SAME_ROWS = 256
# And for what is computed in 16 bits: a multiple of so many.
LOW_PRECISION_ROWS = 16
# Up to so many bytes are compared at once.
FEW_BYTES = 2**16
# By the number of bytes.
_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def is_watched(module):
    """Tell whether somebody has put hooks on layers or parameters, or given a layer a `forward`."""
    return any(
        has_forward_hooks(layer) or has_backward_hooks(layer) or "forward" in vars(layer)
        for layer in module.modules()
    ) or any(map(has_gradient_hooks, module.parameters()))


class FastForward:
    """What computes ``forward`` and ``transform`` of a network for predictions, fast.

    A copy of the network, see :func:`for_predictions`, made anew when a layer, a hook or a weight
    of the original has changed; a number that a layer keeps besides, such as a batch norm's
    ``eps``, is not looked at. Several threads may ask at once: what is kept is replaced as a whole.
    """

    def __init__(self):
        self._kept = None

    def of(self, module, *, pads):
        """Return what computes as `module` does in evaluation mode; see `for_predictions`."""
        if module.training:
            # Asked in the middle of an epoch, by a callback.
            return fold_batch_norm(copy.deepcopy(module).eval())
        kept = self._kept
        if kept is not None and kept[0] == pads and kept[1].holds():
            return kept[2]
        if is_watched(module) or has_global_hooks():
            return module
        if module.may_be_rebuilt:
            function, copied = for_predictions(module, pads=pads)
        else:
            function, copied = with_same_bits(module) if pads else module, []
        self._kept = pads, _State(module, copied), function
        return function


class _State:
    """The layers of a network at some moment, and the values of those tensors that were copied."""

    def __init__(self, module, copied):
        found = [registries_of(layer) for layer in module.modules()]
        # Where PyTorch hides them, nothing is known to be as it was.
        self._is_known = None not in found
        found = found if self._is_known else []
        self._registries = [its for held, _ in found for its in held]
        self._held = self._holds_now()
        self._hooks = [hooks for _, both in found for hooks in both]
        self._layers = [vars(layer) for layer in module.modules()]
        self._dtypes = [(tensor, tensor.dtype) for tensor in module.parameters()]
        self._copied = [_Values(tensor) for tensor in copied]

    def _holds_now(self):
        return [*chain.from_iterable(map(dict.values, self._registries))]

    def _is_held(self, parts):
        return len(parts) == len(self._held) and all(map(operator.is_, parts, self._held))

    def holds(self):
        """Tell whether the network is still the same, and nobody has put hooks on it."""
        return (
            self._is_known
            and not any(self._hooks)
            and not any("forward" in its for its in self._layers)
            and not has_global_hooks()
            and self._is_held(self._holds_now())
            and all(tensor.dtype is dtype for tensor, dtype in self._dtypes)
            and all(values.hold() for values in self._copied)
        )


class _Values:
    """A tensor's values at some moment.

    PyTorch's own count of changes does not see those through ``.data``.
    """

    def __init__(self, tensor):
        self._tensor, self._place = tensor, (tensor.device, tensor.data_ptr())
        self._kept = tensor.detach().clone()
        self._memory = None
        if tensor.device.type == "cpu":
            # NumPy compares in a fifth of the time, and knows no bfloat16.
            self._memory = tensor.detach().view(_INTEGERS[tensor.itemsize]).numpy()
            self._bytes = self._memory.tobytes() if self._memory.nbytes <= FEW_BYTES else None
            self._kept = self._kept.view(_INTEGERS[tensor.itemsize]).numpy()

    def hold(self):
        """Tell whether the tensor still has them, in the same place."""
        if (self._tensor.device, self._tensor.data_ptr()) != self._place:
            return False
        if self._memory is None:
            return torch.equal(self._tensor, self._kept)
        if self._bytes is not None:
            return self._memory.tobytes() == self._bytes
        return np.array_equal(self._memory, self._kept)


# By how many pixels, down and to the right, views of an image are moved.
MOVES = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))


def averaged_over_views(function, n_views):
    """Return a function that gives the mean of what `function` makes of views of images.

    Parameters
    ----------
    function : callable
        Maps a tensor ``(n, c, h, w)`` to ``(n, d)``.
    n_views : int from 1 to 18
        The images and their mirror images, then those moved by a pixel, each followed by its
        mirror image. What comes from outside continues the edge.
    """
    moves = [(move, mirrored) for move in MOVES for mirrored in (False, True)][:n_views]

    def average(images):
        h, w = images.shape[2:]
        rows, columns = (torch.arange(side, device=images.device) for side in (h, w))
        total = 0
        for (down, right), mirrored in moves:
            from_row = (rows - down).clamp_(0, h - 1)
            from_column = (columns - right).clamp_(0, w - 1)
            from_column = from_column.flip(0) if mirrored else from_column
            result = function(images.index_select(2, from_row).index_select(3, from_column))
            total = total + result.to(torch.promote_types(result.dtype, torch.float32))
        return total / len(moves)

    return average


@torch.inference_mode()
def apply_by_rows(function, images, device, dtype=None, *, block_size, multiple):
    """Return ``function(images)``, computed block by block, on the CPU.

    Where a GPU has not memory enough for a block, smaller ones are tried.

    Parameters
    ----------
    function : callable
        Maps a tensor ``(m, c, h, w)`` to ``(m, d)``, each row on its own.
    images : tensor (n, c, h, w), n >= 1
        Any real dtype, on any device, of any strides.
    device : torch.device or str
        Where `function` computes.
    dtype : torch.bfloat16, torch.float16 or None
        Type to compute products and convolutions in (autocast); None leaves it to `function`.
    block_size : int
        Rows to compute at a time: a power of two times `multiple`.
    multiple : int
        Blocks are filled up with zero rows to a multiple of this number, where it has been tried;
        see ``filling``. Matrix products pick their kernel, and with it the order of their sums, by
        the number of rows: filled up, all blocks get the same one.

    Returns
    -------
    tensor (n, d)
        On the CPU.

    Raises
    ------
    torch.OutOfMemoryError
        If the memory is not enough for `multiple` rows.
    """
    on_cpu = torch.device(device).type == "cpu"
    if on_cpu and block_size > SAME_ROWS and not few_rows_suffice():
        block_size = multiple = SAME_ROWS
    elif on_cpu:
        multiple = filling(multiple)
    if dtype is not None:
        multiple = max(multiple, LOW_PRECISION_ROWS)
    size, start, results = block_size, 0, []
    n_rows = images.shape[0]  # `len` of a tensor is felt where there is one row
    while start < n_rows:
        block = images[start : start + size]
        try:
            results.append(_apply_to_block(function, block, device, dtype, multiple))
        except torch.OutOfMemoryError:
            if size <= multiple:
                raise
            size //= 2
        else:
            start += block.shape[0]
    return torch.cat(results) if len(results) > 1 else results[0].contiguous()


def _apply_to_block(function, block, device, dtype, multiple):
    """Return what a function makes of one block of images, padded to a multiple of rows."""
    n_rows = block.shape[0]
    # Contiguous in every case: strides, too, decide which kernel runs.
    block = block.to(device).contiguous()
    n_padding = -n_rows % multiple
    if n_padding:
        block = nn.functional.pad(block, (0, 0, 0, 0, 0, 0, 0, n_padding))
    if dtype is None:
        return function(block)[:n_rows].cpu()
    with torch.autocast(block.device.type, dtype):
        return function(block)[:n_rows].float().cpu()
