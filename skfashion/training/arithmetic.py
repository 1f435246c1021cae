"""In which type, and by which library, PyTorch computes products.

The type follows from the name of a precision.

PyTorch hands float32 products to MKL, which on processors of other makers than Intel falls back
to its AVX2 kernels. oneDNN, which PyTorch brings along too, uses AVX-512 there: twice as fast where
the processor has full units for it. PyTorch's setting for this belongs to the whole process and
lets oneDNN round to bfloat16 on some processors; the operation called here is one product, in
float32, and nobody else's. Small products stay with MKL, whose calls cost less.
"""

import functools
import re
from pathlib import Path

import torch
from torch import nn

from skfashion.training._torch import cpu_has_bfloat16, onednn_product

NAMED_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}

# Floating-point operations from which oneDNN's costlier call pays.
MIN_OPERATIONS = 2**24
# To a multiple of so many rows, columns and tokens are filled up where nobody has tried fewer.
CAUTIOUS = 16


def compute_dtype(precision, module, device):
    """Return the 16-bit type to train a module in, None to compute in the type of its weights.

    Parameters
    ----------
    precision : {"auto", "fp32", "fp64", "bf16", "fp16"}
        "auto" means bfloat16 for convolutions on a device with instructions for it.
    module : Network
        The network.
    device : str
        Where it is trained: "cpu", "cuda", "cuda:1", "mps".
    """
    if precision != "auto":
        return NAMED_DTYPES.get(precision)
    convolutional = any(isinstance(layer, nn.Conv2d) for layer in module.modules())
    suits = convolutional and module.suits_autocast and has_bfloat16(device)
    return torch.bfloat16 if suits else None


def has_bfloat16(device):
    """Tell whether a device has instructions for bfloat16, and not only an emulation."""
    if device == "cpu":
        return cpu_has_bfloat16()
    return device.startswith("cuda") and torch.cuda.get_device_capability() >= (8, 0)


def product(a, b, out, bias=None):
    """Return ``a @ b``, plus `bias` if given: (m, k), (k, n), (m, 1) -> (m, n).

    The result is in `out` or in new memory. A contiguous `a` and a `b` whose columns are
    contiguous are multiplied fastest.
    """
    large = 2 * a.numel() * b.shape[1] >= MIN_OPERATIONS
    on_cpu = a.device.type == "cpu"
    if large and on_cpu and a.dtype is torch.float32 and onednn_is_better():
        result = onednn_product(a, b)
        if result is not None:
            return result if bias is None else result.add_(bias)
    return torch.mm(a, b, out=out) if bias is None else torch.addmm(bias, a, b, out=out)


@functools.cache
def processor_maker():
    """Return the maker's name as the processor gives it, None where the system does not say."""
    try:
        maker = re.search(r"^vendor_id\s*:\s*(\w+)", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        return None
    return None if maker is None else maker[1]


def few_rows_suffice():
    """Tell whether this processor is of those on which small fillings keep a row's bits.

    Tried on AMD's only: for Intel's, MKL has more kernels, and others are not at hand.
    """
    return processor_maker() == "AuthenticAMD"


def filling(tried):
    """Return to a multiple of how many to fill up, so that a row has the same bits in any company.

    Parameters
    ----------
    tried : int
        How many do where they have been tried, see :func:`few_rows_suffice`.
    """
    return tried if few_rows_suffice() else max(tried, CAUTIOUS)


@functools.cache
def onednn_is_better():
    """Tell whether oneDNN multiplies large float32 matrices faster than MKL, and as exactly.

    Decided by the processor and by a probe of the error, never by a clock: which library computes
    is part of a result, and results must not depend on what else the machine is doing.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkl.is_available():
        return False
    if processor_maker() in (None, "GenuineIntel"):
        return False
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 128, 128, generator=generator, dtype=torch.float32)
    exact = a.double() @ b.double().t()
    try:
        theirs = onednn_product(a, b.t())
    except (TypeError, RuntimeError):  # it takes other arguments in this version
        return False
    if theirs is None:
        return False
    return bool((theirs - exact).abs().max() <= 4 * (a @ b.t() - exact).abs().max())
