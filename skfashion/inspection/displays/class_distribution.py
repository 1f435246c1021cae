"""How many rows each class has, before and after they are resampled."""

import numpy as np
from sklearn.base import clone

from skfashion.inspection.arguments import labels_of, names_of, validated
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import COLORS, axes_for
from skfashion.utils.labels import encode_labels
from skfashion.utils.names import advises

HATCHES = ("", "///", "...", "xxx")


class ClassDistributionDisplay(Display):
    """Number of rows per class, as bars; several distributions side by side.

    Use :meth:`from_labels` or :meth:`from_sampler` to make one.

    Parameters
    ----------
    counts : dict of str to ndarray of shape (n_classes,)
        Rows of each class, or their weights, by name of the set.
    names : list of str
        Of the classes.
    unit : str
        What is counted.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Examples
    --------
    >>> from imblearn.datasets import make_imbalance
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import ClassDistributionDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X, y = make_imbalance(X, y, sampling_strategy={6: 60}, random_state=0)
    >>> display = ClassDistributionDisplay.from_sampler(RandomOverSampler(random_state=0), X, y)
    >>> {name: int(counts.min()) for name, counts in display.counts.items()}
    {'before': 60, 'after': 600}
    """

    @advises
    def __init__(self, counts, names, unit="rows"):
        self.counts = counts
        self.names = names
        self.unit = unit

    @classmethod
    @validated()
    def from_labels(cls, y, *, sample_weight=None, classes=None, class_names=None, ax=None):
        """Draw how frequent labels are.

        Parameters
        ----------
        y : array-like of shape (n,), or dict of str to such
            Labels; a dict holds several sets by name.
        sample_weight : array-like of shape (n,), default=None
            Weights to add up instead of rows; only for a single set.
        classes : array-like of shape (n_classes,), default=None
            All labels, including those without rows; None is those that occur, sorted.
        class_names : array-like of str, default=None
            In the order of `classes`; None takes the labels.
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ClassDistributionDisplay

        Raises
        ------
        ValueError
            If weights come with several sets; the numbers of weights and labels, or of names and
            classes, differ; or a label is not one of the classes.
        """
        sets = y if isinstance(y, dict) else {"rows": y}
        if sample_weight is not None and len(sets) > 1:
            raise ValueError(
                f"Got sample_weight with {len(sets)} sets of labels, expected one set."
            )
        sets = {str(name): labels_of(labels, sample_weight) for name, labels in sets.items()}
        if classes is None:
            classes = np.unique(np.concatenate([np.unique(labels) for labels in sets.values()]))
        counts = {
            name: np.bincount(
                encode_labels(labels, classes)[1], weights=sample_weight, minlength=len(classes)
            ).astype(float)
            for name, labels in sets.items()
        }
        unit = "rows" if sample_weight is None else "sum of the weights"
        return cls(counts, names_of(classes, class_names), unit).plot(ax=ax)

    @classmethod
    @validated()
    def from_sampler(cls, sampler, X, y, *, classes=None, class_names=None, ax=None):
        """Draw the classes before and after an imbalanced-learn sampler.

        Parameters
        ----------
        sampler : sampler
            Anything with ``fit_resample``; a copy is used.
        X : array-like of shape (n, ...)
        y : array-like of shape (n,)
        classes, class_names
            As in :meth:`from_labels`.
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ClassDistributionDisplay

        Raises
        ------
        ValueError
            If the numbers of images and labels, or of names and classes, differ, or a label is not
            one of the classes.
        """
        y = labels_of(y, X)
        X = np.asarray(X)
        resampled = clone(sampler).fit_resample(X.reshape(len(X), -1), y)[1]
        sets = {"before": y, "after": resampled}
        return cls.from_labels(sets, classes=classes, class_names=class_names, ax=ax)

    @advises
    def plot(self, *, ax=None):
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            None makes a new figure.

        Returns
        -------
        ClassDistributionDisplay
            Itself.
        """
        n = len(self.names)
        self.ax_ = axes_for(self, ax, (6, 0.9 + 0.32 * n))
        self.figure_ = self.ax_.figure
        height = 0.8 / len(self.counts)
        places = np.arange(n)
        for i, (name, counts) in enumerate(self.counts.items()):
            # Bars lie, so that names of any length are beside each other and not on each other.
            bars = self.ax_.barh(
                places - 0.4 + height * (i + 0.5),
                counts,
                height,
                label=name,
                color=COLORS[i % len(COLORS)],
                hatch=HATCHES[i % len(HATCHES)],
                edgecolor=self.ax_.get_facecolor(),
            )
            digits = 0 if np.equal(counts, np.round(counts)).all() else 1
            labels = [f"{count:,.{digits}f}" for count in counts]
            self.ax_.bar_label(bars, labels, padding=2, fontsize="small")
        self.ax_.set_yticks(places, self.names)
        self.ax_.invert_yaxis()
        self.ax_.margins(x=0.12)
        self.ax_.set_xlabel(self.unit)
        if len(self.counts) > 1:
            place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "frameon": False}
            self.ax_.legend(fontsize="small", ncols=len(self.counts), **place)
        return self
