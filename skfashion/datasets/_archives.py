"""Files that are known by the SHA-256 of themselves, and not of what is compressed in them.

For these nobody has published a SHA-256 of the decompressed content, so that another compression
of the same content is refused.
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

BLOCK = 1 << 20  # bytes that are read at a time


@dataclass(frozen=True)
class Archive:
    """One published file, compressed as its authors did.

    Attributes
    ----------
    name : str
        File name, on mirrors and on the disk.
    size : int
        Length in bytes.
    sha256 : str
        SHA-256, in hexadecimal.
    data_set : str
        What it is a file of, in words.
    source : str
        The class of ``torchvision.datasets`` that names the mirrors.
    """

    name: str
    size: int
    sha256: str
    data_set: str
    source: str

    def check(self):
        """Return what counts and hashes the bytes of a copy, block by block."""
        return Check(self)


# The names are MNIST's. The sums are those of several public catalogues of data sets.
KMNIST_FILES = {
    (split, kind): Archive(f"{name}.gz", size, sha256, "Kuzushiji-MNIST", "KMNIST")
    for split, kind, name, size, sha256 in (
        (
            *("train", "labels", "train-labels-idx1-ubyte", 29_497),
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        ),
        (
            *("train", "images", "train-images-idx3-ubyte", 18_165_135),
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        ),
        (
            *("test", "labels", "t10k-labels-idx1-ubyte", 5_120),
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
        (
            *("test", "images", "t10k-images-idx3-ubyte", 3_041_136),
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        ),
    )
}
EMNIST_FILE = Archive(
    "gzip.zip",
    561_753_746,
    "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    "EMNIST",
    "EMNIST",
)
# Not the archive that torchvision reads: that one holds pickles, which run code.
CIFAR10_FILE = Archive(
    "cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    "CIFAR-10",
    "CIFAR10",
)


class Check:
    """The bytes of a copy that have been seen so far."""

    def __init__(self, archive):
        self.archive, self.n_bytes, self._digest = archive, 0, hashlib.sha256()

    def update(self, block):
        """Look at the next bytes."""
        self.n_bytes += len(block)
        self._digest.update(block)

    def finish(self, source):
        """Raise a ValueError that begins with ``source`` if this was not the archive."""
        archive, digest = self.archive, self._digest.hexdigest()
        if digest == archive.sha256:
            return
        if self.n_bytes < archive.size:
            found = f"a file that is too short (truncated?), {self.n_bytes:,} bytes"
        elif self.n_bytes > archive.size:
            found = f"a file that is too long, at least {self.n_bytes:,} bytes"
        else:
            found = "a file of the right length but other content"
        raise ValueError(
            f"{source} is not the file {archive.name} of {archive.data_set}: found {found} with "
            f"SHA-256 {digest}, expected {archive.size:,} bytes with SHA-256 {archive.sha256}."
        )


def read_archive(path, archive, parse):
    """Return what is made of an archive, once it is verified.

    Parameters
    ----------
    path : pathlib.Path
        A copy of it.
    archive : Archive
        What it should be.
    parse : callable
        ``parse(stream)`` is given the verified file, open at its beginning.

    Raises
    ------
    ValueError
        If the copy is anything but the archive.
    """
    # Opened once: what is parsed is what was verified, even if the file is replaced meanwhile.
    with path.open("rb") as stream:
        check = archive.check()
        while (block := stream.read(BLOCK)) and check.n_bytes <= archive.size:
            check.update(block)
        check.finish(str(path))
        stream.seek(0)
        return parse(stream)


def parse_idx(content, source):
    """Return the array in an IDX file of unsigned bytes.

    Parameters
    ----------
    content : bytes
        The file, decompressed.
    source : str
        Where it comes from, to open the error message.

    Returns
    -------
    array : ndarray of uint8
        A read-only view.

    Raises
    ------
    ValueError
        If the bytes are not of that format.
    """
    n_axes = content[3] if len(content) > 3 and content.startswith(b"\0\0\x08") else 0
    start = 4 + 4 * n_axes
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    if n_axes == 0 or len(content) != start + math.prod(shape):
        raise ValueError(
            f"{source} is not in the IDX format of unsigned bytes: found {len(content):,} bytes "
            f"that begin with {content[:16].hex(' ')}, expected 00 00 08, the number of axes, "
            "their lengths, and as many bytes as these say."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
