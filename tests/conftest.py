"""Fixtures: every public estimator, and small data."""

import gc
import os
import sys

import children
import numpy as np
import pytest
from common import ESTIMATORS, FAST, LEARNING, kinds
from hypothesis import settings
from sklearn.datasets import load_digits

from benchmarks.browsing import chromium
from benchmarks.errors import BenchmarkError
from skfashion import MLPNetClassifier, ResNetClassifier
from skfashion.datasets import load_fashion_sample

# Nothing of the above imports matplotlib, which reads it then. It is for child processes, too.
os.environ.setdefault("MPLBACKEND", "Agg")
# Dask reads it when it is imported: its workers are children as those of `children`.
os.environ.setdefault("DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD", children.METHOD)
# How many examples hypothesis tries; more of them with `--hypothesis-profile=thorough`.
settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("quick")


def pytest_collection_finish():
    """Spare garbage collections what is there to stay: the libraries, and the tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=kinds(ESTIMATORS, fast=LEARNING))
def estimator_class(request):
    """Every public classifier in turn."""
    return request.param


@pytest.fixture(params=kinds(LEARNING, fast=FAST))
def learning_class(request):
    """Every public classifier that learns to tell clothes from a few hundred images."""
    return request.param


@pytest.fixture(params=FAST, ids=lambda cls: cls.__name__)
def fast_class(request):
    """Every public classifier that trains in no time: for tests of what all share."""
    return request.param


@pytest.fixture(params=[MLPNetClassifier, ResNetClassifier], ids=lambda cls: cls.__name__)
def any_class(request):
    """A flat network and a deep one: for tests of what no architecture changes."""
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


@pytest.fixture(autouse=True)
def no_figures_left():
    """Close all figures after a test: matplotlib warns of more than twenty."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


# Not of the session: playwright keeps an event loop running, with which asyncio.run fails in all
# tests that come later.
@pytest.fixture(scope="module")
def browser():
    """A Chromium without a window."""
    try:
        with chromium() as browser:
            yield browser
    except BenchmarkError as error:
        pytest.skip(f"No page can be opened: {error}")


@pytest.fixture
def opened(browser):
    """Return a function that opens a file; errors and requests there fail the test at its end.

    Errors that begin with one of the texts `expected` are none.
    """
    contexts, troubles = [], []

    def dismiss(dialog):
        troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note_request(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            troubles.append(f"request: {request.url}")

    def open_file(path, query="", size=(1280, 900), scheme="light", expected=()):
        def note_error(text):
            if not text.startswith(tuple(expected)):
                troubles.append(text)

        width, height = size
        contexts.append(
            browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        )
        page = contexts[-1].new_page()
        page.on("console", lambda m: note_error(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: note_error(str(error)))
        page.on("dialog", dismiss)
        page.on("request", note_request)
        page.goto(path.as_uri() + query)
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert troubles == []
