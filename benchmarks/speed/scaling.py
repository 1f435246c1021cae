"""Time and memory of a fit against the size of the problem, one size varied at a time."""

import math

from benchmarks import environment
from benchmarks.speed.worker import in_a_fresh_process

# What is varied, and how far; the others stay at the middle.
MIDDLE = {"rows": 60_000, "side": 28, "width": 128}
SIZES = {
    "rows": (1000, 4000, 16_000, 60_000, 250_000, 1_000_000, 2_000_000),
    "side": (8, 16, 28, 40, 64),
    "width": (32, 64, 128, 256, 512, 1024, 2048),
}
LABELS = {"rows": "rows", "side": "pixels of a side", "width": "neurons of the first layer"}


def measure(threads, repeats=3):
    """Yield a result row for each point, the fastest of some repeats.

    Parameters
    ----------
    threads : int
        PyTorch's threads.
    repeats : int
        Fresh processes a point; large ones run once.
    """
    variables = environment.child_environment(threads)
    for varied, sizes in SIZES.items():
        for size in sizes:
            point = MIDDLE | {varied: size}
            n_values = point["rows"] * point["side"] ** 2 * point["width"]
            times = 1 if n_values > 60_000 * 784 * 512 else repeats
            found = [
                in_a_fresh_process("scaling_point", variables, threads=threads, **point)
                for _ in range(times)
            ]
            yield {"varied": varied, **point, **min(found, key=lambda f: f["seconds"])}


def exponent(points, size, value):
    """Return the slope of a line through the larger half of the points, on logarithmic axes.

    Parameters
    ----------
    points : list of dict
        Result rows, sorted by size.
    size, value : str
        Their keys.
    """
    points = points[len(points) // 2 :]
    x = [math.log(point[size]) for point in points]
    y = [math.log(max(point[value], 1e-9)) for point in points]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return slope / sum((a - mean_x) ** 2 for a in x)


def draw(rows, path):
    """Draw seconds and memory against each size, the exponent beside each line.

    Parameters
    ----------
    rows : list of dict
        Result rows.
    path : pathlib.Path
        PNG file.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    plain = FuncFormatter(lambda number, _: f"{number:g}")
    figure, axes = pyplot.subplots(2, len(SIZES), figsize=(11, 6), layout="constrained")
    for column, varied in enumerate(SIZES):
        points = [row for row in rows if row["varied"] == varied]
        values = (("seconds", "seconds of an epoch"), ("increase_mb", "memory of the fit, MB"))
        for line, (value, label) in enumerate(values):
            axis = axes[line, column]
            axis.loglog([p[varied] for p in points], [p[value] for p in points], "o-")
            slope = exponent(points, varied, value)
            axis.set_title(f"grows with the power {slope:.2f}", fontsize=10)
            axis.set_xlabel(LABELS[varied])
            axis.grid(True, which="major", alpha=0.3)
            if varied != "rows":
                axis.set_xticks(SIZES[varied], map(str, SIZES[varied]))
                axis.xaxis.set_minor_locator(NullLocator())
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter(plain)
            axis.yaxis.set_minor_locator(NullLocator())
            if column == 0:
                axis.set_ylabel(label)
    rest = ", ".join(f"{value} {LABELS[name]}" for name, value in MIDDLE.items())
    figure.suptitle(f"MLPNetClassifier, batch 128; what is not varied: {rest}", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
