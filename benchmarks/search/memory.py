"""Memory of a search: of its process and of all that it has started, shared pages counted once."""

import threading
import time
from pathlib import Path

# Between two looks, in seconds.
INTERVAL = 0.03


def of_a_search(data, n_jobs, epochs):
    """Return how much a search over all training images takes on top of workers that wait.

    Parameters
    ----------
    data : {"full", "sample"}
        All training images, or those bundled with skfashion.
    n_jobs : int
        Fits at a time.
    epochs : int
        Of each fit.

    Returns
    -------
    dict of str to float
        MB of PSS (the proportional set size, in which a page that several processes share is
        divided among them): ``idle_mb``, with the data loaded and workers that have only imported
        skfashion, and ``increase_mb``, what the search took above that at its highest point.
    """
    from sklearn.model_selection import GridSearchCV

    X, y, net = _prepare(data, epochs)
    _start_workers(n_jobs)
    grid = {
        "hidden_layer_sizes": [(64,), (128,), (128, 64), (256, 128)],
        "lr": [1e-3, 3e-3],
        "batch_size": [64, 128],
    }
    search = GridSearchCV(net, grid, cv=3, n_jobs=n_jobs, error_score="raise")
    idle = tree_mb()
    with Watch() as watch:
        search.fit(X, y)
    return {"idle_mb": idle, "increase_mb": watch.peak_mb - idle, "n_processes": watch.n_processes}


def of_a_fit(data, epochs):
    """Return how much one fit to all training images takes, as `of_a_search` counts.

    Parameters
    ----------
    data, epochs
        As in `of_a_search`.

    Returns
    -------
    dict of str to float
    """
    X, y, net = _prepare(data, epochs)
    # The widest net of the search.
    net.set_params(hidden_layer_sizes=(256, 128), batch_size=128)
    idle = tree_mb()
    with Watch() as watch:
        net.fit(X, y)
    return {"idle_mb": idle, "increase_mb": watch.peak_mb - idle}


def _prepare(data, epochs):
    import numpy as np

    from benchmarks.data import load_split
    from skfashion import MLPNetClassifier

    split = load_split(data)
    # Copies of their own: what the reader of the file holds beside them is let go of.
    X, y = np.array(split.X_train), np.array(split.y_train)
    del split
    return X, y, MLPNetClassifier(max_epochs=epochs, random_state=0, n_threads=1, device="cpu")


def _start_workers(n_jobs):
    """Start joblib's workers, and wait until each has imported skfashion."""
    import joblib

    pids = set()
    while len(pids) < n_jobs:
        found = joblib.Parallel(n_jobs=n_jobs, batch_size=1)(
            joblib.delayed(_import)() for _ in range(4 * n_jobs)
        )
        pids |= set(found)
    time.sleep(1)


def _import():
    import os

    import skfashion  # noqa: F401

    time.sleep(0.2)
    return os.getpid()


def tree():
    """Return the numbers of this process and of all that it has started."""
    import psutil

    this = psutil.Process()
    return [this.pid, *(child.pid for child in this.children(recursive=True))]


def tree_mb(pids=None):
    """Return the PSS of processes in MB (10**6 bytes), by default of this one and its children.

    Raises
    ------
    BenchmarkError
        On a system that does not count it; Linux does.
    """
    total = 0
    for pid in tree() if pids is None else pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            if not Path("/proc/self/smaps_rollup").exists():
                from benchmarks.errors import BenchmarkError

                raise BenchmarkError(
                    "This system does not count the memory that processes share; measure on Linux."
                ) from None
            continue  # it has just ended
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


class Watch:
    """A context in which the highest memory is noted: ``peak_mb``, and ``n_processes`` then."""

    def __enter__(self):
        self.peak_mb, self.n_processes = 0.0, 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self):
        while not self._done.is_set():
            pids = tree()
            now = tree_mb(pids)
            if now > self.peak_mb:
                self.peak_mb, self.n_processes = now, len(pids)
            self._done.wait(INTERVAL)

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
