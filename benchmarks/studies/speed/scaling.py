"""Time and memory against rows, pixels and width, one of them varied at a time."""

import numpy as np

from benchmarks.environment import child_environment
from benchmarks.formatting import pipe_table
from benchmarks.pictures import pyplot
from benchmarks.processes import call
from benchmarks.study import study_of

# What is varied, and how far; the others stay at the middle.
MIDDLE = {"rows": 60_000, "side": 28, "width": 128}
FULL = {
    "rows": [1000, 4000, 16_000, 60_000, 250_000, 1_000_000, 2_000_000],
    "side": [8, 16, 28, 40, 64],
    "width": [32, 64, 128, 256, 512, 1024, 2048],
}
QUICK = {"rows": [1000, 4000], "side": [8, 16], "width": [32, 64]}
LABELS = {"rows": "rows", "side": "pixels of a side", "width": "neurons of the first layer"}


def units(asked):
    """Return the points to be measured; a quick look has few rows everywhere."""
    middle = MIDDLE | {"rows": min(MIDDLE["rows"], max(asked.settings["rows"]))}
    return [
        {"varied": varied, **middle, varied: size}
        for varied, sizes in asked.settings.items()
        for size in sizes
    ]


def threads_of(asked):
    """Return the threads of each process, all cores unless some are asked for."""
    import joblib

    return asked.options.threads or joblib.cpu_count()


def describe(unit, seed, asked):
    """Say by what a row is recognised besides its point."""
    return {"settings": {}, "threads": threads_of(asked)}


def measure(unit, seed, asked):
    """Measure a point in fresh processes, and return the fastest of three; large ones run once."""
    function = "benchmarks.studies.speed.measures:scaling_point"
    variables, sizes = child_environment(threads_of(asked)), {name: unit[name] for name in MIDDLE}
    is_large = unit["rows"] * unit["side"] ** 2 * unit["width"] > 60_000 * 784 * 512
    found = [call(function, variables, **sizes) for _ in range(1 if is_large else 3)]
    return {**unit, **min(found, key=lambda one: one["seconds"])}


def points_of(rows, varied):
    """Return the points of one size, the smallest first."""
    return sorted((row for row in rows if row["varied"] == varied), key=lambda row: row[varied])


def exponent(points, size, value):
    """Return the slope of a line through the larger half of the points, on logarithmic axes."""
    points = points[len(points) // 2 :]
    numbers = [[point[size], max(point[value], 1e-9)] for point in points]
    return np.polyfit(*np.log(numbers).T, 1)[0]


def table(rows):
    """Write what an epoch takes at the smallest and largest size, and how it grows."""
    lines = []
    for varied, label in LABELS.items():
        points = points_of(rows, varied)
        first, last = points[0], points[-1]
        line = [f"{label}, {first[varied]:,} to {last[varied]:,}"]
        for value, unit in (("seconds", "s"), ("increase_mb", "MB")):
            line.append(f"{first[value]:.3g} to {last[value]:.3g} {unit}")
            line.append(f"{exponent(points, varied, value):.2f}")
        lines.append(line)
    headings = ["an epoch of MLPNetClassifier against", "time", "power"]
    rest = ", ".join(f"{value:,} {LABELS[name]}" for name, value in MIDDLE.items())
    words = (
        "Power: the exponent with which it grows from the middle of the sizes to the largest one; "
        f"1 is as fast as the size. What is not varied: {rest}."
    )
    return f"{pipe_table(lines, [*headings, 'memory of the fit', 'power'])}\n\n{words}"


def draw(rows):
    """Draw seconds and memory against each size, the exponent beside each line."""
    from matplotlib.ticker import LogLocator, NullLocator

    figure, axes = pyplot().subplots(2, len(LABELS), figsize=(11, 6), layout="constrained")
    for column, varied in zip(axes.T, LABELS, strict=True):
        points = points_of(rows, varied)
        sizes = [point[varied] for point in points]
        for axis, value in zip(column, ("seconds", "increase_mb"), strict=True):
            axis.loglog(sizes, [point[value] for point in points], "o-")
            title = f"grows with the power {exponent(points, varied, value):.2f}"
            axis.set(title=title, xlabel=LABELS[varied])
            axis.grid(True, which="major", alpha=0.3)
            if varied != "rows":
                axis.set_xticks(sizes, map(str, sizes))
                axis.xaxis.set_minor_locator(NullLocator())
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_locator(NullLocator())
    axes[0, 0].set_ylabel("seconds of an epoch")
    axes[1, 0].set_ylabel("memory of the fit, MB")
    rest = ", ".join(f"{value} {LABELS[name]}" for name, value in MIDDLE.items())
    figure.suptitle(f"MLPNetClassifier, batch 128; what is not varied: {rest}", fontsize=11)
    return figure


SCALING = study_of(
    __name__, cost="5 min", page="performance.md", seeds=None, timing=True, resume=False
)
