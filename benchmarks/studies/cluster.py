"""What runs on a Dask cluster cost, measured with one and two workers beside a model.

Start a Dask cluster of one worker process on this machine, then one of two, over TCP. On each send
the training images, do runs that compute nothing, train MLPNetClassifier with many seeds, and
search with EpochHalvingSearchCV; note the seconds, and the bytes that went over the loopback
interface, which nobody else should use meanwhile. Scores play no part.

The workers import this file, too.
"""

import math
import statistics
import time
from contextlib import contextmanager

from benchmarks.data import load_split
from benchmarks.formatting import caption, pipe_table
from benchmarks.study import Study

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
    cluster = LocalCluster(
        n_workers=n_workers,
        threads_per_worker=2 if place else 1,
        **place,
        processes=True,
        protocol="tcp://",
        dashboard_address=":0",
    )
    with cluster, Client(cluster) as client, joblib.parallel_config("dask", client=client, **place):
        client.run(_import_all)
        with _metered() as send:
            kept = client.scatter([X, y], hash=False)
        del kept
        with _metered() as empty:
            run_all(_do_nothing, [{"seed": i} for i in range(settings["empty"])], {}, verbose=0)
        tasks = [{"seed": i, "epochs": settings["epochs"]} for i in range(settings["fits"])]
        with _metered() as fits:
            taken = run_all(_fit, tasks, {"X": X, "y": y}, verbose=0)
        # Successive halving, whose trainings go on.
        own = {"max_resources": settings["resources"], "cv": 2, "refit": False}
        search = EpochHalvingSearchCV(_net(random_state=0), GRID, **own)
        with _metered() as halving:
            search.fit(X, y)
    # Of a few rows: the state is as large as the network, whatever it has seen.
    net = _net(random_state=0, max_epochs=settings["resources"])
    state = net._fit_until(X[:500], y[:500], until=1)
    trainings = [n * search.n_splits_ for n in search.n_candidates_]
    return {
        "send": send | {"data_bytes": X.nbytes + y.nbytes},
        "empty": empty | {"runs": settings["empty"]},
        "fits": fits | {"runs": len(tasks), "fit_seconds": round(statistics.median(taken), 4)},
        "halving": halving | {"trainings": trainings, "state_bytes": len(state)},
    }


def _import_all():
    """Let a worker import what it needs."""
    import skfashion.model_selection

    return skfashion.__version__


def _do_nothing(task, shared):
    return task["seed"]


def _fit(task, shared):
    """Return the seconds of a fit."""
    net = _net(max_epochs=task["epochs"], random_state=task["seed"])
    start = time.perf_counter()
    net.fit(shared["X"], shared["y"])
    return time.perf_counter() - start


def _net(**parameters):
    """Return a net of one thread."""
    from skfashion import MLPNetClassifier

    return MLPNetClassifier(n_threads=1, device="cpu", **parameters)


@contextmanager
def _metered():
    """Yield a dict that has seconds, and bytes over the loopback interface, when all is done."""
    found = {}
    bytes_before, start = _loopback_bytes(), time.perf_counter()
    yield found
    found["seconds"] = round(time.perf_counter() - start, 4)
    found["bytes"] = _loopback_bytes() - bytes_before


def _loopback_bytes():
    """Return how many bytes went over it since the machine started."""
    import psutil

    counters = psutil.net_io_counters(pernic=True)
    return sum(counter.bytes_sent for name, counter in counters.items() if name.startswith("lo"))


def table(rows):
    """Write seconds and bytes beside those of the model, and the model's numbers."""
    import pandas as pd

    medians = pd.json_normalize(rows).groupby("unit").median(numeric_only=True)
    one, most = medians.iloc[0], medians.iloc[-1]
    # The model's numbers come from runs that compute nothing, and from fits on one worker.
    fit, data, state = one["fits.fit_seconds"], one["send.data_bytes"], one["halving.state_bytes"]
    overhead = most["empty.seconds"] / most["empty.runs"]
    run = one["empty.bytes"] / one["empty.runs"]
    bandwidth = one["send.bytes"] / one["send.seconds"]
    n, rungs = int(one["fits.runs"]), rows[0]["halving"]["trainings"]
    # The state of each training goes through the scheduler: to the client after every rung but the
    # last, and those of survivors to a worker again before the next.
    states = 2 * (sum(rungs[:-1]) + sum(rungs[1:])) * state
    fits, halvings = [], []
    for k, its in medians.iterrows():
        sent, computing = (1 + k) * data, max(math.ceil(n / k) * (fit + overhead), n * overhead)
        taken = [f"{its['fits.seconds']:.1f}", f"{sent / bandwidth + computing:.1f}"]
        fits.append([f"{n} fits", k, *taken, *_mb(its["fits.bytes"], sent + n * run)])
        moved = _mb(its["halving.bytes"], sent + sum(rungs) * run + states)
        name = f"EpochHalvingSearchCV, {' + '.join(map(str, rungs))} trainings"
        halvings.append([name, k, f"{its['halving.seconds']:.1f}", "", *moved])
    headings = ["runs", "workers", "seconds", "model", "MB moved", "model"]
    rounds = len({row["seed"] for row in rows})
    return (
        f"{pipe_table(fits + halvings, headings)}\n\n"
        f"Medians of {rounds} round{'s' * (rounds > 1)}. The model's numbers: a fit of "
        f"{fit:.2f} s on one worker, {1000 * overhead:.1f} ms and {run / 1000:.1f} kB for a run "
        f"that computes nothing, {data / 1e6:.1f} MB of data at {bandwidth / 1e6:.0f} MB a second, "
        f"{state / 1e6:.2f} MB for the state of a training.\n{caption(rows)}\n"
        f"Command: `{rows[-1]['command']}`."
    )


def _mb(*sizes):
    """Write bytes as MB."""
    return [f"{size / 1e6:.0f}" for size in sizes]


STUDY = Study(
    name="cluster",
    help="seconds and bytes of runs on a Dask cluster, beside a model",
    cost="10 min",
    page="scaling.md",
    sizes={"full": FULL, "quick": QUICK},
    seeds=None,
    options={"--rounds": {"type": int, "default": 3, "help": "repetitions; default 3"}},
    plan=plan,
    describe=lambda unit, seed, asked: {"settings": asked.settings, "data": asked.size},
    measure=measure,
    table=table,
    timing=True,
)
