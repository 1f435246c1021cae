"""How a training went: loss, scores and learning rate, epoch by epoch."""

from collections.abc import Sequence

import numpy as np

from skfashion.inspection.arguments import fitted_last_step
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import COLORS, MARKERS, axes_row_for
from skfashion.utils.names import advises
from skfashion.utils.pipelines import last_step

# What each panel shows: columns of `history_`, how they are drawn, and its label.
PANELS = {
    "loss": ({"train_loss": "-", "valid_loss": "--"}, "loss"),
    "score": ({"train_accuracy": "-", "valid_score": "--"}, "accuracy or score"),
    "lr": ({"lr": "-"}, "learning rate"),
}
WORDS = {"train_loss": "training", "valid_loss": "validation"}
WORDS |= {"train_accuracy": "training accuracy", "valid_score": "validation score"}


class TrainingCurveDisplay(Display):
    """Loss, scores and learning rate against epochs, of one training or of several.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    histories : dict of str to list of pandas.DataFrame
        The `history_` of each training, by its name. Several are runs of the same with different
        seeds; they are drawn as their mean in a band of one standard deviation, over the runs that
        have reached an epoch.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes
        One per panel.
    ax_ : matplotlib Axes
        The first of them.
    best_epochs_ : dict of str to int
        The epoch of the largest (mean) validation score, if there are any; for several runs, among
        the epochs that all have reached.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores against numbers of rows.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import TrainingCurveDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, early_stopping=True, random_state=0)
    >>> display = TrainingCurveDisplay.from_estimator(net.fit(X[:1000], y[:1000]))
    >>> display.best_epochs_
    {'MLPNetClassifier': 3}
    """

    def __init__(self, histories):
        self.histories = histories

    @classmethod
    @advises
    def from_estimator(cls, estimator, *, panels: Sequence[str] = ("loss", "score", "lr"), ax=None):
        """Draw the training histories of fitted classifiers.

        Parameters
        ----------
        estimator : estimator, list of estimator, or dict of str to either
            Fitted classifiers of this package; pipelines and searches that end with one. A list
            holds runs of the same with different seeds.
        panels, ax
            As in :meth:`plot`.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        ValueError
            If there is no estimator, or one is not fitted, or not from this package.
        """
        groups = estimator
        if not isinstance(estimator, dict):
            runs = estimator if isinstance(estimator, list | tuple) else [estimator]
            groups = {type(last_step(runs[0])).__name__ if runs else "": runs}
        histories = {
            str(name): [
                fitted_last_step(run, "history_").history_
                for run in (runs if isinstance(runs, list | tuple) else [runs])
            ]
            for name, runs in groups.items()
        }
        if not histories or not all(histories.values()):
            raise ValueError("Got no estimator, expected at least one by each name.")
        return cls(histories).plot(panels=panels, ax=ax)

    @advises
    def plot(self, *, panels: Sequence[str] = ("loss", "score", "lr"), ax=None):
        """Draw the curves.

        Parameters
        ----------
        panels : sequence of {"loss", "score", "lr"}
            What to draw, side by side.
        ax : matplotlib axes, sequence of them, or None
            A single one is split into the panels. None makes a new figure.

        Returns
        -------
        TrainingCurveDisplay
            Itself.

        Raises
        ------
        ValueError
            If a panel is not one of these.
        """
        unknown = [panel for panel in panels if panel not in PANELS]
        if unknown or not panels:
            raise ValueError(f"Got panels={tuple(panels)!r}, expected some of {tuple(PANELS)}.")
        n = len(panels)
        self.axes_ = axes_row_for(self, ax, [1] * n, (4 * n, 3.4))
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.best_epochs_ = {}
        for i, (name, runs) in enumerate(self.histories.items()):
            best = _best_epoch(runs)
            if best is not None:
                self.best_epochs_[name] = best
            for axes, panel in zip(self.axes_, panels, strict=True):
                self._draw(axes, panel, name, runs, best, i)
        for axes, panel in zip(self.axes_, panels, strict=True):
            axes.set(xlabel="epoch", ylabel=PANELS[panel][1])
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
            # Learning rates are mostly the same, and named by the colours beside them.
            if axes.get_legend_handles_labels()[0] and (panel != "lr" or n == 1):
                axes.legend(fontsize="small")
        return self

    def _draw(self, axes, panel, name, runs, best, number):
        style = {"color": COLORS[number % len(COLORS)]}
        hidden = {"valid_score"} if all(score_is_loss(run) for run in runs) else set()
        marked = "valid_loss" if hidden else "valid_score"
        for column, line in PANELS[panel][0].items():
            values = None if column in hidden else _column(runs, column)
            if values is None:
                continue
            epochs, mean, spread = np.arange(1, values.shape[1] + 1), *_mean(values)
            words = WORDS.get(column, column)
            label = words if len(self.histories) == 1 else f"{name}, {words}"
            axes.plot(epochs, mean, line, label=label, **style)
            if len(runs) > 1:
                axes.fill_between(epochs, mean - spread, mean + spread, alpha=0.2, lw=0, **style)
            if best is not None and column in ("valid_loss", "valid_score"):
                marker = MARKERS[number % len(MARKERS)]
                label = f"best epoch: {best}" if column == marked else None
                axes.plot(best, mean[best - 1], marker, markersize=8, label=label, **style)


def score_is_loss(history):
    """Return whether the validation score is the negative loss, which has a panel of its own.

    Parameters
    ----------
    history : pandas.DataFrame
    """
    if not {"valid_loss", "valid_score"} <= set(history):
        return False
    return np.array_equal(history["valid_score"], -history["valid_loss"], equal_nan=True)


def _column(runs, name):
    """Return a column of all runs, (n_runs, n_epochs), NaN where a run has ended; or None."""
    if not all(name in run for run in runs):
        return None
    values = np.full((len(runs), max(map(len, runs))), np.nan)
    for row, run in zip(values, runs, strict=True):
        row[: len(run)] = run[name]
    return values


def _mean(values):
    """Return mean and deviation of the runs that have reached an epoch."""
    reached = ~np.isnan(values)
    n = reached.sum(axis=0)
    mean = np.divide(np.nansum(values, axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
    squares = np.where(reached, (values - mean) ** 2, 0).sum(axis=0)
    return mean, np.sqrt(squares / np.maximum(n - 1, 1))


def _best_epoch(runs):
    scores = _column(runs, "valid_score")
    if scores is None:
        return None
    scores = scores[:, : min(map(len, runs))].mean(axis=0)
    return None if np.isnan(scores).all() else int(np.nanargmax(scores)) + 1
