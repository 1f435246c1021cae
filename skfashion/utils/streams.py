"""Streams that show something, and must not cost what they show."""

from contextlib import suppress


class Forgiving:
    """A stream that may be missing, closed, broken or full: nothing is lost but what it shows.

    Parameters
    ----------
    stream : file object or None
        Such as ``sys.stderr``, which is None in a process without a console.
    """

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __eq__(self, other):
        # tqdm looks whether it draws on the stream that others write to.
        return self.stream is getattr(other, "stream", other)

    def __hash__(self):
        return id(self.stream)

    def write(self, text):
        """Write a text if that is possible."""
        return self._try("write", text)

    def flush(self):
        """Write what is still in memory, if that is possible."""
        return self._try("flush")

    def isatty(self):
        """Return whether it is a terminal."""
        return bool(self._try("isatty"))

    def _try(self, method, *args):
        # AttributeError: there is none. ValueError: it is closed, or cannot show these signs.
        with suppress(AttributeError, OSError, ValueError):
            return getattr(self.stream, method)(*args)
