"""Results of runs in the files of a cache: how one is read, and what a whole folder holds."""

from pathlib import Path
from typing import Any, NamedTuple

from skfashion.utils.values import read_values


class KeptRun(NamedTuple):
    """A finished run in a cache.

    Attributes
    ----------
    about : dict or None
        What the caller of ``run_all`` has said of it; None if nothing.
    result : object
    """

    about: dict[str, Any] | None
    result: Any


def read_run(file):
    """Return the run in a file of a cache, which says itself of which run it is.

    Parameters
    ----------
    file : pathlib.Path

    Returns
    -------
    KeptRun

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is damaged, holds no result of a run, or that of another run.
    """
    content = read_values(file)
    if not isinstance(content, dict) or content.keys() - {"about"} != {"run", "result"}:
        raise ValueError(f"Got the file {file}, which holds no result of a run.")
    if content["run"] != file.stem:
        raise ValueError(f"Got the file {file}, which holds the result of another run.")
    return KeptRun(content.get("about"), content["result"])


def files_of_runs(folder):
    """Return the files of all runs in a cache, in a fixed order.

    Parameters
    ----------
    folder : path-like
        The cache, or the folder of one function in it.

    Returns
    -------
    list of pathlib.Path
    """
    # What is being written begins with a dot.
    return sorted(file for file in Path(folder).rglob("*.npz") if file.name[0] != ".")
