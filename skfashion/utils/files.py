"""Files that are there as a whole or not at all, and files of arrays that run no code."""

import os
import secrets
import zipfile
import zlib

import numpy as np


def write_atomically(path, write):
    """Write a file in one step: after a crash there is the old file or the new one, never a part.

    Parameters
    ----------
    path : pathlib.Path
        The file; its folder is there.
    write : callable
        ``write(stream)`` writes the content to a binary stream.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is left as it was.
    """
    # Not tempfile: its files can be read by their owner only, and a cache may be shared.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            write(stream)
            stream.flush()
            # Otherwise a power cut could leave the final name on an empty file.
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder):
    """Make a rename outlive a power cut, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_arrays(path, names):
    """Read arrays from an .npz file, without unpickling anything.

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
    try:
        # Opened here: NumPy leaves open what it cannot read.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in names if name in file}
    # TypeError: a single array, which np.save writes, is no context manager.
    except (zipfile.BadZipFile, zlib.error, EOFError, TypeError, ValueError) as error:
        raise ValueError(
            f"Got {path}, which cannot be read as an .npz file ({type(error).__name__}: {error}); "
            "expected one that numpy.savez has written."
        ) from error
