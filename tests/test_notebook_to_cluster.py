"""docs/notebook_to_cluster.md: its script gives the same at all three sizes."""

from pathlib import Path

import pandas as pd
import pytest
from clusters import local_cluster, table, without_clocks
from pages import blocks

PAGE = Path(__file__).parents[1] / "docs" / "notebook_to_cluster.md"


def run(monkeypatch, where, folder=""):
    ((_, source),) = blocks(PAGE, "python")
    monkeypatch.setenv("WHERE", where)
    monkeypatch.setenv("FOLDER", str(folder))
    if not folder:
        monkeypatch.delenv("FOLDER")
    namespace = {"__name__": "__page__"}
    exec(compile(source, str(PAGE), "exec"), namespace)
    return namespace


def assert_same(found, expected):
    assert table(found["search"]) == table(expected["search"])
    pd.testing.assert_frame_equal(
        without_clocks(found["table"]), without_clocks(expected["table"]), check_exact=True
    )


@pytest.mark.slow
def test_all_cores_give_what_the_notebook_gives(monkeypatch):
    assert_same(run(monkeypatch, "cores"), run(monkeypatch, "notebook"))


@pytest.mark.slow
def test_a_cluster_gives_what_the_notebook_gives(monkeypatch, tmp_path):
    pytest.importorskip("distributed")
    with local_cluster() as client:
        there = run(monkeypatch, client.scheduler.address, tmp_path)
    alone = run(monkeypatch, "notebook")
    assert_same(there, alone)
    # What the cluster has done the notebook need not do again.
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    again = run(monkeypatch, "notebook", tmp_path)
    assert_same(again, alone)
    pd.testing.assert_frame_equal(again["table"], there["table"], check_exact=True)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == kept
