"""Memory of this process."""

import sys
from pathlib import Path


def resident_mb():
    """Memory the process holds at this moment.

    Returns
    -------
    float
        MB (10**6 bytes).
    """
    import psutil

    return psutil.Process().memory_info().rss / 1e6


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
        MB (10**6 bytes).

    Notes
    -----
    On Linux this reads ``VmHWM``. ``resource.getrusage`` would be wrong: its ``ru_maxrss``
    survives ``exec``, so a small child reports the size of the process that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import psutil

    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
