"""MNIST, Kuzushiji-MNIST, EMNIST, CIFAR-10: what is read, where it is found, what is refused."""

import dataclasses
import gzip
import hashlib
import io
import os
import pickle
import tarfile
import zipfile
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torchvision.datasets
from common import Trap
from mirrors import Mirror, idx, listing, without_proxies

from skfashion import MLPNetClassifier
from skfashion.datasets import (
    _archives,
    _cifar,
    _emnist,
    _fetch,
    _files,
    _mnist,
    fetch_cifar10,
    fetch_emnist,
    fetch_fashion_mnist,
    fetch_kmnist,
    fetch_mnist,
)

FETCH = {
    "mnist": fetch_mnist,
    "kmnist": fetch_kmnist,
    "emnist": fetch_emnist,
    "cifar-10": fetch_cifar10,
}
# The folder of each below torchvision's root.
RAW = {"mnist": "MNIST/raw", "kmnist": "KMNIST/raw", "emnist": "EMNIST/raw", "cifar-10": ""}
N = {"train": 20, "test": 10}


def digest(content):
    return hashlib.sha256(content).hexdigest()


def idx_files(seed):
    """Four files with the names of MNIST, twenty images to train and ten to test."""
    files = {}
    for prefix, n in (("train", 20), ("t10k", 10)):
        labels = idx(n)
        labels = labels[:8] + bytes((label + seed) % 10 for label in labels[8:])
        files[f"{prefix}-labels-idx1-ubyte"] = labels
        files[f"{prefix}-images-idx3-ubyte"] = idx(n, 28, 28, seed=seed + n)
    return files


def emnist_members():
    """The files of two splits; letters begin with 1, as they do in the published files."""
    members = {}
    for seed, split in enumerate(("balanced", "letters")):
        for part, n in N.items():
            labels = bytearray(idx(n))
            labels[8:] = [label + (split == "letters") for label in labels[8:]]
            name = f"emnist-{split}-{part}"
            members[f"{name}-labels-idx1-ubyte"] = bytes(labels)
            members[f"{name}-images-idx3-ubyte"] = idx(n, 28, 28, seed=n + seed)
    return members


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"gzip/{name}.gz", gzip.compress(content))
    return stream.getvalue()


def records(n, seed):
    """Labels and planes of colour images, and the bytes of CIFAR's records of them."""
    labels = np.arange(n, dtype=np.uint8) % 10
    planes = np.random.RandomState(seed).randint(0, 256, (n, 3, 32, 32)).astype(np.uint8)
    return labels, planes, np.hstack([labels[:, None], planes.reshape(n, -1)]).tobytes()


def tarred(members):
    """A tar.gz of (name, content) pairs; content None is a link to /etc/passwd."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return stream.getvalue()


CIFAR_PARTS = {
    **{f"data_batch_{i}.bin": records(4, i) for i in range(1, 6)},
    "test_batch.bin": records(10, 6),
}
# The test images come first: the rows have the order of the names all the same.
CIFAR_MEMBERS = [
    ("cifar-10-batches-bin/readme.html", b"<html></html>"),
    *(
        (f"cifar-10-batches-bin/{name}", CIFAR_PARTS[name][2])
        for name in sorted(CIFAR_PARTS, reverse=True)
    ),
]
FILES = {
    "mnist": {f"{name}.gz": gzip.compress(c) for name, c in idx_files(1).items()},
    "kmnist": {f"{name}.gz": gzip.compress(c) for name, c in idx_files(2).items()},
    "emnist": {"gzip.zip": zipped(emnist_members())},
    "cifar-10": {"cifar-10-binary.tar.gz": tarred(CIFAR_MEMBERS)},
}


def expected(name, part):
    """The images and labels of a part, read by other means."""
    if name == "cifar-10":
        prefix = {"train": "data", "test": "test"}[part]
        chosen = [its for member, its in CIFAR_PARTS.items() if member.startswith(prefix)]
        labels = np.concatenate([labels for labels, *_ in chosen])
        return np.concatenate([planes for _, planes, _ in chosen]).transpose(0, 2, 3, 1), labels
    prefix = {"train": "train", "test": "t10k"}[part]
    contents = emnist_members() if name == "emnist" else idx_files({"mnist": 1, "kmnist": 2}[name])
    prefix = f"emnist-balanced-{part}" if name == "emnist" else prefix
    images = np.frombuffer(contents[f"{prefix}-images-idx3-ubyte"], np.uint8, offset=16)
    labels = np.frombuffer(contents[f"{prefix}-labels-idx1-ubyte"], np.uint8, offset=8)
    images = images.reshape(-1, 28, 28)
    return (images.transpose(0, 2, 1) if name == "emnist" else images), labels


@pytest.fixture
def places(tmp_path, monkeypatch):
    """All folders that are looked in, absent."""
    monkeypatch.setenv("SKFASHION_DATA", str(tmp_path / "environment"))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "scikit"))
    return {place: tmp_path / place for place in ("data_home", "environment", "scikit")}


@pytest.fixture
def small(places, monkeypatch):
    """Let the small files be those that are expected."""
    for key, file in list(_files.MNIST_FILES.items()):
        content = gzip.decompress(FILES["mnist"][f"{file.name}.gz"])
        shape = (content[7], *file.shape[1:])
        monkeypatch.setitem(
            _files.MNIST_FILES, key, replace(file, shape=shape, sha256=digest(content))
        )
    for key, file in list(_archives.KMNIST_FILES.items()):
        expect(monkeypatch.setitem, _archives.KMNIST_FILES, key, FILES["kmnist"][file.name])
    expect(monkeypatch.setattr, _emnist, "EMNIST_FILE", FILES["emnist"]["gzip.zip"])
    blob = FILES["cifar-10"]["cifar-10-binary.tar.gz"]
    expect(monkeypatch.setattr, _cifar, "CIFAR10_FILE", blob)
    return places


@pytest.fixture
def clothes(monkeypatch):
    """Small files that are expected of Fashion-MNIST, by name."""
    contents = idx_files(0)
    for key, file in list(_files.FILES.items()):
        shape = (contents[file.name][7], *file.shape[1:])
        own = replace(file, shape=shape, sha256=digest(contents[file.name]))
        monkeypatch.setitem(_files.FILES, key, own)
    return contents


def expect(patch, where, key, blob):
    """Let an archive be the one that is expected."""
    file = where[key] if isinstance(where, dict) else getattr(where, key)
    patch(where, key, replace(file, size=len(blob), sha256=digest(blob)))


def put(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


every_set = pytest.mark.parametrize("name", FETCH)


# ---------------------------------------------------------------------------------------------
# What is read


@every_set
def test_rows_are_those_of_the_files(name, small):
    put(small["data_home"], FILES[name])
    X = {part: expected(name, part)[0] for part in N}
    y = {part: expected(name, part)[1] for part in N}
    for subset in ("train", "test", "all"):
        found = FETCH[name](subset=subset, data_home=small["data_home"], download_if_missing=False)
        parts = N if subset == "all" else [subset]
        np.testing.assert_array_equal(found.images, np.concatenate([X[part] for part in parts]))
        np.testing.assert_array_equal(found.target, np.concatenate([y[part] for part in parts]))
        assert found.data.dtype == np.uint8 and found.target.dtype == np.int64
        assert np.shares_memory(found.data, found.images)
        assert found.data.shape == (len(found.target), len(found.feature_names))
        assert found.data.flags.writeable and found.target.flags.writeable
        assert len(found.target_names) > found.target.max()
        assert "Limits" in found.DESCR and ":Licence:" in found.DESCR
        assert found.frame is None
    X, y = FETCH[name](data_home=small["data_home"], return_X_y=True)
    np.testing.assert_array_equal(X, FETCH[name](data_home=small["data_home"]).data)


@every_set
def test_training_rows_are_the_default_and_frames_are_images(name, small):
    put(small["data_home"], FILES[name])
    plain = FETCH[name](data_home=small["data_home"])
    assert len(plain.data) == 20
    frame = FETCH[name](data_home=small["data_home"], as_frame=True).frame
    np.testing.assert_array_equal(frame.drop(columns="target"), plain.data)
    net = MLPNetClassifier(hidden_layer_sizes=2, max_epochs=1, random_state=0)
    net.fit(frame.drop(columns="target"), frame["target"])
    assert net.image_shape_ == plain.images.shape[1:]


@pytest.mark.parametrize("name", ["mnist", "kmnist", "emnist"])
def test_torchvision_reads_the_same(name, small, tmp_path):
    cls = {"mnist": "MNIST", "kmnist": "KMNIST", "emnist": "EMNIST"}[name]
    cls = getattr(torchvision.datasets, cls)
    put(tmp_path / RAW[name], FILES[name])
    contents = emnist_members() if name == "emnist" else idx_files({"mnist": 1, "kmnist": 2}[name])
    put(tmp_path / RAW[name], contents)
    options = {"split": "letters"} if name == "emnist" else {}
    theirs = cls(tmp_path, train=False, **options)
    ours = FETCH[name](subset="test", data_home=tmp_path, download_if_missing=False, **options)
    pixels = theirs.data.numpy()
    np.testing.assert_array_equal(
        ours.images, pixels.transpose(0, 2, 1) if name == "emnist" else pixels
    )
    # torchvision keeps a class without rows before the first letter.
    np.testing.assert_array_equal(ours.target + (name == "emnist"), theirs.targets.numpy())


def test_characters_stand_upright(small, monkeypatch):
    letter = np.zeros((28, 28), np.uint8)
    letter[4:24, 8] = 255  # an L: a stroke down, then one to the right
    letter[23, 8:20] = 255
    members = emnist_members()
    name = "emnist-letters-test-images-idx3-ubyte"
    members[name] = idx(1, 28, 28)[:16] + letter.T.tobytes()
    members["emnist-letters-test-labels-idx1-ubyte"] = idx(1)[:8] + bytes([12])
    blob = zipped(members)
    expect(monkeypatch.setattr, _emnist, "EMNIST_FILE", blob)
    put(small["data_home"], {"gzip.zip": blob})
    found = fetch_emnist(split="letters", subset="test", data_home=small["data_home"])
    np.testing.assert_array_equal(found.images[0], letter)
    assert found.target_names[found.target[0]] == "L"


def test_classes_of_emnist_are_torchvisions():
    theirs = torchvision.datasets.EMNIST.classes_split_dict
    assert set(_emnist.CLASSES) == set(torchvision.datasets.EMNIST.splits)
    for split, names in _emnist.CLASSES.items():
        names = [name.lower() for name in names] if split == "letters" else list(names)
        assert names == [name for name in theirs[split] if name != "N/A"]
    assert list(_cifar.CIFAR10_NAMES)[:2] == ["airplane", "automobile"]


def test_names_and_addresses_are_torchvisions():
    for name, files in (("MNIST", _files.MNIST_FILES), ("KMNIST", _archives.KMNIST_FILES)):
        theirs = {file for file, _ in getattr(torchvision.datasets, name).resources}
        assert {f"{file.name.removesuffix('.gz')}.gz" for file in files.values()} == theirs
        assert {file.source for file in files.values()} == {name}
    assert torchvision.datasets.EMNIST.url.endswith(f"/{_archives.EMNIST_FILE.name}")
    assert torchvision.datasets.KMNIST.classes == list(_mnist.SYLLABLES)


@every_set
def test_the_real_files_where_they_lie(name):
    try:
        found = FETCH[name](subset="test", download_if_missing=False)
    except OSError:
        pytest.skip(f"The files of {name} are not on this machine.")
    counts = np.bincount(found.target)
    assert counts.sum() == {"emnist": 18_800}.get(name, 10_000)
    if name != "mnist":
        assert set(counts) == {400 if name == "emnist" else 1000}


# ---------------------------------------------------------------------------------------------
# Where files are looked for


@pytest.mark.parametrize("layout", ["own", "torchvision", "direct"])
@pytest.mark.parametrize("place", ["data_home", "environment", "scikit"])
@every_set
def test_files_are_found(name, place, layout, small):
    below = {"own": name, "torchvision": RAW[name], "direct": ""}[layout]
    put(small[place] / below, FILES[name])
    found = FETCH[name](subset="test", data_home=small["data_home"], download_if_missing=False)
    np.testing.assert_array_equal(found.target, expected(name, "test")[1])


def test_decompressed_mnist_is_read_too(small):
    put(small["data_home"], idx_files(1))
    assert len(fetch_mnist(data_home=small["data_home"], download_if_missing=False).data) == 20


def test_one_folder_holds_them_all(small, clothes, serve):
    put(small["data_home"], clothes)
    serve(*FETCH)
    for _ in range(2):
        for name, fetch in FETCH.items():
            found = fetch(subset="all", data_home=small["data_home"])
            np.testing.assert_array_equal(found.images[:20], expected(name, "train")[0])
            serve.mirrors[name].close()
    fashion = fetch_fashion_mnist(data_home=small["data_home"], download_if_missing=False)
    pixels = np.frombuffer(clothes["train-images-idx3-ubyte"], np.uint8, offset=16)
    np.testing.assert_array_equal(fashion.data.ravel(), pixels)
    # The other way round, published files of Japanese characters lie where digits are looked for.
    put(small["environment"], FILES["kmnist"])
    put(small["environment"] / "mnist", FILES["mnist"])
    for name in ("mnist", "kmnist"):
        found = FETCH[name](download_if_missing=False)
        np.testing.assert_array_equal(found.images, expected(name, "train")[0])
    for path in (small["environment"] / "mnist").iterdir():
        path.unlink()
    with pytest.raises(OSError, match="Missing: train-labels-idx1-ubyte, .* of MNIST"):
        fetch_mnist(download_if_missing=False)


@every_set
def test_missing_data_names_the_places_and_leaves_no_trace(name, small, tmp_path):
    with pytest.raises(OSError, match="`download_if_missing` is False. Missing: ") as error:
        FETCH[name](data_home=small["data_home"], download_if_missing=False)
    for text in [*map(str, small.values()), f"in {name} ", "SKFASHION_DATA"]:
        assert text in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_without_any_folder_nothing_is_downloaded(small, monkeypatch):
    monkeypatch.delenv("SKFASHION_DATA")
    monkeypatch.delenv("SCIKIT_LEARN_DATA")

    def no_home(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.expanduser", no_home)
    with pytest.raises(OSError, match="no folder to download gzip.zip into"):
        fetch_emnist()


# ---------------------------------------------------------------------------------------------
# What is refused


def longest(name):
    """The name of the largest file of a data set: the images."""
    return max(FILES[name], key=lambda file: len(FILES[name][file]))


DAMAGES = {
    "truncated": (lambda blob: blob[:-1], "too short|truncated"),
    "flipped bit": (lambda blob: blob[:-20] + bytes([blob[-20] ^ 1]) + blob[-19:], "found"),
    "too long": (lambda blob: blob + b"x" * 3_000_000, "too long|found"),
    "login page": (lambda blob: b"<p>Log in</p>", "too short"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@every_set
def test_a_wrong_file_is_refused_wherever_it_lies(name, damage, small):
    change, words = DAMAGES[damage]
    file = longest(name)
    for below in (name, ""):
        put(small["data_home"] / below, FILES[name] | {file: change(FILES[name][file])})
        put(small["environment"], FILES[name])
        with pytest.raises(ValueError, match=words) as error:
            FETCH[name](subset="all", data_home=small["data_home"])
        message = str(error.value)
        assert str(small["data_home"] / below / file) in message
        assert "expected" in message and "Delete it and call again" in message
        for file in FILES[name]:
            (small["data_home"] / below / file).unlink()


def test_clothes_in_the_folder_of_digits_are_named(small, clothes):
    put(small["data_home"] / "mnist", clothes)
    name = "train-labels-idx1-ubyte"
    words = f"is not the file {name} of MNIST: found the content of {name} of Fashion-MNIST"
    with pytest.raises(ValueError, match=words):
        fetch_mnist(data_home=small["data_home"])


def test_an_archive_that_holds_something_else_is_refused(small, monkeypatch):
    too_few, floats = b"\0\0\x08\x01\0\0\0\x09" + bytes(8), b"\0\0\x0d" + idx(9)[3:]
    for content in (b"", b"\0\0\x08\x01", b"\0\0\x08\0x", too_few, floats):
        blob = gzip.compress(content)
        key, file = ("train", "labels"), "train-labels-idx1-ubyte.gz"
        expect(monkeypatch.setitem, _archives.KMNIST_FILES, key, blob)
        put(small["data_home"], FILES["kmnist"] | {file: blob})
        with pytest.raises(ValueError, match=f"{file} is not in the IDX format of unsigned bytes"):
            fetch_kmnist(data_home=small["data_home"])


def test_nothing_of_an_archive_is_unpacked_or_followed(small, monkeypatch, tmp_path):
    evil = [
        ("../../evil.bin", b"evil"),
        (str(tmp_path / "absolute.bin"), b"evil"),
        ("elsewhere/data_batch_1.bin", None),
    ]
    blob = tarred([*evil, *CIFAR_MEMBERS])
    expect(monkeypatch.setattr, _cifar, "CIFAR10_FILE", blob)
    put(small["data_home"], {"cifar-10-binary.tar.gz": blob})
    before = sorted(tmp_path.rglob("*"))
    found = fetch_cifar10(data_home=small["data_home"])
    np.testing.assert_array_equal(found.images, expected("cifar-10", "train")[0])
    assert sorted(tmp_path.rglob("*")) == before


def test_no_pickle_is_opened(small, tmp_path):
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    blob = tarred([("cifar-10-batches-py/data_batch_1", trap)])
    put(small["data_home"], {"cifar-10-python.tar.gz": blob})
    put(small["data_home"] / "cifar-10-batches-py", {"data_batch_1": trap})
    with pytest.raises(OSError, match="Missing: cifar-10-binary.tar.gz of CIFAR-10"):
        fetch_cifar10(data_home=small["data_home"], download_if_missing=False)
    put(small["data_home"], {"cifar-10-binary.tar.gz": blob})
    with pytest.raises(ValueError, match="is not the file cifar-10-binary.tar.gz of CIFAR-10"):
        fetch_cifar10(data_home=small["data_home"])
    assert not (tmp_path / "sprung").exists()


def test_bad_parameters_raise_the_error_of_scikit_learn(small):
    for fetch in FETCH.values():
        for name, value in [("subset", "validation"), ("data_home", 3), ("as_frame", "yes")]:
            with pytest.raises(ValueError, match=f"The '{name}' parameter of .* must be"):
                fetch(**{name: value})
    with pytest.raises(ValueError, match="The 'split' parameter of fetch_emnist must be"):
        fetch_emnist(split="letter")


# ---------------------------------------------------------------------------------------------
# Downloads, from servers on this machine


@dataclass
class Mirrors:
    """What starts servers by the names of data sets and makes torchvision name them."""

    monkeypatch: pytest.MonkeyPatch
    mirrors: dict = dataclasses.field(default_factory=dict)

    def __call__(self, *names, files=FILES, **options):
        for name in names:
            pages = {f"/{file}": content for file, content in files[name].items()}
            mirror = self.mirrors[name] = Mirror(pages, **options)
            datasets = torchvision.datasets
            if name in ("mnist", "kmnist"):
                cls = {"mnist": datasets.MNIST, "kmnist": datasets.KMNIST}[name]
                self.monkeypatch.setattr(cls, "mirrors", [mirror.url])
            elif name == "emnist":
                self.monkeypatch.setattr(datasets.EMNIST, "url", f"{mirror.url}gzip.zip")
            else:
                url = f"{mirror.url}cifar-10-python.tar.gz"
                self.monkeypatch.setattr(datasets.CIFAR10, "url", url)


@pytest.fixture
def serve(monkeypatch):
    without_proxies(monkeypatch)
    mirrors = Mirrors(monkeypatch)
    yield mirrors
    for mirror in mirrors.mirrors.values():
        mirror.close()


@every_set
def test_a_download_lands_and_is_not_repeated(name, small, serve, capsys):
    serve(name)
    for _ in range(2):
        found = FETCH[name](subset="all", data_home=small["data_home"])
        np.testing.assert_array_equal(found.images[20:], expected(name, "test")[0])
    assert sorted(serve.mirrors[name].requests) == sorted(f"/{file}" for file in FILES[name])
    assert listing(small["data_home"]) == [name]
    assert listing(small["data_home"] / name) == sorted(FILES[name])
    assert f"{longest(name).removesuffix('.gz')}" in capsys.readouterr().err


def test_a_wrong_copy_is_told_before_anything_is_downloaded(small, serve, clothes, monkeypatch):
    serve("mnist")
    monkeypatch.setattr(
        torchvision.datasets.FashionMNIST, "mirrors", torchvision.datasets.MNIST.mirrors
    )
    monkeypatch.setattr(_fetch, "DEBIAN_FOLDER", small["data_home"] / "none")
    for below, fetch in (("mnist", fetch_mnist), ("", fetch_fashion_mnist)):
        put(small["data_home"] / below, {"train-images-idx3-ubyte": b"bad"})
        with pytest.raises(ValueError, match="train-images-idx3-ubyte is not the file"):
            fetch(data_home=small["data_home"])
    assert serve.mirrors["mnist"].requests == []


@pytest.mark.parametrize("damage", DAMAGES)
@every_set
def test_a_bad_download_says_why_and_leaves_nothing(name, damage, small, serve, tmp_path):
    change, _ = DAMAGES[damage]
    serve(name, files={name: {file: change(blob) for file, blob in FILES[name].items()}})
    with pytest.raises(OSError, match="Could not download .* Tried:\n  http") as error:
        FETCH[name](data_home=small["data_home"])
    assert serve.mirrors[name].url in str(error.value)
    assert "put the files in a folder and pass it as data_home" in str(error.value)
    assert "apt" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_hangs_up_or_is_gone_leaves_nothing(small, serve, tmp_path):
    serve("emnist", cut=100)
    with pytest.raises(OSError, match=r"too short \(truncated\?\)|IncompleteRead"):
        fetch_emnist(data_home=small["data_home"])
    serve.mirrors["emnist"].close()
    with pytest.raises(OSError, match="Connection refused"):
        fetch_emnist(data_home=small["data_home"])
    assert list(tmp_path.iterdir()) == []


def test_the_next_mirror_is_tried(small, serve, monkeypatch):
    serve("kmnist")
    bad = serve.mirrors["bad"] = Mirror({f"/{file}": b"bad" for file in FILES["kmnist"]})
    mirrors = ["no address", bad.url, serve.mirrors["kmnist"].url.rstrip("/")]
    monkeypatch.setattr(torchvision.datasets.KMNIST, "mirrors", mirrors)
    found = fetch_kmnist(subset="test", data_home=small["data_home"])
    np.testing.assert_array_equal(found.images, expected("kmnist", "test")[0])
    assert len(bad.requests) == len(serve.mirrors["kmnist"].requests) == 2


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_nothing(small, serve, monkeypatch, tmp_path, step, error):
    serve("cifar-10")
    put(small["environment"], {"mine.txt": b"mine"})

    def fail(*args):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        fetch_cifar10()
    assert listing(small["environment"]) == ["mine.txt"]
