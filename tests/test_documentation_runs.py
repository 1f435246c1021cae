"""Documentation: every example on a page and in a docstring runs (`make test-docs`)."""

import doctest
import importlib
import pkgutil
import warnings

import pytest
from pages import PAGES, outline, page_name, printed, sections

import skfashion
from skfashion.datasets import fetch_fashion_mnist

pytestmark = pytest.mark.docs


def cases():
    """Yield the blocks that run one after another, by page or by section."""
    for path in PAGES:
        for name, found in sections(path):
            yield pytest.param(path, found, id=", ".join(filter(None, [page_name(path), name])))


@pytest.mark.parametrize(("path", "found"), list(cases()))
def test_python_blocks_run_and_print_what_is_shown(path, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outputs = dict(printed(path, found))
    for line, _, shown in found:
        assert outline(outputs[line]) == outline(shown), f"line {line} of {path}"


MODULES = ["skfashion", *(m.name for m in pkgutil.walk_packages(skfashion.__path__, "skfashion."))]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # fairlearn 0.15 itself fills Series in two ways that pandas 3 deprecates.
        for message in ("Setting a value on a Series via .at", "Setting an item of incompatible"):
            warnings.filterwarnings("ignore", message)
        outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0


def test_examples_of_the_full_data_run():
    try:
        fetch_fashion_mnist(subset="test", download_if_missing=False)
    except OSError:
        pytest.skip("The full data is not on this machine, and this test does not download it.")
    text = fetch_fashion_mnist.__doc__.replace("# doctest: +SKIP", "")
    assert text != fetch_fashion_mnist.__doc__
    example = doctest.DocTestParser().get_doctest(text, {}, "fetch_fashion_mnist", None, 0)
    assert doctest.DocTestRunner().run(example).failed == 0
