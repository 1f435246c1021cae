"""What a net sees of images, as points in a plane."""

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_random_state

from skfashion.inspection.arguments import (
    COUNT,
    as_pictures,
    image_shape_of,
    labels_of,
    names_of,
    validated,
)
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import CLASS_COLORS, MARKERS, SHAPES, axes_for
from skfashion.inspection.pages import data_uri, import_charts, write_chart
from skfashion.utils._sklearn import take_rows
from skfashion.utils.labels import encode_labels
from skfashion.utils.names import advises

REDUCERS = ("pca", "tsne", "umap")
OPACITY = 0.8


class EmbeddingDisplay(Display):
    """Features of images in two dimensions, with a colour and a marker for each class.

    Up to ten classes differ in both, more classes in one of them.

    Use :meth:`from_estimator` or :meth:`from_features` to make one; :meth:`to_html` writes a page
    on which images appear beside the pointer.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
    codes : ndarray of int (n,)
        Positions of the classes in `names`.
    names : list of str
        Of the classes.
    pictures : ndarray of shape (n, h, w) or (n, h, w, 3), or None
        From 0 to 1.
    labels : tuple of two str
        Of the axes.
    rows : ndarray of int (n,) or None
        Positions of the points among the given images.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import EmbeddingDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X[:1000], y[:1000])
    >>> display = EmbeddingDisplay.from_estimator(net, X[1000:1500], y[1000:1500])
    >>> display.points.shape
    (500, 2)
    """

    @advises
    def __init__(self, points, codes, names, pictures=None, labels=("", ""), rows=None):
        self.points = points
        self.codes = codes
        self.names = names
        self.pictures = pictures
        self.labels = labels
        self.rows = rows

    @classmethod
    @validated(n_images=[COUNT, None])
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        reducer: str | BaseEstimator = "pca",
        n_images: int | None = 2000,
        class_names=None,
        image_shape: str | tuple[int, ...] = "auto",
        random_state: int | np.random.RandomState | None = 0,
        ax=None,
    ):
        """Draw what a fitted net's ``transform`` returns for images.

        Parameters
        ----------
        estimator : estimator
            With ``transform`` and ``classes_``, such as a classifier of this package.
        X : array-like
            Images in any layout that it accepts.
        y : array-like of shape (n,)
            Their labels.
        reducer, n_images, class_names, image_shape, random_state, ax
            As in :meth:`from_features`; the classes are ``classes_``, and the "auto" layout is that
            of the fit.

        Returns
        -------
        EmbeddingDisplay

        Raises
        ------
        ImportError
            If `reducer` needs a package that is not installed.
        ValueError
            If the numbers of images and labels, or of names and classes, differ, a label is not one
            of the classes, or `reducer` is not as described.
        """
        y = labels_of(y, X)
        rows = _choose_rows(len(y), n_images, random_state)
        X, y = take_rows(X, rows), y[rows]
        display = cls.from_features(
            estimator.transform(X),
            y,
            X=X,
            reducer=reducer,
            n_images=None,
            classes=getattr(estimator, "classes_", None),
            class_names=class_names,
            image_shape=image_shape_of(estimator, X, image_shape),
            random_state=random_state,
            ax=ax,
        )
        display.rows = rows
        return display

    @classmethod
    @validated(n_images=[COUNT, None])
    def from_features(
        cls,
        features,
        y,
        *,
        X=None,
        reducer: str | BaseEstimator = "pca",
        n_images: int | None = 2000,
        classes=None,
        class_names=None,
        image_shape: str | tuple[int, ...] = "auto",
        random_state: int | np.random.RandomState | None = 0,
        ax=None,
    ):
        """Draw given features.

        Parameters
        ----------
        features : array-like of shape (n, d)
        y : array-like of shape (n,)
            Labels.
        X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c), default=None
            The images, for :meth:`to_html`.
        reducer : {"pca", "tsne", "umap"} or transformer, default="pca"
            What reduces d dimensions to two. "umap" needs the package umap-learn. Only "pca" keeps
            distances; with the others, only neighbourhoods are meaningful.
        n_images : int or None, default=2000
            If there are more, this many are drawn at random; None takes all.
        classes : array-like of shape (n_classes,), default=None
            All labels, in the order of the names; None is those of `y`, sorted.
        class_names : array-like of str, default=None
            In the order of `classes`; None takes the labels.
        image_shape : "auto" or tuple of int, default="auto"
            As in the classifiers.
        random_state : int, RandomState or None, default=0
            Draws the images, and seeds the reducers given by name.
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        EmbeddingDisplay

        Raises
        ------
        ImportError
            If `reducer` needs a package that is not installed.
        ValueError
            If the numbers of features, labels and images, or of names and classes, differ, a label
            is not one of the classes, or `reducer` is not as described, or does not return two
            columns.
        """
        y, features = labels_of(y, features, X), np.asarray(features)
        rows = _choose_rows(len(features), n_images, random_state)
        features = features[rows]
        points = np.asarray(_make_reducer(reducer, len(rows), random_state).fit_transform(features))
        if points.shape != (len(rows), 2):
            raise ValueError(
                f"Got a reducer that returned an array of shape {points.shape}, expected "
                f"({len(rows)}, 2)."
            )
        classes = np.unique(y) if classes is None else np.asarray(classes)
        name = reducer if isinstance(reducer, str) else type(reducer).__name__
        word = {"pca": "principal component", "tsne": "t-SNE", "umap": "UMAP"}.get(name, name)
        return cls(
            points,
            encode_labels(y, classes)[1][rows],
            names_of(classes, class_names),
            None if X is None else as_pictures(take_rows(X, rows), image_shape),
            (f"{word} 1", f"{word} 2"),
            rows,
        ).plot(ax=ax)

    @advises
    def plot(self, *, ax=None):
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            None makes a new figure.

        Returns
        -------
        EmbeddingDisplay
            Itself.
        """
        self.ax_ = axes_for(self, ax, (7, 5))
        self.figure_ = self.ax_.figure
        for code in np.unique(self.codes):
            x, y = self.points[self.codes == code].T
            style = {
                "color": CLASS_COLORS[code % len(CLASS_COLORS)],
                "marker": MARKERS[code % len(MARKERS)],
            }
            self.ax_.scatter(x, y, 14, alpha=OPACITY, lw=0, label=self.names[code], **style)
        self.ax_.set(xlabel=self.labels[0], ylabel=self.labels[1])
        # Beside the points: inside, it would lie on some of them.
        place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        self.ax_.legend(fontsize="small", markerscale=2, **place)
        return self

    def to_html(self, path):
        """Write a page on which the image of a point appears beside the pointer.

        Parameters
        ----------
        path : path-like
            The page needs no network, and no other file.

        Raises
        ------
        ImportError
            If altair or vl-convert-python is missing: the extra ``report``.
        ValueError
            If the display has no images.
        """
        import pandas as pd

        if self.pictures is None:
            raise ValueError("Got a display without images; make it with X=..., the images.")
        import_charts()
        frame = pd.DataFrame(
            {
                "x": self.points[:, 0],
                "y": self.points[:, 1],
                "class": [self.names[code] for code in self.codes],
                "image": [data_uri(picture) for picture in self.pictures],
            }
        )
        write_chart(
            path,
            _chart(frame, self.names, self.labels),
            f"Features of {len(frame):,} images",
            "Images whose points are near each other have similar features. Point at one to see "
            "it; drag to move, turn the wheel to come nearer.",
        )


def _choose_rows(n, n_images, random_state):
    if n_images is None or n <= n_images:
        return np.arange(n)
    return np.sort(check_random_state(random_state).permutation(n)[:n_images])


def _make_reducer(reducer, n_rows, random_state):
    if not isinstance(reducer, str):
        return clone(reducer)
    if reducer == "pca":
        return PCA(2, random_state=random_state)
    if reducer == "tsne":
        return TSNE(perplexity=max(1, min(30, (n_rows - 1) / 3)), random_state=random_state)
    if reducer == "umap":
        try:
            from umap import UMAP
        except ImportError as error:
            raise ImportError(
                "Got reducer='umap', which needs a package that is not installed: pip install "
                "umap-learn. 'tsne' comes with scikit-learn."
            ) from error
        # With a seed it takes one thread whatever it is told, and warns of any other number.
        n_neighbors = max(2, min(15, n_rows - 1))
        return UMAP(n_neighbors=n_neighbors, n_jobs=1, random_state=random_state)
    raise ValueError(f"Got reducer={reducer!r}, expected one of {REDUCERS} or a transformer.")


def _cycle(values, names):
    return [values[i % len(values)] for i in range(len(names))]


def _chart(frame, names, labels):
    import altair as alt

    return (
        alt.Chart(frame, width=640, height=480)
        .mark_point(filled=True, size=40, opacity=OPACITY)
        .encode(
            x=alt.X("x", title=labels[0]),
            y=alt.Y("y", title=labels[1]),
            # Of equal domains, so that one legend has both.
            color=alt.Color(
                "class",
                sort=names,
                scale=alt.Scale(domain=names, range=_cycle(CLASS_COLORS, names)),
            ),
            shape=alt.Shape(
                "class", sort=names, scale=alt.Scale(domain=names, range=_cycle(SHAPES, names))
            ),
            # vega-embed shows a field of this name as an image.
            tooltip=["image", "class"],
        )
        .interactive()
    )
