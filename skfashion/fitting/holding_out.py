"""Which rows of a fit are held out for early stopping: a share of them, or what a splitter says."""

import copy
import math

import numpy as np
from sklearn import get_config
from sklearn.model_selection import train_test_split
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing

from skfashion.fitting.inputs import check_groups
from skfashion.utils.callers import warn_the_caller


def groups_of_rows(estimator, X, groups):
    """Return the groups of the rows as an array for the splitter, None where it gets none.

    Raises
    ------
    TypeError
        With metadata routing, if the splitter has not requested them.
    ValueError
        If they are missing for a row, or there are not as many as rows.
    """
    if groups is None:
        return None
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(estimator, "fit", groups=groups)
        groups = routed.splitter.split.get("groups")
    return None if groups is None else check_groups(groups, X)


def check_split(estimator, X_val, groups):
    """Refuse a splitter or groups that nothing would come of."""
    splitter = estimator.validation_split
    if splitter is None:
        if groups is not None:
            raise ValueError(
                "Got groups without validation_split, to which nothing would look; expected a "
                "splitter. Set early_stopping=True and validation_split=GroupShuffleSplit(1), say."
            )
        return
    if not estimator.early_stopping:
        raise ValueError(
            f"Got validation_split={splitter!r} with early_stopping=False, for which no rows are "
            "held out; expected early_stopping=True."
        )
    if X_val is not None:
        raise ValueError(
            f"Got validation_split={splitter!r} and X_val, expected one of them: rows of X are "
            "held out, or X_val is given. Leave one of them out."
        )
    default = type(estimator).validation_fraction
    if estimator.validation_fraction != default:
        raise ValueError(
            f"Got validation_split={splitter!r} and "
            f"validation_fraction={estimator.validation_fraction}, expected one of them: the "
            "splitter decides how many rows are held out. Set its own test_size, and leave "
            f"validation_fraction at {default}."
        )
    if groups is None and get_routing_for_object(splitter).consumes("split", ["groups"]):
        raise ValueError(
            f"Got validation_split={splitter!r} without groups, expected fit(X, y, groups=...). "
            "Searches and pipelines pass them on to it with metadata routing only: call "
            "sklearn.set_config(enable_metadata_routing=True) first."
        )


def hold_out(estimator, given, seed):
    """Return the numbers of the rows to train on and of those held out; all have some weight."""
    if estimator.validation_split is not None:
        return _split_by(estimator.validation_split, given, seed)
    return _stratified_share(given.used, given.codes, estimator.validation_fraction, seed)


def _split_by(splitter, given, seed):
    """Return the first split of a splitter, the same one whenever the same fit asks."""
    # A copy: a generator in it goes on with every split, and a fit changes no parameter.
    drawing = copy.deepcopy(splitter)
    if getattr(drawing, "random_state", seed) is None:
        drawing.random_state = seed
    extra = {} if given.groups is None else {"groups": given.groups}
    split = next(iter(drawing.split(given.rows, given.y, **extra)), None)
    if split is None:
        raise ValueError(f"Got validation_split={splitter!r}, which makes no split at all.")
    train, held_out = map(np.asarray, split)
    rows = np.concatenate([train, held_out])
    if not np.isin(rows, np.arange(given.rows.shape[0])).all() or len(np.unique(rows)) < len(rows):
        raise ValueError(
            f"Got validation_split={splitter!r}, whose first split has rows twice, or rows that "
            f"are not among the {given.rows.shape[0]} of X; expected two arrays of numbers of "
            "rows, each row in one of them at most."
        )
    train, held_out = (np.intersect1d(part, given.used) for part in (train, held_out))
    if not len(train) or not len(held_out):
        raise ValueError(
            f"Got validation_split={splitter!r}, whose first split has {len(train)} rows to train "
            f"on and {len(held_out)} to validate, those of weight 0 left out; expected one at "
            "least of each. Take another test_size or other groups."
        )
    lost = np.setdiff1d(given.codes[given.used], given.codes[train])
    if len(lost):
        warn_the_caller(
            f"The first split of validation_split holds out all rows of the classes "
            f"{given.classes[lost].tolist()}, of which the net learns nothing.",
        )
    return train, held_out


def _stratified_share(used, codes, fraction, seed):
    """Return the rows to train on and the rows held out, stratified where that is possible."""
    counts = np.bincount(codes[used])
    n_held_out = math.ceil(fraction * len(used))
    n_classes = np.count_nonzero(counts)
    stratify = codes[used]
    smallest = counts[counts > 0].min()
    if smallest < 2 or min(n_held_out, len(used) - n_held_out) < n_classes:
        warn_the_caller(
            f"The validation split cannot be stratified: the smallest class has "
            f"{smallest} row{'' if smallest == 1 else 's'}, and {n_held_out} of {len(used)} rows "
            f"are held out for {n_classes} classes. Holding out rows regardless of their class.",
        )
        stratify = None
    return train_test_split(used, test_size=fraction, stratify=stratify, random_state=seed)
