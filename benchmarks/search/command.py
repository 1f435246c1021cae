"""Time every row: searches in turn, round after round, each library warm in its own process."""

import argparse
import dataclasses
import json
import sys
import time

from benchmarks import environment, results
from benchmarks.errors import BenchmarkError, names_of
from benchmarks.search import report
from benchmarks.search.rows import FULL, QUICK, ROWS, SEARCHES, Judging, Row, Weighing
from benchmarks.speed.worker import Worker, in_a_fresh_process

DESCRIPTION = """\
Compare the seconds of searches over the same nets, candidates, folds and rows, and weigh one. Each
library is a process of its own that is warmed up first; then they search in turn, round after
round, each round on other rows, and ratios are taken within a round. Only training images are
used: what a search has found is judged by its cross-validation, and by training images held out.
Rows that the result file has already, from the same sources, are skipped.
"""

# Libraries' threads go on waiting actively for a moment after they have finished.
REST = 0.5
# In which processes end their workers, and these the files that they share, in seconds.
PATIENCE = 20


def add_parser(subparsers):
    """Add the command ``search``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "search",
        help="compare seconds and memory of searches",
        description=DESCRIPTION,
        epilog="Rows: " + ", ".join(ROWS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rows", help="names with commas; default all")
    add("--rounds", type=int, help="default 5, with --quick 1")
    add("--quick", action="store_true", help="the bundled images, to see that all works")
    add("--publish", action="store_true", help="write the committed result file")
    parser.set_defaults(command=main)


def main(options):
    """Measure what is missing, then show the table.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    if options.publish and options.quick:
        raise BenchmarkError("--publish goes without --quick.", exit_code=2)
    names = list(ROWS) if options.rows is None else names_of(options.rows, ROWS, "--rows")
    task = QUICK if options.quick else FULL
    rounds = options.rounds or (1 if options.quick else 5)
    path = report.FILE if options.publish else results.LOCAL / f"search-{task.data}.jsonl"
    results.refuse_dirty(path)
    for name in names:
        settings = {"rounds": rounds, "task": dataclasses.asdict(task)}
        common = results.head("search", name, None, settings, data=task.data)
        common["machine"] = environment.machine()
        if results.identity(common) in results.measured(path):
            continue
        print(f"{name}: {ROWS[name].title}", file=sys.stderr, flush=True)
        measure = MEASURES[type(ROWS[name])]
        row = common | measure(ROWS[name], task, rounds)
        words = f"{'--quick ' * options.quick}--rows {name} --rounds {rounds}"
        row |= environment.circumstances(f"python -m benchmarks search {words}")
        results.append(path, row)
    print(report.markdown(report.current(results.read(path))))
    if options.publish:
        from benchmarks.tables import write_studies

        write_studies()
    return 0


def compare(row, task, rounds):
    """Let searches run in turn.

    Parameters
    ----------
    row : Row
    task : Task
    rounds : int
        How often each runs, after warming up.

    Returns
    -------
    dict
        Part of the result row, JSON's types only: ``seconds``, ``scores`` and ``held_out`` of each
        search, a number a round; ``ratios`` of our seconds and each other's; ``shortfalls``, what
        the candidate that ours has found is worse than the best of all, in points.
    """
    names = [row.ours, *row.others]
    found = {name: [] for name in names}
    workers = {}
    try:
        for library in dict.fromkeys(SEARCHES[name].library for name in names):
            # One after the other: warming up is work, too.
            workers[library] = _start(library, names, task)
        for number in range(rounds):
            for name in names:
                time.sleep(REST)
                worker = workers[SEARCHES[name].library]
                answer = worker.ask(json.dumps({"name": name, "number": number}))
                found[name].append(answer)
                print(f"  round {number + 1}: {_told(name, answer)}", file=sys.stderr, flush=True)
    finally:
        for worker in workers.values():
            worker.stop(PATIENCE)
    measured = {
        "seconds": _column(found, "seconds", 3),
        "scores": _column(found, "score", 6),
        "held_out": _column(found, "held_out", 6),
        "targets": row.others,
    }
    ours = [answer["seconds"] for answer in found[row.ours]]
    measured["ratios"] = {
        name: [round(a / b["seconds"], 4) for a, b in zip(ours, found[name], strict=True)]
        for name in row.others
    }
    if row.whole is not None:
        pairs = zip(found[row.ours], found[row.whole], strict=True)
        measured["shortfalls"] = [round(_shortfall(*pair), 4) for pair in pairs]
        measured["shortfall_target"] = row.shortfall
    return measured


def _start(library, names, task):
    own = [name for name in names if SEARCHES[name].library == library]
    # No number of threads: joblib and the libraries are to choose as they do for a user. And
    # scikit-learn's few epochs do not converge, and need not.
    variables = environment.child_environment(None) | {"PYTHONWARNINGS": "ignore"}
    what = dataclasses.asdict(task) | {"searches": own}
    worker = Worker(library, what, variables, command="_search")
    worker.wait_until_ready()
    return worker


def _told(name, answer):
    score, held_out = 100 * answer["score"], 100 * answer["held_out"]
    return (
        f"{SEARCHES[name].label} {answer['seconds']:.1f} s, {score:.2f} % in cross-validation, "
        f"{held_out:.2f} % held out, {answer['params']}"
    )


def _column(found, key, digits):
    return {
        name: [round(answer[key], digits) for answer in answers] for name, answers in found.items()
    }


def _shortfall(ours, whole):
    """Return by how many points our candidate is worse than the best, where all are compared."""
    return 100 * (max(whole["scores"].values()) - whole["scores"][ours["params"]])


def weigh(row, task, rounds):
    """Weigh a search, and one fit.

    Parameters
    ----------
    row : Weighing
    task : Task
    rounds : int
        Processes of each.

    Returns
    -------
    dict
        Part of the result row, JSON's types only: MB by name, a number a round.
    """
    variables = environment.child_environment(None) | row.variables
    common = {"module": "benchmarks.search.memory", "data": task.data, "epochs": row.epochs}
    found = {"fit_mb": [], "idle_mb": [], "increase_mb": [], "target_mb": []}
    for number in range(rounds):
        fit = in_a_fresh_process("of_a_fit", variables, **common)
        search = in_a_fresh_process("of_a_search", variables, n_jobs=row.n_jobs, **common)
        target = row.fits * fit["increase_mb"] + row.worker_mb * row.n_jobs
        values = (fit["increase_mb"], search["idle_mb"], search["increase_mb"], target)
        for key, value in zip(found, values, strict=True):
            found[key].append(round(value, 1))
        print(f"  round {number + 1}: {values}", file=sys.stderr, flush=True)
    return {"memory": found, "n_jobs": row.n_jobs}


def judge(row, task, rounds):
    """Judge trainings at the rungs of a halving, by different averages of their weights.

    Parameters
    ----------
    row : Judging
    task : Task
    rounds : int

    Returns
    -------
    dict
        Part of the result row, JSON's types only: ``epochs`` of the rungs; ``accuracy`` and
        ``correlation`` by the name of what was judged, a list a round.
    """
    from benchmarks.search import pauses

    found = {"accuracy": {}, "correlation": {}}
    for number in range(rounds):
        for name, decay in row.decays.items():
            answer = pauses.judge(task, decay, number)
            for key, values in found.items():
                values.setdefault(name, []).append([round(value, 4) for value in answer[key]])
            print(f"  round {number + 1}, {name}: {answer}", file=sys.stderr, flush=True)
    return found | {"epochs": answer["epochs"]}


MEASURES = {Row: compare, Weighing: weigh, Judging: judge}
