"""Three numbers of an image: how bright, how much contrast, how rough."""

import numpy as np

# Numbers of which statistics are computed at once: a call for each image costs more than these.
BLOCK = 2**16


class PixelWindow:
    """The statistics of a window's images, computed block by block.

    Parameters
    ----------
    n_rows, n_columns : int
        Of a window, and of an image.
    """

    def __init__(self, n_rows, n_columns):
        self.statistics = np.zeros((n_rows, 3))
        self._block = np.zeros((min(n_rows, max(1, BLOCK // n_columns)), n_columns))
        self._first = self._n = 0

    def put(self, first, rows):
        """Take in the images that stand in the window from place `first` on."""
        for row in rows:
            if self._n == len(self._block) or first != self._first + self._n:
                self.flush()
                self._first = first
            self._block[self._n] = row
            self._n += 1
            first += 1

    def flush(self):
        """Compute what is left, and return the statistics, (n_rows, 3)."""
        end = self._first + self._n
        self.statistics[self._first : end] = pixel_statistics(self._block[: self._n])
        self._first, self._n = end, 0
        return self.statistics


def pixel_statistics(rows):
    """Return mean, deviation and roughness of flat images (n, p), float64 (n, 3).

    Roughness is the mean absolute difference of numbers that are neighbours in a row, which noise
    raises and blur lowers. A row's numbers do not depend on the other rows, to the last bit.
    """
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    n = rows.shape[1]
    mean = rows.sum(axis=1) / n
    deviation = np.sqrt(((rows - mean[:, None]) ** 2).sum(axis=1) / n)
    roughness = np.abs(np.diff(rows, axis=1)).sum(axis=1) / max(n - 1, 1)
    return np.column_stack([mean, deviation, roughness])
