"""What many runs on a Dask cluster need besides joblib: data sent once, and an end in any case."""

import threading
import time
from contextlib import contextmanager, nullcontext
from functools import cached_property

import joblib
from joblib.parallel import get_active_backend

from skfashion.utils.callers import warn_the_caller

# Seconds between two looks at the connection, and seconds that joblib has to end by itself.
INTERVAL, GRACE = 0.2, 5.0
# Seconds in which a new worker is waited for where too few are left.
PATIENCE = 30.0
COMPUTED_HERE = (
    "Got a Dask cluster with a single thread, which joblib leaves alone: all is computed in this "
    "process. If more workers are on their way, wait for them first, with "
    "client.wait_for_workers(n)."
)
NO_SCHEDULER = "no answer from the Dask scheduler"
# How often data that its last worker took along is sent again without a run that ends in between.
MAX_ATTEMPTS = 3


class SharedData:
    """The data of many runs; on a Dask cluster sent once, for however many calls use it.

    joblib sends arrays by itself, but anew in each call, and in the background, where an error is
    seen by nobody and the call waits for ever. What is no array it sends with every single run.

    Parameters
    ----------
    values : dict of str to object
        Arrays and what else the runs have in common.
    """

    def __init__(self, values):
        self.values = values
        self._client, self._futures = None, {}

    @cached_property
    def digest(self):
        """Hash of the content."""
        return joblib.hash(self.values)

    def on(self, client):
        """Send the data to a cluster unless it is there; return futures in place of the values.

        One worker gets it from here, the others from each other when their first run begins.

        Parameters
        ----------
        client : distributed.Client

        Returns
        -------
        dict of str to distributed.Future or None
        """
        if client is not self._client or self.is_lost():
            names = [name for name, value in self.values.items() if value is not None]
            sent = client.scatter([self.values[n] for n in names], hash=False) if names else []
            self._client, self._futures = client, dict(zip(names, sent, strict=True))
        return self.values | self._futures

    def was_on(self, client):
        """Tell whether a cluster has been sent the data, be it lost or not."""
        return client is self._client

    def is_lost(self):
        """Tell whether some of what was sent is gone, together with the workers that had it."""
        return any(future.status != "finished" for future in self._futures.values())


def results_of(function, calls, shared, *, n_jobs=None, kept_in=None):
    """Yield the results of many calls in the order in which they end, wherever joblib computes.

    On a Dask cluster a worker that ends costs time only: Dask itself repeats its runs, and what
    cannot be repeated, since the data is gone as well, is begun again here.

    Parameters
    ----------
    function : callable
        ``function(key, *call, **shared.values)``, which returns a tuple that begins with the key.
    calls : dict of int to tuple
        More arguments by key.
    shared : SharedData
    n_jobs : int, default=None
        As joblib counts.
    kept_in : path-like, default=None
        Where the caller keeps results, for the error's text.

    Yields
    ------
    tuple
        What `function` returned.

    Raises
    ------
    ConnectionError
        If the scheduler of the cluster is gone, or all workers are and none comes.
    TypeError
        If a call cannot be pickled and sent to the cluster.
    """
    client = active_client()
    if client is None:
        yield from _parallel(n_jobs)(_delayed(function, calls, shared.values))
        return
    _check_that_they_can_be_sent(calls)
    waiting, attempts = dict(calls), 0
    address = getattr(client.scheduler, "address", None)  # None of a client that is closed
    where = "" if address is None else f" at {address}"

    def lost(what):
        return ConnectionError(
            f"Got {what}{where}, expected one until all runs have ended, but {len(waiting)} of "
            f"{len(calls)} are missing. {_advice(kept_in)}"
        )

    if client.status != "running":
        raise lost(NO_SCHEDULER)
    while waiting:
        # All of them: workers that join later find something to do.
        parallel = _parallel(n_jobs, pre_dispatch="all")
        try:
            n_threads = _count_threads(client, 2 if shared.was_on(client) else 1)
            if n_threads == 0:
                break
            # With a single thread in the cluster, joblib computes in this process.
            if n_threads == 1:
                warn_the_caller(COMPUTED_HERE, RuntimeWarning)
            data = shared.on(client) if n_threads > 1 else shared.values
            with _ending_when_lost(client, parallel, shared):
                for result in parallel(_delayed(function, waiting.copy(), data)):
                    del waiting[result[0]]
                    attempts = 0
                    yield result
        except Exception as error:
            if client.status != "running":
                raise lost(NO_SCHEDULER) from error
            attempts += 1
            if not shared.is_lost() or attempts > MAX_ATTEMPTS:
                raise
    if waiting:
        raise lost("no worker of the Dask scheduler")


def active_client():
    """Return the Dask client of joblib's active backend, None where that is another one."""
    return getattr(get_active_backend()[0], "client", None)


def nothing_leaves():
    """Return a context in which what a run does in parallel stays in its worker.

    Dask's backend would spread the trees of a forest, say, over the whole cluster, in the middle of
    all other runs; other backends do not.
    """
    return nullcontext() if active_client() is None else joblib.parallel_config("threading")


def without_future(value):
    """Return the value itself where joblib handed on a Dask future instead of it."""
    return value.result() if type(value).__module__ == "distributed.client" else value


def _parallel(n_jobs, **options):
    # joblib's forked processes return all results together.
    in_turn = getattr(get_active_backend()[0], "supports_return_generator", False)
    return_as = "generator_unordered" if in_turn else "list"
    return joblib.Parallel(n_jobs=n_jobs, batch_size=1, return_as=return_as, **options)


def _delayed(function, calls, data):
    # The data as arguments of their own: joblib's backends see arrays there, and send each once.
    run = joblib.delayed(function)
    return (run(key, *call, **data) for key, call in calls.items())


def _check_that_they_can_be_sent(calls):
    """Fail where joblib would see nothing, and wait for the run without end."""
    import cloudpickle

    for call in calls.values():
        try:
            cloudpickle.dumps(_without_bytes(call))
        except Exception as error:
            raise TypeError(
                f"Got a run that cannot be pickled ({error}), expected one that can be sent to the "
                f"Dask cluster; leave locks, open files and the like out of {call[:2]}."
            ) from error


def _without_bytes(value):
    """Return nested lists and tuples without what can be sent in any case, and may be large."""
    if isinstance(value, list | tuple):
        return [_without_bytes(item) for item in value]
    return None if isinstance(value, bytes) else value


def _count_threads(client, n_wanted):
    """Return the threads of all workers; wait a while if there are less than are wanted."""
    deadline = time.monotonic() + PATIENCE
    while (found := sum(client.ncores().values())) < n_wanted and client.status == "running":
        if time.monotonic() > deadline:
            break
        time.sleep(INTERVAL)
    return found


@contextmanager
def _ending_when_lost(client, parallel, shared):
    """Let a call of joblib's end when what it waits for can no longer come.

    Where the scheduler or the data is gone, Dask cancels the runs that it knows of, and joblib ends
    with an error; but runs that were just being sent, or fetched, it waits for without end.
    """
    import dask

    ended = threading.Event()

    def watch():
        while not ended.wait(INTERVAL):
            if client.status != "running" or shared.is_lost():
                if not ended.wait(GRACE):
                    parallel.timeout = INTERVAL
                return

    thread = threading.Thread(target=watch, name="skfashion-watch", daemon=True)
    thread.start()
    # Dask warns of large tasks, such as states of trainings. Where warnings are errors, this one
    # would be raised where nobody sees it, and the run never begin.
    no_warning = {"distributed.admin.large-graph-warning-threshold": "1 TB"}
    try:
        with dask.config.set(no_warning):
            yield
    finally:
        ended.set()
        thread.join()


def _advice(kept_in):
    if kept_in is None:
        advice = "Nothing is kept, pass cache='a folder' next time"
    else:
        advice = f"The others are kept in {kept_in}, and the same call does only what is missing"
    return f"{advice}; start a scheduler and workers, make a new client, and call again."
