"""Download one file so that it lands whole, verified, or not at all."""

import contextlib
import http.client
from importlib import import_module

from skfashion.datasets._files import decode
from skfashion.utils.downloads import CHUNK, blocks_of
from skfashion.utils.files import sweep, write_atomically

# What else there is for some data sets.
PACKAGES = {
    "Fashion-MNIST": "install the Debian package (apt install dataset-fashion-mnist), or ",
}


class _Fault(Exception):
    """Something that a mirror has done wrong; a full disk is none."""


def download(file, folder):
    """Download one file from the first of torchvision's mirrors that serves it right.

    The compressed file (26 MB at most) stays in memory until it is verified, so that a bad
    download never touches the disk and a good one is decompressed only once.

    Parameters
    ----------
    file : IdxFile
        The file to download.
    folder : pathlib.Path
        Where to put it, under its name with ``.gz``; created if absent.

    Returns
    -------
    array : ndarray of uint8, shape ``file.shape``
        The content, verified, read-only.

    Raises
    ------
    OSError
        If every mirror fails, with the reason for each, or if the file cannot be written.
    """

    def take(url):
        # gzip never inflates by more than a few bytes a block: whatever is longer is another file.
        blob = b"".join(_chunks(url, file.name, file.size + CHUNK))
        with _faults():
            array = decode(blob, file, f"The download {url}")
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        write_atomically(folder / f"{file.name}.gz", lambda stream: stream.write(blob))
        return array

    return _from_first_mirror(file, f"{file.name}.gz", take)


def download_archive(archive, folder):
    """Download an archive, block by block to the disk, from the first mirror that serves it right.

    Parameters
    ----------
    archive : Archive
        The file to download; it takes its name when all of it is there and its SHA-256 is right.
    folder : pathlib.Path
        Where to put it; created if absent, and gone again if nothing comes of it.

    Returns
    -------
    path : pathlib.Path
        The file.

    Raises
    ------
    OSError
        If every mirror fails, with the reason for each, or if the file cannot be written.
    """
    path = folder / archive.name

    def take(url):
        def write(stream):
            check = archive.check()
            for chunk in _chunks(url, archive.name, archive.size):
                check.update(chunk)
                stream.write(chunk)
            with _faults():
                check.finish(f"The download {url}")

        write_atomically(path, write)
        return path

    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        return _from_first_mirror(archive, archive.name, take)
    except BaseException:
        for place in new:
            with contextlib.suppress(OSError):  # something else is in it by now
                place.rmdir()
        raise


def _from_first_mirror(file, name, take):
    """Return ``take(url)`` for the first mirror that does nothing wrong."""
    failures = []
    for url in _urls(file, name):
        try:
            return take(url)
        except _Fault as error:
            failures.append(f"  {url}: {error}")
    raise OSError(
        f"Could not download {file.name} of {file.data_set}. Tried:\n"
        + "\n".join(failures)
        + f"\nCheck the network and call again, or {PACKAGES.get(file.data_set, '')}put the files "
        "in a folder and pass it as data_home, or name it in the environment variable "
        "SKFASHION_DATA."
    )


@contextlib.contextmanager
def _faults():
    """Turn what goes wrong inside into faults of a mirror."""
    try:
        yield
    # ValueError: the bytes are wrong, or the mirror's address is malformed.
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _Fault(str(error) or type(error).__name__) from error


def _urls(file, name):
    # Imported here because it takes a second and most calls find the data on the disk.
    source = getattr(import_module("torchvision.datasets"), file.source)
    # One address of a file in the folder that has the others, too, or several folders.
    folders = [source.url.rpartition("/")[0]] if hasattr(source, "url") else source.mirrors
    return [f"{folder.rstrip('/')}/{name}" for folder in folders]


def _chunks(url, name, limit):
    """Yield the bytes behind ``url``, of which there are no more than there may be."""
    n_read = 0
    with _faults():
        for chunk in blocks_of(url, name):
            n_read += len(chunk)
            if n_read > limit:
                raise ValueError(f"more than {limit:,} bytes, too long to be {name}")
            yield chunk
