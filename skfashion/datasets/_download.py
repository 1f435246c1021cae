"""Download one file of Fashion-MNIST so that it lands whole, verified, or not at all."""

import http.client
import sys
import urllib.request

from skfashion.datasets._files import decode
from skfashion.utils.files import sweep, write_atomically
from skfashion.utils.streams import Forgiving

TIMEOUT = 30  # seconds without a byte before a mirror is given up
CHUNK = 1 << 16  # bytes between two steps of the progress bar


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
    failures = []
    for url in _urls(file):
        try:
            blob = _read(url, file)
            array = decode(blob, file, f"The download {url}")
        # ValueError: the bytes are wrong, or the mirror's address is malformed.
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"  {url}: {error or type(error).__name__}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        write_atomically(folder / f"{file.name}.gz", lambda stream, blob=blob: stream.write(blob))
        return array
    raise OSError(
        f"Could not download {file.name} of Fashion-MNIST. Tried:\n"
        + "\n".join(failures)
        + "\nCheck the network and call again, or install the Debian package (apt install "
        "dataset-fashion-mnist), or put the files in a folder and pass it as data_home."
    )


def _urls(file):
    # Imported here because it takes a second and most calls find the data on the disk.
    from torchvision.datasets import FashionMNIST

    archives = {name.removesuffix(".gz"): name for name, _ in FashionMNIST.resources}
    archive = archives.get(file.name, f"{file.name}.gz")
    return [f"{mirror.rstrip('/')}/{archive}" for mirror in FashionMNIST.mirrors]


def _read(url, file):
    """Return the bytes behind ``url``, with a progress bar on standard error."""
    from tqdm import tqdm

    # gzip never inflates by more than a few bytes a block: whatever is longer is another file.
    limit = file.size + CHUNK
    blob = bytearray()
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        total = response.headers.get("Content-Length")
        total = int(total) if total is not None else None
        options = {"total": total, "unit": "B", "unit_scale": True}
        with tqdm(desc=file.name, file=Forgiving(sys.stderr), **options) as bar:
            while chunk := response.read(CHUNK):
                blob += chunk
                bar.update(len(chunk))
                if len(blob) > limit:
                    raise ValueError(f"more than {limit:,} bytes, too long to be {file.name}")
    return bytes(blob)
