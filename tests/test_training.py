"""What training does: schedules, optimizers, validation, stopping, going on, failing."""

import os
import pickle
import re
import signal
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from common import small, weights_of
from sklearn import config_context
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, make_scorer, recall_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError
from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.training import make_schedule


def schedule(name, n_epochs=10, steps_per_epoch=10, **options):
    defaults = {"warmup_fraction": "auto", "step_size": 3, "gamma": 0.5}
    factor = make_schedule(
        name, n_epochs=n_epochs, steps_per_epoch=steps_per_epoch, **(defaults | options)
    )
    return np.array([factor(step) for step in range(n_epochs * steps_per_epoch)])


def test_one_cycle_is_that_of_pytorch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=100, pct_start=0.26, cycle_momentum=False
    )
    expected = []
    for _ in range(100):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    # PyTorch's peak is at step pct_start * total - 1, ours at the first step after the warm-up.
    np.testing.assert_allclose(schedule("one_cycle"), expected, atol=1e-12)


def test_other_schedules():
    assert (
        make_schedule(
            "constant",
            n_epochs=2,
            steps_per_epoch=2,
            warmup_fraction="auto",
            step_size=1,
            gamma=0.1,
        )
        is None
    )
    np.testing.assert_array_equal(schedule("step"), 0.5 ** (np.arange(100) // 30))
    cosine = schedule("cosine")
    np.testing.assert_allclose(cosine, (1 + np.cos(np.pi * np.arange(100) / 99)) / 2, atol=1e-12)
    for name in ("constant", "step", "cosine"):
        warm = schedule(name, warmup_fraction=0.2)
        np.testing.assert_allclose(warm[:20], np.arange(1, 21) / 21)
        assert warm[20] == 1


@pytest.mark.parametrize("name", ["one_cycle", "step", "cosine"])
@pytest.mark.parametrize("warmup_fraction", ["auto", 0.0, 0.9])
@pytest.mark.parametrize("n_epochs", [1, 2])
def test_schedules_of_few_steps_are_finite(name, warmup_fraction, n_epochs):
    factors = schedule(name, n_epochs, 1, warmup_fraction=warmup_fraction)
    assert np.isfinite(factors).all()
    assert (factors >= 0).all()
    assert factors.max() > 0


def test_learning_rate_follows_the_schedule(digits):
    net = small(
        MLPNetClassifier, lr_schedule="step", step_size=2, gamma=0.1, lr=0.01, max_epochs=5
    ).fit(*digits)
    np.testing.assert_allclose(net.history_["lr"], [1e-2, 1e-2, 1e-3, 1e-3, 1e-4])


@pytest.mark.parametrize(
    ("params", "cls", "expected"),
    [
        ({"optimizer": "adamw"}, torch.optim.AdamW, {"weight_decay": 0.05}),
        ({"optimizer": "adam"}, torch.optim.Adam, {"weight_decay": 0.05}),
        ({"optimizer": "sgd", "lr": 0.1}, torch.optim.SGD, {"momentum": 0.8, "nesterov": True}),
        (
            {"optimizer": "sgd", "lr": 0.1, "nesterovs_momentum": False},
            torch.optim.SGD,
            {"nesterov": False},
        ),
        ({"optimizer": "sgd", "lr": 0.3, "momentum": 0.0}, torch.optim.SGD, {"nesterov": False}),
        ({"optimizer": torch.optim.RMSprop}, torch.optim.RMSprop, {"momentum": 0.8}),
        ({"optimizer": torch.optim.NAdam}, torch.optim.NAdam, {"weight_decay": 0.05}),
        ({"optimizer": torch.optim.LBFGS, "lr": 0.3}, torch.optim.LBFGS, {"max_iter": 20}),
    ],
)
def test_optimizers(digits, params, cls, expected):
    X, y = digits
    defaults = {"weight_decay": 0.05, "momentum": 0.8, "max_epochs": 8, "batch_size": 100}
    net = small(MLPNetClassifier, **(defaults | params)).fit(X, y)
    group = net.net_.optimizer_.param_groups[0]
    assert isinstance(net.net_.optimizer_, cls)
    assert {key: group[key] for key in expected} == expected
    assert net.score(X, y) > 0.4


@pytest.mark.parametrize("bad", [torch.optim.lr_scheduler.StepLR, int])
def test_optimizer_that_is_none(digits, bad):
    with pytest.raises(ValueError, match=r"Got optimizer=.*subclass of torch\.optim\.Optimizer"):
        MLPNetClassifier(optimizer=bad).fit(*digits)


def test_label_smoothing_flattens_probabilities(digits):
    X, y = digits
    sharp = small(MLPNetClassifier, max_epochs=30).fit(X, y)
    smooth = small(MLPNetClassifier, max_epochs=30, label_smoothing=0.3).fit(X, y)
    assert smooth.predict_proba(X).max(1).mean() < sharp.predict_proba(X).max(1).mean() - 0.1


def test_early_stopping_restores_the_best_epoch(estimator_class, digits):
    X, y = digits
    net = small(
        estimator_class,
        lr_schedule="constant",
        lr=0.03,
        max_epochs=60,
        scoring="accuracy",
        early_stopping=True,
        n_iter_no_change=4,
    )
    net.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    scores = net.validation_scores_
    assert net.n_iter_ == len(scores) < 60
    assert np.argmax(scores) == len(scores) - 5
    assert net.best_validation_score_ == max(scores) == net.score(X[150:], y[150:])


def test_early_stopping_holds_out_rows_and_learns_nothing_from_them(digits):
    X, y = digits
    net = small(MLPNetClassifier, early_stopping=True, validation_fraction=0.25, max_epochs=2)
    net.fit(X, y)
    statistics = net.net_.module_.standardize.mean.clone()
    # Change every row by turn: those held out leave the statistics untouched.
    untouched = []
    for row in range(0, len(X), 7):
        changed = X.copy()
        changed[row] = 255
        again = clone_and_fit(net, changed, y)
        untouched.append(torch.equal(again.net_.module_.standardize.mean, statistics))
    assert 0.05 < np.mean(untouched) < 0.5


def clone_and_fit(net, X, y):
    return type(net)(**net.get_params()).fit(X, y)


def test_early_stopping_with_string_labels(estimator_class, fashion):
    X, y = fashion
    net = small(
        estimator_class,
        early_stopping=True,
        scoring="balanced_accuracy",
        class_weight={"Shirt": 2.0},
    ).fit(X, y)
    assert set(net.predict(X)) <= set(y)
    assert net.predict(X).dtype == y.dtype
    assert 0 < net.best_validation_score_ < 1


def test_held_out_rows_are_stratified(digits):
    X, y = digits
    names = np.where(np.arange(len(y)) < 40, "rare", "common")
    seen = []

    def watch(estimator, X, y):
        seen.append(dict(zip(*np.unique(y, return_counts=True), strict=True)))
        return 0.5

    small(MLPNetClassifier, early_stopping=True, validation_fraction=0.3, scoring=watch).fit(
        X, names
    )
    assert seen == [{"common": 78, "rare": 12}] * 3


def test_class_of_one_row_falls_back_to_an_unstratified_split(digits):
    X, y = digits
    y = np.where(np.arange(len(y)) == 5, 77, y)
    with pytest.warns(UserWarning, match="cannot be stratified.*smallest class has 1 row,"):
        small(MLPNetClassifier, early_stopping=True).fit(X, y)


def test_validation_data_is_only_recorded_without_early_stopping(digits):
    X, y = digits
    watched = small(MLPNetClassifier).fit(X, y, X_val=X[:50], y_val=y[:50])
    plain = small(MLPNetClassifier).fit(X, y)
    np.testing.assert_array_equal(weights_of(watched), weights_of(plain))
    assert plain.validation_scores_ is None
    assert plain.best_validation_score_ is None
    assert "valid_loss" not in plain.history_
    np.testing.assert_allclose(watched.validation_scores_, -watched.history_["valid_loss"])
    assert len(watched.history_) == watched.n_iter_ == 3


def test_scoring_may_be_any_scorer(digits):
    X, y = digits
    recall = make_scorer(recall_score, average="macro")
    for scoring in ("recall_macro", recall, lambda est, X, y: est.score(X, y), None):
        net = small(MLPNetClassifier, scoring=scoring).fit(X, y, X_val=X, y_val=y)
        assert net.validation_scores_[-1] == pytest.approx(recall(net, X, y), abs=0.05)
    without_weights = make_scorer(lambda y_true, y_pred: 1.0)
    for scoring in (lambda est, X, y: 1.0, without_weights, "adjusted_rand_score"):
        net = small(MLPNetClassifier, scoring=scoring, class_weight={3: 2.0})
        with pytest.raises(ValueError, match="takes no sample_weight"):
            net.fit(X, y, X_val=X, y_val=y)
    for scoring in ("roc_auc_ovr", "neg_log_loss", "f1_macro"):
        net = small(MLPNetClassifier, scoring=scoring, class_weight={3: 2.0})
        assert len(net.fit(X, y, X_val=X, y_val=y).validation_scores_) == 3


def test_misspelt_scoring_is_refused_even_without_validation(digits):
    with pytest.raises(ValueError, match="'acuracy'"):
        small(MLPNetClassifier, scoring="acuracy").fit(*digits)


def test_validation_arguments_come_together(digits):
    X, y = digits
    with pytest.raises(ValueError, match="Got only X_val, expected X_val and y_val together"):
        MLPNetClassifier().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="Got only sample_weight_val"):
        MLPNetClassifier().fit(X, y, sample_weight_val=np.ones(3))
    with pytest.raises(ValueError, match="`y_val` has classes not in"):
        MLPNetClassifier().fit(X, y, X_val=X[:2], y_val=[0, 77])


def test_target_score_of_training_accuracy(digits):
    X, y = digits
    net = small(MLPNetClassifier, target_score=0.7, max_epochs=100, lr_schedule="constant")
    accuracies = net.fit(X, y).history_["train_accuracy"].to_numpy()
    assert accuracies[-1] >= 0.7 > accuracies[:-1].max()
    assert len(accuracies) < 100


def test_target_score_of_validation_data(digits):
    X, y = digits
    net = small(MLPNetClassifier, target_score=0.5, scoring="accuracy", max_epochs=100)
    net.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert net.validation_scores_[-1] >= 0.5 > max(net.validation_scores_[:-1])
    with pytest.raises(ValueError, match="scores are negative losses"):
        small(MLPNetClassifier, target_score=0.5).fit(X, y, X_val=X, y_val=y)
    with pytest.raises(ValueError, match="training accuracy; expected a number from 0 to 1"):
        small(MLPNetClassifier, target_score=90).fit(X, y)
    with pytest.raises(ValueError, match="Got target_score=nan"):
        small(MLPNetClassifier, target_score=np.nan).fit(X, y)


def test_target_score_of_rows_held_out(digits):
    X, y = digits
    net = small(MLPNetClassifier, early_stopping=True, target_score=0.5, scoring="accuracy")
    net.set_params(max_epochs=100, n_iter_no_change=100).fit(X, y)
    assert max(net.validation_scores_[:-1]) < 0.5 <= net.validation_scores_[-1]


def test_warm_start_goes_on_from_the_old_weights(estimator_class, digits):
    X, y = digits
    net = small(estimator_class, warm_start=True, max_epochs=10).fit(X, y)
    first = net.loss_curve_
    net.set_params(random_state=1).fit(X, y)
    assert net.loss_curve_[0] < 0.7 * first[0]
    assert net.n_iter_ == 10
    with pytest.raises(ValueError, match="same as in the previous call to fit"):
        net.fit(X, np.where(y == 3, 33, y))
    with pytest.raises(ValueError, match="other parameters of the architecture"):
        larger = {"hidden_layer_sizes": (5, 5), "width": 12, "backbone": "mobilenet_v3_small"}
        net.set_params(**{k: v for k, v in larger.items() if hasattr(net, k)}).fit(X, y)
    net.set_params(warm_start=False).fit(X, np.where(y == 3, 33, y))
    assert 33 in net.classes_


def test_partial_fit_learns_pass_by_pass(fast_class, digits):
    X, y = digits
    net = small(fast_class, batch_size=16)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        net.partial_fit(X, y)
    for passes in range(1, 16):
        net.partial_fit(X, y, classes=range(10))
        assert net.n_iter_ == passes
    assert net.score(X, y) > 0.8
    assert (net.history_["lr"] == net.lr).all()
    with pytest.raises(ValueError, match="not the same as on last call to partial_fit"):
        net.partial_fit(X, y, classes=range(11))
    with pytest.raises(ValueError, match="`y` has classes not in"):
        net.partial_fit(X[:2], [0, 77])


def test_partial_fit_with_a_row_at_a_time(estimator_class, digits):
    X, y = digits
    net = small(estimator_class).partial_fit(X, y, classes=range(10))
    for row in range(5):
        net.partial_fit(X[row : row + 1], y[row : row + 1])
    assert np.isfinite(net.predict_proba(X)).all()


def test_partial_fit_checks_parameters_every_time(digits):
    X, y = digits
    net = small(MLPNetClassifier).partial_fit(X, y, classes=range(10))
    before = weights_of(net)
    for name, value in (("lr", -1e-2), ("batch_size", 0)):
        with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of"):
            net.set_params(**{name: value}).partial_fit(X, y)
    np.testing.assert_array_equal(weights_of(net), before)


def test_partial_fit_after_a_move_to_another_device(digits):
    """As after a pickle that was opened on another machine: neither optimizer nor device."""
    X, y = digits
    net = small(MLPNetClassifier).partial_fit(X, y, classes=range(10))
    loaded = pickle.loads(pickle.dumps(net))
    loaded.net_.optimizer_device_ = torch.device("meta")
    assert loaded.partial_fit(X, y).n_iter_ == 2


@pytest.mark.parametrize("n_classes", [10, 30])
@pytest.mark.parametrize("labels", [["5"], ["a"]])
def test_labels_of_another_type_are_unknown(digits, n_classes, labels):
    X, y = digits
    net = small(MLPNetClassifier).partial_fit(X, y, classes=range(n_classes))
    with pytest.raises(ValueError, match="`y` has classes not in"):
        net.partial_fit(X[:1], labels)


def test_failed_first_partial_fit_leaves_nothing(digits):
    X, y = digits
    net = small(MLPNetClassifier, optimizer="sgd", lr=1e30, batch_norm=False)
    with pytest.raises(ValueError, match="diverged"):
        net.partial_fit(X, y, classes=range(10))
    assert not [name for name in vars(net) if name.endswith("_")]


def test_partial_fit_keeps_the_optimizer(digits):
    X, y = digits
    net = small(MLPNetClassifier, batch_size=1000).partial_fit(X, y, classes=range(10))
    net.partial_fit(X, y)
    state = net.net_.optimizer_.state
    assert {int(entry["step"]) for entry in state.values()} == {2}


def test_partial_fit_refuses_what_needs_all_data(digits):
    X, y = digits
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        MLPNetClassifier(early_stopping=True).partial_fit(X, y, classes=range(10))
    with pytest.raises(ValueError, match='class_weight="balanced" is not supported'):
        MLPNetClassifier(class_weight="balanced").partial_fit(X, y, classes=range(10))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", torch.optim.LBFGS])
def test_failed_partial_fit_leaves_everything(fast_class, digits, optimizer):
    X, y = digits

    def trained():
        params = {"optimizer": optimizer, "class_weight": {3: 2.0}, "channels": (4, 6), "lr": 1e-3}
        net = small(fast_class, **params)
        return net.partial_fit(X, y, classes=range(10)).partial_fit(X, y)

    net = trained()
    weights, factors = weights_of(net), net.class_weight_.copy()
    params = net.get_params(deep=False)
    for change, error in (
        ({"class_weight": {0: 5.0, 77: 1.0}}, "expected only labels"),
        ({"class_weight": {0: 5.0}, "lr": 1e38, "batch_size": 7}, "diverged"),
    ):
        with pytest.raises(ValueError, match=error):
            net.set_params(**change).partial_fit(X, y)
        net.set_params(**params)
        np.testing.assert_array_equal(weights_of(net), weights)
        np.testing.assert_array_equal(net.class_weight_, factors)
        assert net.n_iter_ == 2
        assert (net.net_.lr, net.net_.batch_size) == (1e-3, 32)
    np.testing.assert_array_equal(
        weights_of(net.partial_fit(X, y)), weights_of(trained().partial_fit(X, y))
    )


def test_float16_learns_its_scale_from_call_to_call(digits):
    X, y = digits
    net = small(MLPNetClassifier, precision="fp16", batch_size=1000)
    net.partial_fit(X, y, classes=range(10))
    scaler = net.net_.scaler_
    scaler.update(1e-3)
    net.partial_fit(X, y)
    assert net.net_.scaler_ is scaler
    assert scaler.get_scale() < 1
    assert pickle.loads(pickle.dumps(net)).net_.scaler_ is None


def test_divergence_names_the_epoch_and_leaves_nothing(estimator_class, digits):
    X, y = digits
    params = {"optimizer": "sgd", "lr": 1e38, "lr_schedule": "constant", "batch_norm": False}
    net = small(estimator_class, **params)
    with pytest.raises(ValueError, match=r"diverged in epoch \d.*learning rate that is too high"):
        net.fit(X, y)
    assert not hasattr(net, "classes_")
    net.set_params(lr=1e-2).partial_fit(X, y, classes=range(10))
    before = weights_of(net), net.n_iter_
    with pytest.raises(ValueError, match="diverged"):
        net.set_params(lr=1e38).partial_fit(X, y)
    np.testing.assert_array_equal(weights_of(net), before[0])
    assert net.n_iter_ == before[1]


def test_failed_fit_leaves_the_fit_before_it(estimator_class, digits):
    X, y = digits
    net = small(estimator_class).fit(X, y)
    before = list(vars(net)), weights_of(net)
    for bad_X, bad_y in ((X[:, :9], y[:3]), (X * np.nan, y), (X, np.zeros(len(y)))):
        with pytest.raises(ValueError):
            net.fit(bad_X, bad_y)
    assert list(vars(net)) == before[0]
    np.testing.assert_array_equal(weights_of(net), before[1])
    assert net.n_features_in_ == 64


def interrupt_soon():
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def test_real_ctrl_c_is_raised(digits):
    # A patience that never runs out, however late the interrupt comes on a busy machine.
    callbacks = [EarlyStopping(patience=10**6)]
    net = small(MLPNetClassifier, max_epochs=100_000, skorch_callbacks=callbacks)
    X, y = digits
    timer = interrupt_soon()
    try:
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, y, X_val=X, y_val=y)
    finally:
        timer.cancel()
    assert not hasattr(net, "net_")


def test_early_stopping_of_skorch_stops(digits):
    X, y = digits
    stop = EarlyStopping(patience=3, monitor="train_loss", threshold=1e9, lower_is_better=True)
    net = small(MLPNetClassifier, max_epochs=50, skorch_callbacks=[stop]).fit(X, y)
    assert 3 <= net.n_iter_ <= 4
    assert net.score(X, y) > 0.1


class CountBatches(Callback):
    def __init__(self):
        self.batches = []

    def on_batch_end(self, net, batch, training, loss, **kwargs):
        self.batches.append((len(batch[0]), training, float(loss.detach())))


def test_skorch_callbacks_are_copied_and_called(digits):
    callback = CountBatches()
    net = small(MLPNetClassifier, batch_size=100, skorch_callbacks=[("count", callback)])
    net.fit(*digits)
    assert callback.batches == []
    (name, used) = net.net_.callbacks_[0]
    assert name == "count"
    assert [batch[:2] for batch in used.batches] == [(100, True)] * 9
    assert len(net.net_.history[0, "batches"]) == 3


def test_history_is_a_frame_of_epochs(digits):
    history = small(MLPNetClassifier).fit(*digits).history_
    columns = ["epoch", "train_loss", "train_accuracy", "lr", "seconds"]
    assert list(history.columns) == columns
    assert list(history["epoch"]) == [1, 2, 3]
    assert (history["seconds"] > 0).all()


def test_silent_by_default(estimator_class, digits, capsys):
    small(estimator_class).fit(*digits)
    assert capsys.readouterr() == ("", "")


def test_verbose_shows_a_bar_or_lines(digits, capsys):
    X, y = digits
    small(MLPNetClassifier, verbose=1, scoring="accuracy").fit(X, y, X_val=X, y_val=y)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert re.search(r"loss=\d.*accuracy=\d.*valid_score=\d", shown)
    small(MLPNetClassifier, verbose=2).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.match(r"epoch 3/3  loss \d\.\d+  accuracy \d\.\d+  lr .*  seconds", lines[-1])


def test_callbacks_of_scikit_learn(estimator_class, fashion):
    pytest.importorskip("rich")
    X, y = fashion
    monitor = ScoringMonitor(scoring="accuracy")
    net = small(estimator_class).set_callbacks(ProgressBar(), monitor)
    net.fit(X, y)
    log = monitor.get_logs().data_as_pandas
    epochs = log[log["task_name"] == "epoch"]
    assert len(epochs) == 3
    assert epochs["accuracy"].iloc[-1] == pytest.approx(net.score(X, y))
    assert epochs["accuracy"].nunique() > 1


def test_callbacks_of_scikit_learn_inside_a_search(digits):
    pytest.importorskip("rich")
    X, y = digits
    monitor = ScoringMonitor(scoring="accuracy")
    net = small(MLPNetClassifier).set_callbacks(monitor)
    search = GridSearchCV(net, {"lr": [1e-3, 1e-2]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    # Two candidates on two folds and the refit, three epochs each.
    assert (log["task_name"] == "epoch").sum() == 5 * 3


def test_callbacks_of_scikit_learn_see_the_weights(digits):
    X, y = digits
    weight = np.random.RandomState(0).uniform(size=len(y))
    monitor = ScoringMonitor(scoring="accuracy")
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        monitor = ScoringMonitor(scoring=scorer)
        net = small(MLPNetClassifier).set_callbacks(monitor).fit(X, y, weight)
    log = monitor.get_logs().data_as_pandas
    assert log["accuracy" if "accuracy" in log else "score"].iloc[-1] == pytest.approx(
        net.score(X, y, weight)
    )


def test_a_callback_of_scikit_learn_may_stop_the_fit(digits):
    class Stop:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch" and context.task_id == 1

    net = small(MLPNetClassifier, max_epochs=9).set_callbacks(Stop()).fit(*digits)
    assert net.n_iter_ == 2


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
def test_precision(estimator_class, digits, precision):
    X, y = digits
    net = small(estimator_class, precision=precision).fit(X, y)
    expected = {"fp32": torch.float32, "fp64": torch.float64}[precision]
    assert {p.dtype for p in net.net_.module_.parameters()} == {expected}
    assert net.predict_proba(X).dtype == np.float64


def test_values_beyond_float32_are_refused_in_words():
    X = np.array([[1e300, 0.0], [0.0, 1.0]] * 5)
    with pytest.raises(ValueError, match=r"infinity or a value too large for dtype\('float32'\)"):
        MLPNetClassifier().fit(X, [0, 1] * 5)


def test_device_that_is_missing(digits):
    if torch.cuda.is_available():
        pytest.skip("The machine has a CUDA device, so naming one is no error here.")
    with pytest.raises(ValueError, match="Got device='cuda'.*Use device='auto' or 'cpu'"):
        MLPNetClassifier(device="cuda").fit(*digits)


def test_extreme_logits_stay_probabilities(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    with torch.no_grad():
        net.net_.module_.head.weight.mul_(1e5)
    logits = net.decision_function(X)
    assert np.abs(logits).max() > 1e4
    np.testing.assert_allclose(net.predict_proba(X).sum(1), 1, atol=1e-12)
    assert np.isfinite(net.predict_log_proba(X)).all()


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["b", "a", "ccc"]),
        np.array([True, False]),
        np.array([-5, 40, 7]),
        np.array(["x", "y"], dtype=object),
        np.array([0.0, 3.0]),
        np.array([1, 200], dtype=np.uint8),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_come_back_as_they_went_in(estimator_class, labels):
    rng = np.random.RandomState(0)
    codes = np.arange(90) % len(labels)
    X = rng.normal(size=(90, 16)) + 3 * codes[:, None]
    y = labels[codes]
    net = small(estimator_class, max_epochs=40).fit(X, y)
    np.testing.assert_array_equal(net.classes_, np.unique(labels))
    predicted = net.predict(X)
    assert predicted.dtype == y.dtype
    assert np.mean(predicted == y) > 0.9
    columns = net.predict_proba(X).argmax(1)
    np.testing.assert_array_equal(net.classes_[columns], predicted)


def test_one_class_is_refused(estimator_class, digits):
    X, y = digits
    with pytest.raises(ValueError, match="needs samples of at least 2 classes.*only one class"):
        estimator_class().fit(X, np.full(len(y), "Bag"))


def test_constant_and_black_images(estimator_class):
    for value in (0, 7):
        X, y = np.full((20, 16), value, dtype=np.uint8), np.arange(20) % 2
        probabilities = small(estimator_class).fit(X, y).predict_proba(X)
        assert np.isfinite(probabilities).all()
        np.testing.assert_array_equal(probabilities, probabilities[:1].repeat(20, axis=0))


def test_standardize_false_leaves_pixels_alone(digits):
    X, y = digits
    net = small(MLPNetClassifier, standardize=False).fit(X, y)
    assert float(net.net_.module_.standardize.mean) == 0
    assert float(net.net_.module_.standardize.scale) == 1


def test_transform_gives_the_last_hidden_layer(fast_class, digits):
    X, y = digits
    net = small(fast_class, hidden_layer_sizes=(24, 11), max_epochs=10).fit(X, y)
    features = net.transform(X)
    assert features.shape == (300, 11)
    assert features.dtype == np.float32
    assert net.transform(X.astype(np.float64)).dtype == np.float64
    name = fast_class.__name__.lower()
    assert list(net.get_feature_names_out()) == [f"{name}{i}" for i in range(11)]
    head = net.net_.module_.head
    logits = features @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(net.decision_function(X), logits, rtol=1e-4, atol=1e-4)


def test_auto_gives_few_rows_enough_steps(fast_class, digits):
    X, y = digits
    net = fast_class(random_state=0).fit(X[:150], y[:150])
    n_batches = 150 // net.net_.batch_size
    assert net.net_.batch_size == 16
    assert net.n_iter_ * n_batches > 500
    assert (
        net.score(X[150:], y[150:])
        > LogisticRegression(max_iter=5000).fit(X[:150], y[:150]).score(X[150:], y[150:]) - 0.03
    )


@pytest.mark.parametrize("n", [2, 3, 17, 31, 33])
def test_any_number_of_rows(estimator_class, n):
    X = np.random.RandomState(0).normal(size=(n, 9))
    net = small(estimator_class, batch_size=16).fit(X, np.arange(n) % 2)
    assert np.isfinite(net.predict_proba(X)).all()


def test_convolutions_on_any_image_size():
    for shape in ((1, 1), (1, 40), (40, 1), (2, 3), (5, 5, 3), (2, 9, 9)):
        X = np.random.RandomState(0).normal(size=(20, int(np.prod(shape))))
        net = small(ConvNetClassifier, channels=(2, 3, 4, 5), kernel_size=4, image_shape=shape)
        assert np.isfinite(net.fit(X, np.arange(20) % 2).predict_proba(X)).all()


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "leaky_relu", "gelu"])
def test_activations(fast_class, digits, activation):
    X, y = digits
    net = small(fast_class, activation=activation, max_epochs=15, batch_size=16).fit(X, y)
    assert net.score(X, y) > 0.7


@pytest.mark.parametrize("sizes", [(0,), (3.5,), ("a",), (5, -1)])
def test_layer_sizes_are_positive_integers(digits, sizes):
    with pytest.raises(ValueError, match="Got hidden_layer_sizes=.*expected positive integers"):
        MLPNetClassifier(hidden_layer_sizes=sizes).fit(*digits)


def test_layer_sizes_in_any_form(digits):
    expected = weights_of(small(MLPNetClassifier, hidden_layer_sizes=(7,)).fit(*digits))
    for sizes in (7, [7], np.array([7]), np.int64(7)):
        net = small(MLPNetClassifier, hidden_layer_sizes=sizes).fit(*digits)
        np.testing.assert_array_equal(weights_of(net), expected)
    logistic = small(MLPNetClassifier, hidden_layer_sizes=()).fit(*digits)
    assert logistic.net_.module_.head.in_features == 64


def test_scheduler_of_skorch_has_its_way_with_a_constant_rate(digits):
    scheduler = LRScheduler("StepLR", step_size=1, gamma=0.1)
    net = small(MLPNetClassifier, lr_schedule="constant", skorch_callbacks=[scheduler])
    np.testing.assert_allclose(net.fit(*digits).history_["lr"], 5e-3 * 0.1 ** np.arange(3))


def test_callbacks_that_cannot_be_copied_are_shared(digits, tmp_path):
    class Writer(Callback):
        def __init__(self, file):
            self.file = file

        def on_train_end(self, net, **kwargs):
            self.seen = True
            self.file.write("done ")

    with open(tmp_path / "log", "w") as file:
        callbacks = [Writer(file), ("named", Writer(file))]
        small(MLPNetClassifier, skorch_callbacks=callbacks).fit(*digits)
    assert (tmp_path / "log").read_text() == "done done "
    assert not any(hasattr(callback, "seen") for callback in (callbacks[0], callbacks[1][1]))


def test_warm_start_keeps_or_refuses_the_standardisation(digits):
    X, y = digits
    net = small(MLPNetClassifier, warm_start=True).fit(X, y)
    mean = net.net_.module_.standardize.mean.clone()
    net.fit(X // 2, y)
    assert torch.equal(net.net_.module_.standardize.mean, mean)
    with pytest.raises(ValueError, match="Got standardize=False with warm_start=True"):
        net.set_params(standardize=False).fit(X, y)


def test_monitor_of_a_frame_sees_the_names(digits):
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    monitor = ScoringMonitor(scoring="accuracy")
    net = small(MLPNetClassifier).set_callbacks(monitor).fit(frame, y)
    scores = monitor.get_logs().data_as_pandas
    assert scores["accuracy"].iloc[-1] == net.score(frame, y)
    # Rows without names come next: those of the fit before must not be looked for in them.
    net.fit(X, y)
    assert net.score(X, y) == monitor.get_logs().data_as_pandas["accuracy"].iloc[-1]


def test_transform_of_a_frame_keeps_its_dtype(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(pd.DataFrame(X.astype(float)), y)
    assert net.transform(pd.DataFrame(X.astype(float))).dtype == np.float64
    assert net.transform(pd.DataFrame(X.astype(np.float32))).dtype == np.float32


def test_skorch_net_predicts_by_itself(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    planes = X.reshape(-1, 1, 8, 8).copy()
    np.testing.assert_allclose(net.net_.predict_proba(planes), net.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(net.net_.predict(planes), net.predict(X))


@pytest.mark.parametrize("shape", [(64,), (1, 1, 8, 8), ()])
def test_image_shape_of_other_than_two_or_three_sides(digits, shape):
    with pytest.raises(ValueError, match="expected two or three sides"):
        MLPNetClassifier(image_shape=shape).fit(*digits)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform"])
def test_a_column_is_refused_in_words(digits, method):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    for column in (pd.Series(X[0]), X[0]):
        with pytest.raises(ValueError, match="Expected 2D array"):
            getattr(net, method)(column)


@pytest.mark.parametrize("shape", [(-8, -8), (8.0, 8.0), ("a", "b"), (8,)])
def test_image_shape_of_nonsense(digits, shape):
    with pytest.raises(ValueError, match=r"image_shape=|images of shape"):
        MLPNetClassifier(image_shape=shape).fit(*digits)


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
def test_defaults_are_good_on_small_tables(fast_class, load):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    linear = cross_val_score(LogisticRegression(max_iter=1000), X, y, cv=folds).mean()
    net = cross_val_score(fast_class(random_state=0), X, y, cv=folds).mean()
    # A convolution looks for neighbours that columns of a table do not have.
    assert net > linear - (0.03 if fast_class is ConvNetClassifier else 0.015)


def test_defaults_are_good_on_2000_images(fast_class):
    X, y = load_fashion_sample(return_X_y=True)
    X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    rows = np.random.RandomState(0).permutation(len(y))[:2000]
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=100))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its convergence is not what is tested
        linear.fit(X[rows], y[rows])
    net = fast_class(random_state=0).fit(X[rows], y[rows])
    assert net.score(X_test, y_test) > linear.score(X_test, y_test) - 0.01
