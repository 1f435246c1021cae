"""`python -m benchmarks verify`: what holds, what does not, and what every row must have."""

import dataclasses
import os
import subprocess
import sys

import pytest
from small_studies import WAITING

from benchmarks import environment, results, verify
from benchmarks.registry import STUDIES
from benchmarks.studies import ensembles

FOUND = {"accuracy": 0.8, "members": [0.7, 0.75]}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return a function that publishes a row of "ensembles", with changes; None takes a key away.

    Measured again it has an accuracy of 0.8.
    """

    study = dataclasses.replace(
        ensembles.STUDY,
        describe=lambda unit, seed, asked: {"settings": {"epochs": 1}},
        measure=lambda unit, seed, asked: [FOUND | {"seconds": 1.0}],
    )

    def publish(**changes):
        row = results.head(study, 0, "one MLP", {"epochs": 1}, data="full")
        row |= environment.circumstances("python -m benchmarks ensembles") | FOUND | changes
        row = {key: value for key, value in row.items() if value is not None}
        results.append(study.file, [row])
        return study

    monkeypatch.setattr(results, "PUBLISHED", tmp_path)
    return publish


def verified(study):
    return verify.verify([study], [study.name])


def test_rows_that_hold_are_told_so(published, capsys):
    assert verified(published()) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "ensembles" in line]
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[:3] == ["ensembles", "1", "learned"]
    assert cells[3].startswith("one MLP seed 0, ")
    assert cells[4:7] == ["0.8000", "0.8000", "equal to the last bit"]
    if environment.commit() is not None:
        assert cells[7] == "0"


@pytest.mark.parametrize("change", [{"accuracy": 0.8 + 1e-9}, {"members": [0.7, 0.7500001]}])
def test_a_changed_row_is_found(change, published, capsys):
    assert verified(published(**change)) == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_a_row_is_measured_with_its_own_threads(published):
    asked = []
    study = published(threads=7)
    study = dataclasses.replace(
        study, measure=lambda unit, seed, now: [asked.append(now.options.threads) or FOUND]
    )
    assert verified(study) == 0
    assert asked == [7]


def test_what_an_older_row_does_not_know_is_not_compared(published):
    study = published()
    more = {"wrong": [3], "probabilities": "eJw="}
    assert verified(dataclasses.replace(study, measure=lambda *_: [FOUND | more])) == 0


def test_settings_that_no_row_has_are_told(published, capsys):
    now = {"describe": lambda unit, seed, asked: {"settings": {"epochs": 2}}}
    assert verified(dataclasses.replace(published(), **now)) == 1
    assert "no row of today's settings" in capsys.readouterr().out


@pytest.mark.parametrize("elsewhere", ["machine", "versions", "engine"])
def test_elsewhere_the_accuracy_has_a_tolerance(elsewhere, published, capsys):
    here = {
        "machine": environment.machine() | {"instructions": "mmx"},
        "versions": environment.versions() | {"torch": "1.0"},
        "engine": {"images": 1},
    }
    assert verified(published(accuracy=0.809, members=[0.1], **{elsewhere: here[elsewhere]})) == 0
    assert "within 1.0 points, made on" in capsys.readouterr().out
    study = published(accuracy=0.811, **{elsewhere: here[elsewhere], "date": "2100"})
    assert verified(study) == 1
    assert "DIFFERS by 1.10 points" in capsys.readouterr().out


@pytest.mark.parametrize("key", [*verify.KEYS, "engine"])
def test_a_missing_field_is_found(key, published, capsys):
    assert verified(published(**{key: None})) == 1
    assert f"row 1 has no {key}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"study": "labels"}, "row 1 is of study 'labels', number 1"),
        ({"version": 99}, "row 1 is of study 'ensembles', number 99"),
        ({"engine": {"images": 99}}, "row 1 has the engine images 99"),
        ({"engine": {"sounds": 1}}, "row 1 has the engine sounds 1"),
    ],
)
def test_a_row_that_cannot_be_is_found(change, said, published, capsys):
    assert verified(published(**change)) == 1
    assert said in capsys.readouterr().out


def test_all_committed_rows_have_the_form():
    paths = {path.stem for path in results.PUBLISHED.glob("*.jsonl")}
    others = [other for study in STUDIES.values() for other in study.instead.values()]
    # One that is a command of its own may be an option of another one, too.
    for study in {study.name: study for study in (*STUDIES.values(), *others)}.values():
        expected = "no rows" if study.name in WAITING else None
        assert verify.form(study, results.read(study.file)) == expected, study.name
        assert bool(study.cheap) != study.timing, study.name
        paths.discard(study.name)
    assert not paths


@pytest.mark.slow
def test_a_committed_file_is_fitted_again():
    """In a process of its own: a number of threads in the environment decides bits of MKL's."""
    variables = {k: v for k, v in os.environ.items() if k not in environment.THREAD_VARIABLES}
    words = [sys.executable, "-m", "benchmarks", "verify", "--files", "defaults"]
    done = subprocess.run(
        words, env=variables, cwd=environment.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MLPNetClassifier, wine seed 0" in done.stdout
