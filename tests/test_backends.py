"""`python -m benchmarks … --backend dask`: the same rows, and errors that say what to do."""

import sys

import pytest
from clusters import local_cluster
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB

from benchmarks import backends, fairness, imbalance, results
from benchmarks.__main__ import main

WORDS = ["imbalance", "--quick", "--backend", "dask"]
CLOCKS = {"fit_seconds", "predict_seconds", "peak_memory_mb", "fit seconds"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (WORDS, "Got --backend dask without --scheduler"),
        (["imbalance", "--scheduler", "tcp://x:1"], "Got --scheduler tcp://x:1 without --backend"),
        (["fairness", "--scheduler", "tcp://x:1"], "Got --scheduler tcp://x:1 without --backend"),
    ],
)
def test_half_a_choice_is_refused(words, message, capsys):
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_without_dask_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main([*WORDS, "--scheduler", "tcp://127.0.0.1:1"]) == 1
    assert "pip install -e '.[cluster]'" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://127.0.0.1:1"])
def test_a_scheduler_that_does_not_answer_is_named(address, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr(backends, "TIMEOUT", 1)
    assert main([*WORDS, "--scheduler", address]) == 1
    error = capsys.readouterr().err
    assert f"Got --scheduler {address}, which did not answer within 1 s" in error
    assert "dask scheduler" in error


@pytest.mark.slow
def test_a_scheduler_without_workers_is_named(monkeypatch, capsys):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(backends, "TIMEOUT", 1)
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty:
        # Of processes in name only, a scheduler of its own process cannot be reached.
        assert main([*WORDS, "--scheduler", empty.scheduler_address]) == 1
    assert "which has fewer than two workers, expected two within 1 s" in capsys.readouterr().err


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("distributed")
    with local_cluster() as client:
        yield client.scheduler.address


@pytest.mark.slow
def test_a_worker_with_other_versions_is_named(address, monkeypatch, capsys):
    import distributed

    get_versions = distributed.Client.get_versions

    def changed(self, **options):
        found = get_versions(self, **options)
        next(iter(found["workers"].values()))["packages"]["torch"] = "1.0"
        return found

    monkeypatch.setattr(distributed.Client, "get_versions", changed)
    assert main([*WORDS, "--scheduler", address]) == 1
    error = capsys.readouterr().err
    assert "Got torch 1.0 at tcp://" in error
    assert "Make the two equal" in error


def _two_parts():
    skew = imbalance.EXPONENTIAL | {"ratios": (20,)}
    return (
        (("MLPNetClassifier",), ("nothing", "RandomUnderSampler"), skew),
        (("RandomForest",), ("nothing",), skew),
    )


def _fast(quick):
    return {
        "MLPNetClassifier": GaussianNB(var_smoothing=0.1),
        "RandomForest": DummyClassifier(strategy="stratified"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", [imbalance, fairness])
def test_rows_are_those_of_one_machine(benchmark, address, monkeypatch, tmp_path):
    if benchmark is fairness:
        pytest.importorskip("fairlearn")
    name = benchmark.__name__.split(".")[-1]
    monkeypatch.setattr(imbalance, "_quick_plan", _two_parts)
    monkeypatch.setattr(imbalance, "classifiers", _fast)
    monkeypatch.setattr(imbalance, "draw_recalls", lambda rows, path: None)
    monkeypatch.setattr(fairness, "draw", lambda rows, path: None)
    tiny = {"train_rows": 120, "max_epochs": 1, "max_iter": 1, "grid_size": 4}
    monkeypatch.setattr(fairness, "QUICK", tiny)
    there = ["--backend", "dask", "--scheduler", address]
    found = []
    for place, words in (("cluster", there), ("here", ["--jobs", "1"])):
        monkeypatch.setattr(results, "LOCAL", tmp_path / place)
        monkeypatch.setattr(benchmark, "CACHE", tmp_path / place / "cache")
        assert main([name, "--quick", "--seeds", "1", *words]) == 0
        (file,) = (tmp_path / place).glob("*.jsonl")
        found.append(results.read(file))
    assert {(row["backend"], row["jobs"]) for row in found[0]} == {("dask", 2)}
    assert address not in str(found[0])
    assert found[0][0]["command"].endswith(" --seeds 1 --backend dask --scheduler ADDRESS")
    assert [_scores(row) for row in found[0]] == [_scores(row) for row in found[1]]


def _scores(row):
    metrics = {name: value for name, value in row["metrics"].items() if name not in CLOCKS}
    other = {key: row.get(key) for key in ("estimator", "treatment", "mitigation", "by_class")}
    return other | metrics
