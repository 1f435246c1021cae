"""PyTorch's number of threads, borrowed and given back."""

import os
from contextlib import nullcontext
from functools import cache

import torch
from threadpoolctl import ThreadpoolController

from skfashion.parallel.borrowing import Borrowed
from skfashion.parallel.workers import is_forked, thread_share, worker_number


def _set_openmp_threads(n_threads):
    """Set the calling thread's own count in the OpenMP library that PyTorch brought along."""
    folder = os.path.dirname(torch.__file__)
    for library in ThreadpoolController().select(user_api="openmp").lib_controllers:
        if library.filepath.startswith(folder):
            library.set_num_threads(n_threads)


_threads = Borrowed(torch.get_num_threads, torch.set_num_threads, leave=_set_openmp_threads)


def borrowed_threads(n_threads):
    """Return a context in which PyTorch computes with `n_threads` threads.

    None is a worker's share of the cores where several fits run beside each other, and else as
    many as there are. A forked process has one thread from its first time here to its end.
    """
    if is_forked():
        _leave_threads_of_parent(os.getpid())
    return _threads.borrow(thread_share() if n_threads is None else n_threads)


@cache
def _leave_threads_of_parent(pid):
    """Let a forked process have one thread, once, where nobody asks for more."""
    torch.set_num_threads(1)


def own_device(wanted, current=None):
    """Return a context in which the CUDA device to compute on is the current one.

    Workers take turns at those there are; outside of workers nothing changes.

    Parameters
    ----------
    wanted : str
        The `device` that a classifier is told.
    current : torch.device or None
        Where its network is already.
    """
    if current is not None and current.type == "cuda":
        return torch.cuda.device(current)
    number = worker_number() if wanted in ("auto", "cuda") else None
    if number is None or not torch.cuda.is_available():
        return nullcontext()
    return torch.cuda.device(number % torch.cuda.device_count())
