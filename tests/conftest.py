"""Fixtures: every public estimator, and small data."""

import inspect

import numpy as np
import pytest
from common import ESTIMATORS, FAST, LEARNING
from sklearn.datasets import load_digits

from skfashion.datasets import load_fashion_sample

# Fixtures in which a benchmark measures.
MEASURED = {"measured", "ensemble_rows", "curve_rows", "label_rows"}


def pytest_collection_modifyitems(items):
    """Mark tests slow: of deep networks, with a backbone all, others with other libraries; and of
    what a benchmark has measured."""
    with_others = ("test_dropping_in", "test_searching")
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if MEASURED & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
        drops_in = item.path.name.startswith(with_others)
        for value in params.values():
            cls = value if inspect.isclass(value) else type(value)
            if cls in ESTIMATORS and (hasattr(cls, "backbone") or (drops_in and cls not in FAST)):
                item.add_marker(pytest.mark.slow)


@pytest.fixture(params=ESTIMATORS, ids=lambda cls: cls.__name__)
def estimator_class(request):
    """Every public classifier in turn."""
    return request.param


@pytest.fixture(params=LEARNING, ids=lambda cls: cls.__name__)
def learning_class(request):
    """Every public classifier that learns to tell clothes from a few hundred images."""
    return request.param


@pytest.fixture(params=FAST, ids=lambda cls: cls.__name__)
def fast_class(request):
    """Every public classifier that trains in no time: for tests of what all share."""
    return request.param


@pytest.fixture(scope="session")
def digits():
    """300 images of 8 x 8 pixels, uint8, and their labels 0 to 9."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:300].astype(np.uint8), y[:300]
    X.flags.writeable = y.flags.writeable = False
    return X, y


@pytest.fixture(scope="session")
def fashion():
    """600 training images of the bundled sample, uint8, and their names, all ten classes."""
    bunch = load_fashion_sample()
    rows = np.random.RandomState(0).permutation(len(bunch.data))[:600]
    return bunch.data[rows], np.asarray(bunch.target_names)[bunch.target[rows]]
