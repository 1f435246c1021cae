"""Row-wise functions applied in blocks, so that a row's result does not depend on its company."""

import torch

# Rows of a block. Large enough to keep the cores busy, small enough for the caches.
BLOCK = 256

# Matrix products pick their kernel, and with it the order of their sums, by the number of rows.
# Blocks filled up with zero rows to a multiple of this number all get the same kernel: results
# are bit-identical for every split and order of the rows (measured with MKL on processors with
# AVX2 and AVX-512; 4 would do, 8 is a margin that costs a single row little).
ROWS_MULTIPLE = 8


@torch.inference_mode()
def apply_by_rows(function, images, device):
    """Return ``function(images)``, computed block by block, on the CPU.

    Parameters
    ----------
    function : callable
        Maps a tensor ``(m, c, h, w)`` to ``(m, d)``, each row on its own.
    images : tensor (n, c, h, w), n >= 1
        Any real dtype, on any device, of any strides.
    device : torch.device or str
        Where `function` computes.

    Returns
    -------
    tensor (n, d)
        On the CPU.
    """
    results = []
    for block in images.split(BLOCK):
        n_rows = len(block)
        n_padding = -n_rows % ROWS_MULTIPLE
        # Contiguous in every case: strides, too, decide which kernel runs.
        block = block.to(device).contiguous()
        if n_padding:
            block = torch.cat([block, block.new_zeros((n_padding, *block.shape[1:]))])
        results.append(function(block)[:n_rows].cpu())
    return torch.cat(results)
