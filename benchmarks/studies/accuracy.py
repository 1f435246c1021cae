"""Every classifier on the same images: accuracy, calibration, seconds, memory.

Compare skfashion's classifiers with scikit-learn's on the same images. Every run is a process of
its own. Runs made before are made again, unless --resume finds them with the same settings, data,
versions, machine and threads.
"""

import statistics

from benchmarks import data, one_fit
from benchmarks.errors import at_least, names_option
from benchmarks.formatting import (
    caption,
    cell,
    every,
    grouped,
    mark,
    marks_of,
    mean_of,
    pipe_table,
    seeds,
    values,
)
from benchmarks.models import MODELS
from benchmarks.pictures import label_points, pyplot
from benchmarks.studies import datasets
from benchmarks.study import study_of

# Okabe and Ito's colours, told apart by colour-blind readers; their yellow is left out, it is
# too pale on white. Every series has a marker of its own besides.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#888888")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h", "<")
# The floor, guessing, which would squeeze all others into the upper tenth of a picture.
FLOOR = "dummy"


def by_model(rows):
    """Return lists of rows of one model each, the most accurate model first."""
    groups = grouped(rows, "unit").values()
    return sorted(groups, key=lambda its: (-mean(its, "metrics", "accuracy"), its[0]["label"]))


def mean(rows, *keys):
    """Return the mean of the numbers at some keys of rows."""
    return statistics.fmean(values(rows, *keys))


def _of_seeds(key, factor=1, decimals=2):
    """Return what writes mean ± deviation of a metric, without the ± where all seeds are equal."""

    def write(rows):
        found = values(rows, "metrics", key)
        return cell(found if len({*found}) > 1 else found[:1], factor, decimals)

    return write


def _alone(*keys, factor=1, decimals=0):
    """Return what writes the median of the numbers at some keys of rows."""
    return lambda rows: cell([statistics.median(values(rows, *keys))], factor, decimals)


COLUMNS = {
    "accuracy %": _of_seeds("accuracy", factor=100),
    "macro F1 %": _of_seeds("f1_macro", factor=100, decimals=1),
    "log-loss": _of_seeds("log_loss", decimals=3),
    "Brier": _of_seeds("brier", decimals=3),
    "ECE %": _of_seeds("ece", factor=100, decimals=1),
    "fit s": mean_of("seconds", "fit", decimals=1),
    "predict s": _alone("seconds", "predict", decimals=2),
    "peak MB": _alone("memory_mb", "peak"),
    # What fit and predict took on top of interpreter, imports and data.
    "fit MB": _alone("memory_mb", "increase"),
    "model MB": _alone("model_bytes", factor=1e-6, decimals=1),
}


def lines(rows, marks=None):
    """Write the table of Markdown, a model a line, with the number of seeds where they differ.

    ``marks`` are those of more rows, if there are.
    """
    groups = by_model(rows)
    columns = COLUMNS | ({"seeds": len} if len({*map(len, groups)}) > 1 else {})
    if any("brier" not in row["metrics"] for row in rows):  # of rows before there was that column
        columns.pop("Brier")
    marks = marks_of(rows) if marks is None else marks
    found = [
        [its[0]["label"] + mark(its, marks), *(write(its) for write in columns.values())]
        for its in groups
    ]
    return pipe_table(found, ["classifier", *columns], ["left"] + ["right"] * len(columns))


def table(rows):
    """Write the table, a model a line, and what one must know to read it."""
    return f"{lines(rows)}\n\n{about(rows)}\n{caption(rows)}"


def about(rows):
    """Say what was measured, on what, and with how many seeds."""
    counts = "-".join(map(str, sorted({*map(len, by_model(rows))})))
    counted = (
        f"mean ± standard deviation over {counts} seeds; where there is no ±, the median, or all "
        "seeds are equal"
    )
    counted = "1 seed" if counts == "1" else counted
    return (
        f"Fashion-MNIST ({every(rows, 'data', 'name')}): {every(rows, 'data', 'train_rows')} "
        f"training and {every(rows, 'data', 'test_rows')} test images; {counted}."
    )


def draw(rows):
    """Draw test accuracy over fit seconds, a labelled point a model, with deviations."""
    groups, points = by_model(rows), []
    figure, axes = pyplot().subplots(figsize=(8, 5), layout="constrained")
    for group in [group for group in groups if group[0]["unit"] != FLOOR] or groups:
        sides = values(group, "seconds", "fit"), values(group, "metrics", "accuracy")
        x, y = statistics.fmean(sides[0]), 100 * statistics.fmean(sides[1])
        dx, dy = (statistics.stdev(side) if len(group) > 1 else 0 for side in sides)
        # A deviation as long as the mean would reach 0, which a logarithmic axis does not have.
        left, dy = min(dx, 0.9 * x), 100 * dy
        # A colour and a marker that do not depend on who else is drawn.
        i = [*MODELS, group[0]["unit"]].index(group[0]["unit"])
        style = {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}
        bars = {"xerr": [[left], [dx]], "yerr": dy}
        axes.errorbar(x, y, **bars, markersize=9, capsize=3, **style)
        points.append((x, y, ((x - left, y - dy), (x + dx, y + dy)), group[0]["label"]))
    shared = ", OF A SHARED PROCESSOR: not to be compared"
    spoiled = shared if any(values(rows, "timing_shared")) else ""
    axes.set(xscale="log", ylabel="test accuracy (%)")
    axes.set_xlabel(f"fit time (s, logarithmic{spoiled})")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.margins(0.15)
    floor = [row for row in rows if row["unit"] == FLOOR]
    guess = f"; guessing scores {100 * mean(floor, 'metrics', 'accuracy'):.0f} %" if floor else ""
    its = rows[0]["data"]
    title = f"Fashion-MNIST ({its['name']}), {its['train_rows']:,} training images"
    axes.set_title(f"{title}, {seeds(rows)}{guess}", fontsize=10)
    label_points(axes, points)
    return figure


STUDY = study_of(
    __name__,
    cost="10 min a seed",
    page="../README.md",
    sizes={"full": {}, "sample": {}},
    seeds=1,
    units=lambda asked: [*asked.options.models, *filter(None, [asked.options.competitor])],
    describe=one_fit.describe,
    measure=one_fit.measure_apart,
    cheap=("mlp_net",),
    pictures={"accuracy_vs_time.png": draw},
    resume=False,
    side_by_side=True,
    options={
        "--models": names_option(MODELS),
        "--competitor": {
            "metavar": "MODULE:FUNCTION",
            "help": "your own besides: a function of seed and threads that returns a classifier",
        },
        "--threads": datasets.THREADS,
        "--rows": {"type": at_least(data.N_CLASSES), "help": "at most so many rows"},
        "--dataset": datasets.OPTION
        | {"default": None, "help": f"others than Fashion-MNIST, some of {datasets.LISTED}"},
    },
    unpublished=("rows",),
    instead={"dataset": datasets.STUDY},
)
