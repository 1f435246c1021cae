"""Shapes, dtypes and containers of images: one meaning, one result."""

import numpy as np
import pandas as pd
import pytest
from common import small, weights_of
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.images import as_planes, as_rows, dense_blocks, infer_image_shape, planes_shape


def colour_images(n=60, side=5, seed=0):
    """Return n images (n, h, w, 3) of two classes that differ in colour and place."""
    rng = np.random.RandomState(seed)
    y = np.arange(n) % 2
    X = rng.randint(0, 100, (n, side, side, 3)).astype(np.uint8)
    X[y == 1, :2, :, 0] += 120
    return X, y


def test_grey_layouts_give_the_same_model(any_class, digits):
    X, y = digits
    layouts = [X, X.reshape(-1, 8, 8), X.reshape(-1, 1, 8, 8), X.reshape(-1, 8, 8, 1)]
    shapes = [(8, 8), (8, 8), (1, 8, 8), (8, 8, 1)]
    reference = small(any_class, max_epochs=1).fit(X, y)
    for layout, shape in zip(layouts, shapes, strict=True):
        estimator = small(any_class, max_epochs=1).fit(layout, y)
        assert estimator.image_shape_ == shape
        assert estimator.n_features_in_ == 64
        np.testing.assert_array_equal(weights_of(estimator), weights_of(reference))
        for other in layouts:
            np.testing.assert_array_equal(
                estimator.predict_proba(other), reference.predict_proba(X)
            )


def test_colour_layouts_give_the_same_model(any_class):
    last, y = colour_images()
    first = np.ascontiguousarray(last.transpose(0, 3, 1, 2))
    cases = [
        ("auto", last),
        ("auto", first),
        ("auto", last.reshape(60, -1)),
        ((3, 5, 5), first.reshape(60, -1)),
        ((5, 5, 3), last.reshape(60, -1)),
        ((5, 5, 3), first),
    ]
    reference = small(any_class, max_epochs=1).fit(last, y)
    for image_shape, X in cases:
        estimator = small(any_class, max_epochs=1, image_shape=image_shape).fit(X, y)
        np.testing.assert_array_equal(weights_of(estimator), weights_of(reference))
        for other in (last, first):
            np.testing.assert_array_equal(
                estimator.predict_proba(other), reference.predict_proba(last)
            )
        np.testing.assert_array_equal(estimator.predict_proba(X), reference.predict_proba(last))


@pytest.mark.parametrize("precision", ["auto", "fp64"])
def test_containers_and_dtypes_give_the_same_model(any_class, precision, digits, tmp_path):
    X, y = digits
    weight = np.linspace(0.5, 2, len(y))
    np.save(tmp_path / "X.npy", X)
    params = {"precision": precision, "max_epochs": 1}
    reference = small(any_class, **params).fit(X, y, weight)
    containers = {
        "float64": X.astype(np.float64),
        "float32": X.astype(np.float32),
        "float16": X.astype(np.float16),
        "int64": X.astype(np.int64),
        "list": X.tolist(),
        "frame": pd.DataFrame(X),
        "Fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=1)[:, ::2],
        "reversed": X[:, ::-1][:, ::-1],
        "big-endian": X.astype(">f4"),
        "memmap": np.load(tmp_path / "X.npy", mmap_mode="r"),
    }
    for name, container in containers.items():
        estimator = small(any_class, **params).fit(container, y, weight)
        np.testing.assert_array_equal(weights_of(estimator), weights_of(reference), err_msg=name)
        np.testing.assert_array_equal(
            estimator.predict_proba(container), reference.predict_proba(X), err_msg=name
        )


def test_input_is_never_written_to(any_class, digits):
    X, y = (array.copy() for array in digits)
    weight = np.linspace(0, 1, len(y))
    before = X.copy(), y.copy(), weight.copy()
    estimator = small(any_class, class_weight="balanced").fit(X, y, weight)
    estimator.transform(X)
    estimator.predict(X)
    for array, copy in zip((X, y, weight), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_uint8_stays_uint8(digits):
    seen = []

    class Watch(MLPNetClassifier):
        def _build_module(self, image_shape, n_classes):
            module = super()._build_module(image_shape, n_classes)
            module.standardize.register_forward_pre_hook(
                lambda _, inputs: seen.append(inputs[0].dtype)
            )
            return module

    small(Watch).fit(*digits)
    assert {str(dtype) for dtype in seen} == {"torch.uint8"}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((9, 784), (28, 28)),
        ((9, 3072), (32, 32, 3)),
        ((9, 12), (2, 2, 3)),
        ((9, 13), (1, 13)),
        ((9, 3), (1, 3)),
        ((9, 27), (1, 27)),
        ((9, 1), (1, 1)),
        ((9, 4, 7), (4, 7)),
        ((9, 3, 32, 30), (3, 32, 30)),
        ((9, 32, 30, 3), (32, 30, 3)),
        ((9, 2, 8, 8), (2, 8, 8)),
    ],
)
def test_image_shape_auto(shape, expected):
    assert infer_image_shape(shape) == expected


@pytest.mark.parametrize("shape", [(9, 3, 8, 3), (9, 1, 8, 1), (9, 3, 3, 3), (9, 8, 8, 8)])
def test_ambiguous_layout_names_the_parameter(shape):
    with pytest.raises(ValueError, match="image_shape"):
        MLPNetClassifier().fit(np.zeros(shape), np.arange(9) % 2)


def test_explicit_image_shape_that_does_not_fit(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"Got image_shape=\(7, 7\).*rows of 64 values"):
        MLPNetClassifier(image_shape=(7, 7)).fit(X, y)
    with pytest.raises(ValueError, match=r"Got X of shape \(300, 8, 8\), expected images"):
        MLPNetClassifier(image_shape=(4, 16)).fit(X.reshape(-1, 8, 8), y)


def test_wrong_size_at_prediction(any_class, digits):
    X, y = digits
    estimator = small(any_class).fit(X, y)
    with pytest.raises(ValueError, match="X has 63 features, but .* is expecting 64 features"):
        estimator.predict(X[:, :63])
    with pytest.raises(ValueError, match=r"Got X of shape \(300, 4, 16\), expected images"):
        estimator.predict(X.reshape(-1, 4, 16))
    with pytest.raises(ValueError, match="Got X with 5 dimensions"):
        estimator.predict(X.reshape(-1, 1, 1, 8, 8))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "transform"])
def test_unfitted(any_class, digits, method):
    with pytest.raises(NotFittedError):
        getattr(any_class(), method)(digits[0])


def test_column_names_are_learned_and_checked(any_class, digits):
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    estimator = small(any_class, early_stopping=True, scoring="accuracy").fit(frame, y)
    assert list(estimator.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame.rename(columns={"pixel0": "other"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        estimator.predict(X)


def test_no_argument_needed_for_any_image():
    X, y = colour_images(side=8)
    net = ConvNetClassifier(max_epochs=2, random_state=0).fit(X.transpose(0, 3, 1, 2), y)
    assert net.image_shape_ == (3, 8, 8)
    assert net.predict_proba(X).shape == (60, 2)


@given(
    n=st.integers(1, 4),
    h=st.integers(2, 9),
    w=st.integers(2, 9),
    c=st.sampled_from([1, 3]),
    channels_first=st.booleans(),
)
def test_rows_and_planes_are_inverse(n, h, w, c, channels_first):
    planes = np.arange(n * h * w * c).reshape(n, c, h, w)
    X = planes if channels_first else planes.transpose(0, 2, 3, 1)
    ends = (X.shape[1], X.shape[3])
    if all(side in (1, 3) for side in ends):
        with pytest.raises(ValueError, match="image_shape"):
            infer_image_shape(X.shape)
        return
    shape = infer_image_shape(X.shape)
    assert planes_shape(shape) == (c, h, w)
    np.testing.assert_array_equal(as_planes(as_rows(X, shape), shape), planes)


@given(used=st.lists(st.integers(0, 29), max_size=30), has_gaps=st.booleans())
def test_rows_are_looked_at_in_blocks_whatever_their_order(used, has_gaps):
    rows = np.arange(60).reshape(30, 2)
    used = np.array(used if has_gaps else range(len(used)), dtype=int)
    numbers, blocks = [used[:0]], [rows[:0]]
    for its, block in dense_blocks(rows, used):
        numbers.append(its)
        blocks.append(block)
    np.testing.assert_array_equal(np.concatenate(numbers), used)
    np.testing.assert_array_equal(np.concatenate(blocks), rows[used])
