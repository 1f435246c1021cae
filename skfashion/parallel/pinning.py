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
    known: frozenset  # threads of this process when it began


# By the system's numbers: threads that are kept on a core, and those that must not be for now.
_pins, _free = {}, set()
_changing = ForkSafeLock()
_forking = {"pin": None}


@contextmanager
def any_core():
    """Let the thread that enters this context, and what it starts there, use all of its cores.

    Threads and processes inherit the cores of the thread that starts them, and keep them.
    """
    task = threading.get_native_id()
    if task in _free:
        yield
        return
    try:
        with _changing.held():
            _free.add(task)
            if pin := _pins.get(task):
                _move(task, {pin.core}, pin.others)
        yield
    finally:
        _free.discard(task)
        with _changing.held():
            if pin := _pins.get(task):
                _move(task, pin.others, {pin.core})


def computing_threads(n_threads, mine, ends):
    """Return the cores of a computation's threads, by thread; none if others compute, too.

    ``mine`` is the thread that computes with the others, none of which Python has started.
    """
    if not CAN_PIN:
        return {}
    before = _ticks()
    ends.wait(INTERVAL)
    now = _ticks()
    # A hundredth of a second is no computation: it may be this very thread.
    busy = {task for task in now if now[task][0] - before.get(task, now[task])[0] > 1}
    of_python = {thread.native_id for thread in threading.enumerate()} - {mine}
    if len(busy) != n_threads or mine not in busy or busy & of_python:
        return {}
    return {task: now[task][1] for task in busy}


def _ticks():
    """Return how long each thread of this process has computed, and on which core it was last."""
    found = {}
    for task in _tasks():
        with suppress(OSError):  # it has ended meanwhile
            # Behind the name, which may contain any bytes, in parentheses.
            fields = (TASKS / str(task) / "stat").read_bytes().rpartition(b")")[2].split()
            found[task] = int(fields[11]) + int(fields[12]), int(fields[36])
    return found


def _tasks():
    """Return the system's numbers of this process's threads; none where they cannot be read."""
    try:
        return frozenset(int(name) for name in os.listdir(TASKS))
    except OSError:  # such as with too many files open
        return frozenset()


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
        free, known = set().union(*others.values()), _tasks()
        if ends.is_set() or len(free) < len(cores) or not _free.isdisjoint(cores):
            return False
        if any(its != free for its in others.values()):
            return False  # somebody has decided where they are
        for task, core in cores.items():
            if core not in free:  # another one of them is there
                core = min(free - set(cores.values()) or free)
            free.remove(core)
            _pins[task] = Pin(core, others[task], ends, known)
            _move(task, others[task], {core})
    return True


def unpin(ends):
    """Let the threads that are kept until something ends use all of their cores again.

    Threads that they have started meanwhile, too.
    """
    with _changing.held():
        for task, pin in [(task, pin) for task, pin in _pins.items() if pin.ends is ends]:
            for moved in (task, *(_tasks() - pin.known)):
                _move(moved, {pin.core}, pin.others)
            # After that: an interrupt may come at any time.
            _pins.pop(task, None)


def _move(task, here, there):
    """Let a thread use other cores, if it is there still and nobody else has moved it."""
    with suppress(OSError):
        if os.sched_getaffinity(task) == here:
            os.sched_setaffinity(task, there)


def _note_who_forks():
    _forking["pin"] = _pins.get(threading.get_native_id())


def _forget_pins():
    """Let a forked process use all cores, and know nothing of threads that it does not have."""
    if pin := _forking["pin"]:
        _move(0, {pin.core}, pin.others)
    _pins.clear()
    _free.clear()


if CAN_PIN:
    os.register_at_fork(before=_note_who_forks, after_in_child=_forget_pins)
