"""Classes of known, unequal sizes, as the literature draws them."""

import math
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skfashion.utils._sklearn import take_rows
from skfashion.utils.labels import check_label_per_row, encode_labels, plain_labels
from skfashion.utils.names import advises

# Rows of each class, from the most frequent to the rarest, of the DeepSMOTE paper.
DEEPSMOTE = (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)


@advises
def make_imbalanced(
    X,
    y,
    profile: str | dict = "exponential",
    *,
    ratio: float = 100,
    permutation=None,
    random_state=None,
):
    """Return part of the rows, so that some classes are rare.

    Rows are drawn without replacement and keep their order; no row is duplicated or invented.

    Parameters
    ----------
    X : array-like or DataFrame of n rows, of any shape and type
        The data.
    y : array-like of str or int, shape (n,)
        Labels of at least two classes.
    profile : str or dict, default="exponential"
        How many rows class c of k classes keeps, counted from 0. n_max is the size of the smallest
        class, so that any class can be the most frequent. Fractions are rounded down:

        - "exponential": ``n_max * ratio ** (-c / (k - 1))``, the long tail of LDAM;
        - "step": n_max for the first half of the classes, ``n_max / ratio`` for the others; with an
          odd number, the middle one is in the first half;
        - "linear": ``n_max * (1 - (1 - 1 / ratio) * c / (k - 1))``, from n_max to n_max / ratio
          in equal steps;
        - "deepsmote": 4000, 2000, 1000, 750, 500, 350, 200, 100, 60 and 40, for ten classes with
          n_max of at least 4000;
        - a dict: the number of rows of every label.
    ratio : float >= 1, default=100
        Size of the most frequent class divided by that of the rarest; "deepsmote" (100 by its
        counts) and a dict ignore it.
    permutation : None, int >= 0 or array-like of all labels, default=None
        Order of the classes, from the most frequent to the rarest. None takes the sorted labels; an
        int is the seed of an order drawn by ``numpy.random.default_rng``; an array-like has the
        labels in order. Must be None with a dict. Results depend on it: a class that is hard to
        recognise is a different problem at the tail than at the head.
    random_state : int, RandomState instance or None, default=None
        Determines which rows are drawn. With the same seed, a smaller draw of a class is part of a
        larger one, whatever the profile, the ratio and the permutation.

    Returns
    -------
    X_part : type and dtype of `X`, shape (n_part, ...)
        The rows that are kept, in their order.
    y_part : type and dtype of `y`, shape (n_part,)
        Their labels.

    Raises
    ------
    ValueError
        If a parameter is not as described, if there is not one label per row, if a class would be
        left without a row, or if more rows of a class are requested than there are.

    References
    ----------
    - "exponential": Cao, Wei, Gaidon, Arechiga and Ma, "Learning imbalanced datasets with
      label-distribution-aware margin loss", NeurIPS 2019, and its code; on 60,000 rows of
      Fashion-MNIST a ratio of 100 keeps 14,886.
    - "step" (with half of the classes rare) and "linear": Buda, Maki and Mazurowski, "A systematic
      study of the class imbalance problem in convolutional neural networks", Neural Networks 106,
      2018.
    - "deepsmote": Dablain, Krawczyk and Chawla, "DeepSMOTE: fusing deep learning and SMOTE for
      imbalanced data", arXiv:2105.02340.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion.datasets import load_fashion_sample, make_imbalanced
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_part, y_part = make_imbalanced(X, y, ratio=100, random_state=0)
    >>> np.bincount(y_part).tolist()
    [600, 359, 215, 129, 77, 46, 27, 16, 10, 6]
    >>> order = [6, 4, 2, 0, 3, 1, 5, 7, 8, 9]
    >>> X_part, y_part = make_imbalanced(X, y, "step", ratio=10, permutation=order, random_state=0)
    >>> np.bincount(y_part).tolist()
    [600, 60, 600, 600, 600, 60, 600, 60, 60, 60]
    """
    check_label_per_row(X, y)
    classes, codes = encode_labels(y)
    classes = classes.tolist()
    if len(classes) < 2:
        raise ValueError(
            f"Got y with the labels {classes} only, expected two classes at least. Add rows of "
            "another class."
        )
    available = np.bincount(codes)
    if isinstance(profile, dict):
        wanted = _wanted_by_label(profile, classes, available, permutation)
    else:
        by_rank = _wanted_by_rank(profile, ratio, available)
        order = _order(permutation, classes)
        wanted = np.empty(len(classes), dtype=int)
        wanted[order] = by_rank
    random = check_random_state(random_state)
    # Always in the order of the labels, and all rows of a class are shuffled, however many are
    # taken: what is drawn of a class depends neither on its rank nor on its share.
    kept = [
        random.permutation(np.flatnonzero(codes == code))[:count]
        for code, count in enumerate(wanted)
    ]
    rows = np.sort(np.concatenate(kept))
    return take_rows(X, rows), take_rows(y, rows)


def _wanted_by_label(profile, classes, available, permutation):
    if permutation is not None:
        raise ValueError(
            f"Got permutation={permutation!r} and a dict as profile, expected None: the dict says "
            "which class is how frequent. Leave permutation out."
        )
    if set(profile) != set(classes):
        raise ValueError(
            f"Got a profile of the labels {plain_labels(profile)}, expected all labels of y "
            f"and no others: {classes}. Give each of them a number of rows."
        )
    for label, size in zip(classes, available.tolist(), strict=True):
        if not isinstance(profile[label], Integral) or not 1 <= profile[label] <= size:
            raise ValueError(
                f"Got profile[{label!r}]={profile[label]!r}, expected an int from 1 to {size}: at "
                "least 1 row a class, and no more than y has. Change this number of rows."
            )
    return [int(profile[label]) for label in classes]


def _wanted_by_rank(profile, ratio, available):
    """Return how many rows the most frequent class keeps, the next one, and so on."""
    n_classes, largest = len(available), int(available.min())
    if isinstance(profile, str) and profile == "deepsmote":
        return _deepsmote(largest, n_classes)
    if not isinstance(profile, str) or profile not in PROFILES:
        raise ValueError(
            f"Got profile={profile!r}, expected one of {sorted([*PROFILES, 'deepsmote'])} or a "
            "dict of the number of rows of each label."
        )
    if not isinstance(ratio, Real) or not 1 <= ratio < math.inf:
        raise ValueError(
            f"Got ratio={ratio!r}, expected a finite number of 1 or more: how many times the rows "
            "of the rarest class the most frequent one has."
        )
    # What is whole but for rounding errors, such as 6000 * 100 ** -1, must not lose a row.
    counts = [math.floor(n * (1 + 1e-12)) for n in PROFILES[profile](largest, n_classes, ratio)]
    if counts[-1] < 1:
        raise ValueError(
            f"Got ratio={ratio!r} and classes of {largest} rows or more, which leaves the rarest "
            f"class without a row; expected at least 1 row a class. Set ratio to {largest} or "
            "less, or give more rows."
        )
    return counts


def _order(permutation, classes):
    """Return the numbers of the classes, from the most frequent to the rarest."""
    if permutation is None:
        return np.arange(len(classes))
    if isinstance(permutation, Integral) and not isinstance(permutation, bool) and permutation >= 0:
        return np.random.default_rng(int(permutation)).permutation(len(classes))
    labels = np.asarray(permutation).tolist()
    if not isinstance(labels, list) or len(labels) != len(classes) or set(labels) != set(classes):
        raise ValueError(
            f"Got permutation={permutation!r}, expected None, an int that is not negative, or "
            f"every label of y once, from the most frequent to the rarest: {classes} in any order."
        )
    return np.array([classes.index(label) for label in labels])


def _deepsmote(largest, n_classes):
    if n_classes != len(DEEPSMOTE) or largest < DEEPSMOTE[0]:
        raise ValueError(
            f"Got profile='deepsmote' and {n_classes} classes of {largest} rows or more, expected "
            f"{len(DEEPSMOTE)} classes of {DEEPSMOTE[0]} rows or more. Use all of Fashion-MNIST's "
            "training images, or another profile."
        )
    return DEEPSMOTE


def _exponential(largest, n_classes, ratio):
    return [largest * ratio ** (-c / (n_classes - 1)) for c in range(n_classes)]


def _step(largest, n_classes, ratio):
    n_rare = n_classes // 2
    return [largest] * (n_classes - n_rare) + [largest / ratio] * n_rare


def _linear(largest, n_classes, ratio):
    last = n_classes - 1
    return [(largest * (last - c) + largest / ratio * c) / last for c in range(n_classes)]


PROFILES = {"exponential": _exponential, "step": _step, "linear": _linear}
