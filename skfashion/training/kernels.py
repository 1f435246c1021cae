"""Max-pool of bfloat16 images, compiled by numba: one pass over them each way.

PyTorch's pool notes places in 8 bytes each, and its gradient first fills all of the images with
zeros. Imported when it is needed only: numba takes half a second and about 110 MB.

The home of what numba, llvmlite and GNU's OpenMP have besides their public interfaces:
``numba.core.types``, ``llvmlite.binding.add_symbol`` and ``GOMP_parallel``, seen with numba 0.68
and llvmlite 0.50. Without one of them the import fails, and PyTorch pools.
"""

import ctypes

import numba
import numpy as np
import torch
from llvmlite import binding
from numba.core import types
from numba.extending import intrinsic

from skfashion.parallel.threads import gnu_openmp

LIBRARY = gnu_openmp()
# Which of the threads that compute together one is, and how many they are: fewer than were asked
# for, where the system has no more, or within another computation.
NOBODY = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 0)
NUMBERS = {}
for _name in ("omp_get_thread_num", "omp_get_num_threads"):
    _function = NOBODY if LIBRARY is None else getattr(LIBRARY, _name)
    binding.add_symbol(f"skfashion_{_name}", ctypes.cast(_function, ctypes.c_void_p).value)
    NUMBERS[_name] = types.ExternalFunction(f"skfashion_{_name}", types.int32())
thread_number, count_threads = NUMBERS.values()
if LIBRARY is not None:
    LIBRARY.GOMP_parallel.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_uint] * 2
    LIBRARY.GOMP_parallel.restype = None

# Bits of bfloat16's numbers, all but the sign; beyond infinity they are none.
SIZE, INFINITY, NOT_A_NUMBER = np.int16(0x7FFF), np.int16(0x7F80), np.int16(0x7FFF)


def _pointer_of(type_):
    @intrinsic
    def pointer(context, address):
        def convert(context, builder, signature, arguments):
            target = context.get_value_type(signature.return_type)
            return builder.inttoptr(arguments[0], target)

        return types.CPointer(type_)(types.int64), convert

    return pointer


_words, _bytes = _pointer_of(types.int16), _pointer_of(types.uint8)


@numba.njit(inline="always")
def _order(bits):  # pragma: no cover - compiled
    """Return a whole number that is greater where bfloat16's is, most of all where it is none."""
    size = np.int16(bits & SIZE)
    if size > INFINITY:
        return NOT_A_NUMBER
    return np.int16(-size) if bits < 0 else size


@numba.njit(cache=True)
def _pool(images, pooled, places, keeps, start, stop):  # pragma: no cover - compiled
    _, height, width, n_channels = pooled.shape
    for i in range(start, stop):
        for row in range(height):
            for column in range(width):
                for c in range(n_channels):
                    best, place = images[i, 2 * row, 2 * column, c], np.uint8(0)
                    rank = _order(best)
                    for k in range(1, 4):
                        other = images[i, 2 * row + k // 2, 2 * column + k % 2, c]
                        order = _order(other)
                        # As PyTorch does: the first of equals, the last of those that are none.
                        wins = (order > rank) | (order == NOT_A_NUMBER)
                        best, rank = other if wins else best, order if wins else rank
                        place = np.uint8(k) if wins else place
                    # PyTorch's ReLU keeps the sign of a zero, and gives it no gradient.
                    pooled[i, row, column, c] = best if keeps | (rank >= 0) else np.int16(0)
                    places[i, row, column, c] = place if keeps | (rank > 0) else np.uint8(4)


@numba.njit(cache=True)
def _spread(images, pooled, places, start, stop):  # pragma: no cover - compiled
    _, height, width, n_channels = pooled.shape
    for i in range(start, stop):
        for row in range(height):
            for column in range(width):
                # In this order the compiler makes vector instructions of the inner loop.
                for k in range(4):
                    for c in range(n_channels):
                        is_here = places[i, row, column, c] == k
                        value = pooled[i, row, column, c] if is_here else np.int16(0)
                        images[i, 2 * row + k // 2, 2 * column + k % 2, c] = value


SIGNATURE = types.void(types.CPointer(types.int64))


@numba.cfunc(SIGNATURE, cache=True)
def _pool_share(task):  # pragma: no cover - compiled
    n, height, width, n_channels, is_shared = task[3], task[4], task[5], task[6], task[7]
    number, n_threads = (thread_number(), count_threads()) if is_shared else (0, 1)
    shape = n, height // 2, width // 2, n_channels
    images = numba.carray(_words(task[0]), (n, height, width, n_channels))
    pooled, places = numba.carray(_words(task[1]), shape), numba.carray(_bytes(task[2]), shape)
    start, stop = n * number // n_threads, n * (number + 1) // n_threads
    _pool(images, pooled, places, task[8] == 0, start, stop)


@numba.cfunc(SIGNATURE, cache=True)
def _spread_share(task):  # pragma: no cover - compiled
    n, height, width, n_channels, is_shared = task[3], task[4], task[5], task[6], task[7]
    number, n_threads = (thread_number(), count_threads()) if is_shared else (0, 1)
    shape = n, height // 2, width // 2, n_channels
    images = numba.carray(_words(task[0]), (n, height, width, n_channels))
    pooled, places = numba.carray(_words(task[1]), shape), numba.carray(_bytes(task[2]), shape)
    _spread(images, pooled, places, n * number // n_threads, n * (number + 1) // n_threads)


def pool(images, pooled, places, *, rectifies):
    """Fill `pooled` and `places` with the largest value of each 2 x 2 pixels, and where it is.

    Parameters
    ----------
    images : bfloat16 tensor (n, c, h, w), channels last
    pooled : bfloat16 tensor (n, c, h // 2, w // 2), channels last
    places : uint8 tensor (n, h // 2, w // 2, c)
        From 0 to 3, row by row; 4 where a value is replaced by 0.
    rectifies : bool
        Whether values below 0 are.
    """
    _share(_pool_share, images, pooled, places, rectifies)


def spread(images, pooled, places):
    """Fill `images` with the values of `pooled` at their places, and 0 elsewhere.

    The parameters are those of :func:`pool`. A last row or column that is not pooled is left alone.
    """
    _share(_spread_share, images, pooled, places)


def _share(function, images, pooled, places, rectifies=False):
    """Call a function in PyTorch's own threads, each for its share of the images."""
    n, n_channels, height, width = images.shape
    n_threads = min(n, 1 if LIBRARY is None else torch.get_num_threads())
    addresses = [tensor.data_ptr() for tensor in (images, pooled, places)]
    sizes = [n, height, width, n_channels]
    task = np.array([*addresses, *sizes, n_threads > 1, rectifies], np.int64)
    if n_threads == 1:
        function.ctypes(task.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)))
    else:
        LIBRARY.GOMP_parallel(function.address, task.ctypes.data, n_threads, 0)
