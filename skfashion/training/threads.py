"""PyTorch's number of threads, borrowed and given back."""

import os
from contextlib import nullcontext

import torch
from threadpoolctl import ThreadpoolController

from skfashion.training.borrowing import Borrowed
from skfashion.training.workers import thread_share, worker_number


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
    many as there are.
    """
    return _threads.borrow(thread_share() if n_threads is None else n_threads)


def own_device():
    """Return a context in which a worker's CUDA device is the current one: they take turns."""
    n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if n_devices < 2:
        return nullcontext()
    return torch.cuda.device(worker_number() % n_devices)
