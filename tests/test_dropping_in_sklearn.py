"""Dropping in for scikit-learn's own: pipelines, searches, ensembles, feature extraction."""

import joblib
import numpy as np
import pytest
from clothes import architectures, as_images, net, pick
from scipy.special import expit
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

CLASSES = ["Bag", "Sneaker", "Trouser"]
X, y = pick(dict.fromkeys(CLASSES, 50))
X_test, y_test = pick(dict.fromkeys(CLASSES, 40), start=50)
FOLDS = StratifiedKFold(3)


def test_pipeline_with_scaler_and_pca(learning_class):
    pipeline = make_pipeline(StandardScaler(), PCA(25, random_state=0), net(learning_class))
    pipeline.fit(X, y)
    assert pipeline.score(X_test, y_test) > 0.8
    assert pipeline.classes_.tolist() == CLASSES
    by_hand = net(learning_class).fit(pipeline[:-1].transform(X), y)
    reduced = pipeline[:-1].transform(X_test)
    assert by_hand.n_features_in_ == 25
    np.testing.assert_array_equal(pipeline.predict_proba(X_test), by_hand.predict_proba(reduced))


def test_grid_over_the_number_of_components_is_quiet(learning_class, capfd):
    pipeline = make_pipeline(
        StandardScaler(), PCA(random_state=0), net(learning_class, max_epochs=10)
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


def test_grid_search_over_architectures(learning_class):
    search = GridSearchCV(net(learning_class), architectures(learning_class), cv=FOLDS)
    alone = search.fit(X, y)
    with in_processes():
        together = clone(search).set_params(n_jobs=2).fit(as_images(X), y)
    assert len(set(alone.cv_results_["mean_test_score"])) > 1
    check_same_search(alone, together)


def test_randomized_search_over_architectures_of_images(learning_class):
    distributions = architectures(learning_class) | {"lr": loguniform(1e-3, 1e-1)}
    search = RandomizedSearchCV(
        net(learning_class), distributions, n_iter=4, cv=FOLDS, random_state=0
    )
    alone = search.fit(X, y)
    with in_processes():
        together = clone(search).set_params(n_jobs=2).fit(as_images(X), y)
    check_same_search(alone, together)


def test_cross_validate_with_scorers_of_labels_and_of_probabilities(learning_class):
    scoring = ["accuracy", "f1_macro", "roc_auc_ovr", "neg_log_loss"]
    options = {"cv": FOLDS, "scoring": scoring, "return_estimator": True, "return_indices": True}
    flat = cross_validate(net(learning_class), X, y, **options)
    images = cross_validate(net(learning_class), as_images(X), y, **options)
    for name in scoring:
        np.testing.assert_array_equal(flat[f"test_{name}"], images[f"test_{name}"])
    assert flat["test_accuracy"].min() > 0.8
    assert flat["test_f1_macro"].min() > 0.8
    for i, fitted in enumerate(flat["estimator"]):
        rows = flat["indices"]["test"][i]
        proba = fitted.predict_proba(X[rows])
        auc = roc_auc_score(y[rows], proba, multi_class="ovr")
        assert flat["test_roc_auc_ovr"][i] == auc > 0.9
        assert -flat["test_neg_log_loss"][i] == log_loss(y[rows], proba) < 0.8


def vote(estimator, **options):
    other = clone(estimator).set_params(random_state=1)
    return VotingClassifier([("one", estimator), ("other", other)], **options)


META_ESTIMATORS = {
    "sigmoid": lambda e: CalibratedClassifierCV(e, cv=FOLDS),
    "isotonic": lambda e: CalibratedClassifierCV(e, cv=FOLDS, method="isotonic"),
    "temperature": lambda e: CalibratedClassifierCV(e, cv=FOLDS, method="temperature"),
    "soft votes": lambda e: vote(e, voting="soft"),
    "hard votes": lambda e: vote(e, voting="hard"),
    "stack": lambda e: StackingClassifier([("net", e)], LogisticRegression(), cv=FOLDS),
    "boosting": lambda e: AdaBoostClassifier(e, n_estimators=3, random_state=0),
    "one against the rest": OneVsRestClassifier,
}


@pytest.mark.parametrize("name", META_ESTIMATORS)
def test_meta_estimator_takes_flat_rows_and_images(learning_class, name):
    flat = META_ESTIMATORS[name](net(learning_class)).fit(X, y)
    images = META_ESTIMATORS[name](net(learning_class)).fit(as_images(X), y)
    assert flat.classes_.tolist() == CLASSES
    assert flat.score(X_test, y_test) > 0.85
    assert set(flat.predict(X_test)) == set(CLASSES)
    np.testing.assert_array_equal(flat.predict(X_test), images.predict(as_images(X_test)))
    if name != "hard votes":
        proba = flat.predict_proba(X_test)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        np.testing.assert_array_equal(proba, images.predict_proba(as_images(X_test)))


def test_calibration_of_a_fitted_net_keeps_the_net(learning_class):
    # Smoothed labels teach a net to be less sure than it is right.
    fitted = net(learning_class, label_smoothing=0.6).fit(X, y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(as_images(X_test), y_test)
    (pair,) = calibrated.calibrated_classifiers_
    assert pair.estimator.estimator.net_ is fitted.net_
    before = log_loss(y_test, fitted.predict_proba(X_test))
    assert log_loss(y_test, calibrated.predict_proba(X_test)) < before


def test_calibration_is_weighted(learning_class):
    calibrated = CalibratedClassifierCV(net(learning_class), cv=FOLDS, ensemble=True)
    weights = np.where(y == "Bag", 0.0, 1.0)
    calibrated.fit(as_images(X), y, sample_weight=weights)
    folds = FOLDS.split(X, y)
    for pair, (train, _) in zip(calibrated.calibrated_classifiers_, folds, strict=True):
        alone = net(learning_class).fit(X[train], y[train], sample_weight=weights[train])
        unweighted = net(learning_class).fit(X[train], y[train])
        proba = pair.estimator.predict_proba(X_test)
        np.testing.assert_array_equal(proba, alone.predict_proba(X_test))
        assert np.abs(proba - unweighted.predict_proba(X_test)).max() > 0.5


def test_soft_vote_is_the_mean_of_its_nets(learning_class):
    voting = vote(net(learning_class), voting="soft").fit(as_images(X), y)
    mean = np.mean(
        [net(learning_class, random_state=i).fit(X, y).predict_proba(X_test) for i in (0, 1)],
        axis=0,
    )
    np.testing.assert_array_equal(voting.predict_proba(X_test), mean)


def test_one_against_the_rest_is_a_net_a_class(learning_class):
    rest = OneVsRestClassifier(net(learning_class)).fit(as_images(X), y)
    scores = rest.decision_function(as_images(X_test))
    for i, name in enumerate(CLASSES):
        alone = net(learning_class).fit(X, y == name)
        np.testing.assert_array_equal(scores[:, i], alone.decision_function(X_test))
        assert alone.predict(X_test).dtype == bool


def test_boosting_weights_the_second_net_by_the_errors_of_the_first(learning_class):
    estimator = net(learning_class, max_epochs=1)
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


def test_bagging_of_flat_rows_is_the_weighted_fit_of_images(learning_class):
    bagging = BaggingClassifier(net(learning_class), n_estimators=3, random_state=0).fit(X, y)
    assert bagging.score(X_test, y_test) > 0.85
    assert set(bagging.predict(X_test)) == set(CLASSES)
    for fitted, rows in zip(bagging.estimators_, bagging.estimators_samples_, strict=True):
        drawn = np.bincount(rows, minlength=len(X))
        codes = np.searchsorted(CLASSES, y)  # Bagging itself encodes the labels
        alone = clone(fitted).fit(as_images(X), codes, sample_weight=drawn)
        np.testing.assert_array_equal(
            fitted.predict_proba(X_test), alone.predict_proba(as_images(X_test))
        )
    with pytest.raises(ValueError, match="Found array with dim 4"):
        bagging.fit(as_images(X), y)


def test_self_training_on_flat_rows_is_the_fit_of_images(learning_class):
    labels = y.astype(object)
    labels[60:] = -1  # scikit-learn's mark of a row without a label
    training = SelfTrainingClassifier(
        net(learning_class, batch_size=8), criterion="k_best", k_best=20, max_iter=3
    ).fit(X, labels)
    labelled = training.labeled_iter_ >= 0
    assert labelled.sum() == 60 + 3 * 20
    assert (training.transduction_[labelled] == y[labelled]).mean() > 0.9
    assert training.score(X_test, y_test.astype(object)) > 0.85
    alone = net(learning_class, batch_size=8)
    alone.fit(as_images(X)[labelled], training.transduction_[labelled])
    np.testing.assert_array_equal(
        training.predict_proba(X_test), alone.predict_proba(as_images(X_test))
    )
    with pytest.raises(ValueError, match="Found array with dim 4"):
        training.fit(as_images(X), labels)


@pytest.mark.parametrize("reshape", [np.asarray, as_images], ids=["flat", "images"])
def test_threshold_is_tuned(learning_class, reshape):
    rare, labels = pick({"Pullover": 100, "Shirt": 15})
    test, test_labels = pick({"Pullover": 60, "Shirt": 60}, start=100)
    tuned = TunedThresholdClassifierCV(
        net(learning_class, max_epochs=10), scoring="balanced_accuracy", cv=FOLDS
    ).fit(reshape(rare), labels)
    assert 0.01 < tuned.best_threshold_ < 0.45  # "Shirt" is rare: it needs less
    shirt = tuned.predict_proba(reshape(test))[:, 1] >= tuned.best_threshold_
    predicted = tuned.predict(reshape(test))
    assert predicted.dtype == labels.dtype
    np.testing.assert_array_equal(predicted == "Shirt", shirt)
    plain = net(learning_class, max_epochs=10).fit(rare, labels).predict(test)
    better = balanced_accuracy_score(test_labels, predicted)
    assert better > balanced_accuracy_score(test_labels, plain)


def test_net_extracts_features_for_another_model(learning_class):
    extractor = net(learning_class)
    pipeline = make_pipeline(extractor, LogisticRegression(max_iter=2000)).fit(X, y)
    assert pipeline.score(X_test, y_test) > 0.85
    features = clone(extractor).fit(as_images(X), y).transform(as_images(X))
    alone = LogisticRegression(max_iter=2000).fit(features, y)
    np.testing.assert_array_equal(pipeline[-1].coef_, alone.coef_)


def test_frozen_net_extracts_features_for_other_classes(learning_class):
    extractor = net(learning_class).fit(X, y)
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
    assert names.tolist() == [f"{learning_class.__name__.lower()}{i}" for i in range(n_features)]


def test_permutation_importance_tells_signal_from_noise(learning_class):
    # Columns 0 and 1 carry the label, 2 to 5 are noise.
    rng = np.random.RandomState(0)
    table = rng.normal(size=(300, 6))
    labels = np.where(expit(3 * table[:, 0] - 3 * table[:, 1]) > 0.5, "left", "right")
    fitted = net(learning_class, max_epochs=10).fit(table[:200], labels[:200])
    assert fitted.score(table[200:], labels[200:]) > 0.85
    result = permutation_importance(
        fitted, table[200:], labels[200:], n_repeats=5, random_state=0, scoring="accuracy"
    )
    assert result.importances_mean[:2].min() > 0.15
    assert np.abs(result.importances_mean[2:]).max() < 0.1
