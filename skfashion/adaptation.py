"""Nets with the statistics of the images at hand."""

import copy
from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfashion.classifiers.base import ImageClassifier
from skfashion.fitting.inputs import as_images, find_device
from skfashion.fitting.shift import ImageStatistics
from skfashion.fitting.statistics import find_statistics
from skfashion.training import batch_norms, borrowed_threads, estimate_batch_norm, own_modes
from skfashion.utils._sklearn import Interval, validate_params
from skfashion.utils.fitted import snapshot
from skfashion.utils.names import advises

__all__ = ["adapt_batch_norm"]


@advises
@validate_params(
    {
        "estimator": [ImageClassifier],
        "X": ["array-like", "sparse matrix"],
        "n_source": [Interval(Real, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def adapt_batch_norm(estimator, X, *, n_source=0):
    """Return a copy of a net with the batch norm statistics of other images.

    For images from another source than the training images: another camera, other light. No labels
    are needed. The standardisation statistics, a batch norm of the pixels, are replaced as well.
    The weights do not change, and neither does the given net.

    If the class frequencies in `X` differ from those in training, the statistics reflect this, too:
    a net adapted to images of one class no longer distinguishes classes.

    Parameters
    ----------
    estimator : ImageClassifier
        A fitted classifier of this package with batch norm.
    X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        Images of the new source, at least two; several hundred give good statistics. In any layout
        that the classifier accepts, including sparse rows if it accepts them.
    n_source : float >= 0, default=0
        Weight of the training statistics, as a number of rows in addition to those of `X`; 0
        ignores them. With few images, use about 16 to 256 (Schneider et al.).

    Returns
    -------
    ImageClassifier
        The adapted copy, fitted.

    Raises
    ------
    ValueError
        If the net has no batch norm, or `X` is not as described.
    sklearn.exceptions.NotFittedError
        If the classifier is not fitted.

    References
    ----------
    Li et al., "Revisiting batch normalization for practical domain adaptation", arXiv:1603.04779,
    2016; Schneider et al., "Improving robustness against common corruptions by covariate shift
    adaptation", NeurIPS 2020.

    Examples
    --------
    >>> from skfashion import ConvNetClassifier
    >>> from skfashion.adaptation import adapt_batch_norm
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = ConvNetClassifier(channels=(8, 16), max_epochs=2, random_state=0).fit(X, y)
    >>> dark = X // 4
    >>> adapt_batch_norm(net, dark).score(dark, y) > net.score(dark, y)
    True
    """
    estimator = snapshot(estimator)
    check_is_fitted(estimator)
    estimator._check_what_was_set_after_fit()
    rows = estimator._read_rows(X)
    # What it is given later is compared with the images of the new source.
    statistics = ImageStatistics.of(rows, estimator.image_shape_)
    adapted = estimator._with_net(copy.deepcopy(estimator.net_), _image_statistics=statistics)
    if not batch_norms(adapted.net_.module_):
        raise ValueError(
            f"Got a {type(estimator).__name__} without batch norm, expected one whose network has "
            "statistics to adapt; fit it with batch_norm=True where it has that parameter, or take "
            "a ConvNetClassifier, ResNetClassifier or AttentionNetClassifier."
        )
    if adapted.net_.standardizes:
        with own_modes(gradients=False):
            _adapt_standardisation(adapted, rows, n_source)
    replace_statistics(adapted, rows, n_before=n_source)
    return adapted


def replace_statistics(estimator, rows, *, n_before=0):
    """Give the batch norm of a fitted classifier the statistics of images, in place.

    Parameters
    ----------
    estimator : ImageClassifier
    rows : ndarray or sparse matrix of shape (n, h*w*c)
        The images, checked.
    n_before : float >= 0
        Number of rows that the statistics so far count as.

    Raises
    ------
    ValueError
        If there are fewer than two images.
    """
    if rows.shape[0] < 2:
        raise ValueError(
            f"Got X with {rows.shape[0]} image, expected at least 2: one has no variance. Several "
            "hundred give good statistics of batch norm."
        )
    net = estimator.net_.move_to(find_device(estimator.device))
    with borrowed_threads(estimator.n_threads), own_modes(gradients=False):
        estimate_batch_norm(
            net.module_,
            as_images(rows, estimator.image_shape_),
            net.device_,
            net.inference_dtype,
            n_before=n_before,
        )


def _adapt_standardisation(estimator, rows, n_source):
    standardize, n_rows = estimator.net_.module_.standardize, rows.shape[0]
    mean, scale = find_statistics(
        rows, estimator.image_shape_, standardize.is_by_column, None, np.arange(n_rows)
    )
    before = [b.double().cpu().numpy().ravel() for b in (standardize.mean, standardize.scale)]
    share = n_source / (n_source + n_rows)
    standardize.set_statistics(
        share * before[0] + (1 - share) * mean,
        np.sqrt(share * before[1] ** 2 + (1 - share) * scale**2),
    )
