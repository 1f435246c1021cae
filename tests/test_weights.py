"""Weights of rows and of classes."""

import warnings

import numpy as np
import pandas as pd
import pytest
from common import FAST, small, weights_of
from hypothesis import given, settings
from hypothesis import strategies as st

from skfashion import MLPNetClassifier


def test_none_and_ones_are_the_same_to_the_bit(any_class, digits):
    X, y = digits
    expected = weights_of(small(any_class).fit(X, y))
    for ones in (np.ones(len(y)), np.full(len(y), 7.0), [1] * len(y), pd.Series(np.ones(len(y)))):
        np.testing.assert_array_equal(weights_of(small(any_class).fit(X, y, ones)), expected)


def test_rows_of_weight_zero_have_no_influence(any_class, digits):
    """Not even through batch norm or the standardisation."""
    X, y = digits
    keep = np.arange(len(y)) % 3 > 0
    garbage = np.where(keep[:, None], X, 255 - X)
    labels = np.where(keep, y, 9 - y)
    estimator = small(any_class).fit(garbage, labels, keep.astype(float))
    expected = small(any_class).fit(X[keep], y[keep])
    np.testing.assert_array_equal(weights_of(estimator), weights_of(expected))


def test_scale_of_weights_does_not_matter(any_class, digits):
    X, y = digits
    weight = np.random.RandomState(0).uniform(size=len(y))
    one = small(any_class).fit(X, y, weight)
    ten = small(any_class).fit(X, y, 10 * weight)
    np.testing.assert_allclose(weights_of(ten), weights_of(one), rtol=1e-3, atol=1e-4)
    eight = small(any_class).fit(X, y, 8 * weight)
    np.testing.assert_array_equal(weights_of(eight), weights_of(one))


def full_batch(cls, **params):
    """Return an estimator whose steps are exact functions of the weighted data."""
    defaults = {
        "batch_size": 10_000,
        "max_epochs": 20,
        "batch_norm": False,
        "precision": "fp64",
        "hidden_layer_sizes": (8,),
        "random_state": 0,
    }
    if "channels" in cls().get_params():
        defaults["channels"] = (3,)
    return cls(**(defaults | params))


@pytest.mark.parametrize("cls", FAST)  # whose batch norm can be left out
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 2: 0.5}])
@settings(max_examples=8)
@given(counts=st.lists(st.integers(0, 3), min_size=30, max_size=30), seed=st.integers(0, 99))
def test_integer_weights_equal_repeated_rows(cls, class_weight, counts, seed):
    rng = np.random.RandomState(seed)
    X, y = rng.normal(size=(30, 6)), np.arange(30) % 3
    counts = np.array(counts)
    counts[:3] = np.maximum(counts[:3], 1)  # every class keeps a row
    weighted = full_batch(cls, class_weight=class_weight).fit(X, y, counts)
    repeated = full_batch(cls, class_weight=class_weight).fit(
        np.repeat(X, counts, axis=0), np.repeat(y, counts)
    )
    np.testing.assert_allclose(weights_of(weighted), weights_of(repeated), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(6, 2), (6, 1, 2)], ids=["table", "images"])
def test_standardisation_is_weighted(shape):
    X = np.arange(12.0).reshape(6, 2) ** 2
    weight = np.array([1, 2, 0, 3, 1, 1.0])
    net = full_batch(MLPNetClassifier, max_epochs=1).fit(X.reshape(shape), [0, 1] * 3, weight)
    statistics = net.net_.module_.standardize
    values = X if len(shape) == 2 else X.reshape(12, 1)
    weight = weight if len(shape) == 2 else np.repeat(weight, 2)
    mean = np.average(values, axis=0, weights=weight)
    variance = np.average((values - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(statistics.mean.ravel(), mean)
    np.testing.assert_allclose(statistics.scale.ravel(), np.sqrt(variance))


def test_training_loss_is_weighted(digits):
    X, y = digits
    weight = np.random.RandomState(0).uniform(size=len(y))
    net = full_batch(MLPNetClassifier, max_epochs=1, lr=1e-12).fit(X, y, weight)
    losses = -net.predict_log_proba(X)[np.arange(len(y)), y]
    np.testing.assert_allclose(net.loss_curve_, np.average(losses, weights=weight), rtol=1e-6)
    hits = net.predict(X) == y
    accuracy = net.history_["train_accuracy"][0]
    np.testing.assert_allclose(accuracy, np.average(hits, weights=weight), rtol=1e-6)


@pytest.mark.parametrize("scoring", ["loss", "accuracy"])
def test_validation_score_is_weighted(digits, scoring):
    X, y = digits
    rng = np.random.RandomState(0)
    weight, weight_val = rng.uniform(size=len(y)), rng.uniform(size=len(y))
    class_weight = {0: 4.0, 3: 0.25}
    net = small(MLPNetClassifier, scoring=scoring, class_weight=class_weight)
    net.fit(X, y, weight, X_val=X, y_val=y, sample_weight_val=weight_val)
    total = weight_val * np.array([class_weight.get(label, 1.0) for label in y])
    if scoring == "loss":
        expected = np.average(net.predict_log_proba(X)[np.arange(len(y)), y], weights=total)
    else:
        expected = np.average(net.predict(X) == y, weights=total)
    np.testing.assert_allclose(net.validation_scores_[-1], expected, rtol=1e-5)


def test_held_out_rows_keep_their_weights(digits):
    X, y = digits
    weight = 1.0 + np.arange(len(y))
    class_weight = {3: 4.0, 8: 0.5}
    seen = []

    def watch(estimator, X_val, y_val, sample_weight=None):
        seen.append((X_val, y_val, sample_weight))
        return 0.5

    net = small(MLPNetClassifier, early_stopping=True, scoring=watch, class_weight=class_weight)
    net.fit(X, y, weight)
    X_val, y_val, weight_val = seen[0]
    rows = [int(np.flatnonzero((X == row).all(1))[0]) for row in X_val]
    np.testing.assert_array_equal(y_val, y[rows])
    expected = weight[rows] * [class_weight.get(label, 1.0) for label in y[rows]]
    np.testing.assert_allclose(weight_val / weight_val[0], expected / expected[0])
    assert len(set(expected)) > 20


def test_class_weight_of_string_labels(any_class, fashion):
    X, y = fashion
    keep = np.isin(y, ["Shirt", "Pullover", "Coat"])
    X, y = X[keep], y[keep]
    plain = small(any_class).fit(X, y)
    shirts = small(any_class, class_weight={"Shirt": 50.0}).fit(X, y)
    assert np.sum(shirts.predict(X) == "Shirt") > 1.3 * np.sum(plain.predict(X) == "Shirt")
    expected = {"Shirt": 50.0}
    np.testing.assert_array_equal(
        shirts.class_weight_, [expected.get(label, 1.0) for label in shirts.classes_]
    )


def test_balanced_is_computed_on_the_labels_of_this_fit(digits):
    X, y = digits
    rows = np.r_[np.flatnonzero(y == 0)[:4], np.flatnonzero(y == 1)[:12]]
    net = small(MLPNetClassifier, class_weight="balanced").fit(X[rows], y[rows])
    np.testing.assert_allclose(net.class_weight_, [2.0, 2 / 3])
    net.fit(X[rows], y[rows], np.r_[np.full(4, 3.0), np.ones(12)])
    np.testing.assert_allclose(net.class_weight_, [1.0, 1.0])


def test_class_weight_times_sample_weight(digits):
    X, y = digits
    rng = np.random.RandomState(0)
    weight = rng.uniform(size=len(y))
    both = full_batch(MLPNetClassifier, class_weight={4: 3.0}).fit(X, y, weight)
    product = full_batch(MLPNetClassifier).fit(X, y, weight * np.where(y == 4, 3.0, 1.0))
    np.testing.assert_allclose(weights_of(both), weights_of(product), rtol=1e-9, atol=1e-9)


def test_classes_count_labels_of_weight_zero(any_class, digits):
    X, y = digits
    net = small(any_class, class_weight="balanced").fit(X, y, (y != 7).astype(float))
    assert list(net.classes_) == list(range(10))
    assert 7 not in net.predict(X)


def test_wrong_weights(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"weight.*zero"):
        MLPNetClassifier().fit(X, y, (y == 3) * 1.0 * 0)
    with pytest.raises(ValueError, match="zero"):
        MLPNetClassifier(class_weight={3: 0.0}).fit(X, y, (y == 3).astype(float))
    with pytest.raises(ValueError, match="[Nn]egative"):
        MLPNetClassifier().fit(X, y, np.where(y == 3, -1.0, 1.0))
    with pytest.raises(ValueError, match="sample_weight.shape"):
        MLPNetClassifier().fit(X, y, np.ones(3))
    with warnings.catch_warnings(), pytest.raises(ValueError, match="expected only labels of y"):
        MLPNetClassifier(class_weight={"Shirt": 2.0}).fit(X, y)


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf, "a", None])
def test_class_weights_are_finite_and_not_negative(digits, weight):
    message = rf"Got class_weight\[3\]={weight!r}, expected a finite number, not negative"
    for class_weight in ({3: weight}, dict.fromkeys(range(10), 1.0) | {3: weight}):
        with pytest.raises(ValueError, match=message):
            MLPNetClassifier(class_weight=class_weight).fit(*digits)


def test_validation_rows_of_weight_zero_do_not_count(digits):
    X, y = digits
    weight = np.r_[np.zeros(280), np.ones(20)]
    net = small(MLPNetClassifier, early_stopping=True)
    net.fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    expected = small(MLPNetClassifier, early_stopping=True)
    expected.fit(X, y, X_val=X[280:], y_val=y[280:])
    np.testing.assert_allclose(net.validation_scores_, expected.validation_scores_, rtol=1e-6)
    with pytest.raises(ValueError, match=r"weight.*zero|zero.*weight"):
        net.fit(X, y, X_val=X, y_val=y, sample_weight_val=np.zeros(300))


def test_class_weight_of_digits_that_are_strings(digits):
    X, y = digits
    net = small(MLPNetClassifier, class_weight={"6": 2.0}).fit(X, y.astype(str))
    assert net.class_weight_.tolist() == [1, 1, 1, 1, 1, 1, 2, 1, 1, 1]


def test_weights_below_the_precision_are_zero(digits):
    X, y = digits
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    tiny = small(MLPNetClassifier).fit(X, y, np.where(y < 3, 1.0, 1e-60))
    zero = small(MLPNetClassifier).fit(X, y, np.where(y < 3, 1.0, 0.0))
    np.testing.assert_array_equal(weights_of(tiny), weights_of(zero))


def test_weights_in_partial_fit(any_class, digits):
    X, y = digits
    keep = np.arange(len(y)) % 4 > 0
    weighted = small(any_class).partial_fit(X, y, np.arange(10), keep.astype(float))
    dropped = small(any_class).partial_fit(X[keep], y[keep], np.arange(10))
    np.testing.assert_array_equal(weights_of(weighted), weights_of(dropped))


def test_equal_weights_beside_zeros_are_no_weights(any_class, digits):
    X, y = digits
    keep = np.arange(len(y)) % 3 > 0
    weighted = small(any_class).fit(X, y, 0.3 * keep)
    dropped = small(any_class).fit(X[keep], y[keep])
    np.testing.assert_array_equal(weights_of(weighted), weights_of(dropped))


def test_early_stopping_where_a_class_has_no_weight(digits):
    X, y = digits
    net = small(MLPNetClassifier, early_stopping=True, class_weight={4: 0.0})
    net.set_params(max_epochs=20).fit(X, y)
    assert list(net.classes_) == list(range(10))
    assert 4 not in net.predict(X)


def test_dicts_by_label_may_name_classes_that_a_fold_lacks(digits):
    X, y = digits
    part = y < 3
    X, y = X[part], y[part]
    named = {label: 1.0 + label for label in range(3)}
    for name in ("class_weight", "sampling"):
        alone = small(MLPNetClassifier, **{name: named}).fit(X, y)
        others = small(MLPNetClassifier, **{name: named | {9: 5.0, "x": 7.0}}).fit(X, y)
        np.testing.assert_array_equal(weights_of(others), weights_of(alone))
    with pytest.raises(ValueError, match=r"labels \['2'\], expected only .* but \[2\] have none"):
        small(MLPNetClassifier, class_weight={0: 1.0, 1: 1.0, "2": 3.0}).fit(X, y)
    with pytest.raises(ValueError, match="expected a share for each label"):
        small(MLPNetClassifier, sampling={0: 1.0, 1: 1.0, "2": 3.0}).fit(X, y)


def test_huge_weights_give_the_same_net_or_an_error(digits):
    X, y = digits
    weight = 1.0 + y
    for params in ({}, {"sampling": "balanced"}, {"class_weight": "balanced"}):
        net = small(MLPNetClassifier, **params)
        expected = weights_of(net.fit(X, y, weight))
        np.testing.assert_array_equal(weights_of(net.fit(X, y, weight * 2.0**1000)), expected)
        np.testing.assert_array_equal(weights_of(net.fit(X, y, weight * 2.0**-1000)), expected)
    net, huge = small(MLPNetClassifier), np.full(len(y), 1e308)
    with pytest.raises(ValueError, match=r"sample_weight of up to 1e\+308, the sum of which"):
        net.fit(X, y, huge)
    with pytest.raises(ValueError, match="sample_weight of up to"):
        net.fit(X, y, X_val=X, y_val=y, sample_weight_val=huge)
    with pytest.raises(ValueError, match="sample_weight times class_weight of up to inf"):
        net.set_params(class_weight={3: 1e300}).fit(X, y, huge / 1e10)
    part = small(MLPNetClassifier).partial_fit(X, y, range(10), sample_weight=huge / 300)
    before = weights_of(part)
    with pytest.raises(ValueError, match="sample_weight of up to"):
        part.partial_fit(X, y, sample_weight=huge / 300)
    np.testing.assert_array_equal(weights_of(part), before)
