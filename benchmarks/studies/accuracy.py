"""Every classifier on the same images: accuracy, calibration, seconds, memory.

Compare skfashion's classifiers with scikit-learn's on the same images. Every run is a process of
its own. Runs made before are made again, unless --resume finds them with the same settings, data,
versions, machine and threads.
"""

import statistics

import numpy as np

from benchmarks import data, one_fit
from benchmarks.errors import at_least, names_option
from benchmarks.formatting import caption, cell, every, grouped, pipe_table, seeds, values
from benchmarks.models import MODELS
from benchmarks.pictures import label_points, pyplot
from benchmarks.studies import datasets
from benchmarks.study import study_of

# Heading, where the number is in a row, factor to the unit of the heading, decimals, whether the
# deviation over seeds is shown.
COLUMNS = (
    ("accuracy %", ("metrics", "accuracy"), 100, 2, True),
    ("macro F1 %", ("metrics", "f1_macro"), 100, 1, True),
    ("log-loss", ("metrics", "log_loss"), 1, 3, True),
    ("Brier", ("metrics", "brier"), 1, 3, True),
    ("ECE %", ("metrics", "ece"), 100, 1, True),
    ("fit s", ("seconds", "fit"), 1, 1, True),
    ("predict s", ("seconds", "predict"), 1, 2, False),
    ("peak MB", ("memory_mb", "peak"), 1, 0, False),
    # What fit and predict took on top of interpreter, imports and data.
    ("fit MB", ("memory_mb", "increase"), 1, 0, False),
    ("model MB", ("model_bytes",), 1e-6, 1, False),
)
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


def lines(rows):
    """Write the table of Markdown, a model a line, with the number of seeds where they differ."""
    groups, found = by_model(rows), []
    columns = ["classifier", *(heading for heading, *_ in COLUMNS)]
    for group in groups:
        found.append([group[0]["label"]])
        for _, keys, factor, decimals, has_deviation in COLUMNS:
            numbers = values(group, *keys) if has_deviation else [mean(group, *keys)]
            found[-1].append(cell(numbers, factor, decimals))
    if len({len(group) for group in groups}) > 1:
        columns.append("seeds")
        found = [[*line, str(len(group))] for line, group in zip(found, groups, strict=True)]
    return pipe_table(found, columns, ["left"] + ["right"] * (len(columns) - 1))


def table(rows):
    """Write the table, a model a line, and what one must know to read it."""
    return f"{lines(rows)}\n\n{about(rows)}\n{caption(rows)}"


def about(rows):
    """Say what was measured, on what, and with how many seeds."""
    counts = "-".join(map(str, sorted({len(group) for group in by_model(rows)})))
    counted = "1 seed" if counts == "1" else f"mean ± standard deviation over {counts} seeds"
    return (
        f"Fashion-MNIST ({every(rows, 'data', 'name')}): {every(rows, 'data', 'train_rows')} "
        f"training and {every(rows, 'data', 'test_rows')} test images; {counted}."
    )


def draw(rows):
    """Draw test accuracy over fit seconds, a labelled point a model, with deviations."""
    groups, points = by_model(rows), []
    figure, axes = pyplot().subplots(figsize=(8, 5), layout="constrained")
    for group in [group for group in groups if group[0]["unit"] != FLOOR] or groups:
        seconds = np.array(values(group, "seconds", "fit"))
        accuracy = 100 * np.array(values(group, "metrics", "accuracy"))
        x, y = seconds.mean(), accuracy.mean()
        dx, dy = (side.std(ddof=1) if len(group) > 1 else 0 for side in (seconds, accuracy))
        # A deviation as long as the mean would reach 0, which a logarithmic axis does not have.
        left = min(dx, 0.9 * x)
        # A colour and a marker that do not depend on who else is drawn.
        i = [*MODELS, group[0]["unit"]].index(group[0]["unit"])
        style = {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}
        bars = {"xerr": [[left], [dx]], "yerr": [[dy], [dy]]}
        axes.errorbar(x, y, **bars, markersize=9, capsize=3, **style)
        points.append((x, y, ((x - left, y - dy), (x + dx, y + dy)), group[0]["label"]))
    shared = ", OF A SHARED PROCESSOR: not to be compared"
    spoiled = shared if any(values(rows, "timing_shared")) else ""
    label = f"fit time (s, logarithmic{spoiled})"
    axes.set(xscale="log", xlabel=label, ylabel="test accuracy (%)")
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
        "--threads": {"type": at_least(1), "help": "of each run; default all / jobs"},
        "--rows": {"type": at_least(data.N_CLASSES), "help": "at most so many rows"},
        "--dataset": datasets.OPTION
        | {
            "default": None,
            "help": f"others than Fashion-MNIST, some of {', '.join(datasets.KNOWN)}",
        },
    },
    unpublished=("rows",),
    instead={"dataset": datasets.STUDY},
)
