"""Mean and deviation of what a network standardises: channels of images, columns of tables."""

import math

import numpy as np

from skfashion.images import BLOCK_SIZE, as_planes, dense, dense_blocks, planes_shape

# What pixels have where they are brightest, by the type that pictures usually come in.
WHITES = (1.0, 255.0, 65535.0)


def find_statistics(rows, image_shape, is_table, weights, used):
    """Return the weighted mean and deviation of each channel or column, in float64.

    Parameters
    ----------
    rows : ndarray or sparse matrix of shape (n, h*w*c)
        The images, or a table.
    image_shape : tuple of int
        Layout of a row.
    is_table : bool
        Whether each column has a mean of its own, or else each channel.
    weights : ndarray of shape (n,) or None
        Weights of the rows; None means that all are equal.
    used : ndarray of int, shape (m,)
        Numbers of the rows that take part.

    Returns
    -------
    mean, scale : ndarrays of shape (c,), or (n_columns,) for a table
        `scale` is 1 where nothing varies.
    """
    if is_table:
        return _column_statistics(rows, weights, used)
    return _channel_statistics(rows, image_shape, weights, used)


def published_statistics(mean, scale, rows, image_shape, used):
    """Return mean and deviation of each channel for weights that were trained with known ones.

    Parameters
    ----------
    mean, scale : sequence of 3 floats
        Those of red, green and blue, of values from 0 to 1. Images of another number of channels
        get the average of the three.
    rows : ndarray of shape (n, h*w*c)
        The images.
    image_shape : tuple of int
        Layout of a row.
    used : ndarray of int, shape (m,)
        Numbers of the rows that take part.

    Returns
    -------
    tuple of two ndarrays of shape (c,), or None
        In the scale of the images, whose white is the largest value, or the largest of `WHITES`
        of which that is half at least. None where values are negative or all 0, so that nothing is
        known of their scale.
    """
    low, high = np.inf, -np.inf
    for _, block in dense_blocks(rows, used):
        low, high = min(low, block.min()), max(high, block.max())
    if low < 0 or high <= 0:
        return None
    high = float(high)
    white = next((white for white in WHITES if white / 2 <= high <= white), high)
    n_channels = planes_shape(image_shape)[0]
    found = np.array([mean, scale], dtype=np.float64) * white
    if n_channels != found.shape[1]:
        found = np.repeat(found.mean(axis=1, keepdims=True), n_channels, axis=1)
    return found[0], found[1]


def _column_statistics(rows, weights, used):
    """Return mean and deviation of each column, (n_columns,)."""

    def blocks(unit=1.0):
        # C order, whatever the layout given: the order of a sum is part of its result.
        for numbers, block in dense_blocks(rows, used):
            weight = np.ones(len(block)) if weights is None else weights[numbers]
            yield block.astype(np.float64, order="C") / unit, weight[:, None]

    low, high = np.inf, -np.inf
    for block, _ in blocks():
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
    # In units of a power of two, which changes no digit, no square is too large or too small.
    unit = np.exp2(np.frexp(np.maximum(np.abs(low), np.abs(high)))[1] - 1.0)
    total, first, second = 0.0, 0.0, 0.0
    for block, weight in blocks(unit):
        total += weight.sum()
        first = first + (weight * block).sum(axis=0)
    mean = first / total
    for block, weight in blocks(unit):
        second = second + (weight * (block - mean) ** 2).sum(axis=0)
    scale = np.sqrt(second / total)
    # What is left by rounding in a constant column is not variation; nor is what the network's
    # type cannot hold.
    tiny = np.finfo(np.result_type(rows.dtype, np.float32)).tiny
    is_constant = (scale <= 10 * np.finfo(np.float64).eps * np.abs(mean)) | (scale * unit < tiny)
    mean = np.where(low == high, low, mean * unit)
    return mean, np.where(is_constant | (low == high), 1.0, scale * unit)


def _channel_statistics(rows, image_shape, weights, used):
    """Return mean and deviation of each channel, (c,)."""
    n_channels, *sides = planes_shape(image_shape)
    n_pixels = math.prod(sides)

    def planes_of(numbers):
        return as_planes(dense(rows[numbers]), image_shape)

    # Sums of squares lose digits when the mean is far from zero: shift by the first image's mean.
    # Grey levels are shifted by 128 whatever type they come in: whole numbers add up without any
    # error, in uint8 with at most 1024 pixels even in float32, in half the time.
    exact = rows.dtype == np.uint8 and n_pixels <= 1024
    dtype = np.float32 if exact else np.float64
    sample = planes_of(used[:1])[0].astype(np.float64, order="C")
    is_grey_level = sample.min() >= 0 and sample.max() <= 255 and (sample == np.rint(sample)).all()
    shift = np.full((n_channels, 1), 128.0)
    if not is_grey_level:
        shift = sample.mean(axis=(1, 2))[:, None]
    total, first, second = 0.0, 0.0, 0.0
    for start in range(0, len(used), BLOCK_SIZE):
        numbers = used[start : start + BLOCK_SIZE]
        # C order, whatever the layout given: the order of a sum is part of its result.
        block = planes_of(numbers).astype(dtype, order="C").reshape(len(numbers), n_channels, -1)
        block -= shift.astype(dtype)
        weight = np.ones(len(block)) if weights is None else weights[numbers]
        total += weight.sum()
        first = first + weight @ block.sum(axis=2)
        second = second + weight @ np.einsum("ncp,ncp->nc", block, block)
    mean = first / (total * n_pixels)
    variance = second / (total * n_pixels) - mean**2
    mean = mean + shift[:, 0]
    # What is left by rounding in a constant channel is not variation.
    constant = variance <= (10 * np.finfo(np.float64).eps * np.abs(mean)) ** 2
    return mean, np.sqrt(np.where(constant, 1.0, variance))
