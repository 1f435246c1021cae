"""Losses for rare classes: each against its published formula, through fitted classifiers."""

import numpy as np
import pytest
from common import small, weights_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, logsumexp
from sklearn.model_selection import GridSearchCV

from skfashion import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    ConvNetClassifier,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    MLPNetClassifier,
)

NAMES = ["focal", "class_balanced", "balanced_softmax", "logit_adjusted", "ldam"]


def skewed(random_state=0, sizes=(40, 15, 5), n_features=6):
    """Return rows of three classes of different size, in mixed order, and their weights."""
    random = np.random.RandomState(random_state)
    y = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = random.normal(size=(len(y), n_features)).astype(np.float32) + y[:, None]
    return X, y, random.uniform(0.2, 3.0, len(y))


def standing_still(loss, **params):
    """Return a net that hardly moves: the loss it records is that of the logits it predicts."""
    defaults = {"max_epochs": 1, "batch_size": 10_000, "lr": 1e-9, "weight_decay": 0.0}
    defaults |= {"optimizer": "sgd", "momentum": 0.0, "random_state": 0, "precision": "fp64"}
    return MLPNetClassifier(loss=loss, hidden_layer_sizes=(7,), **defaults | params)


# The papers' formulas: logits (n, k), labels, weights of the rows, numbers of rows of the classes.


def own(values, y):
    return values[np.arange(len(y)), y]


def focal(z, y, w, n, gamma):
    log_p = own(log_softmax(z, axis=1), y)
    return np.average(-((1 - np.exp(log_p)) ** gamma) * log_p, weights=w)


def class_balanced(z, y, w, n, beta):
    effective = (1 - beta**n) / (1 - beta)
    return np.average(-own(log_softmax(z, axis=1), y), weights=w / effective[y])


def balanced_softmax(z, y, w, n):
    losses = logsumexp(z, axis=1, b=n) - np.log(n[y]) - own(z, y)
    return np.average(losses, weights=w)


def logit_adjusted(z, y, w, n, tau):
    return np.average(-own(log_softmax(z + tau * np.log(n / n.sum()), axis=1), y), weights=w)


def ldam(z, y, w, n, max_margin, scale):
    margins = 1 / n**0.25
    margins *= max_margin / margins.max()
    cosines = z / scale
    cosines[np.arange(len(y)), y] -= margins[y]
    return np.average(-own(log_softmax(scale * cosines, axis=1), y), weights=w)


LOSSES = st.one_of(
    st.floats(0, 5).map(lambda g: (FocalLoss(gamma=g), lambda *a: focal(*a, g))),
    st.floats(0, 0.9999).map(
        lambda b: (ClassBalancedLoss(beta=b), lambda *a: class_balanced(*a, b))
    ),
    st.just((BalancedSoftmaxLoss(), balanced_softmax)),
    st.floats(0, 3).map(lambda t: (LogitAdjustedLoss(tau=t), lambda *a: logit_adjusted(*a, t))),
    st.tuples(st.floats(0, 2), st.floats(0.5, 50)).map(
        lambda p: (LDAMLoss(max_margin=p[0], scale=p[1]), lambda *a: ldam(*a, *p))
    ),
)


@given(
    pair=LOSSES,
    weighted=st.booleans(),
    sizes=st.lists(st.integers(2, 60), min_size=3, max_size=5),
    seed=st.integers(0, 99),
)
def test_formulas(pair, weighted, sizes, seed):
    loss, formula = pair
    X, y, weights = skewed(seed, sizes)
    net = standing_still(loss).fit(X, y, weights if weighted else None)
    weights = weights if weighted else np.ones(len(y))
    # A class has as many rows as they weigh, compared with the mean.
    counts = np.bincount(y, weights) * len(y) / weights.sum()
    expected = formula(net.decision_function(X), y, weights, counts)
    assert_allclose(net.history_.train_loss[0], expected, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_label_smoothing_spreads_its_share_evenly(weighted):
    X, y, weights = skewed()
    weights = weights if weighted else None
    net = standing_still("cross_entropy", label_smoothing=0.3).fit(X, y, weights)
    log_p = log_softmax(net.decision_function(X), axis=1)
    targets = 0.7 * np.eye(3)[y] + 0.3 / 3
    expected = np.average(-(targets * log_p).sum(axis=1), weights=weights)
    assert_allclose(net.history_.train_loss[0], expected, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_the_loss_with_its_defaults(name):
    X, y, _ = skewed()
    losses = dict(
        zip(
            NAMES,
            (
                FocalLoss(),
                ClassBalancedLoss(),
                BalancedSoftmaxLoss(),
                LogitAdjustedLoss(),
                LDAMLoss(),
            ),
            strict=True,
        )
    )
    fits = [small(MLPNetClassifier, loss=loss).fit(X, y) for loss in (name, losses[name])]
    assert_array_equal(*map(weights_of, fits))
    assert not np.array_equal(weights_of(fits[0]), weights_of(small(MLPNetClassifier).fit(X, y))), (
        "it is not cross-entropy"
    )


@pytest.mark.parametrize(
    "loss", [FocalLoss(gamma=0), ClassBalancedLoss(beta=0), LogitAdjustedLoss(tau=0)], ids=str
)
@pytest.mark.parametrize("weighted", [False, True])
def test_identities_with_cross_entropy(loss, weighted, fast_class):
    X, y, weights = skewed()
    X = np.tile(X, 6) if fast_class is ConvNetClassifier else X
    weights = weights if weighted else None
    plain, other = (
        small(fast_class, loss=loss, precision="fp64").fit(X, y, weights)
        for loss in ("cross_entropy", loss)
    )
    assert_allclose(weights_of(plain), weights_of(other), rtol=1e-9, atol=1e-12)


def test_balanced_softmax_is_logit_adjustment_with_tau_1(fast_class):
    X, y, _ = skewed()
    fits = [
        small(fast_class, loss=loss).fit(X, y)
        for loss in ("balanced_softmax", LogitAdjustedLoss(tau=1.0))
    ]
    assert_array_equal(*map(weights_of, fits))


@pytest.mark.parametrize("batch_norm", [False, True], ids=["written out", "by autograd"])
def test_gradients_of_an_offset(batch_norm):
    # Of a multilayer perceptron's two ways to a gradient, both know the offset.
    X, y, weights = skewed()
    params = {"optimizer": "sgd", "momentum": 0.0, "max_epochs": 1, "batch_size": 100}
    params |= {"batch_norm": batch_norm, "precision": "fp64", "weight_decay": 0.0}
    before, after = (
        small(MLPNetClassifier, loss="logit_adjusted", lr=lr, **params).fit(X, y, weights)
        for lr in (1e-12, 1e-2)
    )
    # The step of the head's biases is the mean of p minus one-hot, under the adjusted softmax.
    z = before.decision_function(X)
    if batch_norm:
        pytest.importorskip("torch")
        module = before.net_.module_.train()
        import torch

        z = module(torch.from_numpy(X).double()[:, None, None]).detach().numpy()
    prior = np.bincount(y, weights) / weights.sum()
    p = np.exp(log_softmax(z + np.log(prior), axis=1))
    expected = np.average(p - np.eye(3)[y], axis=0, weights=weights)
    bias = [net.net_.module_.head.bias.detach().numpy() for net in (before, after)]
    assert_allclose(bias[0] - bias[1], 1e-2 * expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_every_classifier_trains_with_every_loss(any_class, name, digits):
    X, y = digits
    net = small(any_class, loss=name, deferred_reweighting=0.5, max_epochs=2)
    net.fit(X[:80], y[:80], np.linspace(0.5, 2, 80))
    assert_allclose(net.predict_proba(X).sum(axis=1), 1)
    assert np.isfinite(net.loss_curve_).all()


def test_validation_losses_are_log_losses(digits):
    X, y = digits
    for name in NAMES:
        net = small(MLPNetClassifier, loss=name, label_smoothing=0.1)
        net.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
        p = net.predict_log_proba(X[200:])
        assert_allclose(net.history_.valid_loss.iloc[-1], -own(p, y[200:]).mean(), rtol=1e-4)


def test_ldam_predicts_from_cosines(digits):
    X, y = digits
    net = small(MLPNetClassifier, loss=LDAMLoss(scale=7.0)).fit(X, y)
    features, head = net.transform(X), net.net_.module_.head.weight.detach().numpy()
    features = features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)
    head = head / np.linalg.norm(head, axis=1, keepdims=True)
    assert_allclose(net.decision_function(X), 7 * features @ head.T, atol=1e-4)
    # From a net with another head to this one, and back.
    from sklearn.frozen import FrozenEstimator

    small(MLPNetClassifier, init_from=FrozenEstimator(net)).fit(X, y)
    plain = small(MLPNetClassifier).fit(X, y)
    small(MLPNetClassifier, loss="ldam", init_from=FrozenEstimator(plain)).fit(X, y)


def test_a_focal_loss_of_rows_that_are_certain_has_a_gradient():
    X = np.repeat([[0.0, 1000.0], [1000.0, 0.0]], 20, axis=0).astype(np.float32)
    y = np.repeat([0, 1], 20)
    net = MLPNetClassifier(
        loss=FocalLoss(gamma=0.3), standardize=False, lr=0.05, max_epochs=30, random_state=0
    ).fit(X, y)
    assert np.isfinite(weights_of(net)).all()
    assert net.score(X, y) == 1


# --- deferred weights ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "n_epochs", "first"), [(0.5, 4, 2), (0.0, 3, 0), (0.99, 3, 2), (0.3, 4, 2)]
)
def test_deferred_weights_begin_after_their_share_of_the_epochs(share, n_epochs, first):
    X, y, _ = skewed()
    plain, deferred = (
        small(MLPNetClassifier, deferred_reweighting=d, max_epochs=n_epochs).fit(X, y)
        for d in (None, share)
    )
    assert deferred.loss_curve_[:first] == plain.loss_curve_[:first]
    assert deferred.loss_curve_[first] != plain.loss_curve_[first]


def test_deferred_weights_are_those_of_effective_numbers():
    X, y, _ = skewed()
    n = np.bincount(y)
    for loss, beta in (("cross_entropy", 0.9999), (ClassBalancedLoss(beta=0.9), 0.9)):
        net = standing_still(loss, deferred_reweighting=0.5, max_epochs=2).fit(X, y)
        z, w = net.decision_function(X), np.ones(len(y))
        first, second = net.loss_curve_
        assert_allclose(first, class_balanced(z, y, w, n, 0.0), rtol=1e-6)
        assert_allclose(second, class_balanced(z, y, w, n, beta), rtol=1e-6)


def test_deferred_weights_after_a_continuation(tmp_path):
    class Stopped(Exception):
        pass

    from skorch.callbacks import Callback

    class StopAt(Callback):
        def __init__(self, epoch):
            self.epoch = epoch

        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == self.epoch:
                raise Stopped

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            pass

    X, y, _ = skewed()
    params = {"deferred_reweighting": 0.5, "max_epochs": 6, "prior": "uniform"}
    params |= {"sampling": "sqrt"}
    whole = small(MLPNetClassifier, **params).fit(X, y)
    params["checkpoint_dir"] = tmp_path
    stopped = small(MLPNetClassifier, **params, skorch_callbacks=[StopAt(5)])
    with pytest.raises(Stopped):
        stopped.fit(X, y)
    stopped.skorch_callbacks[0].epoch = 99
    stopped.fit(X, y)
    assert_array_equal(weights_of(whole), weights_of(stopped))
    assert_array_equal(whole.predict_proba(X), stopped.predict_proba(X))


# --- as parameters ------------------------------------------------------------------------------


def test_parameters_of_a_loss_are_searched(fashion):
    X, y = fashion
    search = GridSearchCV(
        small(MLPNetClassifier, loss=FocalLoss()), {"loss__gamma": [0.0, 2.0]}, cv=2
    ).fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    search = GridSearchCV(
        small(MLPNetClassifier), {"loss": [*NAMES, LDAMLoss(scale=10.0)]}, cv=2
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (FocalLoss(gamma=-1), "'gamma' parameter of FocalLoss"),
        (ClassBalancedLoss(beta=1.0), "'beta' parameter of ClassBalancedLoss"),
        (LDAMLoss(scale=0), "'scale' parameter of LDAMLoss"),
        ("crossentropy", "'loss' parameter of MLPNetClassifier"),
    ],
)
def test_bad_losses_are_refused(loss, message, digits):
    with pytest.raises(ValueError, match=message):
        small(MLPNetClassifier, loss=loss).fit(*digits)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "ldam"},
        {"loss": LogitAdjustedLoss()},
        {"sampling": "balanced"},
        {"deferred_reweighting": 0.5},
    ],
    ids=str,
)
def test_partial_fit_refuses_what_needs_all_classes(params, digits):
    X, y = digits
    net = small(MLPNetClassifier, **params)
    with pytest.raises(ValueError, match=f"Got {next(iter(params))}=.* partial_fit does not"):
        net.partial_fit(X, y, classes=np.unique(y))
    assert not hasattr(net, "classes_")


def test_partial_fit_with_a_focal_loss(digits):
    X, y = digits
    plain, focal = (
        small(MLPNetClassifier, loss=loss).partial_fit(X, y, classes=np.unique(y))
        for loss in ("cross_entropy", "focal")
    )
    assert not np.array_equal(weights_of(plain), weights_of(focal))
