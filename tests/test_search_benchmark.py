"""`python -m benchmarks search`: what is searched, what a row records, what tables say."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).absolute().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import data, results  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402
from benchmarks.search import command, report, searches  # noqa: E402
from benchmarks.search.rows import FULL, QUICK, ROWS, SEARCHES, Row, Task, Weighing  # noqa: E402

TINY = dataclasses.replace(
    QUICK,
    rows=200,
    held_out=200,
    epochs=1,
    long_epochs={"3": 4, "2": 4},
    grid={"hidden_layer_sizes": [[8], [8, 4]], "lr": [1e-3], "batch_size": [32, 64]},
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "LOCAL", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_rows_are_measured_once(folder, monkeypatch, capsys):
    monkeypatch.setattr(command, "QUICK", TINY)
    rows = {"2": "jobs", "1": "rivals,halving-3,memory,pauses"}
    calls = [["search", "--quick", "--rows", rows[n], "--rounds", n] for n in rows]
    assert [main(call) for call in calls] == [0, 0]
    path = folder / "search-sample.jsonl"
    measured = {row["unit"]: row for row in results.read(path)}
    assert list(measured) == ",".join(rows.values()).split(",")
    for name, row in measured.items():
        words = f"--rows {name} --rounds {2 if name == 'jobs' else 1}"
        assert row["command"] == f"python -m benchmarks search --quick {words}"
        assert {"machine", "versions", "commit", "date"} <= set(row)
        json.dumps(row, allow_nan=False)
    jobs, halving, memory = (measured[name] for name in ("jobs", "halving-3", "memory"))
    ours, alone = jobs["seconds"]["ours"], jobs["seconds"]["ours_alone"]
    expected = [a / b for a, b in zip(ours, alone, strict=True)]
    assert jobs["ratios"]["ours_alone"] == pytest.approx(expected, rel=0.05)
    # One thread a net: the number of jobs changes no bit. Other rounds have other rows.
    found = [list(zip(jobs["scores"][n], jobs["held_out"][n], strict=True)) for n in jobs["scores"]]
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]
    assert set(measured["rivals"]["seconds"]) == {"ours", "skorch", "sklearn"}
    assert len(halving["shortfalls"]) == 1
    assert min(halving["shortfalls"]) >= 0
    pauses = measured["pauses"]
    assert pauses["epochs"] == [1]
    for name in ROWS["pauses"].decays:
        assert np.shape(pauses["accuracy"][name]) == np.shape(pauses["correlation"][name]) == (1, 1)
    # After the first epoch, in a few steps, the average is not the last weights.
    assert len({str(values) for values in pauses["accuracy"].values()}) > 1
    weights = memory["memory"]
    assert min(weights["increase_mb"]) > 1
    for fit, target in zip(weights["fit_mb"], weights["target_mb"], strict=True):
        assert target == pytest.approx(1.5 * fit + 300, abs=0.2)
    shown = capsys.readouterr().out
    assert "| grid search, n_jobs=2" in shown
    assert "skorch NeuralNetClassifier" in shown
    whole = path.read_bytes()
    assert [main(call) for call in calls] == [0, 0]
    assert path.read_bytes() == whole


def test_what_is_there_already_is_not_measured_again(folder, monkeypatch):
    asked = []

    def compare(row, task, rounds):
        asked.append((row.title, rounds))
        names = [row.ours, *row.others]
        numbers = {name: [1.0] * rounds for name in names}
        measured = {"seconds": numbers, "scores": numbers, "held_out": numbers}
        return measured | {"ratios": numbers, "targets": row.others}

    monkeypatch.setitem(command.MEASURES, Row, compare)
    assert main(["search", "--quick", "--rows", "jobs"]) == 0
    assert main(["search", "--quick", "--rows", "jobs,rivals"]) == 0
    assert main(["search", "--quick", "--rows", "jobs", "--rounds", "3"]) == 0
    titles = [ROWS[name].title for name in ("jobs", "rivals", "jobs")]
    assert asked == list(zip(titles, [1, 1, 3], strict=True))
    assert main(["search", "--publish", "--quick"]) == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_library_searches_the_same_networks_on_the_same_rows():
    sizes = {}
    for name in ("ours", "skorch", "sklearn"):
        task = dataclasses.replace(TINY, grid=TINY.grid | {"hidden_layer_sizes": [[12, 6]]})
        X, y, *_ = searches.draw(task, 0, as_float=True)
        assert (X.dtype, X.shape, X.max()) == (np.float32, (200, 784), 1)
        search = searches.make(task, dataclasses.replace(SEARCHES[name], n_jobs=1)).fit(X, y)
        best = search.best_estimator_
        if name == "sklearn":
            sizes[name] = sum(weights.size for weights in best.coefs_ + best.intercepts_)
            assert best.n_iter_ == task.epochs
        else:
            module = best.net_.module_ if name == "ours" else best.module_
            sizes[name] = sum(p.numel() for p in module.parameters())
        keys = {searches.key_of(params) for params in search.cv_results_["params"]}
        assert keys == {
            json.dumps({"batch_size": n, "hidden_layer_sizes": [12, 6], "lr": 1e-3})
            for n in (32, 64)
        }
    n_weights = 784 * 12 + 12 + 12 * 6 + 6 + 6 * 10 + 10
    assert sizes == dict.fromkeys(("ours", "skorch", "sklearn"), n_weights)


def test_only_training_images_are_drawn():
    train = {row.tobytes() for row in data.load_split("sample").X_train}
    first = searches.draw(TINY, 0, as_float=False)
    second = searches.draw(TINY, 1, as_float=False)
    for X, y, X_held_out, y_held_out in (first, second):
        assert {row.tobytes() for row in (*X, *X_held_out)} <= train
        assert not {row.tobytes() for row in X} & {row.tobytes() for row in X_held_out}
        assert len(y) == len(y_held_out) == 200
    assert not np.array_equal(first[0], second[0])


def test_rows_name_searches_that_are_known_and_fit_to_each_other():
    for row in ROWS.values():
        if not isinstance(row, Row):
            continue
        names = [row.ours, *row.others]
        assert set(names) <= set(SEARCHES)
        assert row.whole is None or row.whole in names
        assert len({SEARCHES[name].factor for name in names}) == 1
    assert np.prod([len(values) for values in FULL.grid.values()]) == 24
    assert (FULL.rows, FULL.folds) == (12_000, 3)


@pytest.mark.parametrize(("name", "expected"), [("epochs3", 0.786), ("epochs2", 0.618)])
def test_counts_of_epochs_are_those_that_the_aims_come_from(name, expected):
    from skfashion.model_selection.rungs import plan_rungs

    factor = SEARCHES[name].factor
    last = FULL.long_epochs[str(factor)]
    candidates, epochs = plan_rungs(24, factor, 1, last)
    assert epochs[-1] == last
    anew = sum(n * e for n, e in zip(candidates, epochs, strict=True))
    on = sum(n * e for n, e in zip(candidates, np.diff([0, *epochs]), strict=True))
    # The last fit has the rows of all folds, one and a half times those of a training.
    refit = last * FULL.folds / (FULL.folds - 1)
    ratio = (FULL.folds * on + refit) / (FULL.folds * anew + refit)
    assert ratio == pytest.approx(expected, abs=1e-3)


def test_a_row_has_its_own_environment(monkeypatch):
    seen = []

    def in_a_fresh_process(name, variables, **_):
        seen.append((name, variables.get("MALLOC_TRIM_THRESHOLD_")))
        return {"idle_mb": 1.0, "increase_mb": 2.0}

    monkeypatch.setattr(command, "in_a_fresh_process", in_a_fresh_process)
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    for name in ("memory", "memory-trimmed"):
        command.weigh(ROWS[name], TINY, 1)
    assert seen == [
        ("of_a_fit", None),
        ("of_a_search", None),
        ("of_a_fit", "65536"),
        ("of_a_search", "65536"),
    ]


def test_tables_hold_medians_ranges_and_aims():
    common = {
        "study": "search",
        "version": 1,
        "seed": None,
        "settings": {"rounds": 3, "task": json.loads(json.dumps(dataclasses.asdict(Task())))},
        "training": "abc",
        "date": "2026",
        "versions": {"torch": "2"},
        "machine": {"cpu": "a", "instructions": "b", "cores": 2, "ram_gb": 8},
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
    memory = {
        "unit": "memory",
        "memory": {
            "fit_mb": [60.0, 70.0, 80.0],
            "idle_mb": [900.0, 900.0, 900.0],
            "increase_mb": [300.0, 320.0, 350.0],
            "target_mb": [390.0, 405.0, 420.0],
        },
    }
    judged = {
        "unit": "pauses",
        "epochs": [3, 9],
        "accuracy": {"last weights": [[0.7, 0.8], [0.71, 0.82], [0.75, 0.85]]},
        "correlation": {"last weights": [[0.5, 0.9], [0.6, 0.7], [0.1, 0.8]]},
    }
    rows = [memory, memory | {"unit": "memory-trimmed"}, timed, timed, judged]
    text = report.markdown(report.current([common | row for row in rows]))
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    title = ROWS["halving-3"].title
    assert [title, "EpochHalvingSearchCV", "6", "", "", "85.00"] in lines
    what = "GridSearchCV, all epochs"
    assert ["last weights", "71.00", "0.50 (0.10-0.60)", "82.00", "0.80 (0.70-0.90)"] in lines
    assert [title, what, "12", "0.50 (0.25-0.75)", "0.35", "86.00"] in lines
    assert [line[1:] for line in lines if line and line[0].endswith("cross-validation")] == [
        ["0.10 (0.00-0.40)", "0.30"]
    ]
    assert [line[1:] for line in lines if line and line[0].startswith("16 candidates")] == [
        ["320 (300-350)", "405"]
    ] * 2
    fits = [line[0].partition(":")[0] for line in lines if line and line[0].startswith("one fit")]
    assert fits == ["one fit to all rows", "one fit to all rows, MALLOC_TRIM_THRESHOLD_=65536"]
    assert "24 candidates, 3 folds of 12000 training images, drawn anew in each of 3 rounds" in text
    assert isinstance(ROWS["memory"], Weighing) and isinstance(ROWS["halving-3"], Row)
