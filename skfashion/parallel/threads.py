"""PyTorch's number of threads and current device, borrowed for a computation and given back.

OpenMP and MKL keep a number of threads for each thread that computes, and that number alone is
changed here: nobody waits for anybody, whatever others ask for at the same time.
``torch.set_num_threads`` would change besides what threads that begin meanwhile find.
"""

import ctypes
import threading
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import torch
from threadpoolctl import ThreadpoolController

from skfashion.parallel._private import is_forked
from skfashion.parallel.workers import thread_share, worker_number

# PyTorch starts a thread more for so many values.
GRAIN = 32_768


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
            write(int(wanted))
        return self

    def __exit__(self, *error):
        self._give_back()

    def __del__(self):
        self._give_back()

    def _give_back(self):
        # Of another thread, which has ended with its number, when the object is found by the
        # garbage collector.
        if self._before is not None and self._thread == threading.get_ident():
            write(self._before)
            self._before = None


def write(n_threads):
    """Set the number of threads of the thread that calls."""
    for set_number in _writers():
        set_number(n_threads)


@cache
def spins():
    """Tell whether PyTorch computes with GNU OpenMP, whose numbers can be set for one thread."""
    is_gnu = any(path.name.startswith("libgomp") for path in _openmp())
    return is_gnu and torch.set_num_threads not in _writers()


@cache
def gnu_openmp():
    """Return the GNU OpenMP that PyTorch computes with, a library of ctypes; None for any other."""
    path = next((path for path in _openmp() if path.name.startswith("libgomp")), None)
    return None if path is None or not spins() else ctypes.CDLL(path)


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
