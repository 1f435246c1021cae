"""A real cluster: the same results as in one process, and data that is sent once."""

import threading
from unittest import mock

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from clothes import net
from clusters import Proxy, halving_search, in_one_process, local_cluster, table, without_clocks
from common import LEARNING
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from skfashion import MLPNetClassifier
from skfashion.parallel import _private
from skfashion.parallel.runs import run_all
from skfashion.parallel.workers import thread_share, worker_number
from skfashion.studies import fairness_study, imbalance_study

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.slow

HALVED = {"lr": [1e-4, 1e-2], "hidden_layer_sizes": [(4,), (32,)], "dropout": [0.0, 0.3]}


@pytest.fixture(scope="module")
def client():
    with local_cluster() as client:
        yield client


@pytest.fixture
def on_cluster(client):
    with joblib.parallel_config("dask", client=client):
        yield client


# --- equal results --------------------------------------------------------------------------------


def fitted_probabilities(estimator, X, y):
    return estimator.fit(X, y).predict_proba(X)


@pytest.mark.parametrize("cls", LEARNING)
def test_classifiers_learn_the_same_on_a_worker(cls, client, digits):
    there = client.submit(fitted_probabilities, net(cls), *digits).result()
    np.testing.assert_array_equal(there, fitted_probabilities(net(cls), *digits))


def probabilities(estimator, X):
    return estimator.predict_proba(X) if hasattr(estimator, "net_") else None


def test_fits_are_not_taken_for_each_other(client, digits):
    # Dask computes once what has one token, and would know a dataclass by its fields alone.
    X, y = digits
    unfitted = net(MLPNetClassifier)
    nets = [unfitted, clone(unfitted).fit(X, y), clone(unfitted).fit(X[:150], y[:150])]
    found = client.gather([client.submit(probabilities, each, X) for each in nets])
    assert found[0] is None
    for there, each in zip(found[1:], nets[1:], strict=True):
        np.testing.assert_array_equal(there, each.predict_proba(X))


def test_grid_search(on_cluster, digits):
    sampler = RandomOverSampler(random_state=0)
    pipeline = make_resampling_pipeline(sampler, net(MLPNetClassifier))
    last = pipeline.steps[-1][0]
    grid = {f"{last}__lr": [1e-4, 1e-2], f"{last}__hidden_layer_sizes": [(4,), (16,)]}
    search = GridSearchCV(pipeline, grid, cv=2)
    there = clone(search).fit(*digits)
    alone = in_one_process(lambda: clone(search).fit(*digits))
    assert table(there) == table(alone)
    X = digits[0]
    np.testing.assert_array_equal(there.predict_proba(X), alone.predict_proba(X))


def test_epoch_halving(on_cluster, digits):
    search = halving_search(
        net(MLPNetClassifier), HALVED, return_train_score=True, scoring="neg_log_loss"
    )
    weights = 1.0 + (np.arange(len(digits[1])) % 3)
    there = clone(search).fit(*digits, sample_weight=weights)
    alone = in_one_process(lambda: clone(search).fit(*digits, sample_weight=weights))
    assert table(there) == table(alone)
    X = digits[0]
    np.testing.assert_array_equal(there.predict_proba(X), alone.predict_proba(X))


def test_imbalance_study(on_cluster, digits):
    X, y = digits
    estimators = {
        "net": net(MLPNetClassifier),
        "sgd": SGDClassifier(loss="log_loss"),
        "forest": RandomForestClassifier(10),
    }

    def study():
        return imbalance_study(
            estimators,
            *(X[:200], y[:200], X[200:], y[200:]),
            treatments=["nothing", "SMOTE"],
            ratios=[3],
            seeds=[0, 1],
            verbose=0,
        )

    pd.testing.assert_frame_equal(
        without_clocks(study()), without_clocks(in_one_process(study)), check_exact=True
    )


def test_fairness_study(on_cluster, digits):
    pytest.importorskip("fairlearn")
    X, y = digits
    groups = np.where(np.random.RandomState(0).rand(len(y)) < 0.3 + 0.4 * (y > 4), "a", "b")

    def study():
        return fairness_study(
            {"net": net(MLPNetClassifier)},
            *(X[:200], y[:200] > 4, groups[:200]),
            *(X[200:], y[200:] > 4, groups[200:]),
            mitigations=["nothing", "group weights", "augment"],
            seeds=[0, 1],
            verbose=0,
        )

    pd.testing.assert_frame_equal(
        without_clocks(study()), without_clocks(in_one_process(study)), check_exact=True
    )


# --- what travels ---------------------------------------------------------------------------------


@pytest.fixture
def proxy(client):
    """Joblib computes on the cluster, and what this process sends there is counted."""
    with (
        Proxy(client.scheduler.address) as proxy,
        distributed.Client(proxy.address, set_as_default=False) as other,
        joblib.parallel_config("dask", client=other),
    ):
        yield proxy


def test_the_data_of_a_study_is_sent_once(proxy):
    X, y = large()
    before = proxy.n_bytes
    imbalance_study(
        {"bayes": GaussianNB(var_smoothing=0.1)},
        *(X, y, X[:100], y[:100]),
        treatments=["nothing"],
        ratios=[2],
        seeds=range(20),
        verbose=0,
    )
    assert X.nbytes < proxy.n_bytes - before < 1.5 * X.nbytes


def test_the_data_of_a_grid_search_is_sent_once(proxy):
    X, y = large()
    before = proxy.n_bytes
    GridSearchCV(GaussianNB(), {"var_smoothing": np.logspace(-3, 0, 10)}, cv=2).fit(X, y)
    assert X.nbytes < proxy.n_bytes - before < 1.5 * X.nbytes


def test_the_data_of_all_rungs_is_sent_once(proxy):
    X, y = large()
    sgd, grid = SGDClassifier(random_state=0), {"alpha": np.logspace(-6, 0, 8)}
    before = proxy.n_bytes
    halving_search(sgd, grid, cv=3).fit(X, y, sample_weight=np.ones(len(y)))
    assert X.nbytes < proxy.n_bytes - before < 1.5 * X.nbytes


def large():
    """Return 3 MB of noise, and two classes."""
    rng = np.random.RandomState(0)
    return rng.randint(256, size=(4000, 784)).astype(np.uint8), np.arange(4000) % 2


def test_what_cannot_be_sent_is_refused(on_cluster):
    with pytest.raises(TypeError, match="Got a run that cannot be pickled .*lock"):
        run_all(one_more, [{"i": threading.Lock()}, {"i": 1}], {"X": np.zeros(2)}, verbose=0)


def length(task, shared, given):
    return len(given)


def test_large_states_are_sent_without_a_warning(on_cluster):
    sizes = [11_000_000, 12_000_000]
    given = [bytes(size) for size in sizes]
    assert run_all(length, [{}, {}], {}, given=given, verbose=0) == sizes


def inner_backend(task, shared):
    return type(joblib.parallel.get_active_backend()[0]).__name__


def test_what_a_run_does_in_parallel_stays_on_its_worker(on_cluster):
    # joblib would send each tree of a forest, say, through the scheduler.
    assert "Dask" not in "".join(run_all(inner_backend, [{}, {}], {}, verbose=0))


def numbers_of_a_worker():
    return torch.get_num_threads(), thread_share(), worker_number()


@pytest.mark.parametrize(
    ("n_workers", "threads_per_worker", "given", "share"),
    [(2, 1, None, 1), (1, 2, 2, 1), (1, 1, 2, 2)],
)
def test_fits_share_what_threads_a_worker_is_given(
    n_workers, threads_per_worker, given, share, monkeypatch
):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        # What Dask gives its workers goes after what the environment says.
        monkeypatch.delenv(name, raising=False)
        if given is not None:
            monkeypatch.setenv(name, str(given))
    with local_cluster(n_workers, threads_per_worker, "spawn") as client:
        workers = client.scheduler_info()["workers"]
        found = [
            client.submit(numbers_of_a_worker, workers=[address], pure=False).result()
            for address in workers
        ]
        n_threads = client.submit(threads_of_a_fit, pure=False).result()
    assert [each[:2] for each in found] == [(given or 1, share)] * n_workers
    # Consecutive, so that workers take the devices of a machine in turn.
    assert sorted(each[2] for each in found) == list(range(n_workers))
    assert n_threads == share


def share_without_a_private_name():
    def find(owner, name, default=None):
        return default if name == "_instances" else getattr(owner, name, default)

    with mock.patch.object(_private, "_find", find):
        before = torch.get_num_threads()
        torch.set_num_threads(8)
        try:
            return thread_share()
        finally:
            torch.set_num_threads(before)


def test_fits_share_threads_where_dask_has_lost_a_private_name():
    with local_cluster(1, 2, "spawn") as client:
        assert client.submit(share_without_a_private_name).result() == 4


def shares_in_a_pool():
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    try:
        return joblib.Parallel(2, backend="threading")([joblib.delayed(thread_share)()] * 2)
    finally:
        torch.set_num_threads(before)


def test_threads_inside_of_a_worker_share_what_is_left_by_its_other_runs():
    with local_cluster(1, 2, "spawn") as client:
        assert client.submit(shares_in_a_pool).result() == [2, 2]


def threads_of_a_fit():
    from test_workers import counting_net, threads_inside_fit

    X, y = load_digits(return_X_y=True)
    return threads_inside_fit(counting_net().fit(X[:100], y[:100]))


def one_more(task, shared):
    return task["i"] + shared["X"].sum()


def test_a_cluster_of_one_thread_is_served_by_this_process():
    # joblib does so, and must be given data then, not what stands for data on the cluster.
    with (
        local_cluster(1) as client,
        joblib.parallel_config("dask", client=client),
        pytest.warns(RuntimeWarning, match="Got a Dask cluster with a single thread"),
    ):
        found = run_all(one_more, [{"i": 1}, {"i": 2}], {"X": np.arange(4.0)}, verbose=0)
    assert found == [7, 8]
