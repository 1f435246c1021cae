"""The rows every model is trained and tested on."""

import hashlib
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
        """Hash the content of all four arrays."""
        digest = hashlib.sha256()
        for array in (self.X_train, self.y_train, self.X_test, self.y_test):
            digest.update(np.ascontiguousarray(array, dtype=np.uint8).tobytes())
        return digest.hexdigest()


def load_split(name, rows=None):
    """Load the official parts of "sample", the bundled images, or "full", all 70,000.

    At most ``rows`` rows are kept of each part, the classes in equal shares, always the same ones.
    A BenchmarkError is raised if the data is neither on this machine nor can be downloaded.
    """
    from skfashion.datasets import fetch_fashion_mnist, load_fashion_sample

    load = load_fashion_sample if name == "sample" else fetch_fashion_mnist
    try:
        train, test = load(subset="train"), load(subset="test")
    except (OSError, ValueError, RuntimeError) as error:
        raise BenchmarkError(f"The {name} data could not be loaded: {error}") from error
    X_train, y_train = _limit(train.data, train.target, rows)
    X_test, y_test = _limit(test.data, test.target, rows)
    return Split(X_train, y_train, X_test, y_test, [str(name) for name in train.target_names])


def _limit(X, y, rows):
    """Keep a fixed stratified choice of ``rows`` rows."""
    X, y = np.asarray(X), np.asarray(y)
    # What would be left over must hold every class too, or scikit-learn refuses to stratify.
    if rows is None or rows > len(y) - N_CLASSES:
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
