"""Classes of known, unequal sizes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skfashion.datasets import make_imbalanced

PUBLISHED = [6000, 3596, 2156, 1292, 774, 464, 278, 166, 100, 60]


def balanced(size, n_classes):
    """Return row numbers as X, and mixed labels 0, 1, ... of equal shares."""
    y = np.random.RandomState(0).permutation(np.repeat(np.arange(n_classes), size))
    return np.arange(len(y))[:, None], y


@pytest.fixture(scope="module")
def fashion_like():
    """60,000 rows of ten classes, as many as Fashion-MNIST has for training."""
    return balanced(6000, 10)


# --- how many -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "total", "rarest"), [(100, 14_886, 60), (50, 16_796, 120), (20, 20_428, 300)]
)
def test_exponential_counts_are_the_published_ones(fashion_like, ratio, total, rarest):
    counts = np.bincount(make_imbalanced(*fashion_like, ratio=ratio)[1])
    assert (counts.sum(), counts[0], counts[-1]) == (total, 6000, rarest)
    assert ratio != 100 or counts.tolist() == PUBLISHED


def test_exponential_counts_of_ratio_10(fashion_like):
    counts = np.bincount(make_imbalanced(*fashion_like, "exponential", ratio=10)[1])
    assert (counts.sum(), counts[0], counts[-1]) == (24_516, 6000, 600)


def test_deepsmote_counts_are_the_published_ones(fashion_like):
    # No ratio changes them, not even one that no other profile would take.
    y = make_imbalanced(*fashion_like, "deepsmote", ratio=None, permutation=range(10))[1]
    assert np.bincount(y).tolist() == [4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40]
    assert len(y) == 9000


@pytest.mark.parametrize(
    ("profile", "n_classes", "counts"),
    [
        ("step", 4, [100, 100, 10, 10]),
        ("step", 5, [100, 100, 100, 10, 10]),
        ("linear", 4, [100, 70, 40, 10]),
        ("linear", 3, [100, 55, 10]),
        ("exponential", 3, [100, 31, 10]),
    ],
)
def test_counts_of_each_profile(profile, n_classes, counts):
    assert (
        np.bincount(make_imbalanced(*balanced(100, n_classes), profile, ratio=10)[1]).tolist()
        == counts
    )


@example(profile="exponential", n_classes=4, size=8, ratio=8)  # 8 ** (-1/3) is not quite 0.5
@given(
    profile=st.sampled_from(["exponential", "step", "linear"]),
    n_classes=st.integers(2, 12),
    size=st.integers(1, 300),
    ratio=st.integers(1, 300),
)
def test_counts_fall_from_the_smallest_class_by_the_ratio(profile, n_classes, size, ratio):
    X, y = balanced(size, n_classes)
    # Rows that the smallest class has not are of no use to a profile that any order may have.
    X, y = np.concatenate([X, X + len(X)]), np.concatenate([y, np.zeros_like(y)])
    if ratio > size:
        with pytest.raises(ValueError, match=f"at least 1 row a class. Set ratio to {size} or"):
            make_imbalanced(X, y, profile, ratio=ratio)
        return
    counts = np.bincount(make_imbalanced(X, y, profile, ratio=ratio)[1])
    assert (counts[0], counts[-1]) == (size, size // ratio)
    assert (np.diff(counts) <= 0).all()


@pytest.mark.parametrize(("base", "n_classes"), [(2, 9), (3, 6), (5, 5), (7, 4), (10, 4)])
def test_powers_lose_no_row_to_rounding(base, n_classes):
    powers = [base**c for c in reversed(range(n_classes))]
    y = make_imbalanced(*balanced(powers[0], n_classes), ratio=powers[0])[1]
    assert np.bincount(y).tolist() == powers


# --- which class ----------------------------------------------------------------------------------


def test_permutation_says_which_class_is_how_frequent(fashion_like):
    order = [6, 4, 2, 0, 3, 1, 5, 9, 8, 7]
    y = make_imbalanced(*fashion_like, permutation=order)[1]
    assert np.bincount(y)[order].tolist() == PUBLISHED
    first, second = (np.bincount(make_imbalanced(*fashion_like, permutation=i)[1]) for i in (0, 1))
    drawn = np.random.default_rng(0).permutation(10)
    assert first[drawn].tolist() == PUBLISHED
    assert sorted(second, reverse=True) == PUBLISHED
    assert (first != second).any()


def test_dict_says_how_many_of_each():
    y = np.repeat(["cap", "bag", "tie"], [9, 5, 7])
    part = make_imbalanced(np.zeros((21, 2)), y, {"tie": 7, "bag": 1, "cap": np.int64(3)})[1]
    labels, counts = np.unique(part, return_counts=True)
    assert (labels.tolist(), counts.tolist()) == (["bag", "cap", "tie"], [1, 3, 7])


# --- which rows -----------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 10),
    permutations=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    ratios=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_rows_are_drawn_once_in_order_and_nested(seed, permutations, ratios):
    X, y = balanced(30, 5)
    parts = []
    for permutation, ratio in zip(permutations, ratios, strict=True):
        options = {"ratio": ratio, "permutation": permutation, "random_state": seed}
        rows, labels = make_imbalanced(X, y, **options)
        assert (np.diff(rows[:, 0]) > 0).all()
        np.testing.assert_array_equal(labels, y[rows[:, 0]])
        np.testing.assert_array_equal(make_imbalanced(X, y, **options)[0], rows)
        parts.append(rows[:, 0])
    for label in range(5):
        small, large = sorted((part[y[part] == label] for part in parts), key=len)
        assert set(small) <= set(large)


def test_seeds_draw_different_rows():
    X, y = balanced(200, 2)
    drawn = [make_imbalanced(X, y, random_state=seed)[0] for seed in (0, 1, None, None)]
    assert len({part.tobytes() for part in drawn}) == 4
    state = np.random.RandomState(0)
    np.testing.assert_array_equal(make_imbalanced(X, y, random_state=state)[0], drawn[0])
    assert make_imbalanced(X, y, random_state=state)[0].tobytes() != drawn[0].tobytes()


@pytest.mark.parametrize("shape", [(4,), (2, 2), (1, 2, 2), (2, 2, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
def test_arrays_stay_what_they_are(shape, dtype):
    X = np.arange(40 * np.prod(shape)).reshape(40, *shape).astype(dtype)
    X.flags.writeable = False
    y = np.repeat([5, -1], 20).astype(np.int16)
    X_part, y_part = make_imbalanced(X, y, ratio=20, random_state=0)
    assert (X_part.shape, X_part.dtype, y_part.dtype) == ((21, *shape), X.dtype, np.int16)
    assert (y_part == 5).sum() == 1  # the sorted labels: -1 is the most frequent
    every = make_imbalanced(X, y, ratio=1)
    np.testing.assert_array_equal(every[0], X)
    np.testing.assert_array_equal(every[1], y)


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_frames_and_series_keep_index_and_types(dtype):
    X = pd.DataFrame(
        {"a": np.arange(8, dtype=np.uint8), "b": list("abcdefgh")}, index=range(10, 18)
    )
    y = pd.Series(["no", "yes"] * 4, index=X.index, name="label", dtype=dtype)
    X_part, y_part = make_imbalanced(X, y, "step", ratio=4, permutation=["yes", "no"])
    assert y_part.value_counts().to_dict() == {"yes": 4, "no": 1}
    pd.testing.assert_frame_equal(X_part, X.loc[X_part.index])
    pd.testing.assert_series_equal(y_part, y.loc[X_part.index])


def test_lists_stay_lists():
    X, y = [[1, 2], [3, 4], [5, 6]], ["b", "a", "a"]
    assert make_imbalanced(X, y, {"a": 2, "b": 1}) == (X, y)


# --- refusals -------------------------------------------------------------------------------------

X6, Y6 = np.zeros((6, 2)), ["a", "b", "c"] * 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (
            {"profile": "cubic"},
            r"Got profile='cubic', expected one of \['deepsmote', 'expo",
        ),
        ({"profile": None}, "Got profile=None, expected one of"),
        (
            {"profile": "deepsmote"},
            "Got profile='deepsmote' and 3 classes of 2 rows or more",
        ),
        ({"ratio": 0.5}, "Got ratio=0.5, expected a finite number of 1 or more"),
        ({"ratio": np.inf}, "Got ratio=inf, expected"),
        ({"ratio": np.nan}, "Got ratio=nan, expected"),
        ({"ratio": "100"}, "Got ratio='100', expected"),
        ({}, "Got ratio=100 and classes of 2 rows or more, .* at least 1 row a class. Set ratio"),
        (
            {"ratio": 2, "permutation": ["a", "b"]},
            r"Got permutation=\['a', 'b'\], expected None, an",
        ),
        ({"ratio": 2, "permutation": ["a", "b", "b"]}, "every label of y once"),
        ({"ratio": 2, "permutation": ["a", "b", "c", "c"]}, "every label of y once"),
        ({"ratio": 2, "permutation": "abc"}, "Got permutation='abc', expected None, an int"),
        ({"ratio": 2, "permutation": -1}, "Got permutation=-1, expected None, an int that is not"),
        ({"ratio": 2, "permutation": True}, "Got permutation=True, expected None, an int"),
        ({"profile": {"a": 1, "b": 1}}, r"Got a profile of the labels \['a', 'b'\], expected all"),
        ({"profile": {"a": 1, "b": 1, "c": 1, "d": 1}}, "expected all labels of y and no others"),
        ({"profile": {"a": 1, "b": 0, "c": 1}}, r"Got profile\['b'\]=0, .* at least 1 row a"),
        (
            {"profile": {"a": 1, "b": 3, "c": 1}},
            r"Got profile\['b'\]=3, expected an int from 1",
        ),
        ({"profile": {"a": 1, "b": 1.5, "c": 1}}, r"Got profile\['b'\]=1.5, expected an int"),
        ({"profile": {"a": 1, "b": 1, "c": 1}, "permutation": 0}, "Got permutation=0 and a dict"),
        ({"y": ["a"] * 6}, r"Got y with the labels \['a'\] only, expected two classes at least"),
        ({"y": ["a", "b"]}, "Got X of 6 rows and y of 2 labels, expected one label a row"),
        ({"y": ["a", None] * 3}, "Got y with 3 missing labels, the first in row 1; expected"),
        ({"y": [1.0, np.nan] * 3}, "Got y with 3 missing labels"),
        (
            {"y": np.array(["a", 1] * 3, dtype=object)},
            "labels of the types int, str",
        ),
    ],
)
def test_bad_input_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        make_imbalanced(**({"X": X6, "y": Y6} | options))
