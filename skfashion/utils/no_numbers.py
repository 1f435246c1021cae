"""Pictures in the place of numbers: paths, bytes, dicts, images of unequal size."""

import os
from collections.abc import Iterator, Mapping

import numpy as np
from scipy.sparse import issparse

WAY_OUT = (
    "expected numbers, images of one shape (n, h, w) or (n, h, w, c). skfashion.preprocessing."
    "ImageReader reads them as a step before the net: make_pipeline(ImageReader(size=28), net)"
)


def refuse_pictures(X, name="X", way_out=WAY_OUT):
    """Refuse pictures that are no numbers yet, and name what reads them.

    Parameters
    ----------
    X : object
        Whatever was given as images. Of numbers no more than the type is looked at, of a list the
        shapes of its arrays.
    name, way_out : str
        What it was given as, and what to do.

    Raises
    ------
    ValueError
    """
    refuse_containers(X)
    found = kind_of_pictures(X)
    if found is not None:
        raise ValueError(f"Got {found} as {name}, {way_out}.")


def refuse_containers(X):
    """Refuse what holds pictures, and is neither an array nor a list nor a frame.

    A Dataset of PyTorch's, whose items NumPy would ask for until an IndexError comes, which it need
    not raise; an iterator, which has its items once; pictures in a column or a table of PyArrow's,
    whose items are objects of its own (its numbers are numbers).

    Raises
    ------
    ValueError
    """
    what = f"Got X of type {type(X).__name__}"
    knows_its_end = ("__iter__", "__array__", "__array_interface__", "__dlpack__")
    if hasattr(type(X), "__getitem__") and not any(hasattr(X, name) for name in knows_its_end):
        raise ValueError(
            f"{what}, whose items are asked for one by one; expected an array or a list. Take the "
            "images out: [dataset[i][0] for i in range(len(dataset))], and the labels likewise."
        )
    if isinstance(X, Iterator):
        raise ValueError(
            f"{what}, whose items come once; expected an array or a list. Make one: list(X)."
        )
    column = _column_of_pictures(X) if hasattr(X, "to_pylist") else None
    if column is not None:
        raise ValueError(
            f"{what}, expected an array or a list. Make one of its pictures: {column}.to_pylist()."
        )


def _column_of_pictures(X):
    """Return how the column of pictures of something of PyArrow's is written, None without one."""
    for first in X[:1].to_pylist():
        # A row of a table is a dict of its columns.
        row = first if hasattr(X, "column_names") else {None: first}
        for name, value in row.items():
            if _kind_of_item(value) is not None:
                return "X" if name is None else f"X[{name!r}]"
    return None


def is_one_picture(X):
    """Tell whether something is a single picture that is no array: a path, bytes, or a dict."""
    # SciPy's matrices of keys were dicts before 1.13.
    return isinstance(X, str | bytes | os.PathLike | Mapping) and not issparse(X)


def kind_of_pictures(X):
    """Return in words what pictures there are in place of numbers, None where there are none."""
    if is_one_picture(X):
        return _kind_of_item(X)
    is_frame = hasattr(X, "columns") and hasattr(X, "iloc")
    if is_frame and len(X.columns) == 1:
        X = X.iloc[:, 0]
    is_list = isinstance(X, list | tuple)
    # A column of objects: whoever has numbers there has a type of numbers.
    is_column = getattr(X, "ndim", 0) == 1 and getattr(X.dtype, "kind", "O") in "OSU"
    if not (is_list or is_column) or len(X) == 0:
        return None
    first = X[0] if is_list else next(iter(X))
    kind = _kind_of_item(first)
    if kind is not None:
        return f"{kind} and more" if len(X) > 1 else kind
    if not _is_image(first):
        return None
    shapes = {_shape_of(item) for item in X}
    if len(shapes) > 1:
        some = ", ".join(map(str, sorted(shapes, key=str)[:3]))
        return f"images of {len(shapes)} shapes, such as {some},"
    # An array of arrays is none of numbers; a list of them is.
    return f"a column of {type(first).__name__}s" if is_column else None


def _kind_of_item(item):
    if isinstance(item, str | os.PathLike):
        return f"the text or path {str(os.fsdecode(item))!r:.80}"
    if isinstance(item, bytes | bytearray):
        return f"{len(item)} bytes"
    return f"a dict with {list(item)!r:.80}" if isinstance(item, Mapping) else None


def _is_image(item):
    """Tell whether an item is an array of two or three axes, or a picture of Pillow's."""
    return len(_shape_of(item)) in (2, 3)


def _shape_of(item):
    if hasattr(item, "getbands"):
        return (item.height, item.width, *([len(item.getbands())] * (len(item.getbands()) > 1)))
    return np.shape(item) if hasattr(item, "__array__") else ()
