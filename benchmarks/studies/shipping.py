"""Every form that a fitted net can be shipped in: size, accuracy, and time of a prediction.

Train on all training images; write each net as a pickle, as a saved file, as ONNX in float32 and in
int8, and as C; and of the default nets make ones of half the widths, cut out of them and taught by
them, in both types. "tiny" and "micro" are what the study of this name has chosen. Accuracy,
changed labels and calibration are of the test images, on which nothing is chosen.
Seconds are those of one thread each, measured in turn in one process, and given as ratios to ONNX
Runtime in float32.
"""

import ctypes
import pickle
import statistics
import subprocess
import tempfile
import time
from itertools import chain, islice
from pathlib import Path

import numpy as np

from benchmarks.formatting import cell, grouped, table_above, values
from benchmarks.studies import tiny
from benchmarks.study import study_of

DEFAULTS = ("ConvNetClassifier", "MLPNetClassifier")
UNITS = (*DEFAULTS, *tiny.CHOSEN)
# Training images that show in which ranges activations lie, rounds of timing for one row and for
# many, and epochs of the training behind a cut.
FULL = {"calibration": 1000, "rounds": 300, "rounds_of_many": 30, "epochs": 4, "keep": 0.5}
QUICK = FULL | {"calibration": 200, "rounds": 20, "rounds_of_many": 3, "epochs": 1}
LOADS = 30  # how often a file is loaded
MANY = 128
FORMS = (
    *("pickle", "safetensors", "ONNX", "ONNX int8", "C int8"),
    *("cut out, ONNX", "cut out, ONNX int8", "taught, ONNX", "taught, ONNX int8"),
)
# The form that others are compared with, and what is timed and no file.
BASE, BARE = "ONNX", "bare module"


def classifiers(unit, settings, seed=0):
    """Return the net that is shipped, and who teaches it."""
    import skfashion

    if unit in DEFAULTS:
        return {"net": getattr(skfashion, unit)(random_state=seed, n_threads=1)}
    found = tiny.classifiers(tiny.CHOSEN[unit], settings, seed)
    return found | {"net": found["net"].set_params(n_threads=1)}


def measure(unit, seed, asked):
    """Yield what each form says of the test images, what it takes, and how long."""
    from skfashion.metrics import classification_metrics

    settings = asked.settings
    X, y, X_test, y_test = asked.images[:4]
    its = classifiers(unit, settings, seed)
    its["net"].set_params(n_threads=None)
    net = tiny.fitted(X, y, **its).set_params(n_threads=1)
    with tempfile.TemporaryDirectory() as folder:
        forms = _forms(net, X, settings, Path(folder))
        if unit in DEFAULTS:
            forms = chain(forms, _smaller_ones(net, X, y, settings, Path(folder)))
        # Briefly, up to the one that all are held beside.
        forms = dict(islice(forms, 3) if asked.brief else forms)
        loading = _seconds_of_loading(net, Path(folder))
        ratios = _ratios({**forms, BARE: (None, _bare(net))}, X_test, settings)
        labels = {name: predict(X_test) for name, (_, predict) in forms.items()}
        before = labels[BASE].argmax(1)
        for name, (n_bytes, _) in forms.items():
            codes = labels[name].argmax(1)
            found = classification_metrics(
                y_test, net.classes_[codes], labels[name], classes=net.classes_
            )
            metrics = {metric: value for metric, label, value in found if label is None}
            yield {
                "form": name,
                "bytes": n_bytes,
                "accuracy": round(metrics["accuracy"], 6),
                "changed": round(float(np.mean(codes != before)), 6),
                "ece": round(metrics["ece"], 6),
                **ratios[name],
                **loading.get(name, {}),
            }
        yield {"form": BARE, "bytes": None, **ratios[BARE]}


def _forms(net, X, settings, folder):
    """Yield each form's name, its bytes, and a function from images to probabilities."""
    import skfashion
    from skfashion.export import quantize, to_c

    pickled = pickle.dumps(net)
    yield "pickle", (len(pickled), pickle.loads(pickled).predict_proba)
    net.save(folder / "net.safetensors")
    loaded = skfashion.load(folder / "net.safetensors")
    yield "safetensors", ((folder / "net.safetensors").stat().st_size, loaded.predict_proba)
    yield from _onnx_forms("", net, X, settings, folder / "net.onnx")
    static = folder / "static.onnx"
    quantize(net, static, X[: settings["calibration"]], method="static")
    report = to_c(static, folder, name="net")
    yield "C int8", (report.flash_bytes, _compiled(folder, net.n_features_in_, len(net.classes_)))


def _smaller_ones(net, X, y, settings, folder):
    """Yield what is cut out of a net, and what it teaches, as `_forms`."""
    from sklearn.base import clone

    from skfashion.export import prune

    epochs, keep = settings["epochs"], settings["keep"]
    cut = prune(net.set_params(n_threads=None), X, y, keep=keep, max_epochs=epochs)
    yield from _onnx_forms("cut out, ", cut, X, settings, folder / "cut.onnx")
    taught = clone(cut).fit(X, y, soft_targets=net.predict_proba(X))
    yield from _onnx_forms("taught, ", taught, X, settings, folder / "taught.onnx")
    net.set_params(n_threads=1)


def _seconds_of_loading(net, folder):
    """Return milliseconds of loading, quartiles, by the name of a form of Python's."""
    import skfashion

    pickled, path = pickle.dumps(net), folder / "net.safetensors"
    seconds = {"pickle": [], "safetensors": []}
    for number in range(-3, LOADS):  # the first ones warm up
        for name, load in (
            ("pickle", lambda: pickle.loads(pickled)),
            ("safetensors", lambda: skfashion.load(path)),
        ):
            start = time.perf_counter()
            load()
            if number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {
        name: {"load_ms": [round(1000 * s, 2) for s in statistics.quantiles(its, n=4)]}
        for name, its in seconds.items()
    }


def _onnx_forms(prefix, net, X, settings, path):
    """Yield a net as ONNX in float32 and in int8."""
    from skfashion.export import quantize, to_onnx

    some = X[: settings["calibration"]]
    to_onnx(net, path, some)
    yield f"{prefix}ONNX", (path.stat().st_size, _onnx_runtime(path, net))
    small = path.with_suffix(".int8.onnx")
    quantize(path, small, some)
    yield f"{prefix}ONNX int8", (small.stat().st_size, _onnx_runtime(small, net))


def _onnx_runtime(path, net):
    """Return a function from flat images to probabilities, by ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    sides = given.shape[1:]

    def predict(X):
        return session.run(["probabilities"], {given.name: X.reshape(len(X), *sides)})[0]

    return predict


def _compiled(folder, n_features, n_classes):
    """Return a function from flat images to probabilities, by what a C compiler makes of a net."""
    library = folder / "net.so"
    words = ["gcc", "-std=c99", "-O3", "-march=native", "-shared", "-fPIC"]
    subprocess.run([*words, "-o", library, folder / "net.c", "-lm"], check=True)
    function = ctypes.CDLL(str(library)).net_predict
    image, row = ctypes.c_uint8 * n_features, ctypes.c_float * n_classes

    def predict(X):
        found = np.empty((len(X), n_classes), np.float32)
        for i, values_of_row in enumerate(X):
            function(image.from_buffer_copy(values_of_row), row.from_buffer(found[i]))
        return found

    return predict


def _bare(net):
    """Return a function from flat images to logits: the module, and nothing around it."""
    import torch

    module, sides = net.net_.module_.eval(), (1, *net.image_shape_)

    def predict(X):
        with torch.inference_mode():
            return module(torch.from_numpy(X).view(len(X), *sides))

    return predict


def _ratios(forms, X, settings):
    """Return seconds of each form for one row and for many, and ratios to those of `BASE`."""
    import torch

    found = {name: {} for name in forms}
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for key, n, rounds in (
            ("one", 1, settings["rounds"]),
            ("many", MANY, settings["rounds_of_many"]),
        ):
            seconds = {name: [] for name in forms}
            for number in range(-3, rounds):  # the first ones warm up
                first = number % (len(X) // n) * n
                rows = np.ascontiguousarray(X[first : first + n])
                for name, (_, predict) in forms.items():
                    start = time.perf_counter()
                    predict(rows)
                    if number >= 0:
                        seconds[name].append(time.perf_counter() - start)
            base = seconds[BASE]
            for name, its in seconds.items():
                ratios = [a / b for a, b in zip(its, base, strict=True)]
                quartiles = statistics.quantiles(ratios, n=4)
                found[name][f"{key}_us"] = round(1e6 * statistics.median(its), 1)
                found[name][f"{key}_ratio"] = [round(ratio, 3) for ratio in quartiles]
    finally:
        torch.set_num_threads(n_threads)
    return found


def table(rows):
    """Write a line a net and form."""
    lines = []
    for unit, its in grouped(rows, "unit").items():
        base = statistics.median(values([r for r in its if r["form"] == BASE], "bytes"))
        for form, group in grouped(its, "form").items():
            lines.append([unit, form, *_cells(group, base)])
    headings = ["net", "form", "kB", "smaller", "accuracy %", "labels changed %", "ECE %"]
    headings += [f"{n} row{'s' * (n > 1)}, ratio to ONNX" for n in (1, MANY)]
    headings.append("to load, ms")
    n_seeds = len({row["seed"] for row in rows})
    words = (
        f"Mean ± deviation over {n_seeds} seeds of accuracy, changed labels and ECE on the 10,000 "
        "test images; medians of sizes (of C: its constants). Ratios of seconds on one thread: the "
        "median over the seeds of the medians over the rounds, and the smallest and largest of "
        "their quartiles; so are the milliseconds of loading. A ratio under 1 is faster than ONNX "
        "Runtime in float32."
    )
    return table_above(lines, headings, words, rows)


def _cells(group, base):
    ratios = [_quartiles_cell(values(group, f"{key}_ratio")) for key in ("one", "many")]
    if group[0]["bytes"] is None:
        return ["", "", "", "", "", *ratios, ""]
    n_bytes = statistics.median(values(group, "bytes"))
    shares = [cell(values(group, key), 100) for key in ("accuracy", "changed", "ece")]
    loading = values(group, "load_ms") if "load_ms" in group[0] else []
    loading = _quartiles_cell(loading, ".1f") if loading else ""
    return [f"{n_bytes / 1000:,.1f}", f"{base / n_bytes:.2f}", *shares, *ratios, loading]


def _quartiles_cell(quartiles, form=".2f"):
    middle = statistics.median(its[1] for its in quartiles)
    low, high = min(its[0] for its in quartiles), max(its[2] for its in quartiles)
    return f"{middle:{form}} ({low:{form}}-{high:{form}})"


STUDY = study_of(
    __name__,
    cost="30 min",
    page="saving.md",
    seeds=5,
    packages=("onnxruntime", "onnx", "torch-pruning"),
    cheap=("MLPNetClassifier",),
)
