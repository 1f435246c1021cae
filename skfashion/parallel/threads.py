"""PyTorch's number of threads and current device, borrowed for a computation and given back.

OpenMP and MKL keep a number of threads for each thread that computes, and that number alone is
changed here: nobody waits for anybody, whatever others ask for at the same time.
``torch.set_num_threads`` would change besides what threads that begin meanwhile find.
"""

import atexit
import ctypes
import os
import threading
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path

import torch
from threadpoolctl import ThreadpoolController

try:
    import resource
except ImportError:  # on Windows, whose threads do not spin like that
    resource = None

from skfashion.parallel._private import is_forked
from skfashion.parallel.workers import thread_share, worker_number

# PyTorch starts a thread more for so many values.
GRAIN = 32_768
# Others compute, too, where the system takes the core away from each thread so many times in an
# interval, in seconds; or a few times less, but again in the next one: an idle machine has such
# intervals, too, one at a time. Seen with two threads on two cores: 3 to 11 on an idle machine, 11
# to 27 beside one other process, 17 to 29 beside two. And for how many seconds that is taken for
# granted, at first.
MANY, SOME, INTERVAL, PATIENCE = 8, 6, 0.1, 5.0
# More threads than that are not held: OpenMP ends the process where the system has none left.
MOST_HELD = 32
# Held by a thread that nobody waits for as long as it is inside of PyTorch.
_inside = threading.Lock()


class borrowed_threads:
    """A context in which PyTorch computes with `n_threads` threads, in the thread that enters it.

    None is a worker's share of the cores where several fits run beside each other, and else as
    many as there are. A forked process has one thread, whatever is asked for: those of its parent
    are not there, and OpenMP would wait for them. Contexts may be nested. The number before is
    given back when the context ends, and, where Ctrl-C prevents that, when the exception is gone.

    Parameters
    ----------
    n_threads : int from 1 to 1024, or None
        The number.
    """

    _before = None

    def __init__(self, n_threads):
        self._wanted = n_threads

    def __enter__(self):
        wanted = 1 if is_forked() else thread_share() if self._wanted is None else self._wanted
        # Asked first of all: a thread that computes for the first time gets its number here.
        now = torch.get_num_threads()
        if wanted is not None and wanted != now:
            self._thread = threading.get_ident()
            # Noted before it is changed: an interruption in between gives back what is there.
            self._before = now
            _write(int(wanted))
        return self

    def __exit__(self, *error):
        self._give_back()

    def __del__(self):
        self._give_back()

    def _give_back(self):
        # Of another thread, which has ended with its number, when the object is found by the
        # garbage collector.
        if self._before is not None and self._thread == threading.get_ident():
            _write(self._before)
            self._before = None


def _write(n_threads):
    """Set the number of threads of the thread that calls."""
    for write in _writers():
        write(n_threads)


class sleeping_threads:
    """A context in which OpenMP's threads that wait fall asleep at once where the cores are busy.

    GNU OpenMP lets a thread that waits spin for milliseconds as long as every thread can have a
    core. That is fastest, but where other processes compute, too, those that spin take the cores
    from those that they wait for, and a fit takes many times as long. It lets them sleep as soon as
    there are more threads than cores: a thread of this context holds as many, asleep, while the
    system takes cores away from this process. What is computed stays the same.
    """

    _ends = None

    def __enter__(self):
        n_threads = torch.get_num_threads()
        n_held = max(2, _count_cores() - n_threads + 2)
        # One thread waits for nobody.
        if 1 < n_threads and n_held <= MOST_HELD and not is_forked() and _spins():
            self._ends = threading.Event()
            watch = threading.Thread(
                target=_watch, args=(n_threads, n_held, self._ends), daemon=True
            )
            with suppress(RuntimeError):  # where no more can be started, a fit goes on without it
                watch.start()
        return self

    def __exit__(self, *error):
        self._end()

    def __del__(self):
        self._end()

    def _end(self):
        if self._ends is not None:
            self._ends.set()


def _watch(n_threads, n_held, ends):
    """Hold sleeping threads while the system takes cores away, until something ends."""
    held, patience, was_busy = None, PATIENCE, False
    before = _count_interruptions()
    while not ends.wait(INTERVAL if held is None else patience):
        now = _count_interruptions()
        per_thread = (now - before) / n_threads
        if held is not None:
            # Threads that sleep are interrupted as they are on an idle machine, or more often:
            # look how it is without, less and less often as long as the machine stays busy.
            held.set()
            held, patience, was_busy = None, 2 * patience, True
        elif per_thread < SOME:
            patience, was_busy = PATIENCE, False
        elif per_thread < MANY and not was_busy:
            was_busy = True
        else:
            held = threading.Event()
            holds = threading.Thread(target=_hold_threads, args=(n_held, held), daemon=True)
            with suppress(RuntimeError):  # where no more can be started
                holds.start()
        before = now
    if held is not None:
        held.set()


def _count_interruptions():
    """Return how often the system has taken a core from a thread of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _hold_threads(n_threads, ends):
    """Start OpenMP's threads, and let them sleep until something ends."""
    with _inside:
        torch.get_num_threads()  # the first call of a thread sets the number that the user has set
        _write(n_threads)
        torch.zeros(n_threads * GRAIN).exp_()
    ends.wait()


@atexit.register
def _wait_for_those_inside():
    """Let no such thread be inside of PyTorch when Python ends: the process would be aborted."""
    # Not given back, so that no other one begins. In a fork it may be held for ever.
    if not is_forked():
        _inside.acquire()


def _count_cores():
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@cache
def _spins():
    """Tell whether PyTorch computes with GNU OpenMP, whose numbers can be set for one thread."""
    is_gnu = any(path.name.startswith("libgomp") for path in _openmp())
    return is_gnu and torch.set_num_threads not in _writers()


@cache
def gnu_openmp():
    """Return the GNU OpenMP that PyTorch computes with, a library of ctypes; None for any other."""
    path = next((path for path in _openmp() if path.name.startswith("libgomp")), None)
    return None if path is None or not _spins() else ctypes.CDLL(path)


def _openmp():
    """Return the paths of the OpenMP libraries that came with PyTorch."""
    folder = Path(torch.__file__).resolve().parent
    libraries = ThreadpoolController().select(user_api="openmp").lib_controllers
    paths = [Path(library.filepath).resolve() for library in libraries]
    return [path for path in paths if path.is_relative_to(folder)]


@cache
def _writers():
    """Return the functions that set a thread's own numbers; PyTorch's where they are not found."""
    openmp = _openmp()
    found = [_function(path, "omp_set_num_threads") for path in openmp]
    if torch.backends.mkl.is_available():
        # Else MKL would go on with the number that `torch.set_num_threads` has told it.
        library = Path(torch.__file__).resolve().parent / "lib" / "libtorch_cpu.so"
        found.append(_function(library, "MKL_Set_Num_Threads_Local"))
    return found if openmp and all(found) else [torch.set_num_threads]


def _function(path, name):
    """Return a function of a library that is loaded, which takes an int; None if it has none."""
    try:
        function = getattr(ctypes.CDLL(path), name)
    except (OSError, AttributeError):
        return None
    function.argtypes, function.restype = [ctypes.c_int], ctypes.c_int
    return function


def own_device(wanted, current=None):
    """Return a context in which the CUDA device to compute on is the current one.

    Workers take turns at those there are, unless one is named; outside of workers nothing changes.

    Parameters
    ----------
    wanted : str
        The `device` that a classifier is told.
    current : torch.device or None
        Where its network is already.

    Raises
    ------
    RuntimeError
        As :func:`check_reachable` does for `current`.
    """
    kind, _, named = wanted.partition(":")
    if not named and current is not None and current.type == "cuda":
        check_reachable(current)
        return torch.cuda.device(current)
    number = worker_number() if kind in ("auto", "cuda") else None
    number = int(named) if named else number
    if number is None or not has_cuda():
        return nullcontext()
    n_devices = torch.cuda.device_count()
    if named and number >= n_devices:
        return nullcontext()  # that there is no such device is said where data are moved to it
    return torch.cuda.device(number % n_devices)


def has_cuda():
    """Tell whether there is a CUDA device that this process can use."""
    return torch.cuda.is_available() and not _is_left_behind()


def check_reachable(device):
    """Refuse a CUDA device in a process that was forked off one that uses CUDA.

    PyTorch cannot use CUDA on both sides of a fork, and what lies in a GPU's memory is the
    parent's.

    Parameters
    ----------
    device : str or torch.device

    Raises
    ------
    RuntimeError
        If it cannot be used here.
    """
    if torch.device(device).type == "cuda" and _is_left_behind():
        raise RuntimeError(
            f"Got device {str(device)!r} in a process that was forked off one that uses CUDA, "
            "which PyTorch cannot use in both; expected a process that was started anew, as those "
            "of joblib's loky or of multiprocessing's 'spawn' are, or a model that is loaded after "
            "the fork, with device='cpu' or 'auto'."
        )


def _is_left_behind():
    """Tell whether CUDA stayed behind in the process that this one was forked off."""
    if not is_forked():
        return False
    try:
        torch.cuda.init()
    except RuntimeError:
        return True
    return False
