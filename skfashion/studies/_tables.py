"""Tidy tables of measurements, and the rows that these rest on."""

import numpy as np
import pandas as pd


def as_table(rows, columns):
    """Return rows as a frame.

    Parameters
    ----------
    rows : list of tuple
    columns : list of str
        Groups, classes and notes stay what they are beside missing ones, which are None.

    Returns
    -------
    DataFrame
    """
    table = pd.DataFrame(rows, columns=columns)
    # Whole numbers would become floats beside missing ones, and no longer be the labels given.
    for i, column in enumerate(columns):
        if column in ("group", "class", "note"):
            table[column] = pd.Series([row[i] for row in rows], dtype=object)
    return table


def count_rows(y, groups, classes, names):
    """Count the rows of all, each group, each class and each cell of the two.

    Parameters
    ----------
    y, groups : ndarray of int, shape (n,)
        Numbers among `classes` and `names`.
    classes, names : list

    Returns
    -------
    list of dict
        With the keys "value", "group" and "label"; the latter are None where all are counted.
    """
    cells = np.zeros((len(names) + 1, len(classes) + 1), dtype=int)
    np.add.at(cells, (groups, y), 1)
    cells[-1] = cells.sum(axis=0)
    cells[:, -1] = cells.sum(axis=1)
    return [
        {"value": int(cells[i, j]), "group": group, "label": label}
        for j, label in [(-1, None), *enumerate(classes)]
        for i, group in [(-1, None), *enumerate(names)]
    ]


def described_runs(columns, cells, measured):
    """Return what the files of a cache say of runs: names, and what their results are columns of.

    Parameters
    ----------
    columns : list of str
    cells : list of tuple
        Of each run the names in `columns`.
    measured : list of str
        Columns of a result, which is a list of tuples.

    Returns
    -------
    list of dict
    """
    return [
        {"names": dict(zip(columns, cell, strict=True)), "columns": list(measured)}
        for cell in cells
    ]
