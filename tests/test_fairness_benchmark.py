"""`python -m benchmarks fairness`: data, rows, table and picture."""

from collections import Counter

import numpy as np
import pytest
import small_studies
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import matthews_corrcoef

pytest.importorskip("fairlearn")
from benchmarks.data import load_split
from benchmarks.studies import fairness

TINY = fairness.QUICK | {"train_rows": 120, "max_epochs": 1, "max_iter": 1}


@pytest.mark.parametrize("task", fairness.TASKS)
def test_groups_go_with_a_class_in_training_and_not_in_the_test(task):
    split = load_split("sample")
    train, test = fairness.turned(task, 3, split, fairness.QUICK)
    again, other = (fairness.turned(task, seed, split, fairness.QUICK)[0] for seed in (3, 4))
    np.testing.assert_array_equal(train[0], again[0])
    # Other rows, not only other groups.
    assert not np.array_equal(train[1], other[1])
    assert len(train[1]) == 1000
    classes = {"upper body", "other"} if task == "upper body" else set(split.target_names)
    assert set(train[1]) == set(test[1]) == classes
    for (_, y, groups), share, correlation in ((train, 0.1, 0.3), (test, 0.5, 0.0)):
        upper = np.isin(y, ["upper body", *fairness.UPPER_BODY])
        assert np.mean(groups == "rotated") == share
        assert matthews_corrcoef(groups == "rotated", upper) == pytest.approx(correlation, abs=0.01)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The rows of two seeds, and their picture."""
    folder = tmp_path_factory.mktemp("fairness")
    rows = small_studies.run(fairness.STUDY, TINY, folder, "--seeds", "2", "--jobs", "1")
    return rows, folder / "fairness-quick" / "fairness.png"


@pytest.mark.slow
def test_a_row_a_run_with_all_its_rates(measured):
    rows, picture = measured
    kinds = [(row["task"], row["seed"], row["estimator"], row["mitigation"]) for row in rows]
    assert len(set(kinds)) == len(kinds)
    assert len({row["mitigation"] for row in rows if row["estimator"] == "ConvNetClassifier"}) == 8
    counts = Counter((row["estimator"], row["mitigation"]) for row in rows)
    for name in ("MLPNetClassifier", "ConvNetClassifier", "RandomForest", "LogisticRegression"):
        # Of two seeds and two tasks; a binary task alone has thresholds and reductions.
        assert counts[name, "nothing"] == 4
        assert counts[name, "threshold optimizer"] == 2
    for row in rows:
        assert row["unit"] == row["task"]
        assert row["versions"]["fairlearn"]
        assert 0 <= row["metrics"]["equalized odds difference"] <= 1
        assert set(row["by_group"]) == set(row["by_class"]) == {"plain", "rotated"}
        worst = min(rates["accuracy"] for rates in row["by_group"].values())
        assert row["metrics"]["worst-group accuracy"] == worst
        assert len(row["by_class"]["plain"]) == (2 if row["task"] == "upper body" else 10)
    assert picture.stat().st_size > 20_000


@pytest.mark.slow
def test_the_table_shows_means_deviations_and_paired_intervals(measured):
    rows, _ = measured
    nothing, weights = (
        [
            100 * row["metrics"]["accuracy"]
            for row in rows
            if (row["task"], row["estimator"]) == ("upper body", "MLPNetClassifier")
            and row["mitigation"] == mitigation
        ]
        for mitigation in ("nothing", "group weights")
    )
    table = fairness.table(rows)
    lines = [line.split("|") for line in table.splitlines() if "MLPNet" in line]
    line = next(line for line in lines if line[2].strip() == "group weights")
    assert line[3].strip() == f"{np.mean(weights):.2f} ± {np.std(weights, ddof=1):.2f}"
    differences = np.subtract(weights, nothing)
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert line[4].strip() == f"{differences.mean():+.2f} [{low:+.2f}, {high:+.2f}]"
    assert next(line for line in lines if line[2].strip() == "nothing")[4].strip() == ""
    for part in ("2 seeds", "10 % of them", "120 training", "rotation"):
        assert part in table
    assert table.endswith("(images/fairness.png)")


@pytest.mark.slow
def test_one_seed_has_no_interval(measured):
    table = fairness.table([row for row in measured[0] if row["seed"] == 0])
    assert "±" not in table.split("Means")[0]
    assert "[" not in table.split("Means")[0]


@given(st.dictionaries(st.text(max_size=3), st.tuples(*[st.integers(0, 5)] * 2), min_size=1))
def test_the_pareto_front_is_what_no_other_point_beats(points):
    front = fairness.pareto(points)
    gaps = [points[name][0] for name in front]
    accuracies = [points[name][1] for name in front]
    assert gaps == sorted(set(gaps))
    assert accuracies == sorted(set(accuracies))
    for name, (gap, accuracy) in points.items():
        beaten = any(
            g <= gap and a >= accuracy and (g, a) != (gap, accuracy) for g, a in points.values()
        )
        assert (points[name] in [points[other] for other in front]) != beaten
