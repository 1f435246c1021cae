"""The library that multiplies float32 matrices: oneDNN where MKL is slow on the processor.

PyTorch hands float32 products to MKL, which on processors of other makers than Intel falls back
to its AVX2 kernels. oneDNN, which PyTorch brings along too, uses AVX-512 there and is about twice
as fast. The setting that sends products to oneDNN allows it to round to bfloat16, which it does
only where the processor has units for that (AMX): a probe finds out, and the setting is used
only where the error stays that of float32.
"""

import functools
import re
from pathlib import Path

import torch

from skfashion.training.borrowing import Borrowed

ONEDNN = "bf16"


def _read():
    return torch.backends.mkldnn.matmul.fp32_precision


def _write(value):
    torch.backends.mkldnn.matmul.fp32_precision = value


_route = Borrowed(_read, _write)


def borrowed_products():
    """Return a context in which float32 products take the faster of two equally exact routes."""
    return _route.borrow(ONEDNN if onednn_is_better() else None)


@functools.cache
def onednn_is_better():
    """Tell whether oneDNN multiplies float32 matrices faster than MKL, and as exactly.

    Decided by the processor and by a probe of the error, never by a clock: which library computes
    is part of a result, and results must not depend on what else the machine is doing.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkl.is_available():
        return False
    try:
        maker = re.search(r"^vendor_id\s*:\s*(\w+)", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        return False
    if maker is None or maker[1] == "GenuineIntel" or not torch.backends.mkldnn.is_available():
        return False
    plain = _error_of_a_product()
    with _route.borrow(ONEDNN):
        return _error_of_a_product() <= 4 * plain


def _error_of_a_product():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 128, 128, generator=generator)
    return float((a @ b - (a.double() @ b.double())).abs().max())
