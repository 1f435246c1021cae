"""load_image_folder: folders of pictures as images of one shape, in memory or in a file."""

import math
import os
from collections.abc import Mapping
from functools import partial
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skfashion.datasets._image_files import check_labels, labelled_files
from skfashion.pictures import CROPS, Steps, checked_size
from skfashion.preprocessing.blocks import BLOCK, images_of, thread_count
from skfashion.preprocessing.reader import shape_of_all
from skfashion.utils._sklearn import Interval, StrOptions, validate_params
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.files import sweep, write_atomically
from skfashion.utils.names import advises

# Names that a warning shows, and seconds before which no bar is.
NAMED, DELAY = 5, 1.0


@advises
@validate_params(
    {
        "path": [str, os.PathLike],
        "size": [None, Interval(Integral, 1, None, closed="left"), tuple, list],
        "mode": [StrOptions({"auto", "L", "RGB"})],
        "crop": [StrOptions(set(CROPS))],
        "labels": "no_validation",
        "on_error": [StrOptions({"raise", "warn"})],
        "n_jobs": [None, Integral],
        "out": [None, str, os.PathLike],
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
    labels: str | os.PathLike | Mapping = "folders",
    on_error="raise",
    n_jobs=None,
    out: str | os.PathLike | None = None,
    verbose=1,
):
    """Load pictures from a folder (classification), each folder inside of it a class.

    Files of PNG, JPEG, WebP, BMP and TIFF are read, known by their suffixes; what else lies there
    is left alone. A camera's note on rotation is followed. A palette becomes its colours, CMYK
    becomes RGB, transparency black; of 16 bits the upper 8 are taken. Animations and files of
    several pages are refused, and so are more than 89 million pixels, which a file of a few
    kilobytes can claim to have.

    Folders inside of a class's belong to that class. Links to files and to the folders of classes
    are followed, links to deeper folders are not; files and folders whose names begin with a dot
    are left out. Classes sort as text, and so do the files of each ("10" before "2").

    Parameters
    ----------
    path : str or path-like
        The folder. ``~`` is expanded.
    size : int, tuple of (int, int), or None, default=None
        Height and width of the images in pixels; one number for a square. None takes those of the
        pictures, which must then be equal.
    mode : {"auto", "L", "RGB"}, default="auto"
        Grey or colour. "auto" is grey if all pictures are, by their headers.
    crop : {"centre", "pad", "stretch"}, default="centre"
        What becomes of a picture of other proportions: its middle is cut out, black is added at two
        sides, or it is stretched.
    labels : "folders", mapping, or path-like, default="folders"
        A mapping of files to labels, or a CSV file with a heading whose first column names files
        and whose second, or ``label``, ``class`` or ``target``, has the labels. Files are named
        from `path` on, with or without their suffixes; those that are not named are left out. Rows
        have the table's order. Labels that are all whole numbers, or all truth values, stay so;
        others are text. Empty ones are refused, "None" and "NA" in a file are text.
    on_error : {"raise", "warn"}, default="raise"
        Whether a picture that cannot be read is an error, or left out, named in a warning and in
        ``left_out``.
    n_jobs : int or None, default=None
        Threads that read; -1 for one a core. None is what ``joblib.parallel_config`` says, one
        within a worker of a search, otherwise one a core.
    out : path-like or None, default=None
        A new file, ``.npy``, for the images, of which memory then holds a few blocks only;
        ``data`` is a map of it, which cannot be written to. It is there when all are read, or not
        at all.
    verbose : int, default=1
        Whether a bar on standard error shows how far it is, if it takes longer than a second.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of uint8, shape (n, h*w) or (n, h*w*3)
            One image a row, from left to right and from top to bottom, colours of a pixel together.
        images : ndarray of uint8, shape (n, h, w) or (n, h, w, 3)
            The same numbers as images, which nets take as they are.
        target : ndarray of int64, shape (n,)
            Labels, as positions in ``target_names``.
        target_names : ndarray of shape (k,)
            The labels, sorted. A folder without a picture is a class, too, and a warning names it.
        filenames : ndarray of str, shape (n,)
            Paths of the files.
        left_out : list of str
            Paths of those that could not be read.

    Raises
    ------
    ValueError
        If there are no pictures; if sizes differ and none is given; if one cannot be read; if
        labels and files do not agree.
    OSError
        If a folder cannot be read, or `out` not be written; what was there before stays.

    Warns
    -----
    UserWarning
        Of folders without a picture, of pictures beside the folders, and with ``on_error="warn"``
        of what could not be read.

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
    if out is not None and (os.path.splitext(out)[1] != ".npy" or os.path.isdir(out)):
        raise ValueError(f"Got out={os.fspath(out)!r}, expected a file whose name ends with .npy.")
    found = labelled_files(path, labels)
    _warn_of_folders(found)
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
    store = _in_memory if out is None else partial(_in_file, out)
    images = store(_readable(blocks, handle), len(files), steps.shape)
    kept = np.ones(len(found.files), bool)
    kept[list(refused)] = False
    if refused:
        _warn_of_left_out([refused[number] for number in sorted(refused)])
    return Bunch(
        data=images.reshape(len(images), -1),
        images=images,
        target=found.codes[kept],
        target_names=found.names,
        filenames=np.array(found.files)[kept],
        left_out=[found.files[number] for number in sorted(refused)],
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


def _in_memory(blocks, n_images, shape):
    images, n_found = np.empty((n_images, *shape), np.uint8), 0
    for block in blocks:
        images[n_found : n_found + len(block)] = block
        n_found += len(block)
    _check_some(n_found)
    return images if n_found == n_images else images[:n_found].copy()


def _in_file(out, blocks, n_images, shape):
    """Write the images of blocks to a new file; return its map."""
    sweep(Path(os.path.realpath(out)).parent)

    def write(stream):
        _write_header(stream, n_images, shape)
        n_found = 0
        for block in blocks:
            stream.write(block.tobytes())
            n_found += len(block)
        _check_some(n_found)
        # How many there are is known only now; NumPy leaves place for any number.
        stream.seek(0)
        _write_header(stream, n_found, shape)

    write_atomically(out, write)
    return np.load(out, mmap_mode="r")


def _write_header(stream, n_images, shape):
    header = {"descr": "|u1", "fortran_order": False, "shape": (n_images, *shape)}
    np.lib.format.write_array_header_1_0(stream, header)


def _check_some(n_found):
    if not n_found:
        raise ValueError("Got no picture that can be read, expected one at least.")


def _warn_of_folders(found):
    if found.empty:
        warn_the_caller(
            f"Got folders without a picture, {_named(found.empty)}: each is a class of "
            "target_names with no rows."
        )
    if found.beside:
        warn_the_caller(
            f"Got {found.beside} pictures beside the folders of classes, which are left out: "
            "expected each in the folder of its class."
        )


def _warn_of_left_out(left_out):
    warn_the_caller(
        f"Left out {len(left_out)} pictures that cannot be read: {_named(left_out, '; ')}."
    )


def _named(names, between=", "):
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return between.join(map(str, names[:NAMED])) + more
