"""What a fit uses of the machine when a parallel search runs others beside it."""

import platform
import time
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
import torch
from common import small
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skfashion import MLPNetClassifier
from skfashion.parallel import _private
from skfashion.parallel.threads import own_device
from skfashion.parallel.workers import thread_share, worker_number
from skfashion.utils.memory import give_back, resident_mb

# From Python 3.12 on it warns of every fork beside threads, and joblib's multiprocessing forks.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

BACKENDS = ["threading", pytest.param("loky", marks=pytest.mark.slow), "multiprocessing"]


class CountThreads(Callback):
    """Notes with how many threads PyTorch computes while a net is trained."""

    def on_train_begin(self, net, **kwargs):
        self.n_threads = torch.get_num_threads()


def threads_inside_fit(estimator, X=None, y=None):
    return dict(estimator.net_.callbacks_)["CountThreads"].n_threads


def counting_net(**params):
    params = {"skorch_callbacks": [CountThreads()], "device": "cpu", **params}
    return small(MLPNetClassifier, max_epochs=1, batch_size=300, **params)


def search(n_jobs, **params):
    """Return a search whose scores are the numbers of threads with which its nets were trained."""
    grid = {"lr": [1e-3, 5e-3], "hidden_layer_sizes": [(4,), (8,)]}
    return GridSearchCV(
        counting_net(**params), grid, cv=2, n_jobs=n_jobs, scoring=threads_inside_fit
    )


def seen_by(search):
    """Return the numbers of threads inside the fits of a fitted search, without the last."""
    found = [search.cv_results_[f"split{i}_test_score"] for i in range(2)]
    return set(np.concatenate(found).astype(int).tolist())


def what_could_be_given_back(X, y):
    """Return the MB of free memory that a worker keeps after a fit."""
    small(MLPNetClassifier, max_epochs=1, device="cpu").fit(X, y)
    before = resident_mb()
    give_back()
    return before - resident_mb()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="Other C libraries keep nothing.")
def test_a_worker_keeps_no_free_memory():
    X = np.random.default_rng(0).integers(0, 256, (60_000, 784), np.uint8)
    y = X[:, 0] % 10
    found = joblib.Parallel(n_jobs=2)(
        joblib.delayed(what_could_be_given_back)(X, y) for _ in range(2)
    )
    assert max(found) < 5


@pytest.fixture
def all_cores(monkeypatch):
    """All cores for PyTorch, as without settings of the environment; returns how many."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    n_cores = joblib.cpu_count()
    if n_cores < 2:
        pytest.skip("This machine has one core, of which no worker can have a share.")
    before = torch.get_num_threads()
    torch.set_num_threads(n_cores)
    yield n_cores
    torch.set_num_threads(before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_workers_share_the_cores(backend, all_cores, digits):
    with joblib.parallel_config(backend):
        found = search(n_jobs=2).fit(*digits)
    # A forked process that asks for two of OpenMP's threads may wait for them forever.
    assert seen_by(found) == {1 if backend == "multiprocessing" else all_cores // 2}
    # The last fit, to all rows, is the caller's, who has no worker beside him.
    assert threads_inside_fit(found.best_estimator_) == all_cores
    assert torch.get_num_threads() == all_cores


def test_without_workers_nothing_changes(all_cores, digits):
    found = search(n_jobs=1).fit(*digits)
    assert seen_by(found) == {all_cores}
    assert thread_share() is None
    assert worker_number() is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_number_of_threads_that_is_given_is_what_a_worker_has(backend, all_cores, digits):
    with joblib.parallel_config(backend):
        found = search(n_jobs=2, n_threads=1).fit(*digits)
    assert seen_by(found) == {1}
    assert torch.get_num_threads() == all_cores


@pytest.mark.parametrize(("n_jobs", "share"), [(2, 4), (3, 2), (5, 1)])
def test_the_share_is_a_whole_number_of_cores(n_jobs, share, all_cores, digits, monkeypatch):
    # Of more cores than there are, as PyTorch and joblib see it.
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    torch.set_num_threads(8)
    with joblib.parallel_config("threading"):
        found = search(n_jobs=n_jobs).fit(*digits)
    assert seen_by(found) == {share}
    assert torch.get_num_threads() == 8


def share_and_number(folder, number):
    meet(folder, number, 4)
    return thread_share(), worker_number()


def predict_many(estimator, X):
    return estimator.predict_proba(np.repeat(X, 40, axis=0)).shape


def test_a_forked_process_does_not_wait_for_threads_of_its_parent(all_cores, digits):
    X, y = digits
    fitted = small(MLPNetClassifier, device="cpu").fit(X, y)
    torch.randn(2_000_000).exp()  # with OpenMP's threads, which a fork leaves behind
    # So many probabilities that PyTorch divides them among its threads.
    results = joblib.Parallel(n_jobs=2, backend="multiprocessing", timeout=60)(
        joblib.delayed(predict_many)(fitted, X) for _ in range(2)
    )
    assert results == [(12_000, 10)] * 2
    assert torch.get_num_threads() == all_cores


def test_threads_inside_of_threads_share_the_share(all_cores, tmp_path, monkeypatch):
    def search_inside(i):
        return joblib.Parallel(n_jobs=2, backend="threading")(
            joblib.delayed(share_and_number)(tmp_path, 2 * i + j) for j in range(2)
        )

    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    torch.set_num_threads(8)
    found = joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(search_inside)(i) for i in range(2)
    )
    shares, numbers = zip(*(pair for pairs in found for pair in pairs), strict=True)
    assert shares == (2, 2, 2, 2)
    assert sorted(numbers) == [0, 1, 2, 3]


def meet(folder, number, n_workers):
    """Return this worker's number once as many as there are have come here."""
    (folder / str(number)).touch()
    deadline = time.monotonic() + 60
    while len(list(folder.iterdir())) < n_workers:
        assert time.monotonic() < deadline, "The other worker did not come."
        time.sleep(0.02)
    return worker_number()


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_of_workers_are_consecutive(backend, tmp_path):
    with joblib.parallel_config(backend):
        numbers = joblib.Parallel(n_jobs=2, batch_size=1)(
            joblib.delayed(meet)(tmp_path, i, 2) for i in range(2)
        )
    assert max(numbers) - min(numbers) == 1
    assert worker_number() is None


@pytest.fixture
def devices(monkeypatch):
    """A machine with two GPUs, as far as can be told without one; returns which became current."""
    entered = []

    @contextmanager
    def device(which):
        entered.append(which if isinstance(which, int) else which.index)
        yield

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "device", device)
    return entered


def enter(wanted, current=None, folder=None, number=0):
    if folder is not None:
        meet(folder, number, 2)
    with own_device(wanted, current):
        pass


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_workers_take_the_devices_in_turn(wanted, devices, tmp_path):
    joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(enter)(wanted, folder=tmp_path, number=i) for i in range(2)
    )
    assert sorted(devices) == [0, 1]


def test_three_workers_share_two_devices(devices, tmp_path):
    def task(number):
        meet(tmp_path, number, 3)
        enter("auto")

    joblib.Parallel(n_jobs=3, backend="threading")(joblib.delayed(task)(i) for i in range(3))
    assert sorted(devices) == [0, 0, 1]


def test_outside_of_workers_the_current_device_is_left_alone(devices):
    enter("auto")
    enter("cuda", torch.device("cpu"))
    assert devices == []


def test_a_network_stays_on_its_device(devices, tmp_path):
    enter("auto", torch.device("cuda", 1))
    joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(enter)("cuda", torch.device("cuda", 1), tmp_path, i) for i in range(2)
    )
    assert devices == [1, 1, 1]


def test_a_worker_on_the_processor_asks_for_no_device(devices, digits):
    def fit(_):
        return small(MLPNetClassifier, device="cpu").fit(*digits).partial_fit(*digits)

    joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(fit)(i) for i in range(2))
    assert devices == []


def try_devices(X, y):
    """Return what comes of a fit on a GPU and of one wherever that is possible."""
    with pytest.raises(RuntimeError) as refused:
        small(MLPNetClassifier, device="cuda").fit(X, y)
    fitted = small(MLPNetClassifier, device="auto").fit(X, y)
    return str(refused.value), fitted.net_.device_.type, fitted.partial_fit(X, y).n_iter_


def test_a_forked_process_leaves_the_devices_of_its_parent_alone(devices, digits, monkeypatch):
    def init():
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess.")

    monkeypatch.setattr(torch.cuda, "init", init)
    found = joblib.Parallel(n_jobs=2, backend="multiprocessing", timeout=60)(
        joblib.delayed(try_devices)(*digits) for _ in range(2)
    )
    for words, device, n_epochs in found:
        assert words.startswith("Got device 'cuda' in a process that was forked off one that uses")
        assert (device, n_epochs) == ("cpu", 4)


def take_away(monkeypatch, name):
    """Let a private name be missing, in threads and forked processes too."""
    find = _private._find

    def find_others(owner, wanted, default=None):
        return default if wanted == name else find(owner, wanted, default)

    monkeypatch.setattr(_private, "_find", find_others)


@pytest.mark.parametrize("name", ["_start_method", "_identity"])
def test_forked_workers_without_a_private_name(name, all_cores, digits, monkeypatch):
    take_away(monkeypatch, name)
    with joblib.parallel_config("multiprocessing"):
        assert seen_by(search(n_jobs=2).fit(*digits)) == {1}
    assert threads_inside_fit(search(n_jobs=1).fit(*digits).best_estimator_) == all_cores


def test_numbers_of_forked_workers_without_a_private_name(tmp_path, monkeypatch):
    take_away(monkeypatch, "_identity")
    numbers = joblib.Parallel(n_jobs=2, backend="multiprocessing", batch_size=1)(
        joblib.delayed(meet)(tmp_path, i, 2) for i in range(2)
    )
    assert len(set(numbers)) == 2


def test_threads_of_a_pool_without_a_private_name(all_cores, digits, monkeypatch):
    take_away(monkeypatch, "_parent")
    with joblib.parallel_config("threading"):
        assert seen_by(search(n_jobs=2).fit(*digits)) == {all_cores // 2}


def test_siblings_on_a_system_that_does_not_list_them(tmp_path, monkeypatch):
    monkeypatch.setattr(_private, "PROCESSES", tmp_path)
    assert _private.count_siblings() is None
