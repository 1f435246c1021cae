"""Which files of a folder are pictures, and what their labels are."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SUFFIXES = {
    *(".bmp", ".dib", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
}
# What columns of a table may be called that holds labels.
LABEL_NAMES = ("label", "class", "target")
# Names that an error shows.
NAMED = 5


@dataclass(frozen=True)
class Labelled:
    """Pictures and their labels.

    Attributes
    ----------
    files : list of str
        Paths.
    codes : ndarray of shape (n,), int64
        Positions of their labels among the names.
    names : ndarray of shape (k,)
        Labels, sorted.
    empty : list of str
        Folders of classes without a picture.
    beside : int
        Pictures that lie in no folder of a class.
    """

    files: list
    codes: np.ndarray
    names: np.ndarray
    empty: list
    beside: int = 0


def labelled_files(path, labels):
    """Return the :class:`Labelled` pictures of a folder, as ``load_image_folder`` describes it.

    Raises
    ------
    ValueError
        If there is none, or labels and files do not agree.
    OSError
        If a folder cannot be read.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        raise ValueError(f"Got path={str(path)!r}, expected a folder that is there.")
    if isinstance(labels, str) and labels == "folders":
        return _by_folder(path)
    table = labels if hasattr(labels, "items") else _read_table(labels)
    return _by_table(path, table)


def _by_folder(path):
    """Return the pictures of folders that are classes, deeper ones included."""
    names = os.listdir(path)
    folders = sorted(name for name in names if _is_folder(path / name))
    files, codes, empty = [], [], []
    for code, name in enumerate(folders):
        found = pictures_below(path / name)
        files += found
        codes += [code] * len(found)
        empty += [] if found else [name]
    beside = sum(_is_picture(name) and os.path.isfile(path / name) for name in names)
    if not files:
        raise ValueError(
            f"Got path={str(path)!r} with {len(folders)} folders of classes and {beside} pictures "
            "beside them, expected a folder a class with pictures inside. For pictures without "
            "such folders give labels= a table: {file: label}, or a CSV file."
        )
    return Labelled(files, np.array(codes, np.int64), np.array(folders), empty, beside)


def pictures_below(folder):
    """Return the paths of the pictures in a folder and those inside of it, sorted as text.

    Links to files are followed, links to folders are not: they could lead back. What is hidden is
    left out.
    """
    found = []
    for here, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(here, name) for name in files if _is_picture(name)]
    return sorted(name for name in found if os.path.isfile(name))


def _raise(error):
    raise error


def _is_folder(path):
    # scandir's own question raises an error of a link that leads back to itself.
    return not path.name.startswith(".") and os.path.isdir(path)


def _is_picture(name):
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


# --- labels of a table --------------------------------------------------------------------------


def _by_table(path, table):
    """Return the pictures that a table names, in its order."""
    n_rows, table = len(table), dict(table.items())
    if len(table) != n_rows:
        raise ValueError(f"Got labels of {n_rows} files, expected each file once.")
    if not table:
        raise ValueError("Got labels of 0 files, expected one at least.")
    others = {}
    files, missing = [], []
    for name in table:
        file = path / str(name)
        if not file.is_file():
            others = others or _without_suffixes(path)
            file = others.get(str(name).replace(os.sep, "/"))
        if file is None:
            missing.append(str(name))
        else:
            files.append(str(file))
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise ValueError(
            f"Got labels of {', '.join(map(repr, missing[:NAMED]))}{more}, which are not in "
            f"{str(path)!r}; expected names of files in it, with folders where they lie deeper."
        )
    if len(set(files)) < len(files):
        twice = Counter(files).most_common(1)[0][0]
        raise ValueError(
            f"Got two labels of {twice!r}, by its name and without its suffix; expected each file "
            "once."
        )
    names, codes = np.unique(_as_labels(list(table.values())), return_inverse=True)
    return Labelled(files, codes.astype(np.int64), names, [])


def _without_suffixes(path):
    """Return the pictures of a folder by their names without a suffix, for tables that have none.

    A name of two pictures stands for none.
    """
    found = {}
    for file in map(Path, pictures_below(path)):
        name = file.relative_to(path).with_suffix("").as_posix()
        found[name] = None if name in found else file
    return found


def _as_labels(values):
    """Return labels as an array, text unless all are whole numbers."""
    import pandas as pd

    missing = np.asarray(pd.isna(pd.Series(values, dtype=object)))
    if missing.any():
        raise ValueError(f"Got {missing.sum()} missing labels, expected one for each file.")
    labels = np.asarray(values)
    return labels if labels.dtype.kind in "biu" else np.array([str(value) for value in values])


def _read_table(file):
    """Return the labels in a CSV file by the names in its first column."""
    import pandas as pd

    try:
        # Empty cells alone are missing: "None" and "NA" are labels as good as others.
        table = pd.read_csv(file, dtype={0: str}, keep_default_na=False, na_values=[""])
    except ValueError as error:  # those of pandas, too
        raise ValueError(
            f"Got labels={str(file)!r}, which cannot be read as a table of CSV ({error})."
        ) from error
    first, *others = table.columns if len(table.columns) else [None]
    found = [name for name in others if str(name).strip().lower() in LABEL_NAMES] or others
    if len(found) != 1:
        raise ValueError(
            f"Got labels={str(file)!r} with the columns {list(table.columns)}, expected names of "
            f"files in the first, and labels in the second or in one of {list(LABEL_NAMES)}."
        )
    files = table[first].astype(str)
    if files.duplicated().any():
        twice = files[files.duplicated()].iloc[0]
        raise ValueError(f"Got labels={str(file)!r} with {twice!r} twice, expected each file once.")
    return dict(zip(files, table[found[0]], strict=True))


def check_labels(labels):
    """Refuse what is neither "folders", nor a mapping, nor a path.

    Raises
    ------
    ValueError
    """
    is_table = isinstance(labels, Mapping | str | os.PathLike) or hasattr(labels, "items")
    if not is_table or hasattr(labels, "columns"):
        raise ValueError(
            f"Got labels of the type {type(labels).__name__}, expected 'folders', a mapping of "
            "files to labels, or the path of a CSV file. Of a frame, give "
            "dict(zip(frame['file'], frame['label']))."
        )
