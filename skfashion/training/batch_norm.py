"""Batch norm's statistics, estimated anew for weights or images that they do not belong to."""

import math

import torch
from torch import nn

# Rows of a block: enough for good statistics of each, few enough for what the layers return to fit
# into memory.
BLOCK_SIZE = 512


# All of PyTorch's own.
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def batch_norms(module):
    """Return the batch norm layers of a network, a list."""
    return [layer for layer in module.modules() if isinstance(layer, BATCH_NORMS)]


@torch.no_grad()
def estimate_batch_norm(module, images, device, dtype=None, *, n_before=0):
    """Replace the running statistics of all batch norm layers by those of images.

    Each layer sees what the layers before it make of a block of images with the block's own
    statistics, and keeps the mean over all blocks. All else is as in predictions: nothing is
    dropped, nothing is drawn. The blocks are chosen at random, always the same way, since rows
    that are sorted by class would make blocks too much alike.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    images : tensor (n, c, h, w), n >= 2
        Any real dtype.
    device : torch.device or str
        Where `module` computes.
    dtype : torch.bfloat16, torch.float16 or None
        Type to compute products and convolutions in (autocast); None leaves it to `module`.
    n_before : float >= 0
        Number of rows that the statistics so far count as; 0 forgets them.
    """
    layers = [layer for layer in batch_norms(module) if layer.running_mean is not None]
    before = [(layer.momentum, *(b.clone() for b in layer.buffers())) for layer in layers]
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all blocks
            layer.train()
        for rows in order.tensor_split(math.ceil(len(images) / BLOCK_SIZE)):
            block = images[rows.to(images.device)].to(device).contiguous()
            with torch.autocast(block.device.type, dtype, enabled=dtype is not None):
                module(block)
    except BaseException:
        for layer, (_, mean, variance, _) in zip(layers, before, strict=True):
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(variance)
        raise
    finally:
        for layer, (momentum, *_, count) in zip(layers, before, strict=True):
            layer.eval()
            layer.momentum = momentum
            layer.num_batches_tracked.copy_(count)
    share = n_before / (n_before + len(images))
    for layer, (_, mean, variance, _) in zip(layers, before, strict=True):
        layer.running_mean.lerp_(mean, share)
        layer.running_var.lerp_(variance, share)
