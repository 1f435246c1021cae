"""The table and the picture of the fairness benchmark."""

import statistics

UPPER_BODY = ("T-shirt/top", "Pullover", "Coat", "Shirt")  # a dress covers more than that
TASKS = {
    "upper body": f"Upper-body garment ({', '.join(UPPER_BODY)}) or not",
    "ten classes": "Ten classes",
}

# Heading, metric, whether it is shown in per cent, whether its difference to nothing is shown.
COLUMNS = (
    ("accuracy %", "accuracy", 100, True),
    ("worst-group accuracy %", "worst-group accuracy", 100, False),
    ("equalized odds difference", "equalized odds difference", 1, True),
    ("mean over classes", "mean equalized odds difference", 1, False),
    ("demographic parity difference", "demographic parity difference", 1, False),
    ("fit s", "fit seconds", 1, False),
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
    from tabulate import tabulate

    parts = []
    for task, title in TASKS.items():
        groups = _by_run([row for row in rows if row["task"] == task])
        columns = [c for c in COLUMNS if task != "upper body" or "mean over" not in c[0]]
        headings = ["classifier", "mitigation"]
        for heading, _, _, with_difference in columns:
            headings += [heading, "difference to nothing"] if with_difference else [heading]
        lines = []
        for (estimator, mitigation), group in groups.items():
            line = [estimator, mitigation]
            for _, metric, factor, with_difference in columns:
                line.append(_cell(group, metric, factor))
                if with_difference:
                    base = groups[estimator, "nothing"]
                    line.append(
                        _difference(group, base, metric, factor) if group is not base else ""
                    )
            lines.append(line)
        table = tabulate(lines, headings, tablefmt="pipe", disable_numparse=True)
        parts.append(f"**{title}**\n\n{table}")
    picture = "![Accuracy against equalized odds difference](images/fairness.png)"
    return "\n\n".join([*parts, _caption(rows), picture])


def _caption(rows):
    settings = rows[-1]["settings"]
    seeds = len({row["seed"] for row in rows})
    commits = " / ".join(dict.fromkeys((row["commit"] or "unknown")[:10] for row in rows))
    versions = ", ".join(f"{name} {version}" for name, version in rows[-1]["versions"].items())
    machine = rows[-1]["machine"]
    return (
        f"Means ± deviations over {seeds} seed{'s' * (seeds > 1)}; in brackets the paired 95 % "
        "interval of the difference to nothing. Each seed draws "
        f"{settings['train_rows']:,} training images anew, {100 * settings['share']:g} % of them "
        f"of the group (attribute {settings['attribute']}), whose correlation with upper-body "
        f"garments is {settings['correlation']}; of the test images half are of the group, "
        "whatever their class. "
        f"`{rows[-1]['command']}`; {machine['cpu']}, {machine['cores']} cores; {versions}; commit "
        f"{commits}."
    )


def _by_run(rows):
    """Return rows by estimator and mitigation, in the order of the runs; by seed in each."""
    groups = {}
    for row in rows:
        groups.setdefault((row["estimator"], row["mitigation"]), {})[row["seed"]] = row
    return groups


def _values(group, metric):
    return {seed: row["metrics"][metric] for seed, row in group.items()}


def _decimals(metric, factor):
    return 1 if metric == "fit seconds" else 2 if factor == 100 else 3


def _cell(group, metric, factor):
    values = [factor * value for value in _values(group, metric).values()]
    decimals = _decimals(metric, factor)
    cell = f"{statistics.fmean(values):.{decimals}f}"
    return cell + (f" ± {statistics.stdev(values):.{decimals}f}" if len(values) > 1 else "")


def _difference(group, base, metric, factor):
    """Write the mean difference to the baseline of the same seed, and its 95 % interval."""
    values, baseline = _values(group, metric), _values(base, metric)
    differences = [factor * (values[seed] - baseline[seed]) for seed in values if seed in baseline]
    mean, low, high = interval(differences)
    decimals = _decimals(metric, factor)
    cell = f"{mean:+.{decimals}f}"
    return cell + ("" if low is None else f" [{low:+.{decimals}f}, {high:+.{decimals}f}]")


def interval(differences):
    """Return mean and ends of the 95 % interval of Student's t.

    Parameters
    ----------
    differences : list of float

    Returns
    -------
    mean : float
    low, high : float or None
        None for a single number, of which no interval is known.
    """
    from scipy.stats import t

    mean, n = statistics.fmean(differences), len(differences)
    if n < 2:
        return mean, None, None
    half = t.ppf(0.975, n - 1) * statistics.stdev(differences) / n**0.5
    return mean, mean - half, mean + half


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
            groups = _by_run([r for r in rows if r["task"] == task and r["estimator"] == estimator])
            _panel(ax, {mitigation: group for (_, mitigation), group in groups.items()})
            ax.set_title(f"{estimator}: {title.split(' (')[0].lower()}", fontsize=10)
    figure.supxlabel("equalized odds difference (left is fairer)")
    figure.supylabel("accuracy % (up is better)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panel(ax, groups):
    points = {}
    for name, group in groups.items():
        gaps = list(_values(group, "equalized odds difference").values())
        accuracies = [100 * value for value in _values(group, "accuracy").values()]
        points[name] = statistics.fmean(gaps), statistics.fmean(accuracies)
        if len(gaps) > 1:
            errors = {"xerr": statistics.stdev(gaps), "yerr": statistics.stdev(accuracies)}
            ax.errorbar(*points[name], **errors, color="0.85", zorder=1)
    front = [points[name] for name in pareto(points)]
    ax.plot(*zip(*front, strict=True), color="tab:green", zorder=2, label="Pareto front")
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
