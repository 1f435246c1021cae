"""Labels as the tensors that ONNX knows: text, int64, bool, float64."""

import numpy as np


def labels_for_onnx(labels):
    """Return labels as an array of a type that ONNX has.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Those of a fitted classifier, or of its predictions.

    Returns
    -------
    ndarray of shape (n,)
        Text as objects; whole numbers as int64, booleans as bool, floats as float64.

    Raises
    ------
    ValueError
        If they are anything else, such as dates or numbers beyond int64.
    """
    labels = np.asarray(labels)
    kinds = {_kind(label) for label in labels.tolist()} if labels.dtype == object else set()
    kind = labels.dtype.kind if labels.dtype != object else "".join(sorted(kinds))
    if kind == "U":
        return labels.astype(object)
    dtype = {"i": np.int64, "u": np.int64, "b": np.bool_, "f": np.float64}.get(kind)
    if dtype is None or (kind in "ui" and (labels > np.iinfo(np.int64).max).any()):
        raise ValueError(
            f"Got labels of dtype {labels.dtype}, such as {labels.tolist()[0]!r}; expected text, "
            "whole numbers that int64 holds, booleans or floats, which an exported file can have. "
            "Fit with other labels, such as text."
        )
    return labels.astype(dtype)


def _kind(label):
    """Return what NumPy calls the kind of a label in an array of objects."""
    return np.asarray(label).dtype.kind
