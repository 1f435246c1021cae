"""The rows with which a file is tried: those that are given, or some like those of the training."""

from dataclasses import dataclass

import numpy as np

from skfashion.classifiers.base import ImageClassifier
from skfashion.export.checking import BATCHES
from skfashion.export.deployed import takes_rows
from skfashion.export.plain import plain, unwrapped
from skfashion.images import as_planes, channel_axis, dense, planes_shape
from skfashion.utils._sklearn import take_rows

# At most so many of the rows that are given, and of those that are made.
N_GIVEN, N_MADE = 2000, 16
# At least so many: what three batches of different sizes take.
N_LEAST = sum(BATCHES)


@dataclass(frozen=True)
class Trial:
    """Rows with which a file is tried.

    Attributes
    ----------
    name : str
        Of the file's input.
    inputs : ndarray of shape (n, c, h, w) or (n, d)
        As the file takes them, uint8 or float32.
    asked : array-like
        The same, as the estimator takes them.
    """

    name: str
    inputs: np.ndarray
    asked: object


def trial_of(model, X=None):
    """Return the :class:`Trial` of a classifier, with rows of `X` or, for None, some that are made.

    Few rows are repeated, so that there are enough for all sizes of batches.

    Raises
    ------
    ValueError
        If `X` is nothing that it can predict, or is None where no rows can be made.
    """
    of = _trial_of_net if isinstance(model, ImageClassifier) else _trial_of_pipeline
    trial = of(model, X)
    n_rows = len(trial.inputs)
    if n_rows >= N_LEAST:
        return trial
    again = np.arange(N_LEAST) % n_rows
    return Trial(trial.name, trial.inputs[again], take_rows(trial.asked, again))


def inputs_of(model, X):
    """Return rows as a classifier's file takes them, uint8 or float32."""
    if isinstance(model, ImageClassifier):
        return _as_inputs(model, _read(model, X))[1]
    return _inputs_of_pipeline(model, X)


def _trial_of_net(estimator, X):
    rows = _made(estimator) if X is None else _read(estimator, X, N_GIVEN)
    name, inputs = _as_inputs(estimator, rows)
    return Trial(name, inputs, with_names(estimator, rows))


def _trial_of_pipeline(model, X):
    if X is None:
        rows = _made_for(model)
        return Trial("X", rows, with_names(model, rows))
    asked = take_rows(X, slice(N_GIVEN))
    return Trial("X", _inputs_of_pipeline(model, asked), asked)


def _inputs_of_pipeline(model, X):
    rows = np.asarray(dense(X))
    if not len(rows):
        raise ValueError("Got X of 0 rows, expected one at least: the file is tried with them.")
    rows = rows.reshape(len(rows), -1)
    expected = getattr(model, "n_features_in_", rows.shape[1])  # not every first step says it
    if rows.shape[1] != expected:
        raise ValueError(f"Got X of {rows.shape[1]} values a row, expected {expected} as in fit.")
    return np.ascontiguousarray(rows, np.uint8 if rows.dtype == np.uint8 else np.float32)


def _made_for(model):
    """Return rows that a net inside of a classifier will take for some of its training."""
    model = unwrapped(model)
    if isinstance(model, ImageClassifier):
        return _made(model)
    if hasattr(model, "calibrated_classifiers_"):
        return _made_for(model.calibrated_classifiers_[0].estimator)
    if hasattr(model, "steps"):
        rows, earlier = _made_for(model.steps[-1][1]), plain(model).steps[:-1]
        if all(hasattr(step, "inverse_transform") for _, step in earlier):
            for _, step in reversed(earlier):
                rows = step.inverse_transform(rows)
            return rows if rows.dtype == np.uint8 else rows.astype(np.float32)
    for voter in getattr(model, "estimators_", ()):
        if isinstance(unwrapped(voter), ImageClassifier) or hasattr(voter, "steps"):
            return _made_for(voter)
    raise ValueError(
        f"Got X=None with a {type(model).__name__}, of which no rows like those of the training "
        "can be made; expected X, some rows as they will come. Give those of the training."
    )


def _read(estimator, X, n_rows=None):
    """Return the first rows (n, d) of images in any layout, as uint8 or float32."""
    rows = dense(estimator._read_rows(X)[:n_rows])
    return np.ascontiguousarray(rows, np.uint8 if rows.dtype == np.uint8 else np.float32)


def _as_inputs(estimator, rows):
    """Return the name of a file's input, and rows as it takes them."""
    if takes_rows(estimator):
        return "X", rows
    return "images", np.ascontiguousarray(as_planes(rows, estimator.image_shape_))


def with_names(estimator, rows):
    """Return rows as an estimator expects them that has learned names of columns."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return rows
    import pandas as pd

    return pd.DataFrame(rows, columns=names)


def _made(estimator):
    """Return rows like those of the training: its mean image with more and more noise."""
    statistics, random = estimator._image_statistics, np.random.default_rng(0)
    shape = (N_MADE, estimator.n_features_in_)
    if statistics is None:
        return _made_of_standardisation(estimator, random).reshape(shape)
    low, high = statistics.low, statistics.high
    contrast = 0 if statistics.contrast is None else statistics.contrast
    mean = (low + high) / 2 + contrast * (high - low)
    share = np.linspace(0.05, 1, N_MADE)[:, None]
    # Noise alone would be so far from all images that probabilities are 0 or 1.
    rows = np.clip(mean + share * (random.uniform(low, high, shape) - mean), low, high)
    return np.rint(rows).astype(np.uint8) if statistics.is_uint8 else rows.astype(np.float32)


def _made_of_standardisation(estimator, random):
    """Return normally distributed images of the mean and deviation that a net subtracts."""
    standardize = estimator.net_.module_.standardize
    mean, scale = (part[0].cpu().numpy() for part in (standardize.mean, standardize.scale))
    shape = (N_MADE, *planes_shape(estimator.image_shape_))
    images = mean + scale * random.standard_normal(shape)
    if channel_axis(estimator.image_shape_) == 2:
        images = images.transpose(0, 2, 3, 1)
    return images.astype(np.float32)
