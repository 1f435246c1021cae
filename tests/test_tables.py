"""Tables: what is one, columns standardised one by one, sparse rows."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from common import small, weights_of
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags
from tables import IMAGE, IMAGE_IN_DOUBT, IN_DOUBT, ROWS

from skfashion import ConvNetClassifier, MLPNetClassifier

Y = np.arange(40) % 2


def fitted(cls, X, y=Y, **params):
    """Return a tiny net after an epoch, and the texts of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = small(cls, max_epochs=1, **params).fit(X, y)
    return net, [str(warning.message) for warning in caught]


def is_by_column(net):
    """Tell whether a net gives each column a mean of its own."""
    return net.net_.module_.standardize.mean.numel() == net.n_features_in_


@pytest.mark.parametrize("name", ROWS)
def test_rows_as_people_have_them(name):
    make, expected = ROWS[name]
    X, y = make()
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=min(300, len(y) - 50), stratify=y, random_state=0
    )
    net = small(MLPNetClassifier, batch_norm=False, max_epochs=20, batch_size=16)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        accuracy = net.fit(X_train, y_train).score(X_test, y_test)
    assert is_by_column(net) == (expected not in (IMAGE, IMAGE_IN_DOUBT))
    assert (net.image_shape_[0] == 1) == is_by_column(net)
    warns = expected in (IN_DOUBT, IMAGE_IN_DOUBT)
    assert [w.filename for w in caught] == ([__file__] if warns else [])
    assert all("image_shape" in str(w.message) for w in caught)
    assert accuracy > 0.8


@pytest.mark.parametrize(
    ("X", "image_shape", "shape", "warns"),
    [
        (np.eye(40)[:, :16], "auto", (1, 16), False),
        (np.eye(40)[:, :25] * 0.9, "auto", (5, 5), False),
        (np.eye(40, 48) * 255, "auto", (4, 4, 3), False),
        (np.eye(40, 36), "auto", (6, 6), True),
        (np.eye(40, 36, dtype=np.uint8), "auto", (6, 6), True),
        (scipy.sparse.eye_array(40, 36, format="csr"), "auto", (6, 6), True),
        (np.pad(np.eye(40, 35), ((0, 0), (0, 1))), "auto", (6, 6), False),
        (np.eye(40, 36), (6, 6), (6, 6), False),
        (np.eye(40, 27), "auto", (1, 27), False),
        (np.eye(40, 36) * 256, "auto", (1, 36), True),
        (np.eye(40, 36) * -1, "auto", (1, 36), True),
        (np.eye(40, 36) * 0.5 + 1, "auto", (1, 36), True),
        (np.eye(40, 36) * 0.5 + 1, (6, 6), (6, 6), False),
        (np.eye(40, 36) * 0.5 + 1, (1, 36), (1, 36), False),
        ((np.eye(40, 36) * 0.5 + 1).reshape(-1, 6, 6), "auto", (6, 6), False),
        (np.eye(40, 36).astype(bool), "auto", (6, 6), True),
    ],
)
def test_flat_rows_by_width_and_values(X, image_shape, shape, warns):
    net, said = fitted(MLPNetClassifier, X, image_shape=image_shape)
    assert net.image_shape_ == shape
    assert is_by_column(net) == (shape[0] == 1)
    assert len(said) == warns
    if warns:
        assert "image_shape=(6, 6)" in said[0]
        assert "image_shape=(1, 36)" in said[0]
    # What the rows of weight 0 are, plays no part.
    X = X.toarray() if scipy.sparse.issparse(X) else X
    garbage = np.full_like(X, 0, dtype=float) - 0.5
    net = small(MLPNetClassifier, max_epochs=1, image_shape=image_shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(np.concatenate([X, garbage]), np.tile(Y, 2), np.repeat([1.0, 0.0], 40))
    assert net.image_shape_ == shape


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        ([f"px_{i}" for i in range(5, 29)], None),  # of 24 pixels: an image of unknown sides
        ([f"Pixel {i:04}" for i in range(48)], (4, 4, 3)),
        ([f"pixel{i}" for i in range(4)], (2, 2)),
        ([f"pixel_{r}_{c}" for r in range(6) for c in range(4)], (6, 4)),
        ([f"px{x}x{y}" for y in range(6) for x in range(4)], (6, 4)),
        ([f"pixel{2 * i}" for i in range(36)], (1, 36)),
        ([f"x{i}" for i in range(36)], (1, 36)),
        ([f"pixels{i}" for i in range(36)], (1, 36)),
        (["age", *map(str, range(35))], (1, 36)),
        (range(36), (6, 6)),
    ],
)
def test_frames_by_their_names(names, shape):
    frame = pd.DataFrame(np.eye(40, len(names)) * 0.9, columns=list(names))
    net, said = fitted(MLPNetClassifier, frame)
    assert said == []
    assert net.image_shape_ == (shape or (1, 24))
    assert is_by_column(net) == (shape is not None and shape[0] == 1)


@pytest.mark.parametrize("cls", [MLPNetClassifier, ConvNetClassifier])
@pytest.mark.parametrize(
    "names",
    [
        ["label", *(f"pixel{i}" for i in range(36))],
        [*(f"pixel{i}" for i in range(1, 36)), "label"],
        ["label", *map(str, range(36))],
        ["id", *(f"px_{r}_{c}" for r in range(4) for c in range(4)), "label"],
    ],
)
def test_a_label_left_in_is_named(cls, names):
    frame = pd.DataFrame(np.eye(40, len(names)), columns=names)
    others = [name for name in names if name in {"id", "label"}]
    net, (said,) = fitted(cls, frame)
    assert f"all but {others}" in said
    assert f"image_shape=(1, {len(names)})" in said
    shape = net.image_shape_
    assert (f"images of image_shape={shape}" if cls is ConvNetClassifier else "a table") in said
    assert fitted(cls, frame, image_shape=(1, len(names)))[1] == []
    # Many columns that are no pixels are there on purpose.
    more = frame.assign(**{f"x{i}": frame[names[-1]] for i in range(3)})
    assert not any("all but" in said for said in fitted(cls, more)[1])


@pytest.mark.parametrize("cls", [MLPNetClassifier, ConvNetClassifier])
@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([f"pixel_{r}_{c}" for r in range(5) for c in range(5)], "'pixel_4_4' .* 'pixel_0_0'"),
        ([f"pixel{i}" for i in range(1, 37)], "'pixel36' stands where 'pixel1' belongs"),
        ([f"px{i}" for i in range(24)], "'px23' stands where 'px0' belongs"),
    ],
)
def test_pixels_out_of_order_are_refused(cls, names, said):
    frame = pd.DataFrame(np.eye(40, len(names)), columns=names)
    for backwards in (names[::-1], [*names[-1:], *names[:-1]]):
        with pytest.raises(ValueError, match=rf"{said}.*image_shape: \(1, {len(names)}\)"):
            small(cls).fit(frame[backwards], Y)
        net, warned = fitted(cls, frame[backwards], image_shape=(1, len(names)))
        assert (net.image_shape_, warned) == ((1, len(names)), [])
    net, _ = fitted(cls, frame)
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        net.predict(frame[names[::-1]])
    # As text they come in the order of a dictionary.
    by_letters = sorted(names)
    if by_letters != names:
        with pytest.raises(ValueError, match="not in its order"):
            small(cls).fit(frame[by_letters], Y)


def test_convolutions_take_every_width_they_can_for_images():
    measured = np.random.RandomState(0).normal(size=(40, 37))
    net, said = fitted(ConvNetClassifier, measured[:, :36])
    assert (net.image_shape_, said) == ((6, 6), [])
    net, said = fitted(ConvNetClassifier, pd.DataFrame(measured[:, :36]).add_prefix("x"))
    assert (net.image_shape_, said) == ((6, 6), [])
    net, (said,) = fitted(ConvNetClassifier, measured)  # a label left in
    assert net.image_shape_ == (1, 37)
    assert is_by_column(net)
    assert "37 columns" in said
    assert "image_shape=(1, 37)" in said
    net, said = fitted(ConvNetClassifier, measured, image_shape=(1, 37))
    assert (net.image_shape_, said) == ((1, 37), [])


def columns(dtype):
    """Return columns of several kinds, and labels of two classes."""
    random = np.random.RandomState(0)
    X = np.c_[random.randint(0, 2, (60, 3)), np.ones(60), random.randint(0, 9, (60, 3))]
    y = (X[:, 0] + X[:, 4] > 4).astype(int)
    X = X.astype(dtype)
    if X.dtype.kind == "f":
        X *= np.array([1, 1e-30, 1e30, 7e8, 1e6, 1e-6, 1], dtype)
        X[:, 6] += 1000
    return X, y


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize(
    ("dtype", "is_weighted"),
    [("uint8", True), ("int64", False), ("bool", True), ("float32", False), ("float64", True)],
)
def test_columns_are_standardised_as_by_a_scaler(dtype, precision, is_weighted):
    X, y = columns(dtype)
    weight = np.random.RandomState(1).randint(0, 3, 60) / 2.0 if is_weighted else None
    rows = slice(None) if weight is None else weight > 0
    net = small(MLPNetClassifier, precision=precision, max_epochs=2).fit(X, y, weight)
    scaler = StandardScaler().fit(
        X[rows].astype(float), sample_weight=weight if weight is None else weight[rows]
    )
    scaled = scaler.transform(X.astype(float))
    plain = small(MLPNetClassifier, precision=precision, max_epochs=2, standardize=False)
    plain.fit(scaled, y, weight)
    expected = plain.predict_proba(scaled)
    tolerance = {"rtol": 1e-9} if precision == "fp64" else {"rtol": 2e-3}
    np.testing.assert_allclose(net.predict_proba(X), expected, **tolerance)


def test_columns_whose_squares_are_no_numbers():
    X, y = columns("float64")
    expected = small(MLPNetClassifier, precision="fp64").fit(X, y).predict_proba(X)
    for factor in (2.0**900, 2.0**-900):
        net = small(MLPNetClassifier, precision="fp64").fit(X * factor, y)
        np.testing.assert_array_equal(net.predict_proba(X * factor), expected)


def test_statistics_of_columns_stay_with_the_net():
    X, y = load_wine(return_X_y=True)
    net = small(MLPNetClassifier).partial_fit(X[:60], y[:60], classes=range(3))
    mean = net.net_.module_.standardize.mean.clone()
    np.testing.assert_allclose(mean.ravel(), X[:60].mean(axis=0), rtol=1e-5)
    net.partial_fit(X[60:] * 100, y[60:])
    assert (net.net_.module_.standardize.mean == mean).all()
    proba = net.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict_proba(X), proba)
    np.testing.assert_array_equal(net.predict_proba(X[::-1])[::-1], proba)
    np.testing.assert_array_equal(np.vstack([net.predict_proba(x[None]) for x in X[:9]]), proba[:9])
    net.set_params(warm_start=True).fit(X * 100, y)
    assert (net.net_.module_.standardize.mean == mean).all()


def test_a_warm_start_keeps_what_rows_are(digits):
    X, y = digits
    net = small(MLPNetClassifier, warm_start=True).fit(X, y).fit(X / 7 - 1, y)
    assert net.image_shape_ == (8, 8)
    with pytest.raises(ValueError, match=r"Got images of image_shape=\(1, 64\).*expected \(8, 8\)"):
        net.set_params(image_shape=(1, 64)).fit(X, y)


def sparse_rows(n=150, width=30):
    """Return sparse rows, their dense array and labels, and weights of which some are 0."""
    X = scipy.sparse.random_array((n, width), density=0.3, rng=0, format="csr")
    random = np.random.RandomState(0)
    y = (X.toarray()[:, :3].sum(axis=1) > 0.4).astype(int)
    return X, X.toarray(), y, random.randint(0, 3, n).astype(float)


@pytest.mark.parametrize(
    ("container", "width"),
    [("csr_matrix", 30), ("csc_array", 36), ("coo_array", 30), ("lil_matrix", 30)],
)
def test_sparse_rows_give_the_net_of_dense_ones(container, width):
    X, dense, y, weight = sparse_rows(width=width)
    X = getattr(scipy.sparse, container)(X)
    params = {"early_stopping": True, "scoring": "accuracy"}
    net = small(MLPNetClassifier, **params).fit(X, y, weight)
    expected = small(MLPNetClassifier, **params).fit(dense, y, weight)
    assert net.image_shape_ == expected.image_shape_
    np.testing.assert_array_equal(weights_of(net), weights_of(expected))
    for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
        expected_values = getattr(expected, method)(dense)
        np.testing.assert_array_equal(getattr(net, method)(X), expected_values)
        np.testing.assert_array_equal(getattr(net, method)(X.tocsr()[7:8]), expected_values[7:8])
    assert net.score(X, y, weight) == expected.score(dense, y, weight)
    parts = [
        small(MLPNetClassifier).partial_fit(Z, y, range(2)).partial_fit(Z, y) for Z in (X, dense)
    ]
    np.testing.assert_array_equal(*map(weights_of, parts))


def test_sparse_rows_are_checked():
    X, _, y, _ = sparse_rows()
    net = small(MLPNetClassifier).fit(X, y, X_val=X, y_val=y)
    with pytest.raises(ValueError, match="X has 29 features, but .* is expecting 30"):
        net.predict(X[:, :29])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        net.fit(X * np.nan, y)
    assert get_tags(net).input_tags.sparse
    assert not get_tags(ConvNetClassifier()).input_tags.sparse
    with pytest.raises(TypeError, match="dense data is required"):
        small(ConvNetClassifier).fit(X, y)


def test_sparse_rows_are_never_dense_all_at_once():
    n, width = 3000, 2000
    X = scipy.sparse.random_array((n, width), density=0.002, rng=0, format="csr")
    net = MLPNetClassifier(hidden_layer_sizes=4, max_epochs=1, random_state=0, batch_size=512)
    tracemalloc.start()
    try:
        net.fit(X, np.arange(n) % 2).predict(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n * width * 4


def test_a_net_takes_the_place_of_a_forest_behind_an_encoder():
    random = np.random.RandomState(0)
    X = random.choice(list("abcde"), (1200, 6))
    y = np.where((X[:, 0] == X[:, 1]) | (X[:, 2] > "c"), "yes", "no")
    scores = [
        make_pipeline(OneHotEncoder(), classifier).fit(X[:800], y[:800]).score(X[800:], y[800:])
        for classifier in (
            small(MLPNetClassifier, hidden_layer_sizes=32, max_epochs=10, batch_size=16),
            RandomForestClassifier(20, random_state=0),
            LogisticRegression(),
        )
    ]
    assert scores[0] > max(scores[1:]) - 0.02


@pytest.mark.parametrize("as_array", [False, True])
def test_text_is_refused_by_the_names_of_its_columns(as_array):
    city, plan = list("ABCD") * 10, pd.Categorical(list("ab") * 20)
    frame = pd.DataFrame({"age": range(40), "city": city, "plan": plan})
    X, names = (frame.to_numpy(), "1, 2") if as_array else (frame, "'city', 'plan'")
    with pytest.raises(ValueError, match="could not convert string to float: 'A'") as caught:
        small(MLPNetClassifier).fit(X, Y)
    assert f"Got text in columns {names}, expected numbers" in str(caught.value)
    assert "OneHotEncoder" in str(caught.value)
    net = small(MLPNetClassifier, max_epochs=1).fit(frame[["age"]].assign(city=1), Y)
    with pytest.raises(ValueError, match="Got text in column 'city'"):
        net.predict(frame[["age", "city"]])
