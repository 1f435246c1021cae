"""`python -m benchmarks honesty`: what it measures, and its table."""

import numpy as np
import pytest
import small_studies

from benchmarks.studies import honesty, imbalance

TINY = imbalance.QUICK | {"nets": {"hidden_layer_sizes": 8, "max_epochs": 3}}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honesty")
    return small_studies.run(honesty.STUDY, TINY, folder, "--seeds", "2", "--jobs", "1")


@pytest.mark.slow
def test_each_way_of_balancing_is_measured_with_and_without_its_undoing(measured):
    kinds = [(row["treatment"], row["seed"]) for row in measured]
    assert kinds == [(name, seed) for seed in (0, 1) for name in honesty.TREATMENTS]
    for row in measured:
        assert row["versions"]["imbalanced-learn"]
        assert row["metrics"]["rows_trained"] == sum(row["by_class"]["rows"].values())


@pytest.mark.slow
def test_test_rows_are_as_skewed_as_those_of_the_training(measured):
    # A majority's accuracy tells the skew: balanced classes would make both numbers alike.
    for row in measured:
        if row["treatment"] == "nothing":
            metrics = row["metrics"]
            assert metrics["accuracy"] > metrics["balanced_accuracy"] + 0.1


@pytest.mark.slow
def test_the_table_has_differences_to_nothing(measured):
    plain, undone = (
        [row["metrics"]["log_loss"] for row in measured if row["treatment"] == name]
        for name in ("nothing", "loss=logit_adjusted, prior=train")
    )
    lines = honesty.table(measured).splitlines()
    (line,) = [line for line in lines if "logit_adjusted, prior=train" in line]
    assert f"{np.mean(undone):.3f} ± {np.std(undone, ddof=1):.3f}" in line
    assert f"{np.mean(undone) - np.mean(plain):+.3f} [" in line
