"""Warnings that name the line of the user's code, however deep in the package they arise."""

import inspect
import os
import warnings
from pathlib import Path

import sklearn

# Both lie between a user's line and ours: a decorator of scikit-learn's around each fit, pipelines.
PACKAGES = tuple(
    os.path.dirname(file) + os.sep for file in (Path(__file__).parent, sklearn.__file__)
)


def warn_the_caller(message, category=UserWarning):
    """Warn at the line that called the package, itself or through scikit-learn."""
    # From Python 3.12 on, `skip_file_prefixes` does this.
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGES):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
