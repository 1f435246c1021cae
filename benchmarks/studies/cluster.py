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

from benchmarks.formatting import caption, grouped, pipe_table, values
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

    from benchmarks.data import load_split

    settings = asked.settings
    split = load_split(settings["data"], settings["rows"])
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
        return {
            "send": _send(client, split),
            "empty": _empty(settings["empty"]),
            "fits": _fits(settings, split),
            "halving": _halving(settings, split),
        }


def _import_all():
    """Let a worker import what it needs."""
    import skfashion.model_selection

    return skfashion.__version__


def _send(client, split):
    """Send the training images."""
    with _metered() as found:
        kept = client.scatter([split.X_train, split.y_train], hash=False)
    del kept
    return found | {"data_bytes": split.X_train.nbytes + split.y_train.nbytes}


def _empty(n_runs):
    """Do runs that compute nothing."""
    from skfashion.parallel.runs import run_all

    with _metered() as found:
        run_all(_do_nothing, [{"seed": i} for i in range(n_runs)], {}, verbose=0)
    return found | {"runs": n_runs}


def _do_nothing(task, shared):
    return task["seed"]


def _fits(settings, split):
    """Train the same net with many seeds."""
    from skfashion.parallel.runs import run_all

    tasks = [{"seed": i, "epochs": settings["epochs"]} for i in range(settings["fits"])]
    with _metered() as found:
        taken = run_all(_fit, tasks, {"X": split.X_train, "y": split.y_train}, verbose=0)
    return found | {"runs": len(tasks), "fit_seconds": round(statistics.median(taken), 4)}


def _fit(task, shared):
    """Return the seconds of a fit."""
    from skfashion import MLPNetClassifier

    own = {"max_epochs": task["epochs"], "random_state": task["seed"]}
    net = MLPNetClassifier(**own, n_threads=1, device="cpu")
    start = time.perf_counter()
    net.fit(shared["X"], shared["y"])
    return time.perf_counter() - start


def _halving(settings, split):
    """Search by successive halving, whose trainings go on."""
    from skfashion import MLPNetClassifier
    from skfashion.model_selection import EpochHalvingSearchCV

    net = MLPNetClassifier(random_state=0, n_threads=1, device="cpu")
    search = EpochHalvingSearchCV(net, GRID, max_resources=settings["resources"], cv=2, refit=False)
    with _metered() as found:
        search.fit(split.X_train, split.y_train)
    net.set_params(max_epochs=settings["resources"])
    # Of a few rows: the state is as large as the network, whatever it has seen.
    state = net._fit_until(split.X_train[:500], split.y_train[:500], until=1)
    trainings = [n * search.n_splits_ for n in search.n_candidates_]
    return found | {"trainings": trainings, "state_bytes": len(state)}


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
    medians = {unit: _medians(its) for unit, its in sorted(grouped(rows, "unit").items())}
    one, most = medians[min(medians)], medians[max(medians)]
    # The model's numbers come from runs that compute nothing, and from fits on one worker.
    fit, data, state = one["fit_seconds"], one["data_bytes"], one["state_bytes"]
    overhead, run = (
        most["empty_seconds"] / one["empty_runs"],
        one["empty_bytes"] / one["empty_runs"],
    )
    bandwidth = one["send_bytes"] / one["send_seconds"]
    fits, halvings = [], []
    for k, its in medians.items():
        n, rungs = its["fits_runs"], its["trainings"]
        computing = max(math.ceil(n / k) * (fit + overhead), n * overhead)
        seconds, sent = (1 + k) * data / bandwidth + computing, (1 + k) * data
        taken = [f"{its['fits_seconds']:.1f}", f"{seconds:.1f}"]
        moved = [its["fits_bytes"], sent + n * run]
        fits.append([f"{n} fits", k, *taken, *(f"{bytes_ / 1e6:.0f}" for bytes_ in moved)])
        # The state of each training goes through the scheduler: to the client after every rung but
        # the last, and those of survivors to a worker again before the next.
        states = 2 * (sum(rungs[:-1]) + sum(rungs[1:])) * state
        moved = [its["halving_bytes"], sent + sum(rungs) * run + states]
        name = f"EpochHalvingSearchCV, {' + '.join(map(str, rungs))} trainings"
        taken = [f"{its['halving_seconds']:.1f}", ""]
        halvings.append([name, k, *taken, *(f"{bytes_ / 1e6:.0f}" for bytes_ in moved)])
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


def _medians(rows):
    """Return what was the same in all rounds, and medians of what was not."""
    found = {}
    for kind in ("send", "empty", "fits", "halving"):
        for key in rows[0][kind]:
            name = f"{kind}_{key}" if key in ("seconds", "bytes", "runs") else key
            found[name] = values(rows, kind, key)
    return {
        name: its[0] if isinstance(its[0], list) else statistics.median(its)
        for name, its in found.items()
    }


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
