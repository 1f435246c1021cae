"""`python -m benchmarks drift`: rows, table, and other libraries' rules."""

import numpy as np
import pytest
import small_studies

from benchmarks import detectors
from benchmarks.studies import drift

TINY = drift.QUICK | {"train_rows": 400, "valid_rows": 400, "windows": [50, 100], "n_images": 200}
TINY |= {"n_streams": 2, "drifts": ["clean", "noise", "classes 100:1", "new class"], "trees": 10}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    pytest.importorskip("river")
    folder = tmp_path_factory.mktemp("drift")
    words = ("--seeds", "2", "--classifiers", "RandomForest")
    return small_studies.run(drift.STUDY, TINY, folder, *words)


def test_a_row_a_drift_detector_and_window(rows):
    kinds = [(row["seed"], row["drift"], row["detector"], row["window"]) for row in rows]
    assert len(set(kinds)) == len(kinds) == 2 * 4 * (2 + 3)
    assert {row["unit"] for row in rows} == {"RandomForest"}
    for row in rows:
        assert 0 <= row["metrics"]["windows with an alarm"] <= 1
        assert row["versions"]["river"]
        others = row["detector"] != drift.OURS
        assert others == ("accuracy" not in row["metrics"])
    noise = [row for row in rows if row["drift"] == "noise" and row["detector"] == drift.OURS]
    assert all(row["metrics"]["noticed within 500 images"] == 1 for row in noise)


def test_the_table_has_means_and_intervals_over_seeds(rows):
    table = drift.table(rows)
    short, long = (
        [
            row["metrics"]
            for row in rows
            if (row["drift"], row["detector"], row["window"]) == ("classes 100:1", drift.OURS, w)
        ]
        for w in (50, 100)
    )
    lines = [
        [cell.strip() for cell in line.split("|")]
        for line in table.splitlines()
        if line.startswith("| classes 100:1")
    ]
    alarms = drift.interval([m[drift.ALARMS] for m in short], 100, 1, sign="")
    assert lines[0][2] == alarms
    gains = [m["accuracy with the true prior"] - m["accuracy before"] for m in long]
    assert drift.interval(gains, 100) in lines[1]
    for part in ("windows of 50**", "windows of 100**", "2 seeds", "river ADWIN", "400 training"):
        assert part in table


def test_evidentlys_rule_is_what_its_documentation_says():
    rng = np.random.RandomState(0)
    numbers, labels = rng.normal(size=(2000, 2)), rng.randint(3, size=2000)
    reference = numbers, labels
    same = detectors.drifted_columns(reference, reference)
    assert same == [False, False, False]
    # Moved by so many deviations, the distance is that many.
    deviations = numbers.std(axis=0)
    moved = numbers + deviations * [0.11, 0.09], np.zeros(2000, dtype=int)
    assert detectors.drifted_columns(reference, moved) == [True, False, True]


def test_alarms_of_detectors_of_streams_say_after_how_many_rows():
    pytest.importorskip("river")
    rng = np.random.RandomState(0)

    def rows(low, high, n):
        p = rng.uniform(low, high, n)
        return {"probabilities": np.column_stack([p, 1 - p]), "pixels": np.zeros((n, 4))}

    for make in (detectors.adwin, detectors.page_hinkley):
        detect = make(rows(0.9, 1.0, 2000))
        assert detect(rows(0.9, 1.0, 200)) is None
        found = detect(rows(0.5, 0.6, 500))
        assert make is detectors.page_hinkley or 1 <= found <= 500
