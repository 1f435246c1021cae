"""Searching with everyone's searches: architectures, training, changed images, samplers at once."""

import warnings
from contextlib import nullcontext
from functools import cache

import joblib
import numpy as np
import optuna
import pytest
from clothes import net, pick
from common import ESTIMATORS, FAST, kinds
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState
from optuna_integration import OptunaSearchCV
from optuna_integration.skorch import SkorchPruningCallback
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
)

from skfashion import Augmentation, ConvNetClassifier, MLPNetClassifier, ResNetClassifier

X, y = pick({"Bag": 60, "Sneaker": 40, "Trouser": 20})
X_test, y_test = pick(dict.fromkeys(["Bag", "Sneaker", "Trouser"], 40), start=60)
FOLDS = StratifiedKFold(2)

pytestmark = [
    # From Python 3.12 on it warns of every fork beside threads, and joblib's multiprocessing forks.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    # optuna-integration 5.0 uses what Optuna 4.9 deprecated.
    pytest.mark.filterwarnings("ignore:`optuna.terminator`:FutureWarning"),
]


@pytest.fixture(params=kinds(ESTIMATORS, fast=FAST))
def estimator_class(request):
    """Every public classifier; a search is many fits, and those of deep networks are slow."""
    return request.param


# Values of the parameters of an architecture; a class is searched over those that it has.
ARCHITECTURES = {
    "channels": [(4,), (4, 6)],
    "hidden_layer_sizes": [(8,), (16, 8)],
    "block": ["basic", "depthwise"],
    "n_heads": [2, 4],
    "width": [8, 16],
    "depth": [1, 2],
    "layer_lr_decay": [1.0, 0.5],
}


def architectures(cls):
    """Return values of the parameters of a class's architecture."""
    known = cls().get_params()
    if "module" in known:  # whose channels are those of the images
        return {"module__width": [2, 6]}
    return {name: values for name, values in ARCHITECTURES.items() if name in known}


def searched(cls, **params):
    """Return a small classifier to begin with."""
    if hasattr(cls, "backbone"):
        # A step of so large a network is slow, and slower with Muon.
        params = {"optimizer": "adamw", "lr": 1e-3, "batch_size": 32, "max_epochs": 1} | params
    return net(cls, **params)


def with_sampler(cls):
    return Pipeline([("draw", RandomOverSampler(random_state=0)), ("net", searched(cls))])


def grid_over_all(cls):
    """Return a grid of eight: two architectures, training images changed or not, two samplers."""
    own = [name for name in ARCHITECTURES if name in cls().get_params()]
    return {
        f"net__{own[0]}": ARCHITECTURES[own[0]],
        "net__augment": [None, Augmentation(shift=1)],
        "draw": ["passthrough", RandomUnderSampler(random_state=0)],
    }


def distributions_over_all(cls):
    own = {f"net__{name}": values for name, values in architectures(cls).items()}
    training = {
        "net__lr": loguniform(1e-3, 2e-2),
        "net__label_smoothing": [0.0, 0.1],
        "net__lr_schedule": ["one_cycle", "cosine"],
        "net__augment": ["flip", Augmentation(shift=1, mixup=0.2)],
    }
    return own | training | {"draw": ["passthrough", RandomOverSampler(random_state=0)]}


HALVING = {"resource": "net__max_epochs", "max_resources": 4, "factor": 2, "random_state": 0}
SEARCHES = {
    "grid": lambda cls: GridSearchCV(with_sampler(cls), grid_over_all(cls)),
    "random": lambda cls: RandomizedSearchCV(
        with_sampler(cls), distributions_over_all(cls), n_iter=4, random_state=0
    ),
    "halving grid": lambda cls: HalvingGridSearchCV(
        with_sampler(cls), grid_over_all(cls), **HALVING
    ),
    "halving random": lambda cls: HalvingRandomSearchCV(
        with_sampler(cls), distributions_over_all(cls), n_candidates=4, **HALVING
    ),
}


def by_hand(cls, params, rows, labels):
    """Return what a candidate is without a pipeline and without a search."""
    own = {name.removeprefix("net__"): v for name, v in params.items() if name != "draw"}
    sampler = params.get("draw", RandomOverSampler(random_state=0))
    if sampler != "passthrough":
        rows, labels = clone(sampler).fit_resample(rows, labels)
    return searched(cls).set_params(**own).fit(rows, labels)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        *((MLPNetClassifier, name) for name in SEARCHES),
        *(
            pytest.param(cls, "random", marks=pytest.mark.slow)
            for cls in ESTIMATORS
            if cls is not MLPNetClassifier
        ),
    ],
)
def test_architectures_training_images_and_samplers_in_one_search(cls, name):
    search = SEARCHES[name](cls).set_params(cv=FOLDS, error_score="raise")
    search.fit(X, y)
    found = search.cv_results_
    assert len({str(params) for params in found["params"]}) == len(found["params"])
    train, test = next(FOLDS.split(X, y))
    for i in (0, search.best_index_):
        alone = by_hand(cls, found["params"][i], X[train], y[train])
        assert found["split0_test_score"][i] == alone.score(X[test], y[test])
    best = by_hand(cls, search.best_params_, X, y)
    np.testing.assert_array_equal(search.predict_proba(X_test), best.predict_proba(X_test))
    if "halving" in name:
        assert search.n_resources_ == [1, 2, 4]
        assert search.best_estimator_["net"].n_iter_ == 4


@pytest.mark.slow
def test_nets_with_and_without_shortcuts_are_values_of_one_parameter():
    nets = [searched(cls) for cls in (MLPNetClassifier, ConvNetClassifier, ResNetClassifier)]
    grid = {"net": nets, "net__augment": [None, "flip"]}
    search = GridSearchCV(with_sampler(MLPNetClassifier), grid, cv=FOLDS, error_score="raise")
    search.fit(X, y)
    classes = [type(params["net"]) for params in search.cv_results_["params"]]
    assert classes == [cls for cls in map(type, nets) for _ in range(2)]
    assert search.score(X_test, y_test) > 0.8


@cache
def bits(cls, n_threads, n_jobs=None, backend=None):
    """Return all numbers that a search ends with, but for the seconds."""
    grid = dict(list(architectures(cls).items())[:1])
    if "dropout" in cls().get_params():
        grid["dropout"] = [0.2]
    model = searched(cls, n_threads=n_threads, augment=Augmentation(shift=1))
    search = GridSearchCV(model, grid, cv=FOLDS, scoring="neg_log_loss", n_jobs=n_jobs)
    # Arrays of more than 10 kB reach processes as read-only maps of one file.
    maps = {"max_nbytes": "10K"} if backend in ("loky", "multiprocessing") else {}
    with nullcontext() if backend is None else joblib.parallel_config(backend, **maps):
        search.fit(X, y)
    scores = [search.cv_results_[f"split{i}_test_score"] for i in range(2)]
    return np.concatenate([*scores, search.predict_proba(X_test).ravel()])


@pytest.mark.parametrize(
    "backend", ["threading", "multiprocessing", pytest.param("loky", marks=pytest.mark.slow)]
)
def test_every_backend_gives_the_same_bits(backend):
    alone = bits(MLPNetClassifier, 1)
    assert len(np.unique(alone[:4])) == 4
    np.testing.assert_array_equal(bits(MLPNetClassifier, 1, 2, backend), alone)


@pytest.mark.slow
def test_processes_give_the_same_bits(estimator_class):
    np.testing.assert_array_equal(bits(estimator_class, 1, 2, "loky"), bits(estimator_class, 1))


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_every_backend_gives_the_same_bits_with_two_threads(backend):
    alone = bits(ConvNetClassifier, 2)
    np.testing.assert_array_equal(bits(ConvNetClassifier, 2, 2, backend), alone)


# --- Optuna -------------------------------------------------------------------------------------


def optuna_search(estimator, distributions, **options):
    options = {"cv": FOLDS, "error_score": "raise", "random_state": 0} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return OptunaSearchCV(estimator, distributions, **options)


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_optuna_searches_pipelines(fast_class):
    distributions = {
        "net__lr": FloatDistribution(1e-3, 2e-2, log=True),
        "net__augment": CategoricalDistribution([None, "flip"]),
        "draw__sampling_strategy": CategoricalDistribution(["minority", "not majority"]),
        "net__hidden_layer_sizes": IntDistribution(4, 32, log=True),
    }
    search = optuna_search(with_sampler(fast_class), distributions, n_trials=4)
    search.fit(X, y)
    assert [trial.state for trial in search.trials_] == [TrialState.COMPLETE] * 4
    assert set(search.best_params_) == set(distributions)
    params = dict(search.best_params_)
    strategy = params.pop("draw__sampling_strategy")
    params["draw"] = RandomOverSampler(sampling_strategy=strategy, random_state=0)
    train, test = next(FOLDS.split(X, y))
    alone = by_hand(fast_class, params, X[train], y[train])
    score = search.best_trial_.user_attrs["split0_test_score"]
    assert score == alone.score(X[test], y[test])
    best = by_hand(fast_class, params, X, y)
    np.testing.assert_array_equal(search.predict_proba(X_test), best.predict_proba(X_test))


def pruning_study(model):
    """Return a study that tries a learning rate that learns, and then one that does not."""
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=1)
    )
    for lr in (model.lr, 1e-8):
        study.enqueue_trial({"lr": lr})
    return study


def test_optuna_prunes_through_partial_fit(fast_class):
    model = searched(fast_class)
    study = pruning_study(model)
    search = optuna_search(
        model,
        {"lr": FloatDistribution(1e-9, 1.0, log=True)},
        enable_pruning=True,
        max_iter=3,
        n_trials=2,
        study=study,
    ).fit(X, y)
    learning, pruned = search.trials_
    assert (learning.state, pruned.state) == (TrialState.COMPLETE, TrialState.PRUNED)
    assert len(learning.intermediate_values) == 3
    assert len(pruned.intermediate_values) < 3
    scores = []
    for train, test in FOLDS.split(X, y):
        alone = clone(model).set_params(**search.best_params_)
        for _ in range(3):
            alone.partial_fit(X[train], y[train], classes=np.unique(y))
        scores.append(alone.score(X[test], y[test]))
    assert search.best_score_ == np.mean(scores)
    best = clone(model).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X_test), best.predict_proba(X_test))


def test_a_pruning_callback_reports_into_its_trial():
    def model(callback, **params):
        return net(MLPNetClassifier, max_epochs=3).set_params(skorch_callbacks=[callback], **params)

    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=1.0, n_warmup_steps=1))
    good = model(SkorchPruningCallback(study.ask(), "train_loss"), lr=2e-2).fit(X, y)
    assert study.trials[0].intermediate_values == dict(enumerate(good.loss_curve_))
    slow = model(("prune", SkorchPruningCallback(study.ask(), "train_loss")), lr=1e-9)
    with pytest.raises(optuna.TrialPruned, match="pruned at epoch 1"):
        slow.fit(X, y)
    assert len(study.trials[1].intermediate_values) == 2
    assert not hasattr(slow, "net_")


def test_trials_of_optuna_in_threads_are_those_of_one_thread():
    def values(n_jobs):
        study = optuna.create_study(direction="maximize")
        for lr in (1e-3, 5e-3, 2e-2):
            study.enqueue_trial({"lr": lr})
        distributions = {"lr": FloatDistribution(1e-4, 1.0, log=True)}
        options = {"study": study, "n_trials": 3, "n_jobs": n_jobs, "scoring": "neg_log_loss"}
        search = optuna_search(searched(MLPNetClassifier), distributions, **options).fit(X, y)
        return {trial.params["lr"]: trial.value for trial in search.trials_}

    assert values(2) == values(1)
