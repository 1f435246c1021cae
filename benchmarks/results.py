"""Result files: one JSON line a run, appended as soon as the run ends."""

import json
import os
import re
from functools import cache

from benchmarks import environment
from benchmarks.errors import BenchmarkError
from benchmarks.models import parameters

PUBLISHED = environment.ROOT / "benchmarks" / "results"
LOCAL = PUBLISHED / "local"


def read(path):
    """Read all rows of a result file."""
    rows = []
    whole = _content(path).rpartition(b"\n")[0]
    for number, line in enumerate(whole.decode().splitlines(), start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise BenchmarkError(
                f"Line {number} of {path} is not a JSON object ({error}). Remove that line."
            ) from error
    return rows


def append(path, rows):
    """Add rows, whole or not at all."""
    # allow_nan=False: NaN is not JSON, and a NaN result is a failure to look into, not a row.
    lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    content = _content(path)
    if half := content.rpartition(b"\n")[2]:  # of a line, left by a crash
        os.truncate(path, len(content) - len(half))
    with path.open("ab", buffering=0) as file:
        # One write call in append mode: readers and a second writer never see half a line.
        file.write("".join(lines).encode())
        os.fsync(file)


def _content(path):
    return path.read_bytes() if path.exists() else b""


def head(study, seed, unit, settings, *, data=None, scope="images", packages=(), **more):
    """Return what a row of a study begins with: all that it is recognised by, in JSON's types.

    ``settings`` has all that was chosen, ``data`` what they do not say of it. ``scope`` is the key
    of skfashion's ``ENGINE`` that the result hangs on, None where no net of ours is trained. Where
    seconds are compared there are ``threads`` and ``timing_shared``.
    """
    from skfashion.fitting.resuming import ENGINE

    if study.timing:
        decided = {"training": environment.code_hash(*environment.TRAINING)}
    else:
        decided = {"engine": None if scope is None else {scope: ENGINE[scope]}}
    return {
        "study": study.name,
        "version": study.version,
        "unit": unit,
        "seed": seed,
        "settings": settings,
        "data": data,
        **decided,
        **more,
        "code": environment.code_hash(),
        "versions": environment.versions(*study.packages, *packages),
        "machine": environment.machine(),
    }


def identity(row):
    """Return what must be equal for a row to be there already, as text; no part is the sources."""
    keys = ("study", "version", "seed", "data", "engine", "training")
    parts = [row.get(key) for key in keys] + [row["unit"], compared(row["settings"])]
    # Of these two the package's numbers hang on neither: ENGINE stands for our own code.
    parts.append({k: v for k, v in row["versions"].items() if k not in ("python", "skfashion")})
    if "threads" in row or "training" in row:
        parts += [row["machine"], row.get("threads"), row.get("timing_shared")]
    return json.dumps(parts, sort_keys=True)


def compared(settings):
    """Return settings as they are compared: without seeds, numbers of processes and defaults.

    A parameter that a class of skfashion's got after a row was written changes nothing about that
    row, but for those of which the class says what they were before.
    """
    if isinstance(settings, list | tuple):
        return [compared(value) for value in settings]
    if not isinstance(settings, dict):
        return settings
    defaults, before = _defaults(settings.get("class"))
    settings = before | settings
    return {
        name: compared(value)
        for name, value in settings.items()
        if not name.endswith(("random_state", "n_jobs"))
        # What "name__parameter" says, stands in the dict of that name.
        and not ("__" in name and name.partition("__")[0] in settings)
        and not (name in defaults and value == defaults[name])
    }


@cache
def _defaults(name):
    """Return the parameters of one of skfashion's classes, and those that were other defaults."""
    import skfashion

    cls = None if name is None else getattr(skfashion, name, None)
    return ({}, {}) if cls is None else (parameters(cls()), getattr(cls, "_before", {}))


def without_seeds(settings):
    """Leave out every ``random_state``, those of steps and members too."""
    return {
        name: without_seeds(value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if not name.endswith("random_state")
    }


def current(rows, by=("unit",)):
    """Choose the rows that count, by seed: of each unit those of the identity of its last row.

    So a mean is never taken over different things, such as other settings or another engine.
    """
    units = [json.dumps([compared(row[key]) for key in by], sort_keys=True) for row in rows]
    kinds = [identity(row | {"seed": None}) for row in rows]
    newest = dict(zip(units, kinds, strict=True))
    triples = zip(units, kinds, rows, strict=True)
    known = [(kind, row) for unit, kind, row in triples if kind == newest[unit]]
    # The rows of one measurement are written together, and have one date.
    last = {(kind, row["seed"]): row["date"] for kind, row in known}
    chosen = [row for kind, row in known if row["date"] == last[kind, row["seed"]]]
    return sorted(chosen, key=lambda row: -1 if row["seed"] is None else row["seed"])


def of_unit(rows, unit, seed=0):
    """Return the row of a unit and seed."""
    return next(row for row in rows if (row["unit"], row["seed"]) == (unit, seed))


def name_of(row):
    """Name a run in a line: its unit and its seed."""
    unit = row["unit"]
    if isinstance(unit, dict):
        unit = ", ".join(str(value) for value in unit.values() if value not in ({}, [None]))
    return str(unit) if row["seed"] is None else f"{unit} seed {row['seed']}"


def commits(rows):
    """Say from which commits rows come, and how many from sources that were changed since."""
    names = [row["commit"] or "unknown" for row in rows]
    changed = sum(name.endswith("-dirty") for name in names)
    short = dict.fromkeys(re.sub("^([0-9a-f]{10})[0-9a-f]*", r"\1", name) for name in names)
    note = f" ({changed} of these rows come from sources that differed from their commit)"
    return f"commit {' / '.join(short)}{note if changed else ''}"
