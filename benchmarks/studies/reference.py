"""Beginners' projects beside ours, same architectures.

Train each published recipe as its authors do (its accuracy is read on the test images after every
epoch, which favours it), our recipe for the same architecture (read once), and the same
architecture with our defaults.
"""

import statistics
from itertools import product

from benchmarks import one_fit
from benchmarks.errors import names_option
from benchmarks.formatting import mark, marks_of, mean_of, median_of, table_above, values
from benchmarks.recipes import REFERENCES, of_today
from benchmarks.study import study_of

KINDS = ("published", "ours", "defaults")


def plan(asked):
    """Return the published runs, then ours with our recipes and with our defaults."""
    names, seeds = asked.options.systems, range(asked.options.published_seeds)
    known = [f"published:{name}" for name in names if REFERENCES[name].published is not None]
    ours = [f"{kind}:{name}" for name in names for kind in KINDS[1:]]
    runs = *product(seeds, known), *product(asked.seeds, ours)
    return [(name, seed) for seed, name in runs]


def seconds_to_reach(group, accuracy):
    """Return the median seconds in which published recipes reached an accuracy, and how many did.

    A run that never reached it counts with all of its time.
    """
    found, n_reached = [], 0
    for curve in values(group, "curve"):
        pairs = zip(curve["seconds"], curve["test_accuracy"], strict=True)
        reached = [seconds for seconds, value in pairs if value >= accuracy]
        n_reached += bool(reached)
        found.append(reached[0] if reached else curve["seconds"][-1])
    return statistics.median(found), n_reached


def table(rows):
    """Write the table: a project a line."""
    groups, lines = of_today(rows), []
    rows = [row for group in groups.values() for row in group]
    marks = marks_of(rows)
    for name, entry in REFERENCES.items():
        theirs, ours, defaults = (groups.get(f"{kind}:{name}") for kind in KINDS)
        if ours and defaults and (theirs or entry.published is None):
            line = [f"`{name}`", entry.label, *_published_cells(entry, theirs, ours)]
            if theirs:
                line[3] += mark(theirs, marks)
            line += [ACCURACY(ours) + mark(ours, marks), f"{100 * entry.target:.1f}"]
            line += [SECONDS(ours), ACCURACY(defaults) + mark(defaults, marks), SECONDS(defaults)]
            lines.append(line)
    headings = ["project", "architecture", "published %", "run here, best epoch %", "s to reach it"]
    headings += ["ratio of times", "our recipe %", "aim %", "s", "our defaults %", "s"]
    published, ours, defaults = (_n_seeds(groups, kind) for kind in KINDS)
    words = (
        f"Seeds of a row: {published} as published, {ours} with our recipe, {defaults} with our "
        "defaults; means and standard deviations of accuracies, medians of seconds."
    )
    return table_above(lines, headings, words, rows, "python -m benchmarks reference")


ACCURACY = mean_of("metrics", "accuracy", factor=100)
SECONDS = median_of("seconds", "fit")


def _published_cells(entry, theirs, ours):
    """Say what was published, what it came to here, and our time as a share of its time."""
    if entry.published is None:
        return [entry.claim, "", "", ""]
    seconds, n_reached = seconds_to_reach(theirs, entry.published)
    best = max(max(row["curve"]["test_accuracy"]) for row in theirs)
    ratio = statistics.median(values(ours, "seconds", "fit")) / seconds
    reached = f"{seconds:.0f}" + ("" if n_reached else " (never)")
    claim = entry.claim or f"{100 * entry.published:.2f}"
    return [claim, f"{100 * best:.2f}", reached, f"{ratio:.2f}"]


def _n_seeds(groups, kind):
    """Say how many seeds the models of a kind such as "ours" have."""
    counts = {len(group) for name, group in groups.items() if name.startswith(f"{kind}:")}
    return " to ".join(map(str, sorted({min(counts), max(counts)})))


STUDY = study_of(
    __name__,
    cost="1 h",
    page="references.md",
    seeds=5,
    describe=one_fit.describe,
    measure=one_fit.measure_apart,
    cheap=("ours:mlp-keras",),
    options={
        "--systems": names_option(REFERENCES),
        "--published-seeds": {"type": int, "default": 1, "help": "of the published; default 1"},
    },
)
