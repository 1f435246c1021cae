"""Nets for 100 kB of ONNX, or for 32 kB of a microcontroller's flash: which to take.

Train candidates on some of the training images, write them as int8 ONNX files and as C, and measure
them on other training images. `CHOSEN` are the recipes "tiny" and "micro" of `shipping`.
"""

import statistics
import tempfile
from pathlib import Path

from benchmarks.data import held_out
from benchmarks.formatting import below, group_table, grouped, mean_of, seeds, values
from benchmarks.study import study_of

FULL = {"train_rows": 50_000, "valid_rows": 10_000, "calibration": 1000}
QUICK = FULL | {"train_rows": 1000, "valid_rows": 1000, "calibration": 200}
COMMON = {"augment": "flip", "max_epochs": 12, "weight_decay": 0.01}
# A stem that pools behind a convolution of the whole image needs more memory than such chips have.
RESNET = COMMON | {"depth": 1, "stem_pool": False}
CONV = COMMON | {"hidden_layer_sizes": (), "optimizer": "adamw", "lr": 5e-3}
TWO_EACH = {"channels": (12, 20, 32), "depth": 2}
# Who teaches, too large a net for either budget, and what becomes of what it says.
TEACHER = COMMON | {"stem_pool": False}
TAUGHT = {"distillation_temperature": 2.0}
# Of each candidate its class and its parameters, by name, and those of the ResNet that teaches it,
# if one does; widths are those that fit into the bytes. The first is what a net must beat.
CANDIDATES = {
    "no hidden layer": ("MLPNetClassifier", {"hidden_layer_sizes": (), "max_epochs": 4}),
    "ResNet 15": ("ResNetClassifier", RESNET | {"width": 15}),
    "ResNet 9": ("ResNetClassifier", RESNET | {"width": 9}),
    "Conv 16-32-64": ("ConvNetClassifier", CONV | {"channels": (16, 32, 64)}),
    "Conv 12-20-32, two each": ("ConvNetClassifier", CONV | TWO_EACH),
    "Conv 28-56-112": ("ConvNetClassifier", CONV | {"channels": (28, 56, 112)}),
    "ResNet 15, 20 epochs": ("ResNetClassifier", RESNET | {"width": 15, "max_epochs": 20}),
    "ResNet 15, taught": ("ResNetClassifier", RESNET | {"width": 15} | TAUGHT, TEACHER),
}
UNITS = tuple(CANDIDATES)
# The most accurate on the validation images of what fits into 100 kB of ONNX, without the time of a
# teacher; of what fits into 32 kB of constants, the one of fewest operations among the two that the
# seeds do not tell apart.
CHOSEN = {"tiny": "ResNet 15", "micro": "Conv 12-20-32, two each"}


def classifiers(unit, settings, seed=0):
    """Return a candidate, and who teaches it."""
    import skfashion

    name, parameters, *teachers = CANDIDATES[unit]
    found = {"net": getattr(skfashion, name)(random_state=seed, **parameters)}
    for its in teachers:
        found["teacher"] = skfashion.ResNetClassifier(random_state=seed, **its)
    return found


def measure(unit, seed, asked):
    """Train a candidate; say what its files take, and how often they are right."""
    from skfashion.export import quantize, to_c

    settings = asked.settings
    sizes = settings["train_rows"], settings["valid_rows"]
    X, X_valid, y, y_valid = held_out(asked.images, *sizes, seed)
    net = fitted(X, y, **classifiers(unit, settings, seed))
    with tempfile.TemporaryDirectory() as folder:
        path, some = Path(folder) / "net.onnx", X[: settings["calibration"]]
        report = quantize(net, path, some, method="static", X_test=X_valid, y_test=y_valid)
        in_c = to_c(path, folder, name="net")
    return {
        "epochs": net.n_iter_,
        "onnx_bytes": report.bytes_after,
        "c_bytes": in_c.flash_bytes,
        "ram_bytes": in_c.ram_bytes,
        "multiplications": in_c.n_multiply_accumulates,
        "accuracy": round(report.accuracy_before, 6),
        "int8_accuracy": round(report.accuracy_after, 6),
    }


def fitted(X, y, net, teacher=None):
    """Fit a candidate, by what its teacher has learned of the same rows where there is one."""
    taught = None if teacher is None else teacher.fit(X, y).predict_proba(X)
    return net.fit(X, y, soft_targets=taught)


def table(rows):
    """Write a line a candidate."""

    def median_of(key, unit=1000, decimals=1):
        return lambda its: f"{statistics.median(values(its, key)) / unit:.{decimals}f}"

    columns = {
        "float32 %": mean_of("accuracy", factor=100),
        "int8 %": mean_of("int8_accuracy", factor=100),
        "int8 ONNX, kB": median_of("onnx_bytes"),
        "C: constants, kB": median_of("c_bytes"),
        "C: RAM, kB": median_of("ram_bytes"),
        "million multiplications": median_of("multiplications", 1e6, 2),
    }
    settings = rows[-1]["settings"]
    words = (
        f"Mean ± standard deviation over {seeds(rows)} of the accuracy on "
        f"{settings['valid_rows']:,} of the training images; trained on {settings['train_rows']:,} "
        "others of them."
    )
    shown = group_table(grouped(rows, "unit"), ["net"], columns)
    return f"{shown}\n\n{below(words, rows)}"


STUDY = study_of(
    __name__,
    cost="20 min",
    page="small_nets.md",
    seeds=2,
    packages=("onnxruntime", "onnx"),
    cheap=UNITS[:1],
)
