"""The files at the root say the same: versions, lowest versions, targets of make."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from floors import floors
from packaging.requirements import Requirement

import skfashion

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def newest_entry():
    """Return the number and the date in the first heading of the changelog."""
    changelog = (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")
    return re.search(r"^## \[(.+)\], (unreleased|\d{4}-\d\d-\d\d)$", changelog, re.M).groups()


def test_version_is_the_same_everywhere():
    assert str(CITATION["version"]) == skfashion.__version__
    number, date = newest_entry()
    release, development, _ = skfashion.__version__.partition(".dev")
    assert number == release
    assert (date == "unreleased") == bool(development)


@pytest.mark.skipif(os.environ.get("RELEASE") != "1", reason="RELEASE=1 asks about a release.")
def test_a_release_has_a_number_and_a_date():
    assert ".dev" not in skfashion.__version__
    assert newest_entry()[1] != "unreleased"


def test_licences_are_those_of_pyproject():
    assert " AND ".join(CITATION["license"]) == PROJECT["license"]


def test_lowest_versions_are_those_of_pyproject():
    lowest = {one.name: one.specifier for one in map(Requirement, floors("pytest"))}
    promised = {one.name: one.specifier for one in map(Requirement, PROJECT["dependencies"])}
    assert set(lowest) == {*promised, "pytest"}
    for name, allowed in promised.items():
        (exact,) = lowest[name]
        assert exact.operator == "=="
        assert [(one.operator, one.version) for one in allowed] == [(">=", exact.version)]


def test_python_of_the_lowest_versions_is_the_lowest():
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert re.search(r"^OLDEST_PYTHON := (.+)$", MAKEFILE, re.M)[1] == lowest
    assert f"({lowest.replace('.', ', ')})" in MAKEFILE


def test_workflow_calls_what_exists():
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    jobs = workflow["jobs"]
    targets = jobs["make"]["strategy"]["matrix"]["target"]
    assert set(targets) <= set(re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.M))
    # All that .ci/run checks is checked there, too.
    local = re.findall(r"^make ([a-z-]+)", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.M)
    assert set(local) - {"benchmark", "coverage"} <= set(targets)
    # The fast tests are the same ones everywhere.
    chosen = re.search(r'^test:.*\n\t.* -m "(.+)"', MAKEFILE, re.M)[1]
    for job in ("fast", "next"):
        (pytest_run,) = (s["run"] for s in jobs[job]["steps"] if "-m pytest" in s.get("run", ""))
        assert re.search(r' -m "(.+?)"', pytest_run)[1] == chosen, job
    pythons = {entry["python"] for entry in jobs["fast"]["strategy"]["matrix"]["include"]}
    prefix = "Programming Language :: Python :: "
    promised = [
        c.removeprefix(prefix) for c in PROJECT["classifiers"] if re.match(prefix + r"3\.", c)
    ]
    assert {promised[0], promised[-1]} <= pythons
    assert set(jobs["next"]["strategy"]["matrix"]["python"]) - set(promised)
