"""load_fashion_sample: real images that need neither a network nor a cache."""

from importlib import resources

import numpy as np

from skfashion.datasets._bunch import SPLITS, make_result
from skfashion.utils._sklearn import StrOptions, validate_params
from skfashion.utils.names import advises


@advises
@validate_params(
    {
        "subset": [StrOptions({"train", "test", "all"})],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_fashion_sample(*, subset="train", return_X_y=False, as_frame=False):
    """Load a balanced sample of Fashion-MNIST that is bundled with the package.

    =================   ==============================
    Classes                                         10
    Training images              6,000 (600 a class)
    Test images                  1,000 (100 a class)
    Features            784 (28 x 28 grey levels)
    Values              integers from 0 to 255 (uint8)
    =================   ==============================

    The training rows are drawn from the 60,000 official training images and the test rows from the
    10,000 official test images, without replacement, by ``numpy.random.RandomState(0)``; rows keep
    their official order, so the classes are mixed. ``python -m skfashion.datasets._make_sample``
    rebuilds the file from the full data.

    The sample is for examples, tests and first tries. Publish results on the full data,
    :func:`fetch_fashion_mnist`: with 1,000 test images, the standard error of an accuracy of 0.9
    is 0.009.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The training rows, the test rows, or both, training rows first.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame and ``target`` a pandas Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As :func:`fetch_fashion_mnist` returns it, with ``data``, ``target``, ``target_names``,
        ``feature_names``, ``images``, ``frame`` and ``DESCR``; with 6,000, 1,000 or 7,000 rows.

    (data, target) : tuple, if ``return_X_y=True``

    Raises
    ------
    ValueError
        If a parameter is invalid.

    See Also
    --------
    fetch_fashion_mnist : All 70,000 images.

    References
    ----------
    .. [1] H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
       Machine Learning Algorithms", 2017, arXiv:1708.07747.

    Examples
    --------
    >>> from skfashion.datasets import load_fashion_sample
    >>> fashion = load_fashion_sample()
    >>> fashion.data.shape, fashion.images.shape, fashion.data.dtype
    ((6000, 784), (6000, 28, 28), dtype('uint8'))
    >>> str(fashion.target_names[9])
    'Ankle boot'
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> X_test.shape
    (1000, 784)
    """
    source = resources.files("skfashion.datasets") / "data" / "fashion_sample.npz"
    # An npz decompresses only the members that are asked for. xz would save 0.4 of 3 MB and take
    # eight times as long to read.
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        parts = [(arrays[f"{split}_data"], arrays[f"{split}_target"]) for split in SPLITS[subset]]
    return make_result(
        parts,
        descr=("fashion_sample.rst", "fashion_mnist.rst"),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
