"""`python -m benchmarks export`: a table of all numbers, and what machines read about it."""

import json

import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from benchmarks import __main__, exporting, results
from benchmarks.studies import accuracy, honesty


def test_every_number_of_a_row_is_a_line():
    row = {"a": 1, "b": {"c": [0.5, None, {"d": 2}], "e": True, "f": "word"}}
    assert dict(exporting.numbers(row)) == {"a": 1.0, "b.c.0": 0.5, "b.c.2.d": 2.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("export")
    exporting.export([accuracy.STUDY, honesty.STUDY], path)
    return path


def test_the_table_has_what_the_rows_have(folder):
    frame = pd.read_parquet(folder / "results.parquet")
    assert set(frame["study"]) == {"accuracy", "honesty"}
    rows = accuracy.STUDY.rows()
    of_study = frame[frame["study"] == "accuracy"]
    shown = of_study[(of_study["metric"] == "metrics.accuracy") & of_study["counts"]]
    found = {(json.loads(r.unit), r.seed): r.value for r in shown.itertuples()}
    assert found == {(row["unit"], row["seed"]): row["metrics"]["accuracy"] for row in rows}
    n_rows = len(results.read(accuracy.STUDY.file))
    assert (of_study["metric"] == "seconds.fit").sum() == n_rows
    assert not frame["metric"].str.startswith("wrong").any()


def test_each_line_is_as_the_schema_says(folder):
    validator = Draft202012Validator(json.loads((folder / "schema.json").read_text()))
    frame = pd.read_parquet(folder / "results.parquet").sample(200, random_state=0)
    for line in json.loads(frame.to_json(orient="records")):
        validator.validate(line)
    with pytest.raises(Exception, match="is not of type 'number'"):
        validator.validate(line | {"value": "much"})


@pytest.mark.filterwarnings("ignore")  # mlcroissant calls others by old names
def test_croissant_is_valid_and_reads_the_table(folder):
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(folder / "croissant.json")
    assert not dataset.metadata.issues.errors and dataset.metadata.license
    first = next(iter(dataset.records("numbers")))
    assert first["numbers/study"] in (b"accuracy", "accuracy")


def test_the_command_writes_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(__main__, "ALL", {"honesty": honesty.STUDY})
    assert __main__.main(["export", "-o", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"results.parquet", "schema.json", "croissant.json", "LICENSE"}
    assert "results.parquet" in capsys.readouterr().err


def test_hours_leave_out_what_nobody_measured():
    def row(date):
        return {"date": f"2026-01-01T{date}:00+00:00"}

    assert exporting.hours([row("10:00"), row("10:30"), row("20:00"), row("21:00")]) == 1.5
