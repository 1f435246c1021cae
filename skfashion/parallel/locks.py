"""A lock that a forked process finds free: whoever held it is not there."""

import os
import threading


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

    def held(self):
        """Return a context that holds the lock; in a process forked meanwhile it is another one.

        It is the lock itself: an interrupt at its door leaves nothing behind that still holds it.
        """
        return self._lock
