"""Seconds to accuracy: recipes whose only purpose is to reach an accuracy in little time."""

import argparse
import statistics

from benchmarks import results, series
from benchmarks.environment import ROOT
from benchmarks.recipes import FASTEST, REFERENCES

START, END = "<!-- frontier-table:start -->", "<!-- frontier-table:end -->"
PAGE = ROOT / "docs" / "frontier.md"
PICTURE = ROOT / "docs" / "images" / "frontier.png"
FILE = results.PUBLISHED / "frontier.jsonl"

DESCRIPTION = """\
Train each recipe with its number of seeds, and the published ones that it is compared with, in the
same session. Time counts from images in memory to the fitted classifier. Runs that the result file
has already, from the same sources, are skipped; networks of a vote that were fitted on this machine
are kept in benchmarks/results/local/members, with their seconds.
"""


def add_parser(subparsers):
    """Add the command ``frontier``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "frontier",
        help="least seconds to an accuracy on Fashion-MNIST",
        description=DESCRIPTION,
        epilog="Recipes: " + ", ".join(FASTEST),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--recipes", default=",".join(FASTEST), help="names with commas; default all")
    parser.set_defaults(command=main)


def main(options):
    """Measure what is missing, then write the table and draw the picture.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0, or 1 if a run failed.
    """
    names = options.recipes.split(",")
    rivals = dict.fromkeys(FASTEST[n].rival for n in names if FASTEST[n].rival)
    runs = [(f"published:{rival}", 0) for rival in rivals]
    longest = max(FASTEST[n].n_seeds for n in names)
    runs += [
        (f"fast:{name}", seed)
        for seed in range(longest)
        for name in names
        if seed < FASTEST[name].n_seeds
    ]
    command = f"python -m benchmarks frontier --recipes {options.recipes}"
    status = series.measure("frontier", runs, FILE, command)
    from benchmarks.tables import write_studies

    write_studies()
    draw(PICTURE)
    return status


def _rival_seconds(groups, rival):
    """Return the time to which a recipe's is compared, and in words what it is the time of."""
    group = groups.get(f"published:{rival}")
    if not group:
        return None, ""
    if rival == "fashioncnn":
        return series.seconds_of(group), "its 10 epochs"
    published = REFERENCES[rival].published
    seconds, n_reached = series.seconds_to_reach(group, published)
    words = f"to {100 * published:.2f} %" if n_reached else f"never {100 * published:.2f} %"
    return seconds, words


def table():
    """Write the table: a recipe a line.

    Returns
    -------
    str
    """
    from tabulate import tabulate

    groups, lines = series.by_model(FILE), []
    for name, entry in FASTEST.items():
        group = groups.get(f"fast:{name}")
        if not group:
            continue
        seconds = series.seconds_of(group)
        line = [f"`{name}`", f"{100 * entry.target:.1f}" if entry.target else ""]
        predict = statistics.median(row["seconds"]["predict"] for row in group)
        line += [series.accuracy_cell(group), str(len(group)), f"{seconds:.1f}", f"{predict:.1f}"]
        rival, words = _rival_seconds(groups, entry.rival)
        if rival:
            limit = entry.limit * rival
            line += [f"`{entry.rival}`, {words}, {rival:.0f} s", f"{seconds / rival:.3f}"]
            line += [f"{entry.limit:.3f} ({limit:.1f} s)"]
        else:
            line += ["", "", ""]
        lines.append(line)
    headings = ["recipe", "aim %", "test accuracy %", "seeds", "fit s", "predict s", "against"]
    headings += ["ratio of times", "at most"]
    text = tabulate(lines, headings, tablefmt="pipe", disable_numparse=True)
    dates = sorted(row["date"] for group in groups.values() for row in group)
    return (
        f"{text}\n\n{series.caption(groups)}\n\nCommand: `python -m benchmarks frontier`; runs "
        f"ended from {dates[0]} to {dates[-1]}."
    )


def draw(path):
    """Draw accuracy against seconds: every model of the benchmarks, the frontier as a line.

    Parameters
    ----------
    path : pathlib.Path
        PNG file.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    points = []
    for file in (FILE, results.path_for(results.PUBLISHED, "full")):
        for group in series.by_model(file).values():
            if group[0]["model"] == "dummy":
                continue
            accuracy = 100 * statistics.fmean(row["metrics"]["accuracy"] for row in group)
            points.append((series.seconds_of(group), accuracy, group[0]))
    figure, axes = pyplot.subplots(figsize=(9, 5.5), layout="constrained")
    for seconds, accuracy, row in points:
        fast = row["model"].startswith("fast:")
        color = "tab:red" if fast else "tab:blue" if row["code"] else "tab:gray"
        axes.plot(seconds, accuracy, "o" if fast else "s", color=color)
        # Slow ones stand at the right edge, and have their names to the left.
        left = row["model"].startswith("published:")
        place = {"xytext": (-6 if left else 6, 4), "ha": "right" if left else "left"}
        axes.annotate(
            row["label"], (seconds, accuracy), **place, textcoords="offset points", size=8
        )
    frontier, best = [], 0.0
    for seconds, accuracy, _ in sorted(points, key=lambda point: point[:2]):
        if accuracy > best:
            best = accuracy
            frontier.append((seconds, accuracy))
    axes.plot(*zip(*frontier, strict=True), "-", color="tab:red", alpha=0.5, zorder=0)
    axes.set_xscale("log")
    axes.set_xlabel("seconds of the fit, logarithmic")
    axes.set_ylabel("test accuracy, %")
    axes.margins(0.14)
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
