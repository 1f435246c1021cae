"""fetch_mnist and fetch_kmnist: two data sets in the files and shapes of MNIST."""

import gzip

from skfashion.datasets._archives import KMNIST_FILES, parse_idx
from skfashion.datasets._bunch import SPLITS, chosen, make_result
from skfashion.datasets._copies import OPTIONS, copies_of
from skfashion.datasets._files import MNIST_FILES
from skfashion.utils._sklearn import validate_params
from skfashion.utils.names import advises

# One character for each row of the table of sounds.
SYLLABLES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@advises
@validate_params(OPTIONS, prefer_skip_nested_validation=True)
def fetch_mnist(
    *,
    subset="train",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
):
    """Load MNIST, handwritten digits (classification), downloading it if necessary.

    =================   ==============================
    Classes                                         10
    Training images                             60,000
    Test images                                 10,000
    Features                 784 (28 x 28 grey levels)
    Values              integers from 0 to 255 (uint8)
    =================   ==============================

    Each file is searched for in ``data_home``, in the folder named by the environment variable
    ``SKFASHION_DATA``, and in scikit-learn's data folder (:func:`sklearn.datasets.get_data_home`),
    in this order; in each of them first in the subfolder ``mnist``, then in ``MNIST/raw`` (the
    layout of torchvision), then in the folder itself. Files are read decompressed or with the
    suffix ``.gz``, with their own names or Kaggle's, which have a dot
    (``train-images.idx3-ubyte``), and verified against the SHA-256 of their decompressed content. A
    file in the folder itself that is known to belong to another data set with the same file names
    is skipped; any other wrong file is an error. A file that is not found is downloaded from
    torchvision's mirrors into the subfolder ``mnist`` of the first of these folders, so that
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

        data : ndarray or DataFrame of uint8, shape (n, 784)
            One image per row, from left to right and from top to bottom; 0 is background. n is
            60,000, 10,000 or 70,000.
        target : ndarray or Series of int64, shape (n,)
            The digit, from 0 to 9.
        target_names : ndarray of str, shape (10,)
            "0" to "9".
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
        If a file on disk is truncated, damaged or the wrong file (Fashion-MNIST has the same names
        and shapes), or if a parameter is invalid.
    OSError
        If a file is missing and ``download_if_missing=False``; if every mirror fails; if a folder
        is in fact a file, or a file cannot be read or written.

    See Also
    --------
    fetch_emnist : More digits, and letters, by the same writers.
    fetch_fashion_mnist : Clothes in files of the same names and shapes.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86(11), 1998.

    Examples
    --------
    >>> from skfashion.datasets import fetch_mnist
    >>> X, y = fetch_mnist(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (10000, 784)
    """
    copies = copies_of("mnist", data_home, download_if_missing, raw=("MNIST/raw",), is_shared=True)
    contents = copies.read(chosen(MNIST_FILES, subset))
    return _result(contents, subset, "mnist.rst", map(str, range(10)), return_X_y, as_frame)


@advises
@validate_params(OPTIONS, prefer_skip_nested_validation=True)
def fetch_kmnist(
    *,
    subset="train",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
):
    """Load Kuzushiji-MNIST, cursive Japanese (classification), downloading it if necessary.

    =================   ==============================
    Classes                                         10
    Training images             60,000 (6,000 a class)
    Test images                 10,000 (1,000 a class)
    Features                 784 (28 x 28 grey levels)
    Values              integers from 0 to 255 (uint8)
    =================   ==============================

    Each file is searched for in ``data_home``, in the folder named by the environment variable
    ``SKFASHION_DATA``, and in scikit-learn's data folder (:func:`sklearn.datasets.get_data_home`),
    in this order; in each of them first in the subfolder ``kmnist``, then in ``KMNIST/raw`` (the
    layout of torchvision), then in the folder itself. Files are read as published, with the suffix
    ``.gz``, and verified against their SHA-256. Decompressed copies are ignored, because the
    SHA-256 of their content is not known. A file in the folder itself that is known to belong to
    another data set with the same file names is skipped; any other wrong file is an error. A file
    that is not found is downloaded from torchvision's mirror into the subfolder ``kmnist`` of the
    first of these folders, so that several data sets can share one folder.

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

        data : ndarray or DataFrame of uint8, shape (n, 784)
            One image per row, from left to right and from top to bottom; 0 is background. n is
            60,000, 10,000 or 70,000.
        target : ndarray or Series of int64, shape (n,)
            The class, from 0 to 9.
        target_names : ndarray of str, shape (10,)
            The syllable of each class in Latin letters.
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
    fetch_mnist : Digits in files of the same names and shapes.

    References
    ----------
    .. [1] T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto, D. Ha, "Deep Learning
       for Classical Japanese Literature", 2018, arXiv:1812.01718.

    Examples
    --------
    >>> from skfashion.datasets import fetch_kmnist
    >>> X, y = fetch_kmnist(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (10000, 784)
    """
    copies = copies_of(
        "kmnist", data_home, download_if_missing, raw=("KMNIST/raw",), is_shared=True
    )
    contents = copies.read(chosen(KMNIST_FILES, subset), _unpacked)
    return _result(contents, subset, "kmnist.rst", SYLLABLES, return_X_y, as_frame)


def _unpacked(stream):
    return parse_idx(gzip.decompress(stream.read()), stream.name)


def _result(contents, subset, descr, target_names, return_X_y, as_frame):
    return make_result(
        [(contents[split, "images"], contents[split, "labels"]) for split in SPLITS[subset]],
        descr=(descr,),
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=list(target_names),
    )
