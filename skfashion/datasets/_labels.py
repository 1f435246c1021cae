"""Labels as numbers, for functions that treat classes differently."""

import numpy as np
from sklearn.utils import column_or_1d


def encode_labels(y, n_rows):
    """Return the sorted labels, a list, and the number of each row's label among them, an array.

    Parameters
    ----------
    y : array-like of str or int, shape (n_rows,)
        A label for each row; None and NaN are refused.
    n_rows : int
        How many rows there are.

    Raises
    ------
    ValueError
        If there is not one label a row, or the labels are missing or of several types.
    """
    import pandas as pd  # slow to import, and who only loads data has no need of it

    labels = column_or_1d(y)
    if len(labels) != n_rows:
        raise ValueError(
            f"Got X of {n_rows} rows and y of {len(labels)} labels, expected one label a row. Give "
            "X and y of the same rows."
        )
    missing = np.flatnonzero(pd.isna(labels))
    if len(missing):
        raise ValueError(
            f"Got y with {len(missing)} missing labels, the first in row {missing[0]}; expected a "
            "label in each row. Leave these rows out."
        )
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        types = sorted({type(label).__name__ for label in labels})
        raise ValueError(
            f"Got y with labels of the types {', '.join(types)}, which have no order; expected "
            "labels of one type. Turn them all into str, say."
        ) from None
    return classes.tolist(), codes
