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
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.formatting import below, group_table, grouped, mean_of, seeds, values
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
        forms = _forms(unit, net, X, y, settings, Path(folder))
        # Briefly, up to the one that all are held beside.
        forms = dict(islice(forms, 3) if asked.brief else forms)
        loading = _milliseconds_of_loading(net, Path(folder))
        predict = {name: its for name, (_, its) in forms.items()}
        ratios = _ratios(predict | {BARE: _bare(net)}, X_test, settings)
        before = net.classes_[predict[BASE](X_test).argmax(1)]
        for name, (n_bytes, _) in forms.items():
            proba = predict[name](X_test)
            labels = net.classes_[proba.argmax(1)]
            found = classification_metrics(y_test, labels, proba, classes=net.classes_)
            metrics = {metric: round(value, 6) for metric, label, value in found if label is None}
            yield {
                "form": name,
                "bytes": n_bytes,
                "accuracy": metrics["accuracy"],
                "changed": round(float(np.mean(labels != before)), 6),
                "ece": metrics["ece"],
                **ratios[name],
                **loading.get(name, {}),
            }
        yield {"form": BARE, "bytes": None, **ratios[BARE]}


def _forms(unit, net, X, y, settings, folder):
    """Yield each form's name, its bytes, and a function from images to probabilities."""
    from sklearn.base import clone

    import skfashion
    from skfashion.export import prune, quantize, to_c

    pickled, some = pickle.dumps(net), X[: settings["calibration"]]
    yield "pickle", (len(pickled), pickle.loads(pickled).predict_proba)
    path = folder / "net.safetensors"
    net.save(path)
    yield "safetensors", (path.stat().st_size, skfashion.load(path).predict_proba)
    yield from _onnx_forms("", net, some, folder / "net.onnx")
    static = folder / "static.onnx"
    quantize(net, static, some, method="static")
    report = to_c(static, folder, name="net")
    yield "C int8", (report.flash_bytes, _compiled(folder, net.n_features_in_, len(net.classes_)))
    if unit in DEFAULTS:
        net.set_params(n_threads=None)
        cut = prune(net, X, y, keep=settings["keep"], max_epochs=settings["epochs"])
        yield from _onnx_forms("cut out, ", cut, some, folder / "cut.onnx")
        taught = clone(cut).fit(X, y, soft_targets=net.predict_proba(X))
        yield from _onnx_forms("taught, ", taught, some, folder / "taught.onnx")
        net.set_params(n_threads=1)


def _onnx_forms(prefix, net, some, path):
    """Yield a net as ONNX in float32 and in int8."""
    from skfashion.export import quantize, to_onnx

    small = path.with_suffix(".int8.onnx")
    to_onnx(net, path, some)
    yield f"{prefix}ONNX", (path.stat().st_size, _onnx_runtime(path))
    quantize(path, small, some)
    yield f"{prefix}ONNX int8", (small.stat().st_size, _onnx_runtime(small))


def _onnx_runtime(path):
    """Return a function from flat images to probabilities, by ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    name, sides = given.name, given.shape[1:]
    return lambda X: session.run(["probabilities"], {name: X.reshape(len(X), *sides)})[0]


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


def _seconds_in_turn(functions, n_rounds, batches=(None,)):
    """Return the seconds of functions by name, each called in each round, with a batch a round."""
    seconds = {name: [] for name in functions}
    for number in range(-3, n_rounds):  # the first ones warm up
        argument = batches[number % len(batches)]
        for name, function in functions.items():
            start = time.perf_counter()
            function(argument)
            if number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def _quartiles(numbers, decimals):
    return [round(number, decimals) for number in statistics.quantiles(numbers, n=4)]


def _milliseconds_of_loading(net, folder):
    """Return milliseconds of loading, quartiles, by the name of a form of Python's."""
    import skfashion

    pickled, path = pickle.dumps(net), folder / "net.safetensors"
    loads = {"pickle": lambda _: pickle.loads(pickled)}
    loads |= {"safetensors": lambda _: skfashion.load(path)}
    found = _seconds_in_turn(loads, LOADS).items()
    return {name: {"load_ms": _quartiles([1000 * s for s in its], 2)} for name, its in found}


def _ratios(forms, X, settings):
    """Return seconds of each form for one row and for many, and ratios to those of `BASE`."""
    import torch

    found, n_threads = {name: {} for name in forms}, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for key, n in (("one", 1), ("many", MANY)):
            n_rounds = settings["rounds" if n == 1 else "rounds_of_many"]
            batches = [np.ascontiguousarray(X[i : i + n]) for i in range(0, len(X) - n + 1, n)]
            seconds = _seconds_in_turn(forms, n_rounds, batches)
            for name, its in seconds.items():
                ratios = [a / b for a, b in zip(its, seconds[BASE], strict=True)]
                found[name][f"{key}_us"] = round(1e6 * statistics.median(its), 1)
                found[name][f"{key}_ratio"] = _quartiles(ratios, 3)
    finally:
        torch.set_num_threads(n_threads)
    return found


def table(rows):
    """Write a line a net and form."""
    bases = grouped([row for row in rows if row["form"] == BASE], "unit")

    def of_files(write):
        return lambda its: "" if its[0]["bytes"] is None else write(its)

    def smaller(its):
        return f"{_median(bases[its[0]['unit']], 'bytes') / _median(its, 'bytes'):.2f}"

    columns = {
        "kB": of_files(lambda its: f"{_median(its, 'bytes') / 1000:,.1f}"),
        "smaller": of_files(smaller),
        "accuracy %": of_files(mean_of("accuracy", factor=100)),
        "labels changed %": of_files(mean_of("changed", factor=100)),
        "ECE %": of_files(mean_of("ece", factor=100)),
        "1 row, ratio to ONNX": partial(_middle, key="one_ratio"),
        f"{MANY} rows, ratio to ONNX": partial(_middle, key="many_ratio"),
        "to load, ms": partial(_middle, key="load_ms", form=".1f"),
    }
    words = (
        f"Mean ± standard deviation over {seeds(rows)} of accuracy, changed labels and ECE on "
        "the 10,000 "
        "test images; medians of sizes (of C: its constants). Ratios of seconds on one thread: the "
        "median over the seeds of the medians over the rounds, and the smallest and largest of "
        "their quartiles; so are the milliseconds of loading. A ratio under 1 is faster than ONNX "
        "Runtime in float32."
    )
    shown = group_table(grouped(rows, "unit", "form"), ["net", "form"], columns)
    return f"{shown}\n\n{below(words, rows)}"


def _median(rows, key):
    return statistics.median(values(rows, key))


def _middle(rows, key, form=".2f"):
    """Write the median of medians, and how far the quartiles go, of what has them."""
    if key not in rows[0]:
        return ""
    low, middle, high = zip(*values(rows, key), strict=True)
    return f"{statistics.median(middle):{form}} ({min(low):{form}}-{max(high):{form}})"


STUDY = study_of(
    __name__,
    cost="30 min",
    page="saving.md",
    seeds=5,
    packages=("onnxruntime", "onnx", "torch-pruning"),
    cheap=("MLPNetClassifier",),
)
