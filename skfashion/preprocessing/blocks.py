"""Pictures read in blocks, on threads: Pillow decodes without holding Python's lock."""

import multiprocessing
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.dummy import DummyProcess

import joblib
import numpy as np

from skfashion.pictures import PictureError, decode, is_grey, upright_size
from skfashion.preprocessing.sources import described, picture_of

# Pictures of a block at most: a thread's work of some milliseconds, and few images in memory.
BLOCK = 64


@dataclass(frozen=True)
class Header:
    """What is known of a picture before it is decoded."""

    size: tuple[int, int]
    is_grey: bool


@dataclass(frozen=True)
class Refused:
    """A picture that could not be read.

    Attributes
    ----------
    number : int
        Its place among all.
    what : str
        What it is, in words.
    reason : str
    """

    number: int
    what: str
    reason: str

    def __str__(self):
        return f"{self.what}, which {self.reason}"


def thread_count(n_jobs):
    """Return on how many threads to read.

    Parameters
    ----------
    n_jobs : int or None
        As joblib counts, a negative number from the cores down. None is as many as
        ``joblib.parallel_config`` says, one within a worker of a search, and otherwise all cores.
    """
    n_threads = joblib.effective_n_jobs(n_jobs)
    if n_jobs is not None or n_threads > 1:
        return n_threads
    is_worker = multiprocessing.parent_process() is not None or isinstance(
        threading.current_thread(), DummyProcess
    )
    return 1 if is_worker else joblib.cpu_count()


def in_blocks(function, items, n_threads, size=BLOCK):
    """Yield what a function makes of some items at a time, in their order.

    Parameters
    ----------
    function : callable
        ``function(start, items)``.
    items : list
    n_threads : int
        Each is a block ahead at most, so that memory does not grow with the number of items.
    size : int
        Of a block.
    """
    starts = range(0, len(items), size)
    if n_threads == 1 or len(starts) < 2:
        for start in starts:
            yield function(start, items[start : start + size])
        return
    pool, waiting = ThreadPoolExecutor(n_threads), deque()
    try:
        for start in starts:
            waiting.append(pool.submit(function, start, items[start : start + size]))
            if len(waiting) > 2 * n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def headers_of(items, n_threads):
    """Yield for each block of items its headers, and what of it is refused."""
    return in_pictures(_header, items, n_threads)


def in_pictures(function, items, n_threads):
    """Yield for each block of items what a function makes of pictures, and what is refused."""
    return in_blocks(partial(_each, function), items, n_threads)


def images_of(items, steps, n_threads):
    """Yield for each block of items an array (n, h, w[, 3]), uint8, and what of it is refused."""
    return in_blocks(partial(_images, steps), items, n_threads)


def _images(steps, start, items):
    images = np.empty((len(items), *steps.shape), np.uint8)
    found, refused = _each(lambda picture: decode(picture, steps), start, items, images)
    return images[:found], refused


def _header(picture):
    with picture:
        return Header(upright_size(picture), is_grey(picture))


def _each(function, start, items, out=None):
    """Return what a function makes of each picture that can be read, and the others.

    With an array `out` the results are written there, and their number is returned.
    """
    found, refused = [], []
    n_found = 0
    for number, item in enumerate(items, start):
        try:
            result = function(picture_of(item))
        except (PictureError, OSError, TypeError) as error:
            refused.append(Refused(number, described(item), _reason(error)))
            continue
        if out is None:
            found.append(result)
        else:
            out[n_found] = result
            n_found += 1
    return (found if out is None else n_found), refused


def _reason(error):
    """Return an error as what stands behind "which"."""
    if isinstance(error, PictureError):
        return str(error)
    if isinstance(error, OSError):
        return f"cannot be opened ({error.strerror or error})"
    return "is nothing that a picture may be given as"
