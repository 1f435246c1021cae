"""Progress: a bar where the output can be drawn over, and lines where it is a file."""

import sys

from tqdm import tqdm

from skfashion.utils.streams import Forgiving

# Between two lines about the same piece of work, in seconds.
INTERVAL = 10


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


def say(text):
    """Print a line on standard output, above the bars that are drawn."""
    tqdm.write(text, file=Forgiving(sys.stdout))


def _in_notebook():
    if "ipykernel" not in sys.modules:
        return False
    from tqdm import auto, notebook

    return issubclass(auto.tqdm, notebook.tqdm_notebook)
