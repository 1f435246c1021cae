"""`python -m benchmarks … --backend dask`: the same rows, and errors that say what to do."""

import sys

import pytest
import small_studies
from clusters import local_cluster

from benchmarks import backend
from benchmarks.__main__ import main
from benchmarks.studies import fairness, imbalance
from benchmarks.studies.imbalance import FOREST, MLP, TWENTY, part

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
    monkeypatch.setattr(backend, "TIMEOUT", 1)
    assert main([*WORDS, "--scheduler", address]) == 1
    error = capsys.readouterr().err
    assert f"Got --scheduler {address}, which did not answer within 1 s" in error
    assert "dask scheduler" in error


@pytest.mark.slow
def test_a_scheduler_without_workers_is_named(monkeypatch, capsys):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(backend, "TIMEOUT", 1)
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


SKEW = [part(MLP, ["nothing", "RandomUnderSampler"], TWENTY), part(FOREST, ["nothing"], TWENTY)]
SMALL = {
    "imbalance": imbalance.QUICK
    | {"parts": SKEW, "nets": {"hidden_layer_sizes": 8, "max_epochs": 1}, "trees": 2},
    "fairness": fairness.QUICK | {"train_rows": 120, "max_epochs": 1, "max_iter": 1},
}


@pytest.mark.slow
@pytest.mark.parametrize("study", [imbalance.STUDY, fairness.STUDY], ids=lambda study: study.name)
def test_rows_are_those_of_one_machine(study, address, tmp_path):
    if study is fairness.STUDY:
        pytest.importorskip("fairlearn")
    places = {"cluster": ["--backend", "dask", "--scheduler", address], "here": ["--jobs", "1"]}
    there, here = (
        small_studies.run(study, SMALL[study.name], tmp_path / place, "--seeds", "1", *words)
        for place, words in places.items()
    )
    assert {(row["backend"], row["jobs"]) for row in there} == {("dask", 2)}
    assert address not in str(there)
    assert there[0]["command"].endswith(" --seeds 1 --backend dask --scheduler ADDRESS")
    assert [_scores(row) for row in there] == [_scores(row) for row in here]


def _scores(row):
    metrics = {name: value for name, value in row["metrics"].items() if name not in CLOCKS}
    other = {key: row.get(key) for key in ("estimator", "treatment", "mitigation", "by_class")}
    return other | metrics
