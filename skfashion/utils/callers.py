"""Warnings that name the line of the user's code, however deep in the package they arise."""

import functools
import inspect
import os
import warnings
from contextvars import ContextVar
from pathlib import Path

import sklearn

# Both lie between a user's line and ours: a decorator of scikit-learn's around each fit, pipelines.
PACKAGES = tuple(
    os.path.dirname(file) + os.sep for file in (Path(__file__).parent, sklearn.__file__)
)
# What was said within `each_warning_once`, None outside of it.
_said = ContextVar("said", default=None)


def warn_the_caller(message, category=UserWarning):
    """Warn at the line that called the package, itself or through scikit-learn."""
    said = _said.get()
    if said is not None:
        if (message, category) in said:
            return
        said.add((message, category))
    # From Python 3.12 on, `skip_file_prefixes` does this.
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGES):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


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
