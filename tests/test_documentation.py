"""Documentation: every example runs, links lead somewhere, tables are up to date, make works."""

import doctest
import importlib
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

import skfashion
from skfashion.datasets import fetch_fashion_mnist

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [README, *DOCS]
RESULTS = ROOT / "benchmarks" / "results" / "accuracy.jsonl"
PICTURE = ROOT / "docs" / "images" / "accuracy_vs_time.png"

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def page_name(path):
    return path.relative_to(ROOT).as_posix()


def blocks(path, language):
    """Yield the first line's number and the source of each block of a language."""
    text = path.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match[1] == language:
            yield text.count("\n", 0, match.start(2)), match[2]


def prose(path):
    """Return a page without its code."""
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


def anchors(path):
    """Return the anchors of a page's headings."""
    headings = HEADING.findall(prose(path))
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


def make(*words, cwd=ROOT, **variables):
    if shutil.which("make") is None:
        pytest.skip("make is not installed on this machine, so its targets cannot be tried.")
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # these tests may themselves be run by make
    environment = {k: v for k, v in os.environ.items() if k not in outer} | variables
    return subprocess.run(
        ["make", *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60
    )


# --- code ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_python_blocks_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__page__"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for line, source in blocks(path, "python"):
            # Empty lines in front, so that a traceback names the line of the page.
            exec(compile("\n" * line + source, str(path), "exec"), namespace)


def test_pages_with_examples_have_some():
    names = ("quickstart", "user_guide", "pitfalls", "searching")
    pages = [README, *(ROOT / "docs" / f"{n}.md" for n in names)]
    assert all(list(blocks(page, "python")) for page in pages)


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_no_block_escapes_the_tests(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("```") == 2 * len(BLOCK.findall(text))
    assert {language for language, _ in BLOCK.findall(text)} <= {"python", "bash", ""}


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


PUBLIC = ["", ".datasets", ".ensemble", ".inspection", ".model_selection", ".studies"]


def public_classes():
    """Return the public classes by their full names."""
    modules = [importlib.import_module(f"skfashion{name}") for name in PUBLIC]
    names = {f"{module.__name__}.{name}": module for module in modules for name in module.__all__}
    found = {full: getattr(module, full.rsplit(".", 1)[1]) for full, module in names.items()}
    return {full: value for full, value in found.items() if inspect.isclass(value)}


CLASSES = public_classes()


@pytest.mark.parametrize("name", CLASSES)
def test_public_classes_have_examples(name):
    # Its own docstring, not one that it inherits.
    docstring = inspect.cleandoc(CLASSES[name].__dict__.get("__doc__") or "")
    _, heading, examples = docstring.partition("\nExamples\n--------\n")
    assert heading, f"{name} has no section Examples"
    assert doctest.DocTestParser().get_examples(examples)


def test_examples_of_the_full_data_run():
    try:
        fetch_fashion_mnist(subset="test", download_if_missing=False)
    except OSError:
        pytest.skip("The full data is not on this machine, and this test does not download it.")
    text = fetch_fashion_mnist.__doc__.replace("# doctest: +SKIP", "")
    assert text != fetch_fashion_mnist.__doc__
    example = doctest.DocTestParser().get_doctest(text, {}, "fetch_fashion_mnist", None, 0)
    assert doctest.DocTestRunner().run(example).failed == 0


# --- links and table --------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_relative_links_lead_somewhere(path):
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if there == PICTURE and not RESULTS.exists():
            continue  # drawn from the results
        assert there.exists(), f"{page_name(path)}: {target}"
        assert not anchor or anchor in anchors(there), f"{page_name(path)}: {target}"


def test_index_links_every_page():
    reached, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        files = {target.partition("#")[0] for target in LINK.findall(prose(page))}
        linked = {(page.parent / file).resolve() for file in files if file.endswith(".md")}
        waiting += linked & set(DOCS) - reached
    assert set(DOCS) == reached


def test_index_names_examples_and_reference():
    links = set(LINK.findall(prose(ROOT / "docs" / "index.md")))
    assert {"gallery", "api.rst"} <= links


# --- commands ----------------------------------------------------------------------------------


def test_bash_blocks_name_targets_and_options_that_exist():
    from benchmarks.__main__ import build_parser

    rules = re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    lines = [
        line for page in PAGES for _, code in blocks(page, "bash") for line in code.split("\n")
    ]
    assert {"make benchmark", "make test"} <= set(lines)
    for line in filter(None, lines):
        first, *words = line.split()
        if first == "make":
            assert set(words) <= set(rules), line
        elif line.startswith("python -m benchmarks"):
            build_parser().parse_args(words[2:])
        else:
            assert line.startswith("pip install -e "), line


def test_make_alone_lists_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split()
    answer = make()
    assert answer.returncode == 0
    assert re.findall(r"^  make ([a-z-]+) ", answer.stdout, re.M) == phony


FAKE_PYTHON = """\
#!/bin/sh
echo "$*" >> log
if [ "$1" = -c ]; then exit "${OLD:-0}"; fi
case "$*" in
    "-m venv "*) mkdir -p .venv/bin; cp python .venv/bin; touch -t 200001010000 .venv/bin/python;;
    "-m pytest "*) exit "${PYTEST_EXIT:-0}";;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with the Makefile and a Python that only writes down what it was asked."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "python").write_text(FAKE_PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def installations(checkout):
    log = (checkout / "log").read_text().splitlines()
    return sum("pip install" in line for line in log), sum("-m venv" in line for line in log)


def test_make_installs_once_and_again_when_the_dependencies_change(checkout):
    for _ in range(2):
        assert make("PYTHON=./python", "test", cwd=checkout).returncode == 0
    assert installations(checkout) == (1, 1)
    later = (checkout / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(checkout / "pyproject.toml", (later, later))
    assert make("PYTHON=./python", "test", cwd=checkout).returncode == 0
    assert installations(checkout) == (2, 1)


@pytest.mark.parametrize("python", ["./python", "no-such-python"])
def test_make_refuses_an_old_python(checkout, python):
    answer = make(f"PYTHON={python}", "test", cwd=checkout, OLD="1")
    assert answer.returncode != 0
    assert "needs Python 3.11 or later" in answer.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(("pytest_exit", "passes"), [("0", True), ("1", False), ("5", True)])
def test_make_test_slow_is_content_without_slow_tests(checkout, pytest_exit, passes):
    answer = make("PYTHON=./python", "test-slow", cwd=checkout, PYTEST_EXIT=pytest_exit)
    assert (answer.returncode == 0) == passes
    assert ("no slow test" in answer.stdout) == (pytest_exit == "5")


def test_continuous_integration_runs_the_commands_of_the_readme():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text(encoding="utf-8").splitlines()
    assert "set -euo pipefail" in lines
    commands = [line for line in lines if line.startswith("make ")]
    words = [command.removeprefix("make ") for command in commands]
    assert words == ["lint", "test", "test-slow", "docs", "benchmark"]
