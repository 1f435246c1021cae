"""`python -m benchmarks fairness`: data, result file, table and picture."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import matthews_corrcoef

pytest.importorskip("fairlearn")
from benchmarks import fairness, fairness_report, results
from benchmarks.__main__ import main
from benchmarks.data import load_split


@pytest.fixture(scope="module")
def split():
    return load_split("sample")


@pytest.mark.parametrize("task", fairness_report.TASKS)
def test_groups_go_with_a_class_in_training_and_not_in_the_test(split, task):
    train, test = fairness._grouped(task, 3, split, 1000)
    X, y, groups = train
    again = fairness._grouped(task, 3, split, 1000)[0]
    other = fairness._grouped(task, 4, split, 1000)[0]
    np.testing.assert_array_equal(X, again[0])
    # Other rows, not only other groups.
    assert not np.array_equal(y, other[1])
    assert len(y) == 1000
    classes = {"upper body", "other"} if task == "upper body" else set(split.target_names)
    assert set(y) == set(test[1]) == classes
    for (_, y, groups), share, correlation in ((train, 0.1, 0.3), (test, 0.5, 0.0)):
        upper = np.isin(y, ["upper body", *fairness.UPPER_BODY])
        assert np.mean(groups == "rotated") == share
        assert matthews_corrcoef(groups == "rotated", upper) == pytest.approx(correlation, abs=0.01)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The rows of two seeds, measured in three goes."""
    folder = tmp_path_factory.mktemp("results")
    path, asked, measure = folder / "fairness-sample.jsonl", [], fairness.measure

    def counting(task, seed, *rest):
        asked.append((task, seed))
        return measure(task, seed, *rest)

    with pytest.MonkeyPatch.context() as patch:
        tiny = {"train_rows": 120, "max_epochs": 1, "max_iter": 1, "grid_size": 4}
        patch.setattr(fairness, "QUICK", tiny)
        patch.setattr(fairness, "CACHE", folder / "cache")
        patch.setattr(fairness, "measure", counting)
        patch.setattr(results, "LOCAL", folder)
        words = ["fairness", "--quick", "--seeds", "2", "--jobs", "1"]
        assert main(words) == 0
        whole = path.read_bytes()
        assert asked == [(task, seed) for seed in (0, 1) for task in fairness.TASKS]
        assert main(words) == 0
        assert path.read_bytes() == whole
        assert len(asked) == 4
        # The last rows are missing, as after a crash; the seconds show that the cache had them.
        path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-2]))
        assert main(words) == 0
        assert asked[4:] == [("ten classes", 1)]
    assert (folder / "fairness-sample.png").stat().st_size > 20_000
    assert [_without_date(line) for line in path.read_bytes().splitlines()] == [
        _without_date(line) for line in whole.splitlines()
    ]
    return results.read(path)


def _without_date(line):
    return {key: value for key, value in json.loads(line).items() if key != "date"}


def test_a_row_a_run_with_all_that_it_depends_on(measured):
    kinds = [(row["task"], row["seed"], row["estimator"], row["mitigation"]) for row in measured]
    assert len(set(kinds)) == len(kinds) == 2 * (15 + 9)
    for row in measured:
        assert row["settings"]["attribute"] == "rotation"
        assert row["versions"]["fairlearn"]
        assert row["command"] == "python -m benchmarks fairness --quick --seeds 2"
        assert {"machine", "commit", "code", "date"} <= set(row)
        assert 0 <= row["metrics"]["equalized odds difference"] <= 1
        assert set(row["by_group"]) == set(row["by_class"]) == {"plain", "rotated"}
        worst = min(rates["accuracy"] for rates in row["by_group"].values())
        assert row["metrics"]["worst-group accuracy"] == worst
        assert len(row["by_class"]["plain"]) == (2 if row["task"] == "upper body" else 10)
        assert len(json.dumps(row)) < 8000


def test_the_table_shows_means_deviations_and_paired_intervals(measured):
    table = fairness_report.markdown(measured)
    chosen = [
        [row for row in measured if row["task"] == "upper body" and row["mitigation"] == name]
        for name in ("nothing", "group weights")
    ]
    nothing, weights = (
        [100 * row["metrics"]["accuracy"] for row in rows if row["estimator"] == "MLPNetClassifier"]
        for rows in chosen
    )
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


def test_rows_of_an_older_engine_and_of_other_settings_do_not_count(measured):
    older = [{**row, "engine": {"images": 1}} for row in measured]
    changed = [{**row, "settings": {}} for row in measured]
    tasks = list(fairness_report.TASKS)
    ordered = sorted(measured, key=lambda row: (tasks.index(row["task"]), row["seed"]))
    assert fairness.current([*older, *changed, *measured]) == ordered


def test_one_seed_has_no_interval(measured):
    table = fairness_report.markdown([row for row in measured if row["seed"] == 0])
    assert "±" not in table.split("Means")[0]
    assert "[" not in table.split("Means")[0]


def test_publishing_is_for_the_full_data(capsys):
    assert main(["fairness", "--quick", "--publish"]) == 2
    assert "--publish goes without --quick" in capsys.readouterr().err


@given(st.dictionaries(st.text(max_size=3), st.tuples(*[st.integers(0, 5)] * 2), min_size=1))
def test_the_pareto_front_is_what_no_other_point_beats(points):
    front = fairness_report.pareto(points)
    gaps = [points[name][0] for name in front]
    accuracies = [points[name][1] for name in front]
    assert gaps == sorted(set(gaps))
    assert accuracies == sorted(set(accuracies))
    for name, (gap, accuracy) in points.items():
        beaten = any(
            g <= gap and a >= accuracy and (g, a) != (gap, accuracy) for g, a in points.values()
        )
        assert (points[name] in [points[other] for other in front]) != beaten
