"""Arrays and words in one file, in the format of safetensors: reading runs no code.

What is read may be damaged, or made by somebody who means harm. safetensors looks at offsets and
sizes; what it lets pass is refused here, before anything gets memory: names that come twice, too
many tensors or dimensions, a header that would become far more in memory than in the file. A
checksum covers all of it.
"""

import hashlib
import json
import math
import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from skfashion.utils.extras import installed_by
from skfashion.utils.files import sweep, write_atomically

# Bytes of the header, and what it may consist of: lists and objects, and values in them. As
# objects of Python's that is 100 MB at most.
MOST_BYTES, MOST_CONTAINERS, MOST_VALUES = 2**23, 200_000, 400_000
# torchvision's deepest network that is taken has 1,548.
MOST_TENSORS, MOST_DIMENSIONS = 2000, 8
DTYPES = {"F64": "float64", "F32": "float32", "I64": "int64"}
# Where in the metadata the text is. One entry: safetensors writes several in any order.
KEY = "skfashion"
# What the text begins with: the checksum of all else.
SUM = re.compile(r'\{"sha256": "([0-9a-f]{64})", ')


def write_tensors(path, tensors, words):
    """Write arrays and words to a file, in one step; the same ones give the same bytes.

    Parameters
    ----------
    path : path-like
    tensors : dict of str to ndarray
        float64, float32 or int64.
    words : dict
        At least one item, of JSON's types.

    Raises
    ------
    ImportError
        If safetensors is not installed.
    ValueError
        If there is more than :func:`open_tensors` accepts; nothing is written.
    OSError
        If the file cannot be written; what was there before is left as it was.
    """
    content = packed(tensors, json.dumps(words))
    n_bytes = int.from_bytes(content[:8], "little")
    _check_extent(content[8 : 8 + n_bytes])
    sweep(os.path.dirname(os.path.realpath(path)))
    write_atomically(path, lambda stream: stream.write(content))


def packed(tensors, text):
    """Return the content of a file with tensors and a text, an object of JSON with its checksum."""
    text = f'{{"sha256": "{_sum(tensors, text)}", {text[1:]}'
    return _safetensors().numpy.save(tensors, {KEY: text})


@dataclass(frozen=True)
class TensorFile:
    """A file of :func:`write_tensors` that is open, its header read.

    Attributes
    ----------
    words : object
        What :func:`write_tensors` was given, and nothing known about it.
    shapes : dict of str to tuple
        Of each tensor its dtype, NumPy's name, and its shape.
    size : int
        Bytes of the file.
    """

    words: Any
    shapes: dict[str, tuple[str, tuple[int, ...]]]
    size: int
    _stream: BinaryIO
    _header: bytes
    _sum: str
    _text: str

    def read(self):
        """Return the tensors by name, arrays that nobody else holds.

        Raises
        ------
        ValueError
            If the checksum is another one, or the file has changed meanwhile.
        """
        n_bytes = self.size - len(self._header)
        rest = self._stream.read(n_bytes)
        if len(rest) != n_bytes or self._stream.read(1):
            raise ValueError("it has changed while it was read")
        library = _safetensors()
        try:
            tensors = library.numpy.load(self._header + rest)
        except library.SafetensorError as error:
            raise ValueError(f"it is no safetensors file: {error}") from None
        if self._sum != _sum(tensors, self._text):
            raise ValueError("its checksum is another one")
        return tensors


@contextmanager
def open_tensors(path):
    """Open a file of :func:`write_tensors`, which may be anybody's, and read its header.

    Yields
    ------
    TensorFile

    Raises
    ------
    ImportError
        If safetensors is not installed.
    OSError
        If the file cannot be opened.
    ValueError
        If it is no such file, or damaged.
    """
    _safetensors()
    with open(path, "rb", opener=_open_at_once) as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no ordinary file")
        size = status.st_size
        start = stream.read(8)
        n_bytes = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= n_bytes <= min(size - 8, MOST_BYTES):
            raise ValueError("it is no safetensors file, or cut off")
        header = stream.read(n_bytes)
        if len(header) != n_bytes:
            raise ValueError("it has changed while it was read")
        text, shapes = _parsed(header, size - 8 - n_bytes)
        found = SUM.match(text)
        if found is None:
            raise ValueError("it is a safetensors file that skfashion did not write")
        text = "{" + text[found.end() :]
        words = read_json(text)
        yield TensorFile(words, shapes, size, stream, start + header, found[1], text)


def looks_like_tensors(path):
    """Tell whether a file that can be opened begins as one of safetensors does."""
    with open(path, "rb") as stream:
        start = stream.read(9)
    return len(start) == 9 and start[8:] == b"{" and start[6:8] == b"\0\0"


def read_json(text):
    """Return what a text of JSON says, refusing names that come twice and far too many values.

    Raises
    ------
    ValueError
        If it is none.
    """
    _check_extent(text)
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _open_at_once(path, flags):
    """Open a file without waiting for somebody to write into it, as into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _safetensors():
    """Return the library, with its functions for arrays."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "Saved models are safetensors files, for which a package is not installed; install it "
            f"with: {installed_by('persistence')}"
        ) from error
    return safetensors


def _check_extent(text):
    """Refuse a text of JSON that would take too much memory."""
    signs = ("{", "[", ",", ":") if isinstance(text, str) else (b"{", b"[", b",", b":")
    objects, lists, values, keys = map(text.count, signs)
    if (
        len(text) > MOST_BYTES
        or objects + lists > MOST_CONTAINERS
        or max(values, keys) > MOST_VALUES
    ):
        raise ValueError(
            f"a header of {len(text):,} bytes, {objects + lists:,} containers and {values:,} "
            f"values is too large: at most {MOST_BYTES:,}, {MOST_CONTAINERS:,} and {MOST_VALUES:,}"
        )


def _parsed(header, n_bytes):
    """Return the text, and dtypes and shapes of the tensors, of a header before so many bytes."""
    entries = read_json(header.decode("utf-8"))
    if not isinstance(entries, dict) or len(entries) > MOST_TENSORS:
        raise ValueError("its header is none of safetensors, or has too many tensors")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not isinstance(metadata.get(KEY, ""), str):
        raise ValueError("its metadata are not strings")
    if set(metadata) != {KEY}:
        raise ValueError("it is a safetensors file that skfashion did not write")
    shapes, parts = {}, []
    for name, entry in entries.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"{name!r} is no tensor")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise ValueError(f"{name!r} has a dtype that is none of {', '.join(DTYPES)}")
        if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
            raise ValueError(f"{name!r} has a shape or a place that is none")
        if len(shape) > MOST_DIMENSIONS:
            raise ValueError(f"{name!r} has {len(shape)} dimensions, at most {MOST_DIMENSIONS}")
        dtype = np.dtype(DTYPES[dtype])
        if math.prod(shape) * dtype.itemsize != offsets[1] - offsets[0]:
            raise ValueError(f"{name!r} is not as long as its shape says")
        parts.append(tuple(offsets))
        shapes[name] = dtype.name, tuple(shape)
    end = 0
    for start, stop in sorted(parts):
        if start != end:
            raise ValueError("its tensors overlap, or leave something out")
        end = stop
    if end != n_bytes:
        raise ValueError("its tensors are not as long as the file")
    return metadata[KEY], shapes


def _are_counts(values):
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 2**48 for v in values)


def _without_doubles(pairs):
    """Return pairs as a dict, each name once."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice in its header")
    return found


def _sum(tensors, text):
    """Return a checksum of tensors and a text, in hexadecimal digits."""
    digest = hashlib.sha256(text.encode(errors="surrogatepass"))
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
