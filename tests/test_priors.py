"""Drawing classes in other shares than they come, and predicting for other shares."""

import pickle

import numpy as np
import pytest
from common import small, weights_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.metrics import log_loss
from skorch.callbacks import Callback

from skfashion import ClassBalancedLoss, ConvNetClassifier, LogitAdjustedLoss, MLPNetClassifier


class Draws(Callback):
    """Write down which rows, labels and weights each epoch has."""

    def on_epoch_begin(self, net, **kwargs):
        vars(self).setdefault("epochs", []).append([])

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            self.epochs[-1].append((batch.rows.clone(), batch[1].clone(), batch.weight))


def draws_of(net, X, y, *args):
    """Return the rows and the labels of each epoch of a fit, and the weights of its batches."""
    net.set_params(skorch_callbacks=[("draws", Draws())]).fit(X, y, *args)
    epochs = dict(net.net_.callbacks_)["draws"].epochs
    rows = [np.concatenate([r.numpy() for r, _, _ in epoch]) for epoch in epochs]
    labels = [np.concatenate([t.numpy() for _, t, _ in epoch]) for epoch in epochs]
    return rows, labels, [w for epoch in epochs for _, _, w in epoch]


def skewed(sizes=(150, 40, 13), seed=0):
    random = np.random.RandomState(seed)
    y = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = random.normal(size=(len(y), 8)).astype(np.float32) + 0.5 * y[:, None]
    return X, np.array(["one", "two", "three", "four", "five"])[y]


SIZES = st.lists(st.integers(1, 80), min_size=2, max_size=5)


@given(
    sizes=SIZES,
    sampling=st.one_of(
        st.sampled_from(["balanced", "sqrt"]),
        st.lists(st.floats(0.05, 5), min_size=5, max_size=5),
    ),
    batch_size=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_shares_of_the_draws(sizes, sampling, batch_size, seed):
    X, y = skewed(sizes, seed)
    classes, counts = np.unique(y, return_counts=True)
    shares = {"balanced": np.ones(len(classes)), "sqrt": np.sqrt(counts)}
    if not isinstance(sampling, str):
        shares["dict"] = np.array(sampling[: len(classes)])
        sampling = dict(zip(classes.tolist(), shares["dict"].tolist(), strict=True))
    shares = shares.get(sampling if isinstance(sampling, str) else "dict")
    shares = shares / shares.sum()
    net = small(
        MLPNetClassifier,
        sampling=sampling,
        batch_size=batch_size,
        max_epochs=2,
        batch_norm=False,
        random_state=seed,
    )
    rows, labels, weights = draws_of(net, X, y)
    n = len(y)
    deviation = np.sqrt(n * shares * (1 - shares))
    for drawn, codes in zip(rows, labels, strict=True):
        assert len(drawn) == n, "an epoch is as long as without, its last batch included"
        assert_array_equal(classes[codes], y[drawn])
        found = np.bincount(codes, minlength=len(classes))
        assert (np.abs(found - n * shares) <= 3 * deviation + 1e-9).all() or (
            np.abs(found - n * shares) < 1
        ).all()
        # Rows of a class come equally often, give or take one draw (and one for its class).
        for code, count in enumerate(counts):
            times = np.bincount(drawn[codes == code], minlength=n)[y == classes[code]]
            assert times.max() - times.min() <= 2, (count, times)
    assert all(weight is None for weight in weights)
    assert n < 20 or not np.array_equal(rows[0], rows[1]), "each epoch has an order of its own"


def test_every_row_is_reached():
    X, y = skewed()
    rows, *_ = draws_of(small(MLPNetClassifier, sampling="balanced", max_epochs=40), X, y)
    assert set(np.concatenate(rows)) == set(range(len(y)))


def test_weights_decide_within_a_class_and_leave_the_loss():
    X, y = skewed()
    weights = np.random.RandomState(1).uniform(0.1, 3, len(y))
    weights[::7] = 0
    net = small(MLPNetClassifier, sampling="balanced", max_epochs=300, hidden_layer_sizes=(2,))
    rows, labels, of_batches = draws_of(net, X, y, weights)
    assert all(weight is None for weight in of_batches)
    times = np.bincount(np.concatenate(rows), minlength=len(y))
    assert (times[weights == 0] == 0).all()
    for label in np.unique(y):
        mine = (y == label) & (weights > 0)
        # 300 epochs, in each of which chance decides about one draw of a row at most.
        expected = times[mine].sum() * weights[mine] / weights[mine].sum()
        assert (np.abs(times[mine] - expected) <= 5 * np.sqrt(expected)).all()
    # Their scale means nothing.
    short = {"sampling": "balanced", "max_epochs": 3}
    fits = [small(MLPNetClassifier, **short).fit(X, y, w) for w in (weights, 10 * weights)]
    assert_allclose(*map(weights_of, fits), rtol=1e-5)


def test_class_weights_stay_in_the_loss():
    X, y = skewed()
    net = small(MLPNetClassifier, sampling="balanced", class_weight={"one": 3.0}, max_epochs=1)
    _, labels, weights = draws_of(net, X, y)
    factors = np.concatenate([w.numpy() for w in weights])
    one = labels[0] == list(net.classes_).index("one")
    assert_allclose(factors[one] / factors[~one].mean(), 3.0, rtol=1e-5)


def test_held_out_rows_are_never_drawn():
    X, y = skewed()
    net = small(MLPNetClassifier, sampling="balanced", early_stopping=True, max_epochs=30)
    net.set_params(validation_fraction=0.3, n_iter_no_change=30)
    rows, *_ = draws_of(net, X, y)
    assert len(set(np.concatenate(rows))) <= np.ceil(0.7 * len(y))
    assert len(rows[0]) == int(0.7 * len(y))


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"one": 1.0}, "expected a share for each label"),
        ({"one": 1, "two": 1, "ten": 1}, "expected a share for each label"),
        ({"one": 1, "two": 0, "three": 1}, r"sampling\['two'\]=0"),
        ({"one": 1, "two": "2", "three": 1}, r"sampling\['two'\]='2'"),
        ("uniform", "'sampling' parameter"),
    ],
)
def test_bad_shares_are_refused(sampling, message):
    net = small(MLPNetClassifier, sampling=sampling)
    with pytest.raises(ValueError, match=message):
        net.fit(*skewed())
    assert not hasattr(net, "net_")


# --- prior --------------------------------------------------------------------------------------


def test_priors_of_the_labels():
    X, y = skewed()
    weights = np.random.RandomState(0).uniform(0, 2, len(y))
    classes, codes = np.unique(y, return_inverse=True)
    net = small(MLPNetClassifier).fit(X, y, weights)
    expected = np.bincount(codes, weights) / weights.sum()
    assert_allclose(net.class_prior_, expected)
    assert_allclose(net.effective_class_prior_, expected)
    half = len(y) // 2
    net = small(MLPNetClassifier).partial_fit(X[:half], y[:half], classes, weights[:half])
    net.partial_fit(X[half:], y[half:], sample_weight=weights[half:])
    assert_allclose(net.class_prior_, expected)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, lambda p, n: p),
        ({"loss": "focal"}, lambda p, n: p),
        ({"sampling": "balanced"}, lambda p, n: np.ones(3)),
        ({"sampling": "sqrt"}, lambda p, n: np.sqrt(p)),
        ({"sampling": {"one": 1, "three": 2, "two": 5}}, lambda p, n: np.array([1, 2, 5])),
        ({"class_weight": "balanced"}, lambda p, n: np.ones(3)),
        ({"class_weight": {"two": 4.0}}, lambda p, n: p * [1, 1, 4]),
        ({"sampling": "sqrt", "class_weight": {"two": 4.0}}, lambda p, n: np.sqrt(p) * [1, 1, 4]),
        ({"loss": "balanced_softmax"}, lambda p, n: np.ones(3)),
        ({"loss": LogitAdjustedLoss(tau=0.5)}, lambda p, n: np.sqrt(p)),
        ({"loss": ClassBalancedLoss(beta=0.99)}, lambda p, n: p / (1 - 0.99**n)),
        ({"deferred_reweighting": 0.5}, lambda p, n: p / (1 - 0.9999**n)),
        (
            {"loss": ClassBalancedLoss(beta=0.99), "deferred_reweighting": 0.5},
            lambda p, n: p / (1 - 0.99**n),
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_effective_priors(params, expected):
    X, y = skewed()
    counts = np.unique(y, return_counts=True)[1]
    net = small(MLPNetClassifier, **params).fit(X, y)
    expected = expected(counts / counts.sum(), counts)
    assert_allclose(net.effective_class_prior_, expected / expected.sum())


@pytest.mark.parametrize("prior", ["uniform", "train", (0.2, 0.5, 0.3), np.array([0.1, 0.1, 0.8])])
def test_predictions_for_a_prior(prior, any_class):
    X, y = skewed()
    X = np.tile(X, 8)
    net = small(any_class, sampling="sqrt", max_epochs=2).fit(X, y)
    plain, features = net.predict_log_proba(X), net.transform(X)
    net.set_params(prior=prior)
    wanted = {"uniform": np.full(3, 1 / 3), "train": net.class_prior_}.get(str(prior), prior)
    expected = softmax(plain + np.log(wanted) - np.log(net.effective_class_prior_), axis=1)
    assert_allclose(net.predict_proba(X), expected, atol=1e-5)
    assert_allclose(softmax(net.decision_function(X), axis=1), expected, atol=1e-5)
    assert_allclose(np.exp(net.predict_log_proba(X)), expected, atol=1e-5)
    assert_array_equal(net.predict(X), net.classes_[net.predict_proba(X).argmax(1)])
    assert_array_equal(net.transform(X), features)
    again = pickle.loads(pickle.dumps(net))
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))


def test_a_prior_sums_to_one_as_nearly_as_its_type_can():
    X, y = skewed()
    net = small(MLPNetClassifier).fit(X, y)
    for prior in (np.full(3, 1 / 3, np.float16), np.array([0.7, 0.2, 0.1], np.float16)):
        expected = net.set_params(prior=prior.astype(float) / prior.astype(float).sum())
        expected = expected.predict_proba(X)
        for same in (prior, list(prior)):
            assert_allclose(net.set_params(prior=same).predict_proba(X), expected)
    for prior in (np.array([0.7, 0.2, 0.11], np.float16), [0.7, 0.2, 0.101]):
        with pytest.raises(ValueError, match="positive numbers that sum to 1"):
            net.set_params(prior=prior).predict(X)


def test_two_classes():
    X, y = skewed((80, 20))
    net = small(MLPNetClassifier).fit(X, y)
    plain = net.decision_function(X)
    net.set_params(prior="uniform")
    p = net.class_prior_
    assert_allclose(net.decision_function(X), plain + np.log(p[0] / p[1]), atol=1e-5)


def test_a_class_that_weighs_nothing_keeps_its_logit():
    X, y = skewed()
    weights = (y != "two").astype(float)
    for params in ({}, {"sampling": "balanced"}, {"loss": "balanced_softmax"}, {"loss": "ldam"}):
        for prior in ("train", "uniform"):
            net = small(MLPNetClassifier, prior=prior, **params).fit(X, y, weights)
            assert np.isfinite(net.predict_log_proba(X)).all()
            assert net.class_prior_[list(net.classes_).index("two")] == 0


@pytest.mark.parametrize(
    "prior", [(0.5, 0.5), (0.5, 0.6, -0.1), (0.5, 0.5, 0.0), (1, 1, 1), ("a", "b", "c")], ids=str
)
def test_bad_priors_are_refused_before_a_training(prior):
    X, y = skewed()
    net = small(MLPNetClassifier, prior=prior, max_epochs=10**6)
    with pytest.raises(ValueError, match=r"Got prior=.* expected 3 positive numbers that sum to 1"):
        net.fit(X, y)
    net.set_params(prior=None, max_epochs=1).fit(X, y).set_params(prior=prior)
    with pytest.raises(ValueError, match="Got prior="):
        net.predict(X)


def test_validation_scores_see_the_prior():
    X, y = skewed()
    params = {"scoring": "balanced_accuracy", "max_epochs": 4}
    nets = [
        small(MLPNetClassifier, prior=prior, **params).fit(X, y, X_val=X, y_val=y)
        for prior in (None, "uniform")
    ]
    assert_array_equal(*map(weights_of, nets))
    for net in nets:
        recalls = [(net.predict(X)[y == label] == label).mean() for label in net.classes_]
        assert_allclose(net.validation_scores_[-1], np.mean(recalls))
    assert nets[0].validation_scores_ != nets[1].validation_scores_


def test_a_validation_loss_is_that_of_the_bare_logits():
    X, y = skewed()
    params = {"max_epochs": 3, "sampling": "balanced"}
    plain, shifted = (
        small(MLPNetClassifier, prior=prior, **params).fit(X, y, X_val=X, y_val=y)
        for prior in (None, "train")
    )
    assert plain.validation_scores_ == shifted.validation_scores_
    assert_allclose(-plain.validation_scores_[-1], log_loss(y, plain.predict_proba(X)), rtol=1e-5)


def test_early_stopping_before_deferred_weights():
    X, y = skewed()
    scores = iter([1.0, 0.5, 0.4, 0.3])
    net = small(
        MLPNetClassifier,
        early_stopping=True,
        deferred_reweighting=0.5,
        max_epochs=4,
        scoring=lambda estimator, X, y: next(scores),
    ).fit(X, y)
    assert_allclose(net.effective_class_prior_, net.class_prior_)


def _log_loss_and_calibration_error(net, X, y):
    p = net.predict_proba(X)
    hits = net.classes_[p.argmax(1)] == y
    bins = np.minimum((p.max(1) * 15).astype(int), 14)
    gaps = np.bincount(bins, hits - p.max(1), minlength=15)
    loss = -np.log(p[np.arange(len(y)), np.searchsorted(net.classes_, y)]).mean()
    return loss, np.abs(gaps).sum() / len(y)


@pytest.mark.parametrize("cls", [MLPNetClassifier, ConvNetClassifier])
def test_probabilities_are_honest_again_after_balanced_sampling(cls):
    # Noisy enough, and with rows enough, that no net can learn the rows by heart.
    random = np.random.RandomState(0)
    prior = np.array([0.75, 0.2, 0.05])

    def draw(n):
        y = random.choice(3, n, p=prior)
        return (random.normal(size=(n, 9)) + y[:, None] * 0.8).astype(np.float32), y

    (X, y), (X_test, y_test) = draw(6000), draw(20000)
    params = {"max_epochs": 8, "random_state": 0, "optimizer": "adamw", "lr": 2e-3}
    plain, sampled = (cls(sampling=sampling, **params).fit(X, y) for sampling in (None, "balanced"))
    loss, error = _log_loss_and_calibration_error(plain, X_test, y_test)
    worse, further = _log_loss_and_calibration_error(sampled, X_test, y_test)
    assert worse > 1.1 * loss
    assert further > 1.1 * error
    sampled.set_params(prior="train")
    undone, error_undone = _log_loss_and_calibration_error(sampled, X_test, y_test)
    assert undone <= 1.1 * loss
    # An error of a hundredth is hardly told from none by 20,000 rows in 15 bins.
    assert error_undone <= max(1.1 * error, 0.015)
