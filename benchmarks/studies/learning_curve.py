"""Accuracy against the number of training rows.

Fit classifiers, all with their defaults, to parts of the training images, and measure them on all
of the test images. Nothing is chosen by these results. Each seed draws rows and initial weights
anew.
"""

import numpy as np

from benchmarks.data import part
from benchmarks.formatting import cell, grouped, median, seeds, table_above, values
from benchmarks.models import MODELS
from benchmarks.packing import told
from benchmarks.pictures import pyplot
from benchmarks.study import study_of
from benchmarks.votes import timed_fit

FULL = {"rows": [100, 250, 1000, 4000, 15_000, 60_000]}
QUICK = {"rows": [100, 300, 1000]}
UNITS = ("mlp_net", "conv_net", "resnet", "random_forest", "logistic_regression")


def classifiers(unit, settings):
    """Return the classifier of a unit."""
    return {unit: MODELS[unit].build(0, 1)}


def measure(unit, seed, asked):
    """Fit one classifier to parts of the training images, the smaller ones in the larger ones."""
    import joblib

    model, images = MODELS[unit], asked.images
    order = np.random.RandomState(seed).permutation(len(images.y_train))
    for n in sorted(asked.settings["rows"], reverse=True):
        if n < len(order):
            order, _ = part(order, images.y_train[order], n, seed)
        if asked.brief and n != 4000:
            continue
        X, y = images.X_train[order], images.y_train[order]
        estimator, seconds = timed_fit(model.build(seed, joblib.cpu_count()), X, y)
        row = {"name": model.label, "rows": n, "seconds": round(seconds, 3)}
        yield row | told(estimator, images.X_test, images.y_test)


def _groups(rows):
    """Return rows by classifier and number of training rows."""
    labels = [MODELS[unit].label for unit in UNITS]
    rows = sorted(rows, key=lambda row: (labels.index(row["name"]), row["rows"]))
    return {name: grouped(its, "rows") for name, its in grouped(rows, "name").items()}


def table(rows):
    """Write the table: a classifier a line."""
    sizes, lines = sorted(grouped(rows, "rows")), []
    for name, groups in _groups(rows).items():
        accuracies = [cell(values(groups[n], "accuracy"), 100) for n in sizes]
        seconds = " / ".join(median(groups[n], "seconds", form=".1f") for n in sizes)
        lines.append([name, *accuracies, seconds])
    headings = ["test accuracy %", *(f"{n:,} rows" for n in sizes), "fit s"]
    words = (
        f"Mean ± standard deviation over {seeds(rows)}, each of which draws the rows anew, "
        "classes in equal shares; medians of seconds, number of rows by number of rows; "
        f"{rows[-1]['data']} data."
    )
    picture = "![Accuracy against training rows](images/learning_curve.png)"
    return f"{table_above(lines, headings, words, rows)}\n\n{picture}"


def draw(rows):
    """Draw accuracy and seconds against the number of training rows."""
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for name, groups in _groups(rows).items():
        style = {"marker": "o", "markersize": 4, "label": name}
        accuracies = [100 * np.array(values(its, "accuracy")) for its in groups.values()]
        deviations = [its.std(ddof=1) if len(its) > 1 else 0 for its in accuracies]
        left.errorbar([*groups], [*map(np.mean, accuracies)], deviations, capsize=2, **style)
        seconds = [np.median(values(its, "seconds")) for its in groups.values()]
        right.plot([*groups], seconds, **style)
    for axes, label in ((left, "test accuracy %"), (right, "seconds of the fit")):
        axes.set(xscale="log", xlabel="training rows, logarithmic", ylabel=label)
        axes.grid(alpha=0.3)
    right.set_yscale("log")
    left.legend(loc="lower right")
    return figure


STUDY = study_of(__name__, cost="25 min", page="ensembles.md", cheap=("mlp_net",))
