"""load_image_folder: folders of pictures as images of one shape, in memory or in a file."""

import math
import os
from collections.abc import Mapping
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import Bunch

from skfashion.datasets._image_files import by_folder, named
from skfashion.datasets._image_store import check_out, in_file, in_memory
from skfashion.datasets._image_tables import by_table, check_labels
from skfashion.pictures import Steps, checked_size
from skfashion.preprocessing import ImageReader
from skfashion.preprocessing.blocks import BLOCK, images_of, thread_count
from skfashion.preprocessing.reader import CROP, shape_of_all
from skfashion.utils._sklearn import Interval, StrOptions, validate_params
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.names import advises

if TYPE_CHECKING:
    import pandas as pd

# Seconds before which there is no bar.
DELAY = 1.0


@advises
@validate_params(
    {
        "path": [str, os.PathLike],
        "size": [None, Interval(Integral, 1, None, closed="left"), tuple, list],
        "mode": [StrOptions({"auto", "L", "RGB"})],
        "crop": [CROP],
        "labels": "no_validation",
        "on_error": [StrOptions({"raise", "warn"})],
        "n_jobs": [None, Integral],
        "out": [None, str, os.PathLike],
        "return_X_y": ["boolean"],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def load_image_folder(
    path,
    *,
    size=None,
    mode="auto",
    crop="centre",
    labels: "str | os.PathLike | Mapping | pd.Series | pd.DataFrame" = "folders",
    on_error="raise",
    n_jobs=None,
    out: str | os.PathLike | None = None,
    return_X_y=False,
    verbose=1,
):
    """Load pictures from a folder (classification), where each subfolder is a class.

    PNG, JPEG, WebP, BMP and TIFF files are read, recognised by suffix. All other files are ignored,
    other kinds of pictures with a warning. Pictures are rotated as their EXIF orientation says. A
    palette becomes its colours, CMYK becomes RGB, transparency becomes black; of 16 bits, the upper
    8 are taken. Animations and files with several pages are refused, and so are more than 89
    million pixels, which a file of a few kilobytes can claim to have.

    Folders inside a class folder belong to that class. Links to files and to class folders are
    followed, links to deeper folders are not. Files and folders with names that begin with a dot
    are left out. Classes, and the files of each class, are sorted as text ("10" before "2").

    Parameters
    ----------
    path : str or path-like
        The folder. ``~`` is expanded.
    size : int, tuple of (int, int), or None, default=None
        Height and width of the images in pixels; one number for a square. None takes the size of
        the pictures, which must then be equal.
    mode : {"auto", "L", "RGB"}, default="auto"
        Grey or colour. "auto" is grey if all pictures are, by their headers.
    crop : {"centre", "pad", "stretch"}, default="centre"
        How a picture of other proportions is treated: its centre is cut out, black is added at two
        sides, or it is stretched.
    labels : "folders", mapping, Series, DataFrame, or path-like, default="folders"
        A mapping of files to labels, a Series with files as its index, or a DataFrame or a CSV file
        with a header. In the last two, the first column names the files; the labels are in the
        second, or in ``label``, ``class`` or ``target``. File names are relative to `path`, with or
        without suffixes; files that are not named are left out, with a warning. Rows have the order
        of the table. Labels that are all whole numbers, or all booleans, stay so; others are text.
        Empty labels are refused; "None" and "NA" in a file are text.
    on_error : {"raise", "warn"}, default="raise"
        Whether a picture that cannot be read is an error, or is left out and named in a warning and
        in ``left_out``.
    n_jobs : int or None, default=None
        Number of reading threads; -1 is one per core. None is what ``joblib.parallel_config`` says,
        else one within a worker of a search, else one per core.
    out : path-like or None, default=None
        A new ``.npy`` file for the images; memory then holds only a few blocks of them. ``data`` is
        a read-only memory map of the file. The file only appears when all images have been read.
    return_X_y : bool, default=False
        Return ``(data, target)`` alone.
    verbose : int, default=1
        Whether to show a progress bar on standard error, if loading takes longer than a second.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of uint8, shape (n, h*w) or (n, h*w*3)
            One image per row, from left to right and from top to bottom, colours of a pixel
            together.
        images : ndarray of uint8, shape (n, h, w) or (n, h, w, 3)
            The same numbers as images, which nets accept directly.
        target : ndarray of int64, shape (n,)
            Labels, as positions in ``target_names``.
        target_names : ndarray of shape (k,)
            The labels, sorted. A folder without a picture is a class, too, and a warning names it.
        filenames : ndarray of str, shape (n,)
            Paths of the files.
        left_out : list of str
            Paths of those that could not be read.
        reader : ImageReader
            A fitted reader, which treats other files, or bytes, in the same way. Followed by a net
            fitted on `images`, it forms a pipeline that predicts files and that ``to_onnx`` can
            write.

    (data, target) : tuple if `return_X_y` is True
        The two arrays.

    Raises
    ------
    ValueError
        If there are no pictures; if their sizes differ and `size` is None; if one cannot be read;
        if labels and files do not agree; if all folders are named like parts of a data set (train,
        test, ...).
    OSError
        If a folder or a table cannot be read, or `out` cannot be written; an existing file is kept.

    Warns
    -----
    UserWarning
        About folders without a picture, pictures outside the class folders or without a label,
        other kinds of pictures (HEIC, GIF, ...), classes that contain the same folders, and, with
        ``on_error="warn"``, pictures that could not be read.

    See Also
    --------
    skfashion.preprocessing.ImageReader : The same as a step of a pipeline.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from skfashion.datasets import load_image_folder
    >>> for name, brightness in {"dark": 10, "bright": 240}.items():
    ...     Path("pictures", name).mkdir(parents=True)
    ...     Image.new("L", (40, 30), brightness).save(Path("pictures", name, "one.png"))
    >>> pictures = load_image_folder("pictures", size=28)
    >>> pictures.images.shape, pictures.target_names[pictures.target].tolist()
    ((2, 28, 28), ['bright', 'dark'])
    """
    # With tqdm, which loaders of files on the disk do without.
    from skfashion.parallel.progress import make_bar

    check_labels(labels)
    size = None if size is None else checked_size(size)
    check_out(out)
    found = _labelled(path, labels)
    for note in found.notes:
        warn_the_caller(note)
    refused = {}
    handle = partial(_handle, refused, range(len(found.files)), on_error)
    size, mode = shape_of_all(found.files, size, mode, n_jobs, handle)
    # What has been refused is not tried again: it could come through now, and rows would not agree.
    numbers = [number for number in range(len(found.files)) if number not in refused]
    handle = partial(_handle, refused, numbers, on_error)
    files = [found.files[number] for number in numbers]
    steps = Steps(size, mode, crop)
    blocks = images_of(files, steps, thread_count(n_jobs))
    bar = {"total": math.ceil(len(files) / BLOCK), "unit": "block", "delay": DELAY}
    blocks = make_bar(blocks, desc="Reading pictures", disable=not verbose, **bar)
    store = in_memory if out is None else partial(in_file, out)
    images = store(_readable(blocks, handle), len(files), steps.shape)
    kept = np.ones(len(found.files), bool)
    kept[list(refused)] = False
    if refused:
        what = named([refused[number] for number in sorted(refused)], "; ")
        n_pictures = "1 picture" if len(refused) == 1 else f"{len(refused)} pictures"
        warn_the_caller(f"Left out {n_pictures} that cannot be read: {what}.")
    data, target = images.reshape(len(images), -1), found.codes[kept]
    if return_X_y:
        return data, target
    reader = ImageReader(size, mode=mode, crop=crop, n_jobs=n_jobs)
    return Bunch(
        data=data,
        images=images,
        target=target,
        target_names=found.names,
        filenames=np.array(found.files)[kept],
        left_out=[found.files[number] for number in sorted(refused)],
        reader=reader.fit(files),
    )


def _handle(refused, numbers, on_error, found):
    """Raise an error of pictures that cannot be read, or remember them, by their numbers."""
    if found and on_error == "raise":
        raise ValueError(
            f"Got {found[0]}; expected pictures that can be read. Take it away, or leave such "
            "files out by on_error='warn'."
        )
    refused.update({numbers[one.number]: str(one) for one in found})


def _readable(blocks, handle):
    """Yield the images of blocks; tell of what is refused."""
    for images, refused in blocks:
        handle(refused)
        yield images


def _labelled(path, labels):
    """Return pictures with their labels, as the docstring above describes it."""
    path = Path(path).expanduser()
    if not path.is_dir():
        raise ValueError(f"Got path={str(path)!r}, expected a folder that is there.")
    is_word = isinstance(labels, str) and labels == "folders"
    return by_folder(path) if is_word else by_table(path, labels)
