"""Which files of a folder are pictures, and of which class each is."""

import os
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

SUFFIXES = {
    *(".bmp", ".dib", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
}
# Those of pictures of other kinds, of telephones, cameras, scanners and drawing programs.
OTHER_SUFFIXES = {
    *(".avif", ".gif", ".heic", ".heif", ".hif", ".ico", ".jp2", ".jxl", ".psd", ".svg", ".tga"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),
    *(".dcm", ".pbm", ".pgm", ".pnm", ".ppm"),
}
# What the parts of a data set are called, and classes hardly are.
PARTS = {
    *("train", "training", "val", "valid", "validation", "dev", "test", "testing"),
}
# What to do with pictures that nobody has labelled yet.
NEW = (
    "New pictures, without labels, are predicted by their paths: make_pipeline(photos.reader, net)."
    "predict(paths), where photos is what load_image_folder has returned for the training."
)
# Names that a message shows.
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
    notes : list of str
        What to warn of.
    """

    files: list
    codes: np.ndarray
    names: np.ndarray
    notes: list = field(default_factory=list)


@dataclass(frozen=True)
class Pictures:
    """What there is in a folder, and in those inside of it.

    Attributes
    ----------
    files : list of str
        Paths of pictures, sorted as text.
    others : Counter
        Numbers of pictures of kinds that are not read, by their suffixes.
    """

    files: list
    others: Counter


def by_folder(path):
    """Return the :class:`Labelled` pictures of folders that are classes, deeper ones included.

    Raises
    ------
    ValueError
        If there is none, or the folders are the parts of a data set.
    OSError
        If a folder cannot be read.
    """
    names = sorted(os.listdir(path))
    folders = [name for name in names if _is_folder(path / name)]
    found = [pictures_below(path / name) for name in folders]
    files_beside = [name for name in names if os.path.isfile(path / name)]
    beside = sum(map(_is_picture, files_beside))
    others = sum((one.others for one in found), _others(files_beside))
    full = {name: one.files for name, one in zip(folders, found, strict=True) if one.files}
    if not full:
        raise ValueError(
            f"Got path={str(path)!r} with {len(folders)} folders of classes and {beside} pictures "
            f"beside them{_in_brackets(others)}, expected a folder a class with pictures inside. "
            "For pictures without such folders give labels= a table: {file: label}, a frame, or a "
            f"CSV file. {NEW}"
        )
    if all(name.lower() in PARTS for name in full):
        raise ValueError(
            f"Got path={str(path)!r} with the folders {named(full)}, which are parts of a data "
            f"set; expected a folder a class. Load each by itself: {str(path / next(iter(full)))!r}"
            ", and so on. If they are classes, give labels= a table: {file: label}."
        )
    codes = np.repeat(np.arange(len(folders)), [len(one.files) for one in found])
    empty = [name for name in folders if name not in full]
    notes = _notes(empty, beside, _shared_folders(path, full), others)
    files = [file for one in found for file in one.files]
    return Labelled(files, codes.astype(np.int64), np.array(folders), notes)


def pictures_below(folder):
    """Return the :class:`Pictures` in a folder and in those inside of it.

    Links to files are followed, links to folders are not: they could lead back. What is hidden is
    left out.
    """
    files, others = [], Counter()
    for here, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [os.path.join(here, name) for name in names if _is_picture(name)]
        others += _others(names)
    return Pictures(sorted(name for name in files if os.path.isfile(name)), others)


def named(names, between=", "):
    """Return the first of some names as text, and how many more there are."""
    names = list(map(str, names))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return between.join(names[:NAMED]) + more


def _shared_folders(path, full):
    """Return the names of folders that each class has inside, if none has pictures beside them."""
    inside = []
    for name, files in full.items():
        start = len(os.path.join(path, name, ""))
        inside.append({file[start:].partition(os.sep)[0] for file in files})
    shared = sorted(set.intersection(*inside))
    have_own = any(map(_is_picture, set.union(*inside)))
    return shared if len(full) > 1 and len(shared) > 1 and not have_own else []


def _notes(empty, beside, shared, others):
    """Return what to warn of."""
    notes = []
    if empty:
        notes.append(
            f"Got folders without a picture, {named(empty)}: each is a class of target_names with "
            "no rows."
        )
    if beside:
        notes.append(
            f"Got {beside} pictures beside the folders of classes, which are left out: expected "
            "each in the folder of its class."
        )
    if shared:
        notes.append(
            f"Got folders that all have folders of the same names inside, {named(shared)}, and no "
            "pictures beside these; the outer ones are taken for the classes. If the inner ones "
            "are, load each of the outer ones by itself."
        )
    if others:
        notes.append(
            f"Left out {others.total()} files of kinds that are not read: {_counted(others)}; "
            "expected PNG, JPEG, WebP, BMP or TIFF. Convert them."
        )
    return notes


def _in_brackets(others):
    return f" (and, of kinds that are not read, {_counted(others)})" if others else ""


def _counted(others):
    return named(f"{number} {suffix}" for suffix, number in others.most_common())


def _raise(error):
    raise error


def _is_folder(path):
    # scandir's own question raises an error of a link that leads back to itself.
    return not path.name.startswith(".") and os.path.isdir(path)


def _is_picture(name):
    return not name.startswith(".") and _suffix(name) in SUFFIXES


def _others(names):
    suffixes = (_suffix(name) for name in names if not name.startswith("."))
    return Counter(suffix for suffix in suffixes if suffix in OTHER_SUFFIXES)


def _suffix(name):
    return os.path.splitext(name)[1].lower()
