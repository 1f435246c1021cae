"""`python -m benchmarks honesty`: what it measures, what it skips, and its table."""

import numpy as np
import pytest

from benchmarks import honesty, results
from benchmarks.__main__ import main
from skfashion import MLPNetClassifier


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The rows of two seeds, measured in two goes."""
    folder = tmp_path_factory.mktemp("results")
    net = MLPNetClassifier(hidden_layer_sizes=8, max_epochs=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(honesty, "classifiers", lambda quick: {"MLPNetClassifier": net})
        patch.setattr(honesty, "CACHE", folder / "cache")
        patch.setattr(results, "LOCAL", folder)
        words = ["honesty", "--quick", "--jobs", "1"]
        assert main(words) == 0
        first = (folder / "honesty-sample.jsonl").read_bytes()
        assert main([*words, "--seeds", "2"]) == 0
        path = folder / "honesty-sample.jsonl"
        assert path.read_bytes().startswith(first)
        assert path.read_bytes() != first
    return results.read(path)


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
    table = honesty.markdown(measured)
    losses = {
        name: [r["metrics"]["log_loss"] for r in measured if r["treatment"] == name]
        for name in ("nothing", "loss=logit_adjusted, prior=train")
    }
    plain, undone = losses.values()
    (line,) = [line for line in table.splitlines() if "logit_adjusted, prior=train" in line]
    assert f"{np.mean(undone):.3f} ± {np.std(undone, ddof=1):.3f}" in line
    assert f"{np.mean(undone) - np.mean(plain):+.3f} [" in line
