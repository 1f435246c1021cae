"""Threads that are kept on a core each, on Linux; and who they start is not."""

import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from skfashion.parallel.locks import ForkSafeLock

# For how many seconds is looked which threads compute.
INTERVAL = 0.1
TASKS = Path("/proc/self/task")
CAN_PIN = hasattr(os, "sched_setaffinity") and TASKS.exists()


class Pin(NamedTuple):
    """The core that a thread is kept on, those that it may use otherwise, and until when."""

    core: int
    others: frozenset
    ends: threading.Event


# By the system's numbers: threads that are kept on a core, and those that must not be for now.
_pins, _free = {}, set()
_changing = ForkSafeLock()


@contextmanager
def any_core():
    """Let the thread that enters this context, and what it starts there, use all of its cores.

    Threads and processes inherit the cores of the thread that starts them, and keep them.
    """
    task = threading.get_native_id()
    if task in _free:
        yield
        return
    with _changing.held():
        _free.add(task)
        if task in _pins:
            _move(task, _pins[task].others)
    try:
        yield
    finally:
        with _changing.held():
            _free.discard(task)
            if task in _pins:
                _move(task, {_pins[task].core})


def computing_threads(n_threads, ends):
    """Return the cores of the threads that compute now, by thread; none if not so many do."""
    if not CAN_PIN:
        return {}
    before = _ticks()
    ends.wait(INTERVAL)
    now = _ticks()
    # A hundredth of a second is no computation: it may be this very thread.
    busy = [task for task in now if now[task][0] - before.get(task, now[task])[0] > 1]
    return {task: now[task][1] for task in busy} if len(busy) == n_threads else {}


def _ticks():
    """Return how long each thread of this process has computed, and on which core it was last."""
    found = {}
    for task in TASKS.iterdir():
        with suppress(OSError):  # it has ended meanwhile
            # Behind the name, which may contain anything, in parentheses.
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            found[int(task.name)] = int(fields[11]) + int(fields[12]), int(fields[36])
    return found


def pin(cores, ends):
    """Keep each thread on a core of its own, where it is if possible; tell whether that was done.

    Parameters
    ----------
    cores : dict of int
        On which it is, by thread.
    ends : threading.Event
        Until when.
    """
    if not cores:
        return False
    with _changing.held():
        try:
            others = {task: frozenset(os.sched_getaffinity(task)) for task in cores}
        except OSError:  # one of them has ended meanwhile
            return False
        free = set().union(*others.values())
        if ends.is_set() or len(free) < len(cores) or not _free.isdisjoint(cores):
            return False
        if any(its != free for its in others.values()):
            return False  # somebody has decided where they are
        for task, core in cores.items():
            if core not in free:  # another one of them is there
                core = min(free - set(cores.values()) or free)
            free.remove(core)
            _pins[task] = Pin(core, others[task], ends)
            _move(task, {core})
    return True


def unpin(ends):
    """Let the threads that are kept until something ends use all of their cores again."""
    with _changing.held():
        for task in [task for task, pin in _pins.items() if pin.ends is ends]:
            _move(task, _pins.pop(task).others)


def _move(task, cores):
    """Let a thread use these cores alone, if it is there still."""
    with suppress(OSError):
        os.sched_setaffinity(task, cores)
