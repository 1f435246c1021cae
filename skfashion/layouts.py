"""Images or a table: the rule by which rows are one or the other, in one place.

In this order:

1. `image_shape`, where it is given: one row of one channel, ``(1, n)``, is a table.
2. Arrays of three or four axes are images.
3. Frames with names: all of them "pixel" or "px" with running numbers, or with row and column, are
   images; for a network of dense layers other names are a table. Bare numbers, such as "0" or "1",
   count as no names.
4. Flat rows for a network of convolutions are images wherever their width is a square or three
   squares, else a strip of one row, with a warning.
5. Flat rows for a network of dense layers whose width is a square or three squares, at least 25,
   are images if all values are whole numbers from 0 to 255 or all lie from 0 to 1, else a table,
   with a warning. All others are a table.
"""

import re
from dataclasses import dataclass

import numpy as np

from skfashion.images import dense_blocks, guess_image_shape, infer_image_shape, planes_shape

# A number for the pixel, or one for its row and one for its column: pixel1, px_0, pixel28x28.
PIXEL = re.compile(r"(?:pixel|px)[ _.-]*([0-9]+)(?:[ x_.,-]+([0-9]+))?", re.IGNORECASE)
# Fewer columns that happen to be a square number are hardly an image.
MIN_WIDTH = 25
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
        If the shape is ambiguous, or does not fit `image_shape`.
    """
    if image_shape != "auto":
        shape = infer_image_shape(X.shape, image_shape)
        return Layout(shape, is_table=planes_shape(shape)[:2] == (1, 1))
    if X.ndim > 2:
        return Layout(infer_image_shape(X.shape), is_table=False)
    width, shape = X.shape[1], guess_image_shape(X.shape[1])
    has_names = names is not None and not all(map(str.isdecimal, names))
    named_shape = _shape_by_names(names) if has_names else None
    if named_shape is not None or not takes_tables:
        shape = named_shape or shape
        is_strip = shape[0] == 1
        doubt = _doubt_of_strip(width) if is_strip and not takes_tables else None
        return Layout(shape, is_table=is_strip and named_shape is None, doubt=doubt)
    could_be_image = shape[0] > 1 and width >= MIN_WIDTH and not has_names
    if could_be_image and _are_pixels(X, used):
        return Layout(shape, is_table=False)
    doubt = _doubt_of_table(width, shape) if could_be_image else None
    return Layout((1, width), is_table=True, doubt=doubt)


def _shape_by_names(names):
    """Return the shape of an image whose pixels have such names, None where they are no pixels."""
    matches = [PIXEL.fullmatch(name) for name in names]
    if not all(matches):
        return None
    places = [tuple(map(int, filter(None, match.groups()))) for match in matches]
    first, width = places[0], len(places)
    if all(len(place) == 1 for place in places):
        is_running = places == [(first[0] + i,) for i in range(width)]
        return guess_image_shape(width) if is_running else None
    if any(len(place) == 1 for place in places):
        return None
    # Rows one after the other, or columns: either is the same image but for a reflection.
    for slow, fast in ((0, 1), (1, 0)):
        n = len({place[fast] for place in places})
        numbers = [(place[slow] - first[slow], place[fast] - first[fast]) for place in places]
        if numbers == [divmod(i, n) for i in range(width)] and width % n == 0:
            return (width // n, n)
    return None


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
