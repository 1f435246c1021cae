"""Warnings that name the line of the user's code, however deep in the package they arise."""

import functools
import inspect
import warnings
from contextvars import ContextVar

# What may lie between a user's line and ours: pipelines, callbacks, bars, what loads pickles.
PACKAGES = {"skfashion", "sklearn", "imblearn", "skorch", "joblib", "tqdm", "pickle", "contextlib"}
# What was said within `each_warning_once`, None outside of it.
_said = ContextVar("said", default=None)


def warn_the_caller(message, category=UserWarning):
    """Warn at the line that called the package, itself or through one that it stands on.

    A warning that cannot be shown, because standard error is closed or full, costs nothing but what
    it would have said. One that a filter of Python's turns into an error is raised.

    Parameters
    ----------
    message : str or Warning
        What to say.
    category : type, default=UserWarning
        Class of the warning, where the message is a text.
    """
    said = _said.get()
    if said is not None:
        if (message, category) in said:
            return
        said.add((message, category))
    # From Python 3.12 on, `skip_file_prefixes` does this.
    frame, level = inspect.currentframe(), 1
    while frame is not None and _package_of(frame) in PACKAGES:
        frame, level = frame.f_back, level + 1
    try:
        warnings.warn(message, category, stacklevel=level)
    except Warning:
        raise
    except (AttributeError, OSError, ValueError):  # of the stream, as in `Forgiving`
        pass


def _package_of(frame):
    """Return the name of the package whose code a frame runs."""
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def each_warning_once(function):
    """Let a function that asks nets more than once say the same thing only once."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        said = _said.get()
        token = _said.set(set() if said is None else said)
        try:
            return function(*args, **kwargs)
        finally:
            _said.reset(token)

    return call
