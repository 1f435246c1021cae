"""The files of Fashion-MNIST and of MNIST: what each must contain, how a wrong one is recognised.

The *decompressed* bytes are what is verified. Distributors compress the same content with different
tools (Debian's .gz files differ byte for byte from the authors'), so a checksum of the archive
would refuse good data.
"""

import gzip
import hashlib
import io
import math
import zlib
from dataclasses import dataclass

import numpy as np

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class IdxFile:
    """One IDX file of unsigned bytes.

    Attributes
    ----------
    name : str
        File name without ``.gz``.
    shape : tuple of int
        Shape of the array that it holds: (n, 28, 28) for images, (n,) for labels.
    sha256 : str
        SHA-256, in hexadecimal, of the decompressed file, its header included.
    data_set : str, default="Fashion-MNIST"
        What it is a file of, in words.
    source : str, default="FashionMNIST"
        The class of ``torchvision.datasets`` that names the mirrors.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str
    data_set: str = "Fashion-MNIST"
    source: str = "FashionMNIST"

    @property
    def header(self):
        """The bytes that open a valid file: magic number, then each dimension, big-endian."""
        unsigned_byte = 0x08
        dimensions = b"".join(n.to_bytes(4, "big") for n in self.shape)
        return bytes([0, 0, unsigned_byte, len(self.shape)]) + dimensions

    @property
    def size(self):
        """Length of the decompressed file, in bytes."""
        return len(self.header) + math.prod(self.shape)


# Keys are (split, kind). Labels come before images wherever both are read: they are a thousand
# times smaller, so a wrong folder or an unwritable disk is reported at once.
FILES = {
    ("train", "labels"): IdxFile(
        "train-labels-idx1-ubyte",
        (60_000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    ("train", "images"): IdxFile(
        "train-images-idx3-ubyte",
        (60_000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    ("test", "labels"): IdxFile(
        "t10k-labels-idx1-ubyte",
        (10_000,),
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    ("test", "images"): IdxFile(
        "t10k-images-idx3-ubyte",
        (10_000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
}

# The handwritten digits have the same file names and the same shapes, and are the usual mix-up.
DIGITS_SHA256 = {
    ("train", "labels"): "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ("train", "images"): "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ("test", "labels"): "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ("test", "images"): "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
}
DIGIT_MNIST_SHA256 = set(DIGITS_SHA256.values())
MNIST_FILES = {
    key: IdxFile(file.name, file.shape, DIGITS_SHA256[key], "MNIST", "MNIST")
    for key, file in FILES.items()
}


def decode(blob, file, source):
    """Decompress, verify and parse the content of one file.

    Parameters
    ----------
    blob : bytes
        The file as stored, gzip-compressed or not. Its first bytes decide which, not its name:
        browsers decompress silently and keep the ``.gz``.
    file : IdxFile
        What the file should be.
    source : str
        Where ``blob`` comes from, to open the error message.

    Returns
    -------
    array : ndarray of uint8, shape ``file.shape``
        A read-only view of the decompressed bytes.

    Raises
    ------
    ValueError
        If the content is anything but the expected file.
    """
    try:
        content = _decompress(blob, file.size)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{source} is a truncated or damaged gzip file: found {len(blob):,} compressed bytes "
            f"that cannot be read ({error}), expected {_expected(file)}."
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ValueError(
            f"{source} is not the file {file.name} of {file.data_set}: found "
            f"{_describe(content, digest, file)}, expected {_expected(file)}."
        )
    return np.frombuffer(content, np.uint8, offset=len(file.header)).reshape(file.shape)


def identify(blob):
    """Return the name of the data set that a file belongs to, "" if it is neither of these two.

    Parameters
    ----------
    blob : bytes
        The file as stored, compressed or not.
    """
    largest = max(file.size for file in FILES.values())
    try:
        digest = hashlib.sha256(_decompress(blob, largest)).hexdigest()
    except (EOFError, OSError, zlib.error):
        return ""
    known = {file.sha256: file.data_set for file in (*FILES.values(), *MNIST_FILES.values())}
    return known.get(digest, "")


def _decompress(blob, size):
    if blob[:2] != GZIP_MAGIC:
        return blob
    with gzip.GzipFile(fileobj=io.BytesIO(blob)) as stream:
        # One byte more than is right shows that a file is too long, without unpacking a bomb; it
        # also makes gzip read, and check, the checksum at the end of a file of the right length.
        return stream.read(size + 1)


def _expected(file):
    return f"{file.size:,} bytes once decompressed with SHA-256 {file.sha256}"


def _describe(content, digest, file):
    """Say in words what a wrong file holds."""
    found = f"{len(content):,} bytes with SHA-256 {digest}"
    if file.data_set != "MNIST" and digest in DIGIT_MNIST_SHA256:
        return f"digit MNIST (handwritten digits, the same file names and shapes), {found}"
    for other in (*FILES.values(), *MNIST_FILES.values()):
        if digest == other.sha256:
            owner = "" if other.data_set == file.data_set else f" of {other.data_set}"
            return f"the content of {other.name}{owner}, {found}"
    if len(content) < file.size:
        return f"a file that is too short (truncated?), {found}"
    if len(content) > file.size:
        return f"a file that is too long, at least {found}"
    if content.startswith(file.header):
        return (
            "a valid header but other content (probably another data set with the shapes of "
            f"MNIST, or an altered copy), {found}"
        )
    return f"a file of the right size that is not in the IDX format, {found}"
