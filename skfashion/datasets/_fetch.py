"""fetch_fashion_mnist: find the 70,000 images on this machine, or download them."""

from pathlib import Path

from skfashion.datasets._bunch import SPLITS, chosen, make_result
from skfashion.datasets._copies import OPTIONS, Copies
from skfashion.datasets._files import FILES
from skfashion.datasets._folders import own_folders
from skfashion.utils._sklearn import validate_params
from skfashion.utils.names import advises

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # apt install dataset-fashion-mnist


@advises
@validate_params(OPTIONS, prefer_skip_nested_validation=True)
def fetch_fashion_mnist(
    *,
    subset="train",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
):
    """Load the Fashion-MNIST data (classification), downloading it if necessary.

    =================   ==============================
    Classes                                         10
    Training images            60,000 (6,000 a class)
    Test images                10,000 (1,000 a class)
    Features            784 (28 x 28 grey levels)
    Values              integers from 0 to 255 (uint8)
    =================   ==============================

    Each file is searched for in these folders, and the first one found is read:

    1. ``data_home``, if given;
    2. the folder named by the environment variable ``SKFASHION_DATA``, if set;
    3. the cache: the subfolder ``fashion-mnist`` of scikit-learn's data folder
       (:func:`sklearn.datasets.get_data_home`);
    4. ``/usr/share/datasets/fashion-mnist``, where Debian's package ``dataset-fashion-mnist``
       installs it.

    The files may be in the folder itself or in its ``FashionMNIST/raw`` (the layout of
    torchvision), decompressed or with the suffix ``.gz``. They may have Kaggle's names, with a dot
    (``train-images.idx3-ubyte``). A file that is in none of the folders is downloaded from
    torchvision's mirrors into the first of the folders 1 to 3 that applies. So a folder that you
    name receives the download even if it is empty or does not exist yet, but only if no other
    folder of the list has the file.

    Every file that is read, on disk or downloaded, is verified against the SHA-256 of its
    decompressed content. A bad file is an error in any folder: none is skipped silently.

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
            One image per row, from left to right and from top to bottom; 0 is background, 255 the
            strongest ink. n is 60,000, 10,000 or 70,000.
        target : ndarray or Series of int64, shape (n,)
            The class, from 0 to 9.
        target_names : ndarray of str, shape (10,)
            The name of each class.
        feature_names : list of str, length 784
            ``"pixel_<row>_<column>"``, both from 0 to 27.
        images : ndarray of uint8, shape (n, 28, 28)
            The same pixels as ``data``, as a view of it.
        frame : DataFrame of shape (n, 785), or None
            ``data`` and ``target`` side by side, only with ``as_frame=True``.
        DESCR : str
            Where the data comes from, and its limits.

    (data, target) : tuple, if ``return_X_y=True``

    Raises
    ------
    ValueError
        If a file on disk is truncated, damaged or the wrong file (digit MNIST has the same names
        and shapes), or if a parameter is invalid.
    OSError
        If a file is missing and ``download_if_missing=False``; if every mirror fails; if a folder
        is in fact a file, or a file cannot be read or written.

    See Also
    --------
    load_fashion_sample : 7,000 of these images, bundled with the package.
    fetch_mnist : Handwritten digits, files of the same names and shapes.
    fetch_kmnist : Japanese characters, files of the same names and shapes.

    References
    ----------
    .. [1] H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
       Machine Learning Algorithms", 2017, arXiv:1708.07747.

    Examples
    --------
    >>> from skfashion.datasets import fetch_fashion_mnist
    >>> fashion = fetch_fashion_mnist(subset="test")  # doctest: +SKIP
    >>> fashion.data.shape  # doctest: +SKIP
    (10000, 784)

    Without a network, the bundled sample has the same form:

    >>> from skfashion.datasets import load_fashion_sample
    >>> load_fashion_sample(subset="test").data.shape
    (1000, 784)
    """
    copies = Copies(
        own_folders(data_home, "fashion-mnist"),
        ("", "FashionMNIST/raw"),
        download_if_missing,
        packages={DEBIAN_FOLDER: "apt reinstall dataset-fashion-mnist"},
    )
    arrays = copies.read(chosen(FILES, subset))
    parts = [(arrays[split, "images"], arrays[split, "labels"]) for split in SPLITS[subset]]
    return make_result(
        parts, descr=("fashion_mnist.rst",), return_X_y=return_X_y, as_frame=as_frame
    )
