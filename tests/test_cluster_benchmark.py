"""`python -m benchmarks cluster`: what is measured, and its table."""

import pytest
import small_studies

from benchmarks.studies import cluster


def row(n_workers, i, n_seconds):
    return {
        "unit": n_workers,
        "seed": i,
        "send": {"seconds": 1.0, "bytes": 100_000_000, "data_bytes": 50_000_000},
        "empty": {"seconds": 2.0, "bytes": 2_000_000, "runs": 200},
        "fits": {"seconds": n_seconds, "bytes": 101_000_000, "runs": 10},
        "halving": {"seconds": 9.0, "bytes": 200_000_000, "trainings": [6, 2]},
        "versions": {"python": "3"},
        "machine": {"cpu": "x", "instructions": "y", "cores": 2, "ram_gb": 8},
        "date": "2026-11-30",
        "commit": "1" * 40,
        "command": "python -m benchmarks cluster",
    }


def test_the_table_shows_medians_of_rounds():
    table = cluster.table([row(k, i, 20.0 / k + i) for k in (1, 2) for i in range(3)])
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert ["10 fits", "2", "11", "101"] in lines  # 10 + 0, 1, 2 seconds
    assert ["200 runs that compute nothing", "1", "2", "2"] in lines
    assert ["training images sent, 50.0 MB", "2", "1", "100"] in lines
    assert ["EpochHalvingSearchCV, 6 + 2 trainings", "1", "9", "200"] in lines
    assert "Medians of 3 rounds." in table


@pytest.mark.slow
def test_a_quick_measurement(tmp_path, capsys):
    pytest.importorskip("distributed")
    tiny = cluster.QUICK | {"rows": 500, "fits": 2, "empty": 5}
    rows = small_studies.run(cluster.STUDY, tiny, tmp_path, "--rounds", "1")
    assert [its["unit"] for its in rows] == [1, 2]
    for its in rows:
        data = its["send"]["data_bytes"]
        assert its["send"]["bytes"] > 2 * data
        # Once to the cluster; a second worker need not get a run.
        assert its["fits"]["bytes"] > 2 * data
        assert min(its[part]["seconds"] for part in ("empty", "fits")) > 0
        # The data, and the states of trainings besides.
        assert its["halving"]["bytes"] > its["fits"]["bytes"]
    assert "EpochHalvingSearchCV" in capsys.readouterr().out
