"""Threads that are kept on a core each, on Linux; and who they start is not."""

import os
import threading
from contextlib import nullcontext, suppress
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


# By the system's number of each thread that is kept on a core.
_pins = {}
_changing = ForkSafeLock()


class _AnyCore:
    """A context in which the thread that enters it may use all of its cores again."""

    def __init__(self, task):
        self._task, self._pin = task, _pins.get(task)

    def __enter__(self):
        if self._pin is not None:
            _move(self._task, self._pin.others)
        return self

    def __exit__(self, *error):
        if self._pin is not None:
            with _changing.held():
                if _pins.get(self._task) is self._pin:
                    _move(self._task, {self._pin.core})


def any_core():
    """Return a context in which what a thread starts may use all cores, whatever it is kept on.

    Threads and processes inherit the cores of the thread that starts them, and keep them.
    """
    return _AnyCore(threading.get_native_id()) if _pins else nullcontext()


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
        if ends.is_set() or len(free) < len(cores):
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
