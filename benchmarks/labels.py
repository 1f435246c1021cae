"""What to do with few labels, or with labels of other images than those at hand."""

import argparse
import sys
from functools import partial

from benchmarks import environment, results, units
from benchmarks.labels_report import markdown

NAME = "labels"
START, END = "<!-- labels-table:start -->", "<!-- labels-table:end -->"
PAGE = environment.ROOT / "docs" / "little_labels.md"
PICTURES = ()
FILE = results.PUBLISHED / "labels.jsonl"
PACKAGES = ("skada",)

DESCRIPTION = """\
Four ways to do with few labels, all measured on training images that were not trained on:
self-training on rows without a label; features of a net that knows other classes; weights of such a
net to begin with; and nets trained on clean images that are adapted to disturbed ones without a
label. Each seed draws rows, classes and initial weights anew. What the result file has already,
from the same sources, is skipped.
"""

FULL = {
    "train_rows": 20_000,
    "valid_rows": 10_000,
    # Self-training: rows of which so many have labels.
    "pool": 5_000,
    "labelled": [100, 1_000],
    "threshold": 0.9,
    "rounds": 4,
    # Three classes that the net has not seen.
    "shots": [1, 5, 20],
    "episodes": 100,
    "queries": 150,
    "draws": 3,
    "rows_a_class": [5, 20, 100],
    # Disturbances and their severities; rows for the methods that compare all with all.
    "disturbances": [
        ["brightness", 4],
        ["contrast", 4],
        ["noise", 3],
        ["blur", 3],
        ["rotation", 3],
        ["inversion", 5],
    ],
    "few_rows": 100,
    "mapped_rows": 2_000,
}
QUICK = FULL | {"train_rows": 1_500, "valid_rows": 1_000, "pool": 600, "labelled": [100]}
QUICK |= {"rounds": 2, "episodes": 20, "draws": 1, "rows_a_class": [5, 20], "mapped_rows": 300}
QUICK |= {"disturbances": [["contrast", 4], ["inversion", 5]], "queries": 50}

UNITS = (
    *(f"self-training: {name}" for name in ("MLP", "CNN", "forest")),
    *(f"new classes: {name}" for name in ("pixels", "MLP", "CNN")),
    *(f"adaptation: {name}" for name in ("MLP", "CNN")),
)


def add_parser(subparsers):
    """Add the command ``labels``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        NAME,
        help="few labels: self-training, few shots, transfer, adaptation to other images",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    units.add_arguments(parser)
    parser.set_defaults(command=partial(units.run, sys.modules[__name__]))


def table():
    """Write the tables of the published results."""
    return markdown(results.current(results.read(FILE)))


def classifiers(unit, settings):
    """Return the classifier of a unit by its name; none for pixels."""
    from benchmarks.labels_tasks import classifier

    name = unit.partition(": ")[2]
    return {} if name == "pixels" else {name: classifier(name, 0)}


def measure(unit, seed, settings, images):
    """Measure one classifier at one task.

    Parameters
    ----------
    unit : str
        Of ``UNITS``.
    seed : int
    settings : dict
        ``FULL`` or ``QUICK``.
    images : benchmarks.data.Split

    Returns
    -------
    list of dict
        ``task``, ``classifier``, ``method``, ``accuracy`` (0 to 1), and what the task varies.
    """
    from benchmarks.labels_adaptation import adapt
    from benchmarks.labels_tasks import learn_new_classes, train_itself

    functions = {
        "self-training": train_itself,
        "new classes": learn_new_classes,
        "adaptation": adapt,
    }
    task, _, name = unit.partition(": ")
    sizes = {key: settings[key] for key in ("train_rows", "valid_rows")}
    parts = units.held_out(images, seed, **sizes)
    return [{"classifier": name} | row for row in functions[task](name, seed, settings, *parts)]


def verify(rows):
    """Yield a net of few rows, with which self-training is compared."""
    from benchmarks.data import load_split
    from benchmarks.labels_tasks import train_itself
    from benchmarks.verify import of_unit

    row = of_unit(rows, "self-training: MLP", method="all rows labelled")
    sizes = {key: row["settings"][key] for key in ("train_rows", "valid_rows")}
    parts = units.held_out(load_split("full"), 0, **sizes)
    found = next(train_itself("MLP", 0, row["settings"], *parts))  # the first of several fits
    yield row, {"accuracy": row["accuracy"]}, {"accuracy": found["accuracy"]}
