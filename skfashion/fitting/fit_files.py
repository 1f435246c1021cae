"""The file of a fitted classifier as a file: what it is told by, its format, its weights."""

from contextlib import contextmanager

import numpy as np
import torch

from skfashion.fitting.words import array_from_words
from skfashion.utils.tensors import open_tensors

# Of what is written; one that is larger was written by a later version.
FORMAT = 1
# What precedes the names of weights.
WEIGHTS = "net."


@contextmanager
def open_fit(path):
    """Open a file of a fitted classifier, which may be anybody's, and read what it says.

    Yields
    ------
    document : dict
        Of a format that this version knows, and all else unchecked.
    file : TensorFile
    """
    with open_tensors(path) as file:
        document = file.words
        form = document.get("format") if isinstance(document, dict) else None
        if type(form) is not int or form < 1:
            raise ValueError("it does not say of which format it is")
        if form > FORMAT:
            raise ValueError(
                f"it is of format {form}, written with {versions_in(document)}; this version "
                f"reads formats up to {FORMAT}, a later one is needed"
            )
        yield document, file


def weights_in(path, most_bytes):
    """Return the weights in a file of a classifier, tensors by name, and its classes.

    Parameters
    ----------
    path : path-like
    most_bytes : int
        A file of more is not read.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no such file, or damaged; the network's shapes are not looked at.
    """
    with open_fit(path) as (document, file):
        if file.size > most_bytes:
            raise ValueError(
                f"it has {file.size:,} bytes, more than a net of this architecture has"
            )
        classes = array_from_words(document.get("classes"))
        tensors = file.read()
    weights = {n.removeprefix(WEIGHTS): a for n, a in tensors.items() if n.startswith(WEIGHTS)}
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise ValueError("it has weights that are not finite")
    return {name: torch.from_numpy(array) for name, array in weights.items()}, classes


def versions_in(document):
    """Return the versions that a file says it was written with, in words."""
    versions = document.get("versions")
    if not isinstance(versions, dict):
        return "unknown versions"
    return ", ".join(f"{name} {version}" for name, version in versions.items())[:100]
