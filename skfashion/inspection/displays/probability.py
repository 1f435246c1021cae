"""One image, and how probable each class is for it."""

import numpy as np

from skfashion.inspection.arguments import (
    as_one_row,
    as_pictures,
    as_probabilities,
    image_shape_of,
    labels_of,
    names_of,
    validated,
)
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import COLORS, axes_row_for
from skfashion.utils.labels import encode_labels
from skfashion.utils.names import advises


class ProbabilityDisplay(Display):
    """An image beside the probabilities of the classes; the true one is hatched.

    Use :meth:`from_estimator` or :meth:`from_predictions` to make one.

    Parameters
    ----------
    picture : ndarray of shape (h, w) or (h, w, 3)
        From 0 to 1.
    probabilities : ndarray of shape (n_classes,)
    names : list of str
        Of the classes.
    true : int or None
        Position of the true class in `names`.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of 2 matplotlib Axes
        Axes of the image and of the probabilities.
    ax_ : matplotlib Axes
        The latter.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import ProbabilityDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X[:1000], y[:1000])
    >>> display = ProbabilityDisplay.from_estimator(net, X[1000], y[1000])
    """

    @advises
    def __init__(self, picture, probabilities, names, true=None):
        self.picture = picture
        self.probabilities = probabilities
        self.names = names
        self.true = true

    @classmethod
    @validated()
    def from_estimator(
        cls,
        estimator,
        x,
        y=None,
        *,
        class_names=None,
        image_shape: str | tuple[int, ...] = "auto",
        ax=None,
    ):
        """Draw a fitted classifier's probabilities for an image.

        Parameters
        ----------
        estimator : estimator
            With ``predict_proba`` and ``classes_``.
        x : array-like
            One image, in any layout that the classifiers accept, without the row axis; a row of a
            DataFrame keeps its names.
        y : label, default=None
            Its true class, if known.
        class_names : array-like of str, default=None
            In the order of ``classes_``; None takes the labels.
        image_shape : "auto" or tuple of int, default="auto"
            As in the classifiers; "auto" is that of the fit.
        ax : matplotlib axes or sequence of two, default=None
            Where to draw; a single one is divided, None makes a new figure.

        Returns
        -------
        ProbabilityDisplay

        Raises
        ------
        ValueError
            If the numbers of names and classes differ, or the label is not a single one of the
            classes.
        """
        X = as_one_row(x)
        return cls.from_predictions(
            x,
            estimator.predict_proba(X)[0],
            y,
            classes=estimator.classes_,
            class_names=class_names,
            image_shape=image_shape_of(estimator, X, image_shape),
            ax=ax,
        )

    @classmethod
    @validated()
    def from_predictions(
        cls,
        x,
        y_prob,
        y_true=None,
        *,
        classes=None,
        class_names=None,
        image_shape: str | tuple[int, ...] = "auto",
        ax=None,
    ):
        """Draw given probabilities.

        Parameters
        ----------
        x : array-like
            One image.
        y_prob : array-like of shape (n_classes,)
        y_true : label, default=None
            The true class, if known.
        classes : array-like of shape (n_classes,), default=None
            The labels in the order of the probabilities; None is 0, 1, and so on.
        class_names : array-like of str, default=None
            In the order of `classes`; None takes the labels.
        image_shape : "auto" or tuple of int, default="auto"
            As in the classifiers.
        ax : matplotlib axes or sequence of two, default=None
            Where to draw; a single one is divided, None makes a new figure.

        Returns
        -------
        ProbabilityDisplay

        Raises
        ------
        ValueError
            If the numbers of probabilities, names and classes differ, or the label is not a single
            one of the classes.
        """
        classes = np.arange(len(y_prob)) if classes is None else np.asarray(classes)
        (probabilities,) = as_probabilities([y_prob], classes)
        # Refuses several labels: there is one image.
        true = None if y_true is None else int(encode_labels(labels_of([y_true]), classes)[1][0])
        picture = as_pictures(as_one_row(x), image_shape)[0]
        return cls(picture, probabilities, names_of(classes, class_names), true).plot(ax=ax)

    @advises
    def plot(self, *, ax=None):
        """Draw the image and the bars.

        Parameters
        ----------
        ax : matplotlib axes or sequence of two, default=None
            A single one is divided. None makes a new figure.

        Returns
        -------
        ProbabilityDisplay
            Itself.
        """
        n = len(self.names)
        self.axes_ = axes_row_for(self, ax, [1, 1.3], (6.5, 0.9 + 0.24 * max(n, 6)))
        image, bars = self.axes_
        self.ax_, self.figure_ = bars, bars.figure
        image.imshow(self.picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        image.set_axis_off()
        drawn = bars.barh(np.arange(n), self.probabilities, color=COLORS[0])
        names = list(self.names)
        if self.true is not None:
            names[self.true] += " (true)"
            # Hatches have the colour of the edge: that of the text shows on light and dark styles.
            text_color = bars.xaxis.label.get_color()
            drawn[self.true].set(facecolor=COLORS[2], edgecolor=text_color, hatch="///")
        labels = [f"{share:.1%}" for share in self.probabilities]
        bars.bar_label(drawn, labels, padding=2, fontsize="small")
        bars.set_yticks(np.arange(n), names)
        bars.invert_yaxis()
        bars.set(xlim=(0, 1.2), xlabel="probability", xticks=[0, 0.5, 1])
        return self
