"""Large float32 products through oneDNN, where MKL is slow on the processor.

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

# Floating-point operations from which oneDNN's costlier call pays.
MIN_OPERATIONS = 2**24


def linear_product(x, weight, bias, out):
    """Return ``x @ weight.T + bias``: (n, k), (m, k), (m,) -> (n, m), in `out` or new memory."""
    if _suits_onednn(x, weight):
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return torch.addmm(bias, x, weight.t(), out=out)


def product_of_columns(a, b, out):
    """Write ``a.T @ b`` into `out`: (n, m), (n, k) -> (m, k)."""
    if _suits_onednn(a.t(), b.t()):
        columns = a.t().contiguous()
        out.copy_(torch.ops.mkldnn._linear_pointwise(columns, b.t(), None, "none", [], ""))
    else:
        torch.mm(a.t(), b, out=out)


def _suits_onednn(x, weight):
    large = 2 * len(x) * weight.numel() >= MIN_OPERATIONS
    return large and x.dtype is torch.float32 and onednn_is_better()


@functools.cache
def onednn_is_better():
    """Tell whether oneDNN multiplies large float32 matrices faster than MKL, and as exactly.

    Decided by the processor and by a probe of the error, never by a clock: which library computes
    is part of a result, and results must not depend on what else the machine is doing.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkl.is_available():
        return False
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    try:
        maker = re.search(r"^vendor_id\s*:\s*(\w+)", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        return False
    if maker is None or maker[1] == "GenuineIntel":
        return False
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 128, 128, generator=generator)
    exact = a.double() @ b.double().t()
    theirs = torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], "")
    return bool((theirs - exact).abs().max() <= 4 * (a @ b.t() - exact).abs().max())
