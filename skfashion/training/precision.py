"""From the name of a precision to what PyTorch computes in."""

import torch
from torch import nn

NAMED_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def compute_dtype(precision, module, device):
    """Return the 16-bit type to train a module in, None to compute in the type of its weights.

    Parameters
    ----------
    precision : {"auto", "fp32", "fp64", "bf16", "fp16"}
        "auto" means bfloat16 for convolutions on a device with instructions for it.
    module : torch.nn.Module
        The network.
    device : {"cpu", "cuda", "mps"}
        Where it is trained.
    """
    if precision != "auto":
        return NAMED_DTYPES.get(precision)
    convolutional = any(isinstance(layer, nn.Conv2d) for layer in module.modules())
    return torch.bfloat16 if convolutional and has_bfloat16(device) else None


def has_bfloat16(device):
    """Tell whether a device has instructions for bfloat16, and not only an emulation."""
    if device == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return device == "cuda" and torch.cuda.get_device_capability() >= (8, 0)
