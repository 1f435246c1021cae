"""`python -m benchmarks imbalance`: the plan, rows, tables and pictures."""

import numpy as np
import pytest
import small_studies
from scipy import stats

from benchmarks.studies import imbalance
from benchmarks.studies.imbalance import FOREST, FULL, MLP, TWENTY, part
from skfashion.studies import TREATMENTS

KINDS = ["nothing", "RandomUnderSampler", "prior correction"]
TINY = {
    "parts": [
        part(MLP, KINDS, TWENTY),
        part(MLP, KINDS, TWENTY | {"permutations": [1]}),
        part(imbalance.RIVALS, ["nothing"], TWENTY),
        part(FOREST, ["nothing"], TWENTY),
    ],
    "nets": {"hidden_layer_sizes": 8, "max_epochs": 1},
    "trees": 2,
    "easy": 1,
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The rows of two seeds, and the folder with their pictures."""
    folder = tmp_path_factory.mktemp("imbalance")
    rows = small_studies.run(imbalance.STUDY, TINY, folder, "--seeds", "2", "--jobs", "1")
    return rows, folder / "imbalance-quick"


@pytest.mark.slow
def test_a_row_a_run_with_all_its_numbers(measured):
    rows, pictures = measured
    keys = ("estimator", "treatment", "profile", "ratio", "permutation", "seed")
    kinds = [tuple(row[key] for key in keys) for row in rows]
    assert len(set(kinds)) == len(kinds) == 2 * (3 + 3 + 2 + 1)
    for row in rows:
        assert row["ratio"] == 20
        assert row["versions"]["imbalanced-learn"]
        recalls = list(row["by_class"]["recall"].values())
        assert row["metrics"]["balanced_accuracy"] == pytest.approx(np.mean(recalls), abs=1e-5)
        assert row["metrics"]["worst_class_recall"] == min(recalls)
        assert sorted(row["by_class"]["rows"].values())[::9] == [30, 600]
        expected = 300 if row["treatment"] == "RandomUnderSampler" else 2040
        assert row["metrics"]["rows_trained"] == expected
    assert (pictures / "imbalance_recalls.png").stat().st_size > 15_000
    assert not (pictures / "imbalance_ratios.png").exists()  # there is a single one


@pytest.mark.slow
def test_tables_show_means_deviations_and_paired_intervals(measured):
    rows, _ = measured
    table = imbalance.table(rows)
    nothing, treated = (
        [
            100 * row["metrics"]["f1_macro"]
            for row in rows
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


@pytest.mark.slow
def test_what_some_seeds_lack_is_said_and_orders_are_not_mixed(measured):
    rows = [
        row
        for row in measured[0]
        if (row["treatment"], row["permutation"], row["seed"]) != ("prior correction", 1, 1)
    ]
    (line,) = [
        line
        for line in imbalance.table(rows).splitlines()
        if line.startswith("| MLPNetClassifier") and "prior correction" in line
    ]
    values = [
        100 * row["metrics"]["balanced_accuracy"]
        for row in rows
        if row["treatment"] == "prior correction" and row["seed"] == 0
    ]
    assert len(values) == 2
    assert f"{np.mean(values):.2f} (1 of 2 seeds)" in line


def test_treatments_are_compared_seed_by_seed_over_the_same_orders():
    skew = {"profile": "exponential", "ratio": 100.0}
    means = {"nothing": 0.6, "class_weight=balanced": 0.7, "prior correction": 0.8}
    rows = [
        small_studies.ABOUT
        | skew
        | {"estimator": "MLPNetClassifier", "treatment": treatment}
        | {"permutation": order, "seed": seed, "by_class": {}}
        | {"metrics": {"balanced_accuracy": accuracy + 0.1 * seed + (0.02 if order else 0)}}
        for treatment, accuracy in means.items()
        for seed in (0, 1, 2)
        for order in (None, 1)
        if (treatment, seed, order) != ("prior correction", 2, 1)
    ]
    lines = imbalance.table(rows).splitlines()
    (line,) = [line for line in lines if line.startswith("|") and " above " in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    name = "prior correction above class_weight=balanced"
    # The classes' own order, and all of them, which the third seed of one treatment lacks.
    assert cells == ["MLPNetClassifier", name, *["+10.00 [+10.00, +10.00]"] * 2]


def test_the_plan_has_everything_somewhere():
    names = {*MLP, *imbalance.CNN, *FOREST, *imbalance.RIVALS, *imbalance.OTHERS}
    measured, tried = set(), {name: set() for name in names}
    for unit, _ in FULL["parts"]:
        treatments = imbalance.treatments(unit, FULL)
        assert treatments[0] == "nothing", (unit, "what the others are compared with")
        for name in unit["estimators"]:
            tried[name] |= set(treatments)
            for ratio in unit["ratios"]:
                skew = ratio if unit["profiles"] == ["exponential"] else "deepsmote"
                measured |= {(name, skew, order) for order in unit["permutations"]}
    for name in (*MLP, *FOREST):
        assert {(name, 100, order) for order in (None, 1, 2)} < measured
        assert {(name, skew, None) for skew in (10, 50, "deepsmote")} < measured
        assert tried[name] == set(TREATMENTS)
    everywhere = {
        (name, skew, None) for name in imbalance.CNN for skew in (100, 50, 10, "deepsmote")
    }
    assert everywhere < measured
    assert {(name, skew, None) for name in imbalance.OTHERS for skew in (100, 50, 10)} < measured
    assert {name for name, *_ in measured} == names


def test_every_part_of_the_plan_can_begin(monkeypatch):
    from benchmarks.data import load_split
    from skfashion.studies import imbalance as study

    asked = []

    def none_run(function, tasks, shared, **options):
        asked.append(len(tasks))
        return [[] for _ in tasks]

    # The study's checks are what is tested; its thousands of fits are not.
    monkeypatch.setattr(study, "run_all", none_run)
    # A part that asks for a treatment that is for none of its classifiers is refused.
    for unit, _ in FULL["parts"]:
        study.imbalance_study(
            imbalance.classifiers(unit, FULL),
            *load_split("sample")[:4],
            treatments=imbalance.treatments(unit, FULL),
            profiles=("exponential",),  # the sample has too few rows for others
            ratios=unit["ratios"],
            permutations=unit["permutations"],
            verbose=0,
        )
    assert len(asked) == len(FULL["parts"])
