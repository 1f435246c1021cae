"""Measuring lists of named models, a fresh process a run, and going on where a series stopped."""

import statistics
import sys

from benchmarks import models, results
from benchmarks.accuracy import identities_of, measure_all, not_yet_there
from benchmarks.progress import name_of


def measure(study, models_and_seeds, path, command, threads=None):
    """Measure what the result file has not yet, and append each row.

    Parameters
    ----------
    study : str
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
        "study": study,
        "data": "full",
        "rows": None,
        "threads": threads or joblib.cpu_count(),
        "timing_shared": False,
        "command": command,
    }
    tasks = [{"model": model, "seed": seed, **common} for model, seed in models_and_seeds]
    left = not_yet_there(tasks, identities_of(tasks), results.read(path))
    if left:
        results.refuse_dirty(path)
    failures = measure_all(left, 1, path) if left else []
    for task, error in failures:
        print(f"failed: {name_of(task)}: {error}", file=sys.stderr)
    return 1 if failures else 0


def by_model(path):
    """Return the rows that count, by model; those of ours only if its settings are still theirs."""
    groups = {}
    for row in results.current(results.read(path)):
        groups.setdefault(row["unit"], []).append(row)
    return {name: group for name, group in groups.items() if _is_of_today(name, group[0])}


def _is_of_today(name, row):
    """Tell whether a model of ours would be measured with the settings of a row."""
    model = models.find(name)
    if not model.ours:
        return True
    now = models.described(model.build(0, row["threads"]))
    return results.compared(now) == results.compared(row["settings"])


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


def verify(rows, model):
    """Yield the first seed of a model as it is, and as it is when it is measured again."""
    from benchmarks.run import measure as measure_one
    from benchmarks.verify import of_unit

    row = of_unit(rows, model)
    task = {"study": row["study"], "model": model, "seed": 0, "data": "full", "rows": None}
    task |= {"threads": row["threads"], "timing_shared": False, "command": row["command"]}
    found = measure_one(task)
    keys = ("metrics", "confusion_matrix")
    yield row, {key: row[key] for key in keys}, {key: found[key] for key in keys}
