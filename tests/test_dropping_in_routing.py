"""Dropping in for scikit-learn's own: metadata routing, set_output, data frames."""

import numpy as np
import pandas as pd
import pytest
from clothes import FASHION, as_images, net, pick
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

CLASSES = ["Dress", "Pullover", "Shirt"]
X, y = pick(dict.fromkeys(CLASSES, 50))
X_test, y_test = pick(dict.fromkeys(CLASSES, 40), start=50)
FOLDS = StratifiedKFold(3)

# Shirts have no influence, so that next to nothing is taken for one.
WEIGHTS = np.where(y == "Shirt", 0.0, 1.0)


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def scaled(estimator):
    # The statistics of the scaler stay unweighted: they are not what is tested.
    return make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clone(estimator))


def by_hand(estimator, rows=slice(None), weights=WEIGHTS):
    """Return the pipeline fitted without any routing."""
    with config_context(enable_metadata_routing=False):
        pipeline = make_pipeline(StandardScaler(), clone(estimator))
        step = pipeline.steps[-1][0]
        return pipeline.fit(X[rows], y[rows], **{f"{step}__sample_weight": weights[rows]})


def test_weights_arrive_through_a_pipeline(fast_class, routing):
    estimator = net(fast_class).set_fit_request(sample_weight=True)
    given = scaled(estimator).fit(X, y, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(
        given.predict_proba(X_test), by_hand(estimator).predict_proba(X_test)
    )
    unweighted = scaled(estimator).fit(X, y)
    shirts = [(fitted.predict(X_test) == "Shirt").sum() for fitted in (given, unweighted)]
    assert shirts[0] < shirts[1] / 3
    assert given.classes_.tolist() == CLASSES


def test_weights_do_not_arrive_unasked(fast_class, routing):
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    deaf = make_pipeline(scaler, net(fast_class).set_fit_request(sample_weight=False))
    deaf.fit(X, y, sample_weight=WEIGHTS)
    unweighted = net(fast_class).fit(scaler.transform(X), y)
    np.testing.assert_array_equal(
        deaf.predict_proba(X_test), unweighted.predict_proba(scaler.transform(X_test))
    )
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        scaled(net(fast_class)).fit(X, y, sample_weight=WEIGHTS)


def test_weights_arrive_under_another_name(fast_class, routing):
    estimator = net(fast_class).set_fit_request(sample_weight="care")
    given = scaled(estimator).fit(X, y, care=WEIGHTS)
    np.testing.assert_array_equal(
        given.predict_proba(X_test), by_hand(estimator).predict_proba(X_test)
    )


def test_weights_arrive_through_a_search(fast_class, routing):
    estimator = net(fast_class)
    estimator.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    name = fast_class.__name__.lower()
    search = GridSearchCV(scaled(estimator), {f"{name}__lr": [5e-3, 2e-2]}, cv=FOLDS)
    search.fit(X, y, sample_weight=WEIGHTS)
    for i, lr in enumerate([5e-3, 2e-2]):
        for fold, (train, test) in enumerate(FOLDS.split(X, y)):
            fitted = by_hand(clone(estimator).set_params(lr=lr), train)
            weighted = fitted.score(X[test], y[test], sample_weight=WEIGHTS[test])
            assert search.cv_results_[f"split{fold}_test_score"][i] == weighted
            assert weighted != fitted.score(X[test], y[test])
    best = by_hand(clone(estimator).set_params(lr=search.best_params_[f"{name}__lr"]))
    np.testing.assert_array_equal(search.predict_proba(X_test), best.predict_proba(X_test))


def test_weights_arrive_through_cross_validation_of_images(fast_class, routing):
    estimator = net(fast_class).set_fit_request(sample_weight=True)
    estimator.set_score_request(sample_weight=False)
    result = cross_validate(
        estimator,
        as_images(X),
        y,
        params={"sample_weight": WEIGHTS},
        cv=FOLDS,
        return_estimator=True,
    )
    for fold, (train, test) in enumerate(FOLDS.split(X, y)):
        fitted = result["estimator"][fold]
        alone = net(fast_class).fit(X[train], y[train], sample_weight=WEIGHTS[train])
        np.testing.assert_array_equal(
            fitted.predict_proba(X_test), alone.predict_proba(as_images(X_test))
        )
        assert alone.score(X[test], y[test]) == result["test_score"][fold]


def test_weights_need_no_routing(fast_class):
    name = fast_class.__name__.lower()
    weights = {f"{name}__sample_weight": WEIGHTS}
    pipeline = make_pipeline(StandardScaler(), net(fast_class))
    search = GridSearchCV(pipeline, {f"{name}__lr": [net(fast_class).lr]}, cv=FOLDS).fit(
        X, y, **weights
    )
    np.testing.assert_array_equal(
        search.predict_proba(X_test), by_hand(net(fast_class)).predict_proba(X_test)
    )


def with_validation(estimator):
    estimator.set_fit_request(X_val=True, y_val=True)
    return Pipeline([("scale", StandardScaler()), ("net", estimator)], transform_input=["X_val"])


def test_validation_data_passes_the_steps_before_the_net(fast_class, routing):
    estimator = net(fast_class, early_stopping=True, n_iter_no_change=2, max_epochs=8)
    pipeline = with_validation(estimator).fit(X, y, X_val=X_test, y_val=y_test)
    scaler, fitted = pipeline["scale"], pipeline["net"]
    np.testing.assert_array_equal(scaler.mean_, X.mean(axis=0))  # nothing leaks into it
    alone = clone(estimator)
    alone.fit(scaler.transform(X), y, X_val=scaler.transform(X_test), y_val=y_test)
    assert fitted.validation_scores_ == alone.validation_scores_
    assert fitted.best_validation_score_ > -0.8
    unscaled = clone(estimator).fit(scaler.transform(X), y, X_val=X_test, y_val=y_test)
    assert unscaled.validation_scores_[0] != alone.validation_scores_[0]
    np.testing.assert_array_equal(
        pipeline.predict_proba(X_test), alone.predict_proba(scaler.transform(X_test))
    )


def test_validation_data_arrives_through_a_search(fast_class, routing):
    search = GridSearchCV(
        with_validation(net(fast_class)), {"net__max_epochs": [1, 4]}, cv=FOLDS
    ).fit(X, y, X_val=X_test, y_val=y_test)
    alone = with_validation(net(fast_class)).set_params(**search.best_params_)
    alone.fit(X, y, X_val=X_test, y_val=y_test)
    scores = search.best_estimator_["net"].validation_scores_
    assert scores == alone["net"].validation_scores_
    assert len(scores) == search.best_params_["net__max_epochs"] == 4


FRAME = pd.DataFrame(X, columns=FASHION.feature_names, index=range(1000, 1000 + len(X)))
FRAME_TEST = pd.DataFrame(X_test, columns=FASHION.feature_names)


def test_set_output_gives_frames_of_features(fast_class):
    labels = pd.Series(y, index=FRAME.index)
    estimator = net(fast_class).set_output(transform="pandas")
    features = estimator.fit(FRAME, labels).transform(FRAME)
    name = fast_class.__name__.lower()
    assert list(features.columns) == [f"{name}{i}" for i in range(features.shape[1])]
    assert features.columns.tolist() == estimator.get_feature_names_out().tolist()
    assert features.index.equals(FRAME.index)
    assert (features.dtypes == np.float32).all()
    plain = net(fast_class).fit(X, y).transform(X)
    np.testing.assert_array_equal(features, plain)
    assert isinstance(estimator.predict(FRAME), np.ndarray)


def test_frames_pass_a_pipeline(fast_class):
    classifier = net(fast_class, max_epochs=10, image_shape=(28, 28))
    pipeline = make_pipeline(StandardScaler(), classifier)
    pipeline.set_output(transform="pandas").fit(FRAME, pd.Series(y))
    assert pipeline.feature_names_in_.tolist() == FASHION.feature_names
    assert pipeline[-1].feature_names_in_.tolist() == FASHION.feature_names
    assert pipeline.transform(FRAME_TEST).shape == (120, len(pipeline.get_feature_names_out()))
    assert pipeline.score(FRAME_TEST, y_test) > 0.7
    arrays = make_pipeline(StandardScaler(), clone(classifier)).fit(X, y)
    np.testing.assert_array_equal(pipeline.predict_proba(FRAME_TEST), arrays.predict_proba(X_test))
    with pytest.raises(ValueError, match="feature names should match"):
        pipeline[-1].predict(FRAME_TEST[FRAME_TEST.columns[::-1]])


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_names_in_a_series_come_back(fast_class, dtype):
    fitted = net(fast_class).fit(FRAME, pd.Series(y).astype(dtype))
    assert fitted.classes_.tolist() == CLASSES
    plain = net(fast_class).fit(X, y)
    np.testing.assert_array_equal(fitted.predict(FRAME_TEST), plain.predict(X_test))
    assert fitted.score(FRAME_TEST, pd.Series(y_test).astype(dtype)) == plain.score(X_test, y_test)
