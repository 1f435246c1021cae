"""Labels of pictures that a table names: a mapping, a Series, a frame, or a CSV file."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from skfashion.datasets._image_files import NEW, Labelled, named, pictures_below

# What columns of a table may be called that holds labels.
LABEL_NAMES = ("label", "class", "target")
# As many different fractions are hardly the names of classes.
FRACTIONS = 20


@dataclass(frozen=True)
class Table:
    """Labels by the names of files.

    Attributes
    ----------
    labels : dict
    what : str
        What it is, for errors.
    heading : str or None
        Name of the column of files, where there is one.
    """

    labels: dict
    what: str
    heading: str | None = None


def check_labels(labels):
    """Refuse what is neither "folders", nor a table, nor a path.

    Raises
    ------
    ValueError
    """
    if isinstance(labels, Mapping | str | os.PathLike) or hasattr(labels, "items"):
        return
    raise ValueError(
        f"Got labels of the type {type(labels).__name__}, expected 'folders', a mapping of files "
        f"to labels, a frame with a column of each, or the path of a CSV file. {NEW}"
    )


def by_table(path, labels):
    """Return the :class:`Labelled` pictures that a table names, in its order.

    Raises
    ------
    ValueError
        If there is none, or labels and files do not agree.
    OSError
        If a folder or the table cannot be read.
    """
    table = _as_table(labels)
    if not table.labels:
        raise ValueError("Got labels of 0 files, expected one at least.")
    there = pictures_below(path).files
    files = _files_of(path, table, there)
    is_named = set(map(os.path.abspath, files))
    unnamed = [name for name in there if os.path.abspath(name) not in is_named]
    notes = []
    if unnamed:
        notes.append(
            f"Got {len(unnamed)} pictures without a label, which are left out: {named(unnamed)}."
        )
    values = _as_classes(list(table.labels.values()), table.what)
    names, codes = np.unique(values, return_inverse=True)
    return Labelled(files, codes.astype(np.int64), names, notes)


def _files_of(path, table, there):
    """Return the path of the file of each row."""

    @cache
    def others():
        return _without_suffixes(path, there)

    def find(name):
        file = path / name
        return file if file.is_file() else others().get(name.replace(os.sep, "/"))

    found = {name: find(str(name)) for name in table.labels}
    missing = [repr(str(name)) for name, file in found.items() if file is None]
    if missing:
        raise ValueError(
            f"Got labels of {named(missing)}, which are not in {str(path)!r}; expected names of "
            "files in it, with folders where they lie deeper."
        )
    files = list(map(str, found.values()))
    if len(set(files)) < len(files):
        twice = Counter(files).most_common(1)[0][0]
        raise ValueError(
            f"Got two labels of {twice!r}, by its name and without its suffix; expected each file "
            "once."
        )
    first = None if table.heading is None else find(table.heading)
    if first is not None and str(first) not in files:
        raise ValueError(
            f"Got {table.what} whose first row names a file, {table.heading!r}, and is taken for "
            "the names of the columns; expected such names there, as in 'file,label'."
        )
    return files


def _without_suffixes(path, there):
    """Return the pictures of a folder by their names without a suffix, for tables that have none.

    A name of two pictures stands for none.
    """
    found = {}
    for file in map(Path, there):
        name = file.relative_to(path).with_suffix("").as_posix()
        found[name] = None if name in found else file
    return found


def _as_classes(values, what):
    """Return labels as an array, text unless all are whole numbers."""
    import pandas as pd

    missing = np.asarray(pd.isna(pd.Series(values, dtype=object)))
    if missing.any():
        raise ValueError(f"Got {missing.sum()} missing labels, expected one for each file.")
    labels = np.asarray(values)
    if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
        _refuse_fractions(labels, what)
    return labels if labels.dtype.kind in "biu" else np.array([str(value) for value in values])


def _refuse_fractions(labels, what):
    """Refuse a target of a regression."""
    n_different = len(np.unique(labels))
    if n_different > min(FRACTIONS, len(labels) / 2):
        raise ValueError(
            f"Got {what} with {n_different} different fractions as labels, such as {labels[0]:g}; "
            "expected classes: this is for a classifier. Make a few of them, by pandas.cut, or "
            "text where each is a class."
        )


# --- the forms of a table -------------------------------------------------------------------------


def _as_table(labels):
    """Return what was given as labels as a :class:`Table`."""
    if hasattr(labels, "columns") and hasattr(labels, "items"):
        return _of_frame(labels, f"labels, a {type(labels).__name__},")
    if not hasattr(labels, "items"):
        return _of_frame(_read_table(labels), f"labels={os.fspath(labels)!r}")
    found = dict(labels.items())
    if len(found) != len(labels):
        raise ValueError(f"Got labels of {len(labels)} files, expected each file once.")
    return Table(found, f"labels, a {type(labels).__name__},")


def _read_table(file):
    """Return a CSV file as a frame."""
    import pandas as pd

    try:
        # Empty cells alone are missing: "None" and "NA" are labels as good as others.
        return pd.read_csv(file, dtype={0: str}, keep_default_na=False, na_values=[""])
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"Got labels={os.fspath(file)!r}, and there is no such file; expected 'folders', a "
            "table, or the path of a CSV file."
        ) from error
    except ValueError as error:  # those of pandas, too
        raise ValueError(
            f"Got labels={os.fspath(file)!r}, which cannot be read as a table of CSV ({error})."
        ) from error


def _of_frame(frame, what):
    """Return the labels of a frame by the names in its first column."""
    first, *others = frame.columns if len(frame.columns) else [None]
    found = [name for name in others if str(name).strip().lower() in LABEL_NAMES] or others
    if len(found) != 1:
        raise ValueError(
            f"Got {what} with the columns {list(frame.columns)}, expected names of files in the "
            f"first, and labels in the second or in one of {list(LABEL_NAMES)}."
        )
    files = frame[first].astype(str)
    if files.duplicated().any():
        twice = files[files.duplicated()].iloc[0]
        raise ValueError(
            f"Got {what} with {twice!r} twice in {first!r}, its first column; expected names of "
            "files there, each once."
        )
    # A frame's column may have no name but a number.
    heading = first if isinstance(first, str) else None
    return Table(dict(zip(files, frame[found[0]], strict=True)), what, heading)
