"""Accuracy on disturbed test images, with and without augmentation.

Fit each classifier on the training images as they are, with and without augment="strong" where it
has that, and read its accuracy on the test images under every kind of disturbance of
skfashion.datasets.make_corrupted, at all five severities. The mean corruption error is that of
Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and
perturbations", ICLR 2019, relative to logistic regression instead of AlexNet.
"""

import warnings
from functools import cache
from statistics import fmean

import numpy as np

from benchmarks.data import load_split
from benchmarks.errors import names_option
from benchmarks.formatting import (
    below,
    bounds,
    cell,
    group_table,
    grouped,
    interval,
    mean_of,
    median_of,
    pipe_table,
    seeds,
)
from benchmarks.models import MODELS, NETS, described
from benchmarks.packing import told
from benchmarks.pictures import pyplot
from benchmarks.study import study_of
from benchmarks.votes import timed_fit

AUGMENTED = ", augmented"
# Whose errors are 100 % of the mean corruption error.
BASELINE = "LogisticRegression"
# Name in the table, and the model of the benchmark.
CLASSIFIERS = {BASELINE: "logistic_regression", "RandomForest": "random_forest"}
CLASSIFIERS |= {name + added: key for added in ("", AUGMENTED) for key, name in NETS.items()}


def _build(unit, seed):
    own = {"augment": "strong"} if unit.endswith(AUGMENTED) else {}
    return MODELS[CLASSIFIERS[unit]].build(seed, 2).set_params(**own)


def describe(unit, seed, asked):
    """Say by what a row is recognised."""
    return {"settings": described(_build(unit, 0)), "data": asked.size}


def measure(unit, seed, asked):
    """Fit one classifier with one seed."""
    disturbed = {} if asked.brief else _disturbed(asked.size)
    found = accuracies(_build(unit, seed), asked.images, disturbed)
    return found if disturbed else {"clean": found["clean"]}


def accuracies(estimator, split, disturbed):
    """Fit a classifier; ``accuracy`` has a list over severities by kind of disturbance."""
    from skfashion.exceptions import DataShiftWarning

    estimator, seconds = timed_fit(estimator, split.X_train, split.y_train)
    accuracy = {}
    with warnings.catch_warnings():
        # Images of another kind are what is asked for.
        warnings.simplefilter("ignore", DataShiftWarning)
        for kind, images in disturbed.items():
            accuracy[kind] = [float(estimator.score(X, split.y_test)) for X in images]
    clean = told(estimator, split.X_test, split.y_test)
    found = {"clean": clean["accuracy"], "wrong_marks": clean["wrong_marks"]}
    return found | {"accuracy": accuracy, "seconds": round(seconds, 1)}


@cache  # forty disturbances of the same images
def _disturbed(size):
    return disturb(load_split(size).X_test)


def disturb(X):
    """Return images disturbed in each way, at five severities."""
    from skfashion.datasets import SEVERITIES, make_corrupted

    levels = range(1, 6)
    return {kind: [make_corrupted(X, kind, level) for level in levels] for kind in SEVERITIES}


def _groups(rows):
    """Return rows by classifier, in the order of ``CLASSIFIERS``."""
    groups = grouped(rows, "unit")
    return {name: groups[name] for name in CLASSIFIERS if name in groups}


def _percent(group, kind):
    """Return the mean accuracy under a kind of disturbance, over severities and rows."""
    return 100 * fmean(fmean(row["accuracy"][kind]) for row in group)


def corruption_error(row, baseline):
    """Return the mean corruption error in per cent: errors by kind, as shares of another's."""
    pairs = ((row["accuracy"][kind], theirs) for kind, theirs in baseline["accuracy"].items())
    # As many severities have both.
    return 100 * fmean((1 - fmean(ours)) / (1 - fmean(theirs)) for ours, theirs in pairs)


def table(rows):
    """Write the table: a classifier a line, mean accuracy over severities by kind."""
    baseline = next((row for row in rows if row["unit"] == BASELINE), None)
    columns = {
        "clean": mean_of("clean", factor=100),
        "mean of all kinds": lambda its: cell(
            [fmean(map(fmean, row["accuracy"].values())) for row in its], 100
        ),
    }
    if baseline is not None:
        columns["mCE %"] = lambda its: cell([corruption_error(row, baseline) for row in its], 1, 1)
    for kind in rows[0]["accuracy"]:
        columns[kind] = lambda its, kind=kind: f"{_percent(its, kind):.1f}"
    text = group_table(_groups(rows), ["accuracy %"], columns | {"fit s": median_of("seconds")})
    words = (
        f"Means over five severities and {seeds(rows)}, ± their standard deviation; mCE, the mean "
        f"corruption error, counts errors of each kind in per cent of {BASELINE}'s: less is "
        "better. Changes in points, seed by seed, with 95 % intervals, not corrected for their "
        "number; a kind is named where its own interval excludes 0."
    )
    return "\n\n".join(filter(None, [text, _gains(rows, baseline), below(words, rows)]))


def _gains(rows, baseline):
    """Write what augmentation changes, a net a line: where it gains, and where it loses."""
    groups, lines = _groups(rows), []
    for name, its in groups.items():
        both = {row["seed"]: [row] for row in its}
        for row in groups.get(name + AUGMENTED, []):
            both.get(row["seed"], []).append(row)
        pairs = [pair for pair in both.values() if len(pair) == 2]
        if len(pairs) < 2:
            continue
        gains = {
            kind: [fmean(b["accuracy"][kind]) - fmean(a["accuracy"][kind]) for a, b in pairs]
            for kind in its[0]["accuracy"]
        }
        ends = {kind: bounds(values) for kind, values in gains.items()}
        better = ", ".join(kind for kind, (low, _) in ends.items() if low > 0)
        worse = ", ".join(kind for kind, (_, high) in ends.items() if high < 0)
        clean = interval([b["clean"] - a["clean"] for a, b in pairs], 100)
        mean = interval([fmean(values) for values in zip(*gains.values(), strict=True)], 100)
        lines.append([name, clean, mean, better, worse])
        if baseline is not None:
            errors = [[corruption_error(row, baseline) for row in pair] for pair in pairs]
            lines[-1].insert(3, interval([b - a for a, b in errors], 1, 1))
    headings = ['augment="strong"', "clean", "mean of all kinds", "gains on", "loses on"]
    if baseline is not None:
        headings.insert(3, "mCE %")
    return pipe_table(lines, headings) if lines else ""


def draw(rows):
    """Draw a heat map, classifiers by kinds."""
    kinds, groups = list(rows[0]["accuracy"]), _groups(rows)
    percent = [[_percent(group, kind) for kind in kinds] for group in groups.values()]
    size = (10, 1.2 + 0.45 * len(groups))
    figure, axes = pyplot().subplots(figsize=size, layout="constrained")
    image = axes.imshow(percent, cmap="viridis", vmin=10, vmax=100, aspect="auto")
    axes.set_xticks(range(len(kinds)), kinds, rotation=30, ha="right")
    axes.set_yticks(range(len(groups)), groups)
    for (i, j), value in np.ndenumerate(percent):
        color = "black" if value > 60 else "white"
        axes.text(j, i, f"{value:.0f}", ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(image, label="accuracy %, mean over five severities")
    return figure


STUDY = study_of(
    __name__,
    cost="15 min a seed",
    page="robustness.md",
    sizes={"full": {}, "sample": {}},
    cheap=("MLPNetClassifier",),
    units=lambda asked: asked.options.classifiers,
    options={"--classifiers": names_option(CLASSIFIERS, ";")},
)
