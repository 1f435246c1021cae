"""Rows that come in, checked: probabilities, features, pixels."""

import math

import numpy as np

# By how much the sum of a row's probabilities may differ from 1: they may come in float16.
SUM_TOLERANCE = 5e-3


def read_probabilities(values, n_classes=None, name="probabilities"):
    """Return probabilities as float64, (n, k), each row of sum 1.

    Raises
    ------
    ValueError
        If they are none, or of another number of classes.
    """
    array = np.ascontiguousarray(_numbers(values, name), dtype=np.float64)
    k = "n_classes" if n_classes is None else n_classes
    if array.ndim != 2 or array.shape[1] < 2 or n_classes not in (None, array.shape[1]):
        raise ValueError(
            f"Got {name} of shape {array.shape}, expected (n, {k}): a row each, a column for each "
            "class. Pass what predict_proba returns."
        )
    sums = array.sum(axis=1)
    if array.size and (array.min() < 0 or np.abs(sums - 1).max() > SUM_TOLERANCE):
        raise ValueError(
            f"Got {name} with rows that are no probabilities, from {array.min()} to {array.max()}; "
            "expected numbers from 0 to 1 whose rows sum to 1. Pass what predict_proba returns, "
            "not logits."
        )
    return array / sums[:, None]


def read_rows(values, name, n_rows, n_columns=None):
    """Return flat rows, (n_rows, d), as a C-contiguous array of finite numbers.

    Raises
    ------
    ValueError
        If there is another number of rows or columns, or something else than finite numbers.
    """
    array = _numbers(values, name)
    if array.ndim < 2 or len(array) != n_rows or array.size == 0 < n_rows:
        raise ValueError(
            f"Got {name} of shape {array.shape} and probabilities of {n_rows} rows, expected a row "
            f"of {name} for each of these. Pass what belongs to the same rows."
        )
    n_of_each = array.size // n_rows if n_rows else math.prod(array.shape[1:])
    array = np.ascontiguousarray(array.reshape(n_rows, n_of_each))
    if n_columns not in (None, array.shape[1]):
        raise ValueError(
            f"Got {name} of {array.shape[1]} numbers a row, expected {n_columns} as in the "
            "profile. Pass them as the profile was made with them."
        )
    return array


def _numbers(values, name):
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise ValueError(f"Got {name} of {array.dtype}, expected real numbers.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"Got {name} with NaN or infinity, expected finite numbers.")
    return array
