"""Probabilities in result rows: short, and close to what they were."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.models import described
from benchmarks.packing import packed, unpacked
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


def test_older_rows_are_compared_by_what_they_know():
    then = {"metrics": {"accuracy": 0.9}, "curve": None}
    now = {"metrics": {"accuracy": 0.9, "brier": 0.1}, "curve": None, "wrong": [1]}
    assert _also_in(then, now) == then
    assert _also_in(then, now | {"metrics": {"accuracy": 0.8}}) != then


def test_older_rows_mean_what_was_the_default_then():
    former, now = (described(ResNetClassifier(stem_pool=pools)) for pools in (False, True))
    old = {name: value for name, value in former.items() if name != "stem_pool"}
    assert compared(old) == compared(former) != compared(now)
