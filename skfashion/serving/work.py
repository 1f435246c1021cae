"""Where a request's work is done: short work at once, longer work in a thread."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

# Seconds of work that are shorter than sending it to a thread is worth.
AT_ONCE = 0.002


class Work:
    """Runs functions for coroutines.

    Parameters
    ----------
    n_threads : int, default=2
        More would only wait for each other, and take memory.
    """

    def __init__(self, n_threads=2):
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix="skfashion")

    async def run(self, seconds, function, *args):
        """Return what ``function(*args, is_cancelled)`` returns.

        Parameters
        ----------
        seconds : float
            What it takes, about.
        function : callable
            Its last argument tells, whenever it is called, whether nobody waits any more.
        *args : tuple
        """
        if seconds <= AT_ONCE:
            return function(*args, _never)
        cancelled = threading.Event()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._pool, partial(function, *args, cancelled.is_set)
            )
        finally:
            cancelled.set()

    def close(self):
        """Let threads end when they have nothing left to do."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _never():
    return False
