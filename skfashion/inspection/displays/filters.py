"""What the first layer of a net looks for."""

import numpy as np

from skfashion.images import as_planes, guess_image_shape, planes_shape
from skfashion.inspection.arguments import fitted_last_step, validated
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import axes_for, draw_tiles, in_rows, tiles_figsize


class FilterDisplay(Display):
    """Weights of the first layer as images.

    Brown is positive, violet negative, white zero. Filters of three channels are in colour:
    mid-grey is zero, and brighter values in a channel are positive. Use :meth:`from_estimator` to
    make one.

    Parameters
    ----------
    filters : ndarray of shape (n, h, w) or (n, h, w, 3)
        Weights, in the order of the layer; in colour for three channels.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Examples
    --------
    >>> from skfashion import ConvNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import FilterDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = ConvNetClassifier(channels=(8, 16), max_epochs=1, random_state=0).fit(X, y)
    >>> FilterDisplay.from_estimator(net).filters.shape
    (8, 3, 3)
    """

    def __init__(self, filters):
        self.filters = filters

    @classmethod
    @validated()
    def from_estimator(cls, estimator, *, n_filters=32, n_columns=8, ax=None):
        """Draw the filters of a fitted net.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier of this package, or a pipeline or search that ends with one.
        n_filters : int, default=32
            If there are more, those with the largest weights are drawn.
        n_columns, ax
            As in :meth:`plot`.

        Returns
        -------
        FilterDisplay

        Raises
        ------
        ValueError
            If the estimator is not a fitted one of this package.
        """
        net = fitted_last_step(estimator, "net_")
        weights = _first_weights(net)
        order = np.argsort(-np.linalg.norm(weights.reshape(len(weights), -1), axis=1))
        kept = weights[np.sort(order[:n_filters])]
        is_colour = kept.shape[1] == 3
        filters = kept.transpose(0, 2, 3, 1) if is_colour else kept.mean(axis=1)
        return cls(filters).plot(n_columns=n_columns, ax=ax)

    @validated()
    def plot(self, *, n_columns=8, ax=None):
        """Draw the filters.

        Parameters
        ----------
        n_columns : int, default=8
            Filters side by side.
        ax : matplotlib axes, default=None
            None makes a new figure.

        Returns
        -------
        FilterDisplay
            Itself.
        """
        h, w = self.filters.shape[1:3]
        rows = in_rows(0.5 + 0.5 * self._scaled(), n_columns)
        self.ax_ = axes_for(self, ax, tiles_figsize(len(rows), n_columns, aspect=h / w))
        self.figure_ = self.ax_.figure
        draw_tiles(self.ax_, rows, cmap="PuOr_r")
        return self

    def _scaled(self):
        largest = np.abs(self.filters).reshape(len(self.filters), -1).max(axis=1)
        largest = largest.reshape(-1, *[1] * (self.filters.ndim - 1))
        return self.filters / np.where(largest > 0, largest, 1)


def _first_weights(net):
    """Return the weights of the first layer, (n_filters, c, h, w)."""
    from torch import nn

    layers = net.net_.module_.modules()
    first = next(layer for layer in layers if isinstance(layer, nn.Linear | nn.Conv2d))
    weights = first.weight.detach().float().cpu().numpy()
    if weights.ndim == 2:
        shape = planes_shape(net.image_shape_)
        if shape[:2] == (1, 1):
            # What is a table to the net may be scaled pixels all the same.
            return as_planes(weights, guess_image_shape(weights.shape[1]))
        weights = weights.reshape(len(weights), *shape)
    return weights
