"""Memory of a search: of its process and of all that it has started, shared pages counted once.

MB are 10**6 bytes of PSS, the proportional set size, in which a page that several processes share
is divided among them.
"""

import contextlib
import os
import time

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.memory import watched

# Workers of the search, and epochs of each fit.
N_JOBS, EPOCHS = 2, 2
# Between two looks, in seconds.
INTERVAL = 0.03


def of_a_search(data):
    """Return how much a search over all training images takes on top of workers that wait.

    Those have only imported skfashion, and this process has loaded the data: ``idle_mb``.
    """
    from sklearn.model_selection import GridSearchCV

    X, y, net = _prepare(data)
    _start_workers()
    grid = {
        "hidden_layer_sizes": [(64,), (128,), (128, 64), (256, 128)],
        "lr": [1e-3, 3e-3],
        "batch_size": [64, 128],
    }
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
    from benchmarks.data import load_split
    from skfashion import MLPNetClassifier

    split = load_split(data)
    # Copies of their own: what the reader of the file holds beside them is let go of.
    X, y = np.array(split.X_train), np.array(split.y_train)
    return X, y, MLPNetClassifier(max_epochs=EPOCHS, random_state=0, n_threads=1, device="cpu")


def _start_workers():
    """Start joblib's workers, and wait until each has imported skfashion."""
    from joblib import Parallel, delayed

    pids = set()
    while len(pids) < N_JOBS:
        runs = (delayed(_import)() for _ in range(4 * N_JOBS))
        pids.update(Parallel(n_jobs=N_JOBS, batch_size=1)(runs))
    time.sleep(1)


def _import():
    """Import skfashion in a worker, and return its number."""
    import skfashion  # noqa: F401

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
        raise BenchmarkError(
            "This system does not count the memory that processes share; measure on Linux."
        )
    this, total = psutil.Process(), 0
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            total += process.memory_full_info().pss
    return total / 1e6
