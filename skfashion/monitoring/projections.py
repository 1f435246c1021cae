"""Features as a few numbers, and the distance of their mean embedding: a test by kernels.

The maximum mean discrepancy (Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A kernel two-sample
test", JMLR 13, 2012) needs all rows of the reference. Read at a few of its rows alone, as in
Chwialkowski, Ramdas, Sejdinovic and Gretton, "Fast two-sample testing with analytic representations
of probability measures", NeurIPS 2015, it needs these and the mean similarity to each.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammainccinv

from skfashion.monitoring.sketches import rounded

N_DIRECTIONS, MOST_ROWS = 8, 64


def project(features):
    """Return rows (n, d) as (n, `N_DIRECTIONS`): sums with signs that depend on the place alone.

    Random signs keep distances about as they are (Achlioptas, "Database-friendly random
    projections", JCSS 66, 2003), and need not be stored. No BLAS computes it: its bits would hang
    on how many rows there are.
    """
    d = features.shape[1]
    return np.einsum("ij,jk->ik", features, _signs(d), dtype=np.float64) / np.sqrt(d)


def _signs(n):
    """Return 1 and -1, (n, `N_DIRECTIONS`), from a hash of the place: the same with every NumPy."""
    places = np.arange(1, n * N_DIRECTIONS + 1, dtype=np.uint64)
    # SplitMix64, as Steele, Lea and Flood describe it (OOPSLA 2014).
    mixed = places * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    signs = 1.0 - 2.0 * (mixed >> np.uint64(63)).astype(np.float64)
    return signs.reshape(n, N_DIRECTIONS)


@dataclass(frozen=True, eq=False)
class Embedding:
    """How similar the reference's rows are, on average, to a few of them.

    Attributes
    ----------
    rows : ndarray of float (n, d)
        Projected rows of the reference.
    scales : ndarray of float (d,)
        By which columns are divided, so that none outweighs others.
    width : float
        Of the Gaussian kernel, in these units.
    means : ndarray of float (n,)
        Mean similarity of all rows to each of `rows`.
    variance, squares : float
        Trace of the similarities' covariance matrix, and of its square.
    n_rows : int
        The reference's rows.
    """

    rows: np.ndarray
    scales: np.ndarray
    width: float
    means: np.ndarray
    variance: float
    squares: float
    n_rows: int

    @classmethod
    def of(cls, projected):
        """Return the embedding of projected rows."""
        n = len(projected)
        chosen = projected[np.linspace(0, n - 1, min(n, MOST_ROWS)).round().astype(int)]
        spreads = projected.std(axis=0)
        columns = zip(chosen.T, spreads, strict=True)
        rows = np.array([rounded(column, 3, spread) for column, spread in columns]).T
        scales = rounded(np.where(spreads > 0, spreads, 1.0))
        distances = _squared_distances(rows, rows, scales)
        # The usual choice: the median of the distances between rows.
        width = float(np.sqrt(np.median(distances))) or 1.0
        found = cls(rows, scales, float(rounded(width)), np.empty(0), 0.0, 0.0, n)
        similar = found._similarities(projected)
        covariance = np.cov(similar, rowvar=False)
        means, traces = similar.mean(axis=0), (np.trace(covariance), (covariance**2).sum())
        return cls(rows, scales, found.width, rounded(means, 6), *map(float, traces), n)

    def statistic(self, projected):
        """Return the squared distance of the mean similarities to the reference's."""
        return float(((self._similarities(projected).mean(axis=0) - self.means) ** 2).sum())

    def threshold(self, n, rate):
        """Return what the statistic of `n` rows of the reference exceeds with a chance of `rate`.

        It is a weighted sum of squares of normal variables, and is taken for the gamma
        distribution of the same mean and variance (Satterthwaite, Biometrics 2, 1946).
        """
        if self.variance <= 0:  # all rows are the same
            return 0.0
        shape = self.variance**2 / (2 * self.squares)
        scale = 2 * self.squares / self.variance * (1 / n + 1 / self.n_rows)
        return float(scale * gammainccinv(shape, rate))

    def _similarities(self, projected):
        distances = _squared_distances(projected, self.rows, self.scales)
        return np.exp(-distances / (2 * self.width**2))


def _squared_distances(rows, others, scales):
    rows, others = rows / scales, others / scales
    squares = np.zeros((len(rows), len(others)))
    for column, other in zip(rows.T, others.T, strict=True):
        squares += (column[:, None] - other) ** 2
    return squares
