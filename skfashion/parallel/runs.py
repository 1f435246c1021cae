"""Many independent runs through joblib, each only once: finished ones are kept on the disk."""

import importlib.metadata
import inspect
import pickle
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import joblib
from sklearn import config_context, get_config

from skfashion.parallel.cluster import SharedData, nothing_leaves, results_of, without_future
from skfashion.parallel.kept import read_run
from skfashion.parallel.progress import make_bar
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.files import sweep
from skfashion.utils.values import write_values

# A result that was kept under another version of one of these is not taken for one of today.
LIBRARIES = ("skfashion", "scikit-learn", "imbalanced-learn", "skorch", "torch", "numpy")


@dataclass(frozen=True)
class Failed:
    """What stands in for the result of a run that failed.

    Attributes
    ----------
    reason : str
        The error.
    where : str
        Its notes, such as which run it was; "" without any.
    """

    reason: str
    where: str = ""


def run_all(
    function,
    tasks,
    shared,
    *,
    given=None,
    n_jobs=None,
    cache=None,
    kept=None,
    about=None,
    order=None,
    verbose=1,
    on_error="raise",
):
    """Return what `function` makes of each task, in the order of the tasks.

    Runs go through whatever backend joblib is set to (``joblib.parallel_config``): processes,
    threads, a Dask cluster. With a `cache`, each result is written as soon as it arrives, by the
    process that called, so that after a crash the same call does only what is missing, and no
    worker needs to see the same disk.

    Parameters
    ----------
    function : callable
        ``function(task, shared) -> result``, a module's function; the cache knows it by its
        name, the sources of the package it belongs to and the versions of the libraries.
    tasks : list of dict
        What distinguishes the runs: numbers, strings, unfitted estimators.
    shared : dict of str to object, or skfashion.parallel.cluster.SharedData
        The data of all runs, arrays or None for the most part, as keyword arguments. The cache
        tells them apart by their content. ``SharedData`` serves several calls, and is sent to a
        Dask cluster once for all of them.
    given : list or None
        What each run gets besides as a third argument, and what follows from its task, so that
        the cache need not look at it.
    n_jobs : int, default=None
        Number of runs at a time, as joblib counts.
    cache : path-like, default=None
        Folder of finished runs, made if it is missing; None keeps nothing.
    kept : callable, default=None
        ``kept(result) -> value``: what of a result the cache keeps, and gives back instead of it: a
        value that ``skfashion.utils.values`` can write, or None to keep nothing. The default keeps
        all.
    about : list of dict or None
        What each run's file says of it to whoever reads the cache without the call: numbers and
        words. The cache need not look at it to tell runs apart.
    order : iterable of int or None
        The places of all tasks, in the order in which they are to begin; None is that of the tasks.
    verbose : int, default=1
        Whether a progress bar is shown.
    on_error : {"raise", "warn"}, default="raise"
        Whether an error in a run ends all, or only warns and stands in for its result. The cache
        never keeps an error.

    Returns
    -------
    list
        The results; a `Failed` of a run that failed.

    Warns
    -----
    RuntimeWarning
        If a file of the cache is damaged, and its run is done again; if a result cannot be written,
        on a full disk say, and only this call has it; with ``on_error="warn"``, if a run fails.

    Raises
    ------
    ValueError
        If `on_error` is not as described, or the cache is no folder that can be written.
    ConnectionError
        If the scheduler of the Dask cluster is gone. What has arrived until then is in the cache.

    Notes
    -----
    ``joblib.Memory`` is not used, because it notes the source of a function in the first folder of
    a process only (1.6). Whoever resumes from a second one does finished runs again.
    """
    if on_error not in ("raise", "warn"):
        raise ValueError(f"Got on_error={on_error!r}, expected 'raise' or 'warn'.")
    if cache is not None:
        cache = _check_folder(cache)
    if not isinstance(shared, SharedData):
        shared = SharedData(shared)
    # What all results of this call hang on.
    common = None if cache is None else (_hash_of_sources(function), _versions(), shared.digest)
    files = [_file_of(cache, function, task, common) for task in tasks]
    ended = _results_in(files)
    extra = [()] * len(tasks) if given is None else [(value,) for value in given]
    calls = {
        i: (function, tasks[i], extra[i], on_error, get_config())
        for i in (range(len(tasks)) if order is None else order)
        if i not in ended
    }
    results = results_of(_run_one, calls, shared, n_jobs=n_jobs, kept_in=cache)
    # In the order in which they end, so that the bar shows how far it really is.
    bar = make_bar(results, initial=len(ended), total=len(tasks), unit="run", disable=not verbose)
    for i, result, error in bar:
        ended[i] = result if error is None else error
        if error is not None:
            message = f"A run failed: {error.reason} {error.where}".strip()
            warn_the_caller(message, RuntimeWarning)
        elif files[i] is not None:
            value = result if kept is None else kept(result)
            if kept is None or value is not None:
                _keep(files[i], value, None if about is None else about[i])
    return [ended[i] for i in range(len(tasks))]


def _results_in(files):
    """Return the results that are kept already, by their place; damaged ones are warned of."""
    for folder in {file.parent for file in files if file is not None}:
        sweep(folder)
    ended = {}
    for i, file in enumerate(files):
        if file is not None and file.is_file():
            try:
                ended[i] = read_run(file).result
            except ValueError as error:
                message = f"{error} Its run is done again."
                warn_the_caller(message, RuntimeWarning)
    return ended


def _keep(file, result, about):
    """Write a result; a run that is finished is not lost because a disk is full."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        said = {} if about is None else {"about": about}
        write_values(file, {"run": file.stem, "result": result, **said})
    except (OSError, TypeError) as error:  # TypeError: it is more than numbers and words
        reason = getattr(error, "strerror", None) or error
        warn_the_caller(
            f"Could not keep the result of a run in {file.parent} ({reason}). The others go on, "
            "and this call returns all of them; a later one does again what is not kept.",
            RuntimeWarning,
        )


def _check_folder(cache):
    """Return the folder, made if it is missing; before work is done that could not be kept."""
    try:
        folder = Path(cache).expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home directory
        raise ValueError(
            f"Got cache={str(cache)!r}, expected a folder that can be written ({error})."
        ) from error
    return folder


def _file_of(cache, function, task, common):
    """Return where the result of a run is kept, or None."""
    if cache is None:
        return None
    folder = cache / f"{function.__module__}.{function.__qualname__}"
    try:
        return folder / f"{joblib.hash((common, task))}.npz"
    except pickle.PicklingError as error:
        raise TypeError(
            f"Got cache={str(cache)!r} with a run that cannot be told from others ({error}), "
            "expected functions of a module; define them in a file, or leave the cache out."
        ) from error


def _hash_of_sources(function):
    """Return a hash of the sources of a function's package, since it calls what is there.

    Of a function of a single file, that file.
    """
    package = sys.modules.get(function.__module__.partition(".")[0])
    if getattr(package, "__file__", None) is None or not hasattr(package, "__path__"):
        return joblib.hash(Path(inspect.getsourcefile(function)).read_text(encoding="utf-8"))
    return _package_source(*package.__path__)


@lru_cache
def _package_source(*folders):
    files = sorted(file for folder in folders for file in Path(folder).rglob("*.py"))
    return joblib.hash([file.read_bytes() for file in files])


def _versions():
    """Return the versions of what computes the results."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def _run_one(i, function, task, extra, on_error, config, **shared):
    shared = {name: without_future(value) for name, value in shared.items()}
    try:
        # scikit-learn's configuration is that of the thread that called.
        with config_context(**config), nothing_leaves():
            return i, function(task, shared, *extra), None
    except Exception as error:
        if on_error == "raise":
            raise
        # As text: not every exception can be sent from one process to another.
        where = " ".join(getattr(error, "__notes__", ()))
        return i, None, Failed(f"{type(error).__name__}: {error}", where)
