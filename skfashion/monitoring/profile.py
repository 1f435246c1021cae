"""What validation data look like to a classifier, in a few kilobytes."""

import json
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skfashion.monitoring.calibration import Calibration
from skfashion.monitoring.documents import document_of, profile_parts
from skfashion.monitoring.label_shift import check_frequencies
from skfashion.monitoring.pixels import PixelWindow
from skfashion.monitoring.projections import Embedding, project
from skfashion.monitoring.reading import read_probabilities, read_rows
from skfashion.monitoring.sketches import Sketch, counts_up_to
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.names import advises

# As JSON: it travels in files that are read whole.
MOST_BYTES = 20_000
# The fewest validation rows that say anything.
LEAST_ROWS = 100


@dataclass(frozen=True, eq=False)
class Features:
    """The reference's features: how many there are, and their projections."""

    n_columns: int
    sketch: Sketch
    embedding: Embedding


@dataclass(frozen=True, eq=False)
class Pixels:
    """The reference's images: how many numbers each has, and their statistics."""

    n_columns: int
    sketch: Sketch


@advises
@dataclass(frozen=True, eq=False)
class ReferenceProfile:
    """What validation data look like to a classifier, to compare later rows with them.

    Made by :meth:`from_estimator`, :meth:`from_predictions` or :meth:`from_dict`. It contains no
    images and no labels, only counts, quantiles, and at most 64 rows of features, projected to 8
    numbers: at most 20 kB as JSON. It is stored in files by ``net.save(path, profile=profile)`` and
    ``to_onnx(net, path, X, profile=profile)``.

    Attributes
    ----------
    classes : list
        The labels, in the order of the probabilities' columns.
    prior : ndarray of shape (n_classes,)
        Class frequencies that the probabilities assume.
    confusion : ndarray of int, shape (n_classes, n_classes)
        Numbers of validation rows, true classes by predicted classes.
    calibration : Calibration
        Calibrates the probabilities; its `accuracy` is the accuracy on the validation data.
    confidence : Sketch
        The distribution of the largest probability.
    confidence_by_class : ndarray of int, shape (n_classes, n_points)
        The same for the rows of each true class: counts at the points of the sketch.
    features, pixels : object or None
        The same for projected features and for statistics of the images.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skfashion.monitoring import ReferenceProfile
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = RandomForestClassifier(random_state=0).fit(X[:900], y[:900])
    >>> profile = ReferenceProfile.from_estimator(classifier, X[900:], y[900:])
    >>> round(profile.calibration.accuracy, 2)
    0.93
    """

    classes: list
    prior: np.ndarray
    confusion: np.ndarray
    calibration: Calibration
    confidence: Sketch
    confidence_by_class: np.ndarray
    features: Features | None = None
    pixels: Pixels | None = None

    def __repr__(self):
        others = [name for name in ("features", "pixels") if getattr(self, name) is not None]
        return (
            f"ReferenceProfile({len(self.classes)} classes, {self.confusion.sum()} rows, accuracy "
            f"{self.calibration.accuracy:.3f}{''.join(f', {name}' for name in others)})"
        )

    @property
    def class_frequencies(self) -> np.ndarray:
        """Frequencies of the classes among the validation rows, (n_classes,)."""
        return self.confusion.sum(axis=1) / self.confusion.sum()

    @classmethod
    @advises
    def from_estimator(cls, estimator, X_val, y_val) -> Self:
        """Make a profile from a fitted classifier and rows that it was not trained on.

        Parameters
        ----------
        estimator : classifier
            Fitted, with ``predict_proba``. If it has ``transform``, as the nets do, the result is
            used as features.
        X_val : array-like of shape (n, ...)
            Validation rows, at least 100; a few thousand are better, since the error of the
            reference is part of every threshold. They must be like the rows that are expected
            later.
        y_val : array-like of shape (n,)
            Their labels; every class of the classifier must occur.

        Returns
        -------
        ReferenceProfile
            With features if there are any, and with pixels if `X_val` is an array of real numbers.

        Raises
        ------
        ValueError
            If there are too few rows, or none of a class, or the profile would have more than 20
            kB, as with more than about 40 classes.

        Warns
        -----
        UserWarning
            If all rows are predicted correctly, as training rows often are.
        """
        pixels = np.asarray(X_val)
        features = estimator.transform(X_val) if hasattr(estimator, "transform") else None
        return cls.from_predictions(
            estimator.predict_proba(X_val),
            y_val,
            classes=estimator.classes_,
            features=features,
            pixels=pixels if pixels.dtype.kind in "buif" and pixels.ndim > 1 else None,
            prior=_prior_of(estimator),
        )

    @classmethod
    @advises
    def from_predictions(
        cls, probabilities, y_val, *, classes=None, features=None, pixels=None, prior=None
    ) -> Self:
        """Make a profile from any classifier's probabilities for rows that it was not trained on.

        Parameters
        ----------
        probabilities : array-like of shape (n, n_classes)
            Its probabilities for them; n is at least 100.
        y_val : array-like of shape (n,)
            Their labels; every class must occur.
        classes : array-like of shape (n_classes,), default=None
            Label of each column; None is the sorted labels of `y_val`.
        features, pixels : array-like of shape (n, ...), default=None
            The rows' features, and their images; None leaves these tests out.
        prior : array-like of shape (n_classes,), default=None
            Class frequencies that the probabilities assume; None is those in `y_val`.

        Returns
        -------
        ReferenceProfile

        Raises
        ------
        ValueError
            As in :meth:`from_estimator`.

        Warns
        -----
        UserWarning
            As in :meth:`from_estimator`.
        """
        y_val = np.asarray(y_val)
        classes = np.unique(y_val) if classes is None else np.asarray(classes)
        probabilities = read_probabilities(probabilities, len(classes))
        codes = _codes(y_val, classes, len(probabilities))
        predicted, k = probabilities.argmax(axis=1), len(classes)
        confusion = np.zeros((k, k), dtype=int)
        np.add.at(confusion, (codes, predicted), 1)
        if prior is None:
            prior = confusion.sum(axis=1) / len(codes)
        confidence = probabilities.max(axis=1, keepdims=True)
        sketch = Sketch.of(confidence)
        by_class = [counts_up_to(confidence[codes == code], sketch.points)[0] for code in range(k)]
        parts = {"confidence": sketch, "confidence_by_class": np.array(by_class)}
        if features is not None:
            features = read_rows(features, "features", len(codes)).astype(np.float64)
            projected = project(features)
            its = Sketch.of(projected), Embedding.of(projected)
            parts["features"] = Features(features.shape[1], *its)
        if pixels is not None:
            pixels = read_rows(pixels, "pixels", len(codes))
            images = PixelWindow(*pixels.shape)
            images.put(0, pixels)
            parts["pixels"] = Pixels(pixels.shape[1], Sketch.of(images.flush()))
        found = cls(
            classes.tolist(),
            check_frequencies(prior, k, "prior"),
            confusion,
            Calibration.of(probabilities, codes),
            **parts,
        )
        if np.trace(confusion) == len(codes):
            warn_the_caller(
                f"Got {len(codes)} rows of which every label is predicted rightly, expected rows "
                "that the classifier was not trained on. It is more confident about training rows "
                "than about others, so all new rows would look like drift. Give validation rows."
            )
        n_bytes = len(json.dumps(found.to_dict()))
        if n_bytes > MOST_BYTES:
            raise ValueError(
                f"Got {k} classes, whose profile has {n_bytes:,} bytes, expected at most "
                f"{MOST_BYTES:,}: it travels in the classifier's file. Take groups of classes."
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON types.

        Returns
        -------
        dict
            At most 20 kB as JSON.
        """
        return document_of(self)

    @classmethod
    def from_dict(cls, document) -> Self:
        """Return the profile from the result of :meth:`to_dict`.

        Parameters
        ----------
        document : mapping
            It need not be trusted.

        Returns
        -------
        ReferenceProfile

        Raises
        ------
        ValueError
            If it does not describe a profile, or one of a later version.
        """
        parts = profile_parts(document)
        features, pixels = parts.pop("features"), parts.pop("pixels")
        return cls(
            **parts,
            features=None if features is None else Features(**features),
            pixels=None if pixels is None else Pixels(**pixels),
        )


def document_of_profile(profile):
    """Return a profile, or what its `to_dict` has returned, as JSON's types, checked.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(profile, ReferenceProfile):
        return profile.to_dict()
    return ReferenceProfile.from_dict(profile).to_dict()


def _prior_of(estimator):
    """Return the frequencies that the probabilities of one of the package's nets stand for."""
    final = estimator[-1] if hasattr(estimator, "steps") else estimator
    if not hasattr(final, "_prior_of_predictions"):
        return None
    wanted = final._prior_of_predictions()
    wanted = final.effective_class_prior_ if wanted is None else np.asarray(wanted)
    # A class that no row has taught has none.
    return wanted if (wanted > 0).all() else None


def _codes(y_val, classes, n_rows):
    """Return the numbers (n,) of labels among the classes."""
    if y_val.shape != (n_rows,) or n_rows < LEAST_ROWS:
        raise ValueError(
            f"Got y_val of shape {y_val.shape} and probabilities of {n_rows} rows, expected a "
            f"label for each, and {LEAST_ROWS} rows at least. Give more validation data."
        )
    order = {label: code for code, label in enumerate(classes.tolist())}
    labels = y_val.tolist()
    if unknown := sorted(set(labels) - set(order), key=repr):
        raise ValueError(
            f"Got y_val with {unknown[:5]}, expected the classes {classes.tolist()}. Leave other "
            "rows out."
        )
    if missing := [label for label in order if label not in set(labels)]:
        raise ValueError(
            f"Got y_val without a row of {missing[:5]}, expected every class. Give validation data "
            "that have some rows of each."
        )
    return np.array([order[label] for label in labels])
