"""The rivals that a reader looks for besides, on the same images as the main comparison.

Support vector machines, on pixels and on histograms of oriented gradients, boosted trees of other
libraries, nets of other libraries with our architecture, and pretrained weights: all 60,000
training images, and 10,000 of them, beside our own. Who takes more than ten minutes is fitted to
all with one seed, and who draws nothing is fitted once. Every run is a process of its own.
"""

import numpy as np

from benchmarks import one_fit
from benchmarks.errors import at_least, names_option
from benchmarks.formatting import below, grouped, interval, pipe_table
from benchmarks.models import MODELS, RIVALS
from benchmarks.recipes import find
from benchmarks.studies import accuracy
from benchmarks.study import study_of

FEW = 10_000
ACCURACY = "metrics", "accuracy"
# Beside whom the rivals stand where there are few rows.
OURS = ("mlp_net", "conv_net", "resnet")
OTHERS = ("hist_gradient_boosting", "random_forest", "logistic_regression")


def plan(asked):
    """Return pairs of unit and seed: how often depends on the rival."""
    found = []
    for name in asked.options.models:
        model = find(name)
        for rows in (None, FEW):
            if rows is None and name in MODELS:
                continue  # these are in the main comparison
            once = not model.is_drawn or (model.is_slow and rows is None)
            seeds = asked.seeds[:1] if once else asked.seeds
            found += [({"model": name, "rows": rows}, seed) for seed in seeds]
    return found


def describe(unit, seed, asked):
    """Say by what a row is recognised, see ``benchmarks.study.Study.describe``."""
    return one_fit.describe(unit["model"], seed, asked, rows=unit["rows"])


def measure(unit, seed, asked):
    """Fit and measure one model in a process of its own."""
    return one_fit.measure_apart(unit["model"], seed, asked, rows=unit["rows"])


def table(rows):
    """Write a table of all images, with the rows of the main comparison, and one of few of them."""
    parts = []
    by_number = grouped(rows, lambda row: row["data"]["train_rows"])
    for number in sorted(by_number, reverse=True):
        its = [row | {"unit": row["unit"]["model"]} for row in by_number[number]]
        main = accuracy.STUDY.rows()
        beside = [row for row in main if row["data"]["train_rows"] == number]
        parts += [f"**{number:,} training images**", accuracy.lines(its + beside)]
        parts.append(_differences(its + beside))
    words = (
        "Mean ± standard deviation over seeds, of which the last column has the number: one where "
        "nothing is drawn, or where a fit takes more than ten minutes. Differences in points, with "
        "95 % intervals: over seeds, where both have several, and over the test images, each of "
        "which counts by how many of the seeds are right."
    )
    return "\n\n".join([*parts, below(words, rows, "python -m benchmarks rivals")])


def _differences(rows):
    """Write by how much our convolutional net is better than each other one, or worse."""
    groups = grouped(rows, "unit")
    ours, lines = groups.get("conv_net", []), []
    for name in sorted(groups, key=lambda name: -accuracy.mean(groups[name], *ACCURACY)):
        if not ours or name in ("conv_net", accuracy.FLOOR):
            continue
        by_seed = {row["seed"]: row["metrics"]["accuracy"] for row in groups[name]}
        gains = [
            r["metrics"]["accuracy"] - by_seed[r["seed"]] for r in ours if r["seed"] in by_seed
        ]
        of_images = _wrong(groups[name]) - _wrong(ours)
        seeds = interval(gains, 100) if len(gains) > 1 else ""
        lines.append([groups[name][0]["label"], interval(of_images.tolist(), 100), seeds])
    label = ours[0]["label"] if ours else ""
    return pipe_table(lines, [f"{label} against", "over test images", "over seeds"])


def _wrong(rows):
    """Return in which share of the seeds each test image is classified wrongly."""
    found = np.zeros(rows[0]["data"]["test_rows"])
    for row in rows:
        found[row["wrong"]] += 1 / len(rows)
    return found


STUDY = study_of(
    __name__,
    cost="20 h",
    page="benchmark.md",
    seeds=5,
    cheap=({"model": "extra_trees", "rows": FEW},),
    side_by_side=True,
    options={
        "--models": names_option([*RIVALS, *OURS, *OTHERS]),
        "--threads": {"type": at_least(1), "help": "of each run; default all / jobs"},
    },
)
