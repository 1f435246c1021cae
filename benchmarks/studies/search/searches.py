"""The searches that are timed, and one that is weighed, each in a process of its own."""

import contextlib
import itertools
import json
import os
import time
from typing import NamedTuple

import numpy as np

from benchmarks import same_nets
from benchmarks.data import held_out, load_split
from benchmarks.errors import BenchmarkError
from benchmarks.memory import watched
from benchmarks.studies.speed import nets

# What a search is warmed up with: a few rows, and all kinds of nets of its grid.
WARM_ROWS, WARM_EPOCHS = 300, 4
# Workers of the search that is weighed, epochs of each of its fits, seconds between two looks.
N_JOBS, EPOCHS, INTERVAL = 2, 2, 0.03


class Search(NamedTuple):
    """One way to search the grid."""

    label: str
    kind: str = "grid"  # or "halving", scikit-learn's, or "epochs", ours
    library: str = "skfashion"  # or "skorch", "sklearn"
    n_jobs: int = 2
    n_threads: int | None = 1  # of each of our nets; None leaves that to the package
    factor: int | None = None  # of a halving; a grid search beside it has its epochs


# Parameters of the grid that other libraries call otherwise.
NAMES = {
    "skorch": {"hidden_layer_sizes": "module__hidden_layer_sizes"},
    "sklearn": {"lr": "learning_rate_init"},
}
SEARCHES = {
    "ours": Search("skfashion, n_jobs=2"),
    "ours_alone": Search("skfashion, n_jobs=1", n_jobs=1),
    "default": Search("skfashion, n_jobs=2", n_threads=None),
    "default_alone": Search("skfashion, n_jobs=1", n_jobs=1, n_threads=None),
    "skorch": Search("skorch NeuralNetClassifier", library="skorch"),
    "sklearn": Search("scikit-learn MLPClassifier, float32 rows", library="sklearn"),
    "epochs3": Search("EpochHalvingSearchCV", "epochs", factor=3),
    "halving3": Search("HalvingGridSearchCV", "halving", factor=3),
    "grid3": Search("GridSearchCV, all epochs", factor=3),
    "epochs4": Search("EpochHalvingSearchCV", "epochs", factor=4),
    "grid4": Search("GridSearchCV, all epochs", factor=4),
    "epochs2": Search("EpochHalvingSearchCV", "epochs", factor=2),
    "halving2": Search("HalvingGridSearchCV", "halving", factor=2),
}


def prepare(name, task):
    """Warm up a search, and return what runs it whenever it is called, each time on other rows."""
    long_epochs = dict.fromkeys(task["long_epochs"], WARM_EPOCHS)
    run(task | {"rows": WARM_ROWS, "epochs": 1, "long_epochs": long_epochs}, name, 0)
    rounds = itertools.count()
    return lambda: run(task, name, next(rounds))


def run(task, name, number):
    """Search once, on the rows of a round.

    Returns ``seconds`` of the search, its last fit included; the best ``params`` and their mean
    ``score`` in the cross-validation; the accuracy of the last fit on rows ``held_out``; and of a
    grid search ``scores`` of all candidates, by their parameters as JSON.
    """
    what = SEARCHES[name]
    X, y, X_held_out, y_held_out = draw(task, number, as_float=what.factor is None)
    search = make(task, what)
    start = time.perf_counter()
    search.fit(X, y)
    found = {
        "seconds": time.perf_counter() - start,
        "params": key_of(search.best_params_),
        "score": float(search.best_score_),
        "held_out": float(search.score(X_held_out, y_held_out)),
    }
    if what.kind == "grid":
        keys = map(key_of, search.cv_results_["params"])
        scores = search.cv_results_["mean_test_score"].tolist()
        found["scores"] = dict(zip(keys, scores, strict=True))
    return found


def key_of(params):
    """Return the parameters that a grid has, as text; what a halving adds is left out."""
    known = {name.split("__")[-1]: value for name, value in params.items()}
    known["lr"] = known.pop("learning_rate_init", known.get("lr"))
    kept = ("hidden_layer_sizes", "lr", "batch_size")
    return json.dumps({name: known[name] for name in kept if name in known}, sort_keys=True)


def draw(task, number, as_float):
    """Draw training images to search on and others held out: float32 from 0 to 1, or uint8."""
    images, sizes = load_split(task["data"]), (task["rows"], task["held_out"])
    X, X_held_out, y, y_held_out = held_out(images, *sizes, number)
    if as_float:
        X, X_held_out = (a.astype(np.float32) / np.float32(255) for a in (X, X_held_out))
    return X, y.astype(np.int64), X_held_out, y_held_out.astype(np.int64)


def make(task, what):
    """Return a `Search` of a task that is not fitted yet."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

    from skfashion.model_selection import EpochHalvingSearchCV

    epochs = task["epochs"] if what.factor is None else task["long_epochs"][str(what.factor)]
    net, names = _net(what, epochs), NAMES.get(what.library, {})
    grid = {
        names.get(name, name): [tuple(v) if isinstance(v, list) else v for v in values]
        for name, values in task["grid"].items()
    }
    common = {"cv": task["folds"], "n_jobs": what.n_jobs, "error_score": "raise"}
    if what.kind == "grid":
        return GridSearchCV(net, grid, **common)
    common |= {"factor": what.factor, "max_resources": epochs}
    if what.kind == "epochs":
        return EpochHalvingSearchCV(net, grid, random_state=0, **common)
    return HalvingGridSearchCV(net, grid, resource="max_epochs", **common)


def _net(what, epochs):
    """Return a net of a library, with the same training unless it is for a halving."""
    from sklearn.neural_network import MLPClassifier

    from skfashion import MLPNetClassifier

    if what.library == "skorch":
        return same_nets.skorch_net(dense_module, max_epochs=epochs)
    if what.library == "sklearn":  # which is not to stop early
        own = {"max_iter": epochs, "n_iter_no_change": epochs + 1, "random_state": 0}
        return MLPClassifier(alpha=0.0, **own)
    own = {"n_threads": what.n_threads, "max_epochs": epochs, "device": "cpu"}
    if what.factor is None:
        return nets.our_net("mlp", **own)
    return MLPNetClassifier(random_state=0, **own)


def dense_module(hidden_layer_sizes=(128, 64)):
    """Return the plain PyTorch module of a candidate."""
    return nets.dense((784, *hidden_layer_sizes, 10))


# --- memory, in MB of PSS, in which a page is divided among the processes that share it ---------


def of_a_search(data):
    """Return how much a search over all training images takes on top of workers that wait.

    Those have only imported the classifier, and this process has loaded the data: ``idle_mb``.
    """
    from sklearn.model_selection import GridSearchCV

    X, y, net = _prepare(data)
    _start_workers()
    grid = {"hidden_layer_sizes": [(64,), (128,), (128, 64), (256, 128)]}
    grid |= {"lr": [1e-3, 3e-3], "batch_size": [64, 128]}
    search = GridSearchCV(net, grid, cv=3, n_jobs=N_JOBS, error_score="raise")
    return _weighed(lambda: search.fit(X, y))


def of_a_fit(data):
    """Return how much one fit to all training images takes, as `of_a_search` counts."""
    X, y, net = _prepare(data)
    # The widest net of the search.
    net.set_params(hidden_layer_sizes=(256, 128), batch_size=128)
    return _weighed(lambda: net.fit(X, y))


def _prepare(data):
    """Return images, labels and a net."""
    from skfashion import MLPNetClassifier

    split = load_split(data)
    # Copies of their own: what the reader of the file holds beside them is let go of.
    X, y = np.array(split.X_train), np.array(split.y_train)
    return X, y, MLPNetClassifier(max_epochs=EPOCHS, random_state=0, n_threads=1, device="cpu")


def _start_workers():
    """Start joblib's workers, and wait until each has imported the classifier."""
    from joblib import Parallel, delayed

    pids = set()
    while len(pids) < N_JOBS:
        runs = (delayed(_import)() for _ in range(4 * N_JOBS))
        pids.update(Parallel(n_jobs=N_JOBS, batch_size=1)(runs))
    time.sleep(1)


def _import():
    from skfashion import MLPNetClassifier  # noqa: F401, and with it PyTorch

    time.sleep(0.2)
    return os.getpid()


def _weighed(work):
    """Return the memory before some work, and how far it rises meanwhile."""
    idle = tree_mb()
    with watched(tree_mb, INTERVAL) as highest:
        work()
    return {"idle_mb": idle, "increase_mb": highest[0] - idle}


def tree_mb():
    """Return the memory of this process and of all that it has started, on Linux."""
    import psutil

    if not psutil.LINUX:
        raise BenchmarkError("Only Linux counts the memory that processes share; measure there.")
    this, total = psutil.Process(), 0
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            total += process.memory_full_info().pss
    return total / 1e6
