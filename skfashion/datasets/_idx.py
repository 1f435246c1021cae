"""read_idx: the format of MNIST's files, of any content."""

import gzip
import math
import os
import zlib

import numpy as np

from skfashion.datasets._files import GZIP_MAGIC
from skfashion.utils._sklearn import validate_params
from skfashion.utils.names import advises

# The third byte of a file says what its numbers are; they are big-endian.
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
EXPECTED = "an IDX file as MNIST's, such as train-images-idx3-ubyte, gzip-compressed or not"


@advises
@validate_params({"path": [str, os.PathLike]}, prefer_skip_nested_validation=True)
def read_idx(path):
    """Read an array from an IDX file, the format of MNIST and of data sets modelled on it.

    Parameters
    ----------
    path : str or path-like
        The file, compressed by gzip or not, as its first bytes tell, not its name.

    Returns
    -------
    ndarray
        Of uint8, int8, int16, int32, float32 or float64, in the shape that the file specifies: (n,
        h, w) for images, (n,) for labels.

    Raises
    ------
    ValueError
        If it is not an IDX file, truncated, or too long.
    OSError
        If it cannot be opened.

    See Also
    --------
    fetch_fashion_mnist : Fashion-MNIST's own files, found and verified.

    Notes
    -----
    The format is described at http://yann.lecun.com/exdb/mnist/.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skfashion.datasets import read_idx
    >>> content = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, *range(6)])
    >>> _ = Path("rows-idx2-ubyte").write_bytes(content)
    >>> read_idx("rows-idx2-ubyte")
    array([[0, 1, 2],
           [3, 4, 5]], dtype=uint8)
    """
    with open(path, "rb") as stream:
        magic = stream.read(2)
        stream.seek(0)
        try:
            if magic != GZIP_MAGIC:
                return _read(stream)
            with gzip.GzipFile(fileobj=stream) as unpacked:
                return _read(unpacked)
        except (EOFError, ValueError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"Got {os.fspath(path)!r}, which cannot be read ({error}); expected {EXPECTED}."
            ) from error


def _read(stream):
    """Return the array in a stream, of which no more is read than its head says, and a byte."""
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in DTYPES or not head[3]:
        raise ValueError("it does not begin as an IDX file does")
    sides = stream.read(4 * head[3])
    if len(sides) < 4 * head[3]:
        raise ValueError("it is cut off")
    shape = tuple(int(side) for side in np.frombuffer(sides, ">u4"))
    dtype = np.dtype(DTYPES[head[2]])
    n_bytes = math.prod(shape) * dtype.itemsize
    content = _read_up_to(stream, n_bytes + 1)
    if len(content) != n_bytes:
        much = "more" if len(content) > n_bytes else f"{len(content)} bytes"
        raise ValueError(f"its shape {shape} takes {n_bytes} bytes, and it holds {much}")
    values = np.frombuffer(content, dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def _read_up_to(stream, n_bytes, step=2**24):
    """Return so many bytes of a stream, or all: a head alone gets no memory for what it claims."""
    content = bytearray()
    while len(content) < n_bytes and (part := stream.read(min(step, n_bytes - len(content)))):
        content += part
    return content
