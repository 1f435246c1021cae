"""`python -m benchmarks small-nets`: what is cut out of a net, the rows, the table."""

from types import SimpleNamespace

import numpy as np
import pytest
import small_studies
from scipy import stats

from benchmarks.data import load_split
from benchmarks.studies import small_nets

STILL = {"lr": 1e-30, "max_epochs": 1, "batch_size": 300}
SETTINGS = {
    "ConvNetClassifier": {"channels": [4, 6], "hidden_layer_sizes": [9], "max_epochs": 2},
    "MLPNetClassifier": {"hidden_layer_sizes": [12], "max_epochs": 40},
}
TINY = small_nets.FULL | {
    "train_rows": 200,
    "valid_rows": 100,
    "keep": [0.5],
    "epochs": {"ConvNetClassifier": [1], "MLPNetClassifier": [1, 3]},
    "wide": {name: own | {"n_threads": 1} for name, own in SETTINGS.items()},
}

# --- the study ------------------------------------------------------------------------------------


def asked_for(**more):
    blind = load_split("sample")._replace(X_test=None, y_test=None)
    return SimpleNamespace(**{"settings": TINY, "images": blind, "brief": False} | more)


def test_all_ways_lead_to_one_size_without_a_test_image():
    rows = list(small_nets.measure("MLPNetClassifier", 0, asked_for()))
    wide, *others = rows
    assert wide["name"] == small_nets.WIDE
    assert len(others) == 2 * 7
    assert {row["weights"] for row in others} == {784 * 6 + 6 + 6 * 10 + 10}
    cut = [row for row in others if row["name"] == "cut out"]
    assert [row["epochs"] for row in cut] == [1, 3]
    for row in others:
        by_itself = row["name"] in (small_nets.NARROW, small_nets.LONGER)
        before = round(row["seconds_with_wide"] - row["seconds"], 2)
        assert before == pytest.approx(0 if by_itself else wide["seconds"], abs=0.011)
        assert 0 < row["accuracy"] <= 1
    longer = [row["epochs"] for row in others if row["name"] == small_nets.LONGER]
    narrow = [row["epochs"] for row in others if row["name"] == small_nets.NARROW]
    assert all(np.array(longer) >= narrow)


def test_a_brief_look_trains_the_wide_net_alone():
    (row,) = small_nets.measure("MLPNetClassifier", 0, asked_for(brief=True))
    first = next(iter(small_nets.measure("MLPNetClassifier", 0, asked_for())))
    for key in ("name", "accuracy", "log_loss", "epochs", "weights"):
        assert row[key] == first[key]


@pytest.mark.slow
def test_the_table_shows_gains_over_both(tmp_path):
    rows = small_studies.run(small_nets.STUDY, TINY, tmp_path, "--seeds", "3")
    assert len(rows) == 3 * (8 + 15)
    lines = [
        [part.strip() for part in line.strip("|").split("|")]
        for line in small_nets.table(rows).splitlines()
        if line.startswith("| MLP") and "3 epochs" in line
    ]
    by_name = {line[4]: line for line in lines}
    assert len(by_name) == 7

    def accuracies(name):
        its = [row for row in rows if row["unit"] == "MLPNetClassifier" and row["budget"] == 3]
        return np.array([row["accuracy"] for row in its if row["name"] == name])

    for column, base in ((8, small_nets.NARROW), (9, small_nets.LONGER)):
        gains = 100 * (accuracies("cut out") - accuracies(base))
        low, high = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
        assert by_name["cut out"][column] == f"{gains.mean():+.2f} [{low:+.2f}, {high:+.2f}]"
    assert by_name[small_nets.NARROW][8:10] == ["", ""]
    assert by_name[small_nets.LONGER][9] == ""
