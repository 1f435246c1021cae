"""`python -m benchmarks load`: all services answer rightly, and what wrk says becomes a table."""

import shutil
from types import SimpleNamespace

import pytest

from benchmarks.data import load_split
from benchmarks.errors import BenchmarkError
from benchmarks.studies import load

ABOUT = {
    "machine": {"cpu": "x"},
    "date": "2026-11-30",
    "versions": {},
    "commit": "1",
    "command": "c",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed, which asks.")
def test_all_services_are_asked_in_turn():
    for name in ("mlflow", "onnx", "fastapi"):
        pytest.importorskip(name)
    asked = SimpleNamespace(settings=load.QUICK, brief=True, images=load_split("sample"))
    found = load.measure(1, None, asked)
    assert set(found["requests_per_s"]) == set(load.LABELS)
    assert all(rate > 0 for (rate,) in found["requests_per_s"].values())
    assert found["errors"] == dict.fromkeys(load.LABELS, 0)
    for name, (ratio,) in found["ratios"].items():
        (ours,), (its,) = (found["requests_per_s"][one] for one in (load.OURS, name))
        assert ratio == pytest.approx(ours / its, rel=1e-2)
    for name in load.LABELS:
        assert 0 < found["p50_ms"][name][0] <= found["p99_ms"][name][0]
    text = load.table([{**found, **ABOUT, "unit": 1, "settings": load.QUICK}])
    assert text.count("| 1           |") == 5 and "0.35" in text


def test_an_answer_that_is_wrong_ends_the_study(monkeypatch):
    service = "127.0.0.1:1", "/", b"body", {}
    answers = {"echo": b"another body", "MLflow": b'{"predictions": {"probabilities": [[0, 1]]}}'}
    for name, content in answers.items():
        monkeypatch.setattr(load, "ask", lambda *_, content=content: (200, content))
        with pytest.raises(BenchmarkError, match=name):
            load._check(name, service, [1.0, 0.0])
    monkeypatch.setattr(load, "ask", lambda *_: (503, b""))
    with pytest.raises(BenchmarkError, match="503"):
        load._check("by hand", service, [1.0, 0.0])


def test_without_wrk_it_says_where_it_comes_from(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BenchmarkError, match="apt-get install wrk"):
        load.load("127.0.0.1:1", "/", b"", {}, connections=1, seconds=1)
