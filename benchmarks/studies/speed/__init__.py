"""Speed and memory, side by side with those who do the same: ``python -m benchmarks speed``.

Compare skfashion's seconds with those of others that do the same work on the same data, with the
same network, batch size, optimizer and number of threads. Each competitor is a process of its
own that is warmed up first; then they run in turn, round after round, so that an hour in which
the machine is slow is slow for all. Ratios are taken within a round.

What is compared, how, and its tables; ``competitors`` has who is timed, ``measures`` what a process
says about itself, and ``scaling`` how time and memory grow.
"""

import dataclasses
import statistics
import sys
import time
from dataclasses import dataclass

from benchmarks.environment import child_environment
from benchmarks.errors import names_of, names_option
from benchmarks.formatting import every, pipe_table, spread, versions
from benchmarks.processes import Child, call
from benchmarks.results import commits
from benchmarks.studies.speed.competitors import COMPETITORS, Task
from benchmarks.studies.speed.nets import operations
from benchmarks.studies.speed.scaling import SCALING, threads_of
from benchmarks.study import Study

# Libraries' threads go on waiting actively for a moment after they have finished.
REST = 0.3
MEASURES = "benchmarks.studies.speed.measures"


@dataclass(frozen=True)
class Row:
    """One comparison: competitors by their keys in ``COMPETITORS``."""

    title: str
    task: Task
    ours: str
    others: dict  # each with the ratio of our time to its time that is aimed at
    unit: float = 1 / 3  # factor from a run's seconds to the unit of the table
    unit_name: str = "s an epoch"
    trains: bool = True  # whether operations a second are worth stating


@dataclass(frozen=True)
class Weighing:
    """Something that one process says about itself."""

    title: str
    function: str  # of ``measures``, which returns a dict of numbers
    net: str
    targets: dict  # the largest values aimed at; the first key is the one in the table


@dataclass(frozen=True)
class Profile:
    """Where the time of an epoch of a competitor goes."""

    title: str
    net: str
    batch_size: int
    who: str = "ours_uint8"


AIMS = {"hand": 0.80, "sklearn": 0.70, "sklearn_float64": 0.45, "skorch": 0.45}
AIMS |= {"lightning": 0.40, "keras": 0.45, "jax": 1.7}
CNN_AIMS = {"hand": 0.42, "hand_channels_last": 0.58, "skorch": 0.42, "keras": 0.45}
BARE, ONE = {"predict_bare": 1.10}, {"predict_one_sklearn": 1.3}
# Seconds of a thousand calls are milliseconds of one.
MS, OF_THOUSAND = (1e3, "ms", False), (1, "ms", False)
PEAK, MAPPED = {"increase_mb": 160}, {"predict_increase_mb": 600, "fit_increase_mb": 600}
RAISES = "fit on 60,000 uint8 rows raises the peak by, {}, MB"
MAP = "fit and predict on a memory map of 2,000,000 rows take of their own, MLP, MB"
PRECISIONS = (
    "validation accuracy of ConvNetClassifier(), auto and fp32, difference in points, 3 seeds"
)
GIVEN_UP = "validation accuracy of the {} above, plain loop minus ours, points, 4 epochs, 3 seeds"
SHORTFALL, SMALL = {"shortfall": 0.2}, Task(rows=200, epochs=10)
ROWS = {
    "mlp-128": Row("MLP 784-128-64-10, batch 128, fp32: an epoch", Task(), "ours", AIMS),
    "mlp-512": Row(
        "MLP 784-128-64-10, batch 512, fp32: an epoch", Task(batch_size=512), "ours", {"hand": 0.65}
    ),
    "cnn-128": Row(
        "CNN 32-64, fc 128, batch 128: an epoch", Task("cnn", epochs=1), "ours", CNN_AIMS, unit=1
    ),
    "predict-mlp": Row("predict of 10,000 rows, MLP", Task(rows=10_000), "predict_ours", BARE, *MS),
    "predict-cnn": Row(
        "predict of 10,000 rows, CNN", Task("cnn", rows=10_000), "predict_ours", BARE, *MS
    ),
    "predict-one": Row(
        "predict of one row, MLP", Task(rows=2000), "predict_one_ours", ONE, *OF_THOUSAND
    ),
    "fit-200": Row(
        "fit of 200 rows, 10 epochs, batch 128, MLP", SMALL, "ours", {"sklearn": 1.0}, *MS
    ),
    "import": Row("import skfashion", Task(), "import_ours", {"import_others": 1.1}, 1, "s", False),
    "memory-mlp": Weighing(RAISES.format("MLP"), "memory_of_fit", "mlp", PEAK),
    "memory-cnn": Weighing(RAISES.format("CNN"), "memory_of_fit", "cnn", PEAK),
    "memory-map": Weighing(MAP, "memory_of_map", "mlp", MAPPED),
    "precision-cnn": Weighing(PRECISIONS, "accuracy_of_precisions", "cnn", {"difference": 0.2}),
    "accuracy-mlp": Weighing(GIVEN_UP.format("MLP"), "accuracy_of_competitors", "mlp", SHORTFALL),
    "accuracy-cnn": Weighing(GIVEN_UP.format("CNN"), "accuracy_of_competitors", "cnn", SHORTFALL),
    "profile-hand-mlp-128": Profile("plain loop, MLP, batch 128", "mlp", 128, "hand"),
    "profile-mlp-128": Profile("ours, MLP, batch 128", "mlp", 128),
    "profile-mlp-512": Profile("ours, MLP, batch 512", "mlp", 512),
    "profile-hand-cnn-128": Profile("plain loop, CNN, batch 128", "cnn", 128, "hand"),
    "profile-cnn-128": Profile("ours, CNN, batch 128", "cnn", 128),
}


def _rounds(asked):
    """Return how often each competitor runs, after warming up."""
    return asked.options.rounds or (5 if asked.size == "full" else 1)


def describe(name, seed, asked):
    """Say how often, and with how many threads."""
    return {"settings": {"rounds": _rounds(asked)}, "threads": threads_of(asked)}


def measure(name, seed, asked):
    """Measure a row: compare competitors, weigh something, or profile."""
    row, threads = ROWS[name], threads_of(asked)
    data = "full" if asked.size == "full" else "sample"
    found = {"title": row.title}
    if isinstance(row, Row):
        return found | compare(row, _rounds(asked), threads, data)
    common = {"net": row.net, "data": data}
    if isinstance(row, Weighing):
        numbers = call(f"{MEASURES}:{row.function}", child_environment(threads), **common)
        found["targets"] = row.targets
        return found | {"values": {key: round(value, 2) for key, value in numbers.items()}}
    common |= {"batch_size": row.batch_size, "who": row.who}
    shares = call(f"{MEASURES}:profile", child_environment(threads), **common)
    return found | {"values": {purpose: round(share, 1) for purpose, share in shares.items()}}


def compare(row, rounds, threads, data):
    """Time competitors in turn, round by round; those that are not installed are left out."""
    task = dataclasses.replace(row.task, threads=threads, data=data)
    if data == "sample":
        task = dataclasses.replace(task, rows=min(task.rows, 6000))
    names, left_out = [row.ours], []
    for other in row.others:
        (names if COMPETITORS[other].is_installed else left_out).append(other)
    for other in left_out:
        label = COMPETITORS[other].label
        print(f"{row.title}: {label} is not installed, left out", file=sys.stderr)
    variables = child_environment(threads)
    variables |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    seconds, peaks, children = {other: [] for other in names}, {}, {}
    try:
        for other in names:
            its = {"competitor": other, "task": dataclasses.asdict(task)}
            function = "benchmarks.studies.speed.competitors:compete"
            children[other] = Child(function, variables, **its)
            children[other].answer()  # one after the other: warming up is work, too
        for _ in range(rounds):
            for other, child in children.items():
                time.sleep(REST)
                answer = child.ask()
                seconds[other].append(answer["seconds"])
                peaks[other] = round(answer["peak_mb"], 1)
    finally:
        for child in children.values():
            child.stop()
    ours = seconds[row.ours]
    found = {
        "task": dataclasses.asdict(task),
        "ours": row.ours,
        "seconds": {other: [round(s, 6) for s in its] for other, its in seconds.items()},
        "ratios": {
            other: [round(a / b, 4) for a, b in zip(ours, its, strict=True)]
            for other, its in seconds.items()
        },
        "targets": row.others,
        "peak_mb": peaks,
        "left_out": left_out,
        "limits_gflops": None,
        "gflops": None,
    }
    if row.trains:
        found["limits_gflops"] = call(f"{MEASURES}:limits", variables)
        work = operations(task.net) * task.rows * task.epochs
        found["gflops"] = round(work / statistics.median(ours) / 1e9, 1)
    return found


def table(rows):
    """Write all that was measured: ratios, aims, memory, share of the processor, growth."""
    rows = [row for name in ROWS for row in rows if row["unit"] == name]
    timed, weighed, profiles = (
        [row for row in rows if isinstance(ROWS[row["unit"]], kind)]
        for kind in (Row, Weighing, Profile)
    )
    trained, points = [row for row in timed if row["gflops"]], SCALING.rows()
    parts = []
    if timed:
        headings = ["what", "who", "median", "ours / theirs (range)", "aim", "peak MB"]
        parts.append(pipe_table([line for row in timed for line in _timed(row)], headings))
    if weighed:
        headings = ["memory and accuracy", "measured", "aim"]
        parts.append(pipe_table(map(_weighed, weighed), headings))
    if trained:
        headings = ["training", "GFLOP/s", "limit GFLOP/s", "share"]
        parts.append(pipe_table(map(_share, trained), headings))
    if profiles:
        headings = ["where the time goes, %", *(ROWS[row["unit"]].title for row in profiles)]
        columns = [[f"{share:.1f}" for share in row["values"].values()] for row in profiles]
        parts.append(pipe_table(zip(profiles[0]["values"], *columns, strict=True), headings))
    parts += [SCALING.table(points)] if points else []
    left_out = sorted({COMPETITORS[name].label for row in rows for name in row.get("left_out", ())})
    if left_out:
        parts.append(f"Not installed, left out: {', '.join(left_out)}.")
    commands = " · ".join(dict.fromkeys(f"`{row['command']}`" for row in rows))
    return "\n\n".join([*parts, _caption(rows), f"Each row by itself: {commands}"])


def _timed(row):
    """Write a line a competitor."""
    shape = ROWS[row["unit"]]
    for name, seconds in row["seconds"].items():
        median = f"{shape.unit * statistics.median(seconds):.3g} {shape.unit_name}"
        aim = ["", ""]
        if name in row["targets"]:
            aim = [spread(row["ratios"][name]), f"{row['targets'][name]:.2f}"]
        label, peak = COMPETITORS[name].label, f"{row['peak_mb'][name]:.0f}"
        yield [shape.title, label, median, *aim, peak]


def _weighed(row):
    """Write what a process has said about itself."""
    shape = ROWS[row["unit"]]
    name, aim = next(iter(shape.targets.items()))
    return [shape.title, f"{row['values'][name]:.3g}", f"{aim:.3g}"]


def _share(row):
    """Write how much of the processor a training uses."""
    dtype = "bf16" if row["task"]["net"] == "cnn" else "fp32"
    limit, reached = row["limits_gflops"][dtype], row["gflops"]
    title = ROWS[row["unit"]].title
    return [title, f"{reached:.0f}", f"{limit:.0f} ({dtype})", f"{reached / limit:.0%}"]


def _caption(rows):
    """Say how often, where and with what."""
    rounds = sorted({len(v) for row in rows for v in row.get("seconds", {}).values()})
    return (
        f"Medians of {'-'.join(map(str, rounds))} rounds, ratios within a round; "
        f"{every(rows, 'machine', 'cpu')} ({every(rows, 'machine', 'instructions')}), "
        f"{every(rows, 'machine', 'cores')} cores; threads: {every(rows, 'threads')}.\n"
        f"{versions(rows)}; {commits(rows)}."
    )


STUDY = Study(
    name="speed",
    help="compare seconds and memory with other libraries",
    cost="1 h",
    page="performance.md",
    sizes={"full": {}, "quick": {}},
    seeds=None,
    options={
        "--rows": names_option(ROWS),
        "--rounds": {"type": int, "help": "default 5, with --quick 1"},
        "--threads": {"type": int, "help": "threads of each competitor; default all cores"},
        "--scaling": {
            "action": "store_true",
            "help": "time and memory against rows, pixels and width",
        },
    },
    units=lambda asked: names_of(asked.options.rows, ROWS, "--rows"),
    describe=describe,
    measure=measure,
    table=table,
    instead={"scaling": SCALING},
    packages=("keras", "tensorflow", "tensorflow-cpu", "lightning", "jax"),
    timing=True,
    resume=False,
)
