"""How much accuracy more training rows buy, classifier by classifier."""

import argparse
import statistics
import sys
import time
from functools import partial

from benchmarks import environment, results, series, units
from benchmarks.markdown import pipe_table
from benchmarks.models import MODELS
from benchmarks.studies import means

NAME = "learning-curve"
START, END = "<!-- learning-curve-table:start -->", "<!-- learning-curve-table:end -->"
PAGE = environment.ROOT / "docs" / "ensembles.md"
PICTURES = (environment.ROOT / "docs" / "images" / "learning_curve.png",)
FILE = results.PUBLISHED / "learning-curve.jsonl"

DESCRIPTION = """\
Fit classifiers, all with their defaults, to parts of the training images, and measure them on all
of the test images. Nothing is chosen by these results. Each seed draws rows and initial weights
anew. What the result file has already is skipped.
"""

FULL = {"rows": [100, 250, 1000, 4000, 15_000, 60_000]}
QUICK = {"rows": [100, 300, 1000]}
UNITS = ("mlp_net", "conv_net", "resnet", "random_forest", "logistic_regression")


def add_parser(subparsers):
    """Add the command ``learning-curve``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        NAME,
        help="accuracy against the number of training rows",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    units.add_arguments(parser)
    parser.set_defaults(command=partial(units.run, sys.modules[__name__]))


def table():
    """Write the table of the published results."""
    return markdown(results.current(results.read(FILE)))


def classifiers(unit, settings):
    """Return the classifier of a unit by its name."""
    return {unit: MODELS[unit].build(0, 1)}


def measure(unit, seed, settings, images):
    """Fit one classifier to parts of the training images, the smaller ones in the larger ones.

    Parameters
    ----------
    unit : str
        A key of ``benchmarks.models.MODELS``.
    seed : int
    settings : dict
        ``FULL`` or ``QUICK``.
    images : benchmarks.data.Split

    Returns
    -------
    list of dict
        ``name``, ``rows``, ``accuracy`` (0 to 1) and ``seconds`` (of the fit).
    """
    return [
        {"name": MODELS[unit].label, "rows": n} | _fitted(unit, seed, order, images)
        for n, order in _parts(images.y_train, settings["rows"], seed)
    ]


def _parts(y, sizes, seed):
    """Yield each number of rows, the largest first, and which rows these are."""
    import numpy as np
    from sklearn.model_selection import StratifiedShuffleSplit

    order = np.random.RandomState(seed).permutation(len(y))
    for n in sorted(sizes, reverse=True):
        if n < len(order):
            split = StratifiedShuffleSplit(1, train_size=n, random_state=seed)
            kept, _ = next(split.split(order, y[order]))
            order = order[kept]
        yield n, order


def _fitted(unit, seed, order, images):
    """Return accuracy and seconds of a classifier that is fitted to some of the images."""
    import joblib

    estimator = MODELS[unit].build(seed, joblib.cpu_count())
    start = time.perf_counter()
    estimator.fit(images.X_train[order], images.y_train[order])
    seconds = time.perf_counter() - start
    accuracy = float(estimator.score(images.X_test, images.y_test))
    return {"accuracy": round(accuracy, 6), "seconds": round(seconds, 3)}


def _groups(rows):
    """Return rows by classifier and number of training rows."""
    groups = {}
    for row in sorted(rows, key=lambda row: row["rows"]):
        groups.setdefault(row["name"], {}).setdefault(row["rows"], []).append(row)
    order = [MODELS[unit].label for unit in UNITS]
    return {name: groups[name] for name in order if name in groups}


def markdown(rows):
    """Write the table: a classifier a line.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    sizes, lines = sorted({row["rows"] for row in rows}), []
    for name, groups in _groups(rows).items():
        accuracies = [means([r["accuracy"] for r in groups.get(n, [])], 100, 2) for n in sizes]
        seconds = [f"{statistics.median(r['seconds'] for r in groups[n]):.1f}" for n in sizes]
        lines.append([name, *accuracies, " / ".join(seconds)])
    headings = ["test accuracy %", *(f"{n:,} rows" for n in sizes), "fit s"]
    text = pipe_table(lines, headings)
    n_seeds = len({row["seed"] for row in rows})
    picture = f"\n\n![Accuracy against training rows](images/{PICTURES[0].name})"
    return (
        f"{text}\n\nMean ± deviation over {n_seeds} seed{'s' * (n_seeds > 1)}, each of which draws "
        f"the rows anew, classes in equal shares; medians of seconds, number of rows by number of "
        f"rows; {rows[-1]['data']} data.\n{series.caption(rows)}\n\n"
        f"Command: `{rows[-1]['command']}`.{picture}"
    )


def draw(rows, path):
    """Draw accuracy and seconds against the number of training rows.

    Parameters
    ----------
    rows : list of dict
    path : pathlib.Path
        PNG file.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for name, groups in _groups(rows).items():
        sizes = list(groups)
        accuracies = [[100 * row["accuracy"] for row in groups[n]] for n in sizes]
        deviations = [statistics.stdev(a) if len(a) > 1 else 0 for a in accuracies]
        centres = [statistics.fmean(a) for a in accuracies]
        left.errorbar(sizes, centres, deviations, marker="o", markersize=4, capsize=2, label=name)
        seconds = [statistics.median(row["seconds"] for row in groups[n]) for n in sizes]
        right.plot(sizes, seconds, marker="o", markersize=4, label=name)
    for axes, label in ((left, "test accuracy %"), (right, "seconds of the fit")):
        axes.set_xscale("log")
        axes.set_xlabel("training rows, logarithmic")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    right.set_yscale("log")
    left.legend(loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def verify(rows):
    """Yield the fastest net, on a part of the images that is drawn from larger ones."""
    from benchmarks.data import load_split
    from benchmarks.verify import of_unit

    row, images = of_unit(rows, "mlp_net", rows=4000), load_split("full")
    order = dict(_parts(images.y_train, row["settings"]["rows"], 0))[4000]
    found = _fitted("mlp_net", 0, order, images)
    yield row, {"accuracy": row["accuracy"]}, {"accuracy": found["accuracy"]}
