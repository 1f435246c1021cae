"""`python -m benchmarks imbalance`: runs, result file, tables and pictures."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB

from benchmarks import imbalance, imbalance_report, results
from benchmarks.__main__ import main
from skfashion.studies import TREATMENTS

KINDS = ("nothing", "RandomUnderSampler", "prior correction")


def _parts():
    skew = imbalance.EXPONENTIAL | {"ratios": (20,)}
    return (
        (("MLPNetClassifier",), KINDS, skew),
        (("MLPNetClassifier",), KINDS, skew | {"permutations": (1,)}),
        (("EasyEnsemble", "BalancedRandomForest"), ("nothing",), skew),
        (("RandomForest",), ("nothing",), skew),
    )


def _fast(quick):
    net, other = GaussianNB(var_smoothing=0.1), DummyClassifier(strategy="stratified")
    rivals = dict.fromkeys(("EasyEnsemble", "BalancedRandomForest", "RandomForest"), other)
    return {"MLPNetClassifier": net, **rivals}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The rows of two seeds, measured in three goes."""
    folder = tmp_path_factory.mktemp("results")
    path, asked, measure = folder / "imbalance-sample.jsonl", [], imbalance.measure

    def counting(estimators, treatments, skew, seed, *rest):
        asked.append((estimators, seed))
        return measure(estimators, treatments, skew, seed, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imbalance, "_quick_plan", _parts)
        patch.setattr(imbalance, "classifiers", _fast)
        patch.setattr(imbalance, "measure", counting)
        patch.setattr(imbalance, "CACHE", folder / "cache")
        patch.setattr(results, "LOCAL", folder)
        words = ["imbalance", "--quick", "--seeds", "2", "--jobs", "1"]
        assert main(words) == 0
        whole = path.read_bytes()
        assert len(asked) == 8
        assert main(words) == 0
        assert path.read_bytes() == whole
        assert len(asked) == 8
        # The last part is missing, as after a crash.
        path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
        assert main(words) == 0
        assert asked[8:] == [(("RandomForest",), 1)]
    assert (folder / "imbalance_recalls.png").stat().st_size > 15_000
    assert len(path.read_bytes().splitlines()) == len(whole.splitlines())
    return results.read(path)


def test_a_row_a_run_with_all_that_it_depends_on(measured):
    keys = ("estimator", "treatment", "profile", "ratio", "permutation", "seed")
    kinds = [tuple(row[key] for key in keys) for row in measured]
    assert len(set(kinds)) == len(kinds) == 2 * (3 + 3 + 2 + 1)
    for row in measured:
        assert row["ratio"] == 20
        assert row["versions"]["imbalanced-learn"]
        assert row["command"] == "python -m benchmarks imbalance --quick --seeds 2"
        assert {"machine", "commit", "code", "date"} <= set(row)
        recalls = list(row["by_class"]["recall"].values())
        assert row["metrics"]["balanced_accuracy"] == pytest.approx(np.mean(recalls), abs=1e-5)
        assert row["metrics"]["worst_class_recall"] == min(recalls)
        assert sorted(row["by_class"]["rows"].values())[::9] == [30, 600]
        expected = 300 if row["treatment"] == "RandomUnderSampler" else 2040
        assert row["metrics"]["rows_trained"] == expected
        assert len(json.dumps(row)) < 4000


def test_tables_show_means_deviations_and_paired_intervals(measured):
    table = imbalance_report.markdown(measured)
    nothing, treated = (
        [
            100 * row["metrics"]["f1_macro"]
            for row in measured
            if (row["estimator"], row["treatment"]) == ("MLPNetClassifier", treatment)
            and row["permutation"] is None
        ]
        for treatment in ("nothing", "prior correction")
    )
    lines = [line.split("|") for line in table.splitlines() if line.startswith("| prior")]
    mean = f"{np.mean(treated):.2f} ± {np.std(treated, ddof=1):.2f}"
    interval = stats.ttest_1samp(np.subtract(treated, nothing), 0).confidence_interval(0.95)
    assert lines[0][4].strip() == mean
    expected = np.mean(treated) - np.mean(nothing)
    expected = f"{expected:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"
    assert lines[0][5].strip() == expected
    assert "**RandomForest, exponential profile, ratio 20" in table
    # Rivals stand under the forest, that they are compared with.
    forest = table[table.index("**RandomForest") :]
    assert "| EasyEnsemble" in forest
    assert "| BalancedRandomForest" in forest
    assert "2 orders of the classes" in table
    assert "2 seeds" in table


def test_rows_of_an_older_engine_do_not_count(measured):
    older = [{**row, "engine": {"images": 1}} for row in measured]
    assert results.current(older + measured) == measured


def test_what_some_seeds_lack_is_said_and_orders_are_not_mixed(measured):
    rows = [
        row
        for row in measured
        if (row["treatment"], row["permutation"], row["seed"]) != ("prior correction", 1, 1)
    ]
    (line,) = [
        line
        for line in imbalance_report.markdown(rows).splitlines()
        if line.startswith("| MLPNetClassifier") and "prior correction" in line
    ]
    values = [
        100 * row["metrics"]["balanced_accuracy"]
        for row in rows
        if row["treatment"] == "prior correction" and row["seed"] == 0
    ]
    assert len(values) == 2
    assert f"{np.mean(values):.2f} (1 of 2 seeds)" in line


def test_another_plan_is_measured_anew(measured):
    known = {results.identity(row) for row in measured}
    names, treatments, skew = _parts()[0]

    def identity(treatments):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(imbalance, "classifiers", _fast)
            return results.identity(imbalance.head((names, treatments, skew), 0, "sample", True))

    assert identity(treatments) in known
    assert identity(treatments[:-1]) not in known


def test_the_plan_has_everything_somewhere():
    plan = imbalance._plan()
    # What is measured of whom: ratio and order, or the fixed numbers of rows.
    skews = {
        (name, ratio, order) if skew["profiles"] == ("exponential",) else (name, "deepsmote", None)
        for names, _, skew in plan
        for name in names
        for ratio in skew["ratios"]
        for order in skew["permutations"]
    }
    for name in (*imbalance.MLP, *imbalance.FOREST):
        assert {(name, 100, order) for order in (None, 1, 2)} < skews
        assert {(name, 10, None), (name, 50, None), (name, "deepsmote", None)} < skews
    assert {(name, skew, None) for name in imbalance.CNN for skew in (100, "deepsmote")} < skews
    for estimators in (imbalance.MLP, imbalance.FOREST):
        tried = {t for names, treatments, _ in plan for t in treatments if estimators[0] in names}
        assert set(TREATMENTS) == tried
    for estimators, treatments, _ in plan:
        assert treatments[0] == "nothing", (estimators, "what the others are compared with")
    assert {name for names, _, _ in plan for name in names} == set(imbalance.classifiers(False))


def test_publishing_needs_the_full_data(capsys):
    assert main(["imbalance", "--quick", "--publish"]) == 2
    assert "--publish goes without --quick" in capsys.readouterr().err


def test_every_part_of_the_plan_can_begin(monkeypatch):
    from benchmarks.data import load_split
    from skfashion.studies import imbalance as study

    asked = []

    def none_run(function, tasks, shared, **options):
        asked.append(len(tasks))
        return [[] for _ in tasks]

    monkeypatch.setattr(study, "run_all", none_run)
    # A part that asks for a treatment that is for none of its classifiers is refused.
    for estimators, treatments, skew in imbalance._plan():
        skew = {**skew, "profiles": ("exponential",)}  # the sample has too few rows for others
        known = imbalance.classifiers(False)
        study.imbalance_study(
            {name: known[name] for name in estimators},
            *load_split("sample")[:4],
            treatments=treatments,
            verbose=0,
            **skew,
        )
    assert len(asked) == len(imbalance._plan())
