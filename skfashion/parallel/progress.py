"""Progress: a bar where the output can be drawn over, and lines where it is a file."""

import sys
from contextlib import suppress

from tqdm import tqdm

# Between two lines about the same piece of work, in seconds.
INTERVAL = 10


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


class Lines(tqdm):
    """A progress bar for files: a line now and then, nothing drawn over."""

    @staticmethod
    def status_printer(file):
        """Return a function that writes a line."""

        def write(text):
            if text:
                print(text.rstrip(), file=file, flush=True)

        return write


def is_redrawn():
    """Return whether what is written to standard error can be drawn over.

    Returns
    -------
    bool
        True in a terminal, and in a notebook that shows widgets.
    """
    return _in_notebook() or Forgiving(sys.stderr).isatty()


def make_bar(iterable=None, **options):
    """Return a progress bar that suits the output.

    Parameters
    ----------
    iterable : iterable or None
        As for ``tqdm``.
    **options
        As for ``tqdm``.

    Returns
    -------
    tqdm.tqdm
        A widget in a notebook, a bar of one line in a terminal, lines in a file.
    """
    if _in_notebook():
        # Imported here: it warns where a notebook lacks its widgets, which no import of the
        # package should.
        from tqdm.auto import tqdm as widget

        return widget(iterable, **options)
    stream = Forgiving(sys.stderr)
    if stream.isatty():
        return tqdm(iterable, file=stream, **options)
    return Lines(iterable, file=stream, mininterval=INTERVAL, **options)


def _in_notebook():
    if "ipykernel" not in sys.modules:
        return False
    from tqdm import auto, notebook

    return issubclass(auto.tqdm, notebook.tqdm_notebook)
