"""Probabilities of many rows as a short text, for the rows of result files."""

import base64
import zlib

import numpy as np

LEVELS = 255


def packed(probabilities):
    """Return probabilities (n, k) as text: levels from 0 to 255, compressed, in base 64."""
    levels = np.rint(LEVELS * np.asarray(probabilities)).astype(np.uint8)
    # Column by column: most of one class are alike.
    return base64.b64encode(zlib.compress(levels.T.tobytes(), 9)).decode()


def unpacked(text, n_classes):
    """Return the probabilities (n, k) of `packed`, each within 1/510, rows not summing to 1."""
    levels = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return levels.reshape(n_classes, -1).T / LEVELS
