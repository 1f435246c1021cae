"""`python -m benchmarks search`: what is searched, what a row records, what tables say."""

import dataclasses
import json
import time

import numpy as np
import pytest
import small_studies

from benchmarks import data
from benchmarks.studies import search
from benchmarks.studies.search import FULL, ROWS, searches
from benchmarks.studies.search.searches import SEARCHES

TINY = search.QUICK | {
    "rows": 200,
    "held_out": 200,
    "epochs": 1,
    "long_epochs": {"4": 4, "3": 4, "2": 4},
    "grid": {"hidden_layer_sizes": [[8], [8, 4]], "lr": [1e-3], "batch_size": [32, 64]},
}


@pytest.mark.slow
def test_rows_are_measured_in_processes_of_their_own(tmp_path, monkeypatch, capsys):
    # Each search is a process that starts workers of its own: half a minute a search.
    two = dataclasses.replace(ROWS["halving-3"], others={"grid3": 0.35})
    monkeypatch.setitem(ROWS, "halving-3", two)
    words = ["--rows", "halving-3", "--rounds", "2"]
    (halving,) = small_studies.run(search.STUDY, TINY, tmp_path / "halving", *words)
    (weighed,) = small_studies.run(search.STUDY, TINY, tmp_path / "memory", "--rows", "memory")
    json.dumps([halving, weighed], allow_nan=False)
    ours, theirs = halving["seconds"]["epochs3"], halving["seconds"]["grid3"]
    expected = [a / b for a, b in zip(ours, theirs, strict=True)]
    assert halving["ratios"]["grid3"] == pytest.approx(expected, rel=0.05)
    assert len(halving["shortfalls"]) == 2
    # Other rounds have other rows.
    for first, second in halving["held_out"].values():
        assert first != second
    weights = weighed["memory"]
    assert min(weights["increase_mb"]) > 1
    for fit, target in zip(weights["fit_mb"], weights["target_mb"], strict=True):
        assert target == pytest.approx(1.5 * fit + 300, abs=0.2)
    shown = capsys.readouterr().out
    assert "| successive halving, factor 3" in shown
    assert "EpochHalvingSearchCV" in shown


def test_a_shortfall_is_what_the_best_candidate_has_more():
    whole = {"scores": {"a": 0.80, "b": 0.85, "c": 0.83}}
    assert search.shortfall({"params": "c"}, whole) == pytest.approx(2.0)
    assert search.shortfall({"params": "b"}, whole) == 0.0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_library_searches_the_same_networks_on_the_same_rows():
    task = TINY | {"grid": TINY["grid"] | {"hidden_layer_sizes": [[12, 6]]}}
    sizes = {}
    for name in ("ours", "skorch", "sklearn"):
        X, y, *_ = searches.draw(task, 0, as_float=True)
        assert (X.dtype, X.shape, X.max()) == (np.float32, (200, 784), 1)
        its = searches.make(task, SEARCHES[name]._replace(n_jobs=1)).fit(X, y)
        best = its.best_estimator_
        if name == "sklearn":
            sizes[name] = sum(weights.size for weights in best.coefs_ + best.intercepts_)
            assert best.n_iter_ == task["epochs"]
        else:
            module = best.net_.module_ if name == "ours" else best.module_
            sizes[name] = sum(p.numel() for p in module.parameters())
        keys = {searches.key_of(params) for params in its.cv_results_["params"]}
        assert keys == {
            json.dumps({"batch_size": n, "hidden_layer_sizes": [12, 6], "lr": 1e-3})
            for n in (32, 64)
        }
    n_weights = 784 * 12 + 12 + 12 * 6 + 6 + 6 * 10 + 10
    assert sizes == dict.fromkeys(("ours", "skorch", "sklearn"), n_weights)


def test_only_training_images_are_drawn():
    train = {row.tobytes() for row in data.load_split("sample").X_train}
    first, second = (searches.draw(TINY, number, as_float=False) for number in (0, 1))
    for X, y, X_held_out, y_held_out in (first, second):
        assert {row.tobytes() for row in (*X, *X_held_out)} <= train
        assert not {row.tobytes() for row in X} & {row.tobytes() for row in X_held_out}
        assert len(y) == len(y_held_out) == 200
    assert not np.array_equal(first[0], second[0])


def test_rows_name_searches_that_are_known_and_fit_to_each_other():
    for row in ROWS.values():
        if isinstance(row, search.Row):
            names = [row.ours, *row.others]
            assert set(names) <= set(SEARCHES)
            assert row.whole is None or row.whole in names
            assert len({SEARCHES[name].factor for name in names}) == 1
    assert np.prod([len(values) for values in FULL["grid"].values()]) == 24


@pytest.mark.parametrize(("name", "expected"), [("epochs3", 0.786), ("epochs2", 0.618)])
def test_counts_of_epochs_are_those_that_the_aims_come_from(name, expected):
    from skfashion.model_selection.rungs import plan_rungs

    factor = SEARCHES[name].factor
    last = FULL["long_epochs"][str(factor)]
    candidates, epochs = plan_rungs(24, factor, 1, last)
    assert epochs[-1] == last
    anew = sum(n * e for n, e in zip(candidates, epochs, strict=True))
    on = sum(n * e for n, e in zip(candidates, np.diff([0, *epochs]), strict=True))
    # The last fit has the rows of all folds, one and a half times those of a training.
    refit = last * FULL["folds"] / (FULL["folds"] - 1)
    ratio = (FULL["folds"] * on + refit) / (FULL["folds"] * anew + refit)
    assert ratio == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_memory_that_is_given_back_still_counts_as_the_highest(monkeypatch):
    looks, look = [], searches.tree_mb

    def counted():
        found = look()
        looks.append(found)
        return found

    def work():
        held = np.ones(25_000_000)
        # On a busy machine a single look, which reads about all processes, may take a second. The
        # second one from now on begins and ends while the memory is held. Without looks, go on.
        n_before, deadline = len(looks), time.monotonic() + 30
        while len(looks) < n_before + 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        del held

    monkeypatch.setattr(searches, "tree_mb", counted)
    before = searches.tree_mb()
    found = searches._weighed(work)
    # The system may take back some MB of what lies idle, at any time.
    assert found["idle_mb"] == pytest.approx(before, abs=50)
    assert found["increase_mb"] == pytest.approx(200, abs=50)


def test_tables_hold_medians_ranges_and_aims():
    common = {
        "settings": {"rounds": 3, "task": FULL},
        "versions": {"torch": "2"},
        "machine": {"cpu": "a", "instructions": "b", "cores": 2, "ram_gb": 8},
        "date": "2026-11-30",
        "commit": "0" * 40,
    }
    timed = {
        "unit": "halving-3",
        "seconds": {"epochs3": [3.0, 6.0, 9.0], "grid3": [12.0, 12.0, 12.0]},
        "ratios": {"grid3": [0.25, 0.5, 0.75]},
        "held_out": {"epochs3": [0.8, 0.9, 0.85], "grid3": [0.8, 0.9, 0.86]},
        "targets": {"halving3": 0.85, "grid3": 0.35},
        "shortfalls": [0.0, 0.1, 0.4],
        "shortfall_target": 0.3,
    }
    weighed = {
        "unit": "memory",
        "memory": {
            "fit_mb": [60.0, 70.0, 80.0],
            "idle_mb": [900.0, 900.0, 900.0],
            "increase_mb": [300.0, 320.0, 350.0],
            "target_mb": [390.0, 405.0, 420.0],
        },
    }
    rows = [weighed, weighed | {"unit": "memory-trimmed"}, timed]
    text = search.table([common | row for row in rows])
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    title = ROWS["halving-3"].title
    assert [title, "EpochHalvingSearchCV", "6", "", "", "85.00"] in lines
    what = "GridSearchCV, all epochs"
    assert [title, what, "12", "0.50 (0.25-0.75)", "0.35, missed", "86.00"] in lines
    assert [line[1:] for line in lines if line and line[0].endswith("cross-validation")] == [
        ["0.10 (0.00-0.40)", "0.30"]
    ]
    assert [line[1:] for line in lines if line and line[0].startswith("16 candidates")] == [
        ["320 (300-350)", "405"]
    ] * 2
    fits = [line[0].partition(":")[0] for line in lines if line and line[0].startswith("one fit")]
    assert fits == ["one fit to all rows", "one fit to all rows, MALLOC_TRIM_THRESHOLD_=65536"]
    assert "24 candidates, 3 folds of 12000 training images, drawn anew in each of 3 rounds" in text
