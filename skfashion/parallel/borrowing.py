"""Settings of the whole process, borrowed for a fit or a prediction and given back."""

import threading
from contextlib import contextmanager, nullcontext


class Borrowed:
    """A process-wide setting that contexts borrow.

    Borrowers are counted: those that want the same value share it, one that wants another value
    waits until they have ended, and the last one out gives the original value back, after an
    exception, too. Contexts may be nested in one thread; the inner one then changes nothing.

    Parameters
    ----------
    read, write : callable
        ``read() -> value`` and ``write(value)``.
    leave : callable or None
        ``leave(original)``, called by a borrower that ends while others still compute.
    """

    def __init__(self, read, write, leave=None):
        self._read, self._write, self._leave = read, write, leave
        self._changed = threading.Condition()
        self._n_borrowers = 0
        self._value = self._original = None
        self._in_this_thread = threading.local()

    def borrow(self, value):
        """Return a context in which the setting is `value`; None leaves it as it is."""
        if value is None or getattr(self._in_this_thread, "borrows", False):
            return nullcontext()
        return self._borrow(value)

    @contextmanager
    def _borrow(self, value):
        with self._changed:
            self._changed.wait_for(lambda: self._n_borrowers == 0 or self._value == value)
            if self._n_borrowers == 0:
                self._value, self._original = value, self._read()
            self._n_borrowers += 1
            # Even for a second borrower: OpenMP keeps a number of threads for each thread.
            self._write(value)
        self._in_this_thread.borrows = True
        try:
            yield
        finally:
            self._in_this_thread.borrows = False
            with self._changed:
                self._n_borrowers -= 1
                if self._n_borrowers == 0:
                    self._write(self._original)
                    self._changed.notify_all()
                elif self._leave is not None:
                    self._leave(self._original)
