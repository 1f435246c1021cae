"""A machine whose cores are loaded by processes that compute without end."""

import contextlib
import threading

import joblib

from benchmarks.environment import child_environment
from benchmarks.processes import Child


@contextlib.contextmanager
def busy_cores(n_cores=None):
    """Keep some cores, or every one, busy, each by a process; they end with the context."""
    with contextlib.ExitStack() as stack:
        for _ in range(joblib.cpu_count() if n_cores is None else n_cores):
            child = Child(f"{__name__}:compute", child_environment(1))
            stack.callback(child.stop)
            child.answer()
        yield


def compute():
    """Begin to compute in a thread; the function that is returned keeps this process waiting."""

    def forever():
        while True:
            pass

    threading.Thread(target=forever, daemon=True).start()
    return forever
