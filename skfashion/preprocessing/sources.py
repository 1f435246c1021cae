"""What pictures may be given as: paths, bytes, Pillow's, arrays, Hugging Face's dicts."""

import os
import threading
from collections.abc import Mapping, Sized

import numpy as np
from PIL import Image

from skfashion.pictures import PictureError, copied, open_picture
from skfashion.utils.no_numbers import refuse_containers

# A file of Pillow's decodes when it is asked first, which two threads must not do at once; a list
# may hold it twice. A lock for each would have to be kept somewhere; these are enough.
LOCKS = [threading.Lock() for _ in range(64)]
EXPECTED = (
    "a list, array, Series or column of paths, bytes, pictures of Pillow's, uint8 arrays, or dicts "
    'with "bytes" or "path"'
)


def listed(X):
    """Return what was given for pictures as a list, one item a picture.

    Raises
    ------
    ValueError
        If it is a single picture, a Dataset of PyTorch's, an iterator, a column of PyArrow's, a
        frame of several columns, rows of numbers, or empty.
    """
    refuse_containers(X)
    if isinstance(X, str | bytes | os.PathLike | Mapping | Image.Image):
        raise ValueError(
            f"Got a single picture as X ({described(X)}), expected {EXPECTED}. Put it in a list: "
            "[X]."
        )
    if hasattr(X, "columns") and getattr(X, "ndim", 2) == 2:
        X = _only_column(X)
    shape = getattr(X, "shape", ())
    dtype = getattr(X, "dtype", None)
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1 and X.dtype.kind in "OSU":
        X = X[:, 0]
    elif len(shape) in (0, 1, 2) and getattr(dtype, "kind", "O") in "biufc" and dtype is not None:
        raise ValueError(
            f"Got numbers of shape {tuple(shape)}, expected {EXPECTED}; images as an array have "
            "the shape (n, h, w) or (n, h, w, c). Reshape flat rows, and put a single image in a "
            "list: [X]."
        )
    if not isinstance(X, Sized) or getattr(X, "ndim", 1) == 0:
        raise ValueError(f"Got {type(X).__name__} as X, expected {EXPECTED}.")
    items = list(X)
    if isinstance(X, np.ndarray) and X.dtype.kind == "S":
        # NumPy takes zeros at the end away, which a file may end with.
        items = [item.ljust(X.itemsize, b"\0") for item in items]
    if not items:
        raise ValueError(f"Got X of 0 pictures (shape=(0,)), expected {EXPECTED}.")
    return items


def _only_column(frame):
    names = list(frame.columns)
    if len(names) != 1:
        raise ValueError(
            f"Got a frame with the columns {names}, expected one column of pictures: "
            f"X[{names[0]!r}], or whichever of them it is."
            if names
            else "Got a frame without columns, expected one column of pictures."
        )
    return frame[names[0]]


def picture_of(item):
    """Return an item as an opened picture of Pillow's.

    Raises
    ------
    PictureError
        Of what :func:`skfashion.pictures.open_picture` refuses, and of arrays that are no images.
    OSError
        If a file cannot be opened.
    TypeError
        If it is nothing that a picture may be given as.
    """
    if isinstance(item, Mapping):
        content = item.get("bytes")
        return picture_of(item.get("path") if content is None else content)
    if isinstance(item, bytes | bytearray | memoryview):
        return open_picture(bytes(item))
    if isinstance(item, str | os.PathLike):
        # Anything else, such as a pipe, could be read for ever.
        if os.path.exists(item) and not os.path.isfile(item):
            raise PictureError("format", "is no file")
        if "://" in os.fsdecode(item) and not os.path.exists(item):
            raise PictureError("format", "is an address, and files are read: download it first")
        return open_picture(item)
    if isinstance(item, Image.Image):
        with LOCKS[id(item) // 16 % len(LOCKS)]:
            return copied(item)
    if hasattr(item, "__array__"):
        return _picture_of_array(np.asarray(item))
    raise TypeError(f"Got {described(item)}, expected {EXPECTED}.")


def _picture_of_array(values):
    """Return an array (h, w), (h, w, c) or (c, h, w) as a picture."""
    if values.ndim == 3 and values.shape[2] not in (1, 3, 4) and values.shape[0] in (1, 3, 4):
        values = values.transpose(1, 2, 0)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    is_image = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))
    if not is_image or not values.size:
        raise PictureError(
            "values",
            f"is an array of shape {values.shape}, and (h, w), (h, w, c) or (c, h, w) is expected",
        )
    if values.dtype.kind == "b":
        values = values * np.uint8(255)
    if values.dtype == ">u2":
        values = values.astype(np.uint16)
    is_short = values.dtype == np.uint16 and values.ndim == 2
    if not is_short and values.dtype != np.uint8:
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 255:
            raise PictureError(
                "values",
                f"is an array of {values.dtype} from {values.min():g} to {values.max():g}, and "
                "whole numbers from 0 to 255 are expected (pixels of 0 to 1 times 255, as uint8)",
            )
        values = values.astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(values))


def described(item):
    """Return a few words for an item: what it is, and where it lies if that is known."""
    if isinstance(item, Mapping):
        path = item.get("path")
        return f"a dict with the path {path!r}" if path else f"a dict with the keys {list(item)}"
    if isinstance(item, str | os.PathLike):
        return repr(str(os.fsdecode(item)))  # of NumPy's texts not their type
    if isinstance(item, bytes | bytearray | memoryview):
        return f"{len(item)} bytes"
    if isinstance(item, np.ndarray):
        return f"an array of shape {item.shape}"
    return "None" if item is None else f"a {type(item).__name__}"
