"""Least seconds to an accuracy on Fashion-MNIST.

Train each recipe, whose only purpose is to reach an accuracy in little time, with its number of
seeds, and the published ones that it is compared with, in the same session. Time counts from images
in memory to the fitted classifier. Networks of a vote that were fitted on this machine are kept in
benchmarks/results/local/members, with their seconds.
"""

import statistics

from benchmarks import one_fit
from benchmarks.errors import names_option
from benchmarks.formatting import mark, marks_of, median, table_above, values
from benchmarks.pictures import label_points, pyplot
from benchmarks.recipes import FASTEST, REFERENCES, of_today
from benchmarks.studies import accuracy, reference
from benchmarks.study import study_of


def plan(asked):
    """Return the rivals' runs, then those of the recipes, seed by seed."""
    entries = {name: FASTEST[name] for name in asked.options.recipes}
    rivals = dict.fromkeys(entry.rival for entry in entries.values() if entry.rival)
    runs = [(f"fast:{name}", i) for name, entry in entries.items() for i in range(entry.n_seeds)]
    return [(f"published:{rival}", 0) for rival in rivals] + sorted(runs, key=lambda run: run[1])


def table(rows):
    """Write the table: a recipe a line."""
    groups, lines = of_today(rows), []
    rows = [row for group in groups.values() for row in group]
    marks = marks_of(rows)
    for name, entry in FASTEST.items():
        if group := groups.get(f"fast:{name}"):
            seconds = statistics.median(values(group, "seconds", "fit"))
            aim = f"{100 * entry.target:.1f}" if entry.target else ""
            predict = median(group, "seconds", "predict", form=".1f")
            line = [f"`{name}`", aim, reference.ACCURACY(group) + mark(group, marks)]
            line += [len(group), f"{seconds:.1f}"]
            rivals = groups.get(f"published:{entry.rival}")
            against = _against(rivals, entry, seconds) if rivals else ["", "", ""]
            if rivals:
                against[0] += mark(rivals, marks)
            lines.append([*line, predict, *against])
    headings = ["recipe", "aim %", "test accuracy %", "seeds", "fit s", "predict s", "against"]
    headings += ["ratio of times", "at most"]
    words = "Means ± standard deviations of accuracies, medians of seconds."
    return table_above(lines, headings, words, rows, "python -m benchmarks frontier")


def _against(rivals, entry, seconds):
    """Write to whose time a recipe's is compared, the ratio, and the one that is aimed at."""
    if entry.rival == "fashioncnn":
        rival, words = statistics.median(values(rivals, "seconds", "fit")), "its 10 epochs"
    else:
        published = REFERENCES[entry.rival].published
        rival, n_reached = reference.seconds_to_reach(rivals, published)
        words = f"{'to' if n_reached else 'never'} {100 * published:.2f} %"
    aim = f"{entry.limit:.3f} ({entry.limit * rival:.1f} s)"
    return [f"`{entry.rival}`, {words}, {rival:.0f} s", f"{seconds / rival:.3f}", aim]


# How the picture marks a kind of models: marker, colour, words.
MARKS = {
    "fast": ("o", "tab:red", "recipes of this page"),
    "ours": ("D", "tab:orange", "our recipes for published architectures"),
    "defaults": ("s", "tab:blue", "skfashion's defaults"),
    "published": ("^", "tab:gray", "as published"),
    "others": ("s", "tab:gray", "scikit-learn"),
}


def draw(rows):
    """Draw accuracy against seconds of every model but guessing, the frontier as a line."""
    # What two files have is taken from the frontier's own, where all was timed together.
    groups = of_today(accuracy.STUDY.rows()) | of_today(reference.STUDY.rows()) | of_today(rows)
    points = []
    for name, group in groups.items():
        kind = name.partition(":")[0]
        if name == accuracy.FLOOR or kind == "defaults":  # those of other architectures
            continue
        if kind not in MARKS:
            kind = "defaults" if group[0]["engine"] else "others"
        seconds = statistics.median(values(group, "seconds", "fit"))
        percent = 100 * accuracy.mean(group, "metrics", "accuracy")
        points.append((seconds, percent, kind, group[0]["label"]))
    figure, axes = pyplot().subplots(figsize=(10, 7.5), layout="constrained")
    for kind, (marker, color, words) in MARKS.items():
        if of_kind := [point[:2] for point in points if point[2] == kind]:
            axes.plot(*zip(*of_kind, strict=True), marker, color=color, label=words)
    # Those that are better than all that are faster.
    best = [p[:2] for p in sorted(points) if all(p[1] > q[1] for q in points if q[0] < p[0])]
    axes.plot(*zip(*best, strict=True), "-", color="tab:red", alpha=0.5, zorder=0)
    axes.set(xscale="log", xlabel="seconds of the fit, logarithmic", ylabel="test accuracy, %")
    axes.margins(0.08)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    label_points(axes, [(x, y, ((x, y), (x, y)), label) for x, y, _, label in points])
    return figure


STUDY = study_of(
    __name__,
    cost="2.5 h",
    page="frontier.md",
    seeds=None,
    describe=one_fit.describe,
    measure=one_fit.measure_apart,
    cheap=("fast:mlp-89",),
    options={"--recipes": names_option(FASTEST)},
)
