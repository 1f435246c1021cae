"""Images of each class, side by side."""

import numpy as np
from sklearn.utils import check_random_state

from skfashion.inspection.arguments import as_pictures, labels_of, names_of, validated
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import LABEL_TILES, axes_for, draw_tiles, tiles_figsize
from skfashion.utils._sklearn import take_rows
from skfashion.utils.labels import encode_labels
from skfashion.utils.names import advises


class SampleGridDisplay(Display):
    """Some images of each class, one class per row.

    Use :meth:`from_data` to make one.

    Parameters
    ----------
    pictures : list of ndarray of shape (m, h, w) or (m, h, w, 3)
        Images of each class, from 0 to 1.
    names : list of str
        Of the classes.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Examples
    --------
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import SampleGridDisplay
    >>> clothes = load_fashion_sample()
    >>> display = SampleGridDisplay.from_data(
    ...     clothes.data, clothes.target, class_names=clothes.target_names, n_images=8
    ... )
    """

    def __init__(self, pictures, names):
        self.pictures = pictures
        self.names = names

    @classmethod
    @validated()
    def from_data(
        cls,
        X,
        y,
        *,
        classes=None,
        n_images=10,
        class_names=None,
        image_shape: str | tuple[int, ...] = "auto",
        random_state: int | np.random.RandomState | None = 0,
        ax=None,
    ):
        """Draw images of each class, chosen at random.

        Parameters
        ----------
        X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        y : array-like of shape (n,)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            The labels to show, in this order; None is those of `y`, sorted.
        n_images : int, default=10
            Images of each class, if it has this many.
        class_names : array-like of str, default=None
            In the order of `classes`; None takes the labels.
        image_shape : "auto" or tuple of int, default="auto"
            As in the classifiers.
        random_state : int, RandomState or None, default=0
            Chooses the images.
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        SampleGridDisplay

        Raises
        ------
        ValueError
            If the numbers of images and labels, or of names and classes, differ, or a label is not
            one of the classes.
        """
        y = labels_of(y, X)
        classes = np.unique(y) if classes is None else np.asarray(classes)
        codes = encode_labels(y, classes)[1]
        rng = check_random_state(random_state)
        chosen = [
            np.sort(rng.permutation(np.flatnonzero(codes == code))[:n_images])
            for code in range(len(classes))
        ]
        # Scaled together, so that brightness can be compared.
        together = as_pictures(take_rows(X, np.concatenate(chosen)), image_shape)
        pictures = np.split(together, np.cumsum([len(rows) for rows in chosen])[:-1])
        return cls(pictures, names_of(classes, class_names)).plot(ax=ax)

    @advises
    def plot(self, *, ax=None):
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            None makes a new figure.

        Returns
        -------
        SampleGridDisplay
            Itself.
        """
        n_columns = max(len(images) for images in self.pictures)
        h, w = self.pictures[0].shape[1:3]
        size = tiles_figsize(len(self.names), n_columns, label_width=LABEL_TILES, aspect=h / w)
        self.ax_ = axes_for(self, ax, size)
        self.figure_ = self.ax_.figure
        draw_tiles(self.ax_, self.pictures, labels=self.names)
        return self
