"""What draws from PyTorch's process-wide generators, let draw what a fit's own decides."""

import threading
from contextlib import contextmanager

import torch

from skfashion.parallel.locks import ForkSafeLock

# Of several threads that borrow the generators of the process, one does, and the others wait.
BORROWING = ForkSafeLock(threading.RLock)


@contextmanager
def drawing_from(generator, device="cpu"):
    """Let code that knows no generator but the process' own draw numbers that `generator` decides.

    The state of the process' generators is put back at the end, so that a caller finds them as
    they were. Threads that come here take turns; one that draws elsewhere meanwhile disturbs, and
    is disturbed.

    Parameters
    ----------
    generator : torch.Generator or None
        On the CPU; a seed is drawn from it. None always gives the same numbers.
    device : torch.device or str
        Of a GPU the generator is borrowed as well.
    """
    seed = 0
    if generator is not None:
        seed = int(torch.randint(2**31, (1,), generator=generator, device="cpu"))
    device = torch.device(device)
    with BORROWING.held():
        before = torch.get_rng_state()
        on_gpu = device.type == "cuda"
        before_on_gpu = torch.cuda.get_rng_state(device) if on_gpu else None
        try:
            # Not `torch.manual_seed`, which reaches out to every GPU.
            torch.default_generator.manual_seed(seed)
            if on_gpu:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
            yield
        finally:
            torch.set_rng_state(before)
            if on_gpu:
                torch.cuda.set_rng_state(before_on_gpu, device)
