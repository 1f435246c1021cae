"""What a fit may use of the machine when a parallel search runs others beside it.

Processes of joblib's loky are told their share by the environment, before PyTorch is loaded. Its
threads, its forked processes and the threads of a Dask worker are not: here they find out how
many they are.
"""

import multiprocessing
import os
import re
import sys
import threading
import zlib
from multiprocessing.dummy import DummyProcess
from pathlib import Path

import joblib
import torch

PROCESSES = Path("/proc")


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
    n_cores = n_threads if multiprocessing.parent_process() else joblib.cpu_count()
    return min(n_threads, max(1, n_cores // n_workers))


def is_forked():
    """Tell whether this process was forked off another one.

    GNU OpenMP believes that its threads are still there, and waits for them forever as soon as two
    are needed, if the parent has used them before the fork.
    """
    return getattr(multiprocessing.current_process(), "_start_method", None) == "fork"


def worker_number():
    """Return a number that tells the workers of a machine apart, None outside of one."""
    return find_worker()[0]


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
        n_workers *= max(1, _n_dask_threads())
        return (_process_number() or 0) * n_workers + number, n_workers
    dask_worker = _dask_worker()
    if dask_worker is not None:
        return _number_of(dask_worker.name), _n_dask_threads()
    number = _process_number()
    # Processes of a pool of multiprocessing are daemons; loky's are not.
    is_told = number is None or not multiprocessing.current_process().daemon
    return number, None if is_told else _n_siblings()


def _process_number():
    """Return this process's number among those that its parent has started, from 0, or None."""
    if multiprocessing.parent_process() is None:
        return None
    return (multiprocessing.current_process()._identity or (1,))[-1] - 1


def _place_in_pool(thread):
    """Return the number of a pool's thread, and how many there are, those of outer pools included.

    Where a search inside of a search runs in threads, each thread of the outer pool has a pool.
    """
    names = sorted(
        t.name
        for t in threading.enumerate()
        if isinstance(t, DummyProcess) and t._parent is thread._parent
    )
    number, n_workers = names.index(thread.name), len(names)
    if not isinstance(thread._parent, DummyProcess):
        return number, n_workers
    outer, n_outer = _place_in_pool(thread._parent)
    return outer * n_workers + number, n_outer * n_workers


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
    """Return how many tasks at most Dask runs at a time in this process, 0 without Dask."""
    distributed = sys.modules.get("distributed")
    workers = [] if distributed is None else list(distributed.Worker._instances)
    return sum(worker.state.nthreads for worker in workers)


def _number_of(name):
    """Return a number for a Dask worker's name, which is one, or an address."""
    return name if isinstance(name, int) else zlib.crc32(str(name).encode())


def _n_siblings():
    """Return how many processes of a pool this one's parent has; one a core where unknown."""
    try:
        own = _command_of("self")
        # A process may be started by any thread of its parent's, and is listed with that one.
        lists = PROCESSES.glob(f"{os.getppid()}/task/*/children")
        children = [child for file in lists for child in file.read_text().split()]
        # None at all, not even this one: a system that does not list them.
        return sum(_command_of(child) == own for child in children) or joblib.cpu_count()
    except OSError:
        return joblib.cpu_count()


def _command_of(process):
    """Return how a process was started, b"" for one that has just ended.

    Without numbers: what is spawned, not forked, is told those of its pipes.
    """
    try:
        return re.sub(rb"[0-9]+", b"", (PROCESSES / process / "cmdline").read_bytes())
    except FileNotFoundError:
        return b""
