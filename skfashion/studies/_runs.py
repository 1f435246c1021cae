"""Many independent runs through joblib, each only once: finished ones are kept on the disk."""

import importlib.metadata
import inspect
import os
import traceback
import uuid
import warnings
from pathlib import Path

import joblib
from tqdm.auto import tqdm

# A result that was kept under another version of one of these is not taken for one of today.
LIBRARIES = ("skfashion", "scikit-learn", "imbalanced-learn", "torch", "numpy")


def run_all(function, tasks, shared, *, n_jobs=None, cache=None, verbose=1, on_error="raise"):
    """Return what `function` makes of each task, in the order of the tasks.

    Runs go through whatever backend joblib is set to (``joblib.parallel_config``): processes,
    threads, a Dask cluster. With a `cache`, the worker writes each result as soon as it has it, so
    that after a crash the same call does only what is missing.

    Parameters
    ----------
    function : callable
        ``function(task, shared) -> result``, a module's function; the cache knows it by its
        name, the source of its module and the versions of the libraries.
    tasks : list of dict
        What distinguishes the runs: numbers, strings, unfitted estimators.
    shared : dict of str to array or None
        The data of all runs. The cache tells them apart by their content.
    n_jobs : int, default=None
        Number of runs at a time, as joblib counts.
    cache : path-like, default=None
        Folder of finished runs, made if it is missing; None keeps nothing.
    verbose : int, default=1
        Whether a progress bar is shown.
    on_error : {"raise", "warn"}, default="raise"
        Whether an error in a run ends all, or only warns and leaves its result out. The cache
        never keeps an error.

    Returns
    -------
    list
        The results; None for a run that failed.

    Raises
    ------
    ValueError
        If `on_error` is not as described.

    Notes
    -----
    ``joblib.Memory`` is not used, because it notes the source of a function in the first folder of
    a process only (1.6). Whoever resumes from a second one does finished runs again.
    """
    if on_error not in ("raise", "warn"):
        raise ValueError(f"Got on_error={on_error!r}, expected 'raise' or 'warn'.")
    # What all results of this call hang on.
    common = None if cache is None else (_source(function), _versions(), joblib.hash(shared))
    run = joblib.delayed(_numbered)
    results = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        run(i, _file(cache, function, task, common), function, task, shared, on_error)
        for i, task in enumerate(tasks)
    )
    # In the order in which they end, so that the bar shows how far it really is.
    ended = {}
    for i, result, error in tqdm(results, total=len(tasks), unit="run", disable=not verbose):
        ended[i] = result
        if error is not None:
            warnings.warn(f"A run failed and is left out. {error}", RuntimeWarning, stacklevel=3)
    return [ended[i] for i in range(len(tasks))]


def _file(cache, function, task, common):
    """Return where the result of a run is kept, or None."""
    if cache is None:
        return None
    folder = Path(cache).absolute() / f"{function.__module__}.{function.__qualname__}"
    return folder / f"{joblib.hash((common, task))}.pkl"


def _source(function):
    """Return the text of a function's whole module, since it calls what stands beside it."""
    return Path(inspect.getsourcefile(function)).read_text(encoding="utf-8")


def _versions():
    """Return the versions of what computes the results."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def _numbered(i, file, function, task, shared, on_error):
    try:
        return i, _once(file, function, task, shared), None
    except Exception as error:
        if on_error == "raise":
            raise
        # As text: not every exception can be sent from one process to another.
        return i, None, "".join(traceback.format_exception_only(error)).strip()


def _once(file, function, task, shared):
    if file is not None and file.exists():
        return joblib.load(file)
    result = function(task, shared)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Put in its place in one step: a run that is killed while it writes leaves nothing there.
        unfinished = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        joblib.dump(result, unfinished)
        os.replace(unfinished, file)
    return result
