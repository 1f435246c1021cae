"""Whether committed results still hold: one cheap row of each file is measured again.

A study that learns something has a function ``verify(rows)``. It yields, for one row or more, the
row, and what it says and what it says now: dicts of numbers and lists, the main number first.
"""

import json
import sys
import time
from contextlib import contextmanager

from benchmarks import environment, results
from benchmarks.errors import names_of
from benchmarks.markdown import pipe_table

DESCRIPTION = """\
Fit one cheap seed of each file of learned results again, and compare it with the committed row:
equal to the last bit on the type of processor and with the versions that it was made with,
elsewhere the accuracy (a share of the rows) within a tolerance. Files of seconds and memory, and
frozen ones, are looked at for their form only. Nothing is written.
"""

# How far the main number may be off elsewhere: rounding leads a training to other weights.
TOLERANCE = 0.01
# No command writes them any more.
FROZEN = ("stacking",)
# What every row has; either "engine" or "training" besides.
KEYS = ("study", "version", "unit", "seed", "settings", "data", "versions")
KEYS += ("machine", "commit", "command", "date")


def studies():
    """Return the modules of the studies that learn something, by the name of their file."""
    from benchmarks import (
        ablation,
        accuracy,
        defaults,
        ensembles,
        fairness,
        frontier,
        honesty,
        imbalance,
        labels,
        learning_curve,
        reference,
        robustness,
        sensitivity,
        tuning,
    )

    return {
        "ablation": ablation,
        "accuracy-full": accuracy,
        "defaults": defaults,
        "ensembles": ensembles,
        "fairness": fairness,
        "frontier": frontier,
        "honesty": honesty,
        "imbalance": imbalance,
        "labels": labels,
        "learning-curve": learning_curve,
        "reference": reference,
        "robustness": robustness,
        "sensitivity": sensitivity,
        "tuning": tuning,
    }


def add_parser(subparsers):
    """Add the command ``verify``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "verify",
        help="measure a cheap row of each result file again, and compare",
        description=DESCRIPTION,
    )
    parser.add_argument("--files", help="names of files without .jsonl, with commas; default all")
    parser.set_defaults(command=main)


def main(options):
    """Compare, and print a table.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0, or 1 if a file does not hold.
    """
    found = sorted(path.stem for path in results.PUBLISHED.glob("*.jsonl"))
    names = found if options.files is None else names_of(options.files, found, "--files")
    lines, holds = [], True
    for name in names:
        print(name, file=sys.stderr, flush=True)
        for line, is_right in verify(name):
            lines.append(line)
            holds = holds and is_right
    headings = ["file", "rows", "kind", "fitted again", "committed", "now", "verdict"]
    print(pipe_table(lines, [*headings, "commits since"]))
    return 0 if holds else 1


def verify(name):
    """Yield a line of the table, and whether all is right, for each row that is measured again.

    Parameters
    ----------
    name : str
        Of a committed file.
    """
    rows = results.read(results.PUBLISHED / f"{name}.jsonl")
    kind = "frozen" if name in FROZEN else "timings" if name in results.TIMED else "learned"
    ages = [environment.age(row.get("commit")) for row in rows[-1:]]
    age = "unknown" if ages in ([], [None]) else ages[0]
    wrong = form(name, rows)
    if wrong is not None:
        yield [name, len(rows), kind, "", "", "", wrong, age], False
    elif kind != "learned":
        yield [name, len(rows), kind, "", "", "", "form is right", age], True
    else:
        start = time.perf_counter()
        for row, then, now in _measured_again(name, rows):
            words, is_right = compare(row, then, now)
            seconds = time.perf_counter() - start
            what = f"{in_words(row)}, {seconds:.0f} s"
            yield [name, len(rows), kind, what, _main(then), _main(now), words, age], is_right
            start = time.perf_counter()


def _measured_again(name, rows):
    """Yield what the study's own function does."""
    # With another number of threads nothing would be equal to the last bit.
    n_threads = rows[-1]["machine"]["cores"] if _is_of_this_kind(rows[-1]) else None
    with _threads(n_threads):
        yield from studies()[name].verify(results.current(rows))


@contextmanager
def _threads(n_threads):
    """Let PyTorch use so many threads, or as many as it does with None."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def form(name, rows):
    """Say what is wrong with the form of rows, None if nothing is.

    Parameters
    ----------
    name : str
        Of their file.
    rows : list of dict
    """
    from skfashion.fitting.resuming import ENGINE

    if not rows:
        return "no rows"
    for number, row in enumerate(rows, start=1):
        decided = "training" if row.get("study") in {*results.TIMED, *FROZEN} else "engine"
        missing = [key for key in (*KEYS, decided) if key not in row]
        if missing:
            return f"row {number} has no {', '.join(missing)}"
        study, known = row["study"], results.NUMBERS | dict.fromkeys(FROZEN, 1)
        if name.removesuffix("-full") != study or not 1 <= row["version"] <= known[study]:
            return f"row {number} is of study {study!r}, number {row['version']}"
        for scope, engine in (row.get("engine") or {}).items():
            if scope not in ENGINE or not 1 <= (engine or 1) <= ENGINE[scope]:
                return f"row {number} has the engine {scope} {engine}"
    return None


def compare(row, then, now):
    """Say whether a row holds.

    Parameters
    ----------
    row : dict
    then, now : dict
        What it says, and what it says now.

    Returns
    -------
    str, bool
    """
    equal = _flat(then) == _flat(now)
    if _is_of_this_kind(row):
        return "equal to the last bit" if equal else "DIFFERS", equal
    gap = abs(next(_numbers(then)) - next(_numbers(now)))
    if gap > TOLERANCE:
        return f"DIFFERS by {100 * gap:.2f} points", False
    words = "equal, though" if equal else f"within {100 * TOLERANCE:.1f} points,"
    return f"{words} made on {row['machine']['cpu']} ({row['machine']['instructions']})", True


def _is_of_this_kind(row):
    """Tell whether a row was made on this type of processor, with these versions and engine."""
    from skfashion.fitting.resuming import ENGINE

    here, versions = environment.machine(), environment.versions()
    return (
        all(row["machine"][key] == here[key] for key in ("cpu", "instructions"))
        and all(row["versions"][key] == versions[key] for key in ("torch", "numpy", "scikit-learn"))
        and all(ENGINE[scope] == engine for scope, engine in (row["engine"] or {}).items())
    )


def _flat(value):
    # As JSON has it, in which a tuple is a list.
    return json.dumps(value, sort_keys=True)


def _numbers(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


def _main(value):
    return f"{next(_numbers(value)):.4f}"


def in_words(row):
    """Name what a row is of, and its seed."""
    unit = row["unit"]
    if isinstance(unit, dict):
        texts = [value for value in unit.values() if isinstance(value, str)]
        unit = ", ".join(texts or [row["estimator"], row["treatment"]])
    return unit if row["seed"] is None else f"{unit}, seed {row['seed']}"


def of_unit(rows, unit, seed=0, **more):
    """Return the row of a unit and seed; `more` are values that tell it from others of them.

    Parameters
    ----------
    rows : list of dict
    unit : str or dict
    seed : int or None
    **more
        Values by key.

    Returns
    -------
    dict
    """
    wanted = {"unit": unit, "seed": seed, **more}
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))
