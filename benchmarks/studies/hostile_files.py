"""What `skfashion.load` makes of files that are damaged, or made by somebody who means harm.

Files of small nets are changed at random: cut off, single bits turned, bytes put in, taken out and
overwritten, parts of two files joined; and forged, so that the checksum is right: any value of what
the file says replaced by another, by one of another type, by a huge or a deeply nested one, tensors
of other shapes, types and values. A file is refused with a ValueError or an OSError, or loaded: a
forged one may describe another net, which is then asked about an image. Processes of their own load
them: one that dies is a crash.
"""

import copy
import json
import multiprocessing
import queue
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.formatting import table_above
from benchmarks.study import study_of

UNITS = (
    "MLPNetClassifier",
    "ConvNetClassifier",
    "ResNetClassifier",
    "AttentionNetClassifier",
    "TorchvisionClassifier",
)
SIZES = {"full": {"files": 2000}}
SIZES_OF_NETS = {
    "hidden_layer_sizes": (8,),
    "channels": (4,),
    "width": 8,
    "depth": 1,
    "n_heads": 2,
    "n_stem_blocks": 1,
    "backbone": "mobilenet_v3_small",
}
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
    """Return how many changed files of a saved net ended how, and the most they cost.

    Parameters
    ----------
    path : path-like
        A file that ``net.save`` has written.
    seed : int
    n_files : int
    """
    counts, slowest, largest, faults = Counter(), 0.0, 0.0, []
    context, number = multiprocessing.get_context("spawn"), 0
    while number < n_files:
        results = context.Queue()
        child = context.Process(target=_load_all, args=(path, seed, number, n_files, results))
        child.start()
        while number < n_files:
            try:
                kind, ended, seconds, megabytes = results.get(timeout=10)
            except queue.Empty:
                if child.is_alive():
                    continue
                faults.append(f"file {number}: the process ended with {child.exitcode}")
                counts["crash"] += 1
                number += 1
                break
            counts[ended] += 1
            slowest, largest = max(slowest, seconds), max(largest, megabytes)
            is_long = seconds > SECONDS or megabytes > MEGABYTES
            if is_long or ended not in {"ValueError", "OSError", "loaded"}:
                faults.append(
                    f"file {number} ({kind}): {ended}, {seconds:.2f} s, {megabytes:.0f} MB"
                )
            if ended == "loaded" and kind not in FORGED:
                faults.append(f"file {number} ({kind}) was loaded")
            number += 1
        child.join()
    return {
        "ended": dict(counts),
        "slowest_s": round(slowest, 3),
        "most_MB": round(largest, 1),
        "faults": faults,
    }


def _load_all(path, seed, start, n_files, results):
    """Load changed files from a number on; say of each how it ended."""
    import skfashion

    warnings.simplefilter("ignore")
    content = Path(path).read_bytes()
    skfashion.load(path)  # what is imported and kept once
    changed = Path(path).with_name("changed.safetensors")
    for number in range(start, n_files):
        rng = np.random.default_rng([seed, number])
        kind = str(rng.choice(list(KINDS)))
        KINDS[kind](changed, content, rng)
        before, ended = _memory(reset=True), "loaded"
        start_of_load = time.perf_counter()
        try:
            net = skfashion.load(changed)
            net.predict(np.zeros((1, net.n_features_in_), np.uint8))
        except Exception as error:
            kinds = (OSError, ValueError)
            ended = next((k.__name__ for k in kinds if isinstance(error, k)), repr(error)[:200])
        seconds = time.perf_counter() - start_of_load
        results.put((kind, ended, seconds, _memory() - before))


def _memory(reset=False):
    """Return the most memory of this process since it was last reset, in megabytes."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


# --- damage ---------------------------------------------------------------------------------------


def _cut(path, content, rng):
    path.write_bytes(content[: rng.integers(len(content))])


def _turn_a_bit(path, content, rng):
    changed = bytearray(content)
    changed[rng.integers(len(content))] ^= 1 << rng.integers(8)
    path.write_bytes(changed)


def _overwrite(path, content, rng):
    changed = bytearray(content)
    for place in rng.integers(len(content), size=rng.integers(1, 50)):
        changed[place] ^= rng.integers(1, 256)
    path.write_bytes(changed)


def _overwrite_header(path, content, rng):
    changed = bytearray(content)
    end = 8 + int.from_bytes(content[:8], "little")
    for place in rng.integers(end, size=rng.integers(1, 5)):
        changed[place] = rng.choice(list(b'{}[]",:0123456789eE.-\\u')) ^ (changed[place] == 0)
    path.write_bytes(changed if changed != content else content[:-1])


def _put_in(path, content, rng):
    place = rng.integers(len(content))
    path.write_bytes(content[:place] + rng.bytes(rng.integers(1, 100)) + content[place:])


def _take_out(path, content, rng):
    place = rng.integers(len(content))
    path.write_bytes(content[:place] + content[place + rng.integers(1, 100) :])


def _join(path, content, rng):
    first, second = sorted(rng.integers(len(content), size=2))
    path.write_bytes(content[:second] + content[first:] + (b"" if first < second else b"\0"))


def _other_length(path, content, rng):
    choices = [0, 1, 2, 7, len(content), 2**20, 2**24, 2**31, 2**40, 2**63, 2**64 - 1]
    length = int(rng.choice(choices[:-2])) if rng.random() < 0.8 else choices[rng.integers(-2, 0)]
    path.write_bytes(length.to_bytes(8, "little") + content[8:])


# --- forgeries, with the right checksum -----------------------------------------------------------


def _forge_words(path, content, rng):
    tensors, document = _parts_of(content)
    for _ in range(rng.integers(1, 4)):
        _replace_one(document, rng)
    _write(path, tensors, document)


def _forge_architecture(path, content, rng):
    tensors, document = _parts_of(content)
    net = document["net"]
    where = rng.choice(["architecture", "shape", "classes", "features", "keys", "weights"])
    if where == "architecture":
        name = str(rng.choice(list(net["architecture"])))
        huge = [10**6, 10**9, 10**12, [10**4] * 1000, [1] * 20_000, [2] * 2900, [10**9] * 5]
        huge += [150, 900, [1] * 900, "regnet_y_128gf", "efficientnet_v2_l", "densenet201"]
        net["architecture"][name] = huge[rng.integers(len(huge))]
        if rng.random() < 0.5:  # as many tensors as a deep network has
            n_more = 1900 - len(tensors)
            tensors.update({f"net.more{i}": np.zeros(1, np.float32) for i in range(n_more)})
    elif where == "shape":
        side = int(rng.choice([1, 3, 10**3, 10**5, 10**7]))
        document["image_shape"] = [side] * int(rng.integers(1, 5))
        document["n_features_in"] = side ** len(document["image_shape"])
    elif where == "classes":
        k = int(rng.choice([0, 1, 11, 10**5]))
        document["classes"] = {"dtype": "<i8", "values": list(range(k))}
    elif where == "keys":
        keys = [[int(i) * (2**61 - 1), 1] for i in range(1, int(rng.choice([10, 9000, 50_000])))]
        document["parameters"]["class_weight"] = {"dict": keys}
    elif where == "weights":
        net["architecture"]["weights"] = str(rng.choice(["DEFAULT", "/etc/hostname"]))
    else:
        net["n_columns"] = int(rng.choice([1, 784, 10**9]))
    _write(path, tensors, document)


def _forge_nesting(path, content, rng):
    tensors, document = _parts_of(content)
    text = json.dumps(document)
    depth = int(rng.choice([100, 900, 10_000, 200_000, 2_000_000]))
    sign = str(rng.choice(["[", '{"a":', "[[],", '{"tuple":[']))
    close = {"[": "]", '{"a":': "}", "[[],": "]", '{"tuple":[': "]}"}[sign]
    nested = sign * depth + ("1" if rng.random() < 0.5 else "[]") + close * depth
    _write_text(path, tensors, text.replace('"left_out": []', f'"left_out": {nested}', 1))


def _forge_tensors(path, content, rng):
    tensors, document = _parts_of(content)
    name = str(rng.choice(list(tensors)))
    array = tensors[name]
    what = rng.integers(7)
    if what == 0:
        flat = array.reshape(-1).copy()
        if flat.dtype.kind == "f":
            flat[rng.integers(len(flat))] = rng.choice([np.nan, np.inf, -np.inf])
            tensors[name] = flat.reshape(array.shape)
    elif what == 1:
        tensors[name] = array.astype(np.float64 if array.dtype != np.float64 else np.float32)
    elif what == 2:
        tensors[name] = array[None]
    elif what == 3:
        del tensors[name]
    elif what == 4:
        tensors.update({f"more{i}": np.zeros(0, np.float32) for i in range(rng.integers(1, 5000))})
    elif what == 5:
        tensors[name] = np.zeros((0, *array.shape), array.dtype)
    else:
        tensors[f"{name}x"] = tensors.pop(name)
    _write(path, tensors, document)


def _replace_one(document, rng):
    """Replace, remove or add one value somewhere in a nested document, in place."""
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = keys[rng.integers(len(keys))]
        if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.8:
            place = place[key]
            continue
        choice = rng.random()
        if choice < 0.1:
            del place[key]
        elif choice < 0.2 and isinstance(place, dict):
            place[f"{key}_"] = copy.deepcopy(place[key])
        else:
            # A copy: what is replaced next may be inside of it.
            place[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
        return


def _parts_of(content):
    """Return the tensors of a saved net, and what it says."""
    import safetensors.numpy

    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    document = json.loads(header["__metadata__"]["skfashion"])
    del document["sha256"]
    return safetensors.numpy.load(content), document


def _write(path, tensors, document):
    _write_text(path, tensors, json.dumps(document))


def _write_text(path, tensors, text):
    """Write a file with a right checksum, whatever it says."""
    from skfashion.utils.tensors import packed

    path.write_bytes(packed(tensors, text))


FORGED = {
    "words": _forge_words,
    "architecture": _forge_architecture,
    "nesting": _forge_nesting,
    "tensors": _forge_tensors,
}
KINDS = {
    "cut": _cut,
    "bit": _turn_a_bit,
    "bytes": _overwrite,
    "header": _overwrite_header,
    "put in": _put_in,
    "taken out": _take_out,
    "joined": _join,
    "length": _other_length,
    **FORGED,
}


def table(rows):
    """Write the table: a line a class."""
    lines = [
        [
            row["unit"],
            sum(row["ended"].values()),
            sum(row["ended"].get(kind, 0) for kind in ("ValueError", "OSError")),
            row["ended"].get("loaded", 0),
            len(row["faults"]),
            f"{row['slowest_s']:.2f}",
            f"{row['most_MB']:.0f}",
        ]
        for row in rows
    ]
    headings = [
        *("file of", "changed", "refused", "loaded: forged, another net", "faults"),
        *("slowest (s)", "most memory (MB)"),
    ]
    words = (
        f"A fault is a crash, an error of another kind, more than {SECONDS:g} s or "
        f"{MEGABYTES:g} MB more memory, or a damaged file that is loaded. The most memory is that "
        "of the whole loading beyond what the process had."
    )
    return table_above(lines, headings, words, rows)


STUDY = study_of(
    __name__,
    cost="five minutes",
    page="saving.md",
    sizes=SIZES,
    seeds=1,
    timing=True,
    packages=("safetensors",),
)
