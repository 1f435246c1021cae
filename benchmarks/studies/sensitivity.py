"""Accuracy without near-duplicates and without suspected labels.

Find the test images with a near-duplicate among the training images, and those whose label cleanlab
suspects by probabilities of networks that have not seen them; then state the accuracy of the
frontier's best recipes without the ones and without the others.
"""

import statistics
import time

import numpy as np

from benchmarks.formatting import cell, table_above, values
from benchmarks.models import described
from benchmarks.recipes import of_today
from benchmarks.results import compared, of_unit
from benchmarks.studies import frontier
from benchmarks.study import study_of

# Pearson correlation with some training image above which a test image is a near-duplicate.
CORRELATION = 0.98
# Whose out-of-fold probabilities check the labels, and in how many folds.
CHECKER = {"max_epochs": 2}
N_FOLDS = 5
# How many of the frontier's recipes are looked at.
N_BEST = 3
UNITS = ("near-duplicates", "labels")


def plan(asked):
    """Return the two units: for duplicates nothing is drawn."""
    return [(UNITS[0], None), *((UNITS[1], seed) for seed in asked.seeds)]


def describe(unit, seed, asked=None):
    """Say by what a row is recognised."""
    if unit == "near-duplicates":
        return {"settings": {"correlation": CORRELATION}, "data": "full", "scope": None}
    from skfashion import ConvNetClassifier

    checker = described(ConvNetClassifier(**CHECKER))
    return {"settings": {"checker": checker, "folds": N_FOLDS}, "data": "full"}


def measure(unit, seed, asked):
    """Find the doubtful test images of a kind, see `near_duplicates` and `suspected_labels`."""
    start, images = time.perf_counter(), asked.images
    found = near_duplicates(images) if unit == UNITS[0] else suspected_labels(images, seed)
    return found | {"seconds": round(time.perf_counter() - start, 1)}


def near_duplicates(split):
    """Find test images that are almost a training image, and how many of these have their label."""
    from sklearn.metrics import pairwise_distances_argmin_min

    # Of rows whose mean is zero, the cosine is the correlation.
    parts = (split.X_train, split.X_test)
    train, test = (X - X.mean(1, keepdims=True, dtype=np.float32) for X in parts)
    nearest, distance = pairwise_distances_argmin_min(test, train, metric="cosine")
    found = (1 - distance > CORRELATION).nonzero()[0]
    same = split.y_train[nearest[found]] == split.y_test[found]
    return {"same_label": int(same.sum()) / max(1, len(found)), "test": found.tolist()}


def suspected_labels(split, seed, n_folds=N_FOLDS, checker=None):
    """Find images whose label is probably wrong, by confident learning.

    Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels",
    Journal of Artificial Intelligence Research 70, 2021.
    """
    from cleanlab.filter import find_label_issues
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    from skfashion import ConvNetClassifier

    X = np.concatenate([split.X_train, split.X_test])
    y = np.concatenate([split.y_train, split.y_test])
    net = ConvNetClassifier(random_state=seed, **(checker or CHECKER))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    proba = cross_val_predict(net, X, y, cv=folds, method="predict_proba")
    issues = find_label_issues(labels=y, pred_probs=proba, n_jobs=1)
    train, test = np.split(issues, [len(split.y_train)])
    shares = {"train_share": float(train.mean()), "test_share": float(test.mean())}
    return {"test": test.nonzero()[0].tolist(), **shares}


def table(rows, groups=None):
    """Write the table: one of the frontier's best recipes a line; `groups` are rows of those."""
    groups = groups or of_today(frontier.STUDY.rows())
    now = {unit: compared(describe(unit, 0)["settings"]) for unit in UNITS}
    rows = [row for row in rows if compared(row["settings"]) == now[row["unit"]]]
    duplicates = of_unit(rows, "near-duplicates", None)
    checks = [row for row in rows if row["unit"] == "labels"]
    # Suspected by most of the seeds.
    votes = np.bincount(np.concatenate(values(checks, "test")).astype(int))
    suspected = (votes > len(checks) / 2).nonzero()[0]
    ours = {name: group for name, group in groups.items() if name.startswith("fast:")}
    accuracies = {name: values(group, "metrics", "accuracy") for name, group in ours.items()}
    lines = []
    for name in sorted(ours, key=lambda name: -statistics.fmean(accuracies[name]))[:N_BEST]:
        line = [f"`{name.removeprefix('fast:')}`", cell(accuracies[name], 100)]
        for left_out in (duplicates["test"], suspected):
            line.append(cell([_accuracy_without(row, left_out) for row in ours[name]]))
        lines.append([*line, str(len(ours[name]))])
    headings = ["recipe", "test accuracy %"]
    headings += ["without near-duplicates", "without suspected labels", "seeds"]
    of_train, of_test = (cell(values(checks, f"{part}_share"), 100) for part in ("train", "test"))
    words = (
        f"{len(duplicates['test'])} of the test images are near-duplicates (correlation above "
        f"{CORRELATION} with a training image, which has their label in "
        f"{100 * duplicates['same_label']:.1f} % of these cases). cleanlab suspects {of_train} % "
        f"of the training labels and {of_test} % of the test labels ({len(checks)} seeds); left "
        f"out are the {len(suspected)} test images that most seeds suspect."
    )
    return table_above(lines, headings, words, rows)


def _accuracy_without(row, left_out):
    """Return the accuracy in per cent on the test images that are not left out."""
    n_rows = row["data"]["test_rows"]
    wrong = set(row["wrong"]) - set(map(int, left_out))
    return 100 * (1 - len(wrong) / (n_rows - len(left_out)))


STUDY = study_of(__name__, cost="5 min", page="frontier.md", cheap=UNITS[:1])
