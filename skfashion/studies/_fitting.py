"""What mitigations share: the form of their results, binary labels, some rows of any table."""

import numpy as np


class Fitted:
    """A result of a mitigation.

    Parameters
    ----------
    predict : callable
        ``predict(X, groups)`` returns labels.
    """

    def __init__(self, predict):
        self.predict = predict

    @classmethod
    def blind(cls, estimator):
        """Wrap a fitted estimator, which does not look at the groups."""
        return cls(lambda X, groups: estimator.predict(X))


class ZeroOne:
    """Labels of a binary task as 0 and 1, which is what fairlearn's mitigations know.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Two different labels; the second in sorted order becomes 1, the positive class.
    """

    def __init__(self, y):
        self._classes = np.unique(y)

    def encode(self, y):
        """Return labels as 0 and 1."""
        return (y == self._classes[1]).astype(int)

    def decode(self, y):
        """Return the labels of zeros and ones."""
        return self._classes[np.asarray(y).astype(int)]


def take(X, rows):
    """Return some rows of an array, a sparse matrix or a DataFrame."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]
