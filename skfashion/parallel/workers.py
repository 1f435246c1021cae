"""What a fit may use of the machine when a parallel search runs others beside it.

Processes of joblib's loky are told their share by the environment, before PyTorch is loaded. Its
threads, its forked processes and the threads of a Dask worker are not: here they find out how
many they are.
"""

import multiprocessing
import threading
import zlib
from multiprocessing.dummy import DummyProcess

import joblib
import torch

from skfashion.parallel._private import (
    count_siblings,
    dask_workers,
    is_forked,
    parent_of,
    process_number,
    this_dask_worker,
)
from skfashion.parallel.pinning import any_core
from skfashion.utils.memory import give_back

# Values of training rows whose fits leave memory worth giving back.
MANY = 2**23


def thread_share():
    """Return with how many threads a worker should compute, None outside of such a worker.

    Returns
    -------
    int or None
        The cores divided by the number of workers, at least 1, and no more than PyTorch has anyway:
        Dask tells its processes how many that is. In a forked process always 1.
    """
    if is_forked():
        return 1
    n_workers = find_worker()[1]
    if n_workers is None:
        return None
    n_threads = torch.get_num_threads()
    # A process that is itself one of several was told its part of the cores.
    n_cores = n_threads if multiprocessing.parent_process() else count_cores()
    return min(n_threads, max(1, n_cores // n_workers))


def count_cores():
    """Return how many cores this process may use, whatever the thread that asks is kept on."""
    with any_core():
        return joblib.cpu_count()


def worker_number():
    """Return a number that tells the workers of a machine apart, None outside of one."""
    return find_worker()[0]


def give_memory_back(n_values):
    """Give free memory back to the system after a fit to so many values in one of several workers.

    What one candidate of a search has used would lie there beside what the next one uses.
    """
    # It takes a millisecond or two, which fits to few rows would feel.
    if n_values > MANY and worker_number() is not None:
        give_back()


def find_worker():
    """Return this worker's number, and how many work beside each other in ways unknown to PyTorch.

    Returns
    -------
    number : int or None
        From 0; processes that came in place of others may have larger ones. None outside of
        workers.
    n_workers : int or None
        None outside of workers, and in processes that were told their number of threads.
    """
    thread = threading.current_thread()
    if isinstance(thread, DummyProcess):
        number, n_workers = _place_in_pool(thread)
        # Pools of all runs that a Dask worker has at a time.
        n_workers *= max(1, _count_dask_threads())
        return (process_number() or 0) * n_workers + number, n_workers
    dask_worker = this_dask_worker()
    if dask_worker is not None:
        return _number_of(dask_worker.name), _count_dask_threads()
    number = process_number()
    # Processes of a pool of multiprocessing are daemons; loky's are not.
    is_told = number is None or not multiprocessing.current_process().daemon
    return number, None if is_told else count_siblings() or joblib.cpu_count()


def _place_in_pool(thread):
    """Return the number of a pool's thread, and how many there are, those of outer pools included.

    Where a search inside of a search runs in threads, each thread of the outer pool has a pool.
    """
    parent = parent_of(thread)
    names = sorted(
        other.name
        for other in threading.enumerate()
        if isinstance(other, DummyProcess) and parent_of(other) is parent
    )
    number, n_workers = names.index(thread.name), len(names)
    if not isinstance(parent, DummyProcess):
        return number, n_workers
    outer, n_outer = _place_in_pool(parent)
    return outer * n_workers + number, n_outer * n_workers


def _count_dask_threads():
    """Return how many tasks at most Dask runs at a time in this process, 0 without Dask."""
    return sum(worker.state.nthreads for worker in dask_workers())


def _number_of(name):
    """Return a number for a Dask worker's name, which is one, or an address."""
    return name if isinstance(name, int) else zlib.crc32(str(name).encode())
