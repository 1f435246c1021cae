"""How a classifier treats groups: rates by group, by class within group, and the gaps."""

from importlib.util import find_spec

import numpy as np

from skfashion.studies._groups import read_groups
from skfashion.studies._tables import as_table, count_rows
from skfashion.utils.extras import installed_by
from skfashion.utils.labels import encode_labels, refuse_missing
from skfashion.utils.names import advises

# Rates of one class against the rest, by group.
BY_CLASS = ("recall", "selection rate", "false positive rate")


@advises
def group_metrics(y_true, y_pred, groups, *, classes=None, group_names=None):
    """Return the results of fairlearn's ``MetricFrame`` as a tidy table.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n,)
        True and predicted labels.
    groups : array-like of shape (n,) or (n, k), DataFrame, or dict of str to array-like (n,)
        Group of each row; at least two groups. With several features, each intersection is a group,
        as in fairlearn, even without rows; its name is text, such as "night, rain".
    classes : array-like, default=None
        All classes in sorted order; None takes those of `y_true`. Two classes make a binary task;
        the second is the positive class.
    group_names : array-like, default=None
        All groups, in the order of the table; None takes those of `groups`.

    Returns
    -------
    DataFrame
        Columns ``metric``, ``group``, ``class``, ``value`` and ``note``. If `group` is missing, a
        value belongs to all rows or compares the groups; if `class` is missing, it belongs to all
        classes. If a comparison leaves out groups because their rate is not defined, `note` names
        them; else it is missing.

        - "rows": their number, in total, by group, by class, and by group and class.
        - "accuracy", "balanced accuracy" and "recall", of all rows and by group. Recall is that of
          the positive class in a binary task, and the mean over classes otherwise.
        - "recall", "selection rate" (share of the rows predicted as the class) and "false positive
          rate", by class, of all rows and by group: one class against the rest.
        - "worst-group accuracy"; "accuracy gap", "accuracy ratio", "recall gap" and "recall ratio":
          largest minus smallest, and smallest divided by largest, over the groups; the recall gap
          by class, too.
        - "demographic parity difference", the gap of the selection rate, and "equalized odds
          difference", the larger one of the gaps of recall and false positive rate, 0 to 1: by
          class, and, without a class, that of the worst class. In a binary task, both classes have
          the same value. "mean demographic parity difference" and "mean equalized odds difference"
          are means over the classes.

        The rate of a class that a group lacks, a gap with fewer than two groups to compare, and a
        ratio of zeros are missing values. Means over classes and the worst class leave them out.

    Raises
    ------
    ValueError
        If lengths differ, labels or groups are missing, there is only one group, labels are not
        among `classes` or groups not among `group_names`.
    ImportError
        If fairlearn is not installed.

    Examples
    --------
    >>> table = group_metrics([0, 0, 1, 1], [0, 1, 1, 1], ["a", "b", "a", "b"])
    >>> overall = table[table["group"].isna() & table["class"].isna()].set_index("metric")["value"]
    >>> float(overall["equalized odds difference"]), float(overall["worst-group accuracy"])
    (1.0, 0.5)
    """
    require_fairlearn()
    for name, part in {"y_true": y_true, "y_pred": y_pred}.items():
        refuse_missing(part, name)
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    groups, found = read_groups(groups)
    if not len(y_true) == len(y_pred) == len(groups):
        lengths = f"{len(y_true)}, {len(y_pred)} and {len(groups)}"
        raise ValueError(
            f"Got y_true, y_pred and groups of {lengths} rows, expected as many of each. Give the "
            "labels and groups of the same rows."
        )
    if len(np.unique(groups)) < 2:
        raise ValueError(
            f"Got groups with {np.unique(groups).tolist()} only, expected two groups at least. Add "
            "rows of another group."
        )
    names, codes = encode_labels(groups, found if group_names is None else group_names, "groups")
    classes = np.unique(y_true if classes is None else classes)
    _, true = encode_labels(y_true, classes, "y_true")
    _, predicted = encode_labels(y_pred, classes, "y_pred")
    frame = _frame(true, predicted, codes, len(names), len(classes))
    rows = []

    def add(metric, value, group=None, label=None, note=None):
        rows.append((metric, group, label, float(value), note))

    for row in count_rows(true, codes, classes.tolist(), names.tolist()):
        add("rows", **row)
    for name in ("accuracy", "balanced accuracy", "recall"):
        _add_rates(add, frame, name, name, names)
    for c, label in enumerate(classes.tolist()):
        for name in BY_CLASS:
            _add_rates(add, frame, (name, c), name, names, label)
    _add_gaps(add, frame, classes.tolist(), names.tolist())
    return as_table(rows, ["metric", "group", "class", "value", "note"])


def require_fairlearn():
    """Raise an ImportError that says how to install fairlearn, where it is missing."""
    if find_spec("fairlearn") is None:
        raise ImportError(
            "Fairness is measured with fairlearn, which is not installed; install it with: "
            f"{installed_by('fairness')}"
        )


def _frame(y_true, y_pred, groups, n_groups, n_classes):
    """Return a MetricFrame of all rates; those by class under ``(name, class)``."""
    from fairlearn.metrics import MetricFrame

    functions = {"accuracy": _accuracy, "balanced accuracy": _balanced_accuracy(n_classes)}
    functions["recall"] = _recall(1) if n_classes == 2 else functions["balanced accuracy"]
    for c in range(n_classes):
        functions["recall", c] = _recall(c)
        functions["selection rate", c] = _selection_rate(c)
        functions["false positive rate", c] = _false_positive_rate(c)
    # fairlearn wants names for columns.
    numbered = {str(i): function for i, function in enumerate(functions.values())}
    frame = MetricFrame(metrics=numbered, y_true=y_true, y_pred=y_pred, sensitive_features=groups)
    by_group = frame.by_group.reindex(range(n_groups))
    comparable = by_group.notna().sum() >= 2
    parts = {
        "overall": frame.overall,
        "worst": frame.group_min(),
        "gap": frame.difference().where(comparable),
        "ratio": frame.ratio().where(comparable),
    }
    parts |= dict(by_group.iterrows())
    return {
        part: dict(zip(functions, values.astype(float), strict=True))
        for part, values in parts.items()
    }


def _add_rates(add, frame, key, metric, names, label=None):
    add(metric, frame["overall"][key], None, label)
    for code, name in enumerate(names.tolist()):
        add(metric, frame[code][key], name, label)


def _add_gaps(add, frame, labels, names):
    """Add the gaps and ratios between groups to the measurements."""

    def left_out(*rates):
        return [
            name
            for code, name in enumerate(names)
            if any(np.isnan(frame[code][rate]) for rate in rates)
        ]

    add("worst-group accuracy", frame["worst"]["accuracy"], note=_note(left_out("accuracy")))
    for name in ("accuracy", "recall"):
        note = _note(left_out(name))
        add(f"{name} gap", frame["gap"][name], note=note)
        add(f"{name} ratio", frame["ratio"][name], note=note)
    gaps = {
        name: np.array([frame["gap"][name, c] for c in range(len(labels))]) for name in BY_CLASS
    }
    for c, (label, gap) in enumerate(zip(labels, gaps["recall"], strict=True)):
        add("recall gap", gap, label=label, note=_note(left_out(("recall", c))))
    differences = {
        "demographic parity difference": ["selection rate"],
        "equalized odds difference": ["recall", "false positive rate"],
    }
    for metric, rates in differences.items():
        # NumPy's maximum hands missing values on: of half a definition nothing is known.
        values = np.maximum.reduce([gaps[rate] for rate in rates])
        without = [left_out(*((rate, c) for rate in rates)) for c in range(len(labels))]
        for label, value, groups in zip(labels, values, without, strict=True):
            add(metric, value, label=label, note=_note(groups))
        note = _note_of_classes(labels, without)
        defined = values[~np.isnan(values)]
        add(metric, defined.max() if len(defined) else np.nan, note=note)
        add(f"mean {metric}", defined.mean() if len(defined) else np.nan, note=note)


def _note(groups):
    """Return a sentence on groups that a comparison leaves out, None if there are none."""
    if not groups:
        return None
    return f"Without {', '.join(map(repr, groups))}: no rows to measure the rate on."


def _note_of_classes(labels, without):
    """Return a sentence on the groups that the comparison of each class leaves out, or None."""
    if all(groups == without[0] for groups in without):
        return _note(without[0])
    parts = [
        f"{', '.join(map(repr, groups))} for class {label!r}"
        for label, groups in zip(labels, without, strict=True)
        if groups
    ]
    return f"Without {'; '.join(parts)}: no rows to measure the rate on."


def _accuracy(y_true, y_pred):
    return np.mean(y_true == y_pred)


def _mean(values):
    return values.mean() if len(values) else np.nan


def _recall(c):
    return lambda y_true, y_pred: _mean(y_pred[y_true == c] == c)


def _selection_rate(c):
    return lambda y_true, y_pred: np.mean(y_pred == c)


def _false_positive_rate(c):
    return lambda y_true, y_pred: _mean(y_pred[y_true != c] == c)


def _balanced_accuracy(n_classes):
    def balanced_accuracy(y_true, y_pred):
        recalls = [_recall(c)(y_true, y_pred) for c in range(n_classes) if (y_true == c).any()]
        return np.mean(recalls)

    return balanced_accuracy
