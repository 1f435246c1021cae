"""Dropping in for scikit-learn's own: imbalanced-learn's samplers before a net."""

import numpy as np
import pytest
from clothes import as_images, net, pick
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import FunctionTransformer

from skfashion import MLPNetClassifier

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
def test_sampler_in_a_pipeline_is_the_fit_of_the_images_it_makes(sampler, counts):
    # What is invented are no whole numbers, by which images would be known.
    estimator = net(MLPNetClassifier, max_epochs=6, image_shape=(28, 28))
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


def test_samplers_refuse_images():
    # Once they do not, the test above should pass them images as well.
    with pytest.raises(ValueError, match="Found array with dim 4"):
        SMOTE(random_state=0).fit_resample(as_images(X).astype(np.float32), y)


def test_interpolated_floats_lie_between_images_and_interpolated_bytes_do_not():
    def excess(dtype):
        """By how many grey levels synthetic pixels leave the range of their class."""
        rows, labels = SMOTE(random_state=0).fit_resample(X.astype(dtype), y)
        assert rows.dtype == dtype
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


def test_cast_makes_bytes_and_floats_one_model():
    def proba(*steps, dtype):
        pipeline = make_pipeline(*map(clone, steps), SMOTE(random_state=0), net(MLPNetClassifier))
        return pipeline.fit(X.astype(dtype), y).predict_proba(X_test.astype(dtype))

    floats = proba(dtype=np.float32)
    np.testing.assert_array_equal(proba(AS_FLOAT, dtype=np.uint8), floats)
    np.testing.assert_array_equal(proba(AS_FLOAT, dtype=np.float32), floats)
    assert np.abs(proba(dtype=np.uint8) - floats).max() > 0.01
