"""PyTorch's number of threads, borrowed and given back."""

import os
import threading
from contextlib import contextmanager, nullcontext

import torch
from threadpoolctl import ThreadpoolController

# Guards the three variables below; waiting on it is waiting for another number to be given back.
_changed = threading.Condition()
_n_borrowers = 0
_borrowed = None
_original = None
_in_this_thread = threading.local()


def borrowed_threads(n_threads):
    """Return a context in which PyTorch computes with `n_threads` threads (None: as it is).

    The number belongs to the process, so borrowers are counted: fits in several threads that ask
    for the same number share it, one that asks for another number waits until they have ended,
    and the last one out gives the original number back, after an exception, too. Contexts may be
    nested in one thread; the inner one then changes nothing.
    """
    if n_threads is None or getattr(_in_this_thread, "borrows", False):
        return nullcontext()
    return _borrow(n_threads)


@contextmanager
def _borrow(n_threads):
    global _n_borrowers, _borrowed, _original
    with _changed:
        _changed.wait_for(lambda: _n_borrowers == 0 or _borrowed == n_threads)
        if _n_borrowers == 0:
            _borrowed, _original = n_threads, torch.get_num_threads()
        _n_borrowers += 1
        torch.set_num_threads(n_threads)
    _in_this_thread.borrows = True
    try:
        yield
    finally:
        _in_this_thread.borrows = False
        with _changed:
            _n_borrowers -= 1
            if _n_borrowers == 0:
                torch.set_num_threads(_original)
                _changed.notify_all()
            else:
                # Others still compute: give back only what OpenMP keeps for this thread.
                _set_openmp_threads(_original)


def _set_openmp_threads(n_threads):
    """Set the calling thread's own count in the OpenMP library that PyTorch brought along."""
    folder = os.path.dirname(torch.__file__)
    for library in ThreadpoolController().select(user_api="openmp").lib_controllers:
        if library.filepath.startswith(folder):
            library.set_num_threads(n_threads)
