"""What displays are given, checked and in one form: parameters, labels, probabilities, images."""

import math
from inspect import signature
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_consistent_length

from skfashion.images import as_planes, as_rows, infer_image_shape, planes_shape
from skfashion.preprocessing import ImageReader
from skfashion.utils._sklearn import Interval, validate_params
from skfashion.utils.labels import column_of_labels
from skfashion.utils.names import advises
from skfashion.utils.no_numbers import is_one_picture, kind_of_pictures
from skfashion.utils.pipelines import last_step

# Pixels a side of what is shown of a file.
SIDE = 64
COUNT = Interval(Integral, 1, None, closed="left")
# What parameters may be that mean the same in several displays, by their names.
CONSTRAINTS = {
    "baseline": [Interval(Real, None, None, closed="neither")],
    "class_names": ["array-like", None],
    "classes": ["array-like", None],
    "n_bins": [COUNT],
    "n_columns": [COUNT],
    "n_filters": [COUNT],
    "n_images": [COUNT],
    "n_pairs": [COUNT],
    "random_state": ["random_state"],
}


def validated(**constraints):
    """Return a decorator that checks a method's parameters: scikit-learn's words, our advice.

    Parameters
    ----------
    **constraints : dict of str to list
        What parameters may be besides those of ``CONSTRAINTS``, or instead of them.

    Returns
    -------
    callable
    """

    def decorate(method):
        names = signature(method).parameters
        rules = {name: rule for name, rule in (CONSTRAINTS | constraints).items() if name in names}
        # Estimators that are given check their own parameters: not skipped.
        return advises(validate_params(rules, prefer_skip_nested_validation=False)(method))

    return decorate


def labels_of(y, *others):
    """Return labels as an array of one dimension, checked to be one for each row of the others.

    Parameters
    ----------
    y : array-like of shape (n,)
    *others : array-like of shape (n, ...) or None
        Images, probabilities, weights.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        If `y` has more dimensions than one, or the numbers of rows differ.
    """
    check_consistent_length(y, *others)
    return column_of_labels(y)


def names_of(classes, class_names):
    """Return the classes as text.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
    class_names : array-like of str or None
        In the order of `classes`; None takes the labels themselves.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If there are not as many names as classes.
    """
    names = [str(name) for name in (classes if class_names is None else class_names)]
    if len(names) != len(classes):
        raise ValueError(
            f"Got {len(names)} class_names and {len(classes)} classes, expected a name for each."
        )
    return names


def as_probabilities(y_prob, classes):
    """Return probabilities as an array, a column a class.

    Parameters
    ----------
    y_prob : array-like of shape (n, n_classes)
    classes : array-like of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n, n_classes)
        float64.

    Raises
    ------
    ValueError
        If there are not as many columns as classes.
    """
    probabilities = np.asarray(y_prob, dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(classes):
        raise ValueError(
            f"Got probabilities of shape {probabilities.shape} and {len(classes)} classes, "
            "expected a column for each; name all, in the order of the columns, with classes=..."
        )
    return probabilities


def as_pictures(X, image_shape="auto"):
    """Return images as matplotlib takes them.

    Parameters
    ----------
    X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        `uint8` from 0 to 255; other numbers are scaled from their smallest to their largest. Files
        and pictures of any size become squares, with black at two sides.
    image_shape : "auto" or tuple of int
        As the parameter of the classifiers.

    Returns
    -------
    ndarray of shape (n, h, w), or (n, h, w, 3) in colour
        float32, 0 to 1. Of two channels, or more than three, the mean.
    """
    if kind_of_pictures(X) is not None:
        X, image_shape = ImageReader(SIDE, crop="pad").fit_transform(X), "auto"
    X = np.asarray(X)
    if X.shape == (0,):  # no files
        return np.empty((0, 1, 1), dtype=np.float32)
    shape = infer_image_shape(X.shape, image_shape)
    if not len(X):
        c, h, w = planes_shape(shape)
        return np.empty((0, h, w, 3) if c == 3 else (0, h, w), dtype=np.float32)
    planes = as_planes(as_rows(X, shape), shape)
    is_levels = planes.dtype == np.uint8
    pictures = planes.astype(np.float32)
    if planes.shape[1] == 3:
        pictures = pictures.transpose(0, 2, 3, 1)
    else:
        pictures = pictures.mean(axis=1)
    if is_levels:
        return pictures / np.float32(255)
    low, high = pictures.min(), pictures.max()
    return (pictures - low) / (high - low) if high > low else np.zeros_like(pictures)


def as_one_row(x):
    """Return one image as data of one row.

    Parameters
    ----------
    x : array-like
        In any layout, without the axis of the rows.

    Returns
    -------
    ndarray or DataFrame
        A row of a DataFrame keeps its names.
    """
    if is_one_picture(x):
        return [x]
    return x.to_frame().T if hasattr(x, "to_frame") else np.asarray(x)[np.newaxis]


def is_one_image(estimator, X):
    """Tell whether data is a single image, without the axis of the rows.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier of this package, or a pipeline or search that ends with one that sees
        images of the height and width of these.
    X : array-like

    Returns
    -------
    bool
        Of what could be read either way, such as ``(3, h, w)`` before a pipeline whose steps may
        make colours of grey, False: several images.
    """
    if kind_of_pictures(X) is not None:
        return is_one_picture(X)
    shape, found = np.shape(X), last_step(estimator)
    c, h, w = planes_shape(found.image_shape_)
    if len(shape) == 3:
        is_alone = found is getattr(estimator, "best_estimator_", estimator)
        is_first = c > 1 and is_alone and shape == (c, h, w)
        return is_first or (shape == (h, w, c) and shape[1:] != (h, w))
    return len(shape) == 1 or (shape == (h, w) and h > 1)


def image_shape_of(estimator, X, image_shape):
    """Return the layout of images: that given, or else that which an estimator has learned.

    A net behind a step that makes other columns has learned a layout of these, which tells nothing
    about the images, and neither does that of a table.

    Parameters
    ----------
    estimator : estimator
        Fitted; a pipeline or a search that ends with it, too.
    X : array-like of shape (n, ...)
        Images in any layout.
    image_shape : "auto" or tuple of int

    Returns
    -------
    "auto" or tuple of int
    """
    if image_shape != "auto" or kind_of_pictures(X) is not None:
        return image_shape
    learned = getattr(last_step(estimator), "image_shape_", "auto")
    is_theirs = (
        learned != "auto"
        and planes_shape(learned)[1] > 1
        and math.prod(learned) == math.prod(np.shape(X)[1:])
    )
    return learned if is_theirs else "auto"


def fitted_last_step(estimator, attribute):
    """Return the classifier itself, which must have what only a fitted one of this package has.

    Parameters
    ----------
    estimator : estimator
    attribute : str
        Such as ``"net_"``.

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        If it has no such attribute.
    """
    last = last_step(estimator)
    if not hasattr(last, attribute):
        raise ValueError(
            f"Got a {type(last).__name__} without {attribute}, expected a fitted classifier of "
            "skfashion, or a pipeline or search that ends with one."
        )
    return last
