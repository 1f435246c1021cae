"""Memory while something runs: what is read again and again, and the highest of it."""

import threading
from contextlib import contextmanager


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
