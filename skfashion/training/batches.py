"""Whole batches out of one tensor: no per-item Python, `uint8` stays `uint8`."""

import torch


class Batch(tuple):
    """A pair ``(images, targets)`` that also carries the rows' weights.

    skorch and its callbacks unpack a batch into exactly two things, so the weights travel as an
    attribute: a float tensor ``(n,)``, or None where all weights are equal.
    """

    weight = None


class ImageDataset(torch.utils.data.Dataset):
    """Images, targets and weights in memory, and which of the rows take part.

    Parameters
    ----------
    images : tensor (n, c, h, w), any real dtype
        The images; never copied.
    targets : int64 tensor (n,) or None
        Class numbers.
    weights : float tensor (n,) or None
        Weights of the rows; None means that all are equal.
    rows : int64 tensor (m,) or None
        Numbers of the rows that take part, in order; None means all.
    """

    def __init__(self, images, targets=None, weights=None, rows=None):
        self.images = torch.as_tensor(images)
        self.targets = targets
        self.weights = weights
        self.rows = rows

    def __len__(self):
        return len(self.images if self.rows is None else self.rows)

    def __getitem__(self, i):
        row = i if self.rows is None else self.rows[i]
        # skorch's convention for a data set without targets is a target of 0.
        return self.images[row], torch.tensor(0) if self.targets is None else self.targets[row]

    @property
    def X(self):
        """The images that take part, for skorch's callbacks."""
        return self.images if self.rows is None else self.images[self.rows]

    @property
    def y(self):
        """The targets that take part, for skorch's callbacks."""
        return self.targets if self.rows is None else self.targets[self.rows]

    def take(self, positions):
        """Return the :class:`Batch` at `positions` (int64) of the rows that take part."""
        rows = positions if self.rows is None else self.rows[positions]
        images = self.images.index_select(0, rows)
        targets = torch.zeros_like(rows) if self.targets is None else self.targets[rows]
        batch = Batch((images, targets))
        if self.weights is not None:
            batch.weight = self.weights[rows]
        return batch


class BatchIterator:
    """Iterate over an :class:`ImageDataset` in whole batches.

    Parameters
    ----------
    dataset : ImageDataset
        What to iterate over.
    batch_size : int
        Number of rows of a batch. Where less than half of it would be left over, the last two
        batches share their rows evenly: a few rows alone make a poor mean, poor statistics for
        batch norm, and, a single one, none at all.
    generator : torch.Generator or None
        Draws a new order for each pass; None keeps the order of the rows.
    """

    def __init__(self, dataset, batch_size, generator=None):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator

    def _stops(self):
        n_rows = len(self.dataset)
        stops = [*range(self.batch_size, n_rows, self.batch_size), n_rows]
        if len(stops) > 1 and stops[-1] - stops[-2] < self.batch_size / 2:
            start = stops[-2] - self.batch_size
            stops[-2] = start + (n_rows - start + 1) // 2
        return stops

    def __len__(self):
        return len(self._stops())

    def __iter__(self):
        device = self.dataset.images.device
        n_rows = len(self.dataset)
        if self.generator is None:
            order = torch.arange(n_rows, device=device)
        else:
            order = torch.randperm(n_rows, generator=self.generator).to(device)
        start = 0
        for stop in self._stops():
            yield self.dataset.take(order[start:stop])
            start = stop
