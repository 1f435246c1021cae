"""Seconds to accuracy: recipes whose only purpose is to reach an accuracy in little time."""

import argparse
import statistics

from benchmarks import reference, results, series
from benchmarks.environment import ROOT
from benchmarks.errors import names_of
from benchmarks.markdown import pipe_table
from benchmarks.recipes import FASTEST, REFERENCES

START, END = "<!-- frontier-table:start -->", "<!-- frontier-table:end -->"
PAGE = ROOT / "docs" / "frontier.md"
PICTURE = ROOT / "docs" / "images" / "frontier.png"
PICTURES = (PICTURE,)
FILE = results.PUBLISHED / "frontier.jsonl"

DESCRIPTION = """\
Train each recipe with its number of seeds, and the published ones that it is compared with, in the
same session. Time counts from images in memory to the fitted classifier. Runs that the result file
has already are skipped; networks of a vote that were fitted on this machine
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
    names = names_of(options.recipes, FASTEST, "--recipes")
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
    text = pipe_table(lines, headings)
    rows = [row for group in groups.values() for row in group]
    dates = sorted(row["date"] for row in rows)
    return (
        f"{text}\n\n{series.caption(rows)}\n\nCommand: `python -m benchmarks frontier`; runs "
        f"ended from {dates[0]} to {dates[-1]}."
    )


# How the picture marks a kind of models: marker, colour, words.
MARKS = {
    "fast": ("o", "tab:red", "recipes of this page"),
    "ours": ("D", "tab:orange", "our recipes for published architectures"),
    "defaults": ("s", "tab:blue", "skfashion's defaults"),
    "published": ("^", "tab:gray", "as published"),
    "others": ("s", "tab:gray", "scikit-learn"),
}


def _points():
    """Return seconds, accuracy in per cent, kind and label of every model but guessing.

    What two files have is taken from the frontier's own, where all was timed together.
    """
    groups = {}
    for file in (FILE, reference.FILE, results.path_for(results.PUBLISHED, "full")):
        groups = series.by_model(file) | groups
    points = []
    for name, group in groups.items():
        kind = name.partition(":")[0]
        if name == "dummy" or kind == "defaults":  # those of other architectures
            continue
        if kind not in MARKS:
            kind = "defaults" if group[0]["engine"] else "others"
        accuracy = 100 * statistics.fmean(row["metrics"]["accuracy"] for row in group)
        points.append((series.seconds_of(group), accuracy, kind, group[0]["label"]))
    return points


def draw(path):
    """Draw accuracy against seconds: the models of the benchmarks, the frontier as a line.

    Parameters
    ----------
    path : pathlib.Path
        PNG file.
    """
    from benchmarks.pictures import label_points, plt

    points = _points()
    figure, axes = plt.subplots(figsize=(10, 7.5), layout="constrained")
    for kind, (marker, color, words) in MARKS.items():
        of_kind = [(seconds, accuracy) for seconds, accuracy, its, _ in points if its == kind]
        if of_kind:
            axes.plot(*zip(*of_kind, strict=True), marker, color=color, label=words)
    frontier, best = [], 0.0
    for seconds, accuracy, *_ in sorted(points):
        if accuracy > best:
            best = accuracy
            frontier.append((seconds, accuracy))
    axes.plot(*zip(*frontier, strict=True), "-", color="tab:red", alpha=0.5, zorder=0)
    axes.set_xscale("log")
    axes.set_xlabel("seconds of the fit, logarithmic")
    axes.set_ylabel("test accuracy, %")
    axes.margins(0.08)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    label_points(axes, [(x, y, ((x, y), (x, y)), label) for x, y, _, label in points])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def verify(rows):
    """Yield the recipe that takes the least time."""
    yield from series.verify(rows, "fast:mlp-89")
