"""Real pictures for schemathesis, which would make bytes of its own: it imports this."""

import numpy as np
import schemathesis
from hypothesis import strategies as st

from benchmarks.image_files import image_file


def pictures(format):
    """Return a strategy for files of small pictures."""
    randoms = st.integers(0, 2**32 - 1).map(np.random.default_rng)
    pixels = randoms.map(lambda random: random.integers(0, 256, (9, 7, 3), np.uint8))
    return pixels.map(lambda image: image_file(image, format))


for format in ("PNG", "JPEG", "WEBP"):
    schemathesis.openapi.media_type(f"image/{format.lower()}", pictures(format))
