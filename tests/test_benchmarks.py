"""The benchmark: what a run records, and what happens when runs fail, repeat or are stopped."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).absolute().parents[1]
# The benchmarks are no part of the installed package; pytest may be called from anywhere.
sys.path.insert(0, str(ROOT))

from benchmarks import data, environment, memory, models, results, tables  # noqa: E402
from benchmarks.metrics import evaluate, expected_calibration_error  # noqa: E402

SMALL = ["accuracy", "--rows", "100", "--threads", "1"]


def benchmark(*words, root=ROOT):
    """Run ``python -m benchmarks`` and wait for it."""
    command = [sys.executable, "-m", "benchmarks", *map(str, words)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)


def run_here(words):
    """Run a command in this process and return its exit status."""
    from benchmarks.__main__ import main

    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Run two models that work and one that fails; give the folder and what was printed."""
    folder = tmp_path_factory.mktemp("measured")
    # mlp_sklearn needs a validation row of each class: with 10 rows it fails, the others do not.
    names = "dummy,mlp_sklearn,logistic_regression"
    words = ["accuracy", "--threads", "1", "--rows", "10", "--models", names]
    return folder, benchmark(*words, "--output", folder)


def rows_of(folder):
    return results.read(results.path_for(folder, "sample"))


# --- calibration error ------------------------------------------------------------------------


def test_ece_by_hand():
    # Bins of width 1/2, two rows: confidences 0.9 and 0.7, one of two right, so the upper bin's
    # accuracy is 0.5, its confidence 0.8.
    proba = [[0.9, 0.1], [0.7, 0.3]]
    assert expected_calibration_error([0, 1], proba, n_bins=2) == pytest.approx(0.3)
    # Bins of width 1/5 part them: (|1 - 0.9| + |0 - 0.7|) / 2.
    assert expected_calibration_error([0, 1], proba, n_bins=5) == pytest.approx(0.4)


def test_ece_bins_are_closed_above():
    # 0.6 is the upper edge of bin 3 of 5 and 0.7 lies in bin 4: apart they give (0.4 + 0.7) / 2,
    # in one bin they would give |0.5 - 0.65|.
    proba = [[0.6, 0.4], [0.7, 0.3]]
    assert expected_calibration_error([0, 1], proba, n_bins=5) == pytest.approx(0.55)


def test_ece_reads_labels_from_classes():
    proba = [[0.2, 0.8], [1.0, 0.0]]
    labels = ["bag", "coat"]
    error = expected_calibration_error(["coat", "bag"], proba, classes=labels)
    assert error == pytest.approx(0.1)


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_ece_equals_a_loop_over_bins(n, k, n_bins, seed):
    random = np.random.default_rng(seed)
    proba = random.dirichlet(np.ones(k), size=n)
    y = random.integers(0, k, size=n)
    top, right = proba.max(axis=1), proba.argmax(axis=1) == y
    expected = 0.0
    for i in range(n_bins):
        inside = (top > i / n_bins) & (top <= (i + 1) / n_bins)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - top[inside].mean())
    found = expected_calibration_error(y, proba, n_bins=n_bins)
    assert found == pytest.approx(expected, abs=1e-12)
    assert 0 <= found <= 1


def test_evaluate_by_hand():
    proba = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]])
    found = evaluate([0, 0, 1, 1], [0, 0, 1, 0], proba, np.array([0, 1]))
    assert found["confusion_matrix"] == [[2, 0], [1, 1]]
    assert found["per_class_recall"] == [1.0, 0.5]
    numbers = found["metrics"]
    assert numbers["accuracy"] == numbers["balanced_accuracy"] == 0.75
    assert numbers["precision_macro"] == pytest.approx((2 / 3 + 1) / 2)
    assert numbers["f1_macro"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert numbers["log_loss"] == pytest.approx(-np.log([0.8, 0.6, 0.7, 0.1]).mean())


# --- a real run -------------------------------------------------------------------------------


def test_row_says_everything(measured):
    folder, _ = measured
    row = next(row for row in rows_of(folder) if row["unit"] == "logistic_regression")
    assert row["seed"] == 0
    assert row["threads"] == 1
    assert row["timing_shared"] is False
    assert row["data"]["name"] == "sample"
    assert row["data"]["train_rows"] == 10
    assert re.fullmatch("[0-9a-f]{64}", row["data"]["sha256"])
    assert row["settings"]["logisticregression__C"] == 0.1
    assert (row["study"], row["version"], row["unit"]) == ("accuracy", 1, "logistic_regression")
    assert row["engine"] is None  # no net of ours
    assert {"python", "torch", "scikit-learn", "skorch", "numpy", "skfashion"} == set(
        row["versions"]
    )
    assert set(row["machine"]) == {"cpu", "instructions", "cores", "ram_gb", "system"}
    assert np.shape(row["confusion_matrix"]) == (10, 10)
    assert np.sum(row["confusion_matrix"]) == row["data"]["test_rows"] == 10
    assert row["metrics"]["accuracy"] == np.trace(row["confusion_matrix"]) / 10
    assert row["metrics"]["recall_macro"] == pytest.approx(np.mean(row["per_class_recall"]))
    assert row["seconds"]["fit"] > 0
    assert row["model_bytes"] > 10 * 784
    assert row["memory_mb"]["peak"] >= row["memory_mb"]["before_fit"] > 10
    assert row["commit"] == environment.commit()
    assert row["date"].endswith("+00:00")
    again = "python -m benchmarks accuracy --data sample --seeds 0, --models "
    assert row["command"].startswith(again)
    assert os.uname().nodename not in row.values()
    assert str(ROOT) not in json.dumps(row)


def test_row_is_what_the_model_predicts(measured):
    folder, _ = measured
    row = next(row for row in rows_of(folder) if row["unit"] == "logistic_regression")
    split = data.load_split("sample", 10)
    model = models.MODELS["logistic_regression"].build(0, 1).fit(split.X_train, split.y_train)
    pairs = list(zip(split.y_test, model.predict(split.X_test), strict=True))
    expected = [[pairs.count((i, j)) for j in range(10)] for i in range(10)]
    assert row["confusion_matrix"] == expected
    assert row["data"]["sha256"] == split.sha256()


def test_a_failure_is_reported_and_the_others_go_on(measured):
    folder, done = measured
    assert done.returncode == 1
    assert re.search(
        r"^failed: mlp_sklearn seed 0: ValueError: The validation set", done.stderr, re.M
    )
    assert [row["unit"] for row in rows_of(folder)] == ["dummy", "logistic_regression"]


def test_table_and_pictures(measured):
    folder, done = measured
    lines = done.stdout.splitlines()
    names = [line.split()[0] for line in lines if line.startswith(("Logistic", "Dummy"))]
    rows = sorted(rows_of(folder), key=lambda row: -row["metrics"]["accuracy"])
    assert names == [row["label"].split()[0] for row in rows]
    drawn = {path.name for path in (folder / "pictures-sample").iterdir()}
    matrices = {"confusion_dummy.png", "confusion_logistic_regression.png"}
    assert drawn == {"accuracy_vs_time.png", "per_class_recall.png"} | matrices


@pytest.mark.slow
def test_table_shows_what_was_asked_for_and_nothing_else(tmp_path, capsys):
    """Runs of another size in the same file are not to be compared with these."""
    words = ["accuracy", "--threads", "1", "--output", tmp_path, "--models"]
    run_here([*words, "dummy,logistic_regression", "--rows", "100", "--resume"])
    first = capsys.readouterr().out
    run_here([*words, "dummy", "--rows", "50"])
    capsys.readouterr()
    run_here([*words, "dummy,logistic_regression", "--rows", "100", "--resume"])
    again = capsys.readouterr()
    assert "already there" in again.err
    assert again.out == first
    assert "100 training" in first and "50 training" not in first


def test_a_small_run_after_a_large_process_reports_its_own_peak(tmp_path):
    # getrusage's peak survives exec: a child of this process would report these 400 MB as its own.
    ballast = np.ones(400_000_000, dtype=np.uint8)
    before = memory.peak_mb()
    assert before > 400
    command = [sys.executable, "-c", "from benchmarks import memory; print(memory.peak_mb())"]
    variables = environment.child_environment(1)
    answer = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert 1 < float(answer.stdout) < 100
    del ballast
    memory.forget_peak()
    assert memory.peak_mb() < before - 200


def test_children_get_numpy_at_its_best(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "512")
    variables = environment.child_environment(3)
    assert not {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"} & set(variables)
    assert variables["OMP_NUM_THREADS"] == variables["OPENBLAS_NUM_THREADS"] == "3"


@pytest.mark.slow
def test_shared_timing_and_resume(tmp_path, capsys):
    words = [*SMALL, "--models", "dummy", "--seeds", 2, "--output", tmp_path, "--resume"]
    assert run_here([*words, "--jobs", 2]) == 0
    first = rows_of(tmp_path)
    assert sorted(row["seed"] for row in first) == [0, 1]
    assert [row["timing_shared"] for row in first] == [True, True]
    printed = capsys.readouterr()
    assert "SHARED PROCESSOR" in " ".join(printed.out.split())
    assert "skipped" not in printed.err
    # The same again is not measured again.
    assert run_here([*words, "--jobs", 2]) == 0
    assert "dummy seed 1: already there, skipped" in capsys.readouterr().err
    assert rows_of(tmp_path) == first
    # Seconds of a processor for itself are another measurement.
    words[words.index(2)] = "1,"
    assert run_here(words) == 0
    assert "skipped" not in capsys.readouterr().err
    assert [row["timing_shared"] for row in rows_of(tmp_path)] == [True, True, False]


def test_shared_timing_is_never_published(capsys):
    assert run_here(["accuracy", "--models", "dummy", "--jobs", 2, "--publish"]) == 2
    assert "--jobs above 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--models", "dummy,resnet9000"], "unknown model 'resnet9000'; choose from mlp_net"),
        (["--data", "cifar"], "'cifar'"),
        (["--seeds", "none"], "whole number from 1, got 'none'"),
        (["--seeds", "1,two"], "'1,two'"),
        (["--rows", "9"], "at least 10"),
        (["--publish", "--rows", "100"], "--publish cannot be combined with --rows"),
        (["--output", "benchmarks/results"], "committed results"),
    ],
)
def test_bad_arguments(words, said, capsys, monkeypatch):
    from benchmarks.__main__ import main

    monkeypatch.chdir(ROOT)
    try:
        code = main(["accuracy", *words])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_keeps_finished_rows_and_leaves_no_process(tmp_path):
    words = ["accuracy", "--models", "dummy,hist_gradient_boosting", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks", *words]
    # A shell's background job ignores the signal, and so would what is started from it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    try:
        assert process.stderr.readline().startswith("[1/2] dummy seed 0")
        deadline = time.monotonic() + 20
        while not (children := psutil.Process(process.pid).children(recursive=True)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    said, stopped = errors.splitlines()
    assert "accuracy-sample.jsonl; the same command with --resume goes on" in said
    assert stopped == "Stopped."
    assert [row["unit"] for row in rows_of(tmp_path)] == ["dummy"]
    assert not [child for child in children if child.is_running()]


# --- result files -----------------------------------------------------------------------------


def row(model="dummy", seed=0, accuracy=0.5, **changes):
    """Make a result row with all that tables, pictures and ``current`` read."""
    return {
        "study": "accuracy",
        "version": 1,
        "unit": model,
        "label": model,
        "seed": seed,
        "settings": {"class": "DummyClassifier", "random_state": seed},
        "engine": None,
        "date": f"2026-01-01T00:00:{accuracy:05.2f}",
        "data": {"name": "full", "sha256": "0", "train_rows": 60000, "test_rows": 10000},
        "versions": {"python": "3.11"},
        "machine": {
            "cpu": "a processor",
            "instructions": "avx2",
            "cores": 2,
            "ram_gb": 8,
            "system": "Linux",
        },
        "threads": 2,
        "timing_shared": False,
        "code": None,
        "commit": "0123456789abcdef",
        "metrics": {"accuracy": accuracy, "f1_macro": 0.5, "log_loss": 1.0, "ece": 0.1},
        "seconds": {"fit": 2.0 + seed, "predict": 0.1},
        "memory_mb": {"peak": 200.0, "increase": 50.0},
        "model_bytes": 1_500_000,
        **changes,
    }


def test_half_a_line_is_dropped_but_a_broken_one_is_named(tmp_path):
    path = tmp_path / "r.jsonl"
    results.append(path, row(seed=0))
    with path.open("a") as file:
        file.write('{"model": "du')
    assert [r["seed"] for r in results.read(path)] == [0]
    results.append(path, row(seed=1))
    assert [r["seed"] for r in results.read(path)] == [0, 1]
    path.write_text("{}\n{broken\n{}\n")
    with pytest.raises(results.BenchmarkError, match="Line 2 of"):
        results.read(path)


def test_only_like_is_averaged_with_like(tmp_path):
    path = tmp_path / "r.jsonl"
    old = [row(seed=0, threads=1), row(seed=1, threads=1)]
    new = [row(seed=0, accuracy=0.1), row("other", 0), row(seed=0, accuracy=0.2)]
    for each in old + new:
        results.append(path, each)
    results.keep_current(path)
    kept = results.read(path)
    assert [(r["unit"], r["seed"], r["metrics"]["accuracy"]) for r in kept] == [
        ("other", 0, 0.5),
        ("dummy", 0, 0.2),
    ]


# --- README's table ---------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path):
    """Options of ``tables`` for a page of its own, with results for it."""
    path = tmp_path / "results.jsonl"
    for each in (row("low", 0, 0.3), row("high", 0, 0.9), row("high", 1, 0.8)):
        results.append(path, each)
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{tables.START}\n{tables.END}\nafter\n", encoding="utf-8")
    picture = tmp_path / "picture.png"
    return readme, ["tables", "--results", path, "--readme", readme, "--picture", picture]


def test_tables_writes_and_checks(page, capsys):
    readme, words = page
    assert run_here([*words, "--check"]) == 1
    assert run_here(words) == 0
    assert run_here([*words, "--check"]) == 0
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert text.index("| high") < text.index("| low")
    assert "85.00 ± 7.07" in text
    assert "2.5 ± 0.7" in text
    assert "60000 training" in text
    assert "commit 0123456789." in text
    readme.write_text(text.replace("85.00", "95.00"), encoding="utf-8")
    capsys.readouterr()
    assert run_here([*words, "--check"]) == 1
    assert "README.md is out of date" in capsys.readouterr().err


def test_the_widest_table_fits_in_100_columns(capsys):
    label = max((entry.label for entry in models.MODELS.values()), key=len)
    metrics = {"f1_macro": 0.5, "log_loss": 3.2, "ece": 0.2}
    rows = [
        row(
            "a",
            seed,
            label=label,
            metrics={"accuracy": 0.69 + seed * 0.02, **metrics},
            seconds={"fit": 500.0 + 20 * seed, "predict": 100.0},
            memory_mb={"peak": 12345.0, "increase": 12345.0},
            model_bytes=200_000_000,
        )
        for seed in (0, 1)
    ]
    tables.show(rows)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 100
    # A cell that does not fit is cut short with an ellipsis.
    assert "…" not in printed
    assert f"{label} 70.00±1.41" in printed


def test_check_sees_an_old_picture(page, capsys):
    _, words = page
    run_here(words)
    # A new duration that rounds to the same table: only the picture's stamp can tell.
    again = row("low", 0, 0.3, seconds={"fit": 2.001, "predict": 0.1}, date="2027")
    results.append(words[2], again)
    assert run_here([*words, "--check"]) == 1
    assert capsys.readouterr().err.startswith("picture.png is out of date")


def test_tables_explains_what_is_missing(page, capsys):
    readme, words = page
    readme.write_text(f"{tables.END} {tables.START}", encoding="utf-8")
    assert run_here(words) == 1
    assert "once each, in this order" in capsys.readouterr().err
    readme.unlink()
    assert run_here(words) == 1
    assert "does not exist" in capsys.readouterr().err
    words[2].write_text("")
    assert run_here(words) == 1
    assert "--publish" in capsys.readouterr().err


def test_readme_is_up_to_date():
    if not results.path_for(results.PUBLISHED, "full").exists():
        pytest.skip("no full-data results are committed yet")
    assert run_here(["tables", "--check"]) == 0


@pytest.mark.skipif(shutil.which("git") is None, reason="git is missing")
def test_commit_is_dirty_for_sources_but_not_for_results(tmp_path, monkeypatch):
    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    source = tmp_path / "skfashion" / "base.py"
    source.parent.mkdir()
    source.write_text("a = 1\n")
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    clean, code = environment.commit(), environment.code_hash()
    (tmp_path / "benchmarks" / "results" / "accuracy-full.jsonl").write_text("{}\n")
    assert environment.commit() == clean
    assert re.fullmatch("[0-9a-f]{40}", clean)
    assert environment.code_hash() == code
    source.write_text("a = 2\n")
    assert environment.commit() == clean + "-dirty"
    assert environment.code_hash() != code
