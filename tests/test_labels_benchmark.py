"""`python -m benchmarks labels`: what each task compares, and its tables."""

import argparse
import sys

import numpy as np
import pytest
import small_studies

from benchmarks import few_labels
from benchmarks.studies import labels
from benchmarks.study import Asked

CNN = {"channels": (4, 8), "hidden_layer_sizes": 32, "max_epochs": 3, "n_threads": 1}
TINY = labels.FULL | {
    few_labels.TASK: {
        "rows_a_class": [1, 5],
        "test_rows": 100,
        "repeats": 2,
        "pretext_rows": 60,
        "conv_net": CNN,
        "backbone": {"backbone": "test_efficientnet", "weights": None, "resize": 32},
        "features": {"C": 0.1},
        "head": {"freeze": "backbone"},
        "whole": {"lr": 1e-3},
        "images": 50,
        "most_epochs": 2,
    },
    "train_rows": 400,
    "valid_rows": 400,
    "pool": 200,
    "labelled": [60],
    "rounds": 2,
    "episodes": 5,
    "nets": 2,
    "queries": 10,
    "draws": 2,
    "rows_a_class": [4, 10],
    "mapped_rows": 100,
    "disturbances": [["contrast", 5]],
    "few_rows": 20,
    "parameters": {
        "MLP": {"hidden_layer_sizes": 32, "max_epochs": 3, "n_threads": 1},
        "CNN": CNN,
    },
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    pytest.importorskip("timm")
    folder = tmp_path_factory.mktemp("labels")
    return small_studies.run(labels.STUDY, TINY, folder, "--seeds", "2", "--draws", "3")


def of_task(rows, task, **wanted):
    return [
        row
        for row in rows
        if row["task"] == task and all(row[key] == value for key, value in wanted.items())
    ]


@pytest.mark.slow
def test_self_training_is_compared_with_few_labels_and_with_all(rows):
    rows = of_task(rows, "self-training")
    assert len(rows) == 2 * 3 * 3
    for row in of_task(rows, "self-training", method="self-training"):
        assert 60 <= row["used"] <= 200
        assert (row["right"] is None) == (row["used"] == 60)
    for row in of_task(rows, "self-training", method="all rows labelled"):
        assert row["labelled"] == 200
        assert row["accuracy"] > 0.3 or row["classifier"] == "CNN"


@pytest.mark.slow
def test_few_shots_of_classes_that_were_not_trained_on(rows):
    rows = of_task(rows, "few shots")
    assert {row["shots"] for row in rows} == {1, 5, 20}
    for seed in (0, 1):
        new = {tuple(row["new"]) for row in rows if row["seed"] == seed}
        assert len(new) == 1
        assert len(set(new.pop())) == 3
    one, twenty = (np.mean([row["accuracy"] for row in rows if row["shots"] == n]) for n in (1, 20))
    assert 1 / 3 < one < twenty


@pytest.mark.slow
def test_transfer_is_compared_with_a_net_from_scratch(rows):
    rows = of_task(rows, "transfer")
    methods = {row["method"] for row in rows}
    assert methods == {
        "a net from scratch",
        "a net with init_from",
        "logistic regression of features",
    }
    assert len(rows) == 2 * 2 * 2 * 3


@pytest.mark.slow
def test_adaptation_beats_nothing_on_disturbed_images(rows):
    its = of_task(rows, "adaptation", kind="contrast 5")
    accuracy = {
        method: np.mean([row["accuracy"] for row in its if row["method"] == method])
        for method in {row["method"] for row in its}
    }
    assert accuracy["adapt_batch_norm"] > accuracy["as it is"]
    assert of_task(rows, "adaptation", kind="none")


@pytest.mark.slow
def test_skada_is_used_where_it_is_installed_and_missed_where_it_is_not(rows, monkeypatch):
    methods = {row["method"] for row in of_task(rows, "adaptation", classifier="CNN")}
    its = {method for method in methods if method.startswith("skada")}
    if its:
        assert len(its) == 4
        assert "not installed" not in labels.table(rows)
    monkeypatch.setitem(sys.modules, "skada", None)
    assert labels.skada_adapters() == {}
    without = [row for row in rows if not row["method"].startswith("skada")]
    assert "skada was not installed" in labels.table(without)


@pytest.mark.slow
def test_the_tables(rows):
    text = labels.table(rows)
    group = of_task(rows, "transfer", classifier="CNN", rows_a_class=10)
    group = [100 * row["accuracy"] for row in group if row["method"] == "a net with init_from"]
    line = next(line for line in text.splitlines() if "CNN " in line and "init_from" in line)
    assert f"{np.mean(group):.1f} ± {np.std(group, ddof=1):.1f}" in line
    row = of_task(rows, "few shots", classifier="MLP", seed=1, shots=5)[0]
    assert np.shape(row["episodes"]) == (2, 5)  # nets, episodes
    nets = 100 * np.mean(row["episodes"], axis=1)
    half = 12.706 * abs(nets[0] - nets[1]) / 2  # Student's t of one degree of freedom
    mean = nets.mean()
    assert f"{mean:.1f} [{mean - half:.1f}, {mean + half:.1f}]" in text
    assert text.count("**") == 10


@pytest.mark.slow
def test_pretrained_weights_are_compared_draw_by_draw(rows):
    rows = of_task(rows, few_labels.TASK)
    # Of three draws; logistic regression, which draws nothing, once each.
    assert len(rows) == 3 * 2 * (2 * 1 + 4 * 2)
    for way in ("pixels", "scratch"):
        one, five = (
            np.mean(
                [
                    row["accuracy"]
                    for row in of_task(rows, few_labels.TASK, method=way, rows_a_class=n)
                ]
            )
            for n in (1, 5)
        )
        # With one image a class, so small a net in so little time may know no more than chance.
        assert 0.09 < one < five
    settings = {
        way: of_task(rows, few_labels.TASK, method=way)[0]["settings"] for way in few_labels.WAYS
    }
    assert "pretext_rows" in settings["init_from"]
    assert settings["features"]["packages"]["timm"]
    assert "packages" not in settings["scratch"]
    assert "episodes" not in settings["scratch"]
    means = [
        [
            np.mean(
                [
                    r["accuracy"]
                    for r in rows
                    if (r["method"], r["rows_a_class"], r["seed"]) == (way, 5, draw)
                ]
            )
            for draw in range(3)
        ]
        for way in ("head", "scratch")
    ]
    gains = 100 * np.subtract(*means)
    half = 4.302653 * gains.std(ddof=1) / 3**0.5  # Student's t of two degrees of freedom
    lines, headings = few_labels.lines(rows)
    assert headings == ["accuracy %", "1 label a class", "5 labels a class"]
    its = next(line for line in lines if line[0] == f"{few_labels.WAYS['head']}: gain")
    mean = gains.mean()
    assert its[2] == f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"


def test_tasks_can_be_chosen():
    options = {"tasks": [few_labels.TASK], "draws": None}
    for size, n_draws in (("full", 5), ("quick", 1)):
        asked = Asked(labels.STUDY, size, [0, 1, 2], None, 1, argparse.Namespace(**options))
        pairs = labels.plan(asked)
        n_numbers = len(asked.settings[few_labels.TASK]["rows_a_class"])
        assert len(pairs) == n_draws * len(few_labels.WAYS) * n_numbers
        asked.options.tasks = ["adaptation"]
        assert {unit.partition(":")[0] for unit, _ in labels.plan(asked)} == {"adaptation"}
