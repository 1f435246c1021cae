"""Gaps between groups, and what mitigations do about them.

Turn a tenth of the training images, most of them upper-body garments, and half of the test images,
of all classes alike; then fit classifiers under each of skfashion.studies.MITIGATIONS, and read
accuracy and gaps between the groups on the test images. Each seed draws training rows, groups and
initial weights anew.
"""

import itertools
import os
from unittest.mock import patch

import numpy as np

from benchmarks.data import part
from benchmarks.formatting import (
    by_run,
    frame_of,
    grouped,
    marks_of,
    summary_below,
    summary_table,
)
from benchmarks.pictures import pyplot
from benchmarks.recipes import CNN, MLP, build
from benchmarks.study import study_of

UPPER_BODY = ("T-shirt/top", "Pullover", "Coat", "Shirt")  # a dress covers more than that
TASKS = {
    "upper body": f"Upper-body garment ({', '.join(UPPER_BODY)}) or not",
    "ten classes": "Ten classes",
}
UPPER, OTHER = "upper body", "other"
# Mitigations for two classes alone.
BINARY = ("exponentiated gradient", "grid search", "threshold optimizer")
# Chosen on rows of the training images that were not trained on, among rotation, lighting and
# corner_mark: light and marks made gaps about half as large. Rare groups make gaps of few rows: in
# the test part there are as many turned images as others.
GROUPS = {"attribute": "rotation", "share": 0.1, "correlation": 0.3, "test_share": 0.5}
FULL = {"train_rows": 20_000, "max_epochs": 5, "conv_epochs": 3, "trees": 100} | GROUPS
FULL |= {"max_iter": 5, "grid_size": 9}
QUICK = FULL | {"train_rows": 1_000, "max_epochs": 3, "conv_epochs": 1, "trees": 20}
QUICK |= {"max_iter": 2, "grid_size": 4}


def classifiers(task, settings):
    """Return the classifiers by name, each with one thread: runs go side by side."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    own = {"n_threads": 1, "device": "cpu"}
    return {
        # Few epochs: reductions fit it some dozens of times.
        MLP: build(MLP, own | {"max_epochs": settings["max_epochs"]}, None),
        CNN: build(CNN, own | {"max_epochs": settings["conv_epochs"]}, None),
        "RandomForest": RandomForestClassifier(settings["trees"], n_jobs=1),
        "LogisticRegression": make_pipeline(MinMaxScaler(), LogisticRegression(C=0.1, max_iter=50)),
    }


def measure(task, seed, asked):
    """Measure all mitigations that suit a task with one seed: a row a classifier and mitigation.

    Rates of all rows and classes are ``metrics``, those of a group ``by_group``, and those of a
    group and class ``by_class``; values have six decimals, None for rates not defined.
    """
    from skfashion import studies

    settings = asked.settings
    chosen = studies.MITIGATIONS | {
        "exponentiated gradient": studies.ExponentiatedGradientReduction(settings["max_iter"]),
        "grid search": studies.GridSearchReduction(settings["grid_size"]),
    }
    if task != "upper body":
        chosen = {name: its for name, its in chosen.items() if name not in BINARY}
    if asked.brief:
        chosen = {"nothing": chosen["nothing"]}
    train, test = turned(task, seed, asked.images, settings)
    options = {"mitigations": chosen, "seeds": (seed,), "on_error": "raise", **asked.parallel}
    # Logistic regression stops before convergence, in worker processes too.
    with patch.dict(os.environ, PYTHONWARNINGS="ignore"):
        frame = studies.fairness_study(classifiers(task, settings), *train, *test, **options)
    frame = frame[~frame["metric"].isin(["rows", "training rows"])]  # known from the settings
    for (estimator, mitigation), its in frame.groupby(["estimator", "mitigation"], sort=False):
        metrics, by_group, by_class = {}, {}, {}
        columns = its[["metric", "group", "class", "value"]]
        for metric, group, label, value in columns.itertuples(index=False):
            value = round(value, 6) if value == value else None
            if label is None:
                (metrics if group is None else by_group.setdefault(group, {}))[metric] = value
            elif group is not None:
                by_class.setdefault(group, {}).setdefault(label, {})[metric] = value
        run = {"task": task, "estimator": estimator, "mitigation": mitigation}
        yield run | {"metrics": metrics, "by_group": by_group, "by_class": by_class}


def turned(task, seed, split, settings):
    """Return images, labels and groups of both parts; those turned for training are of a class."""
    from skfashion.datasets import make_groups

    train, parts = part(*split[:2], settings["train_rows"], seed), []
    for (X, y), share, correlation, state in (
        (train, settings["share"], settings["correlation"], seed),
        (split[2:4], settings["test_share"], 0.0, 1000 + seed),
    ):
        names = np.asarray(split.target_names)[y]
        upper = np.where(np.isin(names, UPPER_BODY), UPPER, OTHER)
        own = {"share": share, "correlation": correlation, "correlated_class": UPPER}
        own |= {"attribute": settings["attribute"], "random_state": state}
        X, groups = make_groups(X, upper, **own)
        parts.append((X, upper if task == "upper body" else names, groups))
    return parts


COLUMNS = (
    ("accuracy %", "accuracy", 100, 2, True),
    ("worst-group accuracy %", "worst-group accuracy", 100, 2, False),
    ("equalized odds difference", "equalized odds difference", 1, 3, True),
    ("mean over classes", "mean equalized odds difference", 1, 3, False),
    ("demographic parity difference", "demographic parity difference", 1, 3, False),
    ("fit s", "fit seconds", 1, 1, False),
)


def table(rows):
    """Write a table a task: mean and deviation over seeds, differences to nothing."""
    parts = []
    for task, title in TASKS.items():
        mine = [row for row in rows if row["task"] == task]
        frame = frame_of(mine, "mitigation", marks=marks_of(rows))
        columns = [c for c in COLUMNS if task != "upper body" or "mean over" not in c[0]]
        headings = ["classifier", "mitigation"]
        text = summary_table(frame, columns, headings, "difference to nothing")
        parts.append(f"**{title}**\n\n{text}")
    settings = rows[-1]["settings"]
    words = (
        f"Each seed draws {settings['train_rows']:,} training images anew, "
        f"{100 * settings['share']:g} % of them of the group (attribute {settings['attribute']}), "
        f"whose correlation with upper-body garments is {settings['correlation']}; of the test "
        "images half are of the group, whatever their class. The nets train for "
        f"{settings['max_epochs']} epochs, logistic regression for at most 50 steps; the "
        f"reductions have {settings['max_iter']} rounds and a grid of {settings['grid_size']}."
    )
    picture = "![Accuracy against equalized odds difference](images/fairness.png)"
    return "\n\n".join([*parts, summary_below(rows, words), picture])


def pareto(points):
    """Choose, by growing gap, the names of the (gap, accuracy) that no other one beats."""
    front, best = [], float("-inf")
    for name, (_, accuracy) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if accuracy > best:
            front.append(name)
            best = accuracy
    return front


def draw(rows):
    """Draw accuracy against equalized odds difference: a line a classifier, a panel a task."""
    groups, estimators = grouped(rows, "task", "estimator"), list(grouped(rows, "estimator"))
    shape, size = (len(estimators), len(TASKS)), (11, 3.2 * len(estimators))
    figure, axes = pyplot().subplots(*shape, figsize=size, layout="constrained", squeeze=False)
    panels = itertools.product(estimators, TASKS.items())
    for ax, (estimator, (task, title)) in zip(axes.flat, panels, strict=True):
        _panel(ax, by_run(frame_of(groups[task, estimator], "mitigation")))
        ax.set_title(f"{estimator}: {title.split(' (')[0].lower()}", fontsize=10)
    figure.supxlabel("equalized odds difference (left is fairer)")
    figure.supylabel("accuracy % (up is better)")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower right", fontsize=9)
    return figure


def _panel(ax, found):
    """Draw a point a mitigation, rings around the front, and names in a column beside."""
    points = {}
    for estimator, name in dict.fromkeys(key[:2] for key in found):
        gap, accuracy = (
            found[estimator, name, key] for key in ("equalized odds difference", "accuracy")
        )
        points[name] = gap["mean"], 100 * accuracy["mean"]
        if gap["n_seeds"] > 1:
            errors = {"xerr": gap["deviation"], "yerr": 100 * accuracy["deviation"]}
            ax.errorbar(*points[name], **errors, color="0.85", zorder=1)
    # Rings, so that a front of one point can be seen.
    front = zip(*(points[name] for name in pareto(points)), strict=True)
    ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none"}
    ax.plot(*front, color="tab:green", zorder=2, label="Pareto front", **ring)
    ax.grid(alpha=0.3)
    # Points lie close together; their names stand in a column, in the order of the points.
    line = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "relpos": (0, 0.5)}
    form = {"textcoords": "axes fraction", "fontsize": 8, "va": "center", "arrowprops": line}
    ranked = sorted(points.items(), key=lambda item: item[1][1])
    for i, (name, point) in enumerate(ranked):
        color, zorder = ("black", 4) if name == "nothing" else ("tab:blue", 3)
        ax.plot(*point, "o", color=color, markersize=5, zorder=zorder)
        ax.annotate(name, point, xytext=(1.03, (i + 0.5) / len(ranked)), **form)


STUDY = study_of(
    __name__,
    cost="1.5 h",
    page="fairness.md",
    units=tuple(TASKS),
    cheap=("ten classes",),
    seeds=5,
    quick_seeds=2,
    packages=("fairlearn",),
    distributed=True,
)
