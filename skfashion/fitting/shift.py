"""Whether images to predict are like those of the training: their scale, and not their negative."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import issparse

from skfashion.exceptions import DataShiftWarning
from skfashion.images import dense, planes_shape
from skfashion.utils.callers import warn_the_caller

# How many images are looked at: of a training, drawn, and of a prediction, at equal distances.
N_LEARNED, N_CHECKED = 1000, 100
# Values so many times larger or smaller are of another scale: half of what lies between grey levels
# of 4 bits and 0 to 1, a thirtieth of what lies between those of 8 bits and 0 to 1.
FACTOR = 8
# The share of the training's images that are at least as bright as what "smaller" is compared with.
USUAL = 0.99
# The fewest images of which a share means something, the share of them that must look inverted, and
# that which may do so in a class of the training.
N_INVERTED, INVERTED, INVERTED_IN_TRAINING = 30, 0.75, 0.25


@dataclass(frozen=True, eq=False)
class ImageStatistics:
    """What a fit keeps of its images, to compare others with.

    Attributes
    ----------
    low, high : float
        The smallest and the largest value.
    usual_peak : float
        The absolute value that almost every image reaches.
    middle : float
        The median of the absolute values that are not 0.
    contrast : ndarray of shape (n_features,) or None
        The mean image, less the middle between `low` and `high`; None where the images do not tell
        themselves from their negatives.
    is_uint8 : bool, default=False
        Whether the images were of this type; those of older pickles are not known to be.
    """

    low: float
    high: float
    usual_peak: float
    middle: float
    contrast: np.ndarray | None
    is_uint8: bool = False

    @classmethod
    def of(cls, rows, image_shape, used=None, codes=None) -> Self | None:
        """Return the statistics of the rows that are used, None of tables and of a single value."""
        if planes_shape(image_shape)[1] == 1:
            return None
        used = np.arange(rows.shape[0]) if used is None else used
        if len(used) > N_LEARNED:
            used = np.random.default_rng(0).choice(used, N_LEARNED, replace=False)
        rows = rows[used]
        codes = np.zeros(len(used), dtype=int) if codes is None else codes[used]
        low, high = _range(rows)
        span = high - low
        if not 0 < span < np.inf:
            return None
        peaks = np.maximum(_of_each(rows, "max"), -_of_each(rows, "min"))
        usual_peak = float(np.quantile(peaks[peaks > 0], 1 - USUAL))
        mean = np.asarray(rows.mean(axis=0, dtype=np.float64)).ravel()
        contrast = ((mean - (low + high) / 2) / span).astype(np.float32)
        found = cls(low, high, usual_peak, _middle(rows), contrast, bool(rows.dtype == np.uint8))
        n_inverted = np.bincount(codes, found._look_inverted(rows))
        # A single image says nothing about a class.
        if (n_inverted > 1 + INVERTED_IN_TRAINING * np.bincount(codes)).any():
            return dataclasses.replace(found, contrast=None)
        return found

    def warn_of(self, rows):
        """Warn if rows to predict are of another scale or inverted."""
        fault = self._fault_of(rows[:: math.ceil(rows.shape[0] / N_CHECKED)])
        if fault is not None:
            warn_the_caller(fault, DataShiftWarning)

    def _fault_of(self, rows):
        """Return what is wrong with rows, in words, or None."""
        low, high = _range(rows)
        peak, largest = max(high, -low), max(self.high, -self.low)
        # A scaler by column makes single pixels enormous, where its training images had next to
        # nothing: that alone is no other scale.
        is_larger = peak > FACTOR * largest and _middle(rows) > FACTOR * self.middle
        if is_larger or 0 < peak < self.usual_peak / FACTOR:
            return (
                f"Got images with much {'larger' if is_larger else 'smaller'} values than those of "
                f"the training, which lie between {self.low:g} and {self.high:g}; expected the "
                "same scale. Scale them as the training images were (255 * X brings 0 to 1 back to "
                "0 to 255), best by a step of a pipeline with the net."
            )
        is_told = self.contrast is not None and rows.shape[0] >= N_INVERTED and low < high
        if is_told and self._look_inverted(rows).mean() > INVERTED:
            return (
                "Got images that look inverted, expected dark and light as in the training. If "
                "they are negatives, pass 255 - X, or 1 - X where values lie between 0 and 1."
            )
        return None

    def _look_inverted(self, rows):
        """Tell of each row whether it is nearer to the negative of the mean image than to that."""
        if issparse(rows):
            products = rows @ self.contrast.astype(np.float64)
        else:
            # Not `rows @ contrast`: a BLAS may start threads for it.
            products = np.einsum("ij,j->i", rows, self.contrast, dtype=np.float64)
        middle = (self.low + self.high) / 2
        return products < middle * self.contrast.sum(dtype=np.float64)


# Rows may be sparse. None of these makes them dense, and their zeros count.


def _range(rows):
    return float(rows.min()), float(rows.max())


def _of_each(rows, extreme):
    """Return the smallest or the largest value of each row, floats (n,)."""
    return dense(getattr(rows, extreme)(axis=1)).ravel().astype(float)


def _middle(rows):
    """Return the median of the absolute values that are not 0."""
    values = rows.data if issparse(rows) else rows
    if values.dtype == np.uint8:  # counting takes half of the time of sorting
        ends = np.bincount(values.ravel())[1:].cumsum()
        around = (ends[-1] - 1) // 2, ends[-1] // 2
        return float(1 + np.searchsorted(ends, around, side="right").mean())
    return float(np.median(np.abs(values[values != 0].astype(float))))
