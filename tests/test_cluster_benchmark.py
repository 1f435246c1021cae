"""`python -m benchmarks cluster`: the model, what is measured, and the tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import cluster, results
from benchmarks.__main__ import main
from benchmarks.cluster_model import Costs, moved, moved_by_halving, seconds

COSTS = Costs(fit=2.0, overhead=0.01, bandwidth=1e8, data=50_000_000, run=10_000)


def test_model_in_numbers_that_can_be_checked_by_hand():
    # Two copies of the data go round for one worker; then ten fits, one after the other.
    assert seconds(COSTS, 10, 1) == pytest.approx(2 * 0.5 + 10 * 2.01)
    assert seconds(COSTS, 10, 4) == pytest.approx(5 * 0.5 + 3 * 2.01)
    # A thousand workers would be done at once, but the scheduler takes its time for each run.
    assert seconds(COSTS._replace(data=0), 1000, 1000) == pytest.approx(1000 * 0.01)
    assert moved(COSTS, 10, 2) == 3 * 50_000_000 + 10 * 10_000
    # Six states come back from the first rung, and two go out again.
    states = moved_by_halving(COSTS, 1000, [6, 2], 1) - moved(COSTS, 8, 1)
    assert states == 2 * 1000 * (6 + 2)


@given(st.integers(1, 10_000), st.integers(1, 1000))
def test_more_workers_never_move_less_nor_compute_longer(n_runs, n_workers):
    free = COSTS._replace(data=0)
    assert seconds(free, n_runs, n_workers + 1) <= seconds(free, n_runs, n_workers)
    assert moved(COSTS, n_runs, n_workers + 1) > moved(COSTS, n_runs, n_workers)


def _row(n_workers, i, n_seconds):
    return {
        "study": "cluster",
        "version": 1,
        "settings": cluster.QUICK,
        "training": "abc",
        "unit": n_workers,
        "seed": i,
        "send": {"seconds": 1.0, "bytes": 100_000_000, "data_bytes": 50_000_000},
        "empty": {"seconds": 2.0, "bytes": 2_000_000, "runs": 200},
        "fits": {"seconds": n_seconds, "bytes": 101_000_000, "runs": 10, "fit_seconds": 2.0},
        "halving": {
            "seconds": 9.0,
            "bytes": 200_000_000,
            "trainings": [6, 2],
            "state_bytes": 1_000_000,
        },
        "versions": {"python": "3"},
        "machine": {"cpu": "x", "instructions": "y", "cores": 2, "ram_gb": 8},
        "commit": "1" * 40,
        "command": "python -m benchmarks cluster",
        "date": "2026",
    }


def test_table_shows_medians_beside_the_model():
    rows = [_row(k, i, 20.0 / k + i) for k in (1, 2) for i in range(3)]
    assert results.current([{**rows[0], "training": "older"}, *rows]) == sorted(
        rows, key=lambda row: row["seed"]
    )
    table = cluster.markdown(rows)
    cells = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    fits = next(line for line in cells if line[1:3] == ["10 fits", "2"])
    # 10 + 0, 1, 2 seconds; three copies of 0.5 s, and five fits of 2.01 s.
    assert fits[3:5] == ["11.0", f"{1.5 + 5 * 2.01:.1f}"]
    assert fits[5:7] == ["101", f"{(3 * 50e6 + 10 * 10_000) / 1e6:.0f}"]
    assert "a fit of 2.00 s on one worker, 10.0 ms and 10.0 kB" in table
    last = next(line for line in cells if line[1:2] == ["2,048"])
    assert last[3] == "18"  # of 200 at most: the data has to reach all of them


@pytest.mark.slow
def test_a_quick_measurement(monkeypatch, tmp_path, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr(results, "LOCAL", tmp_path)
    assert main(["cluster", "--quick", "--rounds", "1"]) == 0
    rows = results.read(tmp_path / "cluster-quick.jsonl")
    assert [row["unit"] for row in rows] == [1, 2]
    for row in rows:
        data = row["send"]["data_bytes"]
        assert row["send"]["bytes"] > 2 * data
        # Once to the cluster; a second worker need not get a run.
        assert row["fits"]["bytes"] > 2 * data
        assert min(row[part]["seconds"] for part in ("empty", "fits")) > 0
        assert row["halving"]["bytes"] > 4 * row["halving"]["state_bytes"]
    assert "EpochHalvingSearchCV" in capsys.readouterr().out


def test_publishing_is_for_the_full_data(capsys):
    assert main(["cluster", "--quick", "--publish"]) == 2
    assert "--publish goes without --quick" in capsys.readouterr().err
