"""Distributions in a few numbers, and how far rows are from them: Kolmogorov and Smirnov's test."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import kolmogi

# Points at which the distribution functions are compared. The statistic is the largest difference
# there, which is at most that of all points: no more false alarms than the test promises.
N_POINTS = 31


def rounded(values, digits=4, spread=None):
    """Return numbers with so many significant digits, as they are written into a profile.

    Where they lie far from 0, `spread` says how far they lie from each other: of that, one digit
    less is kept.
    """
    flat = np.ravel(values)
    largest = np.abs(flat).max()
    if spread is not None and spread > 0 < largest:
        digits = min(17, max(digits, math.ceil(math.log10(largest / spread)) + digits - 1))
    elif spread is not None:
        digits = 17
    return np.array([float(f"{v:.{digits}g}") for v in flat]).reshape(np.shape(values))


@dataclass(frozen=True, eq=False)
class Sketch:
    """Distributions of some columns, each by its distribution function at some points.

    Attributes
    ----------
    points : ndarray of float (n_columns, n_points)
        Sorted.
    counts : ndarray of int (n_columns, n_points)
        The reference's rows that are no larger.
    n_rows : int
        All of its rows.
    """

    points: np.ndarray
    counts: np.ndarray
    n_rows: int

    @classmethod
    def of(cls, values):
        """Return the sketch of columns, (n, n_columns)."""
        shares = np.arange(1, N_POINTS + 1) / (N_POINTS + 1)
        quantiles = np.quantile(values, shares, axis=0).T
        points = np.array([rounded(its, spread=its[-1] - its[0]) for its in quantiles])
        return cls(points, counts_up_to(values, points), len(values))

    def statistic(self, values):
        """Return the largest difference of distribution functions, over points and columns."""
        return self.distance(values, self.counts / self.n_rows)

    def distance(self, values, expected):
        """Return the largest difference from a distribution function at the points."""
        here = counts_up_to(values, self.points) / len(values)
        return float(np.abs(here - expected).max())

    def threshold(self, n, rate, n_reference=None):
        """Return what the statistic of `n` rows of the reference exceeds with a chance of `rate`.

        Bonferroni's correction for the columns, and the limit of many rows, which is larger than
        the threshold of few. `n_reference` is that of a distribution of fewer rows.
        """
        per_column, n_reference = rate / len(self.points), n_reference or self.n_rows
        return float(kolmogi(per_column) * np.sqrt(1 / n + 1 / n_reference))


def counts_up_to(values, points):
    """Return how many values of each column are at most as large as its points."""
    return np.array(
        [
            np.searchsorted(np.sort(column), its, side="right")
            for column, its in zip(values.T, points, strict=True)
        ]
    )
