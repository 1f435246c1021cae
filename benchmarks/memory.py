"""Memory of this process, and the highest of what is read again and again while something runs.

``skfashion.utils.memory`` is loaded alone: what its package imports would be counted as memory of
every competitor. It is that of this checkout, whichever skfashion is measured.
"""

import runpy
import threading
from contextlib import contextmanager

from benchmarks.environment import ROOT

_memory = runpy.run_path(str(ROOT / "skfashion" / "utils" / "memory.py"))
forget_peak, peak_mb = _memory["forget_peak"], _memory["peak_mb"]
resident_mb = _memory["resident_mb"]


@contextmanager
def watched(memory, interval):
    """Look again and again at what a function says; the one number of the list is the highest."""
    highest, done = [0.0], threading.Event()

    def look():
        while not done.is_set():
            highest[0] = max(highest[0], memory())
            done.wait(interval)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield highest
    finally:
        done.set()
        thread.join()
