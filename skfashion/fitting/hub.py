"""Files of weights, downloaded to where torch.hub looks for them."""

import hashlib
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import torch

from skfashion.utils.downloads import blocks_of
from skfashion.utils.files import sweep, write_atomically

# Names end with the first digits of the file's SHA-256.
DIGITS = re.compile(r"-([0-9a-f]{8,})\.")


def fetch_weights(url, *, check_hash=True):
    """Download a file of weights to where torch.hub looks for it, unless it is there.

    torch.hub itself would wait for ever for a server that falls silent.

    Parameters
    ----------
    url : str
    check_hash : bool, default=True
        Whether the name says how the file's SHA-256 begins.

    Raises
    ------
    OSError
        If it cannot be downloaded or written; nothing is left of it.
    http.client.HTTPException
        If the answer is none.
    ValueError
        If it is another file.
    """
    name = PurePosixPath(urlsplit(url).path).name
    path = Path(torch.hub.get_dir(), "checkpoints", name)
    if path.exists():
        return
    expected = DIGITS.search(name) if check_hash else None

    def write(stream):
        digest = hashlib.sha256()
        for block in blocks_of(url, name):
            digest.update(block)
            stream.write(block)
        found = digest.hexdigest()
        if expected is not None and not found.startswith(expected[1]):
            raise ValueError(f"another file came, of SHA-256 {found}, expected {expected[1]}…")

    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    write_atomically(path, write)
