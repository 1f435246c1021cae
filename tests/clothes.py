"""Small sets of real images, named by strings, for the tests with other libraries."""

import numpy as np
from common import FAST, small

from skfashion.datasets import load_fashion_sample

FASHION = load_fashion_sample()


def pick(counts, start=0):
    """Return the images and the names of some classes, in mixed order, read-only.

    `counts` says how many of each class, by name; `start` how many of each are left out before.
    """
    names = np.asarray(FASHION.target_names)[FASHION.target]
    rows = [np.flatnonzero(names == name)[start : start + n] for name, n in counts.items()]
    rows = np.random.RandomState(0).permutation(np.concatenate(rows))
    X, y = FASHION.data[rows], names[rows]
    X.flags.writeable = y.flags.writeable = False
    return X, y


def as_images(X):
    """Return flat rows as an array of four dimensions."""
    return np.asarray(X).reshape(-1, 1, 28, 28)


def net(cls, **params):
    """Return a small estimator whose results are the same in every process."""
    defaults = {"batch_size": 16, "n_threads": 1, "device": "cpu", "optimizer": "adamw"}
    if cls not in FAST and not hasattr(cls, "backbone"):
        # What deep nets need to learn something from so few images; Muon's steps cost a backbone,
        # with its many weights, more than they are worth here.
        defaults |= {"batch_size": 8, "optimizer": "muon", "lr": 0.02, "width": 16}
        if hasattr(cls, "n_heads"):
            defaults |= {"lr": 0.04, "width": 32}
    return small(cls, **(defaults | params))


def architectures(cls):
    """Return a grid over architectures: two that differ in what they can learn, at least."""
    known = cls().get_params()
    if "module" in known:
        return {"module__width": [2, 16]}
    if "channels" in known:
        return {"channels": [(2,), (6,)], "hidden_layer_sizes": [(4,), (24,)]}
    if "hidden_layer_sizes" in known:
        return {"hidden_layer_sizes": [(4,), (24,), (8, 12)]}
    return {"width": [2, 16]} if "width" in known else {"freeze": ["none", 1]}
