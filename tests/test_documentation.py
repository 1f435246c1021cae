"""Documentation: every class has an example, links lead somewhere, commands exist."""

import doctest
import importlib
import inspect
import os
import re
import shutil
import subprocess
import tomllib

import pytest
from numpydoc.validate import validate
from pages import BLOCK, DOCS, PAGES, README, ROOT, blocks, page_name

RESULTS = ROOT / "benchmarks" / "results" / "accuracy.jsonl"
PICTURE = ROOT / "docs" / "images" / "accuracy_vs_time.png"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def prose(path):
    """Return a page without its code."""
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


def anchors(path):
    """Return the anchors of a page's headings."""
    headings = HEADING.findall(prose(path))
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


# --- code ---------------------------------------------------------------------------------------


def test_pages_with_examples_have_some():
    names = ("quickstart", "user_guide", "pitfalls", "searching")
    pages = [README, *(ROOT / "docs" / f"{n}.md" for n in names)]
    assert all(list(blocks(page, "python")) for page in pages)


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_no_block_escapes_the_tests(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("```") == 2 * len(BLOCK.findall(text))
    known = {"python", "output", "bash", "c", ""}
    assert {language for language, _ in BLOCK.findall(text)} <= known


PUBLIC = ["", ".datasets", ".ensemble", ".exceptions", ".export", ".inspection", ".model_selection"]
PUBLIC += [".monitoring", ".preprocessing", ".serving", ".studies"]


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


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_are_documented_in_their_order(name):
    methods = [
        f"{name}.{method}"
        for method, function in inspect.getmembers(CLASSES[name], inspect.isfunction)
        if not method.startswith("_") and function.__module__.startswith("skfashion.")
    ]
    for full in [name, *methods]:
        errors = validate(full)["errors"]
        assert not [text for code, text in errors if code == "PR03"], full


# --- figures ----------------------------------------------------------------------------------

MEASURED = re.compile(r"\d\.\d|[+\u2212-]\d[\d.]* points|\d to \d+ (?:%|points)|±")
# Versions, licences and papers have decimal points, too.
NOT_MEASURED = re.compile(
    r"\(http[^)]*\)|arXiv:[\d.]+|(?:Python|skops|MLflow|Runtime|BY|BY-SA)[ -][\d.]+"
)
# Those of others, and of what is no longer measured, stand there by hand.
BY_HAND = {"references.md", "design.md"}


def with_tables():
    mark = "-table:start -->"
    return [path for path in [README, *DOCS] if mark in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", with_tables(), ids=page_name)
def test_measured_figures_stand_in_tables_alone(path):
    if path.name in BY_HAND:
        return
    tables = re.compile(r"<!-- ([\w-]+)-table:start -->.*?<!-- \1-table:end -->", re.DOTALL)
    text = NOT_MEASURED.sub("", tables.sub("", prose(path)))
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    assert [line for line in lines if MEASURED.search(line)] == []


# --- links --------------------------------------------------------------------------------------


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


def test_tests_that_design_names_exist():
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\w+\.py)::(\w+)", page)
    assert named
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_index_links_every_page():
    reached, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        files = {target.partition("#")[0] for target in LINK.findall(prose(page))}
        linked = {(page.parent / file).resolve() for file in files if file.endswith(".md")}
        waiting += linked & set(DOCS) - reached
    assert set(DOCS) == reached


@pytest.mark.parametrize("path", [README, ROOT / "docs" / "index.md"], ids=page_name)
def test_the_first_pages_lead_to_a_network_of_ones_own_and_to_pretrained_weights(path):
    text = prose(path).partition("\n## ")[0]
    doors = {"own_images": "", "own_network": "ModuleClassifier", "little_labels": "TimmClassifier"}
    for page, name in doors.items():
        assert f"{page}.md" in text
        assert f"`{name}" in text


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


def test_extras_are_installed_from_a_clone_everywhere():
    """The package is on no index: by its name alone pip would find somebody else's."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    known = set(known["project"]["optional-dependencies"])
    sources = [*(ROOT / "skfashion").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    for path in [*PAGES, *sources]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"skfashion\[[a-z,]+\]", text), path
        named = re.findall(
            r"pip install (?:-e\s+)?'\.\[([a-z]+)\]'|installed_by\('([a-z]+)'\)", text
        )
        assert {one or other for one, other in named} <= known, path


def test_make_alone_lists_every_target():
    if shutil.which("make") is None:
        pytest.skip("make is not installed on this machine, so its targets cannot be tried.")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split()
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # this test may itself be run by make
    environment = {k: v for k, v in os.environ.items() if k not in outer}
    shown = subprocess.run(
        ["make"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert re.findall(r"^  make ([a-z-]+) ", shown, re.M) == phony


def test_continuous_integration_runs_the_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for _, code in blocks(README, "bash") for line in code.split("\n") if line]
    assert {line for line in commands if line.startswith("make ")} <= set(script)
