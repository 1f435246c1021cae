"""`python -m benchmarks ensembles`: rows with their members, the table, which images are read."""

from types import SimpleNamespace

import numpy as np
import pytest
import small_studies
from scipy import stats

from benchmarks.data import load_split
from benchmarks.formatting import interval
from benchmarks.studies import ensembles

TINY = ensembles.FULL | {
    "train_rows": 300,
    "valid_rows": 300,
    "epochs": 2,
    "members": 3,
    "trees": 5,
    "folds": 2,
    "cnn": {"channels": (4,), "n_threads": 1},
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensembles")
    return small_studies.run(ensembles.STUDY, TINY, folder, "--seeds", "2")


@pytest.mark.slow
def test_rows_of_ensembles_have_their_members(rows):
    assert len({row["name"] for row in rows}) == 12
    assert len(rows) == 2 * 12
    for row in rows:
        assert 0.1 < row["accuracy"] <= 1
        assert row["seconds"] > 0
        one = row["name"].startswith("one ")
        assert len(row["members"]) == (0 if one else 2 if "alike" in row["name"] else 3)
        assert (row["log_loss"] is None) == row["name"].startswith("hard")
        assert row["settings"]["classifiers"]["cnn"]["class"] == "ConvNetClassifier"


@pytest.mark.slow
def test_the_table_shows_gains_with_their_intervals(rows):
    text = ensembles.table(rows)
    group = [row for row in rows if row["name"] == "vote of CNNs"]
    gains = [100 * (row["accuracy"] - max(row["members"])) for row in group]
    low, high = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    line = next(line for line in text.splitlines() if "vote of CNNs" in line)
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[2] == "3"
    assert cells[6] == f"{np.mean(gains):+.2f} [{low:+.2f}, {high:+.2f}]"
    single, long = ([r for r in rows if r["name"] == n] for n in ("one CNN", ensembles.LONG))
    for cell, others in zip(cells[7:9], (single, long), strict=True):
        pairs = zip(group, others, strict=True)
        assert cell == interval([a["accuracy"] - b["accuracy"] for a, b in pairs], 100)
    lowest, highest = (100 * np.mean([f(row["members"]) for row in group]) for f in (min, max))
    assert cells[5] == f"{lowest:.2f} to {highest:.2f}"
    for part in ("2 seeds", "300 of the training images", "has 6."):
        assert part in text


def test_no_test_image_is_looked_at():
    blind = load_split("sample")._replace(X_test=None, y_test=None)
    asked = SimpleNamespace(settings=TINY, images=blind)
    (row,) = ensembles.measure("one CNN", 0, asked)
    assert row["accuracy"] > 0.1


def test_interval_by_hand():
    values = [0.1, 0.2, 0.4]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    text = f"{100 * np.mean(values):.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    assert interval(values, 100, 1, sign="") == text
    assert interval(values[:1]) == "+0.10" and interval([]) == ""
