"""Result files: one JSON line a run, appended as soon as the run ends."""

import json
import os
import re
from functools import cache

from benchmarks import environment
from benchmarks.environment import ROOT
from benchmarks.errors import BenchmarkError
from benchmarks.models import parameters

PUBLISHED = ROOT / "benchmarks" / "results"
LOCAL = PUBLISHED / "local"


def read(path):
    """Read all rows of a result file."""
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(_whole_lines(path).decode().splitlines(), start=1):
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
    if path.exists() and path.read_bytes()[-1:] not in (b"", b"\n"):
        os.truncate(path, len(_whole_lines(path)))  # half a line, left by a crash
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        # One write call in append mode: readers and a second writer never see half a line.
        os.write(descriptor, "".join(lines).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def head(study, seed, unit, settings, *, data=None, scope="images", packages=(), **more):
    """Return what a row of a study begins with: all that it is recognised by.

    ``unit`` is what the row is of, and ``seed`` None where nothing is drawn. ``settings`` is all
    that was chosen, in JSON's types, with the classifiers as ``benchmarks.models.described`` writes
    them; ``data`` what was trained and measured on, where the settings do not say it. ``scope`` is
    the key of skfashion's ``ENGINE`` that the result hangs on, "images" or "tables", None where no
    net of ours is trained; ``packages`` are those whose versions decide this row besides those of
    the study. Where seconds are compared there are ``threads`` and ``timing_shared``.
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


def is_older(row):
    """Tell whether a row was learned by an engine before today's."""
    from skfashion.fitting.resuming import ENGINE

    return any((its or 0) < ENGINE[scope] for scope, its in (row.get("engine") or {}).items())


def identity(row):
    """Return what must be equal for a row to be there already.

    Of a learned result: the study and its number, unit, seed, settings and data, the versions of
    the packages that compute it, and the number of skfashion's ``ENGINE``. The sources are none of
    it: a moved file or a docstring changes no result. Where seconds are compared the machine
    counts, too, and for studies of nothing but seconds and memory the code of the training.
    """
    keys = ("study", "version", "seed", "data", "engine", "training")
    parts = [row.get(key) for key in keys] + [row["unit"], compared(row["settings"])]
    # Of these two the package's numbers hang on neither: ENGINE stands for our own code.
    parts.append({k: v for k, v in row["versions"].items() if k not in ("python", "skfashion")})
    if "threads" in row or "training" in row:
        parts += [row["machine"], row.get("threads"), row.get("timing_shared")]
    return json.dumps(parts, sort_keys=True)


def compared(settings):
    """Return settings as they are compared: any dict with a "class" describes an object of it.

    Seeds and numbers of processes are left out, and of skfashion's classes all that is a default
    today: a parameter that a class got after a row was written changes nothing about that row,
    but for those of which the class says what they were before.
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
        and not (name.partition("__")[0] in settings and "__" in name)
        and not (name in defaults and value == defaults[name])
    }


@cache
def _defaults(name):
    """Return all parameters of a class of skfashion's, none of them set; of another's, none.

    And those that older rows do not name, since they came later and changed what is a default.
    """
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
    """Choose the rows that count: of each unit its newest measurement, sorted by seed.

    Older rows of a unit with another identity (other settings, another engine …) are left out, so
    that a mean is never taken over different things, and so are those that were measured again. By
    ``("unit", "settings")`` all settings of a unit are kept.
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


def of_unit(rows, unit, seed=0, **more):
    """Return the row of a unit and seed; `more` are values that tell it from others of them."""
    wanted = {"unit": unit, "seed": seed, **more}
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


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


def _whole_lines(path):
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1]
