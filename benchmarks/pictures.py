"""Pictures drawn from result rows alone, each with a fingerprint of the rows it was drawn from."""

import hashlib
import json

import numpy as np

# The key under which a PNG file keeps the fingerprint.
STAMP = "Source"


def pyplot():
    """Return matplotlib's ``pyplot``, which draws into files and opens no window."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def save(figure, path, rows, dpi=110):
    """Write a figure as PNG, and close it."""
    if figure is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    from skfashion.utils.files import write_atomically  # and with it PyTorch

    stamp = {STAMP: fingerprint(rows)}
    write_atomically(path, lambda stream: figure.savefig(stream, dpi=dpi, metadata=stamp))
    pyplot().close(figure)


def is_stale(path, rows):
    """Tell whether a picture was drawn from other rows than these, or does not say from which."""
    if not path.exists():
        return True
    from PIL import Image

    with Image.open(path) as image:
        return image.info.get(STAMP) != fingerprint(rows)


def fingerprint(rows):
    """Return the SHA-256 of rows, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def label_points(axes, points):
    """Write a name beside each point where it covers no point, no error bar and no name.

    Points are (x, y, corners of its error bars, name); the axes have their final scales.
    """
    from matplotlib.transforms import Bbox

    axes.figure.draw_without_rendering()
    taken = []
    for x, y, corners, _ in points:
        x, y = axes.transData.transform((x, y))
        (x0, y0), (x1, y1) = axes.transData.transform(corners)
        for left, low, right, high in ((x, y, x, y), (x0, y, x1, y), (x, y0, x, y1)):
            taken.append(Bbox.from_extents(left - 8, low - 8, right + 8, high + 8))
    frame = axes.get_window_extent()
    sides = [(12, 0), (-12, 0), (0, 12), (0, -12), (10, 12), (-10, 12), (10, -12), (-10, -12)]
    offsets = [(dx * k, dy * k) for k in (1, 1.5, 2, 3, 4, 6, 8) for dx, dy in sides]
    for x, y, _, name in points:
        text = axes.annotate(name, (x, y), offsets[0], textcoords="offset points", fontsize=9)
        for dx, dy in [*offsets, offsets[0]]:  # the last where there is room nowhere
            text.set(
                position=(dx, dy),
                ha=("center", "left", "right")[int(np.sign(dx))],
                va=("center", "bottom", "top")[int(np.sign(dy))],
            )
            box = text.get_window_extent()
            inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            if inside and not box.count_overlaps(taken):
                break
        taken.append(box)
