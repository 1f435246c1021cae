"""The object that every loader of this folder returns."""

import math
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


def chosen(files, subset):
    """Return those of the files of a data set, by (split, kind), that a subset consists of."""
    return {key: file for key, file in files.items() if key[0] in SPLITS[subset]}


def make_result(
    parts, *, descr, return_X_y, as_frame, target_names=TARGET_NAMES, shape=(SIDE, SIDE)
):
    """Join the splits and dress them as scikit-learn's loaders do.

    Parameters
    ----------
    parts : list of (images, labels)
        One pair of uint8 arrays a split; images of shape ``(n, *shape)`` or flat, labels (n,).
    descr : tuple of str
        Names of the files in ``descr/`` that make up ``DESCR``, in order.
    return_X_y : bool
        Return ``(data, target)`` alone.
    as_frame : bool
        Return pandas objects.
    target_names : sequence of str
        The names of the labels 0, 1 and so on.
    shape : tuple of int
        Of an image, (h, w) or (h, w, c).

    Returns
    -------
    result : Bunch, or tuple of (data, target)
    """
    # One copy even of a single part, and no more: the caller gets arrays of their own that can be
    # written to, and images may be half a gigabyte.
    images = np.empty((sum(len(labels) for _, labels in parts), *shape), np.uint8)
    np.concatenate([pixels.reshape(-1, *shape) for pixels, _ in parts], out=images)
    data = images.reshape(len(images), math.prod(shape))
    target = np.concatenate([labels for _, labels in parts]).astype(np.int64)
    # Of colour images the classifiers know running numbers.
    places = np.ndindex(shape) if len(shape) == 2 else ((i,) for i in range(data.shape[1]))
    feature_names = ["_".join(("pixel", *map(str, place))) for place in places]
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
        target_names=np.array(target_names),
        feature_names=feature_names,
        images=images,
        DESCR=_read_descr(descr),
    )


def _read_descr(names):
    folder = resources.files("skfashion.datasets") / "descr"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
