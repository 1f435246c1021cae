"""How unfair classifiers become by a group that goes with a class, and what helps against it."""

import argparse
import os
import sys
import warnings
from contextlib import contextmanager

from benchmarks import backends, data, environment, models, results
from benchmarks.fairness_report import TASKS, UPPER_BODY, draw, markdown
from benchmarks.study_command import add_options, asked, publish_tables

START, END = "<!-- fairness-table:start -->", "<!-- fairness-table:end -->"
PAGE = environment.ROOT / "docs" / "fairness.md"
PICTURE = environment.ROOT / "docs" / "images" / "fairness.png"
PICTURES = (PICTURE,)
FILE = results.PUBLISHED / "fairness.jsonl"
CACHE = results.LOCAL / "cache" / "fairness"

DESCRIPTION = """\
Turn a tenth of the training images, most of them upper-body garments, and half of the test images,
of all classes alike; then fit classifiers under each of skfashion.studies.MITIGATIONS, and read
accuracy and gaps between the groups on the test images. Each seed draws training rows, groups and
initial weights anew. Runs that the result file or the study's cache has, from the same sources, are
skipped.
"""

UPPER, OTHER = "upper body", "other"
# Chosen on rows of the training images that were not trained on, among rotation, lighting and
# corner_mark: light and marks made gaps about half as large.
ATTRIBUTE, SHARE, CORRELATION = "rotation", 0.1, 0.3
# Rare groups make gaps of few rows: in the test part there are as many turned images as others.
TEST_SHARE = 0.5
FULL = {"train_rows": 20_000, "max_epochs": 5, "max_iter": 5, "grid_size": 9}
QUICK = {"train_rows": 1_000, "max_epochs": 3, "max_iter": 2, "grid_size": 4}
# The run of a task and seed that is written last.
LAST = {"estimator": "LogisticRegression", "mitigation": "correlation remover"}


def add_parser(subparsers):
    """Add the command ``fairness``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "fairness",
        help="gaps between groups, and what mitigations do about them",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, quick="few of the bundled images", quick_seeds=2)
    parser.set_defaults(command=main)


def main(options):
    """Measure what is missing, then show the table.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    name, n_seeds, path, command = asked(options, "fairness", FILE)
    with backends.chosen(options) as where:
        _measure_missing(path, name, n_seeds, options, command, where)
    rows = current(results.read(path))
    print(markdown(rows))
    draw(rows, PICTURE if options.publish else path.with_suffix(".png"))
    publish_tables(options)
    return 0


def _measure_missing(path, name, n_seeds, options, command, where):
    """Run the tasks and seeds that the result file has not, and add them to it."""
    settings = QUICK if options.quick else FULL
    split = data.load_split(name)

    def head(task, run, seed):
        unit = {"task": task} | {key: run[key] for key in ("estimator", "mitigation")}
        its = settings_of(settings)
        return results.head("fairness", unit, seed, its, data=name, libraries=("fairlearn",))

    for seed in range(n_seeds):
        for task in TASKS:
            done = results.measured(path)
            if results.identity(head(task, LAST, seed)) in done:
                continue
            print(f"{task}, seed {seed}", file=sys.stderr)
            frame = measure(task, seed, split, settings, options.jobs, environment.code_hash())
            circumstances = environment.circumstances(command, "fairlearn")
            for run in runs(frame):
                row = head(task, run, seed)
                if results.identity(row) not in done:
                    results.append(path, row | {"task": task} | where | run | circumstances)


def settings_of(settings):
    """Return all that was chosen, in JSON's types."""
    return settings | {
        "attribute": ATTRIBUTE,
        "share": SHARE,
        "correlation": CORRELATION,
        "test_share": TEST_SHARE,
        "classifiers": models.described(classifiers(settings["max_epochs"])),
    }


def table():
    """Write the table of the published results."""
    return markdown(current(results.read(FILE)))


def current(rows):
    """Return the rows that count, in the order of tasks and seeds."""
    order = list(TASKS)
    return sorted(results.current(rows), key=lambda row: (order.index(row["task"]), row["seed"]))


def measure(task, seed, split, settings, jobs, code):
    """Run the study of one task and seed.

    Parameters
    ----------
    task : str
        Of ``TASKS``.
    seed : int
        Draws the training rows, the groups and what is random about the fits.
    split : benchmarks.data.Split
    settings : dict
        ``FULL`` or ``QUICK``.
    jobs : int
        Runs at a time.
    code : str
        Fingerprint of the sources, which the cache does not look at.

    Returns
    -------
    DataFrame
        As `skfashion.studies.fairness_study` returns it.
    """
    from skfashion.studies import (
        MITIGATIONS,
        ExponentiatedGradientReduction,
        GridSearchReduction,
        fairness_study,
    )

    train, test = _grouped(task, seed, split, settings["train_rows"])
    chosen = dict(MITIGATIONS)
    reductions = ("exponentiated gradient", "grid search", "threshold optimizer")
    if task != "upper body":
        chosen = {name: function for name, function in chosen.items() if name not in reductions}
    else:
        chosen["exponentiated gradient"] = ExponentiatedGradientReduction(settings["max_iter"])
        chosen["grid search"] = GridSearchReduction(settings["grid_size"])
    with _quietly():
        return fairness_study(
            classifiers(settings["max_epochs"]),
            *train,
            *test,
            mitigations=chosen,
            seeds=(seed,),
            n_jobs=jobs,
            cache=CACHE / code,
        )


def classifiers(max_epochs):
    """Return the classifiers, each with one thread: runs go side by side.

    Parameters
    ----------
    max_epochs : int
        Of the net, which the reductions fit some dozens of times.

    Returns
    -------
    dict of str to classifier
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    from skfashion import MLPNetClassifier

    return {
        "MLPNetClassifier": MLPNetClassifier(max_epochs=max_epochs, n_threads=1, device="cpu"),
        "LogisticRegression": make_pipeline(MinMaxScaler(), LogisticRegression(C=0.1, max_iter=50)),
    }


def _grouped(task, seed, split, train_rows):
    """Return images, labels and groups of a training and of a test part."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    from skfashion.datasets import make_groups

    rows, _ = train_test_split(
        np.arange(len(split.y_train)),
        train_size=train_rows,
        stratify=split.y_train,
        random_state=seed,
    )
    parts = []
    for X, y, share, correlation, state in (
        (split.X_train[rows], split.y_train[rows], SHARE, CORRELATION, seed),
        (split.X_test, split.y_test, TEST_SHARE, 0.0, 1000 + seed),
    ):
        names = np.asarray(split.target_names)[y]
        upper = np.where(np.isin(names, UPPER_BODY), UPPER, OTHER)
        X, groups = make_groups(
            X,
            upper,
            attribute=ATTRIBUTE,
            share=share,
            correlation=correlation,
            correlated_class=UPPER,
            random_state=state,
        )
        parts.append((X, upper if task == "upper body" else names, groups))
    return parts


@contextmanager
def _quietly():
    """Keep quiet, in worker processes too, that logistic regression stops before convergence."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def runs(frame):
    """Turn a study's table into what is written of each run.

    Parameters
    ----------
    frame : DataFrame
        Of one seed.

    Returns
    -------
    list of dict
        ``estimator``, ``mitigation``, ``metrics`` (of all rows and classes), ``by_group`` (rates of
        each group) and ``by_class`` (rates of each group and class), values with six decimals,
        None where a rate is not defined.
    """
    found = []
    for (estimator, mitigation), table in frame.groupby(["estimator", "mitigation"], sort=False):
        run = {"estimator": estimator, "mitigation": mitigation, "metrics": {}}
        run |= {"by_group": {}, "by_class": {}}
        for metric, group, label, value in zip(
            table["metric"], table["group"], table["class"], table["value"], strict=True
        ):
            value = round(value, 6) if value == value else None
            if group is None and label is None:
                run["metrics"][metric] = value
            elif label is None:
                run["by_group"].setdefault(group, {})[metric] = value
            elif group is not None:
                run["by_class"].setdefault(group, {}).setdefault(label, {})[metric] = value
        found.append(run)
    return found


def verify(rows):
    """Yield the net as it is, on all ten classes."""
    from benchmarks.verify import of_unit
    from skfashion.studies import MITIGATIONS, fairness_study

    name, task = "MLPNetClassifier", "ten classes"
    row = of_unit(rows, {"task": task, "estimator": name, "mitigation": "nothing"})
    train, test = _grouped(task, 0, data.load_split("full"), row["settings"]["train_rows"])
    (found,) = runs(
        fairness_study(
            {name: classifiers(row["settings"]["max_epochs"])[name]},
            *train,
            *test,
            mitigations={"nothing": MITIGATIONS["nothing"]},
            seeds=(0,),
            verbose=0,
        )
    )

    def numbers(run):
        return {"accuracy": run["metrics"]["accuracy"], "by_class": run["by_class"]}

    yield row, numbers(row), numbers(found)
