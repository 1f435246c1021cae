"""The pairs of classes that are confused most often, with examples."""

from typing import NamedTuple

import numpy as np

from skfashion.inspection.arguments import (
    as_pictures,
    image_shape_of,
    labels_of,
    names_of,
    validated,
)
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import LABEL_TILES, axes_for, draw_tiles, tiles_figsize
from skfashion.utils._sklearn import take_rows
from skfashion.utils.labels import encode_labels
from skfashion.utils.names import advises


class Confusion(NamedTuple):
    """A class that is mistaken for another.

    Parameters
    ----------
    true, predicted : str
        Names of the classes.
    count : int
        How often that happened.
    share : float
        Of the images of the true class, 0 to 1.
    rows : ndarray of int
        Positions of some of these images.
    """

    true: str
    predicted: str
    count: int
    share: float
    rows: np.ndarray


class ErrorAnalysisDisplay(Display):
    """The most frequent confusions, one per row, with images.

    Use :meth:`from_estimator` or :meth:`from_predictions` to make one.

    Parameters
    ----------
    confusions : list of Confusion
        The most frequent first.
    pictures : list of ndarray of shape (m, h, w) or (m, h, w, 3)
        Images of each confusion, from 0 to 1.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : All pairs, without images.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import ErrorAnalysisDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X[:2000], y[:2000])
    >>> display = ErrorAnalysisDisplay.from_estimator(net, X[2000:], y[2000:], n_pairs=3)
    >>> len(display.confusions)
    3
    """

    def __init__(self, confusions, pictures):
        self.confusions = confusions
        self.pictures = pictures

    @classmethod
    @validated()
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_pairs=5,
        n_images=6,
        class_names=None,
        image_shape: str | tuple[int, ...] = "auto",
        ax=None,
    ):
        """Draw the confusions of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            With ``predict`` and ``classes_``.
        X : array-like
            Images in any layout that the classifiers accept.
        y : array-like of shape (n,)
            Their true labels.
        n_pairs, n_images, class_names, image_shape, ax
            As in :meth:`from_predictions`; the classes are ``classes_``, and the "auto" layout is
            that of the fit.

        Returns
        -------
        ErrorAnalysisDisplay

        Raises
        ------
        ValueError
            If the numbers of images and labels, or of names and classes, differ, or a label is not
            one of the classes.
        """
        y = labels_of(y, X)
        return cls.from_predictions(
            X,
            y,
            estimator.predict(X),
            classes=estimator.classes_,
            n_pairs=n_pairs,
            n_images=n_images,
            class_names=class_names,
            image_shape=image_shape_of(estimator, X, image_shape),
            ax=ax,
        )

    @classmethod
    @validated()
    def from_predictions(
        cls,
        X,
        y_true,
        y_pred,
        *,
        classes=None,
        n_pairs=5,
        n_images=6,
        class_names=None,
        image_shape: str | tuple[int, ...] = "auto",
        ax=None,
    ):
        """Draw the confusions of given predictions.

        Parameters
        ----------
        X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        y_true, y_pred : array-like of shape (n,)
            True and predicted labels.
        classes : array-like of shape (n_classes,), default=None
            All labels; None is those that occur, sorted.
        n_pairs : int, default=5
            Number of confusions, if there are this many.
        n_images : int, default=6
            Images of each, if there are this many: the first ones.
        class_names : array-like of str, default=None
            In the order of `classes`; None takes the labels.
        image_shape : "auto" or tuple of int, default="auto"
            As in the classifiers.
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ErrorAnalysisDisplay

        Raises
        ------
        ValueError
            If the numbers of images and labels, or of names and classes, differ, or a label is not
            one of the classes.
        """
        y_true, y_pred = labels_of(y_true, y_pred, X), labels_of(y_pred)
        classes = np.union1d(y_true, y_pred) if classes is None else np.asarray(classes)
        names, n = names_of(classes, class_names), len(classes)
        _, true = encode_labels(y_true, classes)
        _, predicted = encode_labels(y_pred, classes, "y_pred")
        counts = np.bincount(true * n + predicted, minlength=n * n).reshape(n, n)
        totals = counts.sum(axis=1)
        np.fill_diagonal(counts, 0)
        confusions = []
        for pair in np.argsort(-counts.ravel(), kind="stable")[:n_pairs]:
            i, j = divmod(int(pair), n)
            if counts[i, j] == 0:
                break
            rows = np.flatnonzero((true == i) & (predicted == j))[:n_images]
            share = float(counts[i, j] / totals[i])
            confusions.append(Confusion(names[i], names[j], int(counts[i, j]), share, rows))
        chosen = [confusion.rows for confusion in confusions]
        # Scaled together, so that brightness can be compared.
        numbers = np.concatenate([*chosen, np.empty(0, dtype=int)]).astype(int)
        together = as_pictures(take_rows(X, numbers), image_shape)
        pictures = np.split(together, np.cumsum([len(rows) for rows in chosen]))[:-1]
        return cls(confusions, pictures).plot(ax=ax)

    @advises
    def plot(self, *, ax=None):
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            None makes a new figure.

        Returns
        -------
        ErrorAnalysisDisplay
            Itself.
        """
        n_columns = max((len(images) for images in self.pictures), default=4)
        h, w = self.pictures[0].shape[1:3] if self.pictures else (1, 1)
        n_rows = len(self.pictures)
        size = tiles_figsize(n_rows, n_columns, label_width=LABEL_TILES, aspect=h / w)
        self.ax_ = axes_for(self, ax, size)
        self.figure_ = self.ax_.figure
        labels = [
            f"{one.true}\nas {one.predicted}\n{one.count} ({one.share:.1%})"
            for one in self.confusions
        ]
        draw_tiles(self.ax_, self.pictures, labels=labels)
        if not labels:
            options = {"ha": "center", "va": "center", "transform": self.ax_.transAxes}
            self.ax_.text(0.5, 0.5, "nothing is confused", **options)
        return self
