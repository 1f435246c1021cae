"""Images or a table: the rule by which rows are one or the other, in one place.

In this order:

1. `image_shape`, where it is given: one row of one channel, ``(1, n)``, is a table.
2. Arrays of three or four axes are images.
3. Frames with names: all of them "pixel" or "px" with running numbers, or with row and column, are
   images, and an error where they are not in order; for a network of dense layers other names are
   a table, with a warning where all but a few are pixels, or numbers that could be. Bare numbers
   alone, such as "0" or "1", count as no names.
4. Flat rows for a network of convolutions are images wherever their width is a square or three
   squares, else a strip of one row, with a warning.
5. Flat rows for a network of dense layers whose width is a square or three squares, at least 25,
   are images if all values are whole numbers from 0 to 255 or all lie from 0 to 1, with a warning
   where every column reaches both 0 and 1; else a table, with a warning. All others are a table.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from skfashion.images import dense_blocks, guess_image_shape, infer_image_shape, planes_shape

# A number for the pixel, or one for its row and one for its column: pixel1, px_0, pixel28x28.
PIXEL = re.compile(r"(?:pixel|px)[ _.-]*([0-9]+)(?:[ x_.,-]+([0-9]+))?", re.IGNORECASE)
# Fewer columns that happen to be a square number are hardly an image.
MIN_WIDTH = 25
# So many columns beside pixels look like a label, an index, a part that were left in.
MAX_LEFT_IN = 3
# By how much a scaler's values may lie outside of 0 to 1.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Layout:
    """What flat rows are.

    Attributes
    ----------
    image_shape : tuple of int
        ``(1, n)`` for a table.
    is_table : bool
        Whether columns are standardised one by one.
    doubt : str or None
        A warning, where the rows could be something else.
    """

    image_shape: tuple
    is_table: bool
    doubt: str | None = None


def find_layout(X, image_shape, names, used, *, takes_tables):
    """Return the :class:`Layout` of data that is fitted, by the rule above.

    Parameters
    ----------
    X : ndarray of two to four dimensions, or sparse matrix
        The data.
    image_shape : "auto" or tuple of int
        The classifier's parameter.
    names : ndarray of str or None
        Names of the columns.
    used : ndarray of int
        Numbers of the rows that have any weight.
    takes_tables : bool
        Whether the network makes something of columns that are no neighbours.

    Raises
    ------
    ValueError
        If the shape is ambiguous, or does not fit `image_shape`, or if pixels with names are not in
        order.
    """
    if image_shape != "auto":
        shape = infer_image_shape(X.shape, image_shape)
        return Layout(shape, is_table=planes_shape(shape)[:2] == (1, 1))
    if X.ndim > 2:
        return Layout(infer_image_shape(X.shape), is_table=False)
    width, shape = X.shape[1], guess_image_shape(X.shape[1])
    has_names = names is not None and not all(map(str.isdecimal, names))
    named_shape = _shape_by_names(names) if has_names else None
    left_in = _left_in(names) if has_names else []
    if named_shape is not None or not takes_tables:
        shape = named_shape or shape
        is_strip = shape[0] == 1
        doubt = _doubt_of_strip(width) if is_strip and not takes_tables else None
        doubt = _doubt_of_left_in(left_in, width, shape) if left_in else doubt
        return Layout(shape, is_table=is_strip and named_shape is None, doubt=doubt)
    could_be_image = shape[0] > 1 and width >= MIN_WIDTH and not has_names
    if could_be_image and _are_pixels(X, used):
        doubt = _doubt_of_image(width, shape) if _all_span_unit(X, used) else None
        return Layout(shape, is_table=False, doubt=doubt)
    doubt = _doubt_of_table(width, shape) if could_be_image else None
    doubt = _doubt_of_left_in(left_in, width) if left_in else doubt
    return Layout((1, width), is_table=True, doubt=doubt)


def _shape_by_names(names):
    """Return the shape of an image whose pixels have such names, None where they are no pixels."""
    matches = [PIXEL.fullmatch(name) for name in names]
    if not all(matches):
        return None
    places = [tuple(map(int, filter(None, match.groups()))) for match in matches]
    if len({len(place) for place in places}) > 1:
        return None
    sides = tuple(max(axis) - min(axis) + 1 for axis in zip(*places, strict=True))
    if not len(set(places)) == len(places) == math.prod(sides):
        return None
    ordered = sorted(places)
    if places == ordered:
        return sides if len(sides) == 2 else guess_image_shape(len(places))
    # Columns one after the other: the same image but for a reflection.
    if places == sorted(places, key=lambda place: place[::-1]):
        return sides[::-1]
    number = next(i for i, place in enumerate(places) if place != ordered[i])
    wanted = names[places.index(ordered[number])]
    raise ValueError(
        f"Got columns named as the pixels of an image, but not in its order: {names[number]!r} "
        f"stands where {wanted!r} belongs. Expected them row by row; sort the columns, here and in "
        f"predictions. To take them as they stand, set image_shape: (1, {len(names)}) for a table, "
        "(height, width) for images."
    )


def _left_in(names):
    """Return the names of a few columns beside pixels, or beside numbers that could be pixels."""
    are_pixels = [bool(PIXEL.fullmatch(name)) for name in names]
    others = [
        str(name)
        for name, is_pixel in zip(names, are_pixels, strict=True)
        if not (is_pixel or name.isdecimal())
    ]
    n_pixels = len(names) - len(others)
    could_be_image = n_pixels >= MIN_WIDTH and guess_image_shape(n_pixels)[0] > 1
    is_known = any(are_pixels) or could_be_image
    return others if is_known and len(others) <= MAX_LEFT_IN < n_pixels else []


def _are_pixels(X, used):
    """Tell whether all values are whole numbers from 0 to 255, or all lie from 0 to 1."""
    if X.dtype == np.uint8:
        return True
    whole = unit = True
    for _, block in dense_blocks(X, used):
        low, high = block.min(), block.max()
        unit = unit and low >= -ROUNDING and high <= 1 + ROUNDING
        whole = whole and low >= 0 and high <= 255 and np.array_equal(block, np.rint(block))
        if not (whole or unit):
            return False
    return True


def _all_span_unit(X, used):
    """Tell whether every column reaches both 0 and 1, and none goes beyond."""
    low, high = np.inf, -np.inf
    for _, block in dense_blocks(X, used):
        low, high = np.minimum(low, block.min(0)), np.maximum(high, block.max(0))
        if high.max() > 1 + ROUNDING:
            return False
    return bool(np.all(np.abs(low) <= ROUNDING) and np.all(high >= 1 - ROUNDING))


def _doubt_of_strip(width):
    return (
        f"Got rows of {width} columns, which make no square image, grey or of three colours: they "
        f"are taken for a strip of 1 x {width} pixels. If a label or an index is among the "
        "columns, leave it out; for images of other sides set image_shape=(h, w), for a strip "
        f"image_shape=(1, {width}); for a table use MLPNetClassifier."
    )


def _doubt_of_table(width, shape):
    return (
        f"Got rows of {width} columns without names, which could be images of image_shape={shape}, "
        "but not all values are whole numbers from 0 to 255, nor do all lie from 0 to 1: they are "
        f"taken for a table, each column standardised by itself. Set image_shape={shape} if they "
        f"are images, and image_shape=(1, {width}) if they are not."
    )


def _doubt_of_image(width, shape):
    return (
        f"Got rows of {width} columns without names, each of which reaches 0 and 1, as those of "
        "OneHotEncoder and MinMaxScaler do: they are taken for images of "
        f"image_shape={shape}, all columns standardised by one mean and one deviation. Set "
        f"image_shape=(1, {width}) if they are a table, and image_shape={shape} if they are images."
    )


def _doubt_of_left_in(others, width, shape=None):
    taken = "a table, each column standardised by itself"
    return (
        f"Got columns that are named or numbered as pixels, all but {others}: they are taken for "
        f"{taken if shape is None else f'images of image_shape={shape}'}. Leave out what is no "
        f"pixel, such as a label or an index; where it belongs there, set image_shape=(1, {width})."
    )
