"""PyTorch's number of threads, borrowed and given back."""

import os

import torch
from threadpoolctl import ThreadpoolController

from skfashion.training.borrowing import Borrowed


def _set_openmp_threads(n_threads):
    """Set the calling thread's own count in the OpenMP library that PyTorch brought along."""
    folder = os.path.dirname(torch.__file__)
    for library in ThreadpoolController().select(user_api="openmp").lib_controllers:
        if library.filepath.startswith(folder):
            library.set_num_threads(n_threads)


_threads = Borrowed(torch.get_num_threads, torch.set_num_threads, leave=_set_openmp_threads)


def borrowed_threads(n_threads):
    """Return a context in which PyTorch computes with `n_threads` threads (None: as it is)."""
    return _threads.borrow(n_threads)
