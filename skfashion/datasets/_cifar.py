"""fetch_cifar10: small colour photographs, read without unpickling anything."""

import tarfile
from functools import partial

import numpy as np

from skfashion.datasets._archives import CIFAR10_FILE
from skfashion.datasets._bunch import make_result
from skfashion.datasets._copies import OPTIONS, copies_of
from skfashion.utils._sklearn import validate_params
from skfashion.utils.names import advises

CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
SHAPE = (32, 32, 3)
# A record is the label, then the planes of red, green and blue.
RECORD = 1 + 3 * 32 * 32
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
MEMBERS = {"train": TRAIN, "test": ("test_batch.bin",), "all": (*TRAIN, "test_batch.bin")}

# What torchvision keeps.
OF_PYTHON = dict.fromkeys(
    ("cifar-10-python.tar.gz", "cifar-10-batches-py"),
    f"it holds pickles, which run code when they are opened; expected {CIFAR10_FILE.name}",
)


@advises
@validate_params(OPTIONS, prefer_skip_nested_validation=True)
def fetch_cifar10(
    *,
    subset="train",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
):
    """Load CIFAR-10, colour photographs (classification), downloading it if necessary.

    =================   ==============================
    Classes                                         10
    Training images             50,000 (5,000 a class)
    Test images                 10,000 (1,000 a class)
    Features                3,072 (32 x 32 pixels x 3)
    Values              integers from 0 to 255 (uint8)
    =================   ==============================

    Each file is searched for in ``data_home``, in the folder named by the environment variable
    ``SKFASHION_DATA``, and in scikit-learn's data folder (:func:`sklearn.datasets.get_data_home`),
    in this order; in each of them first in the subfolder ``cifar-10``, then in the folder itself.
    The archive of the binary version, ``cifar-10-binary.tar.gz`` (170 MB), is read as published,
    and verified against its SHA-256 each time. Nothing is unpacked to disk, and no pickle is
    opened: the archive of the Python version, which torchvision uses, is ignored. Any wrong file is
    an error. If the archive is not found, it is downloaded from the site that torchvision uses for
    the other archive, into the subfolder ``cifar-10`` of the first of these folders, so that
    several data sets can share one folder.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The official training set, the official test set, or both, training rows first.
    data_home : str or path-like, default=None
        A folder to look in first. ``~`` is expanded.
    download_if_missing : bool, default=True
        If False, raise an OSError instead of downloading.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame and ``target`` a pandas Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes. Arrays are fresh copies that can be
        written to.

        data : ndarray or DataFrame of uint8, shape (n, 3072)
            One image per row, from left to right and from top to bottom, with red, green and blue
            of each pixel side by side, as ``image_shape="auto"`` expects. n is 50,000, 10,000 or
            60,000.
        target : ndarray or Series of int64, shape (n,)
            The class, from 0 to 9.
        target_names : ndarray of str, shape (10,)
            The name of each class.
        feature_names : list of str, length 3072
            ``"pixel_0"`` to ``"pixel_3071"``, which mark the rows of a frame as images.
        images : ndarray of uint8, shape (n, 32, 32, 3)
            The same pixels as ``data``, as a view of it.
        frame : DataFrame of shape (n, 3073), or None
            ``data`` and ``target`` side by side, only with ``as_frame=True``.
        DESCR : str
            Where the data comes from, its licence, and its limits.

    (data, target) : tuple, if ``return_X_y=True``

    Raises
    ------
    ValueError
        If a file on disk is truncated, damaged or the wrong file, or if a parameter is invalid.
    OSError
        If a file is missing and ``download_if_missing=False``; if every mirror fails; if a folder
        is in fact a file, or a file cannot be read or written.

    See Also
    --------
    fetch_fashion_mnist : Grey images of clothes.

    References
    ----------
    .. [1] A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", University of
       Toronto, 2009.

    Examples
    --------
    >>> from skfashion.datasets import fetch_cifar10
    >>> photos = fetch_cifar10(subset="test")  # doctest: +SKIP
    >>> photos.images.shape  # doctest: +SKIP
    (10000, 32, 32, 3)
    """
    copies = copies_of("cifar-10", data_home, download_if_missing, unread=OF_PYTHON)
    parse = partial(_parts, names=MEMBERS[subset])
    return make_result(
        copies.read({"all": CIFAR10_FILE}, parse)["all"],
        descr=("cifar10.rst",),
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=CIFAR10_NAMES,
        shape=SHAPE,
    )


def _parts(stream, names):
    """Return pairs of images and labels out of members of the archive, by their names alone."""
    parts = {}
    with tarfile.open(fileobj=stream, mode="r:gz") as archive:
        # In the order of the archive: going back would decompress all of it again.
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name in names and member.isfile():
                records = np.frombuffer(archive.extractfile(member).read(), np.uint8)
                records = records.reshape(-1, RECORD)
                planes = records[:, 1:].reshape(-1, 3, 32, 32)
                parts[name] = planes.transpose(0, 2, 3, 1), records[:, 0]
    return [parts[name] for name in names]
