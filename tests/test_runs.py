"""Many runs, each only once."""

import errno
import importlib
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn import config_context, get_config

from skfashion.parallel import runs
from skfashion.parallel.runs import Failed, run_all

SHARED = {"X": np.arange(6.0)}


def scaled_sum(task, shared):
    with open(task["log"], "a") as file:
        file.write(f"{task['factor']}\n")
    time.sleep(task.get("seconds", 0))
    if task["factor"] == 13:
        raise ArithmeticError("Not with 13.")
    return task["factor"] * shared["X"].sum()


def tasks_of(folder, *factors):
    return [{"factor": factor, "log": str(folder / "log")} for factor in factors]


def ran(folder):
    log = folder / "log"
    lines = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return [int(line) for line in lines]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_results_are_in_the_order_of_the_tasks(tmp_path, n_jobs):
    tasks = tasks_of(tmp_path, 3, 1, 2)
    tasks[0]["seconds"] = 0.5  # so that it ends last
    assert run_all(scaled_sum, tasks, SHARED, n_jobs=n_jobs, verbose=0) == [45, 15, 30]
    assert sorted(ran(tmp_path)) == [1, 2, 3]


def test_only_what_is_missing_is_done(tmp_path):
    options = {"cache": tmp_path / "a" / "b", "verbose": 0}
    run_all(scaled_sum, tasks_of(tmp_path, 1, 2), SHARED, **options)
    assert ran(tmp_path) == [1, 2]
    assert run_all(scaled_sum, tasks_of(tmp_path, 2, 3, 1), SHARED, **options) == [30, 45, 15]
    assert ran(tmp_path) == [3]
    other = {"X": SHARED["X"] + 1}
    assert run_all(scaled_sum, tasks_of(tmp_path, 1), other, **options) == [21]
    assert ran(tmp_path) == [1]


def assumes_finite(task, shared):
    return get_config()["assume_finite"]


@pytest.mark.parametrize(
    "backend",
    ["sequential", "threading", "multiprocessing", pytest.param("loky", marks=pytest.mark.slow)],
)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_runs_have_the_configuration_of_the_caller(backend):
    with joblib.parallel_config(backend, n_jobs=2):
        with config_context(assume_finite=True):
            assert run_all(assumes_finite, [{}, {}], {}, verbose=0) == [True, True]
        assert run_all(assumes_finite, [{}, {}], {}, verbose=0) == [False, False]


def test_another_source_is_another_function(tmp_path, monkeypatch):
    options = {"cache": tmp_path / "cache", "verbose": 0}
    run_all(scaled_sum, tasks_of(tmp_path, 1), SHARED, **options)
    changed = tmp_path / "changed.py"
    changed.write_text("changed")
    monkeypatch.setattr("inspect.getsourcefile", lambda function: changed)
    run_all(scaled_sum, tasks_of(tmp_path, 1), SHARED, **options)
    assert ran(tmp_path) == [1, 1]
    monkeypatch.undo()
    run_all(scaled_sum, tasks_of(tmp_path, 1), SHARED, **options)
    assert ran(tmp_path) == []  # the results of the former source are still there


def test_another_source_in_its_package_is_another_function(tmp_path, monkeypatch):
    package = tmp_path / "counted"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "beside.py").write_text("VALUE = 1\n")
    (package / "run.py").write_text(
        "def run(task, shared):\n"
        "    with open(task['log'], 'a') as file:\n"
        "        file.write('1\\n')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    run = importlib.import_module("counted.run").run
    options = {"cache": tmp_path / "cache", "verbose": 0}
    for text, expected in (("VALUE = 1\n", [1]), ("VALUE = 1\n", []), ("VALUE = 2\n", [1])):
        (package / "beside.py").write_text(text)
        runs._package_source.cache_clear()  # as in a new process
        run_all(run, tasks_of(tmp_path, 1), SHARED, **options)
        assert ran(tmp_path) == expected
    sys.modules.pop("counted"), sys.modules.pop("counted.run")


def test_another_version_of_a_library_computes_anew(tmp_path, monkeypatch):
    options = {"cache": tmp_path / "cache", "verbose": 0}
    run_all(scaled_sum, tasks_of(tmp_path, 1), SHARED, **options)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99")
    run_all(scaled_sum, tasks_of(tmp_path, 1), SHARED, **options)
    assert ran(tmp_path) == [1, 1]


@pytest.mark.slow
def test_another_process_finds_what_is_in_a_second_folder(tmp_path):
    # joblib.Memory would do it again there.
    for name in ("first", "second"):
        run_all(scaled_sum, tasks_of(tmp_path, 1), SHARED, cache=tmp_path / name, verbose=0)
    assert ran(tmp_path) == [1, 1]
    code = (
        f"from pathlib import Path; from {__name__.split('.')[-1]} import *; "
        f"scaled_sum.__module__ = {scaled_sum.__module__!r}; "
        f"folder = Path({str(tmp_path)!r}); "
        "run_all(scaled_sum, tasks_of(folder, 1, 2), SHARED, cache=folder / 'second', verbose=0)"
    )
    tests = Path(__file__).parent
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    subprocess.run([sys.executable, "-c", code], env=variables, check=True)
    assert ran(tmp_path) == [2]


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_errors_end_all_or_are_warned_of_and_never_kept(tmp_path, n_jobs):
    tasks = tasks_of(tmp_path, 13, 2)
    options = {"cache": tmp_path / "cache", "n_jobs": n_jobs, "verbose": 0}
    with pytest.raises(ArithmeticError, match="Not with 13"):
        run_all(scaled_sum, tasks, SHARED, **options)
    ran(tmp_path)
    for expected in ({13, 2} if n_jobs is None else None, {13}):
        with pytest.warns(RuntimeWarning, match="A run failed: ArithmeticError: Not with 13"):
            found = run_all(scaled_sum, tasks, SHARED, on_error="warn", **options)
        assert found == [Failed("ArithmeticError: Not with 13."), 30]
        found = set(ran(tmp_path))
        assert expected is None or found == expected
    with pytest.raises(ValueError, match="Got on_error='ignore', expected 'raise' or 'warn'"):
        run_all(scaled_sum, tasks, SHARED, on_error="ignore", **options)


def test_result_that_was_not_written_to_its_end_is_not_there(tmp_path, monkeypatch):
    def broken(source, target):
        raise KeyboardInterrupt

    options = {"cache": tmp_path / "cache", "verbose": 0}
    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(KeyboardInterrupt):
        run_all(scaled_sum, tasks_of(tmp_path, 1), SHARED, **options)
    monkeypatch.undo()
    assert run_all(scaled_sum, tasks_of(tmp_path, 1), SHARED, **options) == [15]
    assert ran(tmp_path) == [1, 1]


def kept_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_damaged_file_is_named_and_only_its_run_is_done_again(tmp_path):
    options = {"cache": tmp_path / "cache", "verbose": 0}
    run_all(scaled_sum, tasks_of(tmp_path, 1, 2, 3), SHARED, **options)
    ran(tmp_path)
    first = kept_files(tmp_path / "cache")[0]
    content = first.read_bytes()
    (first.parent / ".skfashion-0123456789abcdef.tmp").write_bytes(b"half")

    class Runs:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "code_ran"),)

    for damaged in (b"", content[:-50], pickle.dumps(Runs())):
        first.write_bytes(damaged)
        with pytest.warns(RuntimeWarning, match=f"{first.name}, which is damaged .* done again"):
            found = run_all(scaled_sum, tasks_of(tmp_path, 1, 2, 3), SHARED, **options)
        assert found == [15, 30, 45]
        assert len(ran(tmp_path)) == 1
        assert first.read_bytes() == content
    assert not (tmp_path / "code_ran").exists()
    first.write_bytes(kept_files(tmp_path / "cache")[1].read_bytes())
    with pytest.warns(RuntimeWarning, match=f"{first.name}, which holds the result of another run"):
        assert run_all(scaled_sum, tasks_of(tmp_path, 1, 2, 3), SHARED, **options) == found
    assert len(kept_files(tmp_path / "cache")) == 3  # what a killed writer has left is gone


def number_or_set(task, shared):
    return {1} if task["factor"] == 2 else task["factor"]


def test_a_result_that_cannot_be_kept_is_returned_all_the_same(tmp_path, monkeypatch):
    options = {"cache": tmp_path / "cache", "verbose": 0}
    with pytest.warns(RuntimeWarning, match="Could not keep .* set, which no file"):
        found = run_all(number_or_set, tasks_of(tmp_path, 1, 2), SHARED, **options)
    assert found == [1, {1}]
    assert len(kept_files(tmp_path / "cache")) == 1

    def no_room(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.warns(RuntimeWarning, match="Could not keep .*No space left on device"):
        found = run_all(scaled_sum, tasks_of(tmp_path, 1, 2), SHARED, **options)
    assert found == [15, 30]
    assert len(kept_files(tmp_path / "cache")) == 1


def test_a_bar_that_cannot_be_shown_loses_nothing(tmp_path, monkeypatch):
    closed = open(tmp_path / "closed", "w")
    closed.close()
    for stream in (None, closed):
        monkeypatch.setattr(sys, "stderr", stream)
        assert run_all(scaled_sum, tasks_of(tmp_path, 1, 2), SHARED, verbose=1) == [15, 30]


def test_progress_is_shown_on_request(tmp_path, capsys):
    run_all(scaled_sum, tasks_of(tmp_path, 1, 2), SHARED, verbose=0)
    assert capsys.readouterr() == ("", "")
    run_all(scaled_sum, tasks_of(tmp_path, 1, 2), SHARED)
    assert "2/2" in capsys.readouterr().err
