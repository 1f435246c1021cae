"""What several folders share."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion.utils.labels import encode_labels
from skfashion.utils.pipelines import last_step, weights_name
from skfashion.utils.seeds import get_seeds, set_seeds


@pytest.mark.parametrize(
    "classes", [["bag", "coat", "shirt"], ["shirt", "bag", "coat"], np.array(["coat", "bag"])]
)
def test_labels_are_counted_among_classes_in_any_order(classes):
    y = ["coat", "bag", "coat"]
    found, codes = encode_labels(y, classes)
    np.testing.assert_array_equal(found[codes], y)


@pytest.mark.parametrize("labels", [["a", None], [1.0, np.nan]])
def test_missing_labels_are_refused(labels):
    with pytest.raises(ValueError, match="y_test with 1 missing labels, the first in row 1"):
        encode_labels(labels, labels[:1], "y_test")


def test_the_last_step_of_pipelines_within_pipelines_and_its_weights():
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    outer = make_pipeline(StandardScaler(), inner)
    assert last_step(outer) is inner[-1]
    name = weights_name(outer)
    X, y = np.random.RandomState(0).normal(size=(40, 2)), [0, 1] * 20
    weighted = outer.fit(X, y, **{name: np.arange(40)}).predict_proba(X)
    assert (weighted != outer.fit(X, y).predict_proba(X)).any()
    search = GridSearchCV(inner, {"logisticregression__C": [1, 10]}, cv=2).fit(X, y)
    assert last_step(search) is search.best_estimator_[-1]


def test_seeds_reach_all_parts_of_a_model():
    search = GridSearchCV(make_pipeline(LogisticRegression()), {})
    assert set_seeds(search, 3) is search
    assert get_seeds(search) == {"estimator__logisticregression__random_state": 3}
