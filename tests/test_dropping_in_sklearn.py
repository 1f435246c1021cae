"""Dropping in for scikit-learn's own: what takes a classifier takes a net."""

import pickle

import joblib
import numpy as np
import pytest
from clothes import architectures, as_images, net, pick
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from skfashion import MLPNetClassifier

CLASSES = ["Bag", "Sneaker", "Trouser"]
X, y = pick(dict.fromkeys(CLASSES, 50))
X_test, y_test = pick(dict.fromkeys(CLASSES, 40), start=50)
FOLDS = StratifiedKFold(3)
RATES = {"lr": [1e-3, 5e-3]}


def vote(estimator, **options):
    """Return a vote of two nets that differ in their seeds."""
    other = clone(estimator).set_params(random_state=1)
    return VotingClassifier([("one", estimator), ("other", other)], **options)


def vote_of_kinds(estimator):
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    forest = RandomForestClassifier(20, random_state=0)
    return VotingClassifier([("net", estimator), ("linear", linear), ("forest", forest)])


# Those that hand on whatever they are given, so that images may come as such.
TAKE_IMAGES = {
    "sigmoid": lambda e: CalibratedClassifierCV(e, cv=FOLDS),
    "isotonic": lambda e: CalibratedClassifierCV(e, cv=FOLDS, method="isotonic"),
    "temperature": lambda e: CalibratedClassifierCV(e, cv=FOLDS, method="temperature"),
    "soft votes": lambda e: vote(e, voting="soft"),
    "hard votes": lambda e: vote(e, voting="hard"),
    "stack": lambda e: StackingClassifier([("net", e)], LogisticRegression(), cv=FOLDS),
    "boosting": lambda e: AdaBoostClassifier(e, n_estimators=3, random_state=0),
    "one against the rest": OneVsRestClassifier,
    "grid": lambda e: GridSearchCV(e, RATES, cv=FOLDS),
    "random": lambda e: RandomizedSearchCV(e, RATES, n_iter=2, cv=FOLDS, random_state=0),
    "halving": lambda e: HalvingGridSearchCV(e, RATES, cv=FOLDS, factor=2, random_state=0),
}
# Those that check the data themselves, and take tables alone.
TAKE_ROWS = {
    "scaled": lambda e: make_pipeline(StandardScaler(), e),
    # Components have one scale, as pixels have.
    "reduced": lambda e: make_pipeline(PCA(25, random_state=0), e.set_params(image_shape=(5, 5))),
    "votes of several kinds": vote_of_kinds,
    "bags": lambda e: BaggingClassifier(e, n_estimators=3, random_state=0),
    "one against one": OneVsOneClassifier,
    "output code": lambda e: OutputCodeClassifier(e, code_size=3, random_state=0),
}


@pytest.mark.parametrize("name", [*TAKE_IMAGES, *TAKE_ROWS])
def test_meta_estimator_fits_predicts_is_pickled_and_cloned(name):
    fitted = (TAKE_IMAGES | TAKE_ROWS)[name](net(MLPNetClassifier)).fit(X, y)
    assert fitted.classes_.tolist() == CLASSES
    assert fitted.score(X_test, y_test) > 0.85
    predicted = fitted.predict(X_test)
    assert set(predicted) == set(CLASSES)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X_test), predicted)
    # Where images may come, they give the same bits.
    reshape = as_images if name in TAKE_IMAGES else np.asarray
    again = clone(fitted).fit(reshape(X), y)
    np.testing.assert_array_equal(again.predict(reshape(X_test)), predicted)
    if hasattr(fitted, "predict_proba"):
        proba = fitted.predict_proba(X_test)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        np.testing.assert_array_equal(again.predict_proba(reshape(X_test)), proba)


def test_grid_over_the_number_of_components_is_quiet(capfd):
    pipeline = make_pipeline(
        StandardScaler(), PCA(random_state=0), net(MLPNetClassifier, max_epochs=10)
    )
    search = GridSearchCV(pipeline, {"pca__n_components": [9, 16, 20]}, cv=FOLDS)
    search.fit(X, y)  # warnings are errors
    assert capfd.readouterr() == ("", "")
    assert search.cv_results_["mean_test_score"].min() > 0.7
    best = search.best_estimator_
    assert best[-1].n_features_in_ == best["pca"].n_components == best["pca"].n_components_
    assert search.score(X_test, y_test) > 0.8


def in_processes():
    """Searches with n_jobs=2 send arrays of more than 10 kB as read-only memory maps."""
    return joblib.parallel_config("loky", max_nbytes="10K")


def check_same_search(alone, together):
    for column in ("mean_test_score", "split0_test_score", "split1_test_score", "params"):
        np.testing.assert_array_equal(together.cv_results_[column], alone.cv_results_[column])
    np.testing.assert_array_equal(together.predict_proba(X_test), alone.predict_proba(X_test))
    best = together.best_estimator_
    chosen = together.best_params_.get("hidden_layer_sizes", [len(best.get_feature_names_out())])
    assert best.transform(X_test).shape[1] == chosen[-1]
    assert together.best_score_ > 0.85
    assert together.predict(X_test).dtype == y.dtype


@pytest.mark.slow
def test_grid_search_over_architectures():
    search = GridSearchCV(net(MLPNetClassifier), architectures(MLPNetClassifier), cv=FOLDS)
    alone = search.fit(X, y)
    with in_processes():
        together = clone(search).set_params(n_jobs=2).fit(as_images(X), y)
    assert len(set(alone.cv_results_["mean_test_score"])) > 1
    check_same_search(alone, together)


def test_calibration_of_a_fitted_net_keeps_the_net():
    # Smoothed labels teach a net to be less sure than it is right.
    fitted = net(MLPNetClassifier, label_smoothing=0.6).fit(X, y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(as_images(X_test), y_test)
    (pair,) = calibrated.calibrated_classifiers_
    assert pair.estimator.estimator.net_ is fitted.net_
    before = log_loss(y_test, fitted.predict_proba(X_test))
    assert log_loss(y_test, calibrated.predict_proba(X_test)) < before


def test_calibration_is_weighted():
    calibrated = CalibratedClassifierCV(net(MLPNetClassifier), cv=FOLDS, ensemble=True)
    weights = np.where(y == "Bag", 0.0, 1.0)
    calibrated.fit(as_images(X), y, sample_weight=weights)
    folds = FOLDS.split(X, y)
    for pair, (train, _) in zip(calibrated.calibrated_classifiers_, folds, strict=True):
        alone = net(MLPNetClassifier).fit(X[train], y[train], sample_weight=weights[train])
        unweighted = net(MLPNetClassifier).fit(X[train], y[train])
        proba = pair.estimator.predict_proba(X_test)
        np.testing.assert_array_equal(proba, alone.predict_proba(X_test))
        assert np.abs(proba - unweighted.predict_proba(X_test)).max() > 0.5


def test_boosting_weights_the_second_net_by_the_errors_of_the_first():
    estimator = net(MLPNetClassifier, max_epochs=1)
    estimator.lr /= 5
    boosted = AdaBoostClassifier(estimator, n_estimators=2, random_state=0).fit(as_images(X), y)
    first, second = boosted.estimators_
    wrong = first.predict(X) != y
    assert 0 < wrong.mean() < 0.6
    weights = np.where(wrong, np.exp(boosted.estimator_weights_[0]), 1.0)
    weights /= weights.sum()
    again = clone(second).fit(X, y, sample_weight=weights).predict_proba(X_test)
    given = second.predict_proba(X_test)
    np.testing.assert_allclose(again, given, atol=1e-4)
    assert np.abs(clone(second).fit(X, y).predict_proba(X_test) - given).max() > 1e-2


def test_bagging_of_flat_rows_is_the_weighted_fit_of_images():
    bagging = BaggingClassifier(net(MLPNetClassifier), n_estimators=3, random_state=0).fit(X, y)
    for fitted, rows in zip(bagging.estimators_, bagging.estimators_samples_, strict=True):
        drawn = np.bincount(rows, minlength=len(X))
        codes = np.searchsorted(CLASSES, y)  # Bagging itself encodes the labels
        alone = clone(fitted).fit(as_images(X), codes, sample_weight=drawn)
        np.testing.assert_array_equal(
            fitted.predict_proba(X_test), alone.predict_proba(as_images(X_test))
        )


def test_bag_of_parts_of_rows_and_of_pixels():
    bag = BaggingClassifier(
        net(MLPNetClassifier, max_epochs=10),
        n_estimators=4,
        max_samples=0.8,
        max_features=225,  # an odd picture of 15 x 15 pixels
        bootstrap=False,
        random_state=0,
    ).fit(X, y)
    assert [member.image_shape_ for member in bag.estimators_] == [(15, 15)] * 4
    assert bag.score(X_test, y_test) > 0.7
    mean = np.mean(
        [
            member.predict_proba(X_test[:, columns])
            for member, columns in zip(bag.estimators_, bag.estimators_features_, strict=True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(bag.predict_proba(X_test), mean)


def test_self_training_on_flat_rows_is_the_fit_of_images():
    labels = y.astype(object)
    labels[60:] = -1  # scikit-learn's mark of a row without a label
    training = SelfTrainingClassifier(
        net(MLPNetClassifier, batch_size=8), criterion="k_best", k_best=20, max_iter=3
    ).fit(X, labels)
    labelled = training.labeled_iter_ >= 0
    assert labelled.sum() == 60 + 3 * 20
    assert (training.transduction_[labelled] == y[labelled]).mean() > 0.9
    assert training.score(X_test, y_test.astype(object)) > 0.85
    alone = net(MLPNetClassifier, batch_size=8)
    alone.fit(as_images(X)[labelled], training.transduction_[labelled])
    np.testing.assert_array_equal(
        training.predict_proba(X_test), alone.predict_proba(as_images(X_test))
    )


@pytest.mark.parametrize("reshape", [np.asarray, as_images], ids=["flat", "images"])
def test_threshold_is_tuned(reshape):
    rare, labels = pick({"Pullover": 100, "Shirt": 15})
    test, test_labels = pick({"Pullover": 60, "Shirt": 60}, start=100)
    tuned = TunedThresholdClassifierCV(
        net(MLPNetClassifier, max_epochs=10), scoring="balanced_accuracy", cv=FOLDS
    ).fit(reshape(rare), labels)
    assert 0.01 < tuned.best_threshold_ < 0.45  # "Shirt" is rare: it needs less
    shirt = tuned.predict_proba(reshape(test))[:, 1] >= tuned.best_threshold_
    predicted = tuned.predict(reshape(test))
    assert predicted.dtype == labels.dtype
    np.testing.assert_array_equal(predicted == "Shirt", shirt)
    plain = net(MLPNetClassifier, max_epochs=10).fit(rare, labels).predict(test)
    better = balanced_accuracy_score(test_labels, predicted)
    assert better > balanced_accuracy_score(test_labels, plain)


def test_a_fixed_threshold_decides():
    labels = np.where(y == "Bag", "Bag", "other")
    fixed = FixedThresholdClassifier(net(MLPNetClassifier), threshold=0.9).fit(X, labels)
    other = net(MLPNetClassifier).fit(X, labels).predict_proba(X_test)[:, 1] >= 0.9
    np.testing.assert_array_equal(fixed.predict(X_test) == "other", other)


def test_net_extracts_features_for_another_model():
    extractor = net(MLPNetClassifier)
    pipeline = make_pipeline(extractor, LogisticRegression(max_iter=2000)).fit(X, y)
    assert pipeline.score(X_test, y_test) > 0.85
    features = clone(extractor).fit(as_images(X), y).transform(as_images(X))
    alone = LogisticRegression(max_iter=2000).fit(features, y)
    np.testing.assert_array_equal(pipeline[-1].coef_, alone.coef_)


def test_frozen_net_extracts_features_for_other_classes():
    extractor = net(MLPNetClassifier).fit(X, y)
    before = extractor.net_.module_
    pipeline = make_pipeline(
        FrozenEstimator(extractor), StandardScaler(), LogisticRegression(max_iter=2000)
    )
    pipeline = clone(pipeline).fit(*pick({"Dress": 40, "Ankle boot": 40}))
    assert pipeline.score(*pick({"Dress": 40, "Ankle boot": 40}, start=40)) > 0.9
    assert pipeline.classes_.tolist() == ["Ankle boot", "Dress"]
    assert extractor.net_.module_ is before
    assert extractor.classes_.tolist() == CLASSES
    names = pipeline[0].get_feature_names_out()
    n_features = pipeline[-1].coef_.shape[1]
    assert names.tolist() == [f"{MLPNetClassifier.__name__.lower()}{i}" for i in range(n_features)]
