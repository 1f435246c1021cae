"""Memory of this process."""

import contextlib
import ctypes
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def resident_mb():
    """Memory the process holds at this moment.

    Returns
    -------
    float
        MB (10**6 bytes). Without Linux and without psutil: the most it ever held.
    """
    if STATUS.exists():
        return _status_mb("VmRSS:")
    process = _psutil_process()
    return process.memory_info().rss / 1e6 if process else _peak_of_process_mb()


def forget_peak():
    """Let `peak_mb` count from now on.

    Only Linux can; elsewhere the peak stays that of the whole process, so that what loading the
    data took can hide what a small fit took.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def peak_mb():
    """Most memory this process held since it started, or since `forget_peak` where that works.

    Returns
    -------
    float
        MB (10**6 bytes); NaN on Windows without psutil.

    Notes
    -----
    On Linux this reads ``VmHWM``. ``resource.getrusage`` would be wrong: its ``ru_maxrss``
    survives ``exec``, so a small child reports the size of the process that started it.
    """
    return _status_mb("VmHWM:") if STATUS.exists() else _peak_of_process_mb()


def give_back():
    """Give memory that is free back to the system, where the C library is glibc, which keeps it."""
    with contextlib.suppress(OSError, TypeError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _status_mb(field):
    for line in STATUS.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / 1e6
    return float("nan")  # a kernel that does not count it


def _psutil_process():
    try:
        import psutil
    except ImportError:
        return None
    return psutil.Process()


def _peak_of_process_mb():
    if sys.platform == "win32":
        process = _psutil_process()
        return process.memory_info().peak_wset / 1e6 if process else float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
