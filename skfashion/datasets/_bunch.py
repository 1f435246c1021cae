"""The object that every loader of this folder returns."""

from importlib import resources

import numpy as np
from sklearn.utils import Bunch

SIDE = 28  # pixels

TARGET_NAMES = (
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
)

# The official splits that each value of ``subset`` asks for, in the order of the rows.
SPLITS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}


def make_result(parts, *, descr, return_X_y, as_frame):
    """Join the splits and dress them as scikit-learn's loaders do.

    Parameters
    ----------
    parts : list of (images, labels)
        One pair of uint8 arrays a split; images of shape (n, 28, 28) or (n, 784), labels (n,).
    descr : tuple of str
        Names of the files in ``descr/`` that make up ``DESCR``, in order.
    return_X_y : bool
        Return ``(data, target)`` alone.
    as_frame : bool
        Return pandas objects.

    Returns
    -------
    result : Bunch, or tuple of (data, target)
    """
    # A copy even of a single part: the caller gets arrays of their own that can be written to.
    data = np.concatenate([images.reshape(-1, SIDE * SIDE) for images, _ in parts])
    target = np.concatenate([labels for _, labels in parts]).astype(np.int64)
    images = data.reshape(-1, SIDE, SIDE)
    feature_names = [f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE)]
    frame = None
    if as_frame:
        import pandas as pd

        data = pd.DataFrame(data, columns=feature_names, copy=False)
        target = pd.Series(target, name="target")
    if return_X_y:
        return data, target
    if as_frame:
        frame = pd.concat([data, target], axis=1)
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        target_names=np.array(TARGET_NAMES),
        feature_names=feature_names,
        images=images,
        DESCR=_read_descr(descr),
    )


def _read_descr(names):
    folder = resources.files("skfashion.datasets") / "descr"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
