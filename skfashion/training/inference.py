"""Predicting fast: layers folded together, rows in blocks that give each the same bits."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from skfashion.training._torch import has_backward_hooks, has_forward_hooks, has_gradient_hooks
from skfashion.training.arithmetic import processor_maker
from skfashion.training.batch_norm import batch_norms
from skfashion.training.dense import DenseForward, dense_layers

# Rows of every block of a dense net where nothing less gives a row the same bits in each.
SAME_ROWS = 256

FOLDED = {
    (nn.Conv2d, nn.BatchNorm2d): fuse_conv_bn_eval,
    (nn.Linear, nn.BatchNorm1d): fuse_linear_bn_eval,
}


def is_watched(module):
    """Tell whether somebody has put hooks on a network's layers or parameters."""
    return any(
        has_forward_hooks(layer) or has_backward_hooks(layer) for layer in module.modules()
    ) or any(map(has_gradient_hooks, module.parameters()))


def fold_batch_norm(module):
    """Return a module that computes the same in evaluation mode, without batch norm layers.

    A batch norm that follows a convolution or linear layer in a sequence is merged into it.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode; returned as it is where there is nothing to fold.
    """
    if not batch_norms(module):
        return module
    with torch.no_grad():
        folded = copy.deepcopy(module)
        for sequence in list(folded.modules()):
            if isinstance(sequence, nn.Sequential):
                layers = _fold(list(sequence))
                del sequence[:]
                sequence.extend(layers)
    return folded.eval()


def _fold(layers):
    for i in range(len(layers) - 1, 0, -1):
        pair = layers[i - 1], layers[i]
        fold = next((f for types, f in FOLDED.items() if all(map(isinstance, pair, types))), None)
        if fold is not None:
            layers[i - 1 : i + 1] = [fold(layers[i - 1], layers[i])]
    return layers


class FastForward:
    """What computes ``forward`` and ``transform`` of a network for predictions, fast.

    Batch norm is folded into the layers before it, and a multilayer perceptron's layers are written
    out. Made anew when a layer, or what was folded, has changed. Several threads may ask at once:
    each of the two things that are kept is replaced as a whole.
    """

    def __init__(self):
        self._dense = self._folded = None

    def of(self, module):
        """Return what computes as `module` does in evaluation mode."""
        if module.training:
            # Asked in the middle of an epoch, by a callback.
            return fold_batch_norm(copy.deepcopy(module).eval())
        dense = self._dense
        if dense is not None and dense.is_current(module):
            return dense
        if is_watched(module):
            return module
        if batch_norms(module):
            return self._fold(module)
        self._dense = dense = _written_out(module)
        return module if dense is None else dense

    def _fold(self, module):
        layers, state = [*module.modules()], [*module.state_dict().values()]
        known = self._folded
        # Compared by value: PyTorch's count of changes does not see all of them.
        if known is None or known[0] != layers or not _are_equal(known[1], state):
            copies = [tensor.clone() for tensor in state]
            folded = fold_batch_norm(module)
            self._folded = known = layers, copies, _written_out(folded) or folded
        return known[2]


def _written_out(module):
    """Return a network's predictions written out, None if it has other layers than dense ones."""
    layers = dense_layers(module)
    return None if layers is None else DenseForward(module, layers)


def _are_equal(tensors, others):
    """Tell whether tensors have the same values, types and devices, one by one."""
    return len(tensors) == len(others) and all(
        a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)
        for a, b in zip(tensors, others, strict=True)
    )


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
            result = function(images[:, :, from_row[:, None], from_column])
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
        Blocks are filled up with zero rows to a multiple of this number. Matrix products pick
        their kernel, and with it the order of their sums, by the number of rows: filled up, all
        blocks get the same one.

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
    if on_cpu and block_size > SAME_ROWS and processor_maker() != "AuthenticAMD":
        # Only on AMD's do a few rows get the kernel of many: MKL has more of them for Intel's.
        block_size = multiple = SAME_ROWS
    size, start, results = block_size, 0, []
    while start < len(images):
        block = images[start : start + size]
        try:
            results.append(_apply_to_block(function, block, device, dtype, multiple))
        except torch.OutOfMemoryError:
            if size <= multiple:
                raise
            size //= 2
        else:
            start += len(block)
    return torch.cat(results) if len(results) > 1 else results[0]


def _apply_to_block(function, block, device, dtype, multiple):
    """Return what a function makes of one block of images, padded to a multiple of rows."""
    n_rows = len(block)
    # Contiguous in every case: strides, too, decide which kernel runs.
    block = block.to(device).contiguous()
    n_padding = -n_rows % multiple
    if n_padding:
        block = nn.functional.pad(block, (0, 0, 0, 0, 0, 0, 0, n_padding))
    if dtype is None:
        return function(block)[:n_rows].cpu()
    with torch.autocast(block.device.type, dtype):
        return function(block)[:n_rows].float().cpu()
