"""What `python -m benchmarks cluster` does on each cluster; the workers import this, too."""

import statistics
import time

GRID = {"lr": [1e-3, 3e-3, 1e-2], "weight_decay": [0.0, 1e-3, 1e-2]}


def measure(n_workers, n_rounds, settings, split):
    """Yield what a cluster of so many workers took, round by round.

    Parameters
    ----------
    n_workers, n_rounds : int
    settings : dict
        ``FULL`` or ``QUICK`` of ``benchmarks.cluster``.
    split : benchmarks.data.Split

    Yields
    ------
    dict
        Of "send", "empty", "fits" and "halving", each with ``seconds`` and ``bytes``.
    """
    import joblib
    from distributed import Client, LocalCluster

    # joblib computes in its own process where a cluster has a single thread: a worker that is alone
    # has a second one, and one place for runs. Others do without: Dask does not move runs that
    # need a place from a worker that has many to one that has none.
    place = {"resources": {"place": 1}} if n_workers == 1 else {}
    cluster = LocalCluster(
        n_workers=n_workers,
        threads_per_worker=2 if place else 1,
        **place,
        processes=True,
        protocol="tcp://",
        dashboard_address=":0",
    )
    with (
        cluster,
        Client(cluster) as client,
        joblib.parallel_config("dask", client=client, **place),
    ):
        client.run(_import_all)
        for _ in range(n_rounds):
            yield {
                "send": _send(client, split),
                "empty": _empty(settings["empty"]),
                "fits": _fits(settings, split),
                "halving": _halving(settings, split),
            }


def _import_all():
    import skfashion.model_selection

    return skfashion.__version__


def _send(client, split):
    with _Meter() as meter:
        kept = client.scatter([split.X_train, split.y_train], hash=False)
    del kept
    return meter.read() | {"data_bytes": split.X_train.nbytes + split.y_train.nbytes}


def _empty(n_runs):
    from skfashion.parallel.runs import run_all

    with _Meter() as meter:
        run_all(_do_nothing, [{"seed": i} for i in range(n_runs)], {}, verbose=0)
    return meter.read() | {"runs": n_runs}


def _do_nothing(task, shared):
    return task["seed"]


def _fits(settings, split):
    from skfashion.parallel.runs import run_all

    tasks = [{"seed": i, "epochs": settings["epochs"]} for i in range(settings["fits"])]
    with _Meter() as meter:
        found = run_all(_fit, tasks, {"X": split.X_train, "y": split.y_train}, verbose=0)
    return meter.read() | {"runs": len(tasks), "fit_seconds": round(statistics.median(found), 4)}


def _fit(task, shared):
    from skfashion import MLPNetClassifier

    net = MLPNetClassifier(
        max_epochs=task["epochs"], random_state=task["seed"], n_threads=1, device="cpu"
    )
    start = time.perf_counter()
    net.fit(shared["X"], shared["y"])
    return time.perf_counter() - start


def _halving(settings, split):
    from skfashion import MLPNetClassifier
    from skfashion.model_selection import EpochHalvingSearchCV

    net = MLPNetClassifier(random_state=0, n_threads=1, device="cpu")
    search = EpochHalvingSearchCV(net, GRID, max_resources=settings["resources"], cv=2, refit=False)
    with _Meter() as meter:
        search.fit(split.X_train, split.y_train)
    net.set_params(max_epochs=settings["resources"])
    # Of a few rows: the state is as large as the network, whatever it has seen.
    state = net._fit_until(split.X_train[:500], split.y_train[:500], until=1)
    trainings = [n * search.n_splits_ for n in search.n_candidates_]
    return meter.read() | {"trainings": trainings, "state_bytes": len(state)}


class _Meter:
    """Seconds, and bytes over the loopback interface."""

    def __enter__(self):
        self._bytes, self._start = _loopback_bytes(), time.perf_counter()
        return self

    def __exit__(self, *error):
        self._seconds = time.perf_counter() - self._start
        self._bytes = _loopback_bytes() - self._bytes

    def read(self):
        """Return what was measured."""
        return {"seconds": round(self._seconds, 4), "bytes": self._bytes}


def _loopback_bytes():
    import psutil

    counters = psutil.net_io_counters(pernic=True)
    return sum(counter.bytes_sent for name, counter in counters.items() if name.startswith("lo"))
