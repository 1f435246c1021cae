"""`python -m benchmarks ensembles`, `learning-curve` and `labels`: rows, tables, going on."""

import itertools
import json
import sys

import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from benchmarks import (
    ensembles,
    labels,
    labels_adaptation,
    labels_report,
    labels_tasks,
    learning_curve,
    results,
    units,
)
from benchmarks.__main__ import main
from benchmarks.data import load_split
from benchmarks.models import Model
from benchmarks.studies import plus_minus
from skfashion import ConvNetClassifier, MLPNetClassifier


@pytest.fixture(scope="module")
def images():
    return load_split("sample")


def measured_twice(benchmark, folder, patch, words=()):
    """Measure two seeds, take the last unit away, and measure again; return the rows."""
    asked, measure = [], benchmark.measure

    def counting(unit, seed, *rest):
        asked.append((unit, seed))
        return measure(unit, seed, *rest)

    patch.setattr(benchmark, "measure", counting)
    patch.setattr(results, "LOCAL", folder)
    words = [benchmark.NAME, "--quick", "--seeds", "2", *words]
    path = folder / f"{benchmark.NAME}-quick.jsonl"
    assert main(words) == 0
    assert asked == [(unit, seed) for seed in (0, 1) for unit in benchmark.UNITS]
    whole = path.read_bytes()
    assert main(words) == 0
    assert path.read_bytes() == whole
    lines = whole.splitlines(keepends=True)
    last = json.loads(lines[-1])["unit"]
    kept = [
        line for line in lines if (json.loads(line)["unit"], json.loads(line)["seed"]) != (last, 1)
    ]
    path.write_bytes(b"".join(kept))
    assert main(words) == 0
    assert asked[2 * len(benchmark.UNITS) :] == [(last, 1)]
    assert len(path.read_bytes().splitlines()) == len(lines)
    return results.read(path)


# --- ensembles ----------------------------------------------------------------------------------

SIZES = {"train_rows": 300, "valid_rows": 300, "epochs": 2, "members": 3, "trees": 5, "folds": 2}


@pytest.fixture(scope="module")
def ensemble_rows(tmp_path_factory):
    def small(seed, settings, **parameters):
        defaults = {"channels": (4,), "max_epochs": settings["epochs"], "n_threads": 1}
        return ConvNetClassifier(random_state=seed, **(defaults | parameters))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensembles, "_cnn", small)
        patch.setattr(ensembles, "QUICK", ensembles.FULL | SIZES)
        return measured_twice(ensembles, tmp_path_factory.mktemp("ensembles"), patch)


def test_rows_of_ensembles_have_their_members(ensemble_rows):
    assert len({row["name"] for row in ensemble_rows}) == 12
    for row in ensemble_rows:
        assert {"machine", "versions", "commit", "code", "date", "settings"} <= set(row)
        assert row["command"] == "python -m benchmarks ensembles --quick --seeds 2"
        assert 0.1 < row["accuracy"] <= 1
        assert row["seconds"] > 0
        one = row["name"].startswith("one ")
        assert len(row["members"]) == (0 if one else 2 if "alike" in row["name"] else 3)
        assert (row["log_loss"] is None) == row["name"].startswith("hard")


def test_the_table_shows_gains_with_their_intervals(ensemble_rows):
    text = ensembles.markdown(ensemble_rows)
    group = [row for row in ensemble_rows if row["name"] == "vote of CNNs"]
    gains = [100 * (row["accuracy"] - max(row["members"])) for row in group]
    low, high = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    line = next(line for line in text.splitlines() if "vote of CNNs" in line)
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[2] == "3"
    assert cells[6] == f"{np.mean(gains):+.2f} ± {(high - low) / 2:.2f}"
    lowest, highest = (100 * np.mean([f(row["members"]) for row in group]) for f in (min, max))
    assert cells[5] == f"{lowest:.2f} to {highest:.2f}"
    for part in ("2 seeds", "300 of the training images", "has 6."):
        assert part in text


def test_no_test_image_is_looked_at(images):
    blind = images._replace(X_test=None, y_test=None)
    settings = ensembles.FULL | SIZES
    assert ensembles.measure("one CNN", 0, settings, blind)[0]["accuracy"] > 0.1
    X, X_valid, y, y_valid = units.held_out(images, 3, train_rows=300, valid_rows=200)
    assert (len(X), len(X_valid)) == (len(y), len(y_valid)) == (300, 200)
    assert np.bincount(y).tolist() == [30] * 10
    known = {row.tobytes() for row in X}
    assert not known & {row.tobytes() for row in X_valid}
    other = units.held_out(images, 4, train_rows=300, valid_rows=200)[0]
    assert not np.array_equal(X, other)


# --- learning curve -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def curve_rows(tmp_path_factory):
    def linear(seed, threads):
        return make_pipeline(MinMaxScaler(), LogisticRegression(C=0.1, max_iter=50))

    def net(seed, threads):
        return MLPNetClassifier(hidden_layer_sizes=16, max_epochs=2, random_state=seed)

    models = {
        unit: Model(unit.upper(), linear if "regression" in unit else net, "small")
        for unit in learning_curve.UNITS
    }
    folder = tmp_path_factory.mktemp("curve")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning_curve, "MODELS", models)
        patch.setattr(learning_curve, "QUICK", {"rows": [50, 200, 600]})
        rows = measured_twice(learning_curve, folder, patch)
        text = learning_curve.markdown(rows)
    assert (folder / "learning-curve-quick.png").stat().st_size > 15_000
    return rows, text


def test_more_rows_are_worth_something(curve_rows):
    rows, text = curve_rows
    assert len(rows) == 2 * 5 * 3
    linear = [row for row in rows if row["name"] == "LOGISTIC_REGRESSION"]
    few, many = ([row["accuracy"] for row in linear if row["rows"] == n] for n in (50, 600))
    assert min(many) > max(few)
    line = next(line for line in text.splitlines() if "LOGISTIC" in line)
    assert f"{100 * np.mean(few):.2f} ± {100 * np.std(few, ddof=1):.2f}" in line
    assert text.endswith("(images/learning_curve.png)")


def test_smaller_parts_lie_in_larger_ones(images, monkeypatch):
    seen = []

    class Spy(LogisticRegression):
        def fit(self, X, y):
            seen.append((X.copy(), y.copy()))
            return super().fit(X / 255, y)

    model = Model("spy", lambda seed, threads: Spy(max_iter=1), "spies")
    monkeypatch.setattr(learning_curve, "MODELS", {"mlp_net": model})
    with pytest.warns(UserWarning):
        learning_curve.measure("mlp_net", 5, {"rows": [20, 100, 6000]}, images)
    assert [len(y) for _, y in seen] == [6000, 100, 20]
    for (X, _), (part, labels_) in itertools.pairwise(seen):
        assert {row.tobytes() for row in part} <= {row.tobytes() for row in X}
        assert len(set(np.bincount(labels_))) == 1


# --- labels -------------------------------------------------------------------------------------

FEW = {"train_rows": 400, "valid_rows": 400, "pool": 200, "labelled": [60], "rounds": 2}
FEW |= {"episodes": 5, "queries": 10, "draws": 2, "rows_a_class": [4, 10], "mapped_rows": 100}
FEW |= {"disturbances": [["contrast", 5]], "few_rows": 20}


def _small(name, seed, **parameters):
    net = {"max_epochs": 3, "random_state": seed, "n_threads": 1} | parameters
    if name == "forest":
        return RandomForestClassifier(10, random_state=seed)
    if name == "MLP":
        return MLPNetClassifier(hidden_layer_sizes=32, **net)
    return ConvNetClassifier(channels=(4, 8), hidden_layer_sizes=32, **net)


@pytest.fixture(scope="module")
def label_rows(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels_tasks, "classifier", _small)
        patch.setattr(labels_adaptation, "classifier", _small)
        patch.setattr(labels, "QUICK", labels.FULL | FEW)
        return measured_twice(labels, tmp_path_factory.mktemp("labels"), patch)


def of_task(rows, task, **wanted):
    return [
        row
        for row in rows
        if row["task"] == task and all(row[key] == value for key, value in wanted.items())
    ]


def test_self_training_is_compared_with_few_labels_and_with_all(label_rows):
    rows = of_task(label_rows, "self-training")
    assert len(rows) == 2 * 3 * 3
    for row in of_task(rows, "self-training", method="self-training"):
        assert 60 <= row["used"] <= 200
        assert (row["right"] is None) == (row["used"] == 60)
    for row in of_task(rows, "self-training", method="all rows labelled"):
        assert row["labelled"] == 200
        assert row["accuracy"] > 0.3 or row["classifier"] == "CNN"


def test_few_shots_of_classes_that_were_not_trained_on(label_rows):
    rows = of_task(label_rows, "few shots")
    assert {row["shots"] for row in rows} == {1, 5, 20}
    for seed in (0, 1):
        new = {tuple(row["new"]) for row in rows if row["seed"] == seed}
        assert len(new) == 1
        assert len(set(new.pop())) == 3
    one, twenty = (np.mean([row["accuracy"] for row in rows if row["shots"] == n]) for n in (1, 20))
    assert 1 / 3 < one < twenty


def test_transfer_is_compared_with_a_net_from_scratch(label_rows):
    rows = of_task(label_rows, "transfer")
    methods = {row["method"] for row in rows}
    assert methods == {
        "a net from scratch",
        "a net with init_from",
        "logistic regression of features",
    }
    assert len(rows) == 2 * 2 * 2 * 3


def test_adaptation_beats_nothing_on_disturbed_images(label_rows):
    rows = of_task(label_rows, "adaptation", kind="contrast 5")
    accuracy = {
        method: np.mean([row["accuracy"] for row in rows if row["method"] == method])
        for method in {row["method"] for row in rows}
    }
    assert accuracy["adapt_batch_norm"] > accuracy["as it is"]
    assert any(row["kind"] == "none" for row in label_rows if row["task"] == "adaptation")


def test_skada_is_used_where_it_is_installed_and_missed_where_it_is_not(label_rows, monkeypatch):
    methods = {row["method"] for row in of_task(label_rows, "adaptation", classifier="CNN")}
    its = {method for method in methods if method.startswith("skada")}
    text = labels_report.markdown(label_rows)
    if its:
        assert len(its) == 4
        assert "not installed" not in text
    monkeypatch.setitem(sys.modules, "skada", None)
    assert labels_adaptation._adapters() == {}
    without = [row for row in label_rows if not row["method"].startswith("skada")]
    assert "skada was not installed" in labels_report.markdown(without)


def test_the_tables_of_labels(label_rows):
    text = labels_report.markdown(label_rows)
    group = of_task(label_rows, "transfer", classifier="CNN", rows_a_class=10)
    group = [100 * r["accuracy"] for r in group if r["method"] == "a net with init_from"]
    line = next(line for line in text.splitlines() if "CNN " in line and "init_from" in line)
    assert f"{np.mean(group):.1f} ± {np.std(group, ddof=1):.1f}" in line
    row = of_task(label_rows, "few shots", classifier="MLP", seed=1, shots=5)[0]
    half = 1.96 * row["deviation"] / 5**0.5
    assert f"{100 * row['accuracy']:.1f} ± {100 * half:.1f}" in text
    assert text.count("**") == 8


# --- what they share ----------------------------------------------------------------------------


@pytest.mark.parametrize("benchmark", [ensembles, learning_curve, labels], ids=lambda b: b.NAME)
def test_publishing_is_for_the_full_data(benchmark, capsys):
    assert main([benchmark.NAME, "--quick", "--publish"]) == 2
    assert "--publish goes without --quick" in capsys.readouterr().err


@pytest.mark.parametrize("benchmark", [ensembles, learning_curve, labels], ids=lambda b: b.NAME)
def test_pages_have_the_places_of_the_tables(benchmark):
    page = benchmark.PAGE.read_text(encoding="utf-8")
    assert page.count(benchmark.START) == page.count(benchmark.END) == 1
    assert f"python -m benchmarks {benchmark.NAME} --publish" in page or benchmark.FILE.exists()


def test_rows_of_other_sources_and_settings_do_not_count(ensemble_rows):
    older = [{**row, "engine": {"images": 1}} for row in ensemble_rows]
    changed = [{**row, "settings": {}} for row in ensemble_rows]
    counted = results.current([*older, *changed, *ensemble_rows])
    assert counted == sorted(ensemble_rows, key=lambda row: row["seed"])


def test_interval_by_hand():
    values = [0.1, 0.2, 0.4]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    mean = np.mean(values)
    assert plus_minus(values, 100, 1) == f"{100 * mean:.1f} ± {100 * (high - low) / 2:.1f}"
    assert plus_minus(values[:1], 1, 2, signed=True) == "+0.10"
