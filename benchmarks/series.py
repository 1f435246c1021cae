"""Measuring lists of named models, a fresh process a run, and going on where a series stopped."""

import statistics
import sys

from benchmarks import environment, models, results
from benchmarks.accuracy import identities_of, measure_all, not_yet_there
from benchmarks.progress import name_of
from benchmarks.validation import in_words


def measure(benchmark, models_and_seeds, path, command, threads=None):
    """Measure what the result file has not yet, and append each row.

    Parameters
    ----------
    benchmark : str
        Name of the series.
    models_and_seeds : list of (str, int)
        Keys of models, see ``benchmarks.models.find``.
    path : pathlib.Path
        Result file.
    command : str
        What the user typed.
    threads : int or None
        Threads of each run; None takes all cores.

    Returns
    -------
    int
        0, or 1 if a run failed.
    """
    import joblib

    common = {
        "benchmark": benchmark,
        "data": "full",
        "rows": None,
        "threads": threads or joblib.cpu_count(),
        "timing_shared": False,
        "command": command,
    }
    tasks = [{"model": model, "seed": seed, **common} for model, seed in models_and_seeds]
    left = not_yet_there(tasks, identities_of(tasks), results.read(path))
    if "-dirty" in (environment.commit() or ""):
        print("warning: sources differ from the commit, rows will say so", file=sys.stderr)
    failures = measure_all(left, 1, path) if left else []
    for task, error in failures:
        print(f"failed: {name_of(task)}: {error}", file=sys.stderr)
    return 1 if failures else 0


def by_model(path):
    """Return the rows that count, by model; those of ours only if its settings are still theirs."""
    groups = {}
    for row in results.current(results.read(path)):
        groups.setdefault(row["model"], []).append(row)
    return {name: group for name, group in groups.items() if _is_of_today(name, group[0])}


def _is_of_today(name, row):
    """Tell whether a model of ours would be measured with the settings of a row."""
    model = models.find(name)
    if not model.ours:
        return True
    estimator = model.build(0, row["threads"])
    classifier = type(estimator).__name__
    now, then = results.without_seeds(models.parameters(estimator)), row["parameters"]
    return in_words(classifier, now) == in_words(classifier, results.without_seeds(then))


def accuracy_cell(group):
    """Return mean and deviation of the test accuracy in per cent, as text."""
    values = [100 * row["metrics"]["accuracy"] for row in group]
    cell = f"{statistics.fmean(values):.2f}"
    return cell + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def seconds_of(group):
    """Return the median seconds of a fit."""
    return statistics.median(row["seconds"]["fit"] for row in group)


def seconds_to_reach(group, accuracy):
    """Return the median of the seconds after which published recipes reached an accuracy.

    A run that never reached it counts with all of its time.

    Returns
    -------
    seconds : float
    n_reached : int
        How many runs reached it.
    """
    found, n_reached = [], 0
    for row in group:
        curve = row["curve"]
        reached = [
            seconds
            for seconds, value in zip(curve["seconds"], curve["test_accuracy"], strict=True)
            if value >= accuracy
        ]
        n_reached += bool(reached)
        found.append(reached[0] if reached else curve["seconds"][-1])
    return statistics.median(found), n_reached


def n_seeds(groups, kind):
    """Return how many seeds the models of a kind such as "ours" have, as text."""
    counts = {len(group) for name, group in groups.items() if name.startswith(f"{kind}:")}
    return " to ".join(str(count) for count in dict.fromkeys([min(counts), max(counts)]))


def caption(rows):
    """Say where and with what rows were measured."""
    from benchmarks.tables import circumstances

    return "\n".join(circumstances(rows))
