"""Time every row: competitors in turn, round after round, each warm and in its own process."""

import argparse
import dataclasses
import statistics
import sys
import time

from benchmarks import environment, results
from benchmarks.errors import BenchmarkError
from benchmarks.speed import report, scaling
from benchmarks.speed.competitors import COMPETITORS, is_installed
from benchmarks.speed.nets import operations
from benchmarks.speed.rows import ROWS, Profile, Weighing
from benchmarks.speed.worker import Worker, in_a_fresh_process

DESCRIPTION = """\
Compare skfashion's seconds with those of others that do the same work on the same data, with the
same network, batch size, optimizer and number of threads. Each competitor is a process of its
own that is warmed up first; then they run in turn, round after round, so that an hour in which
the machine is slow is slow for all. Ratios are taken within a round.
"""

# Libraries' threads go on waiting actively for a moment after they have finished.
REST = 0.3
# The competitors' packages.
OTHERS = ("keras", "tensorflow", "tensorflow-cpu", "lightning", "jax")


def add_parser(subparsers):
    """Add the command ``speed``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "speed",
        help="compare seconds and memory with other libraries",
        description=DESCRIPTION,
        epilog="Rows: " + ", ".join(ROWS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rows", type=_rows, default=list(ROWS), help="names with commas; default all")
    add("--rounds", type=int, default=5, help="default 5")
    add("--threads", type=int, help="threads of each competitor; default all cores")
    add("--scaling", action="store_true", help="time and memory against rows, pixels and width")
    add("--publish", action="store_true", help="write the committed result file")
    parser.set_defaults(command=main)


def _rows(text):
    names = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in ROWS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"unknown row {', '.join(unknown) or text!r}; choose from {', '.join(ROWS)}"
        )
    return names


def main(options):
    """Measure each row, append it to the result file, and print it.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    import joblib

    threads = options.threads or joblib.cpu_count()
    folder = results.PUBLISHED if options.publish else results.LOCAL
    results.refuse_dirty(folder / "speed.jsonl")
    if options.scaling:
        return _measure_scaling(threads, folder, options.publish)
    path = folder / "speed.jsonl"
    for name in options.rows:
        row = results.head("speed", name, None, {"rounds": options.rounds}, libraries=OTHERS)
        row |= {"title": ROWS[name].title, "threads": threads}
        if isinstance(ROWS[name], Profile):
            row |= {"values": _profile(ROWS[name], threads)}
        elif isinstance(ROWS[name], Weighing):
            row |= weigh(ROWS[name], threads)
        else:
            row |= compare(ROWS[name], options.rounds, threads)
        words = f"--rows {name} --rounds {options.rounds}"
        words += f" --threads {options.threads}" if options.threads else ""
        row |= environment.circumstances(f"python -m benchmarks speed {words}", *OTHERS)
        results.append(path, row)
        for line in describe(row):
            print(line, flush=True)
    return 0


def _measure_scaling(threads, folder, publish):
    rows = []
    for point in scaling.measure(threads):
        unit = {key: point[key] for key in ("varied", *scaling.MIDDLE)}
        row = results.head("scaling", unit, None, {}, libraries=OTHERS)
        row |= {**point, "threads": threads}
        row |= environment.circumstances("python -m benchmarks speed --scaling", *OTHERS)
        results.append(folder / "scaling.jsonl", row)
        rows.append(row)
        print({name: row[name] for name in point}, flush=True)
    picture = report.SCALING_PICTURE if publish else folder / "scaling.png"
    scaling.draw(rows, picture)
    print(f"Picture: {picture}", file=sys.stderr)
    return 0


def _profile(row, threads):
    variables = environment.child_environment(threads)
    arguments = {"net": row.net, "batch_size": row.batch_size, "threads": threads, "who": row.who}
    shares = in_a_fresh_process("profile", variables, **arguments)
    return {purpose: round(share, 1) for purpose, share in shares.items()}


def weigh(row, threads):
    """Measure one thing in a fresh process.

    Parameters
    ----------
    row : Weighing
    threads : int

    Returns
    -------
    dict
        Part of the result row.
    """
    variables = environment.child_environment(threads)
    values = in_a_fresh_process(row.function, variables, net=row.net, threads=threads)
    return {
        "values": {name: round(value, 2) for name, value in values.items()},
        "targets": row.targets,
    }


def compare(row, rounds, threads):
    """Time competitors in turn.

    Parameters
    ----------
    row : Row
    rounds : int
        How often each competitor runs, after warming up.
    threads : int
        Threads of each.

    Returns
    -------
    dict
        Part of the result row, JSON's types only.
    """
    task = dataclasses.asdict(dataclasses.replace(row.task, threads=threads))
    names = [row.ours, *row.others]
    left_out = [other for other in names if not is_installed(other)]
    if row.ours in left_out:
        raise BenchmarkError("skfashion is not installed.")
    for other in left_out:
        print(f"{row.title}: {COMPETITORS[other][1]} is not installed, left out", file=sys.stderr)
    names = [other for other in names if other not in left_out]
    variables = environment.child_environment(threads)
    variables |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    seconds, peaks = {other: [] for other in names}, {}
    workers = []
    try:
        for other in names:
            # One after the other: warming up is work, too.
            workers.append(Worker(other, task, variables))
            workers[-1].wait_until_ready()
        for _ in range(rounds):
            for worker in workers:
                time.sleep(REST)
                taken, peaks[worker.competitor] = worker.run()
                seconds[worker.competitor].append(taken)
    finally:
        for worker in workers:
            worker.stop()
    limits = in_a_fresh_process("limits", variables, threads=threads) if row.trains else None
    return {
        "task": task,
        "ours": row.ours,
        "seconds": {other: [round(s, 6) for s in values] for other, values in seconds.items()},
        "ratios": {
            other: [round(a / b, 4) for a, b in zip(seconds[row.ours], values, strict=True)]
            for other, values in seconds.items()
        },
        "targets": row.others,
        "peak_mb": {other: round(peak, 1) for other, peak in peaks.items()},
        "left_out": left_out,
        "limits_gflops": limits,
        "gflops": _gflops(row, statistics.median(seconds[row.ours])) if row.trains else None,
    }


def _gflops(row, seconds):
    task = row.task
    return round(operations(task.net) * task.rows * task.epochs / seconds / 1e9, 1)


def describe(row):
    """Return lines that tell a row's result.

    Parameters
    ----------
    row : dict
        Of a result file.
    """
    shape = ROWS[row["unit"]]
    yield f"{row['title']}"
    if isinstance(shape, Profile):
        for purpose, share in row["values"].items():
            yield f"  {purpose:20s} {share:5.1f} %"
        return
    if isinstance(shape, Weighing):
        for name, value in row["values"].items():
            aim = f", aim {row['targets'][name]}" if name in row["targets"] else ""
            yield f"  {name} {value}{aim}"
        return
    if row["gflops"]:
        dtype = "bf16" if row["task"]["net"] == "cnn" else "fp32"
        limit = row["limits_gflops"][dtype]
        yield f"  {row['gflops']} GFLOP/s, {row['gflops'] / limit:.0%} of {limit} ({dtype})"
    for other, values in row["seconds"].items():
        line = (
            f"  {COMPETITORS[other][1]:44s} {shape.unit * statistics.median(values):9.3f} "
            f"{shape.unit_name}, {row['peak_mb'][other]:6.0f} MB"
        )
        if other in row["targets"]:
            ratios = row["ratios"][other]
            line += (
                f", ours/theirs {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f}-{max(ratios):.2f}), aim {row['targets'][other]:.2f}"
            )
        yield line
