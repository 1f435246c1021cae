"""Numbers out of JSON as the inputs of a file."""

import math

import numpy as np

from skfashion.images import as_rows
from skfashion.serving.problems import ProblemError, in_one_line


def read_instances(instances, model, max_rows):
    """Return nested lists of numbers as inputs (n, *input_shape) of a file's dtype.

    Parameters
    ----------
    instances : list
        Rows in the order of the file's `image_shape`, or images (n, h, w), (n, c, h, w) or
        (n, h, w, c), with values as in the training.
    model : Model
    max_rows : int

    Raises
    ------
    ProblemError
        413 of too many rows, 422 of anything that is no such array of finite numbers.
    """
    check_rows(len(instances), max_rows)
    values = numbers_of(instances, "instances", model.dtype)
    return _in_shape(values, model)


def check_rows(n_rows, max_rows):
    """Refuse too many rows."""
    if n_rows > max_rows:
        raise ProblemError(
            413, f"Got {n_rows} rows, expected at most {max_rows} a request. Send fewer at a time."
        )


def numbers_of(values, name, dtype):
    """Return nested lists as an array of a dtype, uint8 or float32, that holds each number."""
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError, RecursionError):
        raise _no_numbers(name, "lists of several lengths") from None
    # Text, null, true and false, lists of several lengths, and numbers beyond 64 bits.
    if array.dtype.kind not in "iuf":
        raise _no_numbers(name, "something else")
    return in_dtype(array, name, dtype)


def in_dtype(array, name, dtype):
    """Return an array of numbers in a dtype, uint8 or float32, that holds each of them."""
    if dtype == np.uint8:
        # NaN is neither.
        if not ((array >= 0) & (array <= 255) & (array == np.floor(array))).all():
            low, high = float(np.min(array)), float(np.max(array))
            hint = " Were they divided by 255?" if 0 <= low and high <= 1 else ""
            raise ProblemError(
                422,
                f"Got {name} with values from {low:g} to {high:g}, expected whole numbers from 0 "
                f"to 255.{hint}",
            )
    elif not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise ProblemError(422, f"Got {name} with NaN or infinity, expected finite numbers.")
    return np.ascontiguousarray(array, dtype)


def _no_numbers(name, what):
    return ProblemError(422, f"Got {name} with {what}, expected an array of numbers, as lists.")


def _in_shape(values, model):
    width = math.prod(model.input_shape)
    if values.shape[1:] == model.input_shape:
        return values
    if model.image_shape is not None and values.ndim in (2, 3, 4):
        try:
            rows = as_rows(values, model.image_shape)
        except ValueError as error:
            raise ProblemError(422, in_one_line(error)) from None
        if rows.shape[1] == width:
            rows = np.ascontiguousarray(rows)
            return (
                rows if len(model.input_shape) == 1 else np.ascontiguousarray(model.to_planes(rows))
            )
    raise ProblemError(
        422,
        f"Got instances of shape {values.shape}, expected (n, {width}) or (n, "
        f"{', '.join(map(str, model.input_shape))}).",
    )
