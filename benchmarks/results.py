"""Result files: one JSON line a run, appended as soon as the run ends."""

import json
import os
from pathlib import Path

from benchmarks.environment import ROOT
from benchmarks.errors import BenchmarkError

PUBLISHED = ROOT / "benchmarks" / "results"
LOCAL = PUBLISHED / "local"


def path_for(directory, data_name):
    """Name the result file of one data set.

    Parameters
    ----------
    directory : path-like
    data_name : str

    Returns
    -------
    pathlib.Path
    """
    return Path(directory) / f"accuracy-{data_name}.jsonl"


def read(path):
    """Read all rows of a result file.

    Parameters
    ----------
    path : pathlib.Path
        A missing file has no rows.

    Returns
    -------
    list of dict
        In the order they were written. A last line without its end (a machine that lost
        power) is left out.

    Raises
    ------
    BenchmarkError
        If another line is not JSON.
    """
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


def append(path, row):
    """Add one row, see `append_all`.

    Parameters
    ----------
    path : pathlib.Path
    row : dict
    """
    append_all(path, [row])


def append_all(path, rows):
    """Add rows, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        Made with its folders if missing.
    rows : list of dict
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_bytes()[-1:] not in (b"", b"\n"):
        os.truncate(path, len(_whole_lines(path)))  # half a line, left by a crash
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        # One write call in append mode: readers and a second writer never see half a line.
        os.write(descriptor, b"".join(map(_line, rows)))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_current(path):
    """Drop the rows that newer ones have replaced, in one step.

    Parameters
    ----------
    path : pathlib.Path
    """
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(b"".join(_line(row) for row in current(read(path))))
    os.replace(temporary, path)


def identity(row):
    """Everything that must be equal for two rows to be repetitions of one measurement.

    That is the model with its parameters, the data, versions, machine, threads, whether the
    processor was shared with other runs, and for skfashion's own models the sources. The
    commit is not part of it: a commit that touches neither changes no result.

    Parameters
    ----------
    row : dict

    Returns
    -------
    str
    """
    parts = [without_seeds(row["parameters"])] + [
        row[key]
        for key in ("model", "data", "versions", "machine", "threads", "timing_shared", "code")
    ]
    return json.dumps(parts, sort_keys=True)


def without_seeds(parameters):
    """Leave out what a seed decides.

    Parameters
    ----------
    parameters : dict
        Of an estimator, as ``benchmarks.models.parameters`` describes it.

    Returns
    -------
    dict
        Without ``random_state``, that of steps and members too.
    """
    return {
        name: without_seeds(value) if isinstance(value, dict) else value
        for name, value in parameters.items()
        if not name.endswith("random_state")
    }


def current(rows):
    """Choose the rows that count: for each model its newest measurement, a row a seed.

    Parameters
    ----------
    rows : list of dict
        In the order they were written.

    Returns
    -------
    list of dict
        Sorted by model and seed. Older rows with another identity (other parameters, another
        machine …) are left out, so that a mean is never taken over different things.
    """
    newest = {row["model"]: identity(row) for row in rows}
    chosen = {
        (row["model"], row["seed"]): row for row in rows if identity(row) == newest[row["model"]]
    }
    return [chosen[key] for key in sorted(chosen)]


def _line(row):
    # allow_nan=False: NaN is not JSON, and a NaN result is a failure to look into, not a row.
    return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _whole_lines(path):
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1]
