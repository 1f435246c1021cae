"""The table and the picture of the fairness benchmark."""

from benchmarks.markdown import pipe_table
from benchmarks.studies import by_run, caption, cell, difference

UPPER_BODY = ("T-shirt/top", "Pullover", "Coat", "Shirt")  # a dress covers more than that
TASKS = {
    "upper body": f"Upper-body garment ({', '.join(UPPER_BODY)}) or not",
    "ten classes": "Ten classes",
}

# Heading, metric, factor, decimals, whether its difference to nothing is shown.
COLUMNS = (
    ("accuracy %", "accuracy", 100, 2, True),
    ("worst-group accuracy %", "worst-group accuracy", 100, 2, False),
    ("equalized odds difference", "equalized odds difference", 1, 3, True),
    ("mean over classes", "mean equalized odds difference", 1, 3, False),
    ("demographic parity difference", "demographic parity difference", 1, 3, False),
    ("fit s", "fit seconds", 1, 1, False),
)


def markdown(rows):
    """Write a table a task: mean and deviation over seeds, differences to nothing.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    parts = []
    for task, title in TASKS.items():
        frame = _frame([row for row in rows if row["task"] == task])
        found = by_run(frame)
        columns = [c for c in COLUMNS if task != "upper body" or "mean over" not in c[0]]
        headings = ["classifier", "mitigation"]
        for heading, *_, with_difference in columns:
            headings += [heading, "difference to nothing"] if with_difference else [heading]
        lines = []
        for names in dict.fromkeys(zip(frame["estimator"], frame["mitigation"], strict=True)):
            line = list(names)
            for _, metric, factor, decimals, with_difference in columns:
                row = found[*names, metric]
                line.append(cell(row, factor, decimals))
                if with_difference:
                    line.append(difference(row, factor, decimals))
            lines.append(line)
        table = pipe_table(lines, headings)
        parts.append(f"**{title}**\n\n{table}")
    picture = "![Accuracy against equalized odds difference](images/fairness.png)"
    return "\n\n".join([*parts, _caption(rows), picture])


def _frame(rows):
    """Return the table of a study: a row a run and metric."""
    import pandas as pd

    lines = [
        (row["estimator"], row["mitigation"], row["seed"], metric, row["metrics"][metric])
        for row in rows
        for _, metric, *_ in COLUMNS
    ]
    return pd.DataFrame(lines, columns=["estimator", "mitigation", "seed", "metric", "value"])


def _caption(rows):
    settings = rows[-1]["settings"]
    return caption(
        rows,
        f"Each seed draws {settings['train_rows']:,} training images anew, "
        f"{100 * settings['share']:g} % of them of the group (attribute {settings['attribute']}), "
        f"whose correlation with upper-body garments is {settings['correlation']}; of the test "
        "images half are of the group, whatever their class. The net trains for "
        f"{settings['max_epochs']} epochs, logistic regression for at most 50 steps; the "
        f"reductions have {settings['max_iter']} rounds and a grid of {settings['grid_size']}.",
    )


def pareto(points):
    """Choose the points that no other one beats.

    Parameters
    ----------
    points : dict of str to (float, float)
        Gap, the smaller the better, and accuracy, the larger the better, by name.

    Returns
    -------
    list of str
        By growing gap.
    """
    front, best = [], float("-inf")
    for name, (_, accuracy) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if accuracy > best:
            front.append(name)
            best = accuracy
    return front


def draw(rows, path):
    """Draw accuracy against equalized odds difference: a panel a task and classifier.

    Parameters
    ----------
    rows : list of dict
    path : pathlib.Path
        PNG file.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    estimators = list(dict.fromkeys(row["estimator"] for row in rows))
    figure, axes = pyplot.subplots(
        len(TASKS), len(estimators), figsize=(11, 8), layout="constrained", squeeze=False
    )
    for line, (task, title) in zip(axes, TASKS.items(), strict=True):
        for ax, estimator in zip(line, estimators, strict=True):
            frame = _frame([r for r in rows if r["task"] == task and r["estimator"] == estimator])
            _panel(ax, frame)
            ax.set_title(f"{estimator}: {title.split(' (')[0].lower()}", fontsize=10)
    figure.supxlabel("equalized odds difference (left is fairer)")
    figure.supylabel("accuracy % (up is better)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panel(ax, frame):
    points, found = {}, by_run(frame)
    estimator = frame["estimator"].iloc[0]
    for name in frame["mitigation"].unique():
        gap = found[estimator, name, "equalized odds difference"]
        accuracy = found[estimator, name, "accuracy"]
        points[name] = gap["mean"], 100 * accuracy["mean"]
        if gap["n_seeds"] > 1:
            errors = {"xerr": gap["deviation"], "yerr": 100 * accuracy["deviation"]}
            ax.errorbar(*points[name], **errors, color="0.85", zorder=1)
    front = [points[name] for name in pareto(points)]
    # Rings, so that a front of one point can be seen.
    ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none"}
    ax.plot(*zip(*front, strict=True), color="tab:green", zorder=2, label="Pareto front", **ring)
    ax.legend(fontsize=8, loc="lower left")
    for name, point in points.items():
        color = "black" if name == "nothing" else "tab:blue"
        ax.plot(*point, "o", color=color, markersize=5, zorder=4 if name == "nothing" else 3)
    ax.grid(alpha=0.3)
    # Points lie close together; their names stand in a column, in the order of the points.
    ranked = sorted(points.items(), key=lambda item: item[1][1])
    for i, (name, point) in enumerate(ranked):
        ax.annotate(
            name,
            point,
            xytext=(1.03, (i + 0.5) / len(ranked)),
            textcoords="axes fraction",
            fontsize=8,
            va="center",
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "relpos": (0, 0.5)},
        )
