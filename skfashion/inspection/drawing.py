"""How the displays draw: colours, markers, axes, images side by side."""

import numpy as np

from skfashion.utils._sklearn import check_matplotlib_support

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

# In units of a tile's width: between tiles, for the label of a row, for a line of a caption.
GAP, LABEL_TILES, CAPTION_LINE = 0.12, 2.2, 0.2
TILE_INCHES = 0.9
FONT_POINTS = (3.0, 9.0)
# Of a letter's width and of a line's height to the size of the font, for the usual fonts.
LETTER, LINE = 0.62, 1.3


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
    """Return about how many inches wide a tile is, in axes of so many tiles in width and height."""
    box, figure = ax.get_position(), ax.figure
    # Of the axes' own figure, which may be a part of another one.
    sides = figure.bbox.size / figure.dpi * (box.width, box.height)
    if figure.get_layout_engine() is not None and ax.get_subplotspec() is not None:
        # It gives the axes almost all of the usual margins, but not before it draws.
        sides = 1.2 * sides
    return max(0.05, min(sides[0] / width, sides[1] / height))


def _font_points(texts, width, tile):
    """Return the largest font size, in points, at which no line is wider than `width` tiles."""
    longest = max((len(line) for text in texts for line in text.split("\n")), default=1)
    return float(np.clip(72 * tile * width / (LETTER * max(1, longest)), *FONT_POINTS))
