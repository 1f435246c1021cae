"""What a model says of many images as a short text, for the rows of result files."""

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


def packed_marks(marks):
    """Return marks (n,), such as which images are misclassified, as text."""
    return base64.b64encode(zlib.compress(np.packbits(marks).tobytes(), 9)).decode()


def unpacked_marks(text, n):
    """Return the n marks of `packed_marks`, a bool array."""
    bits = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return np.unpackbits(bits, count=n).astype(bool)


def told(estimator, X, y):
    """Return the accuracy of a fitted classifier, and, packed, which images it gets wrong."""
    wrong = estimator.predict(X) != y
    return {"accuracy": round(float(1 - wrong.mean()), 6), "wrong_marks": packed_marks(wrong)}
