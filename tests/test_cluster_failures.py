"""A cluster in trouble: workers that are killed cost time, a scheduler that is gone ends it all."""

import concurrent.futures
import os
import threading
import time
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
from clothes import net
from clusters import (
    Logging,
    halving_search,
    in_one_process,
    kill_a_worker,
    lines,
    local_cluster,
    separate_cluster,
    table,
    wait_for,
    without_clocks,
)
from common import FAST
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline

from skfashion.parallel import cluster
from skfashion.parallel.runs import run_all
from skfashion.studies import imbalance_study

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.slow

GRID = {"net__lr": [1e-4, 1e-3, 1e-2, 1e-1]}


def logged_net(log):
    return Pipeline([("log", Logging(str(log))), ("net", net(FAST[0]))])


def halving(log, digits, cache=None):
    """Return scores of 14 trainings."""
    return table(halving_search(logged_net(log), GRID, refit=False, cache=cache).fit(*digits))


def study(log, digits, cache=None):
    """Return metrics of 14 runs."""
    X, y = digits
    frame = imbalance_study(
        {"net": logged_net(log)},
        *(X[:200], y[:200], X[200:], y[200:]),
        treatments=["nothing", "class_weight=balanced"],
        ratios=[3],
        seeds=range(7),
        cache=cache,
        verbose=0,
    )
    return without_clocks(frame).to_dict()


def grid_search(log, digits):
    """Return scores of 8 fits."""
    X, y = digits
    splits = list(StratifiedKFold(2).split(X, y))
    rows = [rows for split in splits for rows in split]
    search = GridSearchCV(logged_net(log), GRID, cv=splits, refit=False)
    if cluster.active_client() is None:
        return table(search.fit(X, y))
    # joblib by itself gives each array to one worker, which may be the one that is killed.
    with joblib.parallel_config("dask", scatter=[X, y, *rows]):
        return table(search.fit(X, y))


# Not a search of scikit-learn's on a single worker: data that was there is gone, as docs say.
@pytest.mark.parametrize(("work", "n_workers"), [(halving, 2), (study, 1), (grid_search, 2)])
def test_a_killed_worker_costs_time_but_no_result(work, n_workers, tmp_path, digits):
    expected = in_one_process(lambda: work(tmp_path / "log", digits))
    n_runs = len(lines(tmp_path / "log"))
    (tmp_path / "log").unlink()
    with (
        local_cluster(n_workers, threads_per_worker=3 - n_workers) as client,
        joblib.parallel_config("dask", client=client),
        concurrent.futures.ThreadPoolExecutor(1) as thread,
    ):
        killing = thread.submit(kill_a_worker, tmp_path / "log", n_workers)
        found = work(tmp_path / "log", digits)
        killed = killing.result()
    assert found == expected
    begun = lines(tmp_path / "log")
    assert killed in begun
    assert str(os.getpid()) not in begun
    assert len(begun) > n_runs


@contextmanager
def on_separate_cluster(folder):
    """Let joblib compute there; yield the address, and the processes of scheduler and workers."""
    with (
        separate_cluster(folder) as (address, *processes),
        distributed.Client(address, timeout=10) as client,
        joblib.parallel_config("dask", client=client),
    ):
        client.wait_for_workers(2, timeout=60)
        yield address, *processes


def test_without_scheduler_all_ends_and_what_is_finished_is_kept(tmp_path, digits):
    log, cache = tmp_path / "log", tmp_path / "cache"
    with (
        on_separate_cluster(tmp_path) as (address, scheduler, *_),
        concurrent.futures.ThreadPoolExecutor(1) as thread,
    ):
        killing = thread.submit(kill_when_some_are_kept, [scheduler], cache)
        message = f"scheduler at {address}, .* of .* are missing. The others are kept in {cache}"
        with pytest.raises(ConnectionError, match=message):
            halving(log, digits, cache)
        assert time.monotonic() - killing.result() < 120
    n_kept = len(list(cache.rglob("*.npz")))
    log.unlink()
    found = halving(log, digits, cache)
    n_runs = 14
    assert len(lines(log)) == n_runs - n_kept
    assert found == halving(tmp_path / "other", digits)
    assert len(lines(tmp_path / "other")) == n_runs


def kill_when_some_are_kept(processes, cache):
    """Return when the processes were killed."""
    wait_for(lambda: len(list(cache.rglob("*.npz"))) >= 3)
    for process in processes:
        process.kill()
    return time.monotonic()


def test_without_workers_all_ends_as_well(tmp_path, digits, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    log, cache = tmp_path / "log", tmp_path / "cache"
    with (
        on_separate_cluster(tmp_path) as (address, _, *workers),
        concurrent.futures.ThreadPoolExecutor(1) as thread,
    ):
        killing = thread.submit(kill_when_some_are_kept, workers, cache)
        message = f"no worker of the Dask scheduler at {address}, .* are missing. The others are ke"
        with pytest.raises(ConnectionError, match=message):
            study(log, digits, cache)
        killing.result()
    assert len(list(cache.rglob("*.npz"))) >= 3


def test_a_search_of_scikit_learn_ends_too(tmp_path, digits):
    with (
        on_separate_cluster(tmp_path) as (address, scheduler, *_),
        concurrent.futures.ThreadPoolExecutor(1) as thread,
    ):
        log = tmp_path / "log"
        killing = thread.submit(lambda: (wait_for(lambda: len(lines(log)) > 2), scheduler.kill()))
        with pytest.raises(concurrent.futures.CancelledError, match="lost the connection"):
            grid_search(log, digits)
        killing.result()


class Vanished:
    """A client whose connection is cut, at some moment, without joblib's being told."""

    def __init__(self, client):
        self.client, self.cut = client, threading.Event()

    def __getattr__(self, name):
        return getattr(self.client, name)

    @property
    def status(self):
        return "connecting" if self.cut.is_set() else self.client.status


def long_run(task, shared):
    time.sleep(600)


def test_what_joblib_waits_for_without_end_ends(monkeypatch):
    with local_cluster() as client, joblib.parallel_config("dask", client=client):
        vanished = Vanished(client)
        monkeypatch.setattr(cluster, "active_client", lambda: vanished)
        monkeypatch.setattr(cluster, "GRACE", 1.0)
        timer = threading.Timer(2, vanished.cut.set)
        timer.start()
        start = time.monotonic()
        with pytest.raises(ConnectionError, match="2 of 2 are missing. Nothing is kept"):
            run_all(long_run, [{}, {}], {"X": np.zeros(3)}, verbose=0)
        assert time.monotonic() - start < 120
        timer.join()


def test_a_client_that_is_closed_is_refused(digits):
    with local_cluster(1) as client, joblib.parallel_config("dask", client=client):
        client.close()
        with pytest.raises(ConnectionError, match="Got no answer from the Dask scheduler"):
            run_all(long_run, [{}], {}, verbose=0)
