"""Rows of a sparse matrix where a data set or a prediction takes images: dense batch by batch."""

import numpy as np
import torch


class SparseImages:
    """Images ``(n, c, h, w)`` that exist one batch at a time: ``images[numbers]`` makes them.

    Parameters
    ----------
    matrix : sparse matrix or array of shape (n, c*h*w), in CSR format
        The rows; never changed.
    as_planes : callable
        Maps a tensor ``(m, c*h*w)`` to a view of it, ``(m, c, h, w)``.
    """

    device = torch.device("cpu")

    def __init__(self, matrix, as_planes):
        self._matrix = matrix
        self._as_planes = as_planes
        none = self[:0]
        self.dtype, self.shape = none.dtype, (len(self), *none.shape[1:])

    def __len__(self):
        return self._matrix.shape[0]

    def __getitem__(self, numbers):
        """Return a tensor ``(m, c, h, w)`` of the rows of a slice or of many numbers, or of one."""
        rows = numbers if isinstance(numbers, slice) else np.atleast_1d(numbers)
        images = self._as_planes(torch.from_numpy(self._matrix[rows].toarray()))
        return images[0] if np.ndim(numbers) == 0 and not isinstance(numbers, slice) else images
