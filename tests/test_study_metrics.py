"""All numbers of a run, and the memory of a process."""

import sys

import numpy as np
import pytest
from sklearn import metrics

from skfashion.metrics import classification_metrics, expected_calibration_error
from skfashion.utils import memory


def table(*args, **kwargs):
    found = classification_metrics(*args, **kwargs)
    numbers = {(name, label): value for name, label, value in found}
    assert len(numbers) == len(found)
    assert {type(value) for value in numbers.values()} == {float}
    return numbers


def test_numbers_by_hand():
    y_true = np.array(["a", "a", "a", "a", "b", "b", "c", "c"])
    y_pred = np.array(["a", "a", "a", "b", "b", "b", "c", "a"])
    found = table(y_true, y_pred, classes=["a", "b", "c"])
    assert found["recall", "a"] == 3 / 4
    assert found["recall", "b"] == 1
    assert found["recall", "c"] == found["worst_class_recall", None] == 1 / 2
    assert found["precision", "a"] == 3 / 4
    assert found["precision", "b"] == pytest.approx(2 / 3)
    assert found["precision", "c"] == 1
    assert found["accuracy", None] == 6 / 8
    assert found["balanced_accuracy", None] == (3 / 4 + 1 + 1 / 2) / 3
    assert found["geometric_mean", None] == pytest.approx((3 / 4 * 1 / 2) ** (1 / 3))
    f1 = [3 / 4, 2 * (2 / 3) / (5 / 3), 2 * (1 / 2) / (3 / 2)]
    assert found["f1_macro", None] == pytest.approx(np.mean(f1))
    assert found["matthews_corrcoef", None] == metrics.matthews_corrcoef(y_true, y_pred)
    assert "log_loss" not in {name for name, _ in found}


def test_numbers_of_probabilities_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    y = random.integers(0, 4, 200)
    proba = random.dirichlet(np.ones(4), 200)
    found = table(y, proba.argmax(axis=1), proba, classes=range(4))
    expected = metrics.roc_auc_score(y, proba, multi_class="ovr", average="macro")
    assert found["roc_auc_ovr", None] == pytest.approx(expected)
    assert found["log_loss", None] == pytest.approx(metrics.log_loss(y, proba))
    assert found["ece", None] == pytest.approx(expected_calibration_error(y, proba))
    assert {label for name, label in found if name == "recall"} == {0, 1, 2, 3}


def test_class_that_is_never_predicted_costs_what_it_should():
    proba = np.array([[0.9, 0.1, 0.0], [0.3, 0.7, 0.0], [0.8, 0.2, 0.0]])
    found = table([0, 1, 2], [0, 1, 0], proba, classes=[0, 1, 2])
    assert found["worst_class_recall", None] == found["geometric_mean", None] == 0
    assert found["precision", 2] == 0
    assert found["roc_auc_ovr", None] == pytest.approx((1 + 1 + 0.5) / 3)
    assert 5 < found["log_loss", None] < 20


def test_class_without_rows_takes_no_part():
    proba = np.array([[0.9, 0.1, 0.0], [0.3, 0.6, 0.1]])
    found = table(["a", "b"], ["a", "b"], proba, classes=["a", "b", "c"])
    assert ("recall", "c") not in found
    for name in ("balanced_accuracy", "worst_class_recall", "geometric_mean", "f1_macro"):
        assert found[name, None] == 1, name
    alone = table(["a", "a"], ["a", "b"], proba, classes=["a", "b", "c"])
    assert ("roc_auc_ovr", None) not in alone  # there is nothing to rank against


# --- memory -------------------------------------------------------------------------------------


def test_peak_counts_from_where_it_was_forgotten():
    memory.forget_peak()
    before = memory.peak_mb()
    assert before == pytest.approx(memory.resident_mb(), rel=0.1)
    ballast = np.ones(200_000_000, dtype=np.uint8)
    assert memory.peak_mb() > before + 190
    assert memory.resident_mb() > before + 190
    del ballast
    assert memory.peak_mb() > before + 190
    if sys.platform == "linux":
        memory.forget_peak()
        assert memory.peak_mb() < before + 100


def test_memory_without_linux_and_psutil_is_the_peak_of_the_process(monkeypatch, tmp_path):
    linux, peak = memory.resident_mb(), memory.peak_mb()
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    assert memory.resident_mb() == pytest.approx(linux, rel=0.1)  # psutil's
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert memory.peak_mb() == memory.resident_mb() >= 0.9 * peak
