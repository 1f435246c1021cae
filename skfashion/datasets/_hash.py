"""A fingerprint of the data that a model or a benchmark saw."""

import hashlib

import numpy as np


def data_hash(X, y):
    """Hash the content of a data set.

    Two runs that report the same hash used the same pixels and labels in the same order, wherever
    their files came from.

    Parameters
    ----------
    X : array-like of numbers, shape (n, n_features) or (n, height, width)
        The images. Flat rows and images of the same pixels have the same hash.
    y : array-like of numbers, shape (n,)
        The labels.

    Returns
    -------
    digest : str
        SHA-256, 64 hexadecimal digits, of the bytes of ``X`` followed by those of ``y``, row after
        row, little-endian. The data type counts: ``uint8`` pixels and the same values as
        ``float64`` have different hashes.

    Examples
    --------
    >>> from skfashion.datasets import data_hash, load_fashion_sample
    >>> X, y = load_fashion_sample(subset="test", return_X_y=True)
    >>> data_hash(X, y) == data_hash(X.reshape(-1, 28, 28), y.tolist())
    True
    """
    digest = hashlib.sha256()
    for array in (X, y):
        array = np.asarray(array)
        digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")))
    return digest.hexdigest()
