"""Dates, times and durations among the columns, for which NumPy has large numbers."""

from datetime import timedelta

import numpy as np

# What NumPy calls the kinds of types of numbers.
NUMBERS = "biufc"


def without_times(X):
    """Return data in which nothing is a date, a time or a duration; a list becomes an array.

    Numbers are not looked at: types of values are compared where values of any type may stand.

    Parameters
    ----------
    X : array-like, frame or sparse matrix
        Whatever was given as images.

    Raises
    ------
    ValueError
        If there are any; of a frame it names their columns.
    """
    if isinstance(X, list | tuple):
        array = np.asarray(X)
        # scikit-learn keeps the type of an array, and not that of arrays in a list.
        X = X if array.dtype == np.uint8 else array
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        # Taking a column out of a frame is slow, which is felt where one row is predicted.
        doubtful = [i for i, dtype in enumerate(X.dtypes) if not _is_of_numbers(dtype)]
        found = [X.columns[i] for i in doubtful if _are_times(_column(X, i))]
        which = f" in the columns {found}"
    else:
        found = hasattr(getattr(X, "dtype", None), "kind") and _are_times(X)
        which = ""
    if found:
        raise ValueError(
            f"Got X with dates or times{which}, expected numbers. Compute those that matter, such "
            "as the hour of the day, and leave dates and times themselves out."
        )
    return X


def _is_of_numbers(dtype):
    """Tell whether a column's type, NumPy's, pandas's or Polars's, is one of numbers."""
    kind = getattr(dtype, "kind", None)
    is_numeric = getattr(dtype, "is_numeric", bool)  # Polars's types have no kind
    return is_numeric() if kind is None else kind in NUMBERS


def _column(frame, i):
    """Return a column of a frame; several of pandas's may have one name."""
    return frame.iloc[:, i] if hasattr(frame, "iloc") else frame[frame.columns[i]]


def _are_times(values):
    """Tell whether a date, a time or a duration is among the values of an array or a column."""
    kind = getattr(values.dtype, "kind", "O")
    if kind == "O":  # of a frame's own types, too
        values = np.asarray(values)
        kind = values.dtype.kind
    return kind in "Mm" or (kind == "O" and any(map(_is_of_time, set(map(type, values.flat)))))


def _is_of_time(kind):
    """Tell whether a type is one of points in time, which can be printed as such, or of spans."""
    return hasattr(kind, "strftime") or issubclass(kind, timedelta | np.datetime64 | np.timedelta64)
