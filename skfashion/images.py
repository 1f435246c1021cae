"""Layouts of images: flat rows and arrays of three or four dimensions, one meaning.

Inside the package images live as rows, ``(n, h*w*c)``, in the order that ``image_shape_`` names;
the network sees a view of them as ``(n, c, h, w)``.
"""

import math
from numbers import Integral

import numpy as np

# A side of this length at exactly one end of a shape is the channel axis.
CHANNELS = (1, 3)
# Rows looked at at a time: few enough to stay in the processor's cache.
BLOCK_SIZE = 256
# Values of a block at most, so that wide sparse rows are never dense all at once.
BLOCK_VALUES = 2**20


def infer_image_shape(shape, image_shape="auto"):
    """Return the layout of the flat row for data of a given shape.

    Parameters
    ----------
    shape : tuple of int
        Shape of the data: ``(n, width)``, ``(n, h, w)``, ``(n, c, h, w)`` or ``(n, h, w, c)``.
    image_shape : "auto" or tuple of int
        ``(h, w)``, ``(c, h, w)`` or ``(h, w, c)``. "auto" takes the shape of an image from data
        of three or four dimensions; of flat rows, a width of ``k*k`` means ``(k, k)``, of
        ``3*k*k`` means ``(k, k, 3)``, and any other (3 and 27, too) is a strip ``(1, width)``.

    Returns
    -------
    tuple of int
        `image_shape`, or what "auto" stands for.

    Raises
    ------
    ValueError
        If the shape is ambiguous, or does not fit `image_shape`.
    """
    if image_shape == "auto":
        image_shape = guess_image_shape(shape[1]) if len(shape) == 2 else tuple(shape[1:])
    if not all(isinstance(side, Integral) and side > 0 for side in image_shape):
        raise ValueError(f"Got image_shape={image_shape!r}, expected positive integers.")
    image_shape = tuple(int(side) for side in image_shape)
    channel_axis(image_shape)
    if len(shape) > 2:
        match_layout(shape, image_shape)
    elif math.prod(image_shape) != shape[1]:
        raise ValueError(
            f"Got image_shape={image_shape}, which is {math.prod(image_shape)} values an image, "
            f"and rows of {shape[1]} values; expected the two to agree. Set image_shape to (h, w), "
            "(c, h, w) or (h, w, c) of your images, or to 'auto'."
        )
    return image_shape


def guess_image_shape(width):
    """Return ``(k, k)`` for a width ``k*k``, ``(k, k, 3)`` for ``3*k*k``, else ``(1, width)``."""
    side = math.isqrt(width)
    if side * side == width:
        return (side, side)
    side = math.isqrt(width // 3)
    # (1, 1, 3) and (3, 3, 3) could be read from either end; such rows are no images anyway.
    is_colour = 3 * side * side == width and side not in CHANNELS
    return (side, side, 3) if is_colour else (1, width)


def channel_axis(image_shape):
    """Return where the channels are: 0, 2, or None for ``(h, w)``.

    Raises
    ------
    ValueError
        If neither or both ends of a shape of three sides could be the channels.
    """
    if len(image_shape) not in (2, 3):
        raise ValueError(
            f"Got image_shape={tuple(image_shape)}, expected two or three sides: (h, w), (c, h, w) "
            "or (h, w, c)."
        )
    if len(image_shape) == 2:
        return None
    if len(image_shape) == 3:
        first, last = image_shape[0] in CHANNELS, image_shape[2] in CHANNELS
        if not first and not last:
            # Two, four or more channels: the short end.
            first, last = image_shape[0] < image_shape[2], image_shape[2] < image_shape[0]
        if first != last:
            return 0 if first else 2
    raise ValueError(
        f"Got images of shape {tuple(image_shape)}, in which the channels could be at either end "
        "or nowhere; expected (h, w), (c, h, w) or (h, w, c) with 1 or 3 channels at one end only. "
        "Move the channels to the other end, or give grey images as (n, h, w) or as flat rows with "
        "image_shape=(h, w)."
    )


def planes_shape(image_shape):
    """Return ``(c, h, w)`` for an `image_shape` in any layout."""
    axis = channel_axis(image_shape)
    if axis is None:
        return (1, *image_shape)
    return image_shape if axis == 0 else (image_shape[2], image_shape[0], image_shape[1])


def match_layout(shape, image_shape):
    """Return how data of three or four dimensions becomes rows of `image_shape`.

    Returns
    -------
    tuple of int or None
        The permutation of the axes to apply before flattening; None if none is needed.

    Raises
    ------
    ValueError
        If data of `shape` does not hold images of `image_shape`.
    """
    given = tuple(shape[1:])
    c, h, w = planes_shape(image_shape)
    if given == tuple(image_shape) or (c == 1 and given in {(h, w), (1, h, w), (h, w, 1)}):
        return None
    if given == (c, h, w):
        return (0, 2, 3, 1)
    if given == (h, w, c):
        return (0, 3, 1, 2)
    grey = f"(n, {h}, {w}), " if c == 1 else ""
    advice = advice_on_one_image(shape, image_shape) or _advice_on_colours(given, (c, h, w))
    raise ValueError(
        f"Got X of shape {tuple(shape)}, expected images of image_shape={tuple(image_shape)}: flat "
        f"rows (n, {c * h * w}) in the order of image_shape, {grey}(n, {c}, {h}, {w}) or "
        f"(n, {h}, {w}, {c}).{advice}"
    )


def _advice_on_colours(given, planes):
    """Return what to say where images differ in their colours alone, else ""."""
    c, h, w = planes
    is_grey = given in {(h, w), (1, h, w), (h, w, 1)}
    if not (c == 3 and is_grey) and not (c == 1 and given in {(3, h, w), (h, w, 3)}):
        return ""
    mode = "RGB" if is_grey else "L"
    return (
        f" These are {'grey' if is_grey else 'in colour'}; load_image_folder and ImageReader read "
        f'pictures as the net expects them by mode="{mode}".'
    )


def advice_on_one_image(shape, image_shape):
    """Return what to say where data of a wrong shape is an image that stands alone, else ""."""
    if len(image_shape) == 0:
        return ""
    c, h, w = planes_shape(image_shape)
    if tuple(shape) not in {(h, w), (c, h, w), (h, w, c)}:
        return ""
    return " This looks like a single image; an array of one image is X[None]."


def as_rows(X, image_shape):
    """Return images of any accepted layout as rows ``(n, h*w*c)``, without a copy if possible."""
    if X.ndim == 2:
        return X
    permutation = match_layout(X.shape, image_shape)
    X = X if permutation is None else X.transpose(permutation)
    return X.reshape(len(X), -1)


def as_planes(rows, image_shape):
    """Return rows as ``(n, c, h, w)``: a view, for NumPy arrays and tensors alike."""
    axis = channel_axis(image_shape)
    if axis is None:
        return rows.reshape(rows.shape[0], 1, *image_shape)
    images = rows.reshape(rows.shape[0], *image_shape)
    return images if axis == 0 else images.swapaxes(2, 3).swapaxes(1, 2)


def dense(rows):
    """Return rows as an array: those of a sparse matrix made dense, an array's as they are."""
    # Here, since a service over an exported file needs shapes of images and no SciPy.
    from scipy.sparse import issparse

    return rows.toarray() if issparse(rows) else rows


def dense_blocks(rows, used):
    """Yield the numbers of some of the `used` rows at a time, and these rows as an array.

    The array may be a view of `rows`.
    """
    size = max(1, min(BLOCK_SIZE, BLOCK_VALUES // rows.shape[1]))
    for start in range(0, len(used), size):
        numbers = used[start : start + size]
        together = slice(numbers[0], numbers[0] + len(numbers))
        # Rows that follow each other need not be copied.
        follow = np.array_equal(numbers, np.arange(together.start, together.stop))
        yield numbers, dense(rows[together if follow else numbers])
