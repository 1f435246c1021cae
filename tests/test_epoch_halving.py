"""Successive halving over epochs: what goes on must be what would have been anyway."""

import time
from functools import partial
from typing import ClassVar

import joblib
import numpy as np
import pytest
from clusters import halving_search, table
from common import small
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline as ResamplingPipeline
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.callback import AutoPropagatedCallback, FitCallback, ScoringMonitor
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    StratifiedKFold,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import LRScheduler
from test_common import SAMPLE_WEIGHT_CHECKS

from skfashion import MLPNetClassifier
from skfashion.model_selection import EpochHalvingSearchCV
from skfashion.model_selection.rungs import plan_rungs

GRID = {"lr": [1e-4, 1e-2], "hidden_layer_sizes": [(4,), (32,)], "dropout": [0.0, 0.3]}

# From Python 3.12 on it warns of every fork beside threads, and joblib's multiprocessing forks.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def search_of(estimator=None, grid=None, **options):
    estimator = small(MLPNetClassifier, n_threads=1) if estimator is None else estimator
    return halving_search(estimator, GRID if grid is None else grid, **options)


# scikit-learn's check_cv casts y before anybody has looked for infinite numbers.
CAST = pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")


def checks(estimator, n_epochs=9, **grid):
    options = {"cv": 2, "error_score": "raise", "random_state": 0}
    search = EpochHalvingSearchCV(estimator, grid, max_resources=n_epochs, **options)
    return parametrize_with_checks(
        [search], expected_failed_checks=lambda search: SAMPLE_WEIGHT_CHECKS
    )


@CAST
@checks(SGDClassifier(loss="log_loss"), alpha=[1e-4, 1e-2])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@CAST
@pytest.mark.slow
@checks(SGDRegressor(), alpha=[1e-4, 1e-2])
def test_scikit_learn_checks_of_a_regressor(estimator, check):
    check(estimator)


@CAST
@pytest.mark.slow
@checks(small(MLPNetClassifier), n_epochs=4, lr=[5e-3, 2e-2])
def test_scikit_learn_checks_of_a_net(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("n_candidates", "factor", "smallest", "largest", "expected"),
    [
        (24, 3, 1, 27, ([24, 8, 3], [3, 9, 27])),
        (24, 2, 1, 16, ([24, 12, 6, 3, 2], [1, 2, 4, 8, 16])),
        (27, 3, 1, 27, ([27, 9, 3, 1], [1, 3, 9, 27])),
        (24, 3, 1, 20, ([24, 8, 3], [2, 6, 20])),
        (24, 3, 5, 27, ([24, 8], [9, 27])),
        (100, 3, 1, 4, ([100, 34], [1, 4])),
        (1, 3, 1, 7, ([1], [7])),
        (5, 1.5, 1, 9, ([5, 4, 3, 2], [2, 4, 6, 9])),
        (10, 1.5, 1, 4, ([10, 7, 5], [1, 2, 4])),
    ],
)
def test_rungs(n_candidates, factor, smallest, largest, expected):
    assert plan_rungs(n_candidates, factor, smallest, largest) == expected


def test_the_last_rung_scores_what_a_whole_fit_scores(digits):
    search = search_of(return_train_score=True, scoring="neg_log_loss").fit(*digits)
    assert search.n_resources_ == [1, 2, 4]
    assert search.n_candidates_ == [8, 4, 2]
    last = search.cv_results_["iter"] == 2
    for row in np.flatnonzero(last):
        params = search.cv_results_["params"][row]
        net = clone(search.estimator).set_params(max_epochs=4)
        grid = {name: [value] for name, value in params.items()}
        options = {"return_train_score": True, "scoring": "neg_log_loss"}
        whole = GridSearchCV(net, grid, cv=2, **options).fit(*digits)
        for name in ("split0_test_score", "split1_test_score", "mean_train_score"):
            assert search.cv_results_[name][row] == whole.cv_results_[name][0]
    assert search.best_score_ == search.cv_results_["mean_test_score"][last].max()
    best = clone(search.estimator).set_params(max_epochs=4, **search.best_params_).fit(*digits)
    np.testing.assert_array_equal(search.predict_proba(digits[0]), best.predict_proba(digits[0]))
    assert search.best_estimator_.max_epochs == 4


def test_the_best_of_each_rung_go_on(digits):
    found = search_of().fit(*digits).cv_results_
    for rung in (0, 1):
        here, there = found["iter"] == rung, found["iter"] == rung + 1
        order = np.argsort(-found["mean_test_score"][here], kind="stable")[: there.sum()]
        params = np.asarray(found["params"], dtype=object)
        assert params[there].tolist() == params[here][np.sort(order)].tolist()


@pytest.mark.parametrize(
    "backend",
    [
        "threading",
        pytest.param("loky", marks=pytest.mark.slow),
        pytest.param("multiprocessing", marks=pytest.mark.slow),
    ],
)
def test_results_are_the_same_for_every_backend(backend, digits):
    # Accuracies are coarse; a loss tells the last bit of every probability.
    alone = search_of(scoring="neg_log_loss").fit(*digits)
    with joblib.parallel_config(backend):
        beside = search_of(n_jobs=2, scoring="neg_log_loss").fit(*digits)
    assert table(beside) == table(alone)
    assert beside.best_params_ == alone.best_params_


def test_candidates_without_a_seed_get_one_for_all_rungs(digits):
    net = small(MLPNetClassifier, random_state=None)
    first, second = (search_of(net).fit(*digits) for _ in range(2))
    assert table(first) == table(second)
    given = first.predict_proba(digits[0])
    np.testing.assert_array_equal(second.predict_proba(digits[0]), given)
    other = search_of(net, random_state=1).fit(*digits)
    assert table(first) != table(other)
    assert net.random_state is None


def test_pipelines_with_samplers_are_searched(digits):
    X, y = digits
    rows = np.flatnonzero((y > 4) | (np.arange(len(y)) % 3 == 0))
    net = small(MLPNetClassifier)
    pipeline = ResamplingPipeline(
        [("scale", StandardScaler()), ("draw", RandomOverSampler()), ("net", net)]
    )
    grid = {"draw": [RandomOverSampler(), "passthrough"], "net__lr": [1e-3, 1e-2]}
    search = search_of(pipeline, grid, error_score="raise").fit(X[rows], y[rows])
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_estimator_["net"].n_iter_ == 4
    assert search.score(X, y) > 0.2
    weights = np.ones(len(rows))
    search_of(make_pipeline(PCA(8), net), {"pca__n_components": [4, 8]}, error_score="raise").fit(
        X[rows], y[rows], mlpnetclassifier__sample_weight=weights
    )


def test_partial_fit_is_called_once_an_epoch(digits):
    X, y = digits
    net = MLPClassifier((8,), random_state=0)
    search = search_of(net, {"alpha": [1e-4, 1e-1]}, return_train_score=True).fit(X, y)
    assert search.n_resources_ == [2, 4]
    assert search.best_estimator_.t_ == 4 * len(X)
    split = StratifiedKFold(2).split(X, y)
    for j, (train, test) in enumerate(split):
        alone = clone(net).set_params(**search.best_params_)
        for _ in range(4):
            alone.partial_fit(X[train], y[train], classes=np.unique(y))
        score = search.cv_results_[f"split{j}_test_score"][search.best_index_]
        assert score == alone.score(X[test], y[test])


def test_weights_reach_fit_and_score(digits):
    X, y = digits
    weights = (np.arange(len(y)) % 2).astype(float)
    weighted = search_of().fit(X, y, sample_weight=weights)
    plain = search_of().fit(X, y)
    assert table(weighted) != table(plain)
    assert table(search_of().fit(X, y, sample_weight=np.ones(len(y)))) == table(plain)


def test_groups_reach_the_splitter(digits):
    X, y = digits
    groups = np.arange(len(y)) // 60  # of neighbours, whose scores differ from those of KFold
    found = search_of(cv=GroupKFold(3)).fit(X, y, groups=groups)
    splits = list(GroupKFold(3).split(X, y, groups))
    assert table(found) == table(search_of(cv=splits).fit(X, y))
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        search_of(cv=GroupKFold(3)).fit(X, y)


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_routed_metadata_reach_fit_score_and_the_splitter(backend, digits):
    X, y = digits
    weights, groups = 1.0 + (np.arange(len(y)) % 3), np.arange(len(y)) // 60
    accuracy = make_scorer(accuracy_score)
    splits = list(GroupKFold(3).split(X, y, groups))
    # What scikit-learn is told is told to this thread; workers must be told, too.
    with config_context(enable_metadata_routing=True), joblib.parallel_config(backend, n_jobs=2):
        steps = StandardScaler().set_fit_request(sample_weight=False), small(MLPNetClassifier)
        steps[1].set_params(n_threads=1).set_fit_request(sample_weight=True)
        grid = {"mlpnetclassifier__lr": [1e-3, 1e-2]}
        options = {"error_score": "raise", "scoring": make_scorer(accuracy_score)}
        options["scoring"].set_score_request(sample_weight=False)
        search_of(make_pipeline(*steps), grid, **options).fit(X, y, sample_weight=weights)
        both = search_of(
            small(MLPNetClassifier, n_threads=1).set_fit_request(sample_weight=True),
            scoring=accuracy.set_score_request(sample_weight=True),
            cv=GroupKFold(3),
        ).fit(X, y, sample_weight=weights, groups=groups)
        fit_only = search_of(
            small(MLPNetClassifier, n_threads=1).set_fit_request(sample_weight=True),
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=False),
            cv=GroupKFold(3),
        ).fit(X, y, sample_weight=weights, groups=groups)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            search_of(cv=2).fit(X, y, sample_weight=weights)
    # As without routing, where weights reach whatever takes them.
    assert table(both) == table(search_of(cv=splits).fit(X, y, sample_weight=weights))
    assert table(fit_only) != table(both)
    best = clone(both.estimator).set_params(max_epochs=4, **both.best_params_)
    train, test = splits[0]
    best.fit(X[train], y[train], sample_weight=weights[train])
    score = best.score(X[test], y[test], sample_weight=weights[test])
    assert both.cv_results_["split0_test_score"][both.best_index_] == score


class Watch(FitCallback):
    """A callback of scikit-learn's that notes the path of each task, from the root on."""

    def __init__(self):
        self.begun, self.ended, self.weights = [], [], []

    def setup(self, estimator, context):
        self.begun.append((("setup", 0),))

    def teardown(self, estimator, context):
        self.ended.append((("teardown", 0),))

    def on_fit_task_begin(self, estimator, context, *, y=None, metadata=None):
        self.begun.append(path_of(context))
        if context.task_name == "candidate-split-evaluation":
            self.weights.append(None if metadata is None else metadata["sample_weight"])
            assert metadata is None or len(y) == len(metadata["sample_weight"])

    def on_fit_task_end(self, estimator, context):
        self.ended.append(path_of(context))


class Follow(Watch, AutoPropagatedCallback):
    """One that is handed on to estimators inside."""

    @property
    def max_propagation_depth(self):
        return None


def path_of(context):
    """Return names and numbers of a task and of those that it is part of."""
    above = () if context.parent is None else path_of(context.parent)
    name = context.source_task_name or context.task_name
    return (*above, (name, context.task_id))


def tree(paths):
    """Return the tasks in order, without epochs and what is below them."""
    return [path for path in paths if not any(name == "epoch" for name, _ in path)]


HALVING = {"factor": 2, "max_resources": 4, "cv": 2}
RATES = {"lr": [1e-3, 5e-3, 2e-2]}


@pytest.mark.parametrize(("watch_class", "refit"), [(Watch, True), (Follow, False)])
def test_callbacks_of_scikit_learn_see_the_tree_of_its_own_halving(watch_class, refit, digits):
    net = make_pipeline(StandardScaler(), small(MLPNetClassifier))
    grid = {f"mlpnetclassifier__{name}": values for name, values in RATES.items()}
    resource = "mlpnetclassifier__max_epochs"
    theirs = HalvingGridSearchCV(net, grid, resource=resource, refit=refit, **HALVING)
    ours = EpochHalvingSearchCV(net, grid, refit=refit, **HALVING)
    watches = watch_class(), watch_class()
    for search, watch in zip((theirs, ours), watches, strict=True):
        search.set_callbacks(watch).fit(*digits)
    assert tree(watches[1].begun) == tree(watches[0].begun)
    assert tree(watches[1].ended) == tree(watches[0].ended)
    # Three candidates begin, two go on; nobody begins anew, so there are fewer epochs.
    epochs = [path for path in watches[1].begun if path[-1][0] == "epoch"]
    assert len(epochs) == (0 if watch_class is Watch else 2 * (3 * 2 + 2 * 2))


def test_callbacks_are_told_the_weights_of_their_rows(digits):
    X, y = digits
    weights = np.arange(len(y)) % 3 + 1.0
    watch = Watch()
    search = search_of(None, {"lr": [1e-3]}, max_resources=1, refit=False)
    search.set_callbacks(watch).fit(X, y, sample_weight=weights)
    split = StratifiedKFold(2).split(X, y)
    np.testing.assert_array_equal(watch.weights, [weights[train] for train, _ in split])


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_a_monitor_of_a_net_writes_one_log_of_all_candidates(backend, digits):
    monitor = ScoringMonitor(scoring="accuracy")
    net = small(MLPNetClassifier, n_threads=1).set_callbacks(monitor)
    with joblib.parallel_config(backend, n_jobs=2):
        search = EpochHalvingSearchCV(net, RATES, **HALVING).fit(*digits)
    (log,) = monitor.get_logs(select="all")
    paths = [row["task_id_path"] for row in log.data if row["task_name"] == "epoch"]
    # The search, its rung, then candidate and split, then the epoch; the last fit is a task itself.
    assert sorted(path[1:3] for path in paths if len(path) == 5) == 12 * [(0, 0)] + 8 * [(0, 1)]
    assert {path[3] for path in paths if path[1:3] == (0, 0)} == set(range(6))
    assert len([path for path in paths if len(path) == 3]) == search.best_estimator_.n_iter_ == 4


def test_a_callback_that_cannot_be_told_of_a_training_counts_as_a_failure(digits):
    class Deaf(Watch):
        def on_fit_task_begin(self, estimator, context):
            if context.task_id == 1 and context.task_name == "candidate-split-evaluation":
                raise ArithmeticError("Not this one.")

    search = search_of(None, RATES, refit=False, max_resources=1, scoring="neg_log_loss")
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search.set_callbacks(Deaf()).fit(*digits)
    assert np.isnan(search.cv_results_["split1_test_score"]).tolist() == [True, False, False]
    assert len(tree(search._skl_callbacks[0].ended)) == 1 + 2 + 6 + 1


def test_candidates_are_drawn_on_request(digits):
    grid = {"lr": loguniform(1e-4, 1e-1), "dropout": [0.0, 0.5]}
    search = search_of(grid=grid, n_candidates=5).fit(*digits)
    assert search.n_candidates_ == [5, 3, 2]
    assert table(search) == table(search_of(grid=grid, n_candidates=5).fit(*digits))


def test_auto_is_what_the_estimator_says(digits):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=7)
    assert search_of(net, max_resources="auto").fit(X, y).max_resources_ == 7
    net.set_params(max_epochs="auto")
    fitted = clone(net).fit(X[:150], y[:150])
    search = search_of(net, {"lr": [1e-3]}, max_resources="auto", refit=False).fit(X, y)
    assert search.max_resources_ == fitted.n_iter_
    sgd = SGDClassifier(max_iter=6)
    assert search_of(sgd, {"alpha": [1e-3]}, max_resources="auto").fit(X, y).max_resources_ == 6


def test_refit_can_choose_or_be_left_out(digits):
    search = search_of(refit=lambda results: 3).fit(*digits)
    assert search.best_index_ == 3
    assert search.best_params_ == search.cv_results_["params"][3]
    search = search_of(refit=False).fit(*digits)
    assert search.best_params_ in search.cv_results_["params"]
    assert not hasattr(search, "best_estimator_")
    for returned, error in ((99, IndexError), (-1, IndexError), ("best", TypeError)):
        # In the words of scikit-learn's searches.
        messages = []
        for cls in (GridSearchCV, partial(EpochHalvingSearchCV, max_resources=1)):
            net, refit = small(MLPNetClassifier, max_epochs=1), lambda results: returned  # noqa: B023
            with pytest.raises(error) as caught:
                cls(net, {"lr": [1e-3]}, cv=2, refit=refit).fit(*digits)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


class Failing(ClassifierMixin, BaseEstimator):
    """Fails as often as it is told to."""

    def __init__(self, fails=False, log=None):
        self.fails = fails
        self.log = log

    def fit(self, X, y):
        raise AssertionError("Whoever halves epochs calls partial_fit.")

    def partial_fit(self, X, y, classes=None):
        if self.log is not None:
            with open(self.log, "a") as file:
                file.write("epoch\n")
        if self.fails and not getattr(type(self), "is_mended", False):
            raise ArithmeticError("As told.")
        if classes is not None:
            self.classes_ = classes
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_failures_are_scored_as_in_scikit_learn(digits):
    grid = {"fails": [True, False]}
    with (
        pytest.warns(FitFailedWarning, match="fits failed"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = search_of(Failing(), grid, max_resources=2).fit(*digits)
    assert search.best_params_ == {"fails": False}
    assert np.isnan(search.cv_results_["mean_test_score"][0])
    with pytest.raises(ArithmeticError, match="As told"):
        search_of(Failing(), grid, error_score="raise").fit(*digits)
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        search_of(Failing(), {"fails": [True]}).fit(*digits)


class Slow(ClassifierMixin, BaseEstimator):
    """Takes its time, and notes when an epoch begins."""

    begun: ClassVar = []

    def __init__(self, seconds=0.0, label=0):
        self.seconds, self.label = seconds, label

    def fit(self, X, y):
        raise AssertionError("Whoever halves epochs calls partial_fit.")

    def partial_fit(self, X, y, classes=None):
        self.begun.append(self.seconds)
        time.sleep(self.seconds)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.label)


def test_what_takes_longest_begins_first(digits):
    X, y = digits
    # Those that say the most frequent class are right more often, the quick one and the slow one.
    often, seldom = np.argsort(-np.bincount(y), kind="stable")[[0, -1]]
    grid = [
        {"label": [often], "seconds": [0.01, 0.2]},
        {"label": [seldom], "seconds": [0.01, 0.2]},
    ]
    splits = StratifiedKFold(2)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        search = EpochHalvingSearchCV(
            Slow(), grid, factor=2, max_resources=2, cv=splits, refit=False, random_state=0
        ).fit(X, y)
    assert search.n_candidates_ == [4, 2]
    assert Slow.begun[8:10] == [0.2, 0.2]
    seconds = [params["seconds"] for params in search.cv_results_["params"]]
    assert seconds == [0.01, 0.2, 0.01, 0.2, 0.01, 0.2]
    assert (search.cv_results_["mean_fit_time"] > 0.1).tolist() == [s == 0.2 for s in seconds]


def test_failed_trainings_are_tried_again(tmp_path, digits, monkeypatch):
    search = search_of(Failing(), {"fails": [True]}, max_resources=1, refit=False)
    search.set_params(cache=tmp_path)
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        search.fit(*digits)
    monkeypatch.setattr(Failing, "is_mended", True, raising=False)
    assert clone(search).fit(*digits).cv_results_["mean_test_score"][0] > 0


class Scorer:
    """A scorer that fails as long as it is told to."""

    is_mended = False

    def __call__(self, estimator, X, y):
        if not self.is_mended:
            raise ArithmeticError("A typo.")
        return estimator.score(X, y)


def test_failed_scores_are_tried_again(tmp_path, digits, monkeypatch):
    search = search_of(small(MLPNetClassifier), {"lr": [1e-3]}, max_resources=1, refit=False)
    search.set_params(cache=tmp_path, scoring=Scorer())
    with (
        pytest.warns(UserWarning, match="Scoring failed"),
        pytest.raises(ValueError, match="gave no candidate a number after 1 epochs"),
    ):
        search.fit(*digits)
    monkeypatch.setattr(Scorer, "is_mended", True)
    assert clone(search).fit(*digits).cv_results_["mean_test_score"][0] > 0


def test_a_dict_of_scores_is_refused_after_a_failure_too(digits):
    search = search_of(Failing(), {"fails": [True, False]}, max_resources=1)
    search.set_params(scoring=lambda estimator, X, y: {"accuracy": 1.0})
    with (
        pytest.warns(FitFailedWarning),
        pytest.raises(ValueError, match="Got a scoring that returned {'accuracy': 1.0}"),
    ):
        search.fit(*digits)


@pytest.mark.filterwarnings("ignore:Scoring failed", "ignore:One or more of the test scores")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_search_without_any_score_ends_at_the_first_rung_and_says_why(digits):
    X, y = digits
    with pytest.raises(
        ValueError, match=r"scoring='f1', which gave.*\(ValueError: Target is multi"
    ):
        search_of(scoring="f1").fit(X, y)
    with pytest.raises(ValueError, match="the scorer itself returns NaN"):
        search_of(scoring=lambda *_: np.nan).fit(X, y)
    # In both splits, one row of training or of test.
    for value, kind, reason in ((np.nan, ValueError, "NaN"), ({}, TypeError, "argument must be")):
        X = X.astype(object)
        X[0, 0] = value
        with pytest.raises(kind, match=rf"trainings have failed \({kind.__name__}: .*{reason}"):
            search_of().fit(X, y)


@pytest.mark.parametrize("inside", [False, True])
def test_requests_of_partial_fit_count_where_it_is_called(inside, digits):
    X, y = digits
    weights = (np.arange(len(y)) % 2).astype(float)

    def searched(**requests):
        sgd = SGDClassifier(loss="log_loss", random_state=0)
        for method, name in requests.items():
            getattr(sgd, f"set_{method}_request")(sample_weight=name)
        steps = StandardScaler().set_fit_request(sample_weight=False), sgd
        model, prefix = (make_pipeline(*steps), "sgdclassifier__") if inside else (sgd, "")
        name = next((n for n in requests.values() if isinstance(n, str)), "sample_weight")
        search = search_of(model, {f"{prefix}alpha": [1e-4, 1e-2]}, error_score="raise")
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=False)
        return search.set_params(scoring=scorer).fit(X, y, **{name: weights})

    with config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            searched(fit=True)
        weighted = searched(fit=False, partial_fit=True)
        assert table(searched(fit=False, partial_fit="care")) == table(weighted)
        unweighted = searched(fit=True, partial_fit=False)
    assert table(unweighted) != table(weighted)


def test_a_cache_that_cannot_help_is_warned_of(tmp_path, digits):
    net = small(MLPNetClassifier, random_state=None, max_epochs=1)
    options = {"max_resources": 1, "cache": tmp_path / "new"}
    with pytest.warns(UserWarning, match="nothing will be found there again; set random_state"):
        search_of(net, {"lr": [1e-3]}, random_state=None, **options).fit(*digits)
    shuffled = StratifiedKFold(2, shuffle=True)
    with pytest.warns(UserWarning, match="nothing will be found there again"):
        search_of(None, {"lr": [1e-3]}, cv=shuffled, **options).fit(*digits)
    assert (tmp_path / "new").is_dir()


def test_a_cache_takes_any_splitter(tmp_path, digits):
    class Halves:
        shuffle = True  # and no random_state

        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

        def split(self, X, y=None, groups=None):
            yield np.arange(150), np.arange(150, 300)

    options = {"max_resources": 1, "cache": tmp_path, "cv": Halves()}
    assert search_of(None, {"lr": [1e-3]}, **options).fit(*digits).n_splits_ == 1


def test_a_cache_that_cannot_be_written_is_refused_before_any_training(tmp_path, digits):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file', expected a folder that can be written"):
        search_of(Failing(), {"fails": [True]}, cache=tmp_path / "file").fit(*digits)


def test_a_plan_that_halves_nothing_is_warned_of(digits):
    with pytest.warns(UserWarning, match="one rung: all 9 candidates train to the end"):
        search_of(None, {"lr": list(np.geomspace(1e-4, 1e-2, 9))}, max_resources=2, factor=3).fit(
            *digits
        )


def test_finished_trainings_are_not_done_again(tmp_path, digits):
    log, options = tmp_path / "log", {"cache": tmp_path / "cache", "max_resources": 2}
    search = search_of(Failing(log=str(log)), {"fails": [False]}, refit=False, **options)
    search.fit(*digits)
    assert len(log.read_text().split()) == 4
    clone(search).fit(*digits)
    assert len(log.read_text().split()) == 4
    clone(search).set_params(max_resources=3).fit(*digits)
    assert len(log.read_text().split()) == 10
    first = search_of(cache=tmp_path / "nets").fit(*digits)
    again = search_of(cache=tmp_path / "nets", n_jobs=2).fit(*digits)
    assert table(first) == table(again) == table(search_of().fit(*digits))


@pytest.mark.parametrize(
    ("estimator", "grid", "options", "message"),
    [
        (LogisticRegression(), {"C": [1]}, {}, "Got a LogisticRegression, whose training cannot"),
        (
            OneVsRestClassifier(small(MLPNetClassifier)),
            {"estimator__lr": [1e-3]},
            {"max_resources": 2},
            "Got a OneVsRestClassifier around a classifier of skfashion",
        ),
        (
            small(MLPNetClassifier, skorch_callbacks=[LRScheduler("StepLR", step_size=1)]),
            {"lr": [1e-3]},
            {"error_score": "raise"},
            "Got a training that is paused and goes on together with the skorch callback LRSched",
        ),
        (None, {"max_epochs": [1, 2]}, {}, "in which max_epochs is searched; expected other"),
        (
            SGDClassifier(),
            {"max_iter": [1, 2]},
            {},
            "in which max_iter is searched; expected other",
        ),
        (
            Pipeline([("net", "passthrough")]),
            {"net": [small(MLPNetClassifier)]},
            {"max_resources": "auto", "scoring": "accuracy"},
            "Got max_resources='auto' with a str, which has neither",
        ),
        (None, GRID, {"scoring": ["accuracy", "f1_macro"]}, "expected one metric, by which rungs"),
        (None, GRID, {"scoring": {"a": "accuracy"}}, "expected one metric, by which rungs are cut"),
        (None, GRID, {"min_resources": 9}, "Got min_resources=9 and max_resources=4, expected"),
        (None, GRID, {"cv": []}, "Got 8 candidates in param_grid and 0 splits from cv, expected"),
        (None, [], {}, "Got 0 candidates in param_grid and 2 splits from cv, expected"),
        (
            None,
            GRID,
            {"scoring": lambda estimator, X, y: {"accuracy": 1.0}},
            "Got a scoring that returned {'accuracy': 1.0}, expected one number",
        ),
        (None, GRID, {"factor": 1}, "The 'factor' parameter"),
        (None, GRID, {"max_resources": 0}, "The 'max_resources' parameter"),
        (
            Failing(),
            {"fails": [False]},
            {"max_resources": "auto"},
            "Got max_resources='auto' with a Failing, which has neither max_epochs nor max_iter",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(estimator, grid, options, message, digits):
    with pytest.raises(ValueError, match=message):
        search_of(estimator, grid, **options).fit(*digits)
