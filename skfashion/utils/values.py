"""Numbers, words and arrays in a file: JSON and NumPy's format, so that reading runs no code.

What is read may be damaged, or made by somebody who means harm: nothing is unpickled, checksums are
compared, and no array gets memory before it is known that the file can hold it.
"""

import io
import json
import math
import os
import zipfile
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from skfashion.utils.files import write_atomically

# Bytes that one byte of a member may become, by the kind of compression. What is written here is
# not compressed; numpy.savez_compressed deflates, which makes 1,032 of one at most.
PLAIN = {zipfile.ZIP_STORED: 1}
COMPRESSED = PLAIN | {zipfile.ZIP_DEFLATED: 1032}


class Kind(NamedTuple):
    """A type of values that are kept as arrays.

    Attributes
    ----------
    type : type
    to_array, from_array : callable
        From a value to an array, and back.
    """

    type: type
    to_array: Callable
    from_array: Callable


KINDS = {
    "array": Kind(np.ndarray, np.asarray, np.asarray),
    "bytes": Kind(bytes, partial(np.frombuffer, dtype=np.uint8), np.ndarray.tobytes),
}


def write_values(path, values, kinds=KINDS):
    """Write values to a file, in one step.

    Parameters
    ----------
    path : path-like
    values : object
        Dicts, lists, tuples, arrays, bytes, numbers, strings and None, nested at will.
    kinds : dict of str to Kind
        What is kept as an array, by names for the file.

    Raises
    ------
    TypeError
        If there is anything else in `values`; nothing is written.
    OSError
        If the file cannot be written; what was there before is left as it was.
    """
    content = _packed(values, kinds)
    write_atomically(path, lambda stream: np.savez(stream, **content))


def read_values(path, kinds=KINDS):
    """Return the values in a file that :func:`write_values` has written.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no such file, or damaged; the error names it.
    """
    with open(path, "rb") as stream:
        return _read(stream, kinds, f"the file {path}")


def values_to_bytes(values, kinds=KINDS):
    """Return the content of the file that :func:`write_values` writes."""
    stream = io.BytesIO()
    np.savez(stream, **_packed(values, kinds))
    return stream.getvalue()


def values_from_bytes(content, kinds=KINDS):
    """Return the values that :func:`values_to_bytes` was given; as :func:`read_values`."""
    return _read(io.BytesIO(content), kinds, "a state in memory")


def read_arrays(path, names):
    """Read arrays from an .npz file of anybody's, without unpickling anything.

    Parameters
    ----------
    path : path-like
        The file.
    names : collection of str
        Arrays to read; those that the file does not have are left out.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no .npz file, is damaged, or holds objects.
    """
    with open(path, "rb") as stream:
        try:
            return _read_npz(stream, COMPRESSED, names)
        except MemoryError:
            raise
        except Exception as error:  # whatever a file of another kind makes zipfile do
            raise ValueError(
                f"Got {path}, which cannot be read as an .npz file "
                f"({type(error).__name__}: {error}); expected one that numpy.savez has written."
            ) from error


def _read(stream, kinds, what):
    """Return the values in a stream; whatever is wrong with them is a ValueError."""
    try:
        content = _read_npz(stream, PLAIN)
        return _unpack(json.loads(content.pop("header").tobytes()), content, kinds)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"Got {what}, which is damaged or was not written by skfashion "
            f"({type(error).__name__}: {error})."
        ) from error


def _packed(values, kinds):
    """Return the arrays of a file: the values among them, and in "header" everything else."""
    arrays = []
    header = json.dumps(_pack(values, arrays, kinds)).encode()
    content = {str(number): array for number, array in enumerate(arrays)}
    return {"header": np.frombuffer(header, np.uint8), **content}


def _pack(value, arrays, kinds):
    """Return a value as JSON's types; arrays are appended to `arrays`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    for name, kind in kinds.items():
        if isinstance(value, kind.type):
            array = kind.to_array(value)
            if not array.dtype.hasobject:
                arrays.append(array)
                return {name: len(arrays) - 1}
    if isinstance(value, dict):
        return {
            "dict": [[_pack(k, arrays, kinds), _pack(v, arrays, kinds)] for k, v in value.items()]
        }
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_pack(item, arrays, kinds) for item in value]}
    raise TypeError(
        f"Got {type(value).__name__}, which no file of numbers can hold; expected numbers, strings "
        "and arrays of them, and dicts, lists and tuples of these."
    )


def _unpack(value, arrays, kinds):
    """Return what :func:`_pack` was given."""
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind in kinds:
        # Each is there for one value: no few bytes become many arrays.
        return kinds[kind].from_array(arrays.pop(str(content)))
    if kind == "dict":
        return {_unpack(k, arrays, kinds): _unpack(v, arrays, kinds) for k, v in content}
    return {"list": list, "tuple": tuple}[kind](_unpack(item, arrays, kinds) for item in content)


def _read_npz(stream, growth, names=None):
    """Return the arrays of an .npz file by name, all or those that are wanted."""
    size = stream.seek(0, os.SEEK_END)
    with zipfile.ZipFile(stream) as file:
        members = file.infolist()
        can_be = sum(member.compress_size for member in members) <= size and all(
            member.file_size <= growth.get(member.compress_type, 0) * member.compress_size
            for member in members
        )
        if not can_be:
            raise ValueError("it says that it holds more than it can")
        named = {member.filename.removesuffix(".npy"): member for member in members}
        return {
            name: _read_array(file, member)
            for name, member in named.items()
            if names is None or name in names
        }


def _read_array(file, member):
    """Return an array of a zip file, once it is known to be as large as it says."""
    with file.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        v1 = version == (1, 0)
        read_header = (
            np.lib.format.read_array_header_1_0 if v1 else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(stream)
        n_bytes = member.file_size - stream.tell()
    if dtype.hasobject:
        raise ValueError("it holds objects, and opening them could run code")
    if math.prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"{member.filename} says that it is of shape {shape}, and is not")
    # Opened anew: going back in a member would leave its checksum unread.
    with file.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
