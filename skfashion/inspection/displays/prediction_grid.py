"""Images with what was predicted for them, right or wrong."""

import numpy as np
from sklearn.utils import check_random_state

from skfashion.inspection.arguments import (
    as_pictures,
    as_probabilities,
    image_shape_of,
    labels_of,
    names_of,
    validated,
)
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import RIGHT, WRONG, axes_for, draw_tiles, in_rows, tiles_figsize
from skfashion.utils._sklearn import StrOptions, take_rows
from skfashion.utils.callers import each_warning_once
from skfashion.utils.labels import encode_labels

WHICH = ("wrong", "uncertain", "random", "confident_wrong")


def choose_rows(codes, predicted, probabilities, which, n_images, random_state):
    """Return the numbers of the rows to show.

    Parameters
    ----------
    codes, predicted : ndarray of int (n,)
        Places of the true and of the predicted classes.
    probabilities : ndarray of shape (n, n_classes)
    which : {"wrong", "uncertain", "random", "confident_wrong"}
        Wrong ones by chance; those whose two most probable classes are closest; any by chance;
        wrong ones, the surest first.
    n_images : int
    random_state : int, RandomState or None

    Returns
    -------
    ndarray of int (at most n_images,)
    """
    wrong = np.flatnonzero(predicted != codes)
    rng = check_random_state(random_state)
    if which == "random":
        return np.sort(rng.permutation(len(codes))[:n_images])
    if which == "wrong":
        return np.sort(rng.permutation(wrong)[:n_images])
    if which == "confident_wrong":
        order = np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")
        return wrong[order[:n_images]]
    top = np.sort(probabilities, axis=1)[:, -2:]
    return np.argsort(top[:, -1] - top[:, 0], kind="stable")[:n_images]


class PredictionGridDisplay(Display):
    """Images with predicted and true classes; wrong ones have a dashed frame.

    Use :meth:`from_estimator` or :meth:`from_predictions` to make one.

    Parameters
    ----------
    pictures : ndarray of shape (m, h, w) or (m, h, w, 3)
        From 0 to 1.
    predicted, true : list of str
        Names of the classes.
    probabilities : ndarray of shape (m,)
        Of the predicted classes.
    is_right : ndarray of bool (m,)
    rows : ndarray of int (m,)
        Positions among the given images.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import PredictionGridDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X[:1000], y[:1000])
    >>> display = PredictionGridDisplay.from_estimator(net, X[1000:], y[1000:], which="uncertain")
    >>> len(display.rows)
    20
    """

    def __init__(self, pictures, predicted, true, probabilities, is_right, rows):
        self.pictures = pictures
        self.predicted = predicted
        self.true = true
        self.probabilities = probabilities
        self.is_right = is_right
        self.rows = rows

    @classmethod
    @each_warning_once
    @validated(which=[StrOptions(set(WHICH))])
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        which="wrong",
        n_images=20,
        n_columns=5,
        class_names=None,
        image_shape: str | tuple[int, ...] = "auto",
        random_state: int | np.random.RandomState | None = 0,
        ax=None,
    ):
        """Draw predictions of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            With ``predict``, ``predict_proba`` and ``classes_``.
        X : array-like
            Images in any layout that the classifiers accept.
        y : array-like of shape (n,)
            Their true labels.
        which, n_images, n_columns, class_names, image_shape, random_state, ax
            As in :meth:`from_predictions`; the classes are ``classes_``, and the "auto" layout is
            that of the fit.

        Returns
        -------
        PredictionGridDisplay

        Raises
        ------
        ValueError
            If the numbers of images and labels differ, there are not as many names as classes, or a
            label is none of these.
        """
        y = labels_of(y, X)
        return cls.from_predictions(
            X,
            y,
            estimator.predict_proba(X),
            y_pred=estimator.predict(X),
            classes=estimator.classes_,
            which=which,
            n_images=n_images,
            n_columns=n_columns,
            class_names=class_names,
            image_shape=image_shape_of(estimator, X, image_shape),
            random_state=random_state,
            ax=ax,
        )

    @classmethod
    @validated(which=[StrOptions(set(WHICH))])
    def from_predictions(
        cls,
        X,
        y_true,
        y_prob,
        *,
        y_pred=None,
        classes=None,
        which="wrong",
        n_images=20,
        n_columns=5,
        class_names=None,
        image_shape: str | tuple[int, ...] = "auto",
        random_state: int | np.random.RandomState | None = 0,
        ax=None,
    ):
        """Draw given predictions.

        Parameters
        ----------
        X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        y_true : array-like of shape (n,)
            The true labels.
        y_prob : array-like of shape (n, n_classes)
            Probabilities.
        y_pred : array-like of shape (n,), default=None
            The predicted labels; None takes the most probable ones.
        classes : array-like of shape (n_classes,), default=None
            The labels in the order of the columns; None is those of `y_true`, sorted.
        which : {"wrong", "uncertain", "random", "confident_wrong"}, default="wrong"
            In this order: random wrong ones; those whose two most probable classes are closest; any
            at random; wrong ones, the most confident first.
        n_images : int, default=20
            Number of images, if there are this many.
        n_columns : int, default=5
            Images side by side.
        class_names : array-like of str, default=None
            In the order of `classes`; None takes the labels.
        image_shape : "auto" or tuple of int, default="auto"
            As in the classifiers.
        random_state : int, RandomState or None, default=0
            Draws the images, if they are random.
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        PredictionGridDisplay

        Raises
        ------
        ValueError
            If the numbers of images, labels and probabilities, or of columns, names and classes,
            differ, or a label is not one of the classes.
        """
        y_true = labels_of(y_true, y_prob, y_pred, X)
        y_pred = None if y_pred is None else labels_of(y_pred)
        classes = np.unique(y_true) if classes is None else np.asarray(classes)
        names, codes = names_of(classes, class_names), encode_labels(y_true, classes)[1]
        probabilities = as_probabilities(y_prob, classes)
        if y_pred is None:
            predicted = probabilities.argmax(axis=1)
        else:
            _, predicted = encode_labels(y_pred, classes, "y_pred")
        rows = choose_rows(codes, predicted, probabilities, which, n_images, random_state)
        return cls(
            as_pictures(take_rows(X, rows), image_shape),
            [names[code] for code in predicted[rows]],
            [names[code] for code in codes[rows]],
            probabilities[rows, predicted[rows]],
            predicted[rows] == codes[rows],
            rows,
        ).plot(n_columns=n_columns, ax=ax)

    @validated()
    def plot(self, *, n_columns=5, ax=None):
        """Draw the images.

        Parameters
        ----------
        n_columns : int, default=5
            Images side by side.
        ax : matplotlib axes, default=None
            None makes a new figure.

        Returns
        -------
        PredictionGridDisplay
            Itself.
        """
        h, w = self.pictures.shape[1:3]
        pictures = in_rows(self.pictures, n_columns)
        size = tiles_figsize(len(pictures), n_columns, n_lines=2, aspect=h / w)
        self.ax_ = axes_for(self, ax, size)
        self.figure_ = self.ax_.figure
        captions, frames = [], []
        for predicted, true, share, is_right in zip(
            self.predicted, self.true, self.probabilities, self.is_right, strict=True
        ):
            captions.append(f"{predicted} {share:.0%}\n{'' if is_right else f'is {true}'}")
            # Told apart without colour by the line, and by the second line of the caption.
            line = {"edgecolor": RIGHT, "linestyle": "-", "linewidth": 1.5}
            wrong = {"edgecolor": WRONG, "linestyle": (0, (2, 1.5)), "linewidth": 2.5}
            frames.append(line if is_right else wrong)
        captions, frames = in_rows(captions, n_columns), in_rows(frames, n_columns)
        draw_tiles(self.ax_, pictures, captions=captions, frames=frames)
        if not len(self.rows):
            options = {"ha": "center", "va": "center", "transform": self.ax_.transAxes}
            self.ax_.text(0.5, 0.5, "none of the images", **options)
        return self
