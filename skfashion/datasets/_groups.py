"""A sensitive attribute made up, of known size and correlation, to study unfairness with."""

import math
from numbers import Real

import numpy as np
from sklearn.utils import check_random_state

from skfashion.datasets._pixels import change_image, copy_images, rotate
from skfashion.utils.labels import check_label_per_row, encode_labels
from skfashion.utils.names import advises

# How strong each attribute is; what each number means is said in the docstring below.
LIGHT = 0.4
DEGREES = 30
BACKGROUND, DARKEST = 0.5, 0.04
MARK = 0.15


@advises
def make_groups(
    X,
    y,
    *,
    attribute="lighting",
    share=0.1,
    correlation=0.0,
    correlated_class=None,
    image_shape: str | tuple[int, ...] = "auto",
    random_state=None,
):
    """Make a synthetic sensitive attribute: change some of the images, and return which.

    The attribute stands for anything that a classifier should not depend on. Its share and its
    correlation are known because they were chosen. It says nothing about people.

    Parameters
    ----------
    X : array-like, shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        Images of any real dtype; `X` is never changed. Black and white are 0 and 255; or 0 and 1 if
        no value is above 1 (except for uint8); or the smallest and the largest value if any value
        is outside 0 to 255.
    y : array-like of str or int, shape (n,)
        Labels; only `correlated_class` needs their values.
    attribute : str, default="lighting"
        How images of the group are changed, all in the same way:

        - "lighting" multiplies every pixel by 0.4; the group is called "dark".
        - "rotation" turns them by 30 degrees, clockwise, with linear interpolation; empty areas
          become 0; "rotated".
        - "inverted" is the negative, 255 minus the pixel for 0 to 255; "inverted".
        - "background" sets all pixels that are darker than 4 % of white (up to 10) in all channels
          to half of white, 128 of 255; "bright background".
        - "corner_mark" paints a white square into the upper left corner, 15 % of the shorter side
          long (4 pixels of 28), at least 1 pixel; "marked".
    share : float in (0, 1), default=0.1
        Share of the rows that belong to the group. Their number, ``round(share * n)``, must be at
        least 1 and less than `n`.
    correlation : float in [-1, 1], default=0.0
        Phi coefficient, which is Pearson's correlation of two binary variables: belonging to the
        group, and belonging to `correlated_class`. If s is the share of the group and p that of the
        class, ``s + correlation * sqrt(s * (1 - s) * (1 - p) / p)`` is the share of the group
        within the class, ``s - correlation * sqrt(s * (1 - s) * p / (1 - p))`` elsewhere, rounded
        to the nearest number of whole rows. The possible range depends on s and p; 1 requires s and
        p to be equal.
    correlated_class : str, int or None, default=None
        A label of `y`. If given, even a correlation of 0.0 is exact up to rounding. With None, the
        group is drawn from all rows alike, and its correlation with any class is random.
    image_shape : "auto" or tuple of int, default="auto"
        Layout of a flat row, as in the classifiers: ``(h, w)``, ``(c, h, w)`` or ``(h, w, c)``;
        "auto" guesses it from the number of columns.
    random_state : int, RandomState instance or None, default=None
        Determines which rows belong to the group, whatever the attribute. With the same seed and no
        `correlated_class`, the group of a smaller share is part of the group of a larger one.

    Returns
    -------
    X_changed : ndarray, shape and dtype of `X`
        The images; those of the group are changed, all others equal `X`. Booleans become float32.
    groups : ndarray of str, shape (n,)
        The group's name, or "plain".

    Raises
    ------
    ValueError
        If a parameter is not as described, if `X` does not consist of finite real numbers or does
        not have the shape of images, if there is not one label per row, if `share` leaves one of
        the two groups empty, if `correlation` is not 0 without a class to correlate with, or if it
        is impossible; the message names the possible range.

    References
    ----------
    Images with a synthetic attribute that is correlated with the label: Arjovsky, Bottou, Gulrajani
    and Lopez-Paz, "Invariant risk minimization", arXiv:1907.02893 (colours of digits); Sagawa, Koh,
    Hashimoto and Liang, "Distributionally robust neural networks for group shifts", ICLR 2020
    (backgrounds of birds). Phi: Yule, "On the methods of measuring association between two
    attributes", Journal of the Royal Statistical Society 75, 1912. The attributes and their numbers
    are this package's.

    Examples
    --------
    >>> from sklearn.metrics import matthews_corrcoef
    >>> from skfashion.datasets import load_fashion_sample, make_groups
    >>> X, y = load_fashion_sample(subset="test", return_X_y=True)
    >>> X_changed, groups = make_groups(
    ...     X, y, attribute="corner_mark", correlation=0.5, correlated_class=6, random_state=0
    ... )
    >>> int((groups == "marked").sum())
    100
    >>> int((groups[y == 6] == "marked").sum())
    55
    >>> round(float(matthews_corrcoef(groups == "marked", y == 6)), 3)
    0.5
    """
    if not isinstance(attribute, str) or attribute not in ATTRIBUTES:
        raise ValueError(f"Got attribute={attribute!r}, expected one of {sorted(ATTRIBUTES)}.")
    if not isinstance(share, Real) or not 0 < share < 1:
        raise ValueError(
            f"Got share={share!r}, expected a number between 0 and 1, both excluded: the share of "
            "all rows that belongs to the group."
        )
    if not isinstance(correlation, Real) or not -1 <= correlation <= 1:
        raise ValueError(f"Got correlation={correlation!r}, expected a number from -1 to 1.")
    if correlated_class is None and correlation != 0:
        raise ValueError(
            f"Got correlation={correlation!r} and correlated_class=None, expected a class to "
            "correlate the group with. Set correlated_class to a label of y, or correlation to 0."
        )
    images, planes, ends = copy_images(X, image_shape)
    check_label_per_row(images, y)
    classes, codes = encode_labels(y)
    classes = classes.tolist()
    parts = [np.arange(len(images))]
    if correlated_class is not None:
        is_class = codes == _find_class(classes, correlated_class)
        parts = [np.flatnonzero(is_class), np.flatnonzero(~is_class)]
    counts = _count_members([len(rows) for rows in parts], float(share), float(correlation))
    random = check_random_state(random_state)
    # All rows are shuffled, however many are taken, so that a larger share takes these and more.
    members = [random.permutation(rows)[:count] for rows, count in zip(parts, counts, strict=True)]
    is_member = np.zeros(len(images), dtype=bool)
    is_member[np.concatenate(members)] = True
    name, function = ATTRIBUTES[attribute]
    for row in np.flatnonzero(is_member):
        change_image(planes[row], ends, function)
    return images, np.where(is_member, name, "plain")


def _find_class(classes, correlated_class):
    if correlated_class not in classes:
        raise ValueError(
            f"Got correlated_class={correlated_class!r}, expected a label of y: {classes}."
        )
    if len(classes) == 1:
        raise ValueError(
            f"Got y with the label {classes[0]!r} alone, with which nothing can correlate; "
            "expected rows of another class, too. Leave correlated_class out, or add such rows."
        )
    return classes.index(correlated_class)


def _count_members(sizes, share, correlation):
    """Return how many rows of each part belong to the group: of all, or of a class and the rest."""
    n_rows = sum(sizes)
    n_members = round(share * n_rows)
    if not 0 < n_members < n_rows:
        raise ValueError(
            f"Got share={share!r} of {n_rows} rows, which makes {n_members} members of the group; "
            f"expected from 1 to {n_rows - 1}. Give more rows, or a share nearer to 0.5."
        )
    if len(sizes) == 1:
        return [n_members]
    n_class, n_rest = sizes
    # With a members in the class, phi is (a * n_rows - n_members * n_class) / scale.
    scale = math.sqrt(n_members * (n_rows - n_members) * n_class * n_rest)
    inside = round((correlation * scale + n_members * n_class) / n_rows)
    possible = [max(0, n_members - n_rest), min(n_members, n_class)]
    if not possible[0] <= inside <= possible[1]:
        low, high = [(a * n_rows - n_members * n_class) / scale for a in possible]
        # Rounded inwards, so that both can be asked for.
        low, high = math.ceil(low * 1000) / 1000, math.floor(high * 1000) / 1000
        raise ValueError(
            f"Got correlation={correlation!r} of a group of {n_members} with a class of {n_class} "
            f"out of {n_rows} rows; expected one from {low} to {high}, which is what these numbers "
            "allow. Choose one of them, or a share nearer to the class's own for a stronger one."
        )
    return [inside, n_members - inside]


def _darken(image):
    return LIGHT * image


def _turn(image):
    return rotate(image, DEGREES)


def _invert(image):
    return 1 - image


def _brighten_background(image):
    is_background = (image < DARKEST).all(axis=2, keepdims=True)
    return np.where(is_background, BACKGROUND, image)


def _mark(image):
    side = max(1, round(MARK * min(image.shape[:2])))
    image = image.copy()
    image[:side, :side] = 1.0
    return image


ATTRIBUTES = {
    "lighting": ("dark", _darken),
    "rotation": ("rotated", _turn),
    "inverted": ("inverted", _invert),
    "background": ("bright background", _brighten_background),
    "corner_mark": ("marked", _mark),
}
