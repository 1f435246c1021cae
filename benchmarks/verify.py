"""Whether committed results still hold: one cheap row of each file is measured again.

Equal to the last bit is asked for on the type of processor and with the versions that a row was
made with, elsewhere an accuracy (a share of the rows) within a tolerance. Files of seconds and
memory, and frozen ones, are looked at for their form only. Nothing is written.
"""

import json
import re
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import torch

from benchmarks import environment, processes, results
from benchmarks.formatting import pipe_table
from benchmarks.study import Asked
from skfashion.fitting.resuming import ENGINE

# How far the main number may be off elsewhere: rounding leads a training to other weights.
TOLERANCE = 0.01
# What every row has; either "engine" or "training" besides.
KEYS = "study version unit seed settings data versions machine commit command date".split()
# Names of what is not the same when a row is measured again.
CLOCKS = re.compile("second|dur|memory|bytes|warnings|^load_ms$|^(one|many)_(us|ratio)$")


def verify(studies, names):
    """Compare rows of the studies that are named, print a table, and return the exit status."""
    lines, holds = [], True

    def tell(name, rows, *cells):
        age = environment.age(rows[-1].get("commit")) if rows else None
        lines.append([name, len(rows), *cells, "unknown" if age is None else age])

    for study in (study for study in studies if study.name in names):
        print(study.name, file=sys.stderr, flush=True)
        rows = results.read(study.file)
        for cells, is_right in _checked(study, rows):
            tell(study.name, rows, *cells)
            holds = holds and is_right
    # Rows whose code is gone.
    for path in sorted((results.PUBLISHED / "frozen").glob("*.jsonl")):
        tell(path.stem, results.read(path), "frozen", "", "", "", "can be read")
    headings = ["file", "rows", "kind", "fitted again", "committed", "now", "verdict"]
    print(pipe_table(lines, [*headings, "commits since"]))
    return 0 if holds else 1


def _checked(study, rows):
    """Yield cells of a line, and whether all is right, for each row that is measured again."""
    wrong, kind = form(study, rows), "timings" if study.timing else "learned"
    if wrong is not None or study.timing:
        yield [kind, "", "", "", wrong or "form is right"], wrong is None
        return
    threads, jobs = torch.get_num_threads(), -1 if study.distributed else 1
    if _is_of_this_kind(rows[-1]):  # with other threads nothing is equal to the last bit
        torch.set_num_threads(rows[-1]["machine"]["cores"])
    rows = results.current(rows, study.by)
    # Nothing is taken from a cache, and no process is left behind.
    with tempfile.TemporaryDirectory() as folder, processes.ended_by_signals():
        path, options = Path(folder, "rows"), Namespace(publish=False)
        asked = Asked(study, "full", [0], path, jobs, options, brief=True)
        try:
            for unit in study.cheap:
                cells, is_right = _again(unit, rows, asked)
                yield [kind, *cells], is_right
        finally:
            torch.set_num_threads(threads)


def _again(unit, rows, asked):
    """Measure the first row of a unit again; return cells of a line, and whether it holds."""
    start, study = time.perf_counter(), asked.study
    wanted = _known_by({"unit": unit} | study.describe(unit, 0, asked))
    known = [row for row in rows if _known_by(row) == wanted]
    if not known:  # a setting, such as a default, is another one now
        return [str(unit), "", "", "no row of today's settings"], False
    asked.options.threads = known[0].get("threads")  # which decide the last bits
    found = study.measure(unit, known[0]["seed"], asked)
    found = found if isinstance(found, dict) else next(iter(found))
    names = {key: its for key, its in found.items() if key == "rows" or type(its) is str}
    names.pop("probabilities", None)
    row = next(row for row in known if names.items() <= row.items())
    # What is measured since then, the row does not know.
    now = _also_in(row, _learned(found))
    then = {key: _learned(row[key]) for key in now}
    words, is_right = _compared(row, then, now)
    what = f"{results.name_of(row)}, {time.perf_counter() - start:.0f} s"
    return [what, f"{_main(then):.4f}", f"{_main(now):.4f}", words], is_right


def _known_by(row):
    return row["unit"], results.compared(row["settings"])


def _learned(value):
    """Leave out what a clock, or the size of a process or file, says."""
    if not isinstance(value, dict):
        return value
    return {key: _learned(its) for key, its in value.items() if not CLOCKS.search(key)}


def _also_in(then, now):
    """Return what a row knows, too, of what is measured now."""
    if not (isinstance(then, dict) and isinstance(now, dict)):
        return now
    return {key: _also_in(then[key], its) for key, its in now.items() if key in then}


def form(study, rows):
    """Say what is wrong with the form of a study's rows, None if nothing is."""
    keys = (*KEYS, "training" if study.timing else "engine")
    for number, row in enumerate(rows, start=1):
        missing = [key for key in keys if key not in row]
        if missing:
            return f"row {number} has no {', '.join(missing)}"
        if row["study"] != study.name or not 1 <= row["version"] <= study.version:
            return f"row {number} is of study {row['study']!r}, number {row['version']}"
        for scope, engine in (row.get("engine") or {}).items():
            if scope not in ENGINE or not 1 <= (engine or 1) <= ENGINE[scope]:
                return f"row {number} has the engine {scope} {engine}"
    return None if rows else "no rows"


def _compared(row, then, now):
    """Say whether a row holds, in words and as a bool."""
    # As JSON has it, in which a tuple is a list.
    equal = json.dumps(then, sort_keys=True) == json.dumps(now, sort_keys=True)
    if _is_of_this_kind(row):
        return "equal to the last bit" if equal else "DIFFERS", equal
    gap = abs(_main(then) - _main(now))
    if gap > TOLERANCE:
        return f"DIFFERS by {100 * gap:.2f} points", False
    words = "equal, though" if equal else f"within {100 * TOLERANCE:.1f} points,"
    return f"{words} made on {row['machine']['cpu']} ({row['machine']['instructions']})", True


def _is_of_this_kind(row):
    """Tell whether a row was made on this type of processor, with these versions and engine."""
    here, versions = environment.machine(), environment.versions()
    return (
        all(row["machine"][key] == here[key] for key in ("cpu", "instructions"))
        and all(row["versions"][key] == versions[key] for key in ("torch", "numpy", "scikit-learn"))
        and (row["engine"] or {}).items() <= ENGINE.items()
    )


def _main(value):
    """Return the accuracy of a row, the first of several, or its first number at all."""
    if isinstance(value, dict):
        value = value.get("metrics", value)
        return _main(value.get("accuracy", [*value.values()]))
    return _main(value[0]) if isinstance(value, list) else value
