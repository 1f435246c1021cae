"""Labels: which are missing, what their type is in NumPy, and their numbers."""

import numpy as np
from sklearn.utils import column_or_1d


def refuse_missing(labels, name="y"):
    """Raise a ValueError if labels, or groups, are missing.

    Parameters
    ----------
    labels : array-like, shape (n,) or (n, k)
        None, NaN, NaT, NA and what is masked are missing.
    name : str, default="y"
        What the message calls them.
    """
    # pandas is slow to import, and reading data does not need it.
    from pandas import isna

    if labels is None:
        return  # no labels at all, which whoever reads them says in other words
    if isinstance(labels, list | tuple):
        # Otherwise NumPy would make the text "nan" of a missing one among text.
        labels = np.asarray(labels, dtype=object)
    labels = with_known_dtype(labels)
    is_missing = np.atleast_1d(np.asarray(isna(labels)))
    if np.ma.isMaskedArray(labels):
        is_missing = is_missing | np.ma.getmaskarray(labels)
    elif isinstance(labels, np.ndarray) and labels.dtype == object:
        # What a list made of a masked array holds.
        masked = np.fromiter((label is np.ma.masked for label in labels.flat), bool)
        is_missing = is_missing | masked.reshape(labels.shape)
    missing = np.flatnonzero(is_missing.any(axis=tuple(range(1, is_missing.ndim))))
    if len(missing):
        raise ValueError(
            f"Got {name} with {len(missing)} missing labels, the first in row {missing[0]}; "
            "expected a label in each row. Leave these rows out, or give them a label of their own."
        )


def with_known_dtype(labels):
    """Return labels of types that scikit-learn does not keep, or know, as those that it does.

    Of pandas' nullable integers and booleans it would make floats, which are no labels to index
    with: they become NumPy's. NumPy's own type of text becomes that of objects.

    Parameters
    ----------
    labels : array-like, shape (n,) or (n, 1)
        What is missing in them stays so, and they as they are.
    """
    if isinstance(labels, np.ndarray) and labels.dtype.kind == "T":
        return labels.astype(object)
    is_frame = hasattr(labels, "iloc") and labels.shape[1:] == (1,)
    dtype = labels.dtypes.iloc[0] if is_frame else getattr(labels, "dtype", None)
    dtype = getattr(dtype, "numpy_dtype", None)
    is_whole = dtype is not None and dtype.kind in "iub"
    return labels.to_numpy(dtype) if is_whole and not np.any(labels.isna()) else labels


def column_of_labels(y, name="y", *, warn=False):
    """Return labels as an array (n,) of NumPy's, refusing missing ones.

    Parameters
    ----------
    y : array-like, shape (n,) or (n, 1)
        The labels.
    name : str, default="y"
        What error messages call them.
    warn : bool, default=False
        Whether a column, (n, 1), deserves scikit-learn's warning.
    """
    refuse_missing(y, name)
    return column_or_1d(with_known_dtype(y), warn=warn)


def encode_labels(y, classes=None, name="y"):
    """Turn labels into numbers: the position of each label among the classes.

    Parameters
    ----------
    y : array-like of str, int or bool, shape (n,)
        Labels, one per row.
    classes : array-like, shape (n_classes,), default=None
        All classes, each once, in any order. None takes the labels in `y`, sorted.
    name : str, default="y"
        What error messages call `y`.

    Returns
    -------
    classes : ndarray, shape (n_classes,)
        The classes, in the order that the numbers refer to.
    codes : ndarray of int, shape (n,)
        ``classes[codes]`` equals `y`.

    Raises
    ------
    ValueError
        If `y` does not have one dimension, if labels are missing (None, NaN) or of types that
        cannot be sorted, or if a label is not among `classes`.

    Examples
    --------
    >>> classes, codes = encode_labels(["coat", "bag", "coat"])
    >>> classes.tolist(), codes.tolist()
    (['bag', 'coat'], [1, 0, 1])
    """
    labels = column_of_labels(y, name)
    if classes is None:
        try:
            return np.unique(labels, return_inverse=True)
        except TypeError:
            types = sorted({type(label).__name__ for label in labels})
            raise ValueError(
                f"Got {name} with labels of the types {', '.join(types)}, which have no order; "
                "expected labels of one type. Turn them all into str, say."
            ) from None
    classes = np.asarray(classes)
    if not len(labels):
        return classes, np.zeros(0, dtype=int)
    # NumPy would compare numbers with strings by turning them all into strings.
    if _are_text(labels) == _are_text(classes):
        order = np.argsort(classes)
        places = np.searchsorted(classes, labels, sorter=order)
        codes = order[np.minimum(places, len(classes) - 1)]
        unknown = np.unique(labels[classes[codes] != labels])
    else:
        codes, unknown = None, np.unique(labels)
    if len(unknown):
        raise ValueError(
            f"Got {name} with the labels {unknown.tolist()}, expected only the classes "
            f"{classes.tolist()}. Leave these rows out, or begin anew with all classes."
        )
    return classes, codes


def plain_labels(labels):
    """Return labels as a list of Python's own objects, as messages show them: 0, not np.int64(0).

    Parameters
    ----------
    labels : iterable
        An array, or the keys of a dict.
    """
    return [label.item() if isinstance(label, np.generic) else label for label in labels]


def check_label_per_row(X, y, end=""):
    """Raise a ValueError unless there are as many labels as rows; `end` completes their names."""
    n_rows, n_labels = (part.shape[0] if hasattr(part, "shape") else len(part) for part in (X, y))
    if n_rows != n_labels:
        raise ValueError(
            f"Got X{end} of {n_rows} rows and y{end} of {n_labels} labels, expected one label a "
            f"row. Give X{end} and y{end} of the same rows."
        )


def _are_text(labels):
    """Tell whether labels are text, and not numbers or the like."""
    if labels.dtype == object:
        return any(isinstance(label, str) for label in labels)
    return labels.dtype.kind in "STU"
