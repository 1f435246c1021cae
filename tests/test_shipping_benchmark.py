"""The study of forms of a net: what it measures of each, and its table."""

import math
import shutil
from types import SimpleNamespace

import pytest

from benchmarks.data import load_split
from benchmarks.studies import shipping
from skfashion import MLPNetClassifier

for package in ("onnxruntime", "onnxscript", "safetensors", "torch_pruning"):
    pytest.importorskip(package)
if shutil.which("gcc") is None:
    pytest.skip(
        "The study compiles its C form with gcc, which this machine does not have.",
        allow_module_level=True,
    )

FORMS = ["pickle", "safetensors", "ONNX", "ONNX int8", "C int8"]
SMALLER = ["cut out, ONNX", "cut out, ONNX int8", "taught, ONNX", "taught, ONNX int8"]


@pytest.fixture(scope="module")
def rows():
    """Rows of a small multilayer perceptron, one of each form."""
    settings = {"calibration": 50, "rounds": 4, "rounds_of_many": 3, "epochs": 1, "keep": 0.5}
    asked = SimpleNamespace(settings=settings, images=load_split("sample", 1000), brief=False)

    def small(unit, settings, seed=0):
        return {"net": MLPNetClassifier(hidden_layer_sizes=16, max_epochs=2, random_state=seed)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipping, "classifiers", small)
        found = list(shipping.measure("MLPNetClassifier", 0, asked))
    head = {
        "unit": "MLPNetClassifier",
        "seed": 0,
        "command": "x",
        "machine": {"cpu": "x"},
        "date": "2026-11-30",
        "versions": {},
    }
    return [head | {"settings": settings, "commit": "0" * 40} | row for row in found]


def test_every_form_has_a_row(rows):
    assert [row["form"] for row in rows] == [*FORMS, *SMALLER, shipping.BARE]


def test_what_python_opens_has_a_time_of_loading(rows):
    loaded = {row["form"]: row["load_ms"] for row in rows if "load_ms" in row}
    assert list(loaded) == ["pickle", "safetensors"]
    for low, middle, high in loaded.values():
        assert 0 < low <= middle <= high < math.inf
    assert "ms" in shipping.table(rows)


def test_a_recipe_is_taught_and_has_no_smaller_ones():
    images = load_split("sample", 300)
    settings = {"calibration": 50, "rounds": 3, "rounds_of_many": 3}
    asked = SimpleNamespace(settings=settings, images=images, brief=False)

    def small(unit=None, settings=None, seed=0):
        own = {"hidden_layer_sizes": 4, "max_epochs": 2, "random_state": 0}
        return {"net": MLPNetClassifier(**own), "teacher": MLPNetClassifier(**own)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipping, "classifiers", small)
        found = list(shipping.measure("micro", 0, asked))
    assert [row["form"] for row in found] == [*FORMS, shipping.BARE]
    net, teacher = small().values()
    taught = teacher.fit(images.X_train, images.y_train).predict_proba(images.X_train)
    net.fit(images.X_train, images.y_train, soft_targets=taught)
    assert found[0]["accuracy"] == pytest.approx(net.score(images.X_test, images.y_test), abs=1e-6)
    alone = net.fit(images.X_train, images.y_train)
    assert found[0]["accuracy"] != pytest.approx(
        alone.score(images.X_test, images.y_test), abs=1e-6
    )


def test_forms_of_the_same_weights_say_the_same(rows):
    found = {row["form"]: row for row in rows}
    for form in ("pickle", "safetensors", "ONNX"):
        assert found[form]["changed"] == 0
        assert found[form]["accuracy"] == found["ONNX"]["accuracy"]
    for form in ("ONNX int8", "C int8"):
        assert found[form]["changed"] < 0.05
        assert found[form]["bytes"] < found["ONNX"]["bytes"] / 2
    assert found["cut out, ONNX"]["bytes"] < 0.7 * found["ONNX"]["bytes"]


def test_ratios_are_to_the_file_in_float32(rows):
    for row in rows:
        for key in ("one", "many"):
            low, middle, high = row[f"{key}_ratio"]
            assert 0 < low <= middle <= high < math.inf
            assert row[f"{key}_us"] > 0
    base = next(row for row in rows if row["form"] == shipping.BASE)
    assert base["one_ratio"] == base["many_ratio"] == [1, 1, 1]


def test_the_table_has_a_line_a_form(rows):
    lines = shipping.table(rows).splitlines()
    assert len([line for line in lines if line.startswith("| MLPNet")]) == len(rows)
    assert "bare module" in lines[len(rows) + 1]
