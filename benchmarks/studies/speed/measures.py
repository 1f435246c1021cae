"""What one process says about itself: memory, accuracy, shares of its time, and its limit."""

import contextlib
import statistics
import tempfile
import time
import timeit
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from benchmarks import memory
from benchmarks.studies.speed.competitors import COMPETITORS, Task, load, train_by_hand
from benchmarks.studies.speed.nets import OURS, our_net

SEEDS = (0, 1, 2)
# Rows of the file that does not fit the budget of memory: 1.6 GB of uint8.
MAPPED_ROWS = 2_000_000
# PyTorch's names of operations, by what they are for; those of our kernels are without a prefix.
PARTS = {
    "matrix products": "aten::mm aten::addmm mkldnn::_linear_pointwise",
    "convolutions": "aten::mkldnn_convolution aten::convolution_backward",
    "max-pool": "aten::max_pool2d_with_indices aten::max_pool2d_with_indices_backward "
    "_KernelPool _KernelPoolBackward",
    "batch norm": "aten::native_batch_norm aten::native_batch_norm_backward",
    "layer norm": "aten::native_layer_norm aten::native_layer_norm_backward",
    "attention": "aten::_scaled_dot_product_flash_attention_for_cpu aten::bmm aten::_softmax "
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward aten::_softmax_backward_data",
    "activations": "aten::threshold_backward aten::clamp_min aten::clamp_min_ aten::relu "
    "aten::relu_ aten::gelu aten::gelu_backward",
    "fetching batches": "aten::index_select aten::index",
    "casts and copies": "aten::copy_ aten::_to_copy aten::to",
    "optimizer": "aten::_fused_adam_ aten::_fused_adamw_",
}


def memory_of_fit(net, data):
    """Return how much fitting on all uint8 rows raises the peak, in MB."""
    X, y = load(Task(data=data), "uint8")
    estimator = our_net(net, max_epochs=1, batch_size=128, standardize=True)
    return _weighed(lambda: estimator.fit(X, y))


def memory_without_kernels(net, data):
    """Return the same where nothing is computed by the kernels of the extra "fast"."""
    from skfashion.training import pooling

    pooling.WORTH = float("inf")
    return memory_of_fit(net, data)


def _weighed(work):
    """Return the seconds of some work, the memory before, and how much it raises the peak."""
    memory.forget_peak()
    before, start = memory.resident_mb(), time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    raised = {"before_mb": round(before, 1), "increase_mb": round(memory.peak_mb() - before, 1)}
    return {"seconds": round(seconds, 4), **raised}


def memory_of_map(net, data):
    """Return how much memory of its own training and predicting from a file takes.

    Pages of the file that the system keeps in memory are the system's, and are not counted.
    """
    n_rows = MAPPED_ROWS if data == "full" else MAPPED_ROWS // 100
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.bin"
        block = np.random.default_rng(0).integers(0, 256, (10_000, 784), dtype=np.uint8)
        with path.open("wb") as file:
            for _ in range(n_rows // len(block)):
                file.write(block)
        X, y = np.memmap(path, np.uint8, "r", shape=(n_rows, 784)), np.arange(n_rows) % 10
        estimator = our_net(net, max_epochs=1, batch_size=512, standardize=True)
        before = _own_mb()
        found = {"before_mb": before}
        with memory.watched(_own_mb, 0.02) as highest:
            for name, arguments in {"fit": (X, y), "predict": (X,)}.items():
                start = time.perf_counter()
                getattr(estimator, name)(*arguments)
                found[name] = round(time.perf_counter() - start, 2)
                found[f"{name}_increase_mb"] = round(highest[0] - before, 1)
    return found


def _own_mb():
    """Return the memory of this process that is not that of files, in MB; on Linux."""
    held = psutil.Process().memory_info()
    return (held.rss - held.shared) / 1e6


def accuracy_of_precisions(net, data):
    """Return validation accuracies of the defaults with ``precision="auto"`` and ``"fp32"``."""
    import skfashion

    X, X_valid, y, y_valid = _split(data)
    cls = getattr(skfashion, OURS[net][0])

    def accuracy(precision, seed):
        return cls(random_state=seed, precision=precision).fit(X, y).score(X_valid, y_valid)

    told = _told(accuracy, "auto", "fp32")
    return {"difference": abs(told["auto"] - told["fp32"]), **told}


def _told(accuracy, *names):
    """Return means and deviations over seeds, in per cent, of ``accuracy(name, seed)``."""
    told = {}
    for name in names:
        found = [100 * accuracy(name, seed) for seed in SEEDS]
        told |= {name: statistics.fmean(found), f"{name}_deviation": statistics.stdev(found)}
    return told


def accuracy_of_competitors(net, data):
    """Return validation accuracies of the compared network, trained by us and by a plain loop.

    Rows are float32. Beside a ratio of seconds this says that nothing was given up for it.
    """
    import torch

    X, X_valid, y, y_valid = _split(data)
    X, X_valid = (a.astype("float32") / 255 for a in (X, X_valid))

    def accuracy(name, seed):
        if name == "ours":
            ours = our_net(net, max_epochs=4, batch_size=128, random_state=seed)
            return ours.fit(X, y).score(X_valid, y_valid)
        module = train_by_hand(Task(net, epochs=4), *map(torch.as_tensor, (X, y)), seed)
        with torch.no_grad():
            return (module(torch.as_tensor(X_valid)).argmax(1).numpy() == y_valid).mean()

    told = _told(accuracy, "ours", "hand")
    return {"shortfall": told["hand"] - told["ours"], **told}


def _split(data):
    """Hold out training images, 5,000 of 60,000; the test images are not read."""
    from sklearn.model_selection import train_test_split

    X, y = load(Task(data=data), "uint8")
    return train_test_split(X, y, test_size=len(y) // 12, stratify=y, random_state=0)


def shares(competitor, net, rows, data):
    """Return the shares of an epoch's time by purpose, in per cent.

    What a kernel of ours takes counts as its operation's; what Python does between operations
    is no operation, and counts as the rest.
    """
    from torch.profiler import ProfilerActivity, profile

    run = COMPETITORS[competitor].prepare(Task(net, epochs=1, rows=rows, data=data))
    run()
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        run()
    events = watched.events()
    times = {event.key: event.self_cpu_time_total for event in watched.key_averages()}
    whole = max(e.time_range.end for e in events) - min(e.time_range.start for e in events)
    found = {
        part: round(100 * sum(times.get(name, 0) for name in names.split()) / whole, 1)
        for part, names in PARTS.items()
    }
    return found | {"everything else": round(100 - sum(found.values()), 1)}


def scaling_point(rows, side, width):
    """Return seconds and memory of an epoch on random images, for one size of the problem."""
    from skfashion import MLPNetClassifier

    random = np.random.default_rng(0)
    X = random.integers(0, 256, (rows, side * side), dtype=np.uint8)
    y = np.arange(rows) % 10
    sizes = {"hidden_layer_sizes": (width, width // 2), "batch_size": 128, "random_state": 0}
    MLPNetClassifier(max_epochs=1, **sizes).fit(X[:256], y[:256])
    return _weighed(lambda: MLPNetClassifier(max_epochs=1, **sizes).fit(X, y))


def limits():
    """Return the processor's GFLOP/s in matrix products: the faster of two libraries, by type."""
    import torch

    # oneDNN by name, as one product: PyTorch's setting would let it round float32 to bfloat16.
    onednn = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    size, found = 2048, {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = torch.randn(2, size, size).to(dtype)
        products = [partial(torch.matmul, a, b)]
        if onednn is not None:
            products.append(partial(onednn, a, b.t(), None, "none", [], ""))
        times = []
        for product in products:
            with contextlib.suppress(RuntimeError):  # of a processor without bfloat16
                times += timeit.repeat(product, number=1, repeat=8)
        found[name] = round(2 * size**3 / min(times) / 1e9, 1)
    return found
