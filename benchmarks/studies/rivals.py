"""The rivals that a reader looks for besides, on the same images as the main comparison.

Support vector machines, on pixels and on histograms of oriented gradients, boosted trees of other
libraries, nets of other libraries with our architecture, and pretrained weights: all 60,000
training images, and 10,000 of them, beside our own. Who takes more than ten minutes is fitted to
all with one seed, and who draws nothing is fitted once. Every run is a process of its own.
"""

import numpy as np

from benchmarks.errors import names_option
from benchmarks.formatting import below, interval, marks_of, pipe_table
from benchmarks.models import MODELS, RIVALS
from benchmarks.recipes import find
from benchmarks.studies import accuracy, datasets
from benchmarks.study import study_of

FEW = 10_000
# A fit to all images takes more than ten minutes.
SLOW = ("svm", "hog_svm", "catboost", "realmlp", "resnet18", "torchvision", "timm")
# Beside whom the rivals stand where there are few rows.
OURS = ("mlp_net", "conv_net", "resnet")
OTHERS = ("hist_gradient_boosting", "random_forest", "logistic_regression")


def plan(asked):
    """Return pairs of unit and seed: how often depends on the rival."""
    found = []
    for name in asked.options.models:
        model = find(name)
        # Those of the main comparison have all images there.
        for rows in (FEW,) if name in MODELS else (None, FEW):
            once = not model.is_drawn or (name in SLOW and rows is None)
            seeds = asked.seeds[:1] if once else asked.seeds
            found += [({"model": name, "rows": rows}, seed) for seed in seeds]
    return found


describe, measure = datasets.with_unit("describe"), datasets.with_unit("measure_apart")


def table(rows):
    """Write a table of all images, with the rows of the main comparison, and one of few of them."""
    parts, numbers = [], {row["data"]["train_rows"] for row in rows}
    every = [row | {"unit": row["unit"]["model"]} for row in rows] + accuracy.STUDY.rows()
    every = [row for row in every if row["data"]["train_rows"] in numbers]
    marks = marks_of(every)
    for number in sorted(numbers, reverse=True):
        its = [row for row in every if row["data"]["train_rows"] == number]
        parts += [f"**{number:,} training images**", accuracy.lines(its, marks), _differences(its)]
    words = (
        "Mean ± standard deviation over seeds, of which the last column has the number: one where "
        "nothing is drawn, or where a fit takes more than ten minutes. Differences in points, with "
        "95 % intervals: over seeds, where both have several, and over the test images, each of "
        "which counts by how many of the seeds are right."
    )
    return "\n\n".join([*parts, below(words, every, "python -m benchmarks rivals")])


def _differences(rows):
    """Write by how much our convolutional net is better than each other one, or worse."""
    groups = {its[0]["unit"]: its for its in accuracy.by_model(rows)}
    ours, lines = groups.pop("conv_net", []), []
    groups.pop(accuracy.FLOOR, None)
    for its in groups.values() if ours else ():
        by_seed = {row["seed"]: row["metrics"]["accuracy"] for row in its}
        both = [row for row in ours if row["seed"] in by_seed]
        gains = [row["metrics"]["accuracy"] - by_seed[row["seed"]] for row in both]
        seeds = interval(gains, 100) if len(gains) > 1 else ""
        of_images = interval((_wrong(its) - _wrong(ours)).tolist(), 100)
        lines.append([its[0]["label"], of_images, seeds])
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
    options={"--models": names_option([*RIVALS, *OURS, *OTHERS]), "--threads": datasets.THREADS},
)
