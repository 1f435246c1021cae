"""What balancing does to probabilities, and whether a prior makes them honest again."""

import argparse
import sys

from benchmarks import backends, data, environment, results
from benchmarks.imbalance import EXPONENTIAL, classifiers, current, runs
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
    common = {"benchmark": "honesty", "data": name, "code": environment.code_hash()}
    with backends.chosen(options) as where:
        split = data.load_split(name)
        for seed in range(n_seeds):
            row = common | {"seed": seed}
            if any(all(known[key] == row[key] for key in row) for known in results.read(path)):
                continue
            print(f"seed {seed}", file=sys.stderr)
            frame = measure(seed, split, options)
            row |= where | environment.circumstances(command, "imbalanced-learn")
            results.append_all(path, [row | run for run in runs(frame)])
    print(markdown(current(results.read(path))))
    publish_tables(options)
    return 0


def table():
    """Write the table of the published results."""
    return markdown(current(results.read(FILE)))


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
    from skfashion.datasets import make_imbalanced
    from skfashion.studies import imbalance_study

    known = classifiers(options.quick)
    # The same test rows for every seed.
    X_test, y_test = make_imbalanced(split.X_test, split.y_test, random_state=0)
    return imbalance_study(
        {name: known[name] for name in NETS},
        split.X_train,
        split.y_train,
        X_test,
        y_test,
        treatments=TREATMENTS,
        **EXPONENTIAL,
        seeds=(seed,),
        n_jobs=options.jobs,
        cache=CACHE,
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
