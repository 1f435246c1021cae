"""Files that are there as a whole or not at all; what killed writers leave is swept away."""

import contextlib
import errno
import os
import secrets
import shutil
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# What a file system says of something that it does not offer.
NOT_OFFERED = {errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
# Files that are being written: hidden, and of no name that anybody would choose.
TEMPORARY = ".skfashion-{}.tmp"
# Where a file system has no locks: nobody writes a file for so many seconds.
LONGEST_WRITE = 24 * 3600


def write_atomically(path, write):
    """Write a file in one step: after a crash there is the old file or the new one, never a part.

    Parameters
    ----------
    path : path-like
        The file; its folder is there. What it is a link to is written, and keeps its permissions;
        a pipe or a terminal, which has no parts, is written as it is.
    write : callable
        ``write(stream)`` writes the content to a binary stream.

    Raises
    ------
    OSError
        If the file, which it names, cannot be written; what was there before is left as it was.
    """
    path = Path(os.path.realpath(path))
    try:
        if path.exists() and not path.is_file():
            with open(path, "wb") as stream:
                write(stream)
        else:
            _replace(path, write)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_text(path, text):
    """Write a text as UTF-8, as :func:`write_atomically` does, and sweep its folder."""
    sweep(Path(os.path.realpath(path)).parent)
    # A name that is no valid Unicode, such as a file's in Latin-1, costs its signs alone.
    content = text.encode(errors="replace")
    write_atomically(path, lambda stream: stream.write(content))


def _replace(path, write):
    """Write a file beside another one, and put it in its place."""
    temporary, stream = _open_beside(path)
    try:
        with stream:
            write(stream)
            stream.flush()
            # Otherwise a power cut could leave the final name on an empty file.
            _sync(stream.fileno())
            if path.exists():
                shutil.copymode(path, temporary)
            if fcntl is None:  # Windows renames closed files only
                stream.close()
            # Locked to the end, so that nobody takes it for a leftover.
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _open_beside(path):
    """Return a new hidden file in the folder of another one, and its stream, locked."""
    while True:
        # Not tempfile: its files can be read by their owner only, and a cache may be shared.
        temporary = path.with_name(TEMPORARY.format(secrets.token_hex(8)))
        stream = open(temporary, "xb")
        if try_lock(stream) is not False and temporary.exists():
            return temporary, stream
        stream.close()  # swept away before it was locked


def _sync(descriptor):
    """Wait until an open file or folder is on the disk, where the file system can tell."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise


def _sync_folder(folder):
    """Make a rename outlive a power cut, where the system can; it is done in any case."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def try_lock(stream):
    """Lock an open file until it is closed; the system does so for a process that is killed.

    Parameters
    ----------
    stream : file object
        Open for writing.

    Returns
    -------
    bool or None
        False if somebody else has it locked; None where the system or the file system has no locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
        return None
    return True


def sweep(folder):
    """Remove what writers that were killed have left in a folder; what is being written stays."""
    for leftover in Path(folder).glob(TEMPORARY.format("*")):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            if fcntl is None:  # Windows removes no file that is open
                leftover.unlink()
                continue
            with open(leftover, "r+b") as stream:
                is_left = try_lock(stream)
                if is_left is None:
                    is_left = time.time() - os.fstat(stream.fileno()).st_mtime > LONGEST_WRITE
                if is_left:
                    leftover.unlink()
