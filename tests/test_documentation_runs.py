"""Documentation: every example on a page and in a docstring runs (`make test-docs`)."""

import doctest
import importlib
import pkgutil
import warnings
from itertools import groupby

import pytest
from pages import PAGES, ROOT, blocks, page_name

import skfashion
from skfashion.datasets import fetch_fashion_mnist

pytestmark = pytest.mark.docs

# Pages so long that workers share their sections: each of these needs nothing but what its page
# begins with.
BY_SECTION = [ROOT / "docs" / f"{name}.md" for name in ("searching", "user_guide")]


def sections(path):
    """Yield the heading of each section that has code, and that code with what goes before it."""
    lines = path.read_text(encoding="utf-8").split("\n")

    def heading(block):
        above = [line for line in lines[: block[0]] if line.startswith("## ")]
        return above[-1].removeprefix("## ") if above else ""

    first, *others = [
        (name, list(found)) for name, found in groupby(blocks(path, "python"), heading)
    ]
    yield first
    for name, found in others:
        yield name, first[1] + found


def cases():
    """Yield the blocks that run one after another, by page or by section."""
    for path in PAGES:
        if path in BY_SECTION:
            for name, found in sections(path):
                yield pytest.param(path, found, id=f"{page_name(path)}, {name}")
        elif found := list(blocks(path, "python")):
            yield pytest.param(path, found, id=page_name(path))


@pytest.mark.parametrize(("path", "found"), list(cases()))
def test_python_blocks_run(path, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__page__"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for line, source in found:
            # Empty lines in front, so that a traceback names the line of the page.
            exec(compile("\n" * line + source, str(path), "exec"), namespace)


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
