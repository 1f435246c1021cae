"""Seconds and bytes of runs on a Dask cluster.

Start a Dask cluster of one worker process on this machine, then one of two, over TCP. On each send
the training images, do runs that compute nothing, train MLPNetClassifier with many seeds, and
search with EpochHalvingSearchCV; note the seconds, and the bytes that went over the loopback
interface, which nobody else should use meanwhile. Scores play no part.

The workers import this file, too.
"""

import time
from contextlib import contextmanager
from importlib import import_module

from benchmarks.data import load_split
from benchmarks.formatting import table_above
from benchmarks.study import study_of

FULL = {"data": "full", "rows": None, "fits": 16, "epochs": 1, "empty": 1000, "resources": 3}
QUICK = {"data": "sample", "rows": 2000, "fits": 4, "epochs": 1, "empty": 20, "resources": 3}
GRID = {"lr": [1e-3, 3e-3, 1e-2], "weight_decay": [0.0, 1e-3, 1e-2]}


def plan(asked):
    """Return clusters of one and of two workers; rounds take the place of seeds."""
    return [(n_workers, i) for n_workers in (1, 2) for i in range(asked.options.rounds)]


def measure(n_workers, number, asked):
    """Start a cluster of so many workers, and let it do one of everything."""
    import joblib
    from distributed import Client, LocalCluster

    from skfashion.model_selection import EpochHalvingSearchCV
    from skfashion.parallel.runs import run_all

    settings = asked.settings
    split = load_split(settings["data"], settings["rows"])
    X, y = split.X_train, split.y_train
    # joblib computes in its own process where a cluster has a single thread: a worker that is alone
    # has a second one, and one place for runs. Others do without: Dask does not move runs that
    # need a place from a worker that has many to one that has none.
    place = {"resources": {"place": 1}} if n_workers == 1 else {}
    how = {"n_workers": n_workers, "threads_per_worker": 2 if place else 1, **place}
    how |= {"processes": True, "protocol": "tcp://", "dashboard_address": ":0"}
    with (
        LocalCluster(**how) as cluster,
        Client(cluster) as client,
        joblib.parallel_config("dask", client=client, **place),
    ):
        client.run(_import_all)
        with _metered(data_bytes=X.nbytes + y.nbytes) as send:
            kept = client.scatter([X, y], hash=False)
        del kept
        tasks = [{"seed": i} for i in range(settings["empty"])]
        with _metered(runs=len(tasks)) as empty:
            run_all(_do_nothing, tasks, {}, verbose=0)
        tasks = [{"seed": i, "epochs": settings["epochs"]} for i in range(settings["fits"])]
        with _metered(runs=len(tasks)) as fits:
            run_all(_fit, tasks, {"X": X, "y": y}, verbose=0)
        # Successive halving, whose trainings go on.
        own = {"max_resources": settings["resources"], "cv": 2, "refit": False}
        search = EpochHalvingSearchCV(_net(random_state=0), GRID, **own)
        with _metered() as halving:
            search.fit(X, y)
        halving["trainings"] = [n * search.n_splits_ for n in search.n_candidates_]
    return {"send": send, "empty": empty, "fits": fits, "halving": halving}


def _import_all():
    """Let a worker import what it needs."""
    import_module("skfashion.model_selection")


def _do_nothing(task, shared):
    return task["seed"]


def _fit(task, shared):
    """Fit, and send nothing back."""
    _net(max_epochs=task["epochs"], random_state=task["seed"]).fit(shared["X"], shared["y"])


def _net(**parameters):
    """Return a net of one thread."""
    from skfashion import MLPNetClassifier

    return MLPNetClassifier(n_threads=1, device="cpu", **parameters)


@contextmanager
def _metered(**more):
    """Yield a dict that has seconds, and bytes over the loopback interface, when all is done."""
    found = {}
    bytes_before, start = _loopback_bytes(), time.perf_counter()
    yield found
    found["seconds"] = round(time.perf_counter() - start, 4)
    found |= {"bytes": _loopback_bytes() - bytes_before} | more


def _loopback_bytes():
    """Return how many bytes went over it since the machine started."""
    import psutil

    counters = psutil.net_io_counters(pernic=True)
    return sum(counter.bytes_sent for name, counter in counters.items() if name.startswith("lo"))


def table(rows):
    """Write seconds and bytes of everything, a number of workers a line."""
    import pandas as pd

    medians = pd.json_normalize(rows).groupby("unit").median(numeric_only=True)
    one, trainings = rows[0], " + ".join(map(str, rows[0]["halving"]["trainings"]))
    names = {
        "send": f"training images sent, {one['send']['data_bytes'] / 1e6:.1f} MB",
        "empty": f"{one['empty']['runs']:,} runs that compute nothing",
        "fits": f"{one['fits']['runs']} fits",
        "halving": f"EpochHalvingSearchCV, {trainings} trainings",
    }
    lines = [
        [name, n, f"{its[f'{part}.seconds']:.3g}", f"{its[f'{part}.bytes'] / 1e6:.3g}"]
        for part, name in names.items()
        for n, its in medians.iterrows()
    ]
    words = f"Medians of {len({row['seed'] for row in rows})} rounds."
    return table_above(lines, ["runs", "workers", "seconds", "MB moved"], words, rows)


STUDY = study_of(
    __name__,
    cost="10 min",
    page="scaling.md",
    seeds=None,
    timing=True,
    options={"--rounds": {"type": int, "default": 3, "help": "repetitions; default 3"}},
)
