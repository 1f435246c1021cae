"""Sensitive features, one or several, as one name of a group for each row."""

from collections.abc import Mapping
from itertools import product

import numpy as np

from skfashion.utils.labels import refuse_missing

SEPARATOR = ", "


def read_groups(groups, name="groups"):
    """Return the group of each row, and all groups there may be.

    Parameters
    ----------
    groups : array-like of shape (n,) or (n, k), DataFrame, or dict of str to array-like (n,)
        A sensitive feature, or several; of several, each intersection is a group.
    name : str, default="groups"
        What error messages call it.

    Returns
    -------
    groups : ndarray of shape (n,)
        Values of one feature as they are; of several as text, such as "night, rain".
    names : ndarray
        All groups, sorted by one feature after the other; of several features, also the
        intersections without a row.

    Raises
    ------
    ValueError
        If values are missing, features differ in length, or two intersections have one name.
    """
    columns = [_read_column(values, label) for label, values in _features(groups, name).items()]
    if len({len(column) for column in columns}) != 1:
        lengths = ", ".join(str(len(column)) for column in columns)
        raise ValueError(
            f"Got {name} with features of {lengths or 'no'} rows, expected at least one feature, "
            "and a value of each for every row."
        )
    parts = [np.unique(column, return_inverse=True) for column in columns]
    if len(parts) == 1:
        return columns[0], parts[0][0]
    combinations = product(*(values.tolist() for values, _ in parts))
    names = np.array([SEPARATOR.join(map(str, values)) for values in combinations])
    if len(np.unique(names)) < len(names):
        raise ValueError(
            f"Got {name} with intersections of one name, {SEPARATOR!r} being between the features; "
            "expected values without it. Give the groups other names."
        )
    shape = [len(values) for values, _ in parts]
    return names[np.ravel_multi_index([codes for _, codes in parts], shape)], names


def _features(groups, name):
    """Return the features by what error messages call them."""
    if isinstance(groups, Mapping):
        return {f"{name}[{feature!r}]": values for feature, values in groups.items()}
    if hasattr(groups, "columns"):
        return {f"{name}[{feature!r}]": groups[feature] for feature in groups.columns}
    # Without a dtype, NumPy would make the text "nan" of a missing value in a list of text.
    values = groups if hasattr(groups, "dtype") else np.asarray(groups, dtype=object)
    if np.ndim(values) == 2:
        return {f"{name}[:, {i}]": values[:, i] for i in range(values.shape[1])}
    return {name: values}


def _read_column(values, name):
    """Return the values of a feature, (n,): text as NumPy's, none of them missing."""
    if not isinstance(values, np.ndarray):
        values = np.asarray(values, dtype=object)
    if values.ndim != 1:
        raise ValueError(
            f"Got {name} of shape {values.shape}, expected one dimension, or two for several "
            "features. Give one value a row."
        )
    refuse_missing(values, name)
    if values.dtype != object:
        return values
    types = sorted({type(value).__name__ for value in values})
    if len(types) > 1 and "str" in types:
        raise ValueError(
            f"Got {name} with values of the types {', '.join(types)}, which have no order; "
            "expected values of one type. Turn them all into str, say."
        )
    return np.array(values.tolist()) if len(types) == 1 else values
