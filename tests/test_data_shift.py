"""Predictions warn of images that the net was not trained for, and of nothing else."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
from common import small
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.adaptation import adapt_batch_norm
from skfashion.ensemble import SnapshotEnsembleClassifier
from skfashion.exceptions import DataShiftWarning
from skfashion.fitting.shift import ImageStatistics
from skfashion.inspection import PredictionGridDisplay

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")


def net_of(X, y, cls=MLPNetClassifier):
    return small(cls, hidden_layer_sizes=(4,), max_epochs=1).fit(X, y)


@pytest.fixture(scope="module")
def fitted(digits):
    """A net trained on grey levels of 0 to 16, light on dark."""
    return net_of(*digits)


def said(function, *args):
    """Call a function; return what it warned of, all of one class."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args)
    assert {warning.category for warning in caught} <= {DataShiftWarning}
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_warns_once_of_another_scale_and_of_negatives(method, fitted, digits):
    X, _ = digits
    ask = getattr(fitted, method)
    (text,) = said(ask, X[:1] / 16)
    assert "much smaller values than those of the training, which lie between 0 and 16" in text
    (text,) = said(ask, 16.0 * X[:40])
    assert "much larger" in text
    (text,) = said(ask, 16 - X)
    assert "look inverted" in text
    # Both at a time, one warning; uint8 or not, what counts is the value.
    assert said(ask, 1 - X / 16) == said(ask, X / 16)
    for right in (X, X.astype(np.float64), X.reshape(-1, 8, 8)):
        assert said(ask, right) == []


def test_inversion_takes_thirty_images_and_works_on_a_white_background_too(fitted, digits):
    X, y = digits
    assert said(fitted.predict, 16 - X[:29]) == []
    assert len(said(fitted.predict, 16 - X[:30])) == 1
    on_white = net_of(255 - 15 * X, y)
    assert said(on_white.predict, 255 - 15 * X) == []
    assert len(said(on_white.predict, 15 * X)) == 1


def test_images_of_one_class_and_of_one_value_are_nothing_unusual(fitted, digits):
    X, y = digits
    for label in range(10):
        assert said(fitted.predict, np.resize(X[y == label], (100, 64))) == []
    for value in (0, 8, 16):
        for n in (1, 100):
            assert said(fitted.predict, np.full((n, 64), value, dtype=np.uint8)) == []


def test_colours_are_images_in_any_layout(fashion):
    images = fashion[0][:200].reshape(-1, 28, 28)[:, ::4, ::4]
    colours = np.stack([images, images // 2, images // 4], axis=-1)
    net = net_of(colours, fashion[1][:200])
    for X in (colours, colours.transpose(0, 3, 1, 2)):
        assert said(net.predict, X) == []
        assert len(said(net.predict, X / 255)) == len(said(net.predict, 255 - X)) == 1


def test_a_class_of_both_kinds_switches_the_look_at_negatives_off(digits):
    X, y = digits
    both, half = X.copy(), np.flatnonzero(y == 3)[::2]
    both[half] = 16 - X[half]
    net = net_of(both, y)
    assert said(net.predict, 16 - X) == []
    assert len(said(net.predict, X / 255)) == 1


@pytest.mark.parametrize("fits_sparse", [False, True])
def test_sparse_rows_are_compared_as_dense_ones_are(fits_sparse, digits):
    X, y = (digits[0] / 16).astype(np.float32), digits[1]
    forms = [lambda X: X, scipy.sparse.csr_array, scipy.sparse.coo_matrix]
    net = net_of(scipy.sparse.csr_array(X) if fits_sparse else X, y)
    batches = [(X, 0), (X[:1], 0), (0 * X, 0), (16 * X[:9], 1), (X / 100, 1), (1 - X, 1)]
    for images, n_warnings in batches:
        first, *others = [said(net.predict_proba, form(images)) for form in forms]
        assert others == [first, first]
        assert len(first) == n_warnings
    sparse = scipy.sparse.csr_array(X)
    validated = small(MLPNetClassifier, max_epochs=1, scoring="accuracy")
    assert said(lambda: validated.fit(X, y, X_val=sparse, y_val=y).score(sparse, y)) == []
    # Values that stand twice at a place are added up, in a copy.
    twice = scipy.sparse.csr_array(
        (np.repeat(sparse.data, 2) / 2, np.repeat(sparse.indices, 2), 2 * sparse.indptr), X.shape
    )
    before = twice.data.copy()
    assert said(net.predict, twice) == []
    np.testing.assert_array_equal(twice.data, before)


def test_rows_without_weight_are_not_looked_at(digits):
    X, y = digits
    others = np.concatenate([X, 16 - X, 100 * X.astype(float)])
    weights = np.repeat([1.0, 0.0, 0.0], len(y))
    net = small(MLPNetClassifier, max_epochs=1).fit(others, np.tile(y, 3), weights)
    assert len(said(net.predict, 16 - X)) == len(said(net.predict, 100.0 * X)) == 1


def test_tables_and_noise_are_let_alone(fitted):
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    table = rng.random((300, 7))
    assert said(net_of(table, y).predict, 1000 * table) == []
    noise = net_of(rng.normal(size=(300, 64)), y)
    assert said(noise.predict, rng.normal(size=(300, 64))) == []
    assert said(noise.predict, -rng.normal(size=(300, 64))) == []


def test_a_scaler_before_the_net_makes_scales_equal(digits):
    X, y = digits
    both = make_pipeline(StandardScaler(), small(MLPNetClassifier, max_epochs=1))
    assert said(both.fit(X, y).predict, X[:50]) == []
    to_unit = FunctionTransformer(lambda X: X / X.max(axis=1, keepdims=True))
    anything = make_pipeline(to_unit, small(MLPNetClassifier, max_epochs=1)).fit(X, y)
    assert said(anything.predict, X / 255) == said(anything.predict, 255.0 * X) == []


def test_partial_fit_keeps_what_its_first_call_saw(digits):
    X, y = digits
    net = small(MLPNetClassifier).partial_fit(X / 16, y, classes=np.unique(y))
    for _ in range(2):
        assert len(said(net.predict, X)) == len(said(net.predict, 1 - X / 16)) == 1
        assert said(net.predict, X / 16) == []
        net.partial_fit(X, y)  # of another scale itself
    assert said(net.fit(X, y).predict, X) == []


def test_an_adapted_net_compares_with_what_it_was_adapted_to(digits):
    X, y = digits
    net = net_of(X, y, ConvNetClassifier)
    adapted = adapt_batch_norm(net, X / 255)
    assert said(adapted.predict, X / 255) == said(net.predict, X) == []
    assert len(said(adapted.predict, X)) == len(said(net.predict, X / 255)) == 1


def test_a_net_is_adapted_to_sparse_rows(digits):
    X, y = digits
    net = small(MLPNetClassifier, batch_norm=True, max_epochs=1).fit(X, y)
    dense, sparse = (adapt_batch_norm(net, Z) for Z in (X / 255, scipy.sparse.csr_array(X / 255)))
    np.testing.assert_array_equal(sparse.predict_proba(X / 255), dense.predict_proba(X / 255))
    assert said(sparse.predict, X / 255) == []
    assert said(sparse.predict, X) == said(dense.predict, X) != []


def test_one_call_that_asks_several_times_warns_once(digits, fitted):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=3, image_shape=(8, 8))
    ensemble = SnapshotEnsembleClassifier(net, n_snapshots=3).fit(X, y)
    for method in (ensemble.predict, ensemble.predict_proba, ensemble.predict_log_proba):
        assert said(method, X) == []
        assert len(said(method, 16 - X)) == len(said(method, X[:1] / 255)) == 1
    grid = PredictionGridDisplay.from_estimator
    assert len(said(lambda: grid(fitted, 16 - X, y, n_images=1))) == 1
    with pytest.warns(DataShiftWarning) as caught:
        ensemble.predict(X / 255)
    assert [warning.filename for warning in caught] == [__file__]
    # Nothing of one call is left for the next.
    assert len(said(fitted.predict, 16 - X)) == 1


def test_filters_of_python_work_and_nothing_is_stored(digits, fitted):
    X, _ = digits
    before = pickle.dumps(fitted)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for n in (1, 2, 3):
            fitted.predict_proba((X[:n] / (100 * n)).astype(np.float32))
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataShiftWarning)
        with pytest.raises(DataShiftWarning):
            fitted.predict(X / 16)
        warnings.simplefilter("ignore", DataShiftWarning)
        fitted.predict(X / 16)
    assert pickle.dumps(fitted) == before


def test_a_net_of_an_older_version_is_silent(digits, fitted):
    older = pickle.loads(pickle.dumps(fitted))
    del older._image_statistics
    assert said(older.predict, digits[0] / 255) == []


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
def test_one_image_without_the_axis_of_rows_gets_advice(shape, digits, fitted):
    image = digits[0][0].reshape(shape)
    with pytest.raises(ValueError, match=r"an array of one image is X\[None\]\."):
        fitted.predict(image)
    assert fitted.predict(image[None]).shape == (1,)
    with pytest.raises(ValueError, match=r"\.$|input$") as error:
        fitted.predict(digits[0][:5, :60])
    assert "single" not in str(error.value)


@pytest.mark.parametrize("n_levels", [2, 3, 256])
def test_the_median_of_whole_numbers_is_the_median(n_levels):
    for seed in range(50):
        rng = np.random.default_rng(seed)
        X = rng.integers(0, n_levels, (rng.integers(1, 6), 9)).astype(np.uint8)
        X[0, :2] = 0, 1  # not all the same
        found = ImageStatistics.of(X, (3, 3)).middle
        assert found == np.median(X[X != 0])
        assert found == ImageStatistics.of(scipy.sparse.csr_array(X), (3, 3)).middle
