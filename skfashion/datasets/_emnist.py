"""fetch_emnist: handwritten digits and letters, upright."""

import gzip
import string
import zipfile
from functools import partial

from skfashion.datasets._archives import EMNIST_FILE, parse_idx
from skfashion.datasets._bunch import SPLITS, make_result
from skfashion.datasets._copies import OPTIONS, copies_of
from skfashion.utils._sklearn import StrOptions, validate_params
from skfashion.utils.names import advises

# Letters whose two cases look different enough to stay two classes when the others are merged.
TWO_CASES = "abdefghnqrt"
MERGED = string.digits + string.ascii_uppercase + TWO_CASES
# The names of the classes of each split, in the order of their numbers.
CLASSES = {
    "balanced": MERGED,
    "byclass": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "bymerge": MERGED,
    "digits": string.digits,
    "letters": string.ascii_uppercase,
    "mnist": string.digits,
}
# The label of the first class where that is not 0.
FIRST = {"letters": 1}


@advises
@validate_params(
    OPTIONS | {"split": [StrOptions(set(CLASSES))]}, prefer_skip_nested_validation=True
)
def fetch_emnist(
    *,
    split="balanced",
    subset="train",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
):
    """Load EMNIST, handwritten digits and letters (classification), downloading it if necessary.

    ==============   =======   ===============   ===========   =================================
    ``split``        classes   training images   test images   what
    ==============   =======   ===============   ===========   =================================
    ``"balanced"``        47           112,800        18,800   as "bymerge", equally many of each
    ``"byclass"``         62           697,932       116,323   digits, capitals, small letters
    ``"bymerge"``         47           697,932       116,323   cases merged where they look alike
    ``"digits"``          10           240,000        40,000   digits
    ``"letters"``         26           124,800        20,800   letters, both cases merged
    ``"mnist"``           10            60,000        10,000   digits, in the sizes of MNIST
    ==============   =======   ===============   ===========   =================================

    Images are 28 x 28 grey levels from 0 to 255, as in MNIST. In the published files, rows and
    columns are exchanged; here the characters are upright.

    Each file is searched for in ``data_home``, in the folder named by the environment variable
    ``SKFASHION_DATA``, and in scikit-learn's data folder (:func:`sklearn.datasets.get_data_home`),
    in this order; in each of them first in the subfolder ``emnist``, then in ``EMNIST/raw`` (the
    layout of torchvision), then in the folder itself. The archive of all splits, ``gzip.zip`` (562
    MB), is read as published, and verified against its SHA-256 each time; nothing is unpacked to
    disk. Any wrong file is an error. If the archive is not found, it is downloaded from
    torchvision's mirror into the subfolder ``emnist`` of the first of these folders, so that
    several data sets can share one folder.

    Parameters
    ----------
    split : {"balanced", "byclass", "bymerge", "digits", "letters", "mnist"}, default="balanced"
        Which of EMNIST's six data sets to load.
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

        data : ndarray or DataFrame of uint8, shape (n, 784)
            One image per row, from left to right and from top to bottom; 0 is background. n is in
            the table above.
        target : ndarray or Series of int64, shape (n,)
            The class, from 0; also for "letters", although its published labels start at 1.
        target_names : ndarray of str, shape (n_classes,)
            The character of each class; a capital if both cases are merged.
        feature_names : list of str, length 784
            ``"pixel_<row>_<column>"``, both from 0 to 27.
        images : ndarray of uint8, shape (n, 28, 28)
            The same pixels as ``data``, as a view of it.
        frame : DataFrame of shape (n, 785), or None
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
    fetch_mnist : The digits that most results refer to.

    References
    ----------
    .. [1] G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to
       handwritten letters", 2017, arXiv:1702.05373.

    Examples
    --------
    >>> from skfashion.datasets import fetch_emnist
    >>> letters = fetch_emnist(split="letters", subset="test")  # doctest: +SKIP
    >>> letters.data.shape  # doctest: +SKIP
    (20800, 784)
    """
    copies = copies_of("emnist", data_home, download_if_missing, raw=("EMNIST/raw",))
    parse = partial(_parts, split=split, subset=subset)
    return make_result(
        copies.read({"all": EMNIST_FILE}, parse)["all"],
        descr=("emnist.rst",),
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=list(CLASSES[split]),
    )


def _parts(stream, split, subset):
    """Return pairs of images and labels out of the archive of all splits."""
    with zipfile.ZipFile(stream) as archive:

        def read(name):
            return parse_idx(gzip.decompress(archive.read(f"gzip/{name}.gz")), name)

        parts = []
        for part in SPLITS[subset]:
            labels = read(f"emnist-{split}-{part}-labels-idx1-ubyte")
            images = read(f"emnist-{split}-{part}-images-idx3-ubyte")
            parts.append((images.transpose(0, 2, 1), labels - FIRST.get(split, 0)))
    return parts
