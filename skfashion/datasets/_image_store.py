"""Where the images of many blocks go: into memory, or into a file of which there is a map."""

import os
from pathlib import Path

import numpy as np

from skfashion.utils.files import sweep, write_atomically


def check_out(out):
    """Refuse what no file of images can be written to; None is memory.

    Raises
    ------
    ValueError
        If it is a folder, or does not end with ".npy".
    FileNotFoundError
        If its folder is not there.
    """
    if out is None:
        return
    if os.path.splitext(out)[1] != ".npy" or os.path.isdir(out):
        raise ValueError(f"Got out={os.fspath(out)!r}, expected a file whose name ends with .npy.")
    folder = Path(os.path.realpath(out)).parent
    if not folder.is_dir():
        raise FileNotFoundError(
            f"Got out={os.fspath(out)!r}, expected a file in a folder that is there. Make the "
            f"folder {str(folder)!r} first."
        )


def in_memory(blocks, n_images, shape):
    """Return the images of blocks, of which there are `n_images` at most, as one array.

    Raises
    ------
    ValueError
        If there is none.
    """
    images, n_found = np.empty((n_images, *shape), np.uint8), 0
    for block in blocks:
        images[n_found : n_found + len(block)] = block
        n_found += len(block)
    _check_some(n_found)
    return images if n_found == n_images else images[:n_found].copy()


def in_file(out, blocks, n_images, shape):
    """Write the images of blocks to a new file; return its map.

    Raises
    ------
    ValueError
        If there is none.
    OSError
        If the file cannot be written; what was there before stays.
    """
    sweep(Path(os.path.realpath(out)).parent)

    def write(stream):
        _write_header(stream, n_images, shape)
        n_found = 0
        for block in blocks:
            stream.write(block.tobytes())
            n_found += len(block)
        _check_some(n_found)
        # How many there are is known only now; NumPy leaves place for any number.
        stream.seek(0)
        _write_header(stream, n_found, shape)

    write_atomically(out, write)
    return np.load(out, mmap_mode="r")


def _write_header(stream, n_images, shape):
    header = {"descr": "|u1", "fortran_order": False, "shape": (n_images, *shape)}
    np.lib.format.write_array_header_1_0(stream, header)


def _check_some(n_found):
    if not n_found:
        raise ValueError("Got no picture that can be read, expected one at least.")
