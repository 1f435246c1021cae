"""Dropping in for scikit-learn's own: imbalanced-learn's samplers before a net."""

import numpy as np
import pytest
from clothes import architectures, as_images, net, pick
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import FunctionTransformer, StandardScaler

RARE = {"Shirt": 80, "Dress": 30, "Trouser": 15}
X, y = pick(RARE)
X_test, y_test = pick(dict.fromkeys(RARE, 40), start=120)

# Samplers compute in the dtype of X, and what leaves 0 ... 255 in uint8 wraps round.
AS_FLOAT = FunctionTransformer(np.asarray, kw_args={"dtype": np.float32})

# The sampler, and the numbers of dresses, shirts and trousers that it makes.
SAMPLERS = [
    (RandomOverSampler(random_state=0), [80, 80, 80]),
    (SMOTE(random_state=0), [80, 80, 80]),
    (ADASYN(random_state=0), [80, 80, 80]),
    (RandomUnderSampler(random_state=0), [15, 15, 15]),
    (TomekLinks(), None),
]


@pytest.mark.parametrize(
    ("sampler", "counts"), SAMPLERS, ids=[type(sampler).__name__ for sampler, _ in SAMPLERS]
)
def test_sampler_in_a_pipeline_is_the_fit_of_the_images_it_makes(learning_class, sampler, counts):
    estimator = net(learning_class, max_epochs=6)
    pipeline = clone(make_pipeline(AS_FLOAT, sampler, estimator)).fit(X, y)
    rows, labels = clone(sampler).fit_resample(X.astype(np.float32), y)
    names, made = np.unique(labels, return_counts=True)
    if counts is None:  # links between neighbours of two classes are cut
        assert 100 < len(rows) < len(X)
        assert dict(zip(names, made, strict=True))["Trouser"] == RARE["Trouser"]
    else:
        # ADASYN rounds by class and neighbourhood, the others are exact.
        np.testing.assert_allclose(made, counts, atol=5 if isinstance(sampler, ADASYN) else 0)
    alone = clone(estimator).fit(as_images(rows), labels)
    given = pipeline.predict_proba(X_test)
    np.testing.assert_array_equal(given, alone.predict_proba(as_images(X_test)))
    plain = clone(estimator).fit(X, y).predict_proba(X_test)
    assert np.abs(plain - given).max() > 0.01
    assert balanced_accuracy_score(y_test, pipeline.predict(X_test)) > 0.7
    assert pipeline.classes_.tolist() == ["Dress", "Shirt", "Trouser"]
    assert pipeline.predict(X_test).dtype == y.dtype


@pytest.mark.parametrize("sampler", [s for s, _ in SAMPLERS], ids=lambda s: type(s).__name__)
def test_samplers_refuse_images(sampler):
    # Once they do not, the tests above should pass them images as well.
    with pytest.raises(ValueError, match="Found array with dim 4"):
        clone(sampler).fit_resample(as_images(X).astype(np.float32), y)


@pytest.mark.parametrize("sampler_class", [SMOTE, ADASYN])
def test_interpolated_floats_lie_between_images_and_interpolated_bytes_do_not(sampler_class):
    def excess(dtype):
        """By how many grey levels synthetic pixels leave the range of their class."""
        rows, labels = sampler_class(random_state=0).fit_resample(X.astype(dtype), y)
        assert rows.dtype == dtype
        assert len(rows) > len(X)
        made, made_labels = rows[len(X) :].astype(float), labels[len(X) :]
        largest = 0
        for name in ("Dress", "Trouser"):
            real, synthetic = X[y == name].astype(float), made[made_labels == name]
            assert len(synthetic) > 40
            above, below = synthetic - real.max(axis=0), real.min(axis=0) - synthetic
            largest = max(largest, above.max(), below.max())
        return largest

    assert excess(np.float32) < 1e-3
    assert excess(np.uint8) > 100


def test_cast_makes_bytes_and_floats_one_model(learning_class):
    def proba(*steps, dtype):
        pipeline = make_pipeline(*map(clone, steps), SMOTE(random_state=0), net(learning_class))
        return pipeline.fit(X.astype(dtype), y).predict_proba(X_test.astype(dtype))

    floats = proba(dtype=np.float32)
    np.testing.assert_array_equal(proba(AS_FLOAT, dtype=np.uint8), floats)
    np.testing.assert_array_equal(proba(AS_FLOAT, dtype=np.float32), floats)
    assert np.abs(proba(dtype=np.uint8) - floats).max() > 0.01


def test_search_over_a_scaler_a_sampler_and_a_net(learning_class):
    pipeline = make_pipeline(
        StandardScaler(), SMOTE(random_state=0), net(learning_class, max_epochs=6)
    )
    step = learning_class.__name__.lower()
    name, values = list(architectures(learning_class).items())[-1]
    grid = {"smote__k_neighbors": [2, 5], f"{step}__{name}": values[:2]}
    search = GridSearchCV(pipeline, grid, cv=StratifiedKFold(3), scoring="balanced_accuracy")
    search.fit(X, y)
    assert search.best_score_ > 0.7
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    assert balanced_accuracy_score(y_test, search.predict(X_test)) > 0.7
    best = search.best_estimator_[-1]
    assert getattr(best, name) == search.best_params_[f"{step}__{name}"]
    assert best.transform(X_test.astype(float)).shape == (120, len(best.get_feature_names_out()))
