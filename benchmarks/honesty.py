"""What balancing does to probabilities, and whether a prior makes them honest again."""

import argparse
import sys

from benchmarks import backends, data, environment, models, results
from benchmarks.imbalance import EXPONENTIAL, classifiers, learned, runs
from benchmarks.studies import by_run, caption, cell, difference
from benchmarks.study_command import add_options, asked, publish_tables

START, END = "<!-- honesty-table:start -->", "<!-- honesty-table:end -->"
PAGE = environment.ROOT / "docs" / "imbalance.md"
PICTURES = ()
FILE = results.PUBLISHED / "honesty.jsonl"
CACHE = results.LOCAL / "cache" / "honesty"

DESCRIPTION = """\
Fit a net to the skewed part of the training images that the benchmark "imbalance" begins with,
plain and balanced, and measure its probabilities on test images with the same skew: as they are,
and with prior="train", which takes the balancing back.
"""

NETS = ("MLPNetClassifier",)

BALANCED = {
    "sampling=balanced": {"sampling": "balanced"},
    "class_weight=balanced": {"class_weight": "balanced"},
    "loss=logit_adjusted": {"loss": "logit_adjusted"},
}
TREATMENTS = {"nothing": None}
for name, params in BALANCED.items():
    TREATMENTS |= {name: params, f"{name}, prior=train": params | {"prior": "train"}}

COLUMNS = (
    ("log-loss", "log_loss", 1, 3),
    ("ECE %", "ece", 100, 2),
    ("accuracy %", "accuracy", 100, 2),
    ("balanced accuracy %", "balanced_accuracy", 100, 2),
)


def add_parser(subparsers):
    """Add the command ``honesty``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "honesty",
        help="probabilities after balancing, and after its undoing",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, quick="the bundled images", quick_seeds=1)
    parser.set_defaults(command=main)


def main(options):
    """Measure all seeds, then show the table.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    name, n_seeds, path, command = asked(options, "honesty", FILE)
    with backends.chosen(options) as where:
        split = data.load_split(name)
        for seed in range(n_seeds):
            row = head(seed, name, options.quick)
            if results.identity(row) in results.measured(path):
                continue
            print(f"seed {seed}", file=sys.stderr)
            frame = measure(seed, split, options)
            row |= where | environment.circumstances(command, "imbalanced-learn")
            results.append_all(path, [row | run for run in runs(frame)])
    print(markdown(results.current(results.read(path))))
    publish_tables(options)
    return 0


def table():
    """Write the table of the published results."""
    return markdown(results.current(results.read(FILE)))


def head(seed, name, quick):
    """Return what the rows of a seed begin with."""
    known = classifiers(quick)
    settings = {"treatments": TREATMENTS, "classifiers": {name: known[name] for name in NETS}}
    unit, settings = models.described([{"estimators": NETS, **EXPONENTIAL}, settings])
    return results.head("honesty", unit, seed, settings, data=name, libraries=("imbalanced-learn",))


def measure(seed, split, options):
    """Run the study of one seed.

    Parameters
    ----------
    seed : int
        Draws the training rows and the initial weights.
    split : benchmarks.data.Split
    options : argparse.Namespace

    Returns
    -------
    DataFrame
        As `skfashion.studies.imbalance_study` returns it.
    """
    known = classifiers(options.quick)
    return _study(seed, split, known, TREATMENTS, n_jobs=options.jobs, cache=CACHE)


def _study(seed, split, known, treatments, **options):
    from skfashion.datasets import make_imbalanced
    from skfashion.studies import imbalance_study

    # The same test rows for every seed.
    X_test, y_test = make_imbalanced(split.X_test, split.y_test, random_state=0)
    return imbalance_study(
        {name: known[name] for name in NETS},
        split.X_train,
        split.y_train,
        X_test,
        y_test,
        treatments=treatments,
        **EXPONENTIAL,
        seeds=(seed,),
        **options,
    )


def markdown(rows):
    """Write the table: a line a net and treatment.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    import pandas as pd
    from tabulate import tabulate

    lines = [
        (row["estimator"], row["treatment"], row["seed"], metric, value)
        for row in rows
        for metric, value in row["metrics"].items()
    ]
    frame = pd.DataFrame(lines, columns=["estimator", "treatment", "seed", "metric", "value"])
    found = by_run(frame)
    table = []
    headings = ["classifier", "treatment"]
    for heading, *_ in COLUMNS:
        headings += [heading, "difference"]
    for names in dict.fromkeys(zip(frame["estimator"], frame["treatment"], strict=True)):
        line = [*names]
        for _, metric, *form in COLUMNS:
            row = found[*names, metric]
            line += [cell(row, *form), difference(row, *form)]
        table.append(line)
    n_rows = sum(rows[-1]["by_class"]["rows"].values())
    told = caption(
        rows,
        f"Trained on {n_rows:,.0f} images of ratio 100, measured on test images of the same ratio.",
    )
    return f"{tabulate(table, headings, tablefmt='pipe', disable_numparse=True)}\n\n{told}"


def verify(rows):
    """Yield the fastest net as it is."""
    row = next(row for row in rows if (row["treatment"], row["seed"]) == ("nothing", 0))
    frame = _study(0, data.load_split("full"), classifiers(quick=False), {"nothing": None})
    (found,) = runs(frame)
    yield row, learned(row), learned(found)
