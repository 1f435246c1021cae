"""What the displays have in common: checks, axes, colours, names, images side by side."""

import math
from inspect import signature
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import Interval, validate_params

from skfashion.images import as_planes, as_rows, infer_image_shape, planes_shape

# Okabe and Ito's colours, which colour-blind readers can tell apart, on white and on black; their
# yellow and black are left out, each of which is lost on one of the two.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# With four more, for points of up to ten classes: as far from these and from each other, for
# colour-blind readers too, as those are, on both.
CLASS_COLORS = (*COLORS, "#BB0022", "#5544FF", "#66DDAA", "#666666")
# How matplotlib and Vega call each marker; there are more than colours. Where Vega has no name, it
# takes a path, within a square from -1 to 1.
SYMBOLS = (
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("D", "diamond"),
    ("v", "triangle-down"),
    ("P", "cross"),
    ("X", "M-1,-.5L-.5,-1L0,-.5L.5,-1L1,-.5L.5,0L1,.5L.5,1L0,.5L-.5,1L-1,.5L-.5,0Z"),
    (
        "*",
        "M0,-1L.22,-.31L.95,-.31L.36,.12L.59,.81L0,.38L-.59,.81L-.36,.12L-.95,-.31L-.22,-.31Z",
    ),
    ("<", "triangle-left"),
    (">", "triangle-right"),
    ("p", "M0,-1L.95,-.31L.59,.81L-.59,.81L-.95,-.31Z"),
    ("h", "M0,-1L.87,-.5L.87,.5L0,1L-.87,.5L-.87,-.5Z"),
)
MARKERS, SHAPES = zip(*SYMBOLS, strict=True)
RIGHT, WRONG = COLORS[0], COLORS[1]

COUNT = Interval(Integral, 1, None, closed="left")
# What parameters may be that mean the same in several displays, by their names.
CONSTRAINTS = {
    "baseline": [Interval(Real, None, None, closed="neither")],
    "class_names": ["array-like", None],
    "classes": ["array-like", None],
    "n_bins": [COUNT],
    "n_columns": [COUNT],
    "n_filters": [COUNT],
    "n_images": [COUNT],
    "n_pairs": [COUNT],
    "random_state": ["random_state"],
}

# In units of a tile's width: between tiles, for the label of a row, for a line of a caption.
GAP, LABEL_TILES, CAPTION_LINE = 0.12, 2.2, 0.2
TILE_INCHES = 0.9
FONT_POINTS = (3.0, 9.0)
# Of a letter's width and of a line's height to the size of the font, for the usual fonts.
LETTER, LINE = 0.62, 1.3


def validated(**constraints):
    """Return a decorator that checks the parameters of a method, in scikit-learn's words.

    Parameters
    ----------
    **constraints : dict of str to list
        What parameters may be besides those of ``CONSTRAINTS``, or instead of them.

    Returns
    -------
    callable
    """

    def decorate(method):
        names = signature(method).parameters
        rules = {name: rule for name, rule in (CONSTRAINTS | constraints).items() if name in names}
        # Estimators that are given check their own parameters: not skipped.
        return validate_params(rules, prefer_skip_nested_validation=False)(method)

    return decorate


def labels_of(y, *others):
    """Return labels as an array of one dimension, checked to be one for each row of the others.

    Parameters
    ----------
    y : array-like of shape (n,)
    *others : array-like of shape (n, ...) or None
        Images, probabilities, weights.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        If `y` has more dimensions than one, or the numbers of rows differ.
    """
    check_consistent_length(y, *others)
    return column_or_1d(y)


def axes_for(display, ax, figsize=None):
    """Return the axes to draw in: those given, or those of a new figure.

    Parameters
    ----------
    display : object
        Whose name an error tells.
    ax : matplotlib axes or None
        None makes a new figure.
    figsize : tuple of float or None
        Inches of a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    check_matplotlib_support(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt

    if ax is not None:
        return ax
    return plt.subplots(figsize=figsize, layout="constrained")[1]


def axes_row_for(display, ax, widths, figsize):
    """Return several axes beside each other, as an array.

    Parameters
    ----------
    display : object
        Whose name an error tells.
    ax : matplotlib axes, array-like of them, or None
        A single one is divided; of several there must be as many as widths.
    widths : list of float
        Of the axes, relative to each other.
    figsize : tuple of float
        Inches of a new figure.

    Returns
    -------
    ndarray of matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are not as many axes as widths.
    """
    check_matplotlib_support(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    n = len(widths)
    if ax is None:
        options = {"width_ratios": widths, "figsize": figsize, "layout": "constrained"}
        return plt.subplots(1, n, squeeze=False, **options)[1][0]
    if isinstance(ax, Axes):
        if n == 1:
            return np.array([ax])
        if ax.get_subplotspec() is None:
            raise ValueError(
                f"Got axes that are no subplot and cannot be divided, expected one, or {n} axes."
            )
        grid = GridSpecFromSubplotSpec(1, n, ax.get_subplotspec(), width_ratios=widths)
        ax.set_axis_off()
        return np.array([ax.figure.add_subplot(part) for part in grid])
    axes = np.asarray(ax, dtype=object).ravel()
    if len(axes) != n:
        raise ValueError(f"Got {len(axes)} axes, expected a single one, which is divided, or {n}.")
    return axes


def names_of(classes, class_names):
    """Return the classes as text.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
    class_names : array-like of str or None
        In the order of `classes`; None takes the labels themselves.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If there are not as many names as classes.
    """
    names = [str(name) for name in (classes if class_names is None else class_names)]
    if len(names) != len(classes):
        raise ValueError(
            f"Got {len(names)} class_names and {len(classes)} classes, expected a name for each."
        )
    return names


def codes_of(y, classes):
    """Return the places of labels among the classes.

    Parameters
    ----------
    y : array-like of shape (n,)
    classes : array-like of shape (n_classes,)
        All labels, in any order.

    Returns
    -------
    ndarray of int (n,)

    Raises
    ------
    ValueError
        If a label is none of them.
    """
    y, classes = np.asarray(y), np.asarray(classes)
    order = np.argsort(classes)
    found = np.searchsorted(classes, y, sorter=order)
    codes = order[np.minimum(found, len(classes) - 1)]
    if len(y) and not (classes[codes] == y).all():
        unknown = np.unique(y[classes[codes] != y])
        raise ValueError(
            f"Got labels {unknown.tolist()[:5]} that are none of the classes {classes.tolist()}."
        )
    return codes


def as_probabilities(y_prob, classes):
    """Return probabilities as an array, a column a class.

    Parameters
    ----------
    y_prob : array-like of shape (n, n_classes)
    classes : array-like of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n, n_classes)
        float64.

    Raises
    ------
    ValueError
        If there are not as many columns as classes.
    """
    probabilities = np.asarray(y_prob, dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(classes):
        raise ValueError(
            f"Got probabilities of shape {probabilities.shape} and {len(classes)} classes, "
            "expected a column for each; name all, in the order of the columns, with classes=..."
        )
    return probabilities


def as_pictures(X, image_shape="auto"):
    """Return images as matplotlib takes them.

    Parameters
    ----------
    X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        `uint8` from 0 to 255; other numbers are scaled from their smallest to their largest.
    image_shape : "auto" or tuple of int
        As the parameter of the classifiers.

    Returns
    -------
    ndarray of shape (n, h, w), or (n, h, w, 3) in colour
        float32, 0 to 1. Of two channels, or more than three, the mean.
    """
    X = np.asarray(X)
    shape = infer_image_shape(X.shape, image_shape)
    if not len(X):
        c, h, w = planes_shape(shape)
        return np.empty((0, h, w, 3) if c == 3 else (0, h, w), dtype=np.float32)
    planes = as_planes(as_rows(X, shape), shape)
    is_levels = planes.dtype == np.uint8
    pictures = planes.astype(np.float32)
    if planes.shape[1] == 3:
        pictures = pictures.transpose(0, 2, 3, 1)
    else:
        pictures = pictures.mean(axis=1)
    if is_levels:
        return pictures / np.float32(255)
    low, high = pictures.min(), pictures.max()
    return (pictures - low) / (high - low) if high > low else np.zeros_like(pictures)


def as_one_row(x):
    """Return one image as data of one row.

    Parameters
    ----------
    x : array-like
        In any layout, without the axis of the rows.

    Returns
    -------
    ndarray or DataFrame
        A row of a DataFrame keeps its names.
    """
    return x.to_frame().T if hasattr(x, "to_frame") else np.asarray(x)[np.newaxis]


def is_one_image(estimator, X):
    """Tell whether data is a single image, without the axis of the rows.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier of this package, or a pipeline or search that ends with one that sees
        images of the height and width of these.
    X : array-like

    Returns
    -------
    bool
        Of what could be read either way, such as ``(3, h, w)`` before a pipeline whose steps may
        make colours of grey, False: several images.
    """
    shape, found = np.shape(X), last_step(estimator)
    c, h, w = planes_shape(found.image_shape_)
    if len(shape) == 3:
        is_alone = found is getattr(estimator, "best_estimator_", estimator)
        is_first = c > 1 and is_alone and shape == (c, h, w)
        return is_first or (shape == (h, w, c) and shape[1:] != (h, w))
    return len(shape) == 1 or (shape == (h, w) and h > 1)


def image_shape_of(estimator, X, image_shape):
    """Return the layout of images: that given, or else that which an estimator has learned.

    A net behind a step that makes other columns has learned a layout of these, which tells nothing
    about the images.

    Parameters
    ----------
    estimator : estimator
        Fitted; a pipeline or a search that ends with it, too.
    X : array-like of shape (n, ...)
        Images in any layout.
    image_shape : "auto" or tuple of int

    Returns
    -------
    "auto" or tuple of int
    """
    if image_shape != "auto":
        return image_shape
    learned = getattr(last_step(estimator), "image_shape_", "auto")
    is_theirs = learned != "auto" and math.prod(learned) == math.prod(np.shape(X)[1:])
    return learned if is_theirs else "auto"


def last_step(estimator):
    """Return the classifier itself: of a search its best, of a pipeline its last step.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    estimator
    """
    if hasattr(estimator, "best_estimator_"):
        return last_step(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return last_step(estimator.steps[-1][1])
    return estimator


def last_step_with(estimator, attribute):
    """Return the classifier itself, which must have what only a fitted one of this package has.

    Parameters
    ----------
    estimator : estimator
    attribute : str
        Such as ``"net_"``.

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        If it has no such attribute.
    """
    found = last_step(estimator)
    if not hasattr(found, attribute):
        raise ValueError(
            f"Got a {type(found).__name__} without {attribute}, expected a fitted classifier of "
            "skfashion, or a pipeline or search that ends with one."
        )
    return found


def seen_by_last_step(estimator, X):
    """Return what the last step of a pipeline, or of a search's best, predicts from.

    Parameters
    ----------
    estimator : estimator
        Fitted; what is no pipeline sees `X` itself.
    X : array-like

    Returns
    -------
    array-like
        Through all steps before, but for imbalanced-learn's samplers: these change training rows
        only.
    """
    if hasattr(estimator, "best_estimator_"):
        return seen_by_last_step(estimator.best_estimator_, X)
    if not hasattr(estimator, "steps"):
        return X
    for _, step in estimator.steps[:-1]:
        is_nothing = step is None or isinstance(step, str)  # "passthrough"
        if not is_nothing and not hasattr(step, "fit_resample"):
            X = step.transform(X)
    return seen_by_last_step(estimator.steps[-1][1], X)


def in_rows(items, n_columns):
    """Return items in rows of so many.

    Parameters
    ----------
    items : sequence
    n_columns : int
        The last row may have fewer.

    Returns
    -------
    list of sequence
    """
    return [items[start : start + n_columns] for start in range(0, len(items), n_columns)]


def tiles_figsize(n_rows, n_columns, *, n_lines=0, label_width=0.0, aspect=1.0):
    """Return the size of a figure for so many tiles.

    Parameters
    ----------
    n_rows, n_columns : int
    n_lines : int
        Of the captions below the tiles.
    label_width : float
        Room for labels on the left, in tiles.
    aspect : float
        Height of a tile to its width.

    Returns
    -------
    tuple of two float
        Inches.
    """
    width = n_columns * (1 + GAP) + label_width + GAP
    height = max(1, n_rows) * (aspect + GAP + CAPTION_LINE * n_lines) + GAP
    return TILE_INCHES * width, TILE_INCHES * height + 0.4


def draw_tiles(ax, pictures, *, captions=None, frames=None, labels=None, **imshow):
    """Draw images in rows, in one pair of axes.

    Parameters
    ----------
    ax : matplotlib axes
    pictures : list of ndarray of shape (m, h, w) or (m, h, w, 3)
        A row each, of images as `as_pictures` returns them.
    captions : list of list of str, or None
        Below the images, of one line or several.
    frames : list of list of dict, or None
        How each image is framed: properties of a rectangle.
    labels : list of str or None
        On the left of each row.
    **imshow : dict
        More arguments of matplotlib's ``imshow``.

    Notes
    -----
    Letters are as large as fits: a caption is not wider than its image.
    """
    from matplotlib.patches import Rectangle

    aspect = next((row.shape[1] / row.shape[2] for row in pictures if len(row)), 1.0)
    n_columns = max((len(row) for row in pictures), default=1)
    n_rows = max(1, len(pictures))
    texts = [text for row in captions or () for text in row]
    n_lines = max((text.count("\n") + 1 for text in texts), default=0)
    left = 0.0 if labels is None else LABEL_TILES
    width = left + n_columns * (1 + GAP) + GAP
    tile = _tile_inches(ax, width, n_rows * (aspect + GAP + CAPTION_LINE * n_lines) + GAP)
    font, font_of_labels = (
        _font_points(texts, 1.0, tile),
        _font_points(labels or (), left - GAP, tile),
    )
    step = aspect + GAP + n_lines * LINE * font / (72 * tile)
    shown = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"} | imshow
    written = {"ha": "center", "va": "top", "fontsize": font, "linespacing": 1.1}
    for i, row in enumerate(pictures):
        y = i * step
        for j, picture in enumerate(row):
            x = j * (1 + GAP)
            ax.imshow(picture, extent=(x, x + 1, y + aspect, y), **shown)
            if frames is not None:
                ax.add_patch(Rectangle((x, y), 1, aspect, fill=False, **frames[i][j]))
            if captions is not None:
                ax.text(x + 0.5, y + aspect + 0.04, captions[i][j], **written)
        if labels is not None:
            ax.text(
                *(-GAP, y + aspect / 2, labels[i]),
                **{"ha": "right", "va": "center", "fontsize": font_of_labels, "linespacing": 1.1},
            )
    ax.set(xlim=(-left - GAP, width - left), ylim=(n_rows * step, -GAP), aspect="equal")
    ax.set_axis_off()


def _tile_inches(ax, width, height):
    """Return about how wide a tile will be in axes of so many tiles.

    Parameters
    ----------
    ax : matplotlib axes
    width, height : float
        Of all that is drawn, in tiles.

    Returns
    -------
    float
        Inches.
    """
    box, figure = ax.get_position(), ax.figure
    # Of the axes' own figure, which may be a part of another one.
    sides = figure.bbox.size / figure.dpi * (box.width, box.height)
    if figure.get_layout_engine() is not None and ax.get_subplotspec() is not None:
        # It gives the axes almost all of the usual margins, but not before it draws.
        sides = 1.2 * sides
    return max(0.05, min(sides[0] / width, sides[1] / height))


def _font_points(texts, width, tile):
    """Return the largest size at which no line is wider than so many tiles.

    Parameters
    ----------
    texts : sequence of str
    width : float
        In tiles.
    tile : float
        Width of a tile, in inches.

    Returns
    -------
    float
        Points, within ``FONT_POINTS``.
    """
    longest = max((len(line) for text in texts for line in text.split("\n")), default=1)
    return float(np.clip(72 * tile * width / (LETTER * max(1, longest)), *FONT_POINTS))
