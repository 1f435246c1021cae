"""Accuracy without near-duplicates and without suspected labels.

Find the test images with a near-duplicate among the training images, and those whose label cleanlab
suspects by probabilities of networks that have not seen them; then state the accuracy of the
frontier's best recipes without the ones and without the others.
"""

import statistics
import time
from collections import Counter
from itertools import chain

import numpy as np

from benchmarks.formatting import below, cell, group_table, mean_of, values
from benchmarks.models import described
from benchmarks.recipes import of_today
from benchmarks.results import of_unit
from benchmarks.studies import frontier
from benchmarks.study import study_of

# Pearson correlation with some training image above which a test image is a near-duplicate.
CORRELATION = 0.98
# Whose out-of-fold probabilities check the labels, and in how many folds.
CHECKER, N_FOLDS = {"max_epochs": 2}, 5
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
    duplicates = of_unit(rows, "near-duplicates", None)
    checks = [row for row in rows if row["unit"] == "labels"]
    votes = Counter(chain.from_iterable(values(checks, "test")))
    suspected = [image for image, n in votes.items() if n > len(checks) / 2]
    ours = {name.removeprefix("fast:"): group for name, group in groups.items() if "fast:" in name}
    best = sorted(ours, key=lambda n: -statistics.fmean(values(ours[n], "metrics", "accuracy")))

    def without(left_out):
        def accuracy(row):
            n_wrong = len(set(row["wrong"]) - set(left_out))
            return 1 - n_wrong / (row["data"]["test_rows"] - len(left_out))

        return lambda group: cell(map(accuracy, group), 100)

    columns = {
        "test accuracy %": mean_of("metrics", "accuracy", factor=100),
        "without near-duplicates": without(duplicates["test"]),
        "without suspected labels": without(suspected),
        "seeds": len,
    }
    shown = group_table({f"`{name}`": ours[name] for name in best[:3]}, ["recipe"], columns)
    of_train, of_test = (cell(values(checks, f"{part}_share"), 100) for part in ("train", "test"))
    words = (
        f"{len(duplicates['test'])} of the test images are near-duplicates (correlation above "
        f"{CORRELATION} with a training image, which has their label in "
        f"{100 * duplicates['same_label']:.1f} % of these cases). cleanlab suspects {of_train} % "
        f"of the training labels and {of_test} % of the test labels ({len(checks)} seeds); left "
        f"out are the {len(suspected)} test images that most seeds suspect."
    )
    return f"{shown}\n\n{below(words, rows)}"


STUDY = study_of(__name__, cost="5 min", page="frontier.md", cheap=UNITS[:1])
