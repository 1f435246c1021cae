"""What lies behind an address, block by block; a server that falls silent is given up."""

import sys
import urllib.request

from skfashion.utils.streams import Forgiving

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 16  # bytes between two steps of the progress bar


def blocks_of(url, name):
    """Yield the bytes behind an address, with a progress bar on standard error.

    Parameters
    ----------
    url : str
    name : str
        What the bar says.

    Raises
    ------
    OSError
        If nobody answers, or fewer bytes come than were announced.
    http.client.HTTPException
        If the answer is none.
    ValueError
        If it is no address.
    """
    # Slow to import, and most files are there already.
    from tqdm import tqdm

    # Some servers turn Python's own name away.
    request = urllib.request.Request(url, headers={"User-Agent": "skfashion"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        total, n_read = response.headers.get("Content-Length"), 0
        total = int(total) if total is not None else None
        options = {"total": total, "unit": "B", "unit_scale": True}
        with tqdm(desc=name, file=Forgiving(sys.stderr), **options) as bar:
            while block := response.read(CHUNK):
                n_read += len(block)
                bar.update(len(block))
                yield block
        if total is not None and n_read < total:
            raise OSError(f"the connection ended after {n_read:,} of {total:,} bytes")
