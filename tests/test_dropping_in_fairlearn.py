"""Dropping in for scikit-learn's own: fairlearn's reductions and metrics."""

import numpy as np
import pandas as pd
import pytest
from clothes import as_images, net, pick
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import MLPNetClassifier

pytest.importorskip("fairlearn")
from fairlearn.metrics import demographic_parity_difference
from fairlearn.reductions import DemographicParity, ExponentiatedGradient

# fairlearn 0.15 itself fills Series in two ways that pandas 3 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting a value on a Series via .at"),
    pytest.mark.filterwarnings("ignore:Setting an item of incompatible dtype"),
]


def draw(n, *, start, seed):
    """Return images, whether each is a bag, and a synthetic group that is mostly bags or shirts.

    The group is painted into a corner of the image, so that a net can see it.
    """
    X, y = pick({"Shirt": n, "Bag": n}, start=start)
    is_bag = y == "Bag"
    share = np.where(is_bag, 0.8, 0.2)
    group = np.where(np.random.RandomState(seed).rand(len(y)) < share, "north", "south")
    X = X.copy()
    as_images(X)[group == "north", :, :6, :6] = 255
    return X, is_bag.astype(int), group


X, y, GROUP = draw(60, start=0, seed=0)
X_test, y_test, GROUP_TEST = draw(100, start=60, seed=1)


def fit_fairly(estimator, X=X, **options):
    reduction = ExponentiatedGradient(estimator, DemographicParity(), max_iter=4, **options)
    return reduction.fit(X, y, sensitive_features=GROUP)


def gap(predicted):
    return demographic_parity_difference(y_test, predicted, sensitive_features=GROUP_TEST)


def test_exponentiated_gradient_on_flat_rows_and_images():
    plain = net(MLPNetClassifier).fit(X, y).predict(X_test)
    assert accuracy_score(y_test, plain) > 0.9
    assert gap(plain) > 0.4
    flat = fit_fairly(net(MLPNetClassifier))
    fair = flat.predict(X_test, random_state=0)
    assert set(fair) == {0, 1}
    assert gap(fair) < gap(plain) - 0.2
    assert accuracy_score(y_test, fair) > 0.6
    images = fit_fairly(net(MLPNetClassifier), as_images(X))
    np.testing.assert_array_equal(images.predict(as_images(X_test), random_state=0), fair)


def test_exponentiated_gradient_moves_the_nets_by_its_weights_alone():
    estimator = net(MLPNetClassifier)
    reduction = fit_fairly(estimator)
    assert not hasattr(estimator, "classes_")
    nets = [p for p in reduction.predictors_ if isinstance(p, MLPNetClassifier)]
    proba = [fitted.predict_proba(X_test)[:, 1] for fitted in nets]
    # All have the same seed and, but for their weights and labels, the same rows.
    assert len(proba) >= 2
    assert max(np.abs(proba[0] - other).max() for other in proba[1:]) > 0.3


def test_exponentiated_gradient_with_a_pipeline_of_named_columns():
    name = MLPNetClassifier.__name__.lower()
    columns = [f"pixel_{i}" for i in range(784)]
    frame, frame_test = (pd.DataFrame(data, columns=columns) for data in (X, X_test))
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), net(MLPNetClassifier))
    reduction = fit_fairly(pipeline, frame, sample_weight_name=f"{name}__sample_weight")
    predicted = reduction.predict(frame_test, random_state=0)
    plain = net(MLPNetClassifier).fit(X, y).predict(X_test)
    assert gap(predicted) < gap(plain) - 0.2
    assert accuracy_score(y_test, predicted) > 0.6
