"""The fitted state as a whole: beside other threads, and where a fit is interrupted."""

import copy
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from common import small

import skfashion
from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.adaptation import adapt_batch_norm
from skfashion.ensemble import SnapshotEnsembleClassifier, average_weights
from skfashion.studies.thresholds import ClassFactorsClassifier

METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "score",
)


class Meanwhile:
    """Images in the middle of whose reading something happens."""

    def __init__(self, X, happens):
        self.X, self.happens = X, happens

    def __array__(self, dtype=None, copy=None):
        happens, self.happens = self.happens, lambda: None
        happens()
        return np.asarray(self.X, dtype=dtype)

    def __len__(self):
        return len(self.X)


def two_tasks(digits):
    """Return images and labels twice: of other sizes, with other labels, and more of them."""
    X, y = digits
    rows = np.flatnonzero(y < 3)
    X, y = X[rows], y[rows]
    first = X[y < 2], np.array(["a", "b"])[y[y < 2]]
    second = X.reshape(-1, 8, 8)[:, ::2, ::2].reshape(-1, 16), np.array(["e", "d", "c"])[y]
    return first, second


def call(estimator, method, X, y):
    return estimator.score(X, y) if method == "score" else getattr(estimator, method)(X)


@pytest.mark.parametrize("method", METHODS)
def test_a_prediction_is_that_of_the_fit_at_its_beginning(method, fast_class, digits):
    (X, y), other = two_tasks(digits)
    net = small(fast_class, prior="train", max_epochs=1).fit(X, y)
    expected = call(net, method, X, y)
    found = call(net, method, Meanwhile(X, lambda: net.fit(*other)), y)
    assert net.n_features_in_ == 16
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score"])
def test_so_it_is_in_ensembles_and_with_factors(method, digits):
    (X, y), other = two_tasks(digits)
    for estimator in (
        SnapshotEnsembleClassifier(small(MLPNetClassifier, max_epochs=2), n_snapshots=2),
        ClassFactorsClassifier(small(MLPNetClassifier, max_epochs=1), factors="prior"),
    ):
        estimator.fit(X, y)
        expected = call(estimator, method, X, y)
        images = Meanwhile(X, lambda estimator=estimator: estimator.fit(*other))
        np.testing.assert_array_equal(call(estimator, method, images, y), expected)
        assert estimator.n_features_in_ == 16


def test_a_net_that_is_adapted_or_averaged_is_that_of_the_beginning(digits):
    (X, y), other = two_tasks(digits)
    for make in (adapt_batch_norm, lambda net, images: average_weights([net], images)):
        net = small(ConvNetClassifier, max_epochs=1).fit(X, y)
        expected = make(net, X).predict_proba(X)
        made = make(net, Meanwhile(X, lambda net=net: net.fit(*other)))
        np.testing.assert_array_equal(made.predict_proba(X), expected)
        assert made.n_features_in_ == 64
        assert net.n_features_in_ == 16


@pytest.mark.parametrize("batch_norm", [True, False])
def test_threads_may_predict_while_another_fits(batch_norm, digits):
    X, y = digits
    X, y = X[y < 2], y[y < 2]
    net = small(MLPNetClassifier, max_epochs=1, batch_norm=batch_norm)
    tasks = [np.array(["a", "b"])[y], np.array(["d", "c"])[y]]
    ask = (
        lambda: net.predict(X[:40]),
        lambda: net.predict_proba(X[:40]).argmax(1),
        lambda: net.score(X, tasks[0]),
    )
    allowed = []
    for labels in tasks:
        net.fit(X, labels)
        allowed.append([np.asarray(question()).tolist() for question in ask])
    assert allowed[0][:1] != allowed[1][:1]
    found, ends = [[] for _ in ask], threading.Event()

    def predict():
        while not ends.is_set():
            for answers, question in zip(found, ask, strict=True):
                answers.append(np.asarray(question()).tolist())

    threads = [threading.Thread(target=predict) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for _ in range(15):
            for labels in tasks:
                net.fit(X, labels)
    finally:
        ends.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    for i, answers in enumerate(found):
        kinds = {str(answer) for answer in answers}
        assert kinds == {str(task[i]) for task in allowed}


FOLDERS = tuple(
    str(Path(skfashion.__file__).parent / folder)
    for folder in ("classifiers", "fitting", "training", "utils")
)


def interrupt(function, after):
    """Call a function, raise KeyboardInterrupt in one of its lines, return how many it has."""
    n_lines = 0

    def trace_line(frame, event, arg):
        nonlocal n_lines
        if event == "line":
            n_lines += 1
            if n_lines == after:
                raise KeyboardInterrupt
        return trace_line

    def trace(frame, event, arg):
        return trace_line if frame.f_code.co_filename.startswith(FOLDERS) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return n_lines


def fitted_state(net):
    """Return all that was fitted, the weights in it, as a text."""
    weights = torch.cat([p.ravel() for p in net.net_.module_.parameters()])
    fitted = {name: value for name, value in vars(net).items() if name.endswith("_")}
    return str({**fitted, "net_": weights.tolist()})


def moments_of(n_lines):
    """Return lines to interrupt: all at the end, where attributes are set, and some before."""
    return sorted({*range(1, n_lines, n_lines // 20), *range(n_lines - 30, n_lines + 1)})


def test_a_fit_that_is_interrupted_anywhere_leaves_the_old_one(digits):
    (X, y), other = two_tasks(digits)
    net = small(MLPNetClassifier, max_epochs=1).fit(X, y)
    parameters = net.get_params()

    def state():
        assert net.get_params() == parameters
        return fitted_state(net)

    old = state()
    n_lines = interrupt(lambda: net.fit(*other), after=None)
    new = state()
    assert new != old
    left = [new]
    for moment in moments_of(n_lines):
        if left[-1] == new:
            net.fit(X, y)
        with pytest.raises(KeyboardInterrupt):
            interrupt(lambda: net.fit(*other), after=moment)
        left.append(state())
    assert left[1] == old
    assert left[1:] == sorted(left[1:], key=[old, new].index)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_partial_fit_that_is_interrupted_anywhere_is_undone_or_done(is_first, digits):
    X, y = digits
    before = small(MLPNetClassifier, random_state=0)
    if not is_first:
        before.partial_fit(X, y, classes=np.unique(y))

    def go_on(net):
        return net.partial_fit(X[:150], y[:150], classes=np.unique(y))

    def state(net):
        return fitted_state(net) if hasattr(net, "net_") else str(vars(net))

    go_on(copy.deepcopy(before))  # what is found out once only is no part of what is counted
    net = copy.deepcopy(before)
    n_lines = interrupt(lambda: go_on(net), after=None)
    old, new = state(before), state(net)
    assert new != old
    left = []
    for moment in moments_of(n_lines):
        net = copy.deepcopy(before)
        with pytest.raises(KeyboardInterrupt):
            interrupt(lambda net=net: go_on(net), after=moment)
        left.append(state(net))
        if left[-1] == old:
            assert state(go_on(net)) == new
    assert left[0] == old and left[-1] == new
    assert left == sorted(left, key=[old, new].index)


def test_partial_fit_keeps_an_attribute_of_the_user_and_fit_does_not(digits):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=1).partial_fit(X, y, classes=np.unique(y))
    net.note_ = "mine"
    assert net.partial_fit(X, y).note_ == "mine"
    assert not hasattr(net.fit(X, y), "note_")
