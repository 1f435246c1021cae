"""`python -m benchmarks learning-curve`."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from benchmarks.data import load_split
from benchmarks.models import Model
from benchmarks.studies import learning_curve

MACHINE = {"cpu": "a", "instructions": "b", "cores": 2, "ram_gb": 8}


def test_smaller_parts_lie_in_larger_ones(monkeypatch):
    seen = []

    class Spy(LogisticRegression):
        def fit(self, X, y):
            seen.append((X.copy(), y.copy()))
            return super().fit(X / 255, y)

    model = Model("spy", lambda seed, threads: Spy(max_iter=1))
    monkeypatch.setitem(learning_curve.MODELS, "mlp_net", model)
    images = load_split("sample")
    asked = SimpleNamespace(settings={"rows": [20, 100, 6000]}, images=images, brief=False)
    with pytest.warns(UserWarning):
        rows = list(learning_curve.measure("mlp_net", 5, asked))
    assert [row["rows"] for row in rows] == [len(y) for _, y in seen] == [6000, 100, 20]
    for (X, _), (part, labels) in itertools.pairwise(seen):
        assert {row.tobytes() for row in part} <= {row.tobytes() for row in X}
        assert len(set(np.bincount(labels))) == 1


def test_table_and_picture_have_a_classifier_a_line():
    about = {
        "machine": MACHINE,
        "date": "2026-11-30",
        "versions": {},
        "commit": "1",
        "command": "c",
        "data": "full",
    }
    rows = [
        {"name": name, "seed": seed, "rows": n, "seconds": 2.0, **about}
        | {"accuracy": 0.5 + 0.1 * seed + n / 10_000}
        for name in ("LogisticRegression", "MLPNetClassifier")
        for seed in (0, 1)
        for n in (1000, 50)
    ]
    text = learning_curve.table(rows)
    assert "| MLPNetClassifier   | 55.50 ± 7.07 | 65.00 ± 7.07 | 2.0 / 2.0 |" in text
    assert text.index("MLPNet") < text.index("Logistic")
    assert text.endswith("(images/learning_curve.png)")
    left, right = learning_curve.draw(rows).axes
    assert left.get_legend_handles_labels()[1] == ["MLPNetClassifier", "LogisticRegression"]
    assert len(right.lines) == 2
