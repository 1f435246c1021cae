"""The main comparison: every model on the same rows, each run in a fresh process of its own."""

import argparse
import statistics

from benchmarks import data, one_fit
from benchmarks.errors import names_of
from benchmarks.formatting import caption, cell, every, grouped, pipe_table, values
from benchmarks.models import MODELS
from benchmarks.pictures import label_points, pyplot
from benchmarks.study import Study

# Heading, where the number is in a row, factor to the unit of the heading, decimals, whether the
# deviation over seeds is shown.
COLUMNS = (
    ("accuracy %", ("metrics", "accuracy"), 100, 2, True),
    ("macro F1 %", ("metrics", "f1_macro"), 100, 1, True),
    ("log-loss", ("metrics", "log_loss"), 1, 3, True),
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

    def rank(group):
        return -mean(group, "metrics", "accuracy"), group[0]["label"]

    return sorted(grouped(rows, "unit").values(), key=rank)


def mean(rows, *keys):
    """Return the mean of the numbers at some keys of rows."""
    return statistics.fmean(values(rows, *keys))


def _cells(group):
    """Return a model's line: its label, then a cell for each of ``COLUMNS``."""
    line = [group[0]["label"]]
    for _, keys, factor, decimals, has_deviation in COLUMNS:
        found = values(group, *keys) if has_deviation else [mean(group, *keys)]
        line.append(cell(found, factor, decimals))
    return line


def table(rows):
    """Write the table, a model a line, and what one must know to read it."""
    headings = ["classifier"] + [heading for heading, *_ in COLUMNS]
    lines = [_cells(group) for group in by_model(rows)]
    text = pipe_table(lines, headings, ["left"] + ["right"] * len(COLUMNS))
    return f"{text}\n\n{about(rows)}\n{caption(rows)}"


def about(rows):
    """Say what was measured, on what, and with how many seeds."""
    seeds = sorted({len(group) for group in by_model(rows)})
    counted = f"{seeds[0]} seed" if seeds == [1] else f"{'-'.join(map(str, seeds))} seeds"
    deviation = "" if seeds == [1] else "mean ± standard deviation over "
    return (
        f"Fashion-MNIST ({every(rows, 'data', 'name')}): {every(rows, 'data', 'train_rows')} "
        f"training and {every(rows, 'data', 'test_rows')} test images; {deviation}{counted}."
    )


# --- pictures -----------------------------------------------------------------------------------


def _style(rows):
    """Give each model a colour and a marker that do not depend on who else is drawn."""
    order = dict.fromkeys([*MODELS, *(row["unit"] for row in rows)])
    return {
        model: {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}
        for i, model in enumerate(order)
    }


def _title(rows):
    """Return a short description of data and seeds."""
    its, seeds = rows[0]["data"], len({row["seed"] for row in rows})
    return (
        f"Fashion-MNIST ({its['name']}), {its['train_rows']:,} training images, "
        f"{seeds} seed{'s' * (seeds > 1)}"
    )


def draw_time(rows):
    """Draw test accuracy over fit seconds, a labelled point a model, with deviations."""
    import numpy as np
    from matplotlib.ticker import FuncFormatter

    style, groups = _style(rows), by_model(rows)
    drawn = [group for group in groups if group[0]["unit"] != FLOOR] or groups
    figure, axes = pyplot().subplots(figsize=(8, 5), layout="constrained")
    points = []
    for group in drawn:
        seconds = np.array(values(group, "seconds", "fit"))
        accuracy = 100 * np.array(values(group, "metrics", "accuracy"))
        x, y = seconds.mean(), accuracy.mean()
        dx, dy = (side.std(ddof=1) if len(group) > 1 else 0 for side in (seconds, accuracy))
        # A deviation as long as the mean would reach 0, which a logarithmic axis does not have.
        left = min(dx, 0.9 * x)
        reach = {"xerr": [[left], [dx]], "yerr": [[dy], [dy]]}
        axes.errorbar(x, y, **reach, markersize=9, capsize=3, **style[group[0]["unit"]])
        points.append((x, y, ((x - left, y - dy), (x + dx, y + dy)), group[0]["label"]))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    shared = any(row["timing_shared"] for group in drawn for row in group)
    spoiled = ", OF A SHARED PROCESSOR: not to be compared" if shared else ""
    axes.set_xlabel(f"fit time (s, logarithmic{spoiled})")
    axes.set_ylabel("test accuracy (%)")
    axes.grid(alpha=0.3)
    axes.margins(0.15)
    floor = [row for row in rows if row["unit"] == FLOOR]
    guess = f"; guessing scores {100 * mean(floor, 'metrics', 'accuracy'):.0f} %" if floor else ""
    axes.set_title(_title(rows) + guess, fontsize=10)
    label_points(axes, points)
    return figure


def draw_confusion(group):
    """Draw one model's confusion matrix, summed over its seeds, in per cent of the true class."""
    import numpy as np

    counts = np.sum([row["confusion_matrix"] for row in group], axis=0)
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = group[0]["class_names"]
    figure, axes = pyplot().subplots(figsize=(8, 7), layout="constrained")
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for i, j in np.ndindex(share.shape):
        if share[i, j] >= 0.05:
            color = "white" if share[i, j] > 55 else "black"
            axes.text(j, i, f"{share[i, j]:.1f}", ha="center", va="center", color=color, fontsize=8)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"{group[0]['label']}: {_title(group)}", fontsize=10)
    figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.8)
    return figure


def draw_recalls(rows):
    """Draw the recall of each class, models side by side, hardest class first."""
    import numpy as np

    style, groups = _style(rows), by_model(rows)
    groups = [group for group in groups if group[0]["unit"] != FLOOR] or groups
    recalls = [
        100 * np.mean(np.array(values(group, "per_class_recall"), dtype=float), axis=0)
        for group in groups
    ]
    order = np.argsort(np.mean(recalls, axis=0))
    places = np.arange(len(order))
    figure, axes = pyplot().subplots(figsize=(9, 6), layout="constrained")
    for i, (group, recall) in enumerate(zip(groups, recalls, strict=True)):
        shift = 0.7 * ((i + 0.5) / len(groups) - 0.5)
        its = {"label": group[0]["label"], **style[group[0]["unit"]]}
        axes.plot(recall[order], places + shift, linestyle="none", **its)
    axes.set_yticks(places, np.array(rows[0]["class_names"])[order])
    axes.invert_yaxis()
    for line in places[:-1] + 0.5:
        axes.axhline(line, color="0.85", linewidth=0.8, zorder=0)
    axes.set_xlabel("recall on the test images (%)")
    axes.set_ylabel("class, hardest first")
    axes.grid(axis="x", alpha=0.3)
    axes.set_title(_title(rows), fontsize=10)
    figure.legend(loc="outside right upper", fontsize=9)
    return figure


def draw_curves(rows):
    """Draw loss, training accuracy and validation score over epochs, a line a seed; or None."""
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    style, rows = _style(rows), [row for row in rows if row["curve"]]
    panels = {
        "train_loss": "training loss (nats)",
        "train_accuracy": "training accuracy",
        "valid_score": "validation score",
    }
    panels = {key: words for key, words in panels.items() if any(key in r["curve"] for r in rows)}
    if not panels:
        return None
    size = (1 + 5 * len(panels), 4.5)
    figure, grid = pyplot().subplots(
        1, len(panels), figsize=size, layout="constrained", squeeze=False
    )
    for axes, (key, words) in zip(grid[0], panels.items(), strict=True):
        for group in by_model(rows):
            label = group[0]["label"]
            for row in (row for row in group if key in row["curve"]):
                numbers = np.array(row["curve"][key], dtype=float)
                its = {"markersize": 4, "linewidth": 1, "alpha": 0.8, **style[row["unit"]]}
                axes.plot(row["curve"]["epoch"], numbers, label=label, **its)
                label = None
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(words)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9)
    figure.suptitle(_title(rows) + "; a line a seed", fontsize=10)
    return figure


def more_pictures(rows):
    """Yield name and figure of the pictures that no page shows."""
    yield "per_class_recall.png", draw_recalls(rows)
    yield "training_curves.png", draw_curves(rows)
    for group in by_model(rows):
        yield f"confusion_{group[0]['unit']}.png", draw_confusion(group)


def verify(rows):
    """Yield the net that takes the least time."""
    yield from one_fit.verify(rows, "mlp_net")


def _at_least(limit):
    """Return a reader of whole numbers from a limit."""

    def read(text):
        if not text.isdecimal() or int(text) < limit:
            raise argparse.ArgumentTypeError(f"expected a whole number from {limit}, got {text!r}")
        return int(text)

    return read


STUDY = Study(
    name="accuracy",
    help="every classifier on the same images: accuracy, calibration, seconds, memory",
    cost="10 min a seed",
    description=(
        "Compare skfashion's classifiers with scikit-learn's on the same images. Every run is a\n"
        "process of its own. Runs made before are made again, unless --resume finds them with the\n"
        "same settings, data, versions, machine and threads."
    ),
    epilog="Models: " + ", ".join(MODELS),
    sizes={"full": {}, "sample": {}},
    seeds=1,
    units=lambda asked: names_of(asked.options.models, MODELS, "--models"),
    describe=one_fit.describe,
    measure=one_fit.measure_apart,
    table=table,
    page="../README.md",
    marker="benchmark",
    pictures={"accuracy_vs_time.png": draw_time},
    more_pictures=more_pictures,
    resume=False,
    side_by_side=True,
    options={
        "--models": {"default": ",".join(MODELS), "help": "names with commas; default all"},
        "--threads": {"type": _at_least(1), "help": "of each run; default all cores / jobs"},
        "--rows": {
            "type": _at_least(data.N_CLASSES),
            "help": "at most so many training and test rows, for trying things",
        },
    },
    verify=verify,
)
