"""What one process says about itself: memory, accuracy, the processor's limit, where time goes."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.studies.speed.competitors import COMPETITORS, Task, load, train_by_hand
from benchmarks.studies.speed.nets import our_net

SEEDS = (0, 1, 2)
# Rows of the file that does not fit the budget of memory: 1.6 GB of uint8.
MAPPED_ROWS = 2_000_000


def memory_of_fit(net, data):
    """Return how much fitting on all uint8 rows raises the peak, in MB."""
    from benchmarks import memory

    X, y = load(Task(data=data), "uint8")
    estimator = our_net(net, max_epochs=1, batch_size=128, standardize=True)
    memory.forget_peak()
    before = memory.resident_mb()
    estimator.fit(X, y)
    return {"before_mb": before, "increase_mb": memory.peak_mb() - before}


def memory_of_map(net, data):
    """Return how much memory of its own (RssAnon) training and predicting from a file takes.

    Pages of the file that the system keeps in memory are the system's, and are not counted.
    """
    from benchmarks.memory import watched

    n_rows = MAPPED_ROWS if data == "full" else MAPPED_ROWS // 100
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.bin"
        X = np.memmap(path, np.uint8, "w+", shape=(n_rows, 784))
        random = np.random.default_rng(0)
        block = random.integers(0, 256, (10_000, 784), dtype=np.uint8)
        for start in range(0, n_rows, len(block)):
            X[start : start + len(block)] = block
        X.flush()
        X = np.memmap(path, np.uint8, "r", shape=(n_rows, 784))
        y = np.arange(n_rows) % 10
        estimator = our_net(net, max_epochs=1, batch_size=512, standardize=True)
        before, found = _own_mb(), {}
        with watched(_own_mb, 0.02) as highest:
            for name, arguments in {"fit": (X, y), "predict": (X,)}.items():
                start = time.perf_counter()
                getattr(estimator, name)(*arguments)
                found[name] = round(time.perf_counter() - start, 2)
                found[f"{name}_increase_mb"] = round(highest[0] - before, 1)
    return {"before_mb": before, **found}


def _own_mb():
    """Return the memory of this process that is not that of files, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("This system does not tell a process's own memory from that of files.")


def accuracy_of_precisions(net, data):
    """Return validation accuracies of the defaults with ``precision="auto"`` and ``"fp32"``."""
    from skfashion import ConvNetClassifier, MLPNetClassifier

    X, X_valid, y, y_valid = _split(data)
    cls = MLPNetClassifier if net == "mlp" else ConvNetClassifier
    found = {
        precision: [
            cls(random_state=n, precision=precision).fit(X, y).score(X_valid, y_valid)
            for n in SEEDS
        ]
        for precision in ("auto", "fp32")
    }
    told = _told(found)
    return {"difference": abs(told["auto"] - told["fp32"]), **told}


def _told(found):
    """Return means and deviations of accuracies, in per cent."""
    told = {}
    for name, accuracies in found.items():
        accuracies = [100 * accuracy for accuracy in accuracies]
        told[name] = statistics.fmean(accuracies)
        told[f"{name}_deviation"] = statistics.stdev(accuracies)
    return told


def accuracy_of_competitors(net, data):
    """Return validation accuracies of the compared network, trained by us and by a plain loop.

    Rows are float32. Beside a ratio of seconds this says that nothing was given up for it.
    """
    import torch

    X, X_valid, y, y_valid = _split(data)
    X, X_valid = (a.astype("float32") / 255 for a in (X, X_valid))
    found, task = {"ours": [], "hand": []}, Task(net=net, epochs=4)
    for seed in SEEDS:
        ours = our_net(net, max_epochs=4, batch_size=128, random_state=seed)
        found["ours"].append(ours.fit(X, y).score(X_valid, y_valid))
        module = train_by_hand(task, torch.as_tensor(X), torch.as_tensor(y).long(), seed)
        with torch.no_grad():
            hits = module(torch.as_tensor(X_valid)).argmax(1).numpy() == y_valid
        found["hand"].append(float(hits.mean()))
    told = _told(found)
    return {"shortfall": told["hand"] - told["ours"], **told}


def _split(data):
    """Hold out training images, 5,000 of 60,000; the test images are not read."""
    from sklearn.model_selection import train_test_split

    X, y = load(Task(data=data), "uint8")
    return train_test_split(X, y, test_size=len(y) // 12, stratify=y, random_state=0)


def scaling_point(rows, side, width):
    """Return seconds and memory of an epoch on random images, for one size of the problem."""
    from benchmarks import memory
    from skfashion import MLPNetClassifier

    random = np.random.default_rng(0)
    X = random.integers(0, 256, (rows, side * side), dtype=np.uint8)
    y = np.arange(rows) % 10
    sizes = {"hidden_layer_sizes": (width, width // 2), "batch_size": 128, "random_state": 0}
    MLPNetClassifier(max_epochs=1, **sizes).fit(X[:256], y[:256])
    memory.forget_peak()
    before = memory.resident_mb()
    start = time.perf_counter()
    MLPNetClassifier(max_epochs=1, **sizes).fit(X, y)
    return {
        "seconds": round(time.perf_counter() - start, 4),
        "increase_mb": round(memory.peak_mb() - before, 1),
    }


RELU = ("clamp_min", "relu")
# PyTorch's names of operations, by what they are for; the rest is "everything else".
PURPOSES = {
    "matrix products": ("aten::mm", "aten::addmm", "mkldnn::_linear_pointwise"),
    "convolutions": ("aten::mkldnn_convolution", "aten::convolution_backward"),
    "max-pool": ("aten::max_pool2d_with_indices", "aten::max_pool2d_with_indices_backward"),
    "fetching batches": ("aten::index_select", "aten::index"),
    "casts and copies": ("aten::copy_", "aten::_to_copy", "aten::to"),
    "optimizer": ("aten::_fused_adam_", "aten::_fused_adamw_"),
    "activations": (
        "aten::threshold_backward",
        *(f"aten::{a}{b}" for a in RELU for b in ("", "_")),
    ),
}


def profile(net, batch_size, who, data):
    """Return the shares of an epoch's time by purpose, in per cent, from PyTorch's profiler."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    rows = 60_000 if net == "mlp" else 12_800
    task = Task(net=net, batch_size=batch_size, epochs=1, rows=rows, data=data)
    run = COMPETITORS[who].prepare(task)
    run()
    with profiler(activities=[ProfilerActivity.CPU]) as watched:
        run()
    times = {event.key: event.self_cpu_time_total for event in watched.key_averages()}
    whole = sum(times.values())
    shares = {
        purpose: 100 * sum(times.get(name, 0) for name in names) / whole
        for purpose, names in PURPOSES.items()
    }
    shares["everything else"] = 100 - sum(shares.values())
    return shares


def limits(size=2048, repeats=7):
    """Return the processor's GFLOP/s in matrix products: the faster of two libraries, by type."""
    import torch

    found = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = torch.randn(2, size, size).to(dtype)
        # oneDNN by name, as one product: PyTorch's setting would let it round float32 to bfloat16.
        products = {"mkl": lambda a, b: a @ b}
        if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
            products["onednn"] = lambda a, b: torch.ops.mkldnn._linear_pointwise(
                a, b.t(), None, "none", [], ""
            )
        for library, multiply in products.items():
            multiply(a, b)
            times = []
            for _ in range(repeats):
                start = time.perf_counter()
                multiply(a, b)
                times.append(time.perf_counter() - start)
            found[f"{name}_{library}"] = round(2 * size**3 / min(times) / 1e9, 1)
    fastest = {
        kind: max(value for name, value in found.items() if name.startswith(kind))
        for kind in ("fp32", "bf16")
    }
    return fastest | found
