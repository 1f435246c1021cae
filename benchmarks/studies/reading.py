"""How long a folder of JPEG files takes to become images, and how much memory.

A folder of photographs is read to 28 x 28 in grey: by `load_image_folder` on two threads, and by a
loop as many write by hand, with Pillow in two processes that are there already; in turn, round
after round. Then many images of 64 x 64 in colour are read to a file, in a process whose anonymous
memory is looked at meanwhile: what is mapped from a file is not counted, and neither are imports.
"""

import statistics
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks import side_by_side
from benchmarks.environment import child_environment
from benchmarks.formatting import spread, table_above
from benchmarks.memory import watched
from benchmarks.processes import call
from benchmarks.study import study_of

UNITS = ("seconds", "memory")
FULL = {"files": 10_000, "rounds": 5, "images": 100_000}
QUICK = {"files": 500, "rounds": 2, "images": 3000}
# Pixels a side of the photographs, and of what they become; of the images that go to a file.
SIDE, SIZE, LARGER = 200, 28, 64
N_JOBS = 2
OURS, THEIRS = "load_image_folder", "by hand"
LABELS = {OURS: "`load_image_folder`, two threads", THEIRS: "a loop with Pillow, two processes"}
# The most of its time that ours may take, and the most megabytes.
TARGETS, MEGABYTES = {THEIRS: 1.2}, 200
# Different files; the others are links to them.
N_DIFFERENT = 1000
REST = 0.5  # seconds between two runs


def measure(unit, seed, asked):
    """Read a folder again and again, or once and look at the memory."""
    settings = asked.settings | ({"files": 200, "rounds": 1, "images": 500} if asked.brief else {})
    with tempfile.TemporaryDirectory() as folder:
        if unit == "memory":
            write_files(folder, settings["images"], LARGER)
            found = call("benchmarks.studies.reading:memory", child_environment(None), path=folder)
            return {"anonymous_MB": round(found["MB"], 1), "target_MB": MEGABYTES}
        write_files(folder, settings["files"], SIDE)
        functions = {OURS: "ours", THEIRS: "by_hand"}
        competitors = {
            name: (f"{__name__}:{function}", child_environment(None), {"path": folder})
            for name, function in functions.items()
        }
        found = side_by_side.in_turn(competitors, settings["rounds"], REST, patience=5)
    return side_by_side.compared(found, OURS, TARGETS)


def write_files(folder, n_files, side):
    """Write JPEG files of two classes: smooth in colour, with some noise, as photographs have."""
    from PIL import Image

    random = np.random.default_rng(0)
    paths = []
    for i in range(n_files):
        path = Path(folder, "ab"[i % 2], f"{i}.jpg")
        path.parent.mkdir(exist_ok=True)
        if i < N_DIFFERENT:
            few = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
            pixels = np.asarray(few.resize((side, side), Image.Resampling.BICUBIC), np.int16)
            pixels = pixels + random.integers(-12, 13, pixels.shape, np.int16)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
            paths.append(path)
        else:
            path.hardlink_to(paths[i % N_DIFFERENT])


# --- in processes of their own --------------------------------------------------------------------


def ours(path):
    """Return what reads the folder once."""
    from skfashion.datasets import load_image_folder

    def run():
        start = time.perf_counter()
        found = load_image_folder(path, size=SIZE, mode="L", n_jobs=N_JOBS, verbose=0)
        return {"seconds": time.perf_counter() - start, "n": len(found.data)}

    run()
    return run


def by_hand(path):
    """Return what reads the folder once, with workers that are there already."""
    pool = get_context("fork" if sys.platform != "win32" else "spawn").Pool(N_JOBS)

    def run():
        start = time.perf_counter()
        names = sorted(map(str, Path(path).glob("*/*.jpg")))
        images = np.stack(pool.map(_read, names))
        return {"seconds": time.perf_counter() - start, "n": len(images)}

    run()
    return run


def _read(name):
    from PIL import Image

    with Image.open(name) as picture:
        return np.asarray(picture.convert("L").resize((SIZE, SIZE)))


def memory(path):
    """Return the most anonymous memory beyond the imports while a folder is read to a file."""
    from skfashion.datasets import load_image_folder

    before = _anonymous_mb()
    with watched(_anonymous_mb, 0.02) as highest:
        out = Path(path, "images.npy")
        load_image_folder(path, size=LARGER, mode="RGB", n_jobs=N_JOBS, out=out, verbose=0)
    return {"MB": highest[0] - before}


def _anonymous_mb():
    status = Path("/proc/self/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines["RssAnon"].split()[0]) / 1024


def table(rows):
    """Write the table: a line a way to read, then the memory."""
    lines = []
    for row in sorted(rows, key=lambda row: UNITS.index(row["unit"])):
        if row["unit"] == "memory":
            n, mb = f"{row['settings']['images']:,}", f"{row['anonymous_MB']:.0f} MB"
            what = f"{n} of {LARGER} x {LARGER}, to a file: memory"
            lines.append([what, mb, "", f"{row['target_MB']} MB"])
            continue
        for name, seconds in row["seconds"].items():
            n = f"{row['settings']['files']:,}"
            ratio, aim = "", ""
            if name in row["targets"]:
                ratio, aim = spread(row["ratios"][name]), f"{row['targets'][name]:g}"
            median = f"{statistics.median(seconds):.2f} s"
            lines.append([f"{n} of {SIDE} x {SIDE}: {LABELS[name]}", median, ratio, aim])
    words = (
        f"JPEG, to {SIZE} x {SIZE} in grey: medians; ratios of the rounds, median (smallest to "
        f"largest). Memory is the most that is anonymous, beyond the imports, of images in colour."
    )
    return table_above(lines, ["files", "takes", "ours / its", "aim"], words, rows)


STUDY = study_of(
    __name__,
    cost="five minutes",
    page="own_images.md",
    seeds=None,
    timing=True,
    packages=("pillow",),
)
