"""Networks that are trained together: the numbers of one after the other, nothing left behind."""

import math
import pickle
import sys
from typing import ClassVar

import joblib
import numpy as np
import pytest
import torch
from common import small, weights_of
from sklearn import get_config
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from test_epoch_halving import table

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.model_selection import EpochHalvingSearchCV
from skfashion.model_selection.groups import call_together
from skfashion.training.stacked import StackedGradients

NUMBERS = {"lr": [1e-3, 4e-3], "weight_decay": [0.0, 0.1], "label_smoothing": [0.0, 0.2]}


@pytest.fixture
def stacked_steps(monkeypatch):
    """How many networks took each step that was taken together, in this process."""
    counts = []
    compute = StackedGradients.__call__

    def counted(self, batches):
        counts.append(len(batches))
        return compute(self, batches)

    monkeypatch.setattr(StackedGradients, "__call__", counted)
    return counts


def plain(**params):
    """Return a net whose gradients are written out."""
    return small(MLPNetClassifier, **{"batch_norm": False, "n_threads": 1, **params})


def search_of(estimator, grid, **options):
    options = {"factor": 2, "max_resources": 4, "cv": 2, "random_state": 0} | options
    return EpochHalvingSearchCV(estimator, grid, **options)


def assert_close(search, other, n_candidates):
    """Compare the first rung, which all candidates reach, of searches by log-loss."""
    for results in (search.cv_results_, other.cv_results_):
        assert results["iter"].tolist().count(0) == n_candidates
    first, second = (
        (s.cv_results_["params"][:n_candidates], s.cv_results_["mean_test_score"][:n_candidates])
        for s in (search, other)
    )
    assert first[0] == second[0]
    np.testing.assert_allclose(first[1], second[1], rtol=1e-3)


def together(nets, X, y):
    """Return the nets, fitted together."""
    return call_together(nets[0], [lambda net=net: net.fit(X, y) for net in nets])


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"hidden_layer_sizes": (16, 8), "activation": "tanh"},
        {"optimizer": "sgd", "standardize": False},
        {"optimizer": "muon", "ema_decay": 0.9},
        {"precision": "fp64", "batch_size": 50},
        {"augment": "flip+shift", "sam_rho": 0.05, "max_grad_norm": 0.1},
    ],
)
def test_numbers_are_those_of_one_after_the_other(params, digits, stacked_steps):
    X, y = digits
    numbers = [
        {"lr": 1e-3},
        {"lr": 4e-3, "label_smoothing": 0.2},
        {"lr": 2e-3, "weight_decay": 0.5},
        {"lr": 2e-3, "random_state": 1},
    ]
    nets = [plain(**params, **own) for own in numbers]
    for net, own in zip(together(nets, X, y), numbers, strict=True):
        alone = plain(**params, **own).fit(X, y)
        np.testing.assert_allclose(net.predict_proba(X), alone.predict_proba(X), atol=5e-3)
        np.testing.assert_allclose(net.loss_curve_, alone.loss_curve_, rtol=1e-3)
        assert net.history_["lr"].tolist() == alone.history_["lr"].tolist()
        assert (weights_of(net) != weights_of(nets[0])).any() or net is nets[0]
    # Sharpness-aware steps compute two gradients each.
    n_steps = 3 * math.ceil(300 / nets[0].batch_size) * (2 if nets[0].sam_rho else 1)
    assert stacked_steps == [4] * n_steps


def test_a_net_keeps_no_memory_of_the_others(digits):
    nets = together([plain(random_state=seed) for seed in range(8)], *digits)
    alone = plain(random_state=3).fit(*digits)
    assert len(pickle.dumps(nets[3])) == pytest.approx(len(pickle.dumps(alone)), rel=0.02)
    nets[0].partial_fit(*digits)
    before = weights_of(nets[1])
    nets[0].partial_fit(*digits)
    np.testing.assert_array_equal(weights_of(nets[1]), before)


def test_nets_of_other_shapes_and_kinds_are_trained_as_if_alone(digits, stacked_steps):
    X, y = digits
    kinds = [
        lambda: plain(hidden_layer_sizes=(8,)),
        lambda: plain(hidden_layer_sizes=(9,)),
        lambda: plain(dropout=0.3),
        lambda: plain(class_weight="balanced"),
        lambda: plain(loss="logit_adjusted"),
        lambda: plain(max_epochs=1, hidden_layer_sizes=(10,)),
        lambda: plain(max_epochs=4, hidden_layer_sizes=(10,)),
        lambda: small(ConvNetClassifier, n_threads=1),
    ]
    for net, kind in zip(together([kind() for kind in kinds], X, y), kinds, strict=True):
        np.testing.assert_allclose(
            net.predict_proba(X), kind().fit(X, y).predict_proba(X), atol=5e-3
        )
    # Of the two that go on for different times, the first epoch.
    assert stacked_steps == [2] * 10


class Clamp(Callback):
    """Give a network other weights after each step, in memory of their own."""

    def on_batch_end(self, net, training, **kwargs):
        for parameter in net.module_.parameters():
            parameter.data = parameter.data.clamp(-0.05, 0.05)


def test_weights_that_a_callback_replaces_are_those_that_train(digits, stacked_steps):
    X, y = digits
    nets = [plain(skorch_callbacks=[Clamp()], random_state=seed) for seed in range(2)]
    for net in together(nets, X, y):
        assert all(abs(p).max() <= 0.05 for p in net.net_.module_.parameters())
        alone = clone(net).fit(X, y)
        np.testing.assert_allclose(net.predict_proba(X), alone.predict_proba(X), atol=5e-3)
    assert stacked_steps == [2]


class Threads(Callback):
    """Remember with how many threads each epoch ended."""

    seen: ClassVar = []

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(torch.get_num_threads())


def test_what_the_process_is_set_to_lasts_as_long_as_the_longest_and_no_longer(digits):
    config, n_threads = get_config(), torch.get_num_threads()
    wanted = n_threads + 1
    short = plain(n_threads=wanted, max_epochs=1)
    together([short, plain(n_threads=wanted, skorch_callbacks=[Threads()])], *digits)
    assert Threads.seen == [wanted] * 3
    assert get_config() == config
    assert torch.get_num_threads() == n_threads


def test_a_search_finds_the_same(digits, stacked_steps):
    # The same one is trained in the end, whichever is ahead by some rounding.
    options = {"scoring": "neg_log_loss", "refit": lambda results: 0}
    apart = search_of(plain(), NUMBERS, **options).fit(*digits)
    assert stacked_steps == []
    joined = search_of(plain(), NUMBERS, n_stacked=3, **options).fit(*digits)
    assert set(stacked_steps) == {2, 3}
    assert_close(joined, apart, 8)
    np.testing.assert_array_equal(joined.predict_proba(digits[0]), apart.predict_proba(digits[0]))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_every_backend_gives_the_same_bits(backend, digits):
    options = {"n_stacked": 3, "return_train_score": True, "scoring": "neg_log_loss"}
    alone = search_of(plain(), NUMBERS, **options).fit(*digits)
    with joblib.parallel_config(backend):
        beside = search_of(plain(), NUMBERS, n_jobs=2, **options).fit(*digits)
    assert table(beside) == table(alone)


def test_seconds_of_a_group_are_shared_among_its_members(digits):
    apart = search_of(plain(), NUMBERS, max_resources=8).fit(*digits)
    joined = search_of(plain(), NUMBERS, max_resources=8, n_stacked=8).fit(*digits)
    first, other = (s.cv_results_["mean_fit_time"][:8] for s in (joined, apart))
    assert np.ptp(first) < 1e-9
    assert np.ptp(other) > 1e-9


# Said of any search with scores that are none.
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_a_candidate_that_diverges_fails_alone(digits):
    grid = {"lr": [1e-3, 1e30, 2e-3, 3e-3]}
    options = {"n_stacked": 4, "max_resources": 2}
    with pytest.warns(FitFailedWarning, match="2 fits failed"):
        search = search_of(plain(), grid, **options).fit(*digits)
    scores = dict(
        zip(
            (p["lr"] for p in search.cv_results_["params"]),
            search.cv_results_["mean_test_score"],
            strict=True,
        )
    )
    assert np.isnan(scores[1e30])
    assert np.isfinite([score for lr, score in scores.items() if lr < 1]).all()
    with pytest.raises(ValueError, match="diverged"):
        search_of(plain(), grid, error_score="raise", **options).fit(*digits)


def test_pipelines_are_stacked_and_others_are_not(digits, stacked_steps):
    X, y = digits
    pipeline = make_pipeline(StandardScaler(), plain())
    grid = {"mlpnetclassifier__lr": [1e-3, 2e-3, 3e-3], "standardscaler__with_std": [True, False]}
    joined = search_of(pipeline, grid, n_stacked=6, scoring="neg_log_loss").fit(X, y)
    assert stacked_steps[0] == 3
    apart = search_of(pipeline, grid, scoring="neg_log_loss").fit(X, y)
    assert_close(joined, apart, 6)
    alphas = {"alpha": [1e-4, 1e-3]}
    linear = [search_of(SGDClassifier(), alphas, n_stacked=n).fit(X, y) for n in (1, 2)]
    assert table(linear[0]) == table(linear[1])


def test_functions_of_a_notebook_are_searched_one_by_one(digits, stacked_steps):
    net = plain(augment=lambda images, generator: images)
    search_of(net, {"lr": [1e-3, 2e-3]}, n_stacked=2).fit(*digits)
    assert stacked_steps == []


def test_missing_greenlet_is_named_before_anything_is_trained(monkeypatch, digits):
    monkeypatch.setitem(sys.modules, "greenlet", None)
    with pytest.raises(ImportError, match=r"pip install 'skfashion\[stacking\]'"):
        search_of(plain(), NUMBERS, n_stacked=2).fit(*digits)
