"""Seconds and memory of searches over the same candidates, folds and rows.

Each search is a process of its own that is warmed up first; then they search in turn, round after
round, each round on other rows, and ratios are taken within a round. Only training images are used:
what a search has found is judged by its cross-validation, and by training images held out.

What is compared, how, and its tables; ``searches`` is what the processes do.
"""

import math
import statistics
from dataclasses import dataclass

from benchmarks import side_by_side
from benchmarks.environment import child_environment
from benchmarks.formatting import caption, every, mark, marks_of, pipe_table, spread, values
from benchmarks.processes import call
from benchmarks.studies.search.searches import N_JOBS, SEARCHES
from benchmarks.study import study_of

# Before each search; and for processes to end their workers, and these the files that they share.
REST, PATIENCE = 0.5, 20
# Times of the memory of one fit, and MB a worker, that are aimed at.
FITS, WORKER_MB = 1.5, 150
# The largest difference of accuracies that is aimed at, in points.
SHORTFALL = 0.3

# Rows of a search and rows held out are training images, drawn anew each round. Long are the last
# rung of a successive halving, by its factor, and the grid search beside it.
FULL = {"data": "full", "rows": 12_000, "held_out": 10_000, "folds": 3, "epochs": 5}
FULL |= {"long_epochs": {"4": 27, "3": 27, "2": 16}}
FULL["grid"] = {
    "hidden_layer_sizes": [[64], [128], [128, 64], [256, 128]],
    "lr": [3e-4, 1e-3, 3e-3],
    "batch_size": [64, 128],
}
QUICK = {"data": "sample", "rows": 600, "held_out": 1000, "folds": 2, "epochs": 2}
QUICK |= {"long_epochs": {"4": 9, "3": 9, "2": 8}}
QUICK["grid"] = {"hidden_layer_sizes": [[32], [64]], "lr": [3e-4, 3e-3], "batch_size": [32, 64]}


@dataclass(frozen=True)
class Row:
    """One comparison: searches by their keys in ``SEARCHES``."""

    title: str
    ours: str
    others: dict  # each with the ratio of seconds that is aimed at
    whole: str | None = None  # tries everything: what ours has found is compared with it


@dataclass(frozen=True)
class Weighing:
    """Memory of a search over all rows, beside that of one fit."""

    title: str
    variables: dict  # of its environment, besides the usual ones


THREE, WEIGHED = {"halving3": 0.85, "grid3": 0.35}, "16 candidates, all rows, n_jobs=2"
TRIMMED = {"MALLOC_TRIM_THRESHOLD_": "65536"}
ROWS = {
    "jobs": Row("grid search, n_threads=1", "ours", {"ours_alone": 0.60}),
    "jobs-default": Row("grid search, default threads", "default", {"default_alone": 1.0}),
    "rivals": Row("grid search, n_jobs=2", "ours", {"skorch": 0.45, "sklearn": 0.70}),
    "halving-3": Row("successive halving, factor 3", "epochs3", THREE, "grid3"),
    "halving-4": Row("successive halving, factor 4", "epochs4", {"grid4": 0.35}, "grid4"),
    "halving-2": Row("successive halving, factor 2", "epochs2", {"halving2": 0.70}),
    "memory": Weighing(WEIGHED, {}),
    "memory-trimmed": Weighing(f"{WEIGHED}, MALLOC_TRIM_THRESHOLD_=65536", TRIMMED),
}


def describe(name, seed, asked):
    """Say how often what is searched."""
    settings = {"rounds": side_by_side.rounds_of(asked), "task": asked.settings}
    return {"settings": settings, "data": asked.settings["data"]}


def measure(name, seed, asked):
    """Compare searches, or weigh one."""
    function = weigh if isinstance(ROWS[name], Weighing) else compare
    return function(ROWS[name], asked.settings, side_by_side.rounds_of(asked))


def compare(row, task, rounds):
    """Let searches run in turn; return numbers of each, one a round, and ratios within a round."""
    # No number of threads: joblib and the libraries are to choose as they do for a user. And
    # scikit-learn's few epochs do not converge, and need not.
    variables = child_environment(None) | {"PYTHONWARNINGS": "ignore"}
    searches = {
        name: (f"{__name__}.searches:prepare", variables, {"name": name, "task": task})
        for name in (row.ours, *row.others)
    }
    found = side_by_side.in_turn(searches, rounds, REST, PATIENCE)
    measured = side_by_side.compared(found, row.ours, row.others)
    for column, key in {"scores": "score", "held_out": "held_out"}.items():
        measured[column] = {
            name: [round(its[key], 6) for its in answers] for name, answers in found.items()
        }
    if row.whole:
        pairs = zip(found[row.ours], found[row.whole], strict=True)
        measured["shortfalls"] = [round(shortfall(*pair), 4) for pair in pairs]
        measured["shortfall_target"] = SHORTFALL
    return measured


def shortfall(ours, whole):
    """Return by how many points our candidate is worse than the best, where all are compared."""
    return 100 * (max(whole["scores"].values()) - whole["scores"][ours["params"]])


def weigh(row, task, rounds):
    """Weigh a search, and one fit, each round in processes of their own; return lists of MB."""
    variables, found = child_environment(None) | row.variables, []
    for _ in range(rounds):
        fit, search = (
            call(f"{__name__}.searches:{name}", variables, data=task["data"])
            for name in ("of_a_fit", "of_a_search")
        )
        target = FITS * fit["increase_mb"] + WORKER_MB * N_JOBS
        found.append({"fit_mb": fit["increase_mb"], **search, "target_mb": target})
    memory = {key: [round(mb, 1) for mb in values(found, key)] for key in found[0]}
    return {"memory": memory, "n_jobs": N_JOBS}


def table(rows):
    """Write all that was measured, and what one must know to read it."""
    by_unit = {row["unit"]: row for row in rows}
    rows = [by_unit[name] for name in ROWS if name in by_unit]
    headings = {
        _timed: ("what", "which", "seconds", "ours / theirs (range)", "aim", "accuracy %"),
        _others: ("quality and memory", "measured (range)", "aim"),
    }
    parts, marks = [], marks_of(rows)
    for lines_of, names in headings.items():
        lines = []
        for row in rows:
            found = lines_of(ROWS[row["unit"]], row)
            lines += [[first + mark([row], marks), *others] for first, *others in found]
        if lines:
            parts.append(pipe_table(lines, names))
    task = rows[0]["settings"]["task"]
    halvings = " and ".join(f"{n} at factor {factor}" for factor, n in task["long_epochs"].items())
    words = (
        f"{math.prod(map(len, task['grid'].values()))} candidates, {task['folds']} folds of "
        f"{task['rows']} training images, drawn anew in each of {every(rows, 'settings', 'rounds')}"
        f" rounds; {task['epochs']} epochs, in successive halvings up to {halvings}. Medians; "
        f"ratios within a round; accuracy of the last fit on {task['held_out']} other training "
        f"images.\n{caption(rows)}"
    )
    return "\n\n".join([*parts, words])


def _timed(shape, row):
    """Yield a line a search."""
    for name, cells in side_by_side.lines(row, SEARCHES) if "seconds" in row else ():
        yield [shape.title, *cells, f"{100 * statistics.median(row['held_out'][name]):.2f}"]


def _others(shape, row):
    """Yield what halving gives up for its speed, and the memory of a fit and of a search."""
    if "shortfalls" in row:
        what = f"{shape.title}: best candidate found, below that of {SEARCHES[shape.whole].label}"
        name = f"{what}, points of cross-validation"
        yield [name, spread(row["shortfalls"]), f"{row['shortfall_target']:.2f}"]
    if "memory" in row:
        memory = row["memory"]
        fit = ", ".join(["one fit to all rows", *(f"{k}={v}" for k, v in shape.variables.items())])
        yield [f"{fit}: PSS above that before, MB", spread(memory["fit_mb"], ".0f"), ""]
        name = f"{shape.title}: PSS of all processes above that with idle workers, MB"
        target = f"{statistics.median(memory['target_mb']):.0f}"
        yield [name, spread(memory["increase_mb"], ".0f"), target]


STUDY = study_of(
    __name__,
    cost="1 h",
    page="searching.md",
    seeds=None,
    timing=True,
    units=lambda asked: asked.options.rows,
    options=side_by_side.options(ROWS),
)
