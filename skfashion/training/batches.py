"""Whole batches out of one tensor: no per-item Python, `uint8` stays `uint8`."""

import itertools

import torch
from skorch.dataset import Dataset

from skfashion.training.sparse import SparseImages


class Batch(tuple):
    """A pair ``(images, targets)`` that also carries what else is known of the rows.

    skorch and its callbacks unpack a batch into exactly two things, so the rest travels as
    attributes.

    Attributes
    ----------
    weight : float tensor (n,) or None
        The rows' weights; None where all are equal.
    rows : int64 tensor (n,) or None
        Their numbers in the training data.
    soft_targets : float tensor (n, k) or None
        Probabilities of the classes to learn besides the targets.
    mixed : tuple or None
        Where images were mixed, a batch of what is known of the others besides their images, and
        the share that is left of the images themselves.
    """

    weight = rows = soft_targets = mixed = None


class ImageDataset(Dataset):
    """Images, targets and weights in memory, and which of the rows take part.

    Parameters
    ----------
    images : tensor (n, c, h, w), any real dtype, or SparseImages
        The images; never copied.
    targets : int64 tensor (n,) or None
        Class numbers.
    weights : float tensor (n,) or None
        Weights of the rows; None means that all are equal.
    rows : int64 tensor (m,) or None
        Numbers of the rows that take part, in order; None means all.
    sampler : callable or None
        ``sampler(generator) -> positions`` (m,) among the rows that take part, on the CPU: those of
        an epoch; None means each of them once.

    Attributes
    ----------
    class_weight : float tensor (k,) or None
        Factors of the weights of each class's rows, which may change from epoch to epoch.
    soft_targets : float tensor (n, k) or None
        Probabilities of the classes to learn besides the targets, where these are.
    """

    class_weight = soft_targets = None

    def __init__(self, images, targets=None, weights=None, rows=None, sampler=None):
        self._is_sparse = isinstance(images, SparseImages)
        self.images = images if self._is_sparse else torch.as_tensor(images)
        self.targets = targets
        self.weights = weights
        self.rows = rows
        self.sampler = sampler
        # Rows that lie in memory one after the other are fetched several times faster.
        self._channels_last = not self._is_sparse and _is_channels_last(self.images)

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

    def draw(self, generator):
        """Return the positions of an epoch's rows, in a new order: an int64 tensor on the CPU."""
        if self.sampler is not None:
            return self.sampler(generator)
        return torch.randperm(len(self), generator=generator)

    def passes(self, order):
        """Return the numbers of the rows, their targets and weights in a given order.

        Parameters
        ----------
        order : int64 tensor (m,) or None
            Positions among the rows that take part; None means as they come.
        """
        rows = self.rows
        if order is not None:
            rows = order if rows is None else rows[order]
        elif rows is None:
            rows = torch.arange(len(self.images), device=self.images.device)
        # skorch's convention for a data set without targets is a target of 0.
        targets = torch.zeros_like(rows) if self.targets is None else self.targets[rows]
        weights = None if self.weights is None else self.weights[rows]
        if self.class_weight is not None:
            factors = self.class_weight[targets]
            weights = factors if weights is None else weights * factors
        return rows, targets, weights

    def fetch(self, rows, out=None):
        """Return the images ``(n, c, h, w)`` of some rows, in the memory of `out` if given."""
        if self._is_sparse:
            return self.images[rows] if out is None else out.copy_(self.images[rows])
        if not self._channels_last:
            return torch.index_select(self.images, 0, rows, out=out)
        source = self.images.permute(0, 2, 3, 1)
        out = None if out is None else out.permute(0, 2, 3, 1)
        return torch.index_select(source, 0, rows, out=out).permute(0, 3, 1, 2)

    def new_buffer(self, n_rows):
        """Return memory for a batch of `n_rows` images, laid out as :meth:`fetch` needs it."""
        shape = (n_rows, *self.images.shape[1:])
        if not self._channels_last:
            return torch.empty(shape, dtype=self.images.dtype, device=self.images.device)
        n, c, h, w = shape
        return self.images.new_empty((n, h, w, c)).permute(0, 3, 1, 2)


def _is_channels_last(images):
    """Tell whether images are contiguous once their channels are the last axis."""
    last = images.permute(0, 2, 3, 1) if images.ndim == 4 else images
    return not images.is_contiguous() and last.is_contiguous()


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
        Draws a new order, or other rows, for each pass; None keeps the order of the rows.
    device : torch.device, str or None
        Where batches are wanted; None means where the images are. Images that stay in the CPU's
        memory because a GPU has too little are copied batch by batch, while it computes.
    reuse : bool
        Whether all batches come in the same memory: each is then gone when the next one is asked
        for.
    """

    def __init__(self, dataset, batch_size, generator=None, device=None, reuse=False):
        self.dataset = dataset
        self.reuse = reuse
        self.batch_size = batch_size
        self.generator = generator
        self.device = dataset.images.device if device is None else torch.device(device)

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
        dataset = self.dataset
        order = None
        if self.generator is not None:
            order = dataset.draw(self.generator).to(dataset.images.device)
        stops = self._stops()
        sizes = [stop - start for start, stop in zip([0, *stops[:-1]], stops, strict=True)]
        rows, targets, weights = dataset.passes(order)
        targets = targets.to(self.device).split(sizes)
        weights = [None] * len(sizes) if weights is None else weights.to(self.device).split(sizes)
        soft_targets = [None] * len(sizes)
        if dataset.soft_targets is not None:
            soft_targets = dataset.soft_targets[rows].to(self.device).split(sizes)
        fetch = self._fetcher(max(sizes))
        parts = (rows.split(sizes), targets, weights, soft_targets)
        for numbers, y, weight, soft in zip(*parts, strict=True):
            batch = Batch((fetch(numbers), y))
            batch.weight, batch.rows, batch.soft_targets = weight, numbers, soft
            yield batch

    def _fetcher(self, n_rows):
        """Return a function from the numbers of at most `n_rows` rows to their images."""
        dataset = self.dataset
        if dataset.images.device.type == self.device.type:
            if not self.reuse:
                return dataset.fetch
            buffer = dataset.new_buffer(n_rows)
            return lambda rows: dataset.fetch(rows, buffer[: len(rows)])
        if self.device.type != "cuda":
            return lambda rows: dataset.fetch(rows).to(self.device)
        # Pinned memory is copied to a GPU without waiting: two buffers, and a mark in the GPU's
        # queue for each that tells when it may be filled again.
        buffers = [dataset.new_buffer(n_rows).pin_memory() for _ in range(2)]
        copied = [torch.cuda.Event() for _ in buffers]
        turn = itertools.cycle(range(2))

        def fetch(rows):
            i = next(turn)
            copied[i].synchronize()
            images = dataset.fetch(rows, buffers[i][: len(rows)])
            images = images.to(self.device, non_blocking=True)
            copied[i].record()
            return images

        return fetch
