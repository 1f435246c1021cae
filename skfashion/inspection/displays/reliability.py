"""Whether a classifier is right as often as it believes, for any number of classes."""

import numpy as np

from skfashion.inspection.arguments import as_probabilities, labels_of, validated
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import COLORS, axes_for
from skfashion.metrics import confidence_bins
from skfashion.utils.labels import encode_labels
from skfashion.utils.names import advises
from skfashion.utils.pipelines import last_step

# By which curves of this display are known among others in the same axes.
GID = "skfashion-reliability"


class ReliabilityDisplay(Display):
    """Accuracy against confidence, the probability of the predicted class.

    scikit-learn's ``CalibrationDisplay`` shows the same for two classes; with more, it takes one at
    a time against all others. Use :meth:`from_estimator` or :meth:`from_predictions` to make one.

    Parameters
    ----------
    confidence, accuracy : ndarray of shape (n_bins,)
        Means in each bin that is not empty.
    counts : ndarray of int (n_bins,)
        Rows in each bin.
    name : str or None
        Of the classifier.

    Attributes
    ----------
    ece : float
        Expected calibration error: the mean distance between the two, weighted by rows.
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : For two classes.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import ReliabilityDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X[:2000], y[:2000])
    >>> display = ReliabilityDisplay.from_estimator(net, X[2000:], y[2000:])
    >>> display.ece < 0.1
    True
    """

    @advises
    def __init__(self, confidence, accuracy, counts, name=None):
        self.confidence = confidence
        self.accuracy = accuracy
        self.counts = counts
        self.name = name

    @property
    def ece(self):
        """The expected calibration error."""
        return float(self.counts @ np.abs(self.accuracy - self.confidence) / self.counts.sum())

    @classmethod
    @validated()
    def from_estimator(cls, estimator, X, y, *, n_bins=15, name=None, ax=None):
        """Draw the reliability of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            With ``predict_proba`` and ``classes_``.
        X : array-like
            Images in any layout that it accepts.
        y : array-like of shape (n,)
            The true labels.
        n_bins : int, default=15
            Of equal width, from 0 to 1.
        name : str, default=None
            None is the name of its class; for a pipeline or a search, that of its last step, as in
            the other displays.
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ValueError
            If the numbers of images and labels differ, or a label is not one of the classes.
        """
        y = labels_of(y, X)
        name = type(last_step(estimator)).__name__ if name is None else name
        options = {"classes": estimator.classes_, "n_bins": n_bins, "name": name, "ax": ax}
        return cls.from_predictions(y, estimator.predict_proba(X), **options)

    @classmethod
    @validated()
    def from_predictions(cls, y_true, y_prob, *, classes=None, n_bins=15, name=None, ax=None):
        """Draw the reliability of given probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            The true labels.
        y_prob : array-like of shape (n, n_classes)
        classes : array-like of shape (n_classes,), default=None
            The labels in the order of the columns; None is those of `y_true`, sorted.
        n_bins : int, default=15
            Of equal width, from 0 to 1.
        name : str, default=None
            Of the classifier, for the legend.
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ValueError
            If the numbers of labels and probabilities, or of columns and classes, differ, or a
            label is not one of the classes.
        """
        y_true = labels_of(y_true, y_prob)
        classes = np.unique(y_true) if classes is None else np.asarray(classes)
        codes = encode_labels(y_true, classes)[1]
        return cls._from_codes(codes, as_probabilities(y_prob, classes), n_bins, name).plot(ax=ax)

    @classmethod
    def _from_codes(cls, codes, probabilities, n_bins=15, name=None):
        """Return the display of places of classes and their probabilities, not drawn yet."""
        surest, right, bins = confidence_bins(codes, probabilities, n_bins=n_bins)
        counts = np.bincount(bins, minlength=n_bins)
        kept = counts > 0
        confidence, accuracy = (
            np.bincount(bins, weights=values, minlength=n_bins)[kept] / counts[kept]
            for values in (surest, right)
        )
        return cls(confidence, accuracy, counts[kept], name)

    def plot(self, *, ax=None, **options):
        """Draw the curve, and the number of rows behind each of its points.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            None makes a new figure. With the axes of another display, both are compared.
        **options : dict
            More arguments of matplotlib's ``plot``.

        Returns
        -------
        ReliabilityDisplay
            Itself.
        """
        self.ax_ = axes_for(self, ax, (4.5, 4.5))
        self.figure_ = self.ax_.figure
        # Those of other displays in the same axes.
        n_before = sum(line.get_gid() == GID for line in self.ax_.lines)
        if n_before == 0:
            label = "right as often as it believes"
            self.ax_.plot([0, 1], [0, 1], ":", color="gray", label=label)
        words = f"ECE {self.ece:.3f}" if self.name is None else f"{self.name}, ECE {self.ece:.3f}"
        style = {"color": COLORS[n_before % len(COLORS)], "label": words} | options
        (line,) = self.ax_.plot(self.confidence, self.accuracy, "-", **style)
        line.set_gid(GID)
        sizes = 10 + 150 * self.counts / self.counts.max()
        self.ax_.scatter(
            self.confidence, self.accuracy, sizes, color=line.get_color(), alpha=0.6, lw=0
        )
        self.ax_.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
        self.ax_.set_aspect("equal")
        self.ax_.grid(alpha=0.3)
        self.ax_.legend(fontsize="small", loc="upper left")
        return self
