"""Probabilities and marks in result rows: short, and what they were."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier

from benchmarks.models import described
from benchmarks.packing import packed, packed_marks, told, unpacked, unpacked_marks
from benchmarks.results import compared
from benchmarks.verify import _also_in
from skfashion import ResNetClassifier


@given(n=st.integers(1, 50), k=st.integers(2, 12), seed=st.integers(0, 99))
def test_probabilities_come_back(n, k, seed):
    given_ = np.random.default_rng(seed).dirichlet(np.full(k, 0.2), n)
    found = unpacked(packed(given_), k)
    assert found.shape == (n, k)
    np.testing.assert_allclose(found, given_, rtol=0, atol=1 / 509)


def test_sure_probabilities_are_short():
    given_ = np.eye(10)[np.random.default_rng(0).integers(10, size=10_000)]
    assert len(packed(given_)) < 20_000


@given(marks=st.lists(st.booleans(), max_size=99))
def test_marks_come_back(marks):
    assert unpacked_marks(packed_marks(np.array(marks, dtype=bool)), len(marks)).tolist() == marks


def test_a_row_tells_which_images_are_misclassified():
    X, y = np.zeros((40, 1)), np.arange(40) % 4
    found = told(DummyClassifier(strategy="constant", constant=1).fit(X, y), X, y)
    assert found["accuracy"] == 0.25
    assert (unpacked_marks(found["wrong_marks"], 40) == (y != 1)).all()


def test_older_rows_are_compared_by_what_they_know():
    then = {"metrics": {"accuracy": 0.9}, "curve": None}
    now = {"metrics": {"accuracy": 0.9, "brier": 0.1}, "curve": None, "wrong": [1]}
    assert _also_in(then, now) == then
    assert _also_in(then, now | {"metrics": {"accuracy": 0.8}}) != then


def test_older_rows_mean_what_was_the_default_then():
    former, now = (described(ResNetClassifier(stem_pool=pools)) for pools in (False, True))
    old = {name: value for name, value in former.items() if name != "stem_pool"}
    assert compared(old) == compared(former) != compared(now)
