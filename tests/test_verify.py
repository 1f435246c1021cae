"""`python -m benchmarks verify`: what holds, what does not, and what every row must have."""

from types import SimpleNamespace

import pytest

from benchmarks import environment, results, verify
from benchmarks.__main__ import main
from benchmarks.environment import circumstances

FOUND = {"accuracy": 0.8, "members": [0.7, 0.75]}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return a function that publishes a row of "ensembles", with changes; None takes a key away.

    Measured again it has an accuracy of 0.8.
    """

    def again(rows):
        keys = ("accuracy", "members")
        yield rows[0], {key: rows[0][key] for key in keys}, FOUND

    def publish(**changes):
        row = results.head("ensembles", "one MLP", 0, {"epochs": 1}, data="full")
        row |= circumstances("python -m benchmarks ensembles") | FOUND | changes
        row = {key: value for key, value in row.items() if value is not None}
        results.append(tmp_path / "ensembles.jsonl", row)

    monkeypatch.setattr(results, "PUBLISHED", tmp_path)
    monkeypatch.setattr(verify, "studies", lambda: {"ensembles": SimpleNamespace(verify=again)})
    return publish


def test_rows_that_hold_are_told_so(published, capsys):
    published()
    assert main(["verify"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "ensembles" in line]
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[:3] == ["ensembles", "1", "learned"]
    assert cells[3].startswith("one MLP, seed 0, ")
    assert cells[4:7] == ["0.8000", "0.8000", "equal to the last bit"]
    if environment.commit() is not None:
        assert cells[7] == "0"


@pytest.mark.parametrize("change", [{"accuracy": 0.8 + 1e-9}, {"members": [0.7, 0.7500001]}])
def test_a_changed_row_is_found(change, published, capsys):
    published(**change)
    assert main(["verify", "--files", "ensembles"]) == 1
    assert "DIFFERS" in capsys.readouterr().out


@pytest.mark.parametrize("elsewhere", ["machine", "versions", "engine"])
def test_elsewhere_the_accuracy_has_a_tolerance(elsewhere, published, capsys):
    here = {
        "machine": environment.machine() | {"instructions": "mmx"},
        "versions": environment.versions() | {"torch": "1.0"},
        "engine": {"images": 1},
    }
    published(accuracy=0.809, members=[0.1], **{elsewhere: here[elsewhere]})
    assert main(["verify"]) == 0
    assert "within 1.0 points, made on" in capsys.readouterr().out
    published(accuracy=0.811, **{elsewhere: here[elsewhere], "date": "2100"})
    assert main(["verify"]) == 1
    assert "DIFFERS by 1.10 points" in capsys.readouterr().out


@pytest.mark.parametrize("key", [*verify.KEYS, "engine"])
def test_a_missing_field_is_found(key, published, capsys):
    published(**{key: None})
    assert main(["verify"]) == 1
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
    published(**change)
    assert main(["verify"]) == 1
    assert said in capsys.readouterr().out


def test_all_committed_rows_have_the_form():
    paths = sorted(results.PUBLISHED.glob("*.jsonl"))
    assert len(paths) >= 19
    for path in paths:
        assert verify.form(path.stem, results.read(path)) is None, path.name
    learned = {path.stem for path in paths} - results.TIMED - set(verify.FROZEN)
    assert learned == set(verify.studies())


@pytest.mark.slow
def test_a_committed_file_is_fitted_again(capsys):
    assert main(["verify", "--files", "defaults"]) == 0
    assert "MLPNetClassifier, wine, seed 0" in capsys.readouterr().out
