"""How long a folder of JPEG files takes to become images, and how much memory.

A folder of photographs is read to 28 x 28 in grey: by `load_image_folder` on two threads, and by a
loop as many write by hand, with Pillow in two processes that are there already; in turn, round
after round. Then many images of 64 x 64 in colour are read to a file, in a process whose anonymous
memory is looked at meanwhile: what is mapped from a file is not counted, and neither are imports.
"""

import statistics
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
# Of its seconds ours may take so many times as much at most; and so many megabytes.
TARGETS, MEGABYTES = {THEIRS: 1.2}, 200
N_DIFFERENT = 1000  # files, an even number; the others are links to them


def measure(unit, seed, asked):
    """Read a folder again and again, or once and look at the memory."""
    settings = asked.settings | ({"files": 200, "rounds": 1, "images": 500} if asked.brief else {})
    with tempfile.TemporaryDirectory() as folder:
        if unit == "memory":
            write_files(folder, settings["images"], LARGER)
            found = call(f"{__name__}:memory", child_environment(None), path=folder)
            return {"anonymous_MB": round(found, 1), "target_MB": MEGABYTES}
        write_files(folder, settings["files"], SIDE)
        competitors = {
            name: (f"{__name__}:{function}", child_environment(None), {"path": folder})
            for name, function in {OURS: "ours", THEIRS: "by_hand"}.items()
        }
        found = side_by_side.in_turn(competitors, settings["rounds"], rest=0.5, patience=5)
    return side_by_side.compared(found, OURS, TARGETS)


def write_files(folder, n_files, side):
    """Write JPEG files of two classes: smooth in colour, with some noise, as photographs have."""
    from PIL import Image

    random = np.random.default_rng(0)
    for i in range(n_files):
        path = Path(folder, "ab"[i % 2], f"{i}.jpg")
        path.parent.mkdir(exist_ok=True)
        if i < N_DIFFERENT:
            few = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
            pixels = np.asarray(few.resize((side, side), Image.Resampling.BICUBIC), np.int16)
            pixels = pixels + random.integers(-12, 13, pixels.shape, np.int16)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        else:
            path.hardlink_to(path.with_name(f"{i % N_DIFFERENT}.jpg"))


# --- in processes of their own --------------------------------------------------------------------


def ours(path):
    """Return what reads the folder once."""
    from skfashion.datasets import load_image_folder

    return _timed(load_image_folder, path, size=SIZE, mode="L", n_jobs=N_JOBS, verbose=0)


def by_hand(path):
    """Return what reads the folder once, with workers that are there already."""
    return _timed(_read_all, path, get_context("fork").Pool(N_JOBS))


def _timed(read, *arguments, **options):
    """Return what calls a function, which is warmed up, and says the seconds."""

    def run():
        start = time.perf_counter()
        read(*arguments, **options)
        return {"seconds": time.perf_counter() - start}

    run()
    return run


def _read_all(path, pool):
    return np.stack(pool.map(_read, sorted(map(str, Path(path).glob("*/*.jpg")))))


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
    return highest[0] - before


def _anonymous_mb():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def table(rows):
    """Write the table: a line a way to read, then the memory."""
    lines = []
    for row in sorted(rows, key=lambda row: UNITS.index(row["unit"])):
        settings = row["settings"]
        if row["unit"] == "memory":
            what = f"{settings['images']:,} of {LARGER} x {LARGER}, to a file: memory"
            lines.append([what, f"{row['anonymous_MB']:.0f} MB", "", f"{row['target_MB']} MB"])
            continue
        for name, seconds in row["seconds"].items():
            what = f"{settings['files']:,} of {SIDE} x {SIDE}: {LABELS[name]}"
            lines.append([what, f"{statistics.median(seconds):.2f} s", "", ""])
            if name in row["targets"]:
                lines[-1][2:] = spread(row["ratios"][name]), f"{row['targets'][name]:g}"
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
