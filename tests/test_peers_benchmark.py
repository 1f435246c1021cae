"""`python -m benchmarks peers`."""

import numpy as np
import pytest
from small_studies import ABOUT

from benchmarks import peers
from benchmarks.studies import peers as study


@pytest.mark.parametrize("trial", [study.layouts, study.same_bits, study.onnx])
def test_ours_passes(trial):
    assert trial(peers.Ours) is True


@pytest.mark.parametrize(
    ("trial", "peer", "found"),
    [
        (study.labels, peers.Sklearn, True),
        (study.resumed, peers.Skorch, True),
        (study.same_bits, peers.Skorch, False),  # its batches are drawn anew
        (study.file, peers.Skorch, True),
        (study.file, peers.Sklearn, True),
        (study.sampler, peers.Skorch, True),
    ],
)
def test_others_pass_by_their_own_ways(trial, peer, found):
    assert trial(peer) is found


def test_a_trial_can_fail():
    class Forgets(peers.Ours):
        @staticmethod
        def probabilities(net, X):
            return np.random.RandomState(len(X)).rand(len(X), 10)

    assert not study.company(Forgets)
    assert not study.onnx(Forgets)
    assert not study.file(Forgets)


def test_the_table_tells_no_from_no_way():
    checks = {"passed": 65, "failed": 1, "failures": ["one"]}
    rows = [
        {"unit": "scikit-learn", "checks": checks, "trials": {"labels": True, "layouts": False}},
        {"unit": "fastai", "checks": None, "trials": {"labels": True, "layouts": None}},
    ]
    lines = study.table([row | ABOUT for row in rows]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[2:4]] for line in lines[2:7]]
    assert cells[0] == ["65, 1", "no estimator"]
    assert cells[1] == ["yes", "yes"]
    assert cells[4] == ["no", ""]
