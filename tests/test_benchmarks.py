"""The runner: what a run records, and what happens when runs fail, repeat or are stopped."""

import dataclasses
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
from PIL import Image
from small_studies import WAITING, command

ROOT = Path(__file__).absolute().parents[1]
# The benchmarks are no part of the installed package; pytest may be called from anywhere.
sys.path.insert(0, str(ROOT))

from benchmarks import data, environment, formatting, models, pages, pictures, results  # noqa: E402
from benchmarks.__main__ import build_parser, main  # noqa: E402
from benchmarks.errors import BenchmarkError  # noqa: E402
from benchmarks.one_fit import evaluate  # noqa: E402
from benchmarks.processes import ChildError, call  # noqa: E402
from benchmarks.registry import STUDIES  # noqa: E402
from benchmarks.runner import Progress  # noqa: E402
from benchmarks.studies import accuracy  # noqa: E402
from benchmarks.study import Study  # noqa: E402
from skfashion.metrics import expected_calibration_error  # noqa: E402
from skfashion.utils import memory  # noqa: E402

# --- the runner, on a study that computes next to nothing ----------------------------------------


def numbers(unit, seed, asked):
    """Say what a row holds, unit by unit; "bad" fails as a child does."""
    asked.settings["calls"].append((unit, seed))
    if unit == "bad":
        raise ChildError("ValueError: not today", "the end of a traceback")
    return [{"part": part, "accuracy": seed / 4} for part in "ab"]


def tiny(folder, units=("one", "two"), **changes):
    """Return a study without fits, and the list of its calls."""
    calls = []

    def draw(rows):
        figure, axes = pictures.pyplot().subplots()
        axes.plot([row["accuracy"] for row in rows])
        return figure

    study = Study(
        name="tiny",
        about="numbers",
        cost="no time",
        page=str(folder / "tiny.md"),
        sizes={"full": {"calls": calls, "n": 2}, "quick": {"calls": calls, "n": 1}},
        seeds=2,
        units=units,
        describe=lambda unit, seed, asked: {"settings": {"n": asked.settings["n"]}, "data": "x"},
        measure=numbers,
        table=lambda rows: "; ".join(f"{r['unit']} {r['seed']} {r['part']}" for r in rows),
        pictures={str(folder / "tiny.png"): draw},
    )
    return dataclasses.replace(study, **changes), calls


def rows_of(folder, name="tiny-quick"):
    return results.read(folder / f"{name}.jsonl")


def test_each_unit_is_measured_once_a_seed_and_what_is_there_is_skipped(tmp_path, capsys):
    study, calls = tiny(tmp_path)
    assert command(study, "--quick", "--seeds", 2, "--output", tmp_path) == 0
    assert calls == [("one", 0), ("two", 0), ("one", 1), ("two", 1)]
    said = capsys.readouterr()
    assert (
        said.out.strip() == "one 0 a; one 0 b; two 0 a; two 0 b; one 1 a; one 1 b; two 1 a; two 1 b"
    )
    assert "[4/4] two seed 1: accuracy 0.2500, took 0:00:00  (time left 0:00:00)" in said.err
    whole = (tmp_path / "tiny-quick.jsonl").read_bytes()
    assert command(study, "--quick", "--seeds", 2, "--output", tmp_path) == 0
    assert len(calls) == 4
    assert "4 of 4 runs are already there, skipped" in capsys.readouterr().err
    # Without the last unit, as when the machine lost power: it alone is measured again.
    lines = whole.splitlines(keepends=True)
    (tmp_path / "tiny-quick.jsonl").write_bytes(b"".join(lines[:-2]) + lines[-2][:20])
    assert command(study, "--quick", "--seeds", 2, "--output", tmp_path) == 0
    assert calls[4:] == [("two", 1)]
    assert len(rows_of(tmp_path)) == 8
    assert (tmp_path / "tiny-quick" / str(tmp_path / "tiny.png")).stat().st_size > 1000


def test_seeds_are_a_number_or_a_list(tmp_path):
    study, calls = tiny(tmp_path, ("one",))
    command(study, "--quick", "--output", tmp_path)
    command(study, "--quick", "--seeds", "3,0", "--output", tmp_path)
    assert calls == [("one", 0), ("one", 3)]
    for wrong in ("none", "1,two", "-1"):
        with pytest.raises(SystemExit):
            command(study, f"--seeds={wrong}")


def test_a_row_says_where_it_is_from_and_how_to_make_it_again(tmp_path):
    study, _ = tiny(tmp_path, ("one",), packages=("pytest", "not-there"))
    command(study, "--quick", "--seeds", 1, "--output", tmp_path)
    row = rows_of(tmp_path)[0]
    assert row["command"] == "python -m benchmarks tiny --quick --seeds 1"
    assert (row["study"], row["version"], row["unit"], row["seed"]) == ("tiny", 1, "one", 0)
    assert row["settings"] == {"n": 1}
    assert row["engine"].keys() == {"images"}
    assert row["versions"]["pytest"] == pytest.__version__
    assert "not-there" not in row["versions"]
    assert set(row["machine"]) == {"cpu", "instructions", "cores", "ram_gb", "system"}
    assert row["commit"] == environment.commit()
    assert row["date"].endswith("+00:00")
    assert os.uname().nodename not in row.values()
    assert str(ROOT) not in json.dumps(row)


def test_rows_of_other_settings_are_measured_anew_and_not_shown(tmp_path, capsys):
    study, calls = tiny(tmp_path, ("one",))
    command(study, "--quick", "--output", tmp_path)
    other = dataclasses.replace(study, sizes={"full": {}, "quick": {"calls": calls, "n": 3}})
    capsys.readouterr()
    command(other, "--quick", "--output", tmp_path)
    assert calls == [("one", 0)] * 2
    assert capsys.readouterr().out.strip() == "one 0 a; one 0 b"
    # The first is there still; a number that is raised makes it measured again.
    command(study, "--quick", "--output", tmp_path)
    assert len(calls) == 2
    command(dataclasses.replace(study, version=2), "--quick", "--output", tmp_path)
    assert len(calls) == 3


def test_a_failure_is_reported_and_the_others_go_on(tmp_path, capsys):
    study, _ = tiny(tmp_path, ("bad", "one"))
    assert command(study, "--quick", "--output", tmp_path) == 1
    said = capsys.readouterr().err
    assert "[1/2] bad seed 0: FAILED, ValueError: not today\nthe end of a traceback" in said
    assert said.splitlines()[-1] == "failed: bad seed 0: ValueError: not today"
    assert {row["unit"] for row in rows_of(tmp_path)} == {"one"}


def test_what_is_published_is_of_a_commit_and_drawn_for_its_page(tmp_path, monkeypatch):
    study, calls = tiny(tmp_path)
    monkeypatch.setattr(results, "PUBLISHED", tmp_path / "published")
    monkeypatch.setattr(environment, "commit", lambda: "0" * 40 + "-dirty")
    with pytest.raises(BenchmarkError, match="Got sources that differ from their commit"):
        command(study, "--publish")
    assert not calls
    monkeypatch.setattr(environment, "commit", lambda: "0" * 40)
    assert command(study, "--publish", "--seeds", 1) == 0
    assert [row["settings"]["n"] for row in study.rows()] == [2] * 4
    assert (tmp_path / "tiny.png").exists()
    # A study without a smaller size has no choice.
    always = dataclasses.replace(study, sizes={"full": study.sizes["full"]})
    assert command(always) == 0
    assert len(study.rows()) == 8
    monkeypatch.setattr(environment, "commit", lambda: "0" * 40 + "-dirty")
    assert command(always) == 0  # nothing is left to measure


@pytest.mark.parametrize(
    ("words", "changes", "said"),
    [
        (["--quick"], {}, "--publish goes without --quick"),
        (["--output", "here"], {}, "--publish goes without --output"),
        (["--jobs", "2"], {"side_by_side": True}, "--publish goes without --jobs above 1"),
        ([], {"sizes": {"full": {}, "sample": {}}}, "--publish goes without --data sample"),
    ],
)
def test_what_is_not_published(words, changes, said, tmp_path):
    study, calls = tiny(tmp_path, **changes)
    with pytest.raises(BenchmarkError, match=said):
        command(study, "--publish", *words)
    assert not calls


def test_committed_results_are_not_overwritten_by_accident(tmp_path):
    study, _ = tiny(tmp_path)
    with pytest.raises(BenchmarkError, match="committed results"):
        command(study, "--output", results.PUBLISHED)


def test_the_time_left_is_guessed_by_unit(capsys):
    progress = Progress(["slow seed 0", "fast seed 0", "slow seed 1", "new seed 0"], n_jobs=2)
    assert progress.seconds_left() is None
    progress.finished("slow seed 0", 100)
    progress.finished("fast seed 0", 20)
    assert progress.seconds_left() == (100 + 60) / 2
    assert "[2/4] fast seed 0: took 0:00:20  (time left 0:01:20)" in capsys.readouterr().err


# --- children -----------------------------------------------------------------------------------


def test_a_child_answers_and_what_it_prints_is_no_answer():
    variables = environment.child_environment(1)
    assert call("statistics:fmean", variables, data=[1, 2]) == 1.5
    assert call("builtins:print", variables, sep="") is None


def test_a_child_that_fails_says_why_and_one_that_dies_says_that():
    variables = environment.child_environment(1)
    with pytest.raises(ChildError, match="TypeError: .*unexpected keyword") as caught:
        call("statistics:fmean", variables, wrong=1)
    assert "Traceback" in caught.value.details
    with pytest.raises(ChildError, match="ended with status 7 and no result"):
        call("os:_exit", variables, status=7)


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


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Run two models that work and one that fails; give the folder and what was printed."""
    folder = tmp_path_factory.mktemp("measured")
    # mlp_sklearn needs a validation row of each class: with 10 rows it fails, the others do not.
    words = ["accuracy", "--threads", "1", "--rows", "10", "--output", str(folder)]
    words += ["--models", "dummy,mlp_sklearn,logistic_regression"]
    command = [sys.executable, "-m", "benchmarks", *words]
    return folder, subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def measured_rows(folder):
    return rows_of(folder, "accuracy-sample")


@pytest.mark.slow
def test_row_says_everything(measured):
    folder, _ = measured
    row = next(row for row in measured_rows(folder) if row["unit"] == "logistic_regression")
    assert row["seed"] == 0
    assert row["threads"] == 1
    assert row["timing_shared"] is False
    assert row["data"]["name"] == "sample"
    assert row["data"]["train_rows"] == 10
    assert re.fullmatch("[0-9a-f]{64}", row["data"]["sha256"])
    assert row["settings"]["logisticregression__C"] == 0.1
    assert (row["study"], row["version"], row["unit"]) == ("accuracy", 1, "logistic_regression")
    assert row["engine"] is None  # no net of ours
    assert np.shape(row["confusion_matrix"]) == (10, 10)
    assert np.sum(row["confusion_matrix"]) == row["data"]["test_rows"] == 10
    assert row["metrics"]["accuracy"] == np.trace(row["confusion_matrix"]) / 10
    assert row["metrics"]["recall_macro"] == pytest.approx(np.mean(row["per_class_recall"]))
    assert row["seconds"]["fit"] > 0
    assert row["model_bytes"] > 10 * 784
    assert row["memory_mb"]["peak"] >= row["memory_mb"]["before_fit"] > 10
    again = "python -m benchmarks accuracy --threads 1 --rows 10 --models "
    assert row["command"] == again + "dummy,mlp_sklearn,logistic_regression"


@pytest.mark.slow
def test_row_is_what_the_model_predicts(measured):
    folder, _ = measured
    row = next(row for row in measured_rows(folder) if row["unit"] == "logistic_regression")
    split = data.load_split("sample", 10)
    model = models.MODELS["logistic_regression"].build(0, 1).fit(split.X_train, split.y_train)
    pairs = list(zip(split.y_test, model.predict(split.X_test), strict=True))
    expected = [[pairs.count((i, j)) for j in range(10)] for i in range(10)]
    assert row["confusion_matrix"] == expected
    assert row["data"]["sha256"] == split.sha256()


@pytest.mark.slow
def test_a_model_that_fails_stops_no_other(measured):
    folder, done = measured
    assert done.returncode == 1
    assert re.search(
        r"^failed: mlp_sklearn seed 0: ValueError: The validation set", done.stderr, re.M
    )
    assert [row["unit"] for row in measured_rows(folder)] == ["dummy", "logistic_regression"]


@pytest.mark.slow
def test_the_table_is_printed_and_its_picture_drawn(measured):
    folder, done = measured
    rows = sorted(measured_rows(folder), key=lambda row: -row["metrics"]["accuracy"])
    lines = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [cells[1].strip() for cells in lines[1:]] == [row["label"] for row in rows]
    assert (folder / "accuracy-sample" / "accuracy_vs_time.png").stat().st_size > 10_000


def test_a_small_run_after_a_large_process_reports_its_own_peak():
    # getrusage's peak survives exec: a child of this process would report these 400 MB as its own.
    ballast = np.ones(400_000_000, dtype=np.uint8)
    before = memory.peak_mb()
    assert before > 400
    # The module alone: what PyTorch takes is more than this.
    code = f"import runpy; print(runpy.run_path({memory.__file__!r})['peak_mb']())"
    command = [sys.executable, "-c", code]
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
def test_runs_side_by_side_are_told_from_those_that_had_the_processor(tmp_path, capsys):
    words = ["accuracy", "--rows", "100", "--threads", "1", "--models", "dummy", "--resume"]
    words += ["--output", str(tmp_path)]
    assert main([*words, "--seeds", "2", "--jobs", "2"]) == 0
    rows = measured_rows(tmp_path)
    assert sorted(row["seed"] for row in rows) == [0, 1]
    assert [row["timing_shared"] for row in rows] == [True, True]
    assert "SHARED PROCESSOR" in capsys.readouterr().out
    # Seconds of a processor for itself are another measurement.
    assert main([*words, "--seeds", "1,"]) == 0
    assert "skipped" not in capsys.readouterr().err
    assert [row["timing_shared"] for row in measured_rows(tmp_path)] == [True, True, False]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--models", "dummy,resnet9000"], "got 'dummy,resnet9000', expected some of mlp_net"),
        (["--data", "cifar"], "'cifar'"),
        (["--rows", "9"], "from 10, got '9'"),
        (["--publish", "--data", "full", "--rows", "100"], "--publish goes without --rows"),
        (["--quik"], "[--quick]"),  # what there is
    ],
)
def test_bad_arguments(words, said, capsys):
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
    assert errors.strip() == "Stopped. Finished runs are kept, the same command goes on."
    assert [row["unit"] for row in measured_rows(tmp_path)] == ["dummy"]
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
    results.append(path, [row(seed=0)])
    with path.open("a") as file:
        file.write('{"model": "du')
    assert [r["seed"] for r in results.read(path)] == [0]
    results.append(path, [row(seed=1)])
    assert [r["seed"] for r in results.read(path)] == [0, 1]
    path.write_text("{}\n{broken\n{}\n")
    with pytest.raises(BenchmarkError, match="Line 2 of"):
        results.read(path)


def test_only_like_is_averaged_with_like():
    old = [row(seed=0, threads=1), row(seed=1, threads=1)]
    new = [row(seed=0, accuracy=0.1), row("other", 0), row(seed=0, accuracy=0.2)]
    kept = results.current([*old, *new])
    assert [(r["unit"], r["seed"], r["metrics"]["accuracy"]) for r in kept] == [
        ("other", 0, 0.5),
        ("dummy", 0, 0.2),
    ]


# --- pages ------------------------------------------------------------------------------------


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return the main comparison with rows and a page of its own."""
    monkeypatch.setattr(results, "PUBLISHED", tmp_path)
    changes = {
        "page": str(tmp_path / "page.md"),
        "pictures": {str(tmp_path / "p.png"): accuracy.draw},
    }
    study = dataclasses.replace(accuracy.STUDY, **changes)
    rows = [row("low", 0, 0.3), row("high", 0, 0.9), row("high", 1, 0.8)]
    results.append(study.file, rows)
    start, end = study.markers
    study.path.write_text(f"before\n{start}\n{end}\nafter\n", encoding="utf-8")
    return study


def test_tables_are_written_and_checked(study, capsys):
    assert pages.update([study], check=True) == 1
    assert pages.update([study]) == 0
    assert pages.update([study], check=True) == 0
    text = study.path.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert text.index("| high") < text.index("| low")
    assert "85.00 ± 7.07" in text
    assert "2.5 ± 0.7" in text
    assert "60000 training" in text
    assert "commit 0123456789." in text
    study.path.write_text(text.replace("85.00", "95.00"), encoding="utf-8")
    capsys.readouterr()
    assert pages.update([study], check=True) == 1
    assert "page.md is out of date" in capsys.readouterr().err


def test_check_counts_rows_of_former_code(study, capsys):
    pages.update([study])
    assert pages.update([study], check=True) == 0
    assert capsys.readouterr().err == ""
    now = {"training": environment.code_hash(*environment.TRAINING)}
    rows = [row("low", 0, 0.3, **now), row("high", 0, 0.9, training="0123456789abcdef")]
    results.append(study.file, rows)
    pages.update([study])
    assert pages.update([study], check=True) == 0  # they are what they were
    said = f"{study.name}: 1 of 2 rows were timed before the last change of the training code\n"
    assert capsys.readouterr().err == said


def test_check_sees_an_old_picture(study, capsys):
    pages.update([study])
    # A new duration that rounds to the same table: only the picture's stamp can tell.
    seconds = {"fit": 2.001, "predict": 0.1}
    results.append(study.file, [row("low", 0, 0.3, seconds=seconds, date="2026-01-01T23")])
    assert pages.update([study], check=True) == 1
    assert capsys.readouterr().err.startswith("p.png is out of date")
    pages.update([study])
    assert pages.update([study], check=True) == 0
    picture = study.path.parent / "p.png"
    with Image.open(picture) as image:
        image.copy().save(picture)  # says no more from which rows it was drawn
    assert pages.update([study], check=True) == 1


def test_what_a_page_lacks_is_named(study):
    start, end = study.markers
    study.path.write_text(f"{end} {start}", encoding="utf-8")
    with pytest.raises(BenchmarkError, match="once each, in this order"):
        pages.update([study])
    study.path.unlink()
    with pytest.raises(BenchmarkError, match="once each, in this order"):
        pages.update([study])
    study.file.unlink()
    assert pages.update([study]) == 0  # nothing to be written, and nowhere


def test_a_page_says_what_is_not_measured_yet(study):
    study.file.unlink()
    assert pages.update([study], check=True) == 1
    assert pages.update([study]) == 0
    text = study.path.read_text(encoding="utf-8")
    assert f"Not measured yet. The command is `python -m benchmarks {study.name}`" in text
    assert pages.update([study], check=True) == 0


def test_committed_pages_are_up_to_date():
    assert main(["tables", "--check"]) == 0


def test_an_interval_ends_where_no_value_can_be():
    assert formatting.interval([0.0, 0.02], 100, 1, sign="") == "1.0 [-11.7, 13.7]"
    assert formatting.interval([0.0, 0.02], 100, 1, sign="", within=(0, 100)) == "1.0 [0.0, 13.7]"
    assert (
        formatting.interval([1.0, 0.98], 100, 1, sign="", within=(0, 100)) == "99.0 [86.3, 100.0]"
    )


def test_a_line_of_several_days_says_so():
    first, second = ({"machine": {"cpu": "x"}, "date": f"2026-01-0{day}T10"} for day in (1, 2))
    about = {"commit": "1", "versions": {}, "value": 1}
    rows = [{"unit": name, **place, **about} for name in "pq" for place in (first, second)]
    groups = formatting.grouped(rows, "unit") | {"r": [rows[0]]}
    table = formatting.group_table(groups, ["what"], {"n": lambda its: str(len(its))})
    assert [line.split()[1] for line in table.splitlines()[2:]] == ["pᵃᵇ", "qᵃᵇ", "rᵃ"]
    assert formatting.caption(rows).endswith("Measured on ᵃ 2026-01-01, ᵇ 2026-01-02.")
    one = rows[::2]
    assert "ᵃ" not in formatting.group_table({"p": one}, ["what"], {})
    assert formatting.caption(one).endswith("Measured on 2026-01-01.")
    elsewhere = [*one, rows[1] | {"machine": {"cpu": "y"}}]
    assert formatting.caption(elsewhere).endswith("ᵃ 2026-01-01 (x), ᵇ 2026-01-02 (y).")
    drawn = [row | {"seed": int(row["date"][9])} for row in rows] + [rows[0] | {"seed": 3}]
    assert formatting.caption(drawn).endswith("ᵃ 2026-01-01 (seeds 1, 3), ᵇ 2026-01-02 (seeds 2).")


# Whose tables mark the lines that were measured on several days or machines; and others, of whose
# rows a line has one, or those with today's defaults.
MARKED = {"accuracy", "frontier", "reference", "rivals", "robustness", "shipping", "tiny", "drift"}
MARKED |= {"imbalance", "fairness", "tuning"}
OF_SOME_ROWS = {"ablation"}


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_no_line_mixes_days_or_machines_without_a_mark(study):
    rows = study.rows()
    if formatting.seeds_by_place(rows):  # which stands below the table
        return
    lines = formatting.grouped(rows, lambda row: repr((row["unit"], row.get("name"))))
    mixed = [name for name, its in lines.items() if len(formatting.marks_of(its)) > 1]
    assert study.name in MARKED | OF_SOME_ROWS or not mixed


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_every_mark_of_a_caption_stands_in_a_cell(study):
    page = study.path.read_text(encoding="utf-8")
    start, end = study.markers
    table, _, caption = page.partition(start)[2].partition(end)[0].partition("Measured on")
    assert set(re.findall("[ᵃᵇᶜᵈᵉᶠᵍʰⁱʲ]", caption)) <= set(table)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_pages_have_the_places_of_the_tables(study):
    page = study.path.read_text(encoding="utf-8")
    assert all(page.count(marker) == 1 for marker in study.markers)
    assert bool(study.rows()) != (study.name in WAITING)


def test_all_that_takes_the_bundled_images_takes_quick(capsys):
    assert build_parser().parse_args(["accuracy", "--quick"]).data == "sample"
    with pytest.raises(SystemExit):
        main(["accuracy", "--help"])
    assert "default 1\n" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["labels", "--help"])
    assert "--quick" in capsys.readouterr().out


def test_the_help_names_every_study_without_heavy_imports():
    code = "import sys; from benchmarks.__main__ import main\ntry: main(['--help'])\n"
    code += "finally: print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    *words, modules = found.stdout.splitlines()
    assert all(
        re.search(rf"^    {study.name}\b", "\n".join(words), re.M) for study in STUDIES.values()
    )
    assert not {"torch", "sklearn", "pandas", "matplotlib", "scipy"} & set(modules.split())


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
    (tmp_path / "benchmarks" / "results" / "accuracy.jsonl").write_text("{}\n")
    assert environment.commit() == clean
    assert re.fullmatch("[0-9a-f]{40}", clean)
    assert environment.code_hash() == code
    source.write_text('"""What a reader is told."""\n# And why.\na = 1\n')
    assert environment.code_hash() == code
    source.write_text("a = 2\n")
    assert environment.commit() == clean + "-dirty"
    assert environment.code_hash() != code
