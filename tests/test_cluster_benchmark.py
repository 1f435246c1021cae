"""`python -m benchmarks cluster`: what is measured, and its table beside the model."""

import pytest
import small_studies

from benchmarks.studies import cluster


def row(n_workers, i, n_seconds):
    return {
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
    }


def cells_of(table, name, n_workers):
    lines = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    (found,) = [line[3:7] for line in lines if line[1:3] == [name, str(n_workers)]]
    return found


def test_table_shows_medians_beside_the_model():
    table = cluster.table([row(k, i, 20.0 / k + i) for k in (1, 2) for i in range(3)])
    # 10 + 0, 1, 2 seconds; three copies of 0.5 s, and five fits of 2.01 s one after the other.
    # Three copies of the data, and ten runs of 10 kB.
    assert cells_of(table, "10 fits", 2) == ["11.0", f"{1.5 + 5 * 2.01:.1f}", "101", "150"]
    # Besides: six states come back from the first rung and two go out again, each through the
    # scheduler.
    halving = cells_of(table, "EpochHalvingSearchCV, 6 + 2 trainings", 1)
    assert halving == ["9.0", "", "200", f"{100 + 8 * 0.01 + 2 * (6 + 2) * 1.0:.0f}"]
    assert "a fit of 2.00 s on one worker, 10.0 ms and 10.0 kB" in table


def test_the_scheduler_is_the_bottleneck_of_runs_that_are_short():
    rows = [row(k, 0, 20.0) for k in (1, 2)]
    for its in rows:
        its["fits"] |= {"fit_seconds": 0.001, "runs": 100}
        its["send"] |= {"data_bytes": 0}
    # A hundred times 10 ms, though two workers would be done after half of that.
    assert cells_of(cluster.table(rows), "100 fits", 2)[1] == "1.0"


@pytest.mark.slow
def test_a_quick_measurement(tmp_path, capsys):
    pytest.importorskip("distributed")
    rows = small_studies.run(cluster.STUDY, cluster.QUICK, tmp_path, "--rounds", "1")
    assert [its["unit"] for its in rows] == [1, 2]
    for its in rows:
        data = its["send"]["data_bytes"]
        assert its["send"]["bytes"] > 2 * data
        # Once to the cluster; a second worker need not get a run.
        assert its["fits"]["bytes"] > 2 * data
        assert min(its[part]["seconds"] for part in ("empty", "fits")) > 0
        assert its["halving"]["bytes"] > 4 * its["halving"]["state_bytes"]
    assert "EpochHalvingSearchCV" in capsys.readouterr().out
