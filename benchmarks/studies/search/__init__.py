"""Seconds and memory of searches, side by side over the same candidates, folds and rows.

Compare the seconds of searches over the same nets, candidates, folds and rows, and weigh one. Each
library is a process of its own that is warmed up first; then they search in turn, round after
round, each round on other rows, and ratios are taken within a round. Only training images are
used: what a search has found is judged by its cross-validation, and by training images held out.

What is compared, how, and its tables; ``searches`` is what the processes do, ``memory`` weighs one.
"""

import math
import statistics
import sys
import time
from dataclasses import dataclass, field

from benchmarks.environment import child_environment
from benchmarks.errors import names_of, names_option
from benchmarks.formatting import caption, pipe_table, spread, values
from benchmarks.processes import Child, call
from benchmarks.studies.search.searches import SEARCHES
from benchmarks.study import Study

# Libraries' threads go on waiting actively for a moment after they have finished.
REST = 0.5
# In which processes end their workers, and these the files that they share, in seconds.
PATIENCE = 20

# Rows of a search and rows held out are training images, drawn anew each round. Long are the last
# rung of a successive halving, by its factor, and the grid search beside it.
FULL = {"data": "full", "rows": 12_000, "held_out": 10_000, "folds": 3, "epochs": 5}
FULL |= {"long_epochs": {"3": 27, "2": 16}}
FULL["grid"] = {
    "hidden_layer_sizes": [[64], [128], [128, 64], [256, 128]],
    "lr": [3e-4, 1e-3, 3e-3],
    "batch_size": [64, 128],
}
QUICK = {"data": "sample", "rows": 600, "held_out": 1000, "folds": 2, "epochs": 2}
QUICK |= {"long_epochs": {"3": 9, "2": 8}}
QUICK["grid"] = {"hidden_layer_sizes": [[32], [64]], "lr": [3e-4, 3e-3], "batch_size": [32, 64]}


@dataclass(frozen=True)
class Row:
    """One comparison: searches by their keys in ``SEARCHES``."""

    title: str
    ours: str
    others: dict  # each with the ratio of seconds that is aimed at
    whole: str | None = None  # tries everything: what ours has found is compared with it
    shortfall: float | None = None  # the largest difference of accuracies aimed at, in points


@dataclass(frozen=True)
class Weighing:
    """Memory of a search over all rows, beside that of one fit."""

    title: str
    n_jobs: int = 2
    epochs: int = 2  # of each fit
    fits: float = 1.5  # aimed at are so many times the memory of one fit,
    worker_mb: float = 150  # and so many MB a worker
    variables: dict = field(default_factory=dict)  # of its environment, besides the usual ones


ROWS = {
    "jobs": Row("grid search, n_threads=1", "ours", {"ours_alone": 0.60}),
    "jobs-default": Row("grid search, default threads", "default", {"default_alone": 1.0}),
    "rivals": Row("grid search, n_jobs=2", "ours", {"skorch": 0.45, "sklearn": 0.70}),
    "halving-3": Row(
        "successive halving, factor 3",
        "epochs3",
        {"halving3": 0.85, "grid3": 0.35},
        whole="grid3",
        shortfall=0.3,
    ),
    "halving-2": Row("successive halving, factor 2", "epochs2", {"halving2": 0.70}),
    "memory": Weighing("16 candidates, all rows, n_jobs=2"),
    "memory-trimmed": Weighing(
        "16 candidates, all rows, n_jobs=2, MALLOC_TRIM_THRESHOLD_=65536",
        variables={"MALLOC_TRIM_THRESHOLD_": "65536"},
    ),
}


def describe(name, seed, asked):
    """Say how often what is searched."""
    settings = {"rounds": _rounds(asked), "task": asked.settings}
    return {"settings": settings, "data": asked.settings["data"]}


def _rounds(asked):
    """Return how often each search runs, after warming up."""
    return asked.options.rounds or (5 if asked.size == "full" else 1)


def measure(name, seed, asked):
    """Compare searches, or weigh one."""
    function = weigh if isinstance(ROWS[name], Weighing) else compare
    return function(ROWS[name], asked.settings, _rounds(asked))


def compare(row, task, rounds):
    """Let searches run in turn; return numbers of each, one a round, and ratios within a round.

    A shortfall is by how many points the candidate that ours has found is worse than the best.
    """
    names = [row.ours, *row.others]
    # No number of threads: joblib and the libraries are to choose as they do for a user. And
    # scikit-learn's few epochs do not converge, and need not.
    variables = child_environment(None) | {"PYTHONWARNINGS": "ignore"}
    found, children = {name: [] for name in names}, {}
    try:
        for library in dict.fromkeys(SEARCHES[name].library for name in names):
            own = [name for name in names if SEARCHES[name].library == library]
            function = "benchmarks.studies.search.searches:prepare"
            children[library] = Child(function, variables, task=task, names=own)
            children[library].answer()  # one after the other: warming up is work, too
        for number in range(rounds):
            for name in names:
                time.sleep(REST)
                answer = children[SEARCHES[name].library].ask(name=name, number=number)
                found[name].append(answer)
                seconds, params = answer["seconds"], answer["params"]
                print(f"  {name}: {seconds:.1f} s, {params}", file=sys.stderr, flush=True)
    finally:
        for child in children.values():
            child.stop(PATIENCE)
    measured = {"targets": row.others}
    for column, key, digits in (("seconds", "seconds", 3), ("scores", "score", 6)):
        measured[column] = {n: [round(x, digits) for x in values(found[n], key)] for n in names}
    measured["held_out"] = {n: [round(x, 6) for x in values(found[n], "held_out")] for n in names}
    ours = found[row.ours]
    measured["ratios"] = {
        name: [
            round(a["seconds"] / b["seconds"], 4) for a, b in zip(ours, found[name], strict=True)
        ]
        for name in row.others
    }
    if row.whole is not None:
        pairs = zip(ours, found[row.whole], strict=True)
        measured["shortfalls"] = [round(shortfall(*pair), 4) for pair in pairs]
        measured["shortfall_target"] = row.shortfall
    return measured


def shortfall(ours, whole):
    """Return by how many points our candidate is worse than the best, where all are compared."""
    return 100 * (max(whole["scores"].values()) - whole["scores"][ours["params"]])


def weigh(row, task, rounds):
    """Weigh a search, and one fit, each round in processes of their own; return lists of MB."""
    variables = child_environment(None) | row.variables
    common = {"data": task["data"], "epochs": row.epochs}
    found = {"fit_mb": [], "idle_mb": [], "increase_mb": [], "target_mb": []}
    for _ in range(rounds):
        module = "benchmarks.studies.search.memory"
        fit = call(f"{module}:of_a_fit", variables, **common)
        search = call(f"{module}:of_a_search", variables, n_jobs=row.n_jobs, **common)
        target = row.fits * fit["increase_mb"] + row.worker_mb * row.n_jobs
        measured = (fit["increase_mb"], search["idle_mb"], search["increase_mb"], target)
        for column, value in zip(found.values(), measured, strict=True):
            column.append(round(value, 1))
    return {"memory": found, "n_jobs": row.n_jobs}


def table(rows):
    """Write all that was measured, and what one must know to read it."""
    rows = [row for name in ROWS for row in rows if row["unit"] == name]
    timed = [row for row in rows if "seconds" in row]
    parts = []
    if timed:
        headings = ["what", "which", "seconds", "ours / theirs (range)", "aim", "accuracy %"]
        parts.append(pipe_table([line for row in timed for line in _timed(row)], headings))
    others = [_shortfall(row) for row in timed if "shortfalls" in row]
    others += [line for row in rows if "memory" in row for line in _weighed(row)]
    if others:
        parts.append(pipe_table(others, ["quality and memory", "measured (range)", "aim"]))
    return "\n\n".join([*parts, _caption(rows)])


def _timed(row):
    """Write a line a search."""
    title = ROWS[row["unit"]].title
    for name, seconds in row["seconds"].items():
        line = [title, SEARCHES[name].label, f"{statistics.median(seconds):.3g}", "", ""]
        if name in row["targets"]:
            # The aims are of the full task.
            full = row["settings"]["task"]["data"] == "full"
            aim = f"{row['targets'][name]:.2f}" if full else ""
            line[3:] = [spread(row["ratios"][name]), aim]
        yield [*line, f"{100 * statistics.median(row['held_out'][name]):.2f}"]


def _shortfall(row):
    """Write what halving gives up for its speed."""
    shape = ROWS[row["unit"]]
    what = f"{shape.title}: best candidate found, below that of {SEARCHES[shape.whole].label}"
    name = f"{what}, points of cross-validation"
    return [name, spread(row["shortfalls"]), f"{row['shortfall_target']:.2f}"]


def _weighed(row):
    """Write the memory of a fit and of a search."""
    shape, memory = ROWS[row["unit"]], row["memory"]
    fit = ", ".join(["one fit to all rows", *(f"{k}={v}" for k, v in shape.variables.items())])
    yield [f"{fit}: PSS above that before, MB", spread(memory["fit_mb"], ".0f"), ""]
    yield [
        f"{shape.title}: PSS of all processes above that with idle workers, MB",
        spread(memory["increase_mb"], ".0f"),
        f"{statistics.median(memory['target_mb']):.0f}",
    ]


def _caption(rows):
    """Say what was searched, and where."""
    task = rows[0]["settings"]["task"]
    n_candidates = math.prod(map(len, task["grid"].values()))
    rounds = " / ".join(dict.fromkeys(str(row["settings"]["rounds"]) for row in rows))
    halvings = " and ".join(
        f"{epochs} at factor {factor}" for factor, epochs in task["long_epochs"].items()
    )
    return (
        f"{n_candidates} candidates, {task['folds']} folds of {task['rows']} training images, "
        f"drawn anew in each of {rounds} rounds; {task['epochs']} epochs, in successive "
        f"halvings up to {halvings}. Medians; ratios within a round; accuracy of the last fit "
        f"on {task['held_out']} other training images.\n{caption(rows)}"
    )


STUDY = Study(
    name="search",
    help="compare seconds and memory of searches",
    cost="1 h",
    page="searching.md",
    sizes={"full": FULL, "quick": QUICK},
    seeds=None,
    options={
        "--rows": names_option(ROWS),
        "--rounds": {"type": int, "help": "default 5, with --quick 1"},
    },
    units=lambda asked: names_of(asked.options.rows, ROWS, "--rows"),
    describe=describe,
    measure=measure,
    table=table,
    timing=True,
)
