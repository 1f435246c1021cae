"""The speed comparison: what a row records, who is left out, what tables say."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).absolute().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results  # noqa: E402
from benchmarks.speed import command, competitors, nets, report, scaling  # noqa: E402
from benchmarks.speed.rows import ROWS, Profile, Weighing  # noqa: E402


def run(*words):
    from benchmarks.__main__ import main

    return main(["speed", *words])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "LOCAL", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_row_is_timed_round_by_round(folder, capsys):
    assert run("--rows", "fit-200", "--rounds", "2", "--threads", "1") == 0
    (row,) = results.read(folder / "speed.jsonl")
    assert set(row["seconds"]) == {"ours", "sklearn"}
    ours, theirs = row["seconds"]["ours"], row["seconds"]["sklearn"]
    assert row["ratios"]["sklearn"] == pytest.approx(
        [a / b for a, b in zip(ours, theirs, strict=True)], abs=1e-3
    )
    assert len(ours) == 2
    assert row["threads"] == 1 and row["peak_mb"]["ours"] > 100
    assert row["command"] == "python -m benchmarks speed --rows fit-200 --rounds 2 --threads 1"
    assert "scikit-learn MLPClassifier" in capsys.readouterr().out
    json.dumps(row, allow_nan=False)


def test_who_is_not_installed_is_named_and_left_out(folder, monkeypatch, capsys):
    monkeypatch.setattr(command, "is_installed", lambda name: name != "sklearn")
    assert run("--rows", "fit-200", "--rounds", "1") == 0
    (row,) = results.read(folder / "speed.jsonl")
    assert set(row["seconds"]) == {"ours"}
    assert row["left_out"] == ["sklearn"]
    assert "scikit-learn MLPClassifier, float32 rows is not installed" in capsys.readouterr().err


@pytest.mark.slow
def test_memory_is_measured_in_a_fresh_process(folder, capsys):
    from skfashion.datasets import fetch_fashion_mnist

    try:
        fetch_fashion_mnist(subset="train", download_if_missing=False)
    except OSError:
        pytest.skip("The full data is not on this machine, and this test does not download it.")
    assert run("--rows", "memory-mlp") == 0
    (row,) = results.read(folder / "speed.jsonl")
    assert 0 < row["values"]["increase_mb"] < 160
    assert "aim 160" in capsys.readouterr().out


def test_unknown_rows_are_refused(capsys):
    with pytest.raises(SystemExit):
        run("--rows", "mlp-127")
    assert "choose from mlp-128" in capsys.readouterr().err


def test_the_networks_are_the_same():
    for name, n_parameters in (("mlp", 109_386), ("cnn", 421_642)):
        assert sum(p.numel() for p in nets.torch_net(name).parameters()) == n_parameters
        ours = nets.our_net(name)
        module = ours._build_module((1, 28, 28), 10)
        assert sum(p.numel() for p in module.parameters()) == n_parameters
    # Forward and two backward products of each layer, but for the input's gradient.
    assert nets.operations("mlp") == 6 * (784 * 128 + 128 * 64 + 64 * 10) - 2 * 784 * 128


def test_every_competitor_is_known():
    for row in ROWS.values():
        if not isinstance(row, Weighing | Profile):
            assert {row.ours, *row.others} <= set(competitors.COMPETITORS)


def test_exponent_of_a_power():
    points = [{"rows": n, "seconds": 3 * n**1.5} for n in (1, 10, 100, 1000)]
    assert scaling.exponent(points, "rows", "seconds") == pytest.approx(1.5)


def test_tables_hold_medians_and_ranges():
    row = {
        "unit": "mlp-512",
        "ours": "ours",
        "seconds": {"ours": [3.0, 6.0, 9.0], "hand": [6.0, 6.0, 6.0]},
        "ratios": {"ours": [1, 1, 1], "hand": [0.5, 1.0, 1.5]},
        "targets": {"hand": 0.65},
        "peak_mb": {"ours": 100.0, "hand": 200.0},
        "left_out": [],
        "limits_gflops": {"fp32": 200.0, "bf16": 400.0},
        "gflops": 50.0,
        "task": {"net": "mlp"},
        "threads": 2,
        "versions": {"torch": "2"},
        "machine": {"cpu": "a", "instructions": "b", "cores": 2},
        "commit": "0" * 40,
        "command": "python -m benchmarks speed --rows mlp-512",
    }
    text = report.markdown([row])
    for part in ("2 s an epoch", "1.00 (0.50-1.50)", "0.65", "25%"):
        assert part in text
