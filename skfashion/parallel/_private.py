"""Every private name of Python's multiprocessing and of Dask that this package uses.

How many runs share the cores of a machine has no public answer for threads and forked processes.
Beside each stand the versions in which it was seen, of Python from the first to the last and of
Dask a single one. Where one is gone, the answer may be a number of threads that is too small or too
large, which costs time, but never one with which processes wait for each other without end.
joblib's private names are not needed.
"""

import multiprocessing
import os
import re
import sys
from multiprocessing.dummy import DummyProcess
from pathlib import Path

PROCESSES = Path("/proc")


def _find(owner, name, default=None):
    """Return a private attribute, or `default` where it is gone."""
    return getattr(owner, name, default)


# Has a number in a process that was forked off one that had loaded this module.
_forked = []
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=lambda: _forked.append(os.getpid()))


def is_forked():
    """Tell whether this process was forked off another one.

    GNU OpenMP believes that its threads are still there, and waits for them forever as soon as two
    are needed, if the parent has used them before the fork.
    """
    if _forked:
        return True
    # Of a process that has loaded this module only after it was forked.
    process = multiprocessing.current_process()
    method = _find(process, "_start_method", "unknown")  # 3.10-3.13
    # Where it is not known: those of a pool may be forked, and loky's, which are not, are no
    # daemons.
    return method == "fork" or (method == "unknown" and process.daemon)


def process_number():
    """Return this process's number among those that its parent has started, from 0, or None."""
    if multiprocessing.parent_process() is None:
        return None
    identity = _find(multiprocessing.current_process(), "_identity", (os.getpid(),))  # 3.10-3.13
    return (identity or (1,))[-1] - 1


def parent_of(thread):
    """Return the thread that started a pool's thread; None where that is not known."""
    # 3.10-3.13
    return _find(thread, "_parent") if isinstance(thread, DummyProcess) else None


def dask_workers():
    """Return the Dask workers in this process; where that is not known, the one of this thread."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return []
    workers = _find(distributed.Worker, "_instances")  # distributed 2026.8
    if workers is None:
        workers = filter(None, [this_dask_worker()])
    return list(workers)


def this_dask_worker():
    """Return the Dask worker that runs this thread's task, None outside of one."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.get_worker()
    except (AttributeError, ValueError):
        return None


def count_siblings():
    """Return how many processes a pool has, this one among them; None where that is not known."""
    try:
        command = _command_of("self")
        # A process may be started by any thread of its parent's, and is listed with that one.
        lists = PROCESSES.glob(f"{os.getppid()}/task/*/children")
        children = [child for file in lists for child in file.read_text().split()]
        # None at all, not even this one: a system that does not list them.
        return sum(_command_of(child) == command for child in children) or None
    except OSError:
        return None


def _command_of(process):
    """Return how a process was started, without numbers; b"" for one that has just ended."""
    try:
        # What is spawned, not forked, is told the numbers of its pipes.
        return re.sub(rb"[0-9]+", b"", (PROCESSES / process / "cmdline").read_bytes())
    except FileNotFoundError:
        return b""
