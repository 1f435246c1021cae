"""Rebuild the bundled sample from the full data: ``python -m skfashion.datasets._make_sample``.

Needs the 70,000 images, which it finds or downloads as ``fetch_fashion_mnist`` does.
"""

from pathlib import Path

import numpy as np

from skfashion.datasets._bunch import SPLITS
from skfashion.datasets._fetch import fetch_fashion_mnist

SEED = 0
PER_CLASS = {"train": 600, "test": 100}
PATH = Path(__file__).parent / "data" / "fashion_sample.npz"


def sample_rows(target, per_class, seed=SEED):
    """Draw as many rows of every class, without replacement.

    Parameters
    ----------
    target : ndarray of int, shape (n,)
        The class of every row of an official split.
    per_class : int
        How many rows to draw from each class.
    seed : int, default=0
        Seed of a ``RandomState``, whose stream NumPy promises never to change.

    Returns
    -------
    rows : ndarray of int, shape (n_classes * per_class,)
        Row numbers in the split, ascending, so that the classes stay mixed as in the original.
    """
    random_state = np.random.RandomState(seed)
    drawn = [
        random_state.choice(np.flatnonzero(target == label), per_class, replace=False)
        for label in np.unique(target)
    ]
    return np.sort(np.concatenate(drawn))


def make_sample(data_home=None):
    """Return the arrays of the bundled file, by name.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Where to look for the full data first.

    Returns
    -------
    arrays : dict of str to ndarray of uint8
        ``train_data`` (6000, 784), ``train_target`` (6000,), ``test_data`` (1000, 784) and
        ``test_target`` (1000,).
    """
    arrays = {}
    for split in SPLITS["all"]:
        data, target = fetch_fashion_mnist(subset=split, data_home=data_home, return_X_y=True)
        rows = sample_rows(target, PER_CLASS[split])
        arrays[f"{split}_data"] = data[rows]
        arrays[f"{split}_target"] = target[rows].astype(np.uint8)
    return arrays


if __name__ == "__main__":
    np.savez_compressed(PATH, **make_sample())
    print(f"Wrote {PATH} ({PATH.stat().st_size:,} bytes).")
