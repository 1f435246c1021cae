"""A lock that a forked process finds free: whoever held it is not there."""

import os
import threading
from contextlib import contextmanager


class ForkSafeLock:
    """Of several threads one at a time gets through.

    Parameters
    ----------
    make : callable
        ``threading.Lock``, or ``threading.RLock`` for a thread that comes here again.
    """

    def __init__(self, make=threading.Lock):
        self._lock = make()

        def renew():
            self._lock = make()

        if hasattr(os, "register_at_fork"):  # Windows does not fork
            os.register_at_fork(after_in_child=renew)

    @contextmanager
    def held(self):
        """Hold the lock; that of a process that is forked meanwhile is another one."""
        with self._lock:
            yield
