"""Many independent runs through joblib, each only once: finished ones are kept on the disk."""

import joblib
from tqdm.auto import tqdm


def run_all(function, tasks, shared, *, n_jobs=None, cache=None, verbose=1):
    """Return what `function` makes of each task, in the order of the tasks.

    Runs go through whatever backend joblib is set to (``joblib.parallel_config``): processes,
    threads, a Dask cluster. With a `cache`, the worker writes each result as soon as it has it, so
    that after a crash the same call does only what is missing.

    Parameters
    ----------
    function : callable
        ``function(task, digest, shared) -> result``, a module's function; the cache forgets its
        results when its source changes.
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

    Returns
    -------
    list
        The results.
    """
    memory = joblib.Memory(cache, verbose=0)
    remembered = memory.cache(function, ignore=["shared"])
    digest = joblib.hash(shared) if cache is not None else None
    run = joblib.delayed(_numbered)
    results = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        run(i, remembered, task, digest, shared) for i, task in enumerate(tasks)
    )
    # In the order in which they end, so that the bar shows how far it really is.
    ended = dict(tqdm(results, total=len(tasks), unit="run", disable=not verbose))
    return [ended[i] for i in range(len(tasks))]


def _numbered(i, function, task, digest, shared):
    return i, function(task, digest, shared)
