"""Factors of classes: decisions for any number of them, moved towards the rare."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

from skfashion.studies.thresholds import ClassFactorsClassifier, tuned_factors


def skewed(seed=0, n=900):
    """Return rows of four overlapping classes, 70 % of them of the first."""
    return make_classification(
        n,
        n_features=8,
        n_informative=5,
        n_classes=4,
        n_clusters_per_class=1,
        class_sep=0.7,
        weights=[0.7, 0.17, 0.09, 0.04],
        random_state=seed,
    )


@pytest.mark.parametrize("factors", ["prior", "tuned"])
def test_passes_scikit_learns_checks(factors):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        # scikit-learn casts an infinite number in a check of its own.
        warnings.filterwarnings("ignore", "invalid value encountered in cast", RuntimeWarning)
        check_estimator(ClassFactorsClassifier(factors=factors))


def test_prior_divides_by_the_shares_and_renormalises():
    X, y = skewed()
    plain = GaussianNB().fit(X, y)
    moved = ClassFactorsClassifier(GaussianNB(), factors="prior").fit(X, y)
    expected = plain.predict_proba(X) / (np.bincount(y) / len(y))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(moved.predict_proba(X), expected)
    np.testing.assert_array_equal(moved.predict(X), expected.argmax(axis=1))
    assert moved.factors_.mean() == pytest.approx(1)


@pytest.mark.parametrize("factors", ["prior", "tuned"])
@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), RandomForestClassifier(40, random_state=0)],
    ids=lambda e: type(e).__name__,
)
def test_balanced_accuracy_of_unknown_rows_rises(estimator, factors):
    X, y = skewed(n=3000)
    train, test = slice(0, 2000), slice(2000, None)
    plain = estimator.fit(X[train], y[train]).predict(X[test])
    moved = ClassFactorsClassifier(estimator, factors=factors).fit(X[train], y[train])
    gained = balanced_accuracy_score(y[test], moved.predict(X[test]))
    assert gained > balanced_accuracy_score(y[test], plain) + 0.04
    # At a price: the frequent class.
    assert recall_score(y[test] == 0, moved.predict(X[test]) == 0) < recall_score(
        y[test] == 0, plain == 0
    )


@pytest.mark.parametrize("seed", range(5))
def test_tuned_factors_are_no_worse_than_any_start_nor_than_a_grid_along_each_factor(seed):
    random = np.random.default_rng(seed)
    codes = np.repeat([0, 1, 2], [150, 40, 10])
    proba = random.dirichlet(np.ones(3), size=200)
    proba[np.arange(200), codes] += random.uniform(0, 1, 200)
    proba /= proba.sum(axis=1, keepdims=True)
    starts = [np.ones(3), 200 / np.bincount(codes)]
    factors = tuned_factors(codes, proba, starts)

    def score(factors):
        right = (proba * factors).argmax(axis=1) == codes
        return (np.bincount(codes, right) / np.bincount(codes)).mean()

    assert score(factors) > max(score(start) for start in starts)
    for c in range(3):
        for step in np.geomspace(1e-3, 1e3, 301):
            moved = factors.copy()
            moved[c] *= step
            assert score(moved) <= score(factors) + 1e-9


def test_tuning_finds_the_factor_that_undoes_a_known_distortion():
    # Two classes, told apart without error by one number, but at 0.1 instead of 0.5.
    p = np.concatenate([np.linspace(0.11, 0.9, 20), np.linspace(0.001, 0.09, 80)])
    codes = np.repeat([1, 0], [20, 80])
    factors = tuned_factors(codes, np.column_stack([1 - p, p]), [np.ones(2)])
    threshold = factors[0] / factors.sum()
    assert 0.09 < threshold < 0.11


def test_classes_that_are_ruled_out_stay_ruled_out():
    codes = np.array([0, 0, 0, 1, 1])
    proba = np.array([[1.0, 0], [1, 0], [0.8, 0.2], [1, 0], [0.7, 0.3]])
    factors = tuned_factors(codes, proba, [np.ones(2)])
    assert np.isfinite(factors).all() and (factors > 0).all()
    np.testing.assert_array_equal((proba * factors).argmax(axis=1), [0, 0, 0, 0, 1])


def test_tuning_sees_out_of_fold_probabilities_alone():
    # A forest is sure of every row it was fitted to: on those, no factor would change anything.
    X, y = skewed(n=400)
    forest = RandomForestClassifier(20, random_state=0)
    found = ClassFactorsClassifier(forest).fit(X, y)
    proba = cross_val_predict(forest, X, y, cv=StratifiedKFold(3), method="predict_proba")
    starts = [len(y) / np.bincount(y), np.ones(4)]
    expected = tuned_factors(y, proba, starts)
    np.testing.assert_allclose(found.factors_, expected / expected.mean())
    np.testing.assert_array_equal(
        found.estimator_.predict_proba(X), forest.fit(X, y).predict_proba(X)
    )


def test_labels_are_those_given():
    X, y = skewed(n=300)
    names = np.array(["Bag", "Coat", "Dress", "Shirt"])[y]
    found = ClassFactorsClassifier(GaussianNB()).fit(X, names)
    assert found.classes_.tolist() == ["Bag", "Coat", "Dress", "Shirt"]
    assert found.predict(X).dtype == names.dtype
    numbers = ClassFactorsClassifier(GaussianNB()).fit(X, y)
    np.testing.assert_array_equal(numbers.factors_, found.factors_)


def test_two_rows_of_a_class_are_enough():
    X, y = skewed(n=300)
    few = np.concatenate([np.flatnonzero(y < 3), np.flatnonzero(y == 3)[:2]])
    assert ClassFactorsClassifier(GaussianNB()).fit(X[few], y[few]).factors_.shape == (4,)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"factors": "best"}, ValueError, "Got factors='best', expected 'prior' or 'tuned'"),
        ({"cv": 1}, ValueError, "Got cv=1, expected an int of 2 or more"),
        ({"cv": "kfold"}, ValueError, "Got cv='kfold', expected an int"),
        ({"estimator": LinearSVC()}, TypeError, r"Got estimator=LinearSVC\(\).*CalibratedClass"),
    ],
)
def test_errors_say_what_was_given_and_what_is_expected(params, error, message):
    X, y = skewed(n=100)
    with pytest.raises(error, match=message):
        ClassFactorsClassifier(**{"estimator": DummyClassifier(), **params}).fit(X, y)


def test_a_single_row_of_a_class_cannot_be_tuned_on():
    X, y = skewed(n=100)
    keep = np.concatenate([np.flatnonzero(y != 3), np.flatnonzero(y == 3)[:1]])
    with pytest.raises(ValueError, match=r"a single row of class 3.*set factors='prior'"):
        ClassFactorsClassifier(GaussianNB()).fit(X[keep], y[keep])
    ClassFactorsClassifier(GaussianNB(), factors="prior").fit(X[keep], y[keep])
