"""Threads that wait for each other where other processes want their cores.

Threads that share a computation wait for each other thousands of times a second, and spin
meanwhile. That is fastest as long as each has a core. Where other processes compute, too, those
that spin take the cores from those that they wait for, and a fit takes many times as long. Two
things help, and no number that is computed hangs on either.

GNU OpenMP lets threads that wait fall asleep at once as soon as there are more threads than cores:
as many are held, asleep, by a thread that does nothing else.

Threads of oneDNN spin, whatever OpenMP does. Linux counts threads, and does not know which of them
belong together: it may put two on one core, where each spins until its turn is over, while the
other one, for which it waits, could compute. They are kept on a core each.
"""

import atexit
import os
import threading
import time
from collections import deque
from contextlib import suppress

import torch

try:
    import resource
except ImportError:  # on Windows, whose threads do not spin like that
    resource = None

from skfashion.parallel import pinning
from skfashion.parallel._private import is_forked
from skfashion.parallel.threads import GRAIN, spins, write

# Others compute, too, where the system takes the core away from each thread so many times in an
# interval, in seconds; or a few times less, but again in the next one: an idle machine has such
# intervals, too, one at a time. Seen with two threads on two cores: 3 to 11 on an idle machine, 11
# to 27 beside one other process, 17 to 29 beside two. And for how many seconds that is taken for
# granted, at first.
MANY, SOME, INTERVAL, PATIENCE = 8, 6, 0.1, 5.0
# Threads that should sleep, but spin to the end of each turn, lose the core so many times in an
# interval; those that do sleep hardly ever, or some hundred times to each other. In so many of the
# last intervals, of so many.
TURNS, OFTEN, RECENT = (5, 40), 3, 5
# More threads than that are not held: OpenMP ends the process where the system has none left.
MOST_HELD = 32
# Held by a thread that nobody waits for as long as it is inside of PyTorch.
_inside = threading.Lock()


class beside_others:
    """A context in which a computation's threads cope with other processes that want their cores.

    A thread of this context looks how often the system takes cores away from this process. While
    that is often, threads that wait sleep; if they spin all the same, each has a core of its own.
    What is computed stays the same.
    """

    _ends = None

    def __enter__(self):
        n_threads = torch.get_num_threads()
        # One thread waits for nobody.
        if n_threads > 1 and resource is not None and not is_forked():
            self._ends, task = threading.Event(), threading.get_native_id()
            watch = threading.Thread(target=_watch, args=(n_threads, task, self._ends), daemon=True)
            with suppress(RuntimeError):  # where no more can be started, a fit goes on without it
                watch.start()
        return self

    def __exit__(self, *error):
        # In a process that is forked meanwhile these are other threads.
        if self._ends is not None and not is_forked():
            self._ends.set()
            pinning.unpin(self._ends)  # here, too: what is started next may use all cores

    def __del__(self):
        # Without the lock of the pins, which a thread may hold when its garbage is collected.
        if self._ends is not None and not is_forked():
            self._ends.set()


def _watch(n_threads, task, ends):
    """Help the threads of a computation while the system takes cores away, until it ends."""
    patience, was_busy = PATIENCE, False
    before = _count_interruptions()
    while not ends.wait(INTERVAL):
        per_thread = (_count_interruptions() - before) / n_threads
        if per_thread < SOME:
            patience, was_busy = PATIENCE, False
        elif per_thread < MANY and not was_busy:
            was_busy = True
        else:
            was_busy = True
            helped = _let_sleep(n_threads, patience, ends)
            if helped or _keep_apart(n_threads, task, patience, ends):
                # Look how it is without, less and less often as long as the machine stays busy.
                patience = min(2 * patience, 100 * PATIENCE)
        before = _count_interruptions()


def _count_interruptions():
    """Return how often the system has taken a core from a thread of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _let_sleep(n_threads, patience, ends):
    """Let threads that wait sleep for some seconds; stop and return False if they spin even so."""
    n_held = max(2, _count_cores() - n_threads + 2)
    if n_held > MOST_HELD or not spins():
        return False
    held, spun = threading.Event(), deque(maxlen=RECENT)
    holds = threading.Thread(target=_hold_threads, args=(n_held, held), daemon=True)
    try:
        holds.start()
    except RuntimeError:  # no more can be started
        return False
    until, before = time.monotonic() + patience, _count_interruptions()
    while sum(spun) < OFTEN and time.monotonic() < until and not ends.wait(INTERVAL):
        now = _count_interruptions()
        spun.append(TURNS[0] <= (now - before) / n_threads <= TURNS[1])
        before = now
    held.set()
    return sum(spun) < OFTEN


def _count_cores():
    """Return how many cores OpenMP counts: a container that may use less of each has them all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _hold_threads(n_threads, ends):
    """Start OpenMP's threads, and let them sleep until something ends."""
    with _inside:
        torch.get_num_threads()  # the first call of a thread sets the number that the user has set
        write(n_threads)
        torch.zeros(n_threads * GRAIN).exp_()
    ends.wait()


def _keep_apart(n_threads, task, patience, ends):
    """Keep the threads that compute on a core each for some seconds; tell whether that was done."""
    if not pinning.pin(pinning.computing_threads(n_threads, task, ends), ends):
        return False
    ends.wait(patience)
    pinning.unpin(ends)
    return True


@atexit.register
def _wait_for_those_inside():
    """Let no such thread be inside of PyTorch when Python ends: the process would be aborted."""
    # Not given back, so that no other one begins. In a fork it may be held for ever.
    if not is_forked():
        _inside.acquire()
