"""The data: the bundled sample, the full Fashion-MNIST, and the refusal of anything else."""

import gzip
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mirrors import Mirror, idx, listing, without_proxies
from sklearn.datasets import get_data_home

from skfashion.datasets import _fetch, _files, data_hash, fetch_fashion_mnist, load_fashion_sample

SUBSETS = ["train", "test", "all"]
SAMPLE_HASHES = {
    "train": "527adbd67e3094baf7f49d629f10c8a7e82df7f027d1b2bf41afcf1f1a13f72e",
    "test": "0851e29ad7f9d5342d9488f08c057b913af6e88fd1005a5bd9f10837f3c089b7",
    "all": "594f891b9c977c953b7a29350eb397681012d16feb3654e64ba4a7eb20dda3b1",
}
FULL_HASHES = {
    "train": "1f243a60b4b748a44c48b9a6f6907be2a08bee3e4e226f0e86fbde8e147b745a",
    "test": "9a494dc49efeb996f4076c469b31cd058152067b1594ba6ab85dd739fce3775e",
    "all": "75979490032625d6583ff7101de6f9243d07d0a8d33d3c9b3b7e79b4c59382af",
}


@pytest.fixture(scope="session")
def full_data():
    try:
        return fetch_fashion_mnist(subset="all", download_if_missing=False)
    except OSError:
        pytest.skip(
            "The full Fashion-MNIST data is not on this machine: neither the Debian package "
            "dataset-fashion-mnist nor the cache of scikit-learn has it."
        )


TINY = {
    "train-labels-idx1-ubyte": idx(20),
    "train-images-idx3-ubyte": idx(20, 28, 28, seed=1),
    "t10k-labels-idx1-ubyte": idx(10),
    "t10k-images-idx3-ubyte": idx(10, 28, 28, seed=2),
}
LABELS, IMAGES = "t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"


# How every child process of these tests begins. The bare package stands for the real one because
# importing the estimators costs seconds and is nothing that the data needs.
PREAMBLE = """
import json, sys, types

root, catalogue, absent = sys.argv.pop(1), json.loads(sys.argv.pop(1)), json.loads(sys.argv.pop(1))
package = sys.modules["skfashion"] = types.ModuleType("skfashion")
package.__path__ = [root]

class Absent:
    def find_spec(self, name, *args):
        if name in absent:
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
from skfashion.datasets import _fetch, _files, data_hash, fetch_fashion_mnist, load_fashion_sample

for split, kind, name, shape, sha256 in catalogue:
    _files.FILES[split, kind] = _files.IdxFile(name, tuple(shape), sha256)
"""


def run_children(code, arguments, absent=()):
    """Run ``code`` in one process for each list of arguments, all at once; return the outputs.

    The processes know the current catalogue of files and cannot import the modules ``absent``.
    """
    catalogue = json.dumps(
        [[*key, file.name, file.shape, file.sha256] for key, file in _files.FILES.items()]
    )
    root = str(Path(_fetch.__file__).parents[1])
    start = [sys.executable, "-c", PREAMBLE + code, root, catalogue, json.dumps(absent)]
    children = [
        subprocess.Popen(
            [*start, *extra], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for extra in arguments
    ]
    outputs = [child.communicate(timeout=120) for child in children]
    assert [child.returncode for child in children] == [0] * len(children), outputs
    return [out for out, _ in outputs]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Every folder that fetch_fashion_mnist looks in, all of them absent."""
    folders = {name: tmp_path / name for name in ["data_home", "environment", "debian"]}
    folders["cache"] = tmp_path / "scikit" / "fashion-mnist"
    monkeypatch.setenv("SKFASHION_DATA", str(folders["environment"]))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "scikit"))
    monkeypatch.setattr(_fetch, "DEBIAN_FOLDER", folders["debian"])
    return folders


@pytest.fixture
def tiny(places, monkeypatch):
    """Expect the files of TINY, which have the real names but other lengths and contents."""
    for key, file in list(_files.FILES.items()):
        content = TINY[file.name]
        shape = (content[7], *file.shape[1:])
        digest = hashlib.sha256(content).hexdigest()
        monkeypatch.setitem(_files.FILES, key, _files.IdxFile(file.name, shape, digest))
    return places


def put(folder, contents=TINY, *, compressed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def pixels(name):
    return np.frombuffer(TINY[name], np.uint8, offset=16).reshape(-1, 784)


# ---------------------------------------------------------------------------------------------
# What the loaders return


@pytest.mark.parametrize("subset, per_class", [("train", 600), ("test", 100), ("all", 700)])
def test_sample_is_balanced_and_never_changes(subset, per_class):
    fashion = load_fashion_sample(subset=subset)
    assert fashion.data.shape == (10 * per_class, 784)
    assert fashion.data.dtype == np.uint8
    assert fashion.target.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(fashion.target), [per_class] * 10)
    assert data_hash(fashion.data, fashion.target) == SAMPLE_HASHES[subset]


@pytest.mark.parametrize("subset, per_class", [("train", 6000), ("test", 1000), ("all", 7000)])
def test_full_data_is_the_published_data(full_data, subset, per_class):
    fashion = fetch_fashion_mnist(subset=subset, download_if_missing=False)
    assert fashion.data.shape == (10 * per_class, 784)
    assert fashion.data.dtype == np.uint8
    assert fashion.target.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(fashion.target), [per_class] * 10)
    assert data_hash(fashion.data, fashion.target) == FULL_HASHES[subset]


def test_sample_rows_come_from_the_matching_split_with_the_documented_seed(full_data):
    for split, rows, per_class in [
        ("train", slice(60_000), 600),
        ("test", slice(60_000, None), 100),
    ]:
        X, y = full_data.data[rows], full_data.target[rows]
        random_state = np.random.RandomState(0)
        drawn = [
            random_state.choice(np.flatnonzero(y == label), per_class, replace=False)
            for label in range(10)
        ]
        drawn = np.sort(np.concatenate(drawn))
        X_sample, y_sample = load_fashion_sample(subset=split, return_X_y=True)
        np.testing.assert_array_equal(X_sample, X[drawn])
        np.testing.assert_array_equal(y_sample, y[drawn])


def test_bundled_file_is_rebuilt_by_its_script(full_data):
    from skfashion.datasets._make_sample import PATH, make_sample

    rebuilt = make_sample()
    with np.load(PATH) as bundled:
        assert sorted(bundled) == sorted(rebuilt)
        for name, array in rebuilt.items():
            assert array.dtype == bundled[name].dtype
            np.testing.assert_array_equal(array, bundled[name])


def test_bundled_file_is_small_and_has_its_licence_beside_it():
    from skfashion.datasets._make_sample import PATH

    assert PATH.stat().st_size < 3.5e6
    notice = (PATH.parent / "LICENSE-fashion-mnist.txt").read_text()
    assert "Copyright (c) 2017 Zalando SE" in notice
    assert "The above copyright notice and this permission notice shall be included" in notice


@pytest.fixture(params=["sample", "full"])
def load(request, tiny):
    """Both loaders, the second on a tiny catalogue."""
    put(tiny["debian"])
    return load_fashion_sample if request.param == "sample" else fetch_fashion_mnist


def test_all_is_the_training_rows_then_the_test_rows(load):
    train, test, both = (load(subset=subset) for subset in SUBSETS)
    np.testing.assert_array_equal(both.data, np.concatenate([train.data, test.data]))
    np.testing.assert_array_equal(both.target, np.concatenate([train.target, test.target]))
    assert not np.array_equal(train.data[: len(test.data)], test.data)


def test_training_rows_are_the_default(load):
    np.testing.assert_array_equal(load().data, load(subset="train").data)


def test_bunch_describes_its_arrays(load):
    fashion = load(subset="test")
    assert fashion.images.shape == (len(fashion.data), 28, 28)
    assert np.shares_memory(fashion.images, fashion.data)
    np.testing.assert_array_equal(fashion.images[3, 5, 7], fashion.data[3, 5 * 28 + 7])
    assert fashion.feature_names[5 * 28 + 7] == "pixel_5_7"
    assert len(set(fashion.feature_names)) == 784
    assert list(fashion.target_names) == [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]
    assert fashion.frame is None


def test_arrays_belong_to_the_caller(load):
    fashion = load(subset="test")
    before = fashion.data.copy()
    fashion.data[:] = 0
    fashion.target[:] = 0
    again = load(subset="test")
    np.testing.assert_array_equal(again.data, before)
    assert again.target.any()


def test_description_tells_the_limits(load):
    descr = " ".join(load(subset="test").DESCR.split())
    for fact in [
        "arXiv:1708.07747",
        "copyright (c) 2017 Zalando SE",
        "mostly Western garments",
        "Gendered styles",
        "64 training images that are mislabelled",
        "issue 166",
        "many more",
        "Near-duplicates",
        "arXiv:1906.08255",
        "31 August 2017",
    ]:
        assert fact in descr, fact


def test_description_of_the_sample_says_that_it_is_one():
    descr = load_fashion_sample(subset="test").DESCR
    assert descr.index("6,000 from the official training set") < descr.index("60,000 for training")


def test_as_frame_returns_pandas(load):
    import pandas as pd

    plain, fashion = load(subset="test"), load(subset="test", as_frame=True)
    assert isinstance(fashion.data, pd.DataFrame)
    assert isinstance(fashion.target, pd.Series)
    assert list(fashion.data.columns) == fashion.feature_names
    assert list(fashion.frame.columns) == [*fashion.feature_names, "target"]
    assert set(fashion.data.dtypes) == {np.dtype("uint8")}
    assert fashion.target.dtype == np.int64
    pd.testing.assert_frame_equal(fashion.frame.drop(columns="target"), fashion.data)
    pd.testing.assert_series_equal(fashion.frame["target"], fashion.target)
    np.testing.assert_array_equal(fashion.data.to_numpy(), plain.data)
    np.testing.assert_array_equal(fashion.target.to_numpy(), plain.target)
    np.testing.assert_array_equal(fashion.images, plain.images)


@pytest.mark.parametrize("as_frame", [False, True])
def test_return_X_y(load, as_frame):
    fashion = load(subset="all", as_frame=as_frame)
    X, y = load(subset="all", as_frame=as_frame, return_X_y=True)
    assert type(X) is type(fashion.data) and type(y) is type(fashion.target)
    np.testing.assert_array_equal(X, fashion.data)
    np.testing.assert_array_equal(y, fashion.target)


def test_bad_parameters_raise_the_error_of_scikit_learn(load):
    with pytest.raises(ValueError, match="The 'subset' parameter of .* must be a str among"):
        load(subset="validation")
    for name in ["return_X_y", "as_frame"]:
        with pytest.raises(ValueError, match=f"The '{name}' parameter of .* must be"):
            load(**{name: "yes"})
    with pytest.raises(TypeError):
        load("train")


def test_bad_parameters_of_fetch(tiny):
    for name, value in [("data_home", 3), ("download_if_missing", "yes")]:
        with pytest.raises(ValueError, match=f"The '{name}' parameter of .* must be"):
            fetch_fashion_mnist(**{name: value})


def test_data_on_disk_needs_neither_pandas_nor_torch(tiny):
    put(tiny["debian"])
    code = """
print(load_fashion_sample(subset="test").data.shape)
print(fetch_fashion_mnist(subset="test", data_home=sys.argv[1]).data.shape)
"""
    absent = ["pandas", "torch", "torchvision", "tqdm"]
    (output,) = run_children(code, [[str(tiny["debian"])]], absent)
    assert output == "(1000, 784)\n(10, 784)\n"


# ---------------------------------------------------------------------------------------------
# Where the files are looked for


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("layout", ["", "FashionMNIST/raw"], ids=["direct", "torchvision"])
@pytest.mark.parametrize("place", ["data_home", "environment", "cache", "debian"])
def test_files_are_found(tiny, place, layout, compressed):
    put(tiny[place] / layout, compressed=compressed)
    fashion = fetch_fashion_mnist(
        subset="all", data_home=tiny["data_home"], download_if_missing=False
    )
    np.testing.assert_array_equal(fashion.data[:20], pixels("train-images-idx3-ubyte"))
    np.testing.assert_array_equal(fashion.data[20:], pixels(IMAGES))
    np.testing.assert_array_equal(fashion.target, [*range(10)] * 3)


def test_gz_is_recognised_by_content_not_by_name(tiny):
    put(tiny["debian"], {LABELS: gzip.compress(TINY[LABELS]), f"{IMAGES}.gz": TINY[IMAGES]})
    X, _ = fetch_fashion_mnist(subset="test", return_X_y=True, download_if_missing=False)
    np.testing.assert_array_equal(X, pixels(IMAGES))


def test_cache_is_the_folder_of_scikit_learn(tiny):
    put(Path(get_data_home()) / "fashion-mnist")
    assert len(fetch_fashion_mnist(subset="test", download_if_missing=False).data) == 10


@pytest.mark.parametrize("name", ["data_home", "SKFASHION_DATA", "SCIKIT_LEARN_DATA"])
def test_home_folder_is_expanded(tiny, tmp_path, monkeypatch, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    if name != "data_home":
        monkeypatch.setenv(name, "~/clothes")
    put(tmp_path / "clothes" / ("fashion-mnist" if name == "SCIKIT_LEARN_DATA" else ""))
    fashion = fetch_fashion_mnist(
        subset="test",
        data_home="~/clothes" if name == "data_home" else None,
        download_if_missing=False,
    )
    assert len(fashion.data) == 10


@pytest.mark.parametrize(
    "first, second",
    [("data_home", "environment"), ("environment", "cache"), ("cache", "debian")],
)
def test_places_are_searched_in_order(tiny, first, second):
    put(tiny[second], dict.fromkeys(TINY, b"never read"))
    put(tiny[first])
    fashion = fetch_fashion_mnist(data_home=tiny["data_home"], download_if_missing=False)
    np.testing.assert_array_equal(fashion.data, pixels("train-images-idx3-ubyte"))


@pytest.mark.parametrize("place", ["data_home", "environment", "cache"])
def test_bad_file_is_an_error_even_if_a_good_one_lies_elsewhere(tiny, place):
    put(tiny["debian"])
    put(tiny[place], {IMAGES: TINY[IMAGES][:-1]})
    with pytest.raises(ValueError) as error:
        fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    assert str(tiny[place] / IMAGES) in str(error.value)


def test_without_a_home_directory_named_folders_are_enough(tiny, monkeypatch):
    def no_home(path):
        raise RuntimeError("Could not determine home directory.")

    plain = Path.expanduser
    monkeypatch.setattr(
        Path, "expanduser", lambda path: no_home(path) if str(path)[0] == "~" else plain(path)
    )
    monkeypatch.delenv("SKFASHION_DATA")
    monkeypatch.delenv("SCIKIT_LEARN_DATA")
    with pytest.raises(ValueError, match="Got data_home='~/x', expected a folder without ~"):
        fetch_fashion_mnist(data_home="~/x")
    with pytest.raises(OSError, match="no folder to download .* into"):
        fetch_fashion_mnist(subset="test")
    put(tiny["data_home"], TINY)
    assert len(fetch_fashion_mnist(subset="test", data_home=tiny["data_home"]).data)


def test_empty_variable_is_no_folder(tiny, tmp_path, monkeypatch):
    # As a folder it would be the current one, so plant a bad file there.
    put(tmp_path / "here", {IMAGES: b"bad"})
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("SKFASHION_DATA", "")
    put(tiny["debian"])
    assert len(fetch_fashion_mnist(subset="test", download_if_missing=False).data) == 10


@pytest.mark.parametrize("name", ["data_home", "SKFASHION_DATA"])
def test_named_folder_that_is_a_file_is_an_error(tiny, tmp_path, monkeypatch, name):
    put(tiny["debian"])
    path = tmp_path / "archive.zip"
    path.write_bytes(b"")
    if name == "SKFASHION_DATA":
        monkeypatch.setenv(name, str(path))
    with pytest.raises(NotADirectoryError, match=f"{name} should be a folder.*archive.zip"):
        fetch_fashion_mnist(data_home=path if name == "data_home" else None)


def test_missing_data_names_the_places_and_the_package_and_leaves_no_trace(tiny, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match="download_if_missing") as error:
        fetch_fashion_mnist(data_home=tiny["data_home"], download_if_missing=False)
    for text in [*map(str, tiny.values()), "apt install dataset-fashion-mnist", "SKFASHION_DATA"]:
        assert text in str(error.value)
    assert "train-images-idx3-ubyte" in str(error.value)
    assert "t10k" not in str(error.value)
    assert sorted(tmp_path.rglob("*")) == before


# ---------------------------------------------------------------------------------------------
# What is refused

every_example = settings(
    # Every example overwrites the same file, so sharing the folder is harmless.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
any_file = st.sampled_from([LABELS, IMAGES])


@every_example
@given(data=st.data(), name=any_file, compressed=st.booleans())
def test_file_truncated_anywhere_is_refused(tiny, data, name, compressed):
    put(tiny["debian"])
    blob = gzip.compress(TINY[name]) if compressed else TINY[name]
    kept = data.draw(st.integers(0, len(blob) - 1))
    put(tiny["data_home"], {f"{name}.gz": blob[:kept]})
    with pytest.raises(ValueError, match=f"{name}.*found.*expected.*Delete it"):
        fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    (tiny["data_home"] / f"{name}.gz").unlink()


@every_example
@given(data=st.data(), name=any_file, compressed=st.booleans(), bit=st.integers(0, 7))
def test_flipped_bit_never_reaches_the_caller(tiny, data, name, compressed, bit):
    put(tiny["debian"])
    blob = bytearray(gzip.compress(TINY[name]) if compressed else TINY[name])
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << bit
    put(tiny["data_home"], {f"{name}.gz": blob})
    try:
        fashion = fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    except ValueError as error:
        assert name in str(error) and "Delete it" in str(error)
    else:
        # Some bits of a gzip header, such as the date, do not matter to the content.
        assert compressed
        np.testing.assert_array_equal(fashion.data, pixels(IMAGES))
        np.testing.assert_array_equal(fashion.target, np.arange(10))
    finally:
        (tiny["data_home"] / f"{name}.gz").unlink()


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize(
    "content, found",
    [
        (b"<html></html>", "too short.*13 bytes"),
        (TINY[LABELS] + b"\0", "too long"),
        (b"\0" * len(TINY[LABELS]), "not in the IDX format"),
        (TINY[LABELS][:-1] + b"\0", "valid header but other content.*MNIST"),
        (idx(19), "too long"),
    ],
)
def test_wrong_file_is_described(tiny, content, found, compressed):
    put(tiny["data_home"], {LABELS: content, IMAGES: TINY[IMAGES]}, compressed=compressed)
    with pytest.raises(ValueError, match=found) as error:
        fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    message = str(error.value)
    assert str(tiny["data_home"] / LABELS) in message
    assert f"expected {len(TINY[LABELS]):,} bytes" in message
    assert hashlib.sha256(TINY[LABELS]).hexdigest() in message
    assert "Delete it and call again" in message


def test_swapped_files_are_named(tiny):
    put(tiny["data_home"], {**TINY, "train-labels-idx1-ubyte": TINY[LABELS]})
    with pytest.raises(ValueError, match=f"found the content of {LABELS}"):
        fetch_fashion_mnist(data_home=tiny["data_home"])


def test_digit_mnist_is_named(tiny, monkeypatch):
    # The digits themselves are not at hand: let other bytes of the same shape stand for them.
    digits = idx(10, 28, 28, seed=3)
    monkeypatch.setattr(_files, "DIGIT_MNIST_SHA256", {hashlib.sha256(digits).hexdigest()})
    put(tiny["data_home"], {LABELS: TINY[LABELS], IMAGES: digits}, compressed=True)
    with pytest.raises(ValueError, match="found digit MNIST"):
        fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])


@pytest.mark.parametrize("subset", ["train", "test"])
def test_full_size_file_with_other_labels_is_refused(places, subset):
    prefix, n = ("train", 60_000) if subset == "train" else ("t10k", 10_000)
    put(
        places["data_home"],
        {
            f"{prefix}-labels-idx1-ubyte": idx(n),
            f"{prefix}-images-idx3-ubyte": b"never read",
        },
    )
    with pytest.raises(ValueError, match="valid header but other content"):
        fetch_fashion_mnist(subset=subset, data_home=places["data_home"])


def test_full_size_black_images_are_refused(places, full_data):
    labels = full_data.target[60_000:].astype(np.uint8).tobytes()
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (10_000, 28, 28))
    contents = {LABELS: idx(10_000)[:8] + labels, IMAGES: header + bytes(10_000 * 784)}
    put(places["data_home"], contents, compressed=True)
    with pytest.raises(ValueError, match=f"{IMAGES}.gz is not .* valid header but other content"):
        fetch_fashion_mnist(subset="test", data_home=places["data_home"])


def test_damaged_debian_file_names_the_package(tiny):
    put(tiny["debian"], dict.fromkeys(TINY, b"bad"))
    with pytest.raises(ValueError, match="apt reinstall dataset-fashion-mnist"):
        fetch_fashion_mnist()


# ---------------------------------------------------------------------------------------------
# Downloads, from servers on this machine

ARCHIVES = {f"/{name}.gz": gzip.compress(content) for name, content in TINY.items()}


@pytest.fixture
def serve(monkeypatch):
    """Start mirrors, each from the arguments of ``Mirror``, and make torchvision name them."""
    from torchvision.datasets import FashionMNIST

    without_proxies(monkeypatch)
    started = []

    def start(*mirrors):
        started.extend(mirrors)
        monkeypatch.setattr(FashionMNIST, "mirrors", [mirror.url for mirror in mirrors])
        return mirrors

    yield start
    for mirror in started:
        mirror.close()


def test_download_lands_and_is_not_repeated(tiny, serve, capsys):
    (mirror,) = serve(Mirror(ARCHIVES))
    for _ in range(2):
        fashion = fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
        np.testing.assert_array_equal(fashion.data, pixels(IMAGES))
        np.testing.assert_array_equal(fashion.target, np.arange(10))
    assert mirror.requests == [f"/{LABELS}.gz", f"/{IMAGES}.gz"]
    assert listing(tiny["data_home"]) == [f"{IMAGES}.gz", f"{LABELS}.gz"]
    assert f"{IMAGES}: 100%" in capsys.readouterr().err


def test_only_the_missing_file_is_downloaded(tiny, serve):
    (mirror,) = serve(Mirror(ARCHIVES))
    put(tiny["data_home"], {LABELS: TINY[LABELS]})
    fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    assert mirror.requests == [f"/{IMAGES}.gz"]


@pytest.mark.parametrize("place", ["data_home", "environment", "cache"])
def test_download_goes_to_the_first_folder_that_applies(tiny, serve, monkeypatch, place):
    serve(Mirror(ARCHIVES))
    if place == "cache":
        monkeypatch.delenv("SKFASHION_DATA")
    fetch_fashion_mnist(
        subset="test", data_home=tiny["data_home"] if place == "data_home" else None
    )
    assert [name for name, folder in tiny.items() if folder.exists()] == [place]


def test_downloaded_file_is_as_readable_as_any_other(tiny, serve):
    serve(Mirror(ARCHIVES))
    fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    ordinary = tiny["data_home"] / "ordinary"
    ordinary.touch()
    mode = stat.S_IMODE((tiny["data_home"] / f"{LABELS}.gz").stat().st_mode)
    assert mode == stat.S_IMODE(ordinary.stat().st_mode)


def wrong(content):
    return dict.fromkeys(ARCHIVES, content)


BAD_MIRRORS = {
    "not found": ({}, {}, "404"),
    "truncated": (ARCHIVES, {"cut": 5}, "the connection ended after"),
    "login page": (wrong(b"<p>Log in</p>"), {}, "too short"),
    "other data": (wrong(gzip.compress(idx(10, seed=9)[:-1] + b"\0")), {}, "other content"),
    "endless": (wrong(bytes(10**6)), {}, "more than 65,[0-9]+ bytes, too long"),
}


@pytest.mark.parametrize("fault", BAD_MIRRORS)
def test_next_mirror_is_tried_and_the_bad_download_is_gone(tiny, serve, fault):
    pages, options, _ = BAD_MIRRORS[fault]
    bad, good = serve(Mirror(pages, **options), Mirror(ARCHIVES))
    fashion = fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    np.testing.assert_array_equal(fashion.data, pixels(IMAGES))
    assert bad.requests == good.requests == [f"/{LABELS}.gz", f"/{IMAGES}.gz"]
    assert listing(tiny["data_home"]) == [f"{IMAGES}.gz", f"{LABELS}.gz"]


@pytest.mark.parametrize("fault", BAD_MIRRORS)
def test_failure_of_every_mirror_says_why_and_leaves_nothing(tiny, serve, fault):
    pages, options, reason = BAD_MIRRORS[fault]
    (mirror,) = serve(Mirror(pages, **options))
    with pytest.raises(OSError, match=reason) as error:
        fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    assert f"{mirror.url}{LABELS}.gz" in str(error.value)
    assert "apt install dataset-fashion-mnist" in str(error.value)
    assert not tiny["data_home"].exists()


def test_mirror_that_is_down_or_malformed_is_passed_over(tiny, serve, monkeypatch):
    from torchvision.datasets import FashionMNIST

    down, good = serve(Mirror({}), Mirror(ARCHIVES))
    down.server.server_close()
    # Without its final slash, an address should work all the same.
    mirrors = ["no address", down.url, good.url.rstrip("/")]
    monkeypatch.setattr(FashionMNIST, "mirrors", mirrors)
    fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    assert len(good.requests) == 2


def test_file_takes_its_name_only_when_it_is_whole_on_the_disk(tiny, serve, monkeypatch):
    serve(Mirror(ARCHIVES))
    sizes = []

    def fsync(descriptor, fsync=os.fsync):
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):  # as the folder is, after the renaming
            assert not list(tiny["data_home"].glob("t10k*images*"))
            sizes.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    assert sizes == [len(ARCHIVES[f"/{LABELS}.gz"]), len(ARCHIVES[f"/{IMAGES}.gz"])]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_interrupted_write_leaves_nothing(tiny, serve, monkeypatch, step, error):
    bad, spare = serve(Mirror(ARCHIVES), Mirror(ARCHIVES))

    def fail(*args):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        fetch_fashion_mnist(subset="test", data_home=tiny["data_home"])
    assert listing(tiny["data_home"]) == []
    # A full disk is no fault of the mirror: downloading again elsewhere would not help.
    assert spare.requests == []


@pytest.mark.slow
def test_two_processes_at_once_do_not_spoil_each_other(tiny, serve, tmp_path):
    # The processes wait for each other in the middle of every write, so that both are certainly
    # busy with the same file. A stand-in for torchvision spares each of them its import.
    code = """
import os, stat, time
from pathlib import Path

mirror, folder, me, other = sys.argv[1:]
torchvision = sys.modules["torchvision.datasets"] = types.ModuleType("torchvision.datasets")
torchvision.FashionMNIST = types.SimpleNamespace(mirrors=[mirror], resources=[])
sys.modules["torchvision"] = types.ModuleType("torchvision")
step = 0

def fsync(descriptor, fsync=os.fsync):
    global step
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):  # after the renaming
        return fsync(descriptor)
    step += 1
    Path(f"{me}-{step}").touch()
    deadline = time.monotonic() + 30
    while not Path(f"{other}-{step}").exists():
        assert time.monotonic() < deadline, "the other process never came"
        time.sleep(0.001)
    fsync(descriptor)

os.fsync = fsync
_fetch.DEBIAN_FOLDER = Path(folder) / "absent"
X, y = fetch_fashion_mnist(subset="all", data_home=folder, return_X_y=True)
print(json.dumps([data_hash(X, y), step]))
"""
    barrier = threading.Barrier(2, timeout=60)  # both ask before either is answered
    (mirror,) = serve(Mirror(ARCHIVES, before_reply=lambda path: barrier.wait()))
    folder, first, second = (str(tmp_path / name) for name in ["shared", "first", "second"])
    outputs = run_children(
        code, [[mirror.url, folder, first, second], [mirror.url, folder, second, first]]
    )
    put(tiny["debian"])
    X, y = fetch_fashion_mnist(subset="all", return_X_y=True)
    assert [json.loads(output) for output in outputs] == [[data_hash(X, y), 4]] * 2
    found = {f"/{path.name}": path.read_bytes() for path in Path(folder).iterdir()}
    assert found == ARCHIVES


def test_real_files_are_downloaded(places, serve, full_data):
    X, y = full_data.data[60_000:], full_data.target[60_000:]
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (10_000, 28, 28))
    contents = {
        LABELS: idx(10_000)[:8] + y.astype(np.uint8).tobytes(),
        IMAGES: header + X.tobytes(),
    }
    # Another compression than the authors': only the content should count.
    serve(Mirror({f"/{name}.gz": gzip.compress(c, 1) for name, c in contents.items()}))
    X_read, y_read = fetch_fashion_mnist(subset="test", return_X_y=True)
    assert data_hash(X_read, y_read) == FULL_HASHES["test"]
    assert listing(places["environment"]) == [f"{IMAGES}.gz", f"{LABELS}.gz"]


# ---------------------------------------------------------------------------------------------
# The fingerprint


@given(
    row=st.integers(0, 4),
    column=st.integers(0, 3),
    change=st.integers(1, 255),
)
def test_hash_changes_with_any_pixel_and_any_label(row, column, change):
    X = np.arange(20, dtype=np.uint8).reshape(5, 4)
    y = np.arange(5)
    X_other, y_other = X.copy(), y.copy()
    X_other[row, column] ^= change
    y_other[row] += change
    assert len({data_hash(X, y), data_hash(X_other, y), data_hash(X, y_other)}) == 3


def test_hash_depends_on_content_and_type_not_on_memory_layout():
    X = np.arange(20, dtype=np.int16).reshape(5, 4)
    y = np.arange(5)
    expected = hashlib.sha256(X.astype("<i2").tobytes() + y.astype("<i8").tobytes()).hexdigest()
    assert data_hash(X, y) == expected
    assert data_hash(np.asfortranarray(X), y.astype(">i8")) == expected
    assert data_hash(X.reshape(5, 2, 2), list(y)) == expected
    assert data_hash(X.astype(np.int32), y) != expected
    assert data_hash(X[::-1], y) != expected
