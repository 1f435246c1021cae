"""What `skfashion.load` makes of files that are damaged, or made by somebody who means harm.

Files of small nets are changed at random: cut off, single bits turned, bytes put in, taken out and
overwritten, parts of two files joined; and forged, so that the checksum is right: any value of what
the file says replaced by another, by one of another type, by a huge or a deeply nested one, tensors
of other shapes, types and values. A file is refused with a ValueError or an OSError, or loaded: a
forged one may describe another net, which is then asked about an image. Processes of their own load
them: one that dies is a crash.
"""

import copy
import itertools
import json
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.environment import child_environment
from benchmarks.formatting import table_above
from benchmarks.processes import Child, ChildError
from benchmarks.study import study_of

UNITS = (
    *("MLPNetClassifier", "ConvNetClassifier", "ResNetClassifier", "AttentionNetClassifier"),
    "TorchvisionClassifier",
)
SIZES_OF_NETS = {"hidden_layer_sizes": (8,), "channels": (4,), "width": 8, "depth": 1, "n_heads": 2}
SIZES_OF_NETS |= {"n_stem_blocks": 1, "backbone": "mobilenet_v3_small"}
# Values that stand for others.
VALUES = (
    *(None, True, False, 0, 1, -1, 3, 7, 2**31, 2**63, 10**30, -(10**30), 0.5, -0.5, 1e308, 1e-320),
    *(float("nan"), float("inf"), "", "x", "é\0\ud800", "9" * 5000, "x" * 100_000),
    *([], {}, [[]], [1, 2], [0] * 5000, {"tuple": []}, {"dict": [[[], 1]]}, {"object": ["os", {}]}),
    *({"object": ["FocalLoss", {"gamma": -1}]}, {"optimizer": "SGD"}, {"array": None}),
    {"array": {"dtype": "<U100000", "values": ["a", "b"]}},
    {"array": {"dtype": "object", "values": [1]}},
)
# What takes longer, or as much more memory, is a fault.
SECONDS, MEGABYTES = 1.0, 200.0
REFUSED = ("ValueError", "OSError")


def classifiers(unit, settings):
    """Return the small net whose file is changed."""
    import skfashion

    cls = getattr(skfashion, unit)
    sizes = {name: value for name, value in SIZES_OF_NETS.items() if name in cls().get_params()}
    return {"net": cls(max_epochs=1, random_state=0, prior="train", loss="ldam", **sizes)}


def measure(unit, seed, asked):
    """Load changed files of a net; count how each ended."""
    n_files = 100 if asked.brief else asked.settings["files"]
    (net,) = classifiers(unit, asked.settings).values()
    X, y, *_ = asked.images
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.safetensors"
        net.fit(X[:300], np.asarray(list("abcdefghij"))[y[:300]]).save(path)
        return tried(path, seed, n_files)


def tried(path, seed, n_files):
    """Return how many changed files of a saved net ended how, and the most they cost."""
    found = []
    while len(found) < n_files:
        how = {"path": str(path), "seed": seed, "first": len(found)}
        child = Child(f"{__name__}:loader", child_environment(None), **how)
        try:
            child.answer()
            while len(found) < n_files:
                found.append(child.ask())
        except ChildError as error:
            found.append(["crash", 0.0, 0.0, str(error)])
        finally:
            child.stop()
    faults = [
        f"file {number} ({kind}): {ended}, {seconds:.2f} s, {megabytes:.0f} MB"
        for number, (ended, seconds, megabytes, kind) in enumerate(found)
        if seconds > SECONDS
        or megabytes > MEGABYTES
        or not (ended in REFUSED or (ended == "loaded" and kind in FORGERIES))
    ]
    return summed([its[:-1] for its in found], faults)


def summed(found, faults):
    """Return what a row says of faults, and of all that ended somehow, with seconds and MB."""
    ended, seconds, megabytes = zip(*found, strict=True)
    found = {"ended": dict(Counter(ended)), "slowest_s": round(max(seconds), 3)}
    return found | {"most_MB": round(max(megabytes), 1), "faults": faults}


def loader(path, seed, first):
    """Return what loads one changed file after the other: how it ended, seconds, MB, kind."""
    import skfashion

    warnings.simplefilter("ignore")
    content, numbers = Path(path).read_bytes(), itertools.count(first)
    skfashion.load(path)  # what is imported and kept once
    changed = Path(path).with_name("changed.safetensors")

    def load():
        rng, ended = np.random.default_rng([seed, next(numbers)]), "loaded"
        kind = str(rng.choice([*DAMAGES, *FORGERIES]))
        _write_changed(changed, kind, content, rng)
        Path("/proc/self/clear_refs").write_text("5")  # forgets the most memory
        before, start = most_megabytes("self"), time.perf_counter()
        try:
            net = skfashion.load(changed)
            net.predict(np.zeros((1, net.n_features_in_), np.uint8))
        except OSError:
            ended = "OSError"
        except ValueError:
            ended = "ValueError"
        except Exception as error:
            ended = repr(error)[:200]
        return ended, time.perf_counter() - start, most_megabytes("self") - before, kind

    return load


def most_megabytes(pid):
    """Return the most memory of a process since it was last reset."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _write_changed(path, kind, content, rng):
    """Write a file that is forged or damaged in one way."""
    if kind in FORGERIES:
        tensors, document = _parts_of(content)
        _write(path, tensors, FORGERIES[kind](tensors, document, rng) or document)
        return
    n, changed = len(content), bytearray(content)
    match kind:
        case "cut":
            del changed[rng.integers(n) :]
        case "bit":
            changed[rng.integers(n)] ^= 1 << rng.integers(8)
        case "bytes":
            for place in rng.integers(n, size=rng.integers(1, 50)):
                changed[place] ^= rng.integers(1, 256)
        case "header":
            end = 8 + int.from_bytes(content[:8], "little")
            for place in rng.integers(end, size=rng.integers(1, 5)):
                changed[place] = rng.choice(list(b'{}[]",:0123456789eE.-\\u')) ^ (
                    changed[place] == 0
                )
            if changed == content:
                del changed[-1]
        case "put in":
            place = rng.integers(n)
            changed[place:place] = rng.bytes(rng.integers(1, 100))
        case "taken out":
            place = rng.integers(n)
            del changed[place : place + rng.integers(1, 100)]
        case "joined":
            first, second = sorted(rng.integers(n, size=2))
            changed[second:] = content[first:] + (b"" if first < second else b"\0")
        case "length":
            lengths = [0, 1, 2, 7, n, 2**20, 2**24, 2**31, 2**40]
            huge = [2**63, 2**64 - 1]  # more than NumPy's integers
            length = int(rng.choice(lengths)) if rng.random() < 0.8 else huge[rng.integers(-2, 0)]
            changed[:8] = length.to_bytes(8, "little")
    path.write_bytes(changed)


# --- forgeries, with the right checksum; they may return a text instead of the document -----------


def _forge_words(tensors, document, rng):
    for _ in range(rng.integers(1, 4)):
        _replace_one(document, rng)


def _forge_architecture(tensors, document, rng):
    net = document["net"]
    match rng.choice(["architecture", "shape", "classes", "features", "keys", "weights"]):
        case "architecture":
            name = str(rng.choice(list(net["architecture"])))
            huge = [10**6, 10**9, 10**12, [10**4] * 1000, [1] * 20_000, [2] * 2900, [10**9] * 5]
            huge += [150, 900, [1] * 900, "regnet_y_128gf", "efficientnet_v2_l", "densenet201"]
            net["architecture"][name] = huge[rng.integers(len(huge))]
            if rng.random() < 0.5:  # as many tensors as a deep network has
                names = [f"net.more{i}" for i in range(1900 - len(tensors))]
                tensors.update(dict.fromkeys(names, np.zeros(1, np.float32)))
        case "shape":
            side = int(rng.choice([1, 3, 10**3, 10**5, 10**7]))
            document["image_shape"] = [side] * int(rng.integers(1, 5))
            document["n_features_in"] = side ** len(document["image_shape"])
        case "classes":
            k = int(rng.choice([0, 1, 11, 10**5]))
            document["classes"] = {"dtype": "<i8", "values": list(range(k))}
        case "keys":
            n = int(rng.choice([10, 9000, 50_000]))
            keys = [[i * (2**61 - 1), 1] for i in range(1, n)]
            document["parameters"]["class_weight"] = {"dict": keys}
        case "weights":
            net["architecture"]["weights"] = str(rng.choice(["DEFAULT", "/etc/hostname"]))
        case "features":
            net["n_columns"] = int(rng.choice([1, 784, 10**9]))


def _forge_nesting(tensors, document, rng):
    depth = int(rng.choice([100, 900, 10_000, 200_000, 2_000_000]))
    signs = {"[": "]", '{"a":': "}", "[[],": "]", '{"tuple":[': "]}"}
    sign = str(rng.choice(list(signs)))
    nested = sign * depth + ("1" if rng.random() < 0.5 else "[]") + signs[sign] * depth
    return json.dumps(document).replace('"left_out": []', f'"left_out": {nested}', 1)


def _forge_tensors(tensors, document, rng):
    name = str(rng.choice(list(tensors)))
    array = tensors[name]
    match rng.integers(7):
        case 0 if array.dtype.kind == "f":
            tensors[name] = array.copy()
            tensors[name].flat[rng.integers(array.size)] = rng.choice([np.nan, np.inf, -np.inf])
        case 1:
            tensors[name] = array.astype("f4" if array.dtype == np.float64 else "f8")
        case 2:
            tensors[name] = array[None]
        case 3:
            del tensors[name]
        case 4:
            names = [f"more{i}" for i in range(rng.integers(1, 5000))]
            tensors.update(dict.fromkeys(names, np.zeros(0, np.float32)))
        case 5:
            tensors[name] = np.zeros((0, *array.shape), array.dtype)
        case 6:
            tensors[f"{name}x"] = tensors.pop(name)


def _replace_one(document, rng):
    """Replace, remove or add one value somewhere in a nested document, in place."""
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = keys[rng.integers(len(keys))]
        if not (isinstance(place[key], dict | list) and place[key] and rng.random() < 0.8):
            break
        place = place[key]
    choice = rng.random()
    if choice < 0.1:
        del place[key]
    elif choice < 0.2 and isinstance(place, dict):
        place[f"{key}_"] = copy.deepcopy(place[key])
    else:
        # A copy: what is replaced next may be inside of it.
        place[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])


def _parts_of(content):
    """Return the tensors of a saved net, and what it says."""
    import safetensors.numpy

    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    document = json.loads(header["__metadata__"]["skfashion"])
    del document["sha256"]
    return safetensors.numpy.load(content), document


def _write(path, tensors, document):
    """Write a file with a right checksum, whatever its document, or a text in its place, says."""
    from skfashion.utils.tensors import packed

    text = document if isinstance(document, str) else json.dumps(document)
    path.write_bytes(packed(tensors, text))


DAMAGES = ("cut", "bit", "bytes", "header", "put in", "taken out", "joined", "length")
FORGERIES = {
    "words": _forge_words,
    "architecture": _forge_architecture,
    "nesting": _forge_nesting,
    "tensors": _forge_tensors,
}


def table(rows):
    """Write the table: a line a class."""
    words = (
        f"A fault is a crash, an error of another kind, more than {SECONDS:g} s or "
        f"{MEGABYTES:g} MB more memory, or a damaged file that is loaded. The most memory is that "
        "of the whole loading beyond what the process had."
    )
    headings = ["file of", "changed", "refused", "loaded: forged, another net"]
    return table_of_ends(rows, headings, REFUSED.__contains__, "loaded", words)


def table_of_ends(rows, headings, is_refused, accepted, words):
    """Write a table of this study or of `hostile_requests`, by how files or requests ended."""
    lines = [
        [
            row["unit"],
            sum(row["ended"].values()),
            sum(n for ended, n in row["ended"].items() if is_refused(ended)),
            row["ended"].get(accepted, 0),
            len(row["faults"]),
            f"{row['slowest_s']:.2f}",
            f"{row['most_MB']:.0f}",
        ]
        for row in rows
    ]
    headings = [*headings, "faults", "slowest (s)", "most memory (MB)"]
    return table_above(lines, headings, words, rows)


STUDY = study_of(
    __name__,
    cost="five minutes",
    page="saving.md",
    sizes={"full": {"files": 2000}},
    seeds=1,
    timing=True,
    packages=("safetensors",),
)
