"""Pictures drawn from result rows alone; no model is needed to draw them again."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox

from benchmarks import tables

# Okabe and Ito's colours, told apart by colour-blind readers; their yellow is left out, it is
# too pale on white. Every series has a marker of its own besides.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#888888")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h", "<")
FLOOR = "dummy"
DPI = 120


def draw_all(rows, folder):
    """Draw every picture of a comparison.

    Parameters
    ----------
    rows : list of dict
        Result rows, see ``results.current``.
    folder : pathlib.Path
        Made if missing; pictures of the same names are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    accuracy_against_time(rows, folder / "accuracy_vs_time.png")
    per_class_recall(rows, folder / "per_class_recall.png")
    training_curves(rows, folder / "training_curves.png")
    for group in tables.by_model(rows):
        confusion_matrix(group, folder / f"confusion_{group[0]['model']}.png")


def _style(rows):
    """Give each model a colour and a marker that do not depend on who else is drawn."""
    from benchmarks.models import MODELS

    order = [*MODELS, *dict.fromkeys(row["unit"] for row in rows)]
    index = {model: i for i, model in enumerate(dict.fromkeys(order))}
    return {
        model: {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}
        for model, i in index.items()
    }


def _save(figure, path, metadata=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, metadata=metadata)
    plt.close(figure)


def _about(rows):
    """Short description of data and seeds for a title."""
    data = rows[0]["data"]
    seeds = len({row["seed"] for row in rows})
    return (
        f"Fashion-MNIST ({data['name']}), {data['train_rows']:,} training images, "
        f"{seeds} seed{'s' * (seeds > 1)}"
    )


def accuracy_against_time(rows, path, metadata=None):
    """Draw test accuracy over fit seconds, a labelled point a model.

    The floor (guessing) is named in the title instead of drawn: it would squeeze all others
    into the upper tenth.

    Parameters
    ----------
    rows : list of dict
    path : pathlib.Path
    metadata : dict of str to str, default=None
        Text kept in the PNG file.
    """
    style = _style(rows)
    groups = tables.by_model(rows)
    drawn = [group for group in groups if group[0]["unit"] != FLOOR] or groups
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    points = []
    for group in drawn:
        seconds = tables.values(group, "seconds", "fit")
        accuracy = [100 * value for value in tables.values(group, "metrics", "accuracy")]
        x, y = np.mean(seconds), np.mean(accuracy)
        dx, dy = (np.std(side, ddof=1) if len(group) > 1 else 0 for side in (seconds, accuracy))
        # A deviation as long as the mean would reach 0, which a logarithmic axis does not have.
        reach = (min(dx, 0.9 * x), dx), (dy, dy)
        axes.errorbar(
            x,
            y,
            xerr=np.reshape(reach[0], (2, 1)),
            yerr=np.reshape(reach[1], (2, 1)),
            markersize=9,
            capsize=3,
            **style[group[0]["unit"]],
        )
        corners = (x - reach[0][0], y - dy), (x + dx, y + dy)
        points.append((x, y, corners, group[0]["label"]))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    shared = any(row["timing_shared"] for group in drawn for row in group)
    spoiled = ", OF A SHARED PROCESSOR: not to be compared" if shared else ""
    axes.set_xlabel(f"fit time (s, logarithmic{spoiled})")
    axes.set_ylabel("test accuracy (%)")
    axes.grid(alpha=0.3)
    axes.margins(0.15)
    floor = [row for row in rows if row["unit"] == FLOOR]
    guess = ""
    if floor:
        guess = f"; guessing scores {100 * tables.mean(floor, 'metrics', 'accuracy'):.0f} %"
    axes.set_title(_about(rows) + guess, fontsize=10)
    label_points(axes, points)
    _save(figure, path, metadata)


def label_points(axes, points):
    """Write a name beside each point where it covers no point, no error bar and no name.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With its final scales.
    points : list of (float, float, ((float, float), (float, float)), str)
        Place, lower left and upper right corner of its error bars, and name.
    """
    axes.figure.draw_without_rendering()
    taken = []
    for x, y, corners, _ in points:
        x, y = axes.transData.transform((x, y))
        (x0, y0), (x1, y1) = axes.transData.transform(corners)
        for left, low, right, high in ((x, y, x, y), (x0, y, x1, y), (x, y0, x, y1)):
            taken.append(Bbox.from_extents(left - 8, low - 8, right + 8, high + 8))
    frame = axes.get_window_extent()
    sides = [(12, 0), (-12, 0), (0, 12), (0, -12), (10, 12), (-10, 12), (10, -12), (-10, -12)]
    offsets = [(dx * k, dy * k) for k in (1, 1.5, 2, 3, 4, 6, 8) for dx, dy in sides]
    for x, y, _, name in points:
        for dx, dy in offsets:
            text = axes.annotate(
                name,
                (x, y),
                (dx, dy),
                textcoords="offset points",
                ha=("center", "left", "right")[int(np.sign(dx))],
                va=("center", "bottom", "top")[int(np.sign(dy))],
                fontsize=9,
            )
            box = text.get_window_extent()
            inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            if inside and not box.count_overlaps(taken):
                break
            text.remove()
        else:
            text = axes.annotate(name, (x, y), (12, 0), textcoords="offset points", fontsize=9)
            box = text.get_window_extent()
        taken.append(box)


def confusion_matrix(group, path):
    """Draw one model's confusion matrix, summed over its seeds, in percent of the true class.

    Parameters
    ----------
    group : list of dict
        Rows of one model.
    path : pathlib.Path
    """
    counts = np.sum([row["confusion_matrix"] for row in group], axis=0)
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = group[0]["class_names"]
    figure, axes = plt.subplots(figsize=(8, 7), layout="constrained")
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for i, j in np.ndindex(share.shape):
        if share[i, j] >= 0.05:
            color = "white" if share[i, j] > 55 else "black"
            axes.text(j, i, f"{share[i, j]:.1f}", ha="center", va="center", color=color, fontsize=8)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"{group[0]['label']}: {_about(group)}", fontsize=10)
    figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.8)
    _save(figure, path)


def per_class_recall(rows, path):
    """Draw the recall of each class, models side by side, hardest class first.

    Parameters
    ----------
    rows : list of dict
    path : pathlib.Path
    """
    style = _style(rows)
    groups = tables.by_model(rows)
    groups = [group for group in groups if group[0]["unit"] != FLOOR] or groups
    recalls = [
        100 * np.mean(np.array([row["per_class_recall"] for row in group], dtype=float), axis=0)
        for group in groups
    ]
    order = np.argsort(np.mean(recalls, axis=0))
    names = np.array(rows[0]["class_names"])[order]
    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    for place, (group, recall) in enumerate(zip(groups, recalls, strict=True)):
        shift = 0.7 * ((place + 0.5) / len(groups) - 0.5)
        axes.plot(
            recall[order],
            np.arange(len(names)) + shift,
            linestyle="none",
            label=group[0]["label"],
            **style[group[0]["unit"]],
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    for line in np.arange(len(names) - 1) + 0.5:
        axes.axhline(line, color="0.85", linewidth=0.8, zorder=0)
    axes.set_xlabel("recall on the test images (%)")
    axes.set_ylabel("class, hardest first")
    axes.grid(axis="x", alpha=0.3)
    axes.set_title(_about(rows), fontsize=10)
    figure.legend(loc="outside right upper", fontsize=9)
    _save(figure, path)


def training_curves(rows, path):
    """Draw loss, training accuracy and validation score (where kept) over epochs.

    Parameters
    ----------
    rows : list of dict
        Models without epochs are left out; nothing is drawn if no other is left.
    path : pathlib.Path
    """
    groups = [[row for row in group if row["curve"]] for group in tables.by_model(rows)]
    groups = [group for group in groups if group]
    panels = [
        (key, heading)
        for key, heading in (
            ("train_loss", "training loss (nats)"),
            ("train_accuracy", "training accuracy"),
            ("valid_score", "validation score"),
        )
        if any(key in row["curve"] for group in groups for row in group)
    ]
    if not panels:
        return
    figure, grid = plt.subplots(
        1, len(panels), figsize=(1 + 5 * len(panels), 4.5), layout="constrained", squeeze=False
    )
    style = _style(rows)
    for axes, (key, heading) in zip(grid[0], panels, strict=True):
        for group in groups:
            _curve(axes, group, key, style[group[0]["unit"]])
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(heading)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9)
    figure.suptitle(_about(rows) + "; a line a seed", fontsize=10)
    _save(figure, path)


def _curve(axes, group, key, style):
    """Draw one model: a line a seed, since each may stop at an epoch of its own."""
    label = group[0]["label"]
    for row in group:
        if key not in row["curve"]:
            continue
        axes.plot(
            row["curve"]["epoch"],
            np.array(row["curve"][key], dtype=float),
            markersize=4,
            linewidth=1,
            alpha=0.8,
            label=label,
            **style,
        )
        label = None
