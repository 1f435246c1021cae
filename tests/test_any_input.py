"""Whatever comes in: a correct model, or one of the documented errors, and nothing else."""

import re
import warnings

import numpy as np
from common import LEARNING, small
from hypothesis import given
from hypothesis import strategies as st

DTYPES = ("uint8", "int8", "int16", "uint16", "int32", "int64", "bool", "float16", "float32")
LAYOUTS = ((4,), (7,), (3, 3), (4, 6), (1, 4, 4), (4, 4, 1), (3, 4, 5), (5, 4, 3), (3, 2, 3))

# What the documentation says may be wrong with data.
DOCUMENTED = (
    r"needs samples of at least 2 classes",
    r"Input X contains (NaN|infinity)",
    r"Input sample_weight contains (NaN|infinity)",
    r"Negative values in data passed to `sample_weight`",
    r"rows that all have weight zero",
    r"Sample weights must contain at least one non-zero number",
    r"channels could be at either end",
    r"diverged in epoch",
    r"Unknown label type",
)


@st.composite
def images(draw):
    """Return an array of images, of any layout, type, memory order and content."""
    n_rows = draw(st.integers(1, 40))
    shape = (n_rows, *draw(st.sampled_from(LAYOUTS)))
    dtype = draw(st.sampled_from((*DTYPES, "float64")))
    random = np.random.RandomState(draw(st.integers(0, 99)))
    X = random.randint(0, 2 if dtype == "bool" else 100, shape).astype(dtype)
    content = draw(st.sampled_from(("noise",) * 4 + ("constant", "extreme", "nan", "inf")))
    if content == "constant":
        X[:] = X.flat[0]
    elif content == "extreme" and X.dtype.kind in "iu":
        X.flat[0] = np.iinfo(X.dtype).max
        X.flat[-1] = np.iinfo(X.dtype).min
    elif content in ("nan", "inf") and X.dtype.kind == "f":
        X.flat[draw(st.integers(0, X.size - 1))] = np.nan if content == "nan" else -np.inf
    return X


def another_memory(X, order):
    """Return an equal array that lies in memory in another way."""
    if order == "fortran":
        return np.asfortranarray(X)
    if order == "backwards":
        return X[::-1].copy()[::-1]
    if order == "every second":
        wide = np.repeat(X, 2, axis=0)
        return wide[::2]
    if order == "within":
        wide = np.zeros((*X.shape[:-1], X.shape[-1] + 3), X.dtype)
        wide[..., 1:-2] = X
        return wide[..., 1:-2]
    if order == "other bytes":
        return X.astype(X.dtype.newbyteorder())
    copy = X.copy()
    copy.flags.writeable = False
    return copy


@given(data=st.data())
def test_a_correct_model_or_a_documented_error(data):
    cls = data.draw(st.sampled_from(LEARNING))
    X = data.draw(images())
    orders = ("fortran", "backwards", "every second", "within", "other bytes", "read-only")
    order = data.draw(st.sampled_from(orders))
    labels = data.draw(
        st.sampled_from(([0, 1], [-5, 7, 70], ["a", "bc"], [True, False], [3.0, 2.0]))
    )
    random = np.random.RandomState(data.draw(st.integers(0, 99)))
    y = random.choice(labels, len(X))
    weight = data.draw(st.sampled_from((None, "random", "some zero", "zero", "negative", "nan")))
    if weight is not None:
        kind, weight = weight, random.uniform(0.1, 3, len(X))
        if kind != "random":
            rows = slice(None) if kind == "zero" else slice(0, 1 + len(X) // 3)
            weight[rows] = {"negative": -1.0, "nan": np.nan}.get(kind, 0.0)
    net = small(cls, max_epochs=1, early_stopping=data.draw(st.booleans()))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The validation split cannot be stratified")
        try:
            net.fit(another_memory(X, order), y, weight)
        except ValueError as error:
            message = str(error)
            documented = (*DOCUMENTED, r"n_samples=1|train set will be empty")
            assert any(re.search(text, message) for text in documented), message
            assert not [name for name in vars(net) if name.endswith("_")]
            return
        assert np.isfinite(X.astype("float64")).all()
        plain = small(cls, max_epochs=1, early_stopping=net.early_stopping).fit(X, y, weight)
    proba = net.predict_proba(X)
    np.testing.assert_array_equal(proba, plain.predict_proba(X))
    np.testing.assert_array_equal(proba, net.predict_proba(another_memory(X, order)))
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(1), 1)
    np.testing.assert_array_equal(net.classes_, np.unique(y))
    assert net.predict(X).dtype == y.dtype
    assert set(net.predict(X)) <= set(net.classes_)
