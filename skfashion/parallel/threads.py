"""Settings of the whole process, such as PyTorch's number of threads, borrowed and given back."""

import os
import threading
from contextlib import contextmanager, nullcontext
from functools import cache

import torch
from threadpoolctl import ThreadpoolController

from skfashion.parallel._private import is_forked
from skfashion.parallel.workers import thread_share, worker_number


class Borrowed:
    """A process-wide setting that contexts borrow.

    Borrowers are counted: those that want the same value share it, one that wants another value
    waits until they have ended, and the last one out gives the original value back, after an
    exception, too. Contexts may be nested in one thread; the inner one then changes nothing.

    Parameters
    ----------
    read, write : callable
        ``read() -> value`` and ``write(value)``.
    leave : callable or None
        ``leave(original)``, called by a borrower that ends while others still compute.
    """

    def __init__(self, read, write, leave=None):
        self._read, self._write, self._leave = read, write, leave
        self._changed = threading.Condition()
        self._n_borrowers = 0
        self._value = self._original = None
        self._in_this_thread = threading.local()

    def borrow(self, value):
        """Return a context in which the setting is `value`; None leaves it as it is."""
        if value is None or getattr(self._in_this_thread, "borrows", False):
            return nullcontext()
        return self._borrow(value)

    @contextmanager
    def _borrow(self, value):
        with self._changed:
            self._changed.wait_for(lambda: self._n_borrowers == 0 or self._value == value)
            if self._n_borrowers == 0:
                self._value, self._original = value, self._read()
            self._n_borrowers += 1
            # Even for a second borrower: OpenMP keeps a number of threads for each thread.
            self._write(value)
        self._in_this_thread.borrows = True
        try:
            yield
        finally:
            self._in_this_thread.borrows = False
            with self._changed:
                self._n_borrowers -= 1
                if self._n_borrowers == 0:
                    self._write(self._original)
                    self._changed.notify_all()
                elif self._leave is not None:
                    self._leave(self._original)


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
