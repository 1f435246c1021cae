"""Tables out of files, and out of the cache of a study."""

import io
import json

import pandas as pd

from skfashion.parallel.kept import files_of_runs, read_run

KINDS = ".csv, .json, .jsonl, .parquet, or the cache folder of a study"


def read_tables(path, memory=None):
    """Return the tables in a file or a cache.

    Parameters
    ----------
    path : pathlib.Path
        A file of CSV, JSON (records or columns), JSON lines or Parquet, or the cache folder of
        ``imbalance_study`` or ``fairness_study``.
    memory : dict, default=None
        Runs of caches that have been read before, by file; new ones are added.

    Returns
    -------
    dict of str to DataFrame
        By what to call each besides the path: "" where there is one only. Empty for a cache
        without runs.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is of an unknown kind, or cannot be read as what its name says.
    """
    if path.is_dir():
        return _read_cache(path, {} if memory is None else memory)
    readers = {
        ".csv": pd.read_csv,
        ".json": _read_json,
        ".jsonl": _read_lines,
        ".ndjson": _read_lines,
        ".parquet": pd.read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    content = path.read_bytes()
    if reader is None:
        raise ValueError(
            f"Got {path}, expected {KINDS}. Write a table with frame.to_csv(...), and a search "
            "with pd.DataFrame(search.cv_results_).to_csv(...)."
        )
    try:
        return {"": reader(io.BytesIO(content))}
    except ImportError:
        raise
    except Exception as error:  # whatever a file of another kind makes a reader do
        raise ValueError(
            f"Got {path}, which cannot be read as {path.suffix} ({type(error).__name__}: "
            f"{error!s:.200}). Expected a table; write it anew."
        ) from error


def _read_json(stream):
    """Return JSON's records, or columns as lists or by index, as a table."""
    content = json.load(stream)
    if isinstance(content, dict) and all(isinstance(v, dict | list) for v in content.values()):
        return pd.DataFrame(content)
    return _as_frame(content if isinstance(content, list) else [content])


def _read_lines(stream):
    return _as_frame([json.loads(line) for line in stream if line.strip()])


def _as_frame(records):
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("it holds something else than objects")
    return pd.DataFrame(records)


def _read_cache(folder, memory):
    """Return the tables of a cache, one for each function whose runs it keeps."""
    tables, n_silent = {}, 0
    for file in files_of_runs(folder):
        stat = file.stat()
        key = (str(file), stat.st_mtime_ns, stat.st_size)
        if key not in memory:
            memory[key] = read_run(file)
        about, result = memory[key]
        if not isinstance(about, dict) or not {"names", "columns"} <= about.keys():
            n_silent += 1
            continue
        rows = tables.setdefault(file.parent.name, [])
        rows += [about["names"] | dict(zip(about["columns"], row, strict=True)) for row in result]
    if n_silent and not tables:
        raise ValueError(
            f"Got {folder}, whose {n_silent} runs do not say what they are, expected the cache of "
            "imbalance_study or fairness_study of this version. Save what the study returns: "
            "frame.to_csv(...)."
        )
    # Folders are called as functions are: skfashion.studies.imbalance._run.
    names = {name: name.split(".")[-2] if len(tables) > 1 else "" for name in tables}
    return {names[name]: pd.DataFrame(rows) for name, rows in tables.items()}
