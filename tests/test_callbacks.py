"""Callbacks of skorch's and scikit-learn's, and what a fit shows."""

import copy
import errno
import io
import re
import sys
import warnings
from contextlib import nullcontext
from typing import ClassVar

import numpy as np
import pytest
import torch
from common import small, weights_of
from sklearn import config_context
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping

from skfashion import MLPNetClassifier


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


class Broken(io.StringIO):
    """The other end of the pipe is closed, or the disk is full."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def unshown():
    """Yield streams that cannot show anything; a process without a console has none."""
    closed = io.StringIO()
    closed.close()
    return [None, closed, Broken()]


@pytest.mark.parametrize("stream", unshown(), ids=["none", "closed", "broken"])
def test_what_cannot_be_shown_costs_no_training(stream, digits, monkeypatch):
    plain = small(MLPNetClassifier).fit(*digits)
    for verbose in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", stream)
            patch.setattr("sys.stderr", stream)
            net = small(MLPNetClassifier, verbose=verbose).fit(*digits)
        np.testing.assert_array_equal(weights_of(net), weights_of(plain))


def show(message, category, filename, lineno, file=None, line=None):
    """Show a warning as Python does, without pytest, which catches them all."""
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))


@pytest.mark.parametrize("stream", unshown(), ids=["none", "closed", "broken"])
def test_a_warning_that_cannot_be_shown_costs_no_training(stream, digits, monkeypatch):
    X, y = digits
    net = small(MLPNetClassifier, scoring=lambda net, X, y: np.nan)
    with warnings.catch_warnings(), monkeypatch.context() as patch:
        warnings.simplefilter("always")
        patch.setattr("warnings.showwarning", show)
        patch.setattr("sys.stderr", stream)
        net.fit(X, y, X_val=X, y_val=y)
    assert net.n_iter_ == 3
    # A filter that makes errors of warnings is obeyed.
    with pytest.raises(UserWarning, match="NaN in epoch 1"):
        net.fit(X, y, X_val=X, y_val=y)


def test_silent_by_default(any_class, digits, capsys):
    small(any_class).fit(*digits)
    assert capsys.readouterr() == ("", "")


def test_verbose_prints_lines(digits, capsys):
    X, y = digits
    small(MLPNetClassifier, verbose=2, scoring="accuracy").fit(X, y, X_val=X, y_val=y)
    shown = capsys.readouterr().out
    assert re.search(r"loss \d.*accuracy \d.*valid_score \d", shown)
    small(MLPNetClassifier, verbose=2).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.match(r"epoch 3/3  loss \d\.\d+  accuracy \d\.\d+  lr .*  seconds", lines[-1])


def test_callbacks_of_scikit_learn(any_class, fashion):
    pytest.importorskip("rich")
    X, y = fashion
    monitor = ScoringMonitor(scoring="accuracy")
    net = small(any_class).set_callbacks(ProgressBar(), monitor)
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


class Holder(Callback):
    """Changes all that it holds."""

    def __init__(self, thing):
        self.thing, self.inner = thing, CountBatches()
        self.rows, self.table = [np.zeros(2)], {"tensor": torch.zeros(2), "things": (thing,)}
        self.generator, self.mine = np.random.RandomState(0), self.note

    def note(self, what):
        self.rows.append(what)

    def on_epoch_end(self, net, **kwargs):
        self.mine(net.history[-1, "epoch"])
        self.rows[0] += 1
        self.table["tensor"] += 1
        self.inner.batches.append(self.generator.uniform())
        self.table["things"][0].reports.append(net.history[-1, "train_loss"])
        assert self.thing is self.table["things"][0]


def test_values_of_callbacks_are_copied_and_other_objects_shared(digits):
    class Thing:
        def __init__(self):
            self.reports = []

        def __deepcopy__(self, memo):
            raise AssertionError("A report to a copy reaches nobody.")

    thing = Thing()
    holder = Holder(thing)
    for _ in range(2):
        net = small(MLPNetClassifier, skorch_callbacks=[holder, ("again", holder)]).fit(*digits)
    assert thing.reports == 2 * np.repeat(net.loss_curve_, 2).tolist()
    assert len(holder.rows) == 1
    assert (holder.rows[0] == 0).all()
    assert (holder.table["tensor"] == 0).all()
    assert holder.inner.batches == []
    assert holder.generator.uniform() == np.random.RandomState(0).uniform()
    used = [callback for _, callback in net.net_.callbacks_]
    assert used[0] is used[1]
    assert used[0].rows[1:] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("fails", [False, True])
def test_a_callback_that_can_be_closed_is_closed(fails, digits):
    class Closing(Callback):
        log: ClassVar = []

        def on_epoch_end(self, net, **kwargs):
            if fails:
                raise RuntimeError("stop here")

        def close(self):
            self.log.append("closed")

    net = small(MLPNetClassifier, max_epochs=2, skorch_callbacks=[Closing()])
    with pytest.raises(RuntimeError, match="stop here") if fails else nullcontext():
        net.fit(*digits)
    assert Closing.log == ["closed"]


def test_skorch_net_predicts_by_itself(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    planes = X.reshape(-1, 1, 8, 8).copy()
    np.testing.assert_allclose(net.net_.predict_proba(planes), net.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(net.net_.predict(planes), net.predict(X))


def test_the_net_of_skorch_says_who_trains_it(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    planes = X.reshape(-1, 1, 8, 8).astype(np.float32)
    before = net.predict_proba(X)
    for train in (net.net_.fit, net.net_.partial_fit):
        with pytest.raises(
            NotImplementedError, match="expected one of the classifier's own fit or"
        ):
            train(planes, y)
    np.testing.assert_array_equal(net.predict_proba(X), before)
    # What the message advises.
    criterion, module = torch.nn.CrossEntropyLoss, copy.deepcopy(net.net_.module_)
    other = NeuralNetClassifier(module, criterion=criterion, max_epochs=1, verbose=0)
    assert other.fit(planes, y.astype(np.int64)).predict(planes).shape == y.shape


def test_a_callback_of_scikit_learn_may_stop_the_fit(digits):
    class Stop:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch" and context.task_id == 1

    net = small(MLPNetClassifier, max_epochs=9).set_callbacks(Stop()).fit(*digits)
    assert net.n_iter_ == 2
