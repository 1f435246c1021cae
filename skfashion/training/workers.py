"""What a fit may use of the machine when a parallel search runs others beside it.

Processes of joblib's loky are told their share by the environment, before PyTorch is loaded. Its
threads, its forked processes and the threads of a Dask worker are not: here they find out how
many they are.
"""

import multiprocessing
import os
import sys
import threading
import zlib
from multiprocessing.dummy import DummyProcess
from pathlib import Path

import joblib
import torch


def thread_share():
    """Return with how many threads a worker should compute, None outside of such a worker.

    Returns
    -------
    int or None
        The cores divided by the number of workers, at least 1, and no more than PyTorch has anyway:
        Dask tells its processes how many that is.
    """
    n_workers = find_worker()[1]
    if n_workers is None:
        return None
    return min(torch.get_num_threads(), max(1, joblib.cpu_count() // n_workers))


def worker_number():
    """Return a number that tells the workers of a machine apart, 0 outside of one."""
    return find_worker()[0]


def find_worker():
    """Return this worker's number, and how many work beside each other in ways unknown to PyTorch.

    Returns
    -------
    number : int
        From 0; processes that came in place of others may have larger ones.
    n_workers : int or None
        None outside of workers, and in processes that were told their number of threads.
    """
    thread = threading.current_thread()
    if isinstance(thread, DummyProcess):
        names = sorted(t.name for t in _siblings(thread))
        return names.index(thread.name), len(names)
    dask_worker = _dask_worker()
    if dask_worker is not None:
        return _number_of(dask_worker.name), _n_dask_threads()
    process = multiprocessing.current_process()
    number = (process._identity or (1,))[-1] - 1
    # joblib forks its daemons; those of loky are started anew, and no daemons.
    is_forked = process.daemon and multiprocessing.parent_process() is not None
    return number, _n_forks() if is_forked else None


def _siblings(thread):
    """Return the threads of a pool that one thread has made."""
    return [
        t
        for t in threading.enumerate()
        if isinstance(t, DummyProcess) and t._parent is thread._parent
    ]


def _dask_worker():
    """Return the Dask worker that runs this thread's task, None outside of one."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.get_worker()
    except (AttributeError, ValueError):
        return None


def _n_dask_threads():
    """Return how many tasks at most Dask runs at a time in this process."""
    return sum(
        worker.state.nthreads for worker in list(sys.modules["distributed"].Worker._instances)
    )


def _number_of(name):
    """Return a number for a Dask worker's name, which is one, or an address."""
    return name if isinstance(name, int) else zlib.crc32(str(name).encode())


def _n_forks():
    """Return how many processes have been forked off this one's parent; all cores' if unknown."""
    parent = os.getppid()
    try:
        own = Path("/proc/self/cmdline").read_bytes()
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return sum(Path(f"/proc/{child}/cmdline").read_bytes() == own for child in children)
    except OSError:
        return joblib.cpu_count()
