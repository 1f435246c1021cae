"""Dask clusters for tests, a step that says who fits and takes its time, a counter of bytes."""

import json
import logging
import os
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import children
import joblib
from sklearn.base import BaseEstimator, TransformerMixin

from skfashion.model_selection import EpochHalvingSearchCV

ROOT = Path(__file__).parents[1]

# Metrics of studies that differ from run to run.
CLOCKS = ["fit_seconds", "predict_seconds", "peak_memory_mb", "fit seconds"]


@contextmanager
def local_cluster(n_workers=2, threads_per_worker=1, method=children.METHOD):
    """Yield the client of worker processes on this machine, that talk over TCP.

    With the method "spawn" workers start from nothing, with what their environment says.
    """
    import dask
    import distributed

    children.context()
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": method}),
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads_per_worker,
            processes=True,
            protocol="tcp://",
            dashboard_address=":0",
            # Workers are killed here on purpose, which Dask reports at length.
            silence_logs=logging.CRITICAL + 1,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@contextmanager
def separate_cluster(folder):
    """Yield the address and the processes of a scheduler and its two workers, all started alone."""
    file = folder / "scheduler.json"

    def start(kind, *words):
        words = [kind, "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", file, *words]
        return children.start("dask", *words, out=folder / f"{kind}.log")

    processes = [start("scheduler", "--port", "0")]
    try:
        address = wait_for(lambda: _address_in(file))
        processes += [start("worker", "--nthreads", "1", "--no-nanny") for _ in range(2)]
        yield address, *processes
    finally:
        for process in processes:
            process.kill()
            process.join()


def _address_in(file):
    try:
        return json.loads(file.read_text())["address"]
    except (OSError, ValueError):  # not there, or not to its end
        return None


def wait_for(condition, seconds=180):
    """Return what a condition returns, as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.02)
    return found


class Logging(TransformerMixin, BaseEstimator):
    """First step of a pipeline: notes the process that fits it, and takes some seconds."""

    def __init__(self, log, seconds=0.3):
        self.log = log
        self.seconds = seconds

    def fit(self, X, y=None):
        with open(self.log, "a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(self.seconds)
        return self

    def transform(self, X):
        return X


def lines(log):
    """Return the lines of a file, none of one that is not there."""
    return log.read_text().split() if log.exists() else []


def kill_a_worker(log, n_workers):
    """Kill the worker that began last, once all have begun two fits; return its number."""

    def busy():
        begun = Counter(lines(log))
        return len(begun) == n_workers and min(begun.values()) >= 2

    wait_for(busy)
    last = lines(log)[-1]
    os.kill(int(last), signal.SIGKILL)
    return last


class Proxy:
    """Stands between clients and a scheduler, and counts what the clients send."""

    def __init__(self, address):
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        self._target = host, int(port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sizes, self._threads = [], []
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._start(self._accept)

    @property
    def n_bytes(self):
        """Bytes so far."""
        return sum(self._sizes)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join()

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(self._target)
                self._start(self._pass_on, near, far, self._sizes)
                self._start(self._pass_on, far, near, [])

    def _pass_on(self, source, target, sizes):
        with source, suppress(OSError):
            while part := source.recv(1 << 16):
                sizes.append(len(part))
                target.sendall(part)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


def in_one_process(function):
    """Return what a function returns where joblib computes one after the other."""
    with joblib.parallel_config("sequential"):
        return function()


def without_clocks(frame):
    """Return the rows of a study's table that are the same each time."""
    return frame[~frame.metric.isin(CLOCKS)]


def halving_search(estimator, grid, **options):
    """Return a search over three rungs of two splits."""
    defaults = {"factor": 2, "max_resources": 4, "cv": 2, "random_state": 0}
    return EpochHalvingSearchCV(estimator, grid, **(defaults | options))


def table(search):
    """Return what of a search's results does not depend on clocks."""
    return {
        key: value.tolist() if hasattr(value, "tolist") else value
        for key, value in search.cv_results_.items()
        if not key.endswith("_time")
    }
