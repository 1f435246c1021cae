"""Memory of a fit, cost of the import, and the processor's limit: each in a fresh process."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.speed.nets import our_net

# Rows of the file that does not fit the budget of memory: 1.6 GB of uint8.
MAPPED_ROWS = 2_000_000


def memory_of_fit(net, threads):
    """Return how much fitting on 60,000 uint8 rows raises the peak, in MB."""
    import torch

    from benchmarks import memory
    from benchmarks.speed.competitors import Task, load

    torch.set_num_threads(threads)
    X, y = load(Task(), "uint8")
    estimator = our_net(net, max_epochs=1, batch_size=128, standardize=True)
    memory.forget_peak()
    before = memory.resident_mb()
    estimator.fit(X, y)
    return {"before_mb": before, "increase_mb": memory.peak_mb() - before}


def memory_of_map(net, threads):
    """Return how much memory of its own (RssAnon) training and predicting from a file takes.

    Pages of the file that the system keeps in memory are the system's, and are not counted.
    """
    import threading

    import numpy as np
    import torch

    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.bin"
        X = np.memmap(path, np.uint8, "w+", shape=(MAPPED_ROWS, 784))
        random = np.random.default_rng(0)
        block = random.integers(0, 256, (10_000, 784), dtype=np.uint8)
        for start in range(0, MAPPED_ROWS, len(block)):
            X[start : start + len(block)] = block
        X.flush()
        X = np.memmap(path, np.uint8, "r", shape=(MAPPED_ROWS, 784))
        y = np.arange(MAPPED_ROWS) % 10
        estimator = our_net(net, max_epochs=1, batch_size=512, standardize=True)
        before, largest, done = _own_mb(), [0.0], threading.Event()

        def watch():
            while not done.wait(0.02):
                largest[0] = max(largest[0], _own_mb())

        watcher = threading.Thread(target=watch)
        watcher.start()
        seconds = {}
        try:
            for name in ("fit", "predict"):
                start = time.perf_counter()
                estimator.fit(X, y) if name == "fit" else estimator.predict(X)
                seconds[name] = round(time.perf_counter() - start, 2)
                seconds[f"{name}_increase_mb"] = round(largest[0] - before, 1)
        finally:
            done.set()
            watcher.join()
    return {"before_mb": before, **seconds}


def accuracy_of_precisions(net, threads, seeds=(0, 1, 2)):
    """Return validation accuracies of the defaults with ``precision="auto"`` and ``"fp32"``.

    On 5,000 of the 60,000 training images; the test images are not read.
    """
    import statistics

    import torch

    from benchmarks.validation import split_images
    from skfashion import ConvNetClassifier, MLPNetClassifier

    torch.set_num_threads(threads)
    X, X_valid, y, y_valid = split_images()
    cls = MLPNetClassifier if net == "mlp" else ConvNetClassifier
    found = {}
    for precision in ("auto", "fp32"):
        scores = [
            100 * cls(random_state=seed, precision=precision).fit(X, y).score(X_valid, y_valid)
            for seed in seeds
        ]
        found[precision] = statistics.fmean(scores)
        found[f"{precision}_deviation"] = statistics.stdev(scores)
    return {"difference": abs(found["auto"] - found["fp32"]), **found}


def accuracy_of_competitors(net, threads, seeds=(0, 1, 2), epochs=4):
    """Return validation accuracies of the compared network, trained by us and by a plain loop.

    On 5,000 of the 60,000 training images, float32 rows; the test images are not read. Beside a
    ratio of seconds this says that nothing was given up for it.
    """
    import statistics

    import torch

    from benchmarks.speed.competitors import Task, train_by_hand
    from benchmarks.validation import split_images

    torch.set_num_threads(threads)
    X, X_valid, y, y_valid = split_images()
    X, X_valid = (a.astype("float32") / 255 for a in (X, X_valid))
    found = {"ours": [], "hand": []}
    for seed in seeds:
        ours = our_net(net, max_epochs=epochs, batch_size=128).set_params(random_state=seed)
        found["ours"].append(100 * ours.fit(X, y).score(X_valid, y_valid))
        task = Task(net=net, epochs=epochs)
        module = train_by_hand(task, torch.as_tensor(X), torch.as_tensor(y).long(), seed)
        with torch.no_grad():
            hits = module(torch.as_tensor(X_valid)).argmax(1).numpy() == y_valid
        found["hand"].append(100 * float(hits.mean()))
    means = {who: statistics.fmean(values) for who, values in found.items()}
    deviations = {f"{who}_deviation": statistics.stdev(values) for who, values in found.items()}
    return {"shortfall": means["hand"] - means["ours"], **means, **deviations}


def scaling_point(rows, side, width, threads):
    """Return seconds and memory of an epoch on random images, for one size of the problem."""
    import numpy as np
    import torch

    from benchmarks import memory
    from skfashion import MLPNetClassifier

    torch.set_num_threads(threads)
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
        "aten::clamp_min",
        "aten::clamp_min_",
        "aten::relu",
        "aten::relu_",
    ),
}


def profile(net, batch_size, threads, who="ours_uint8"):
    """Return the shares of an epoch's time by purpose, in per cent, from PyTorch's profiler."""
    import torch
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    from benchmarks.speed.competitors import COMPETITORS, Task

    torch.set_num_threads(threads)
    rows = 60_000 if net == "mlp" else 12_800
    run = COMPETITORS[who][0](Task(net=net, batch_size=batch_size, epochs=1, rows=rows))
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


def _own_mb():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("This system does not tell a process's own memory from that of files.")


def seconds_to_import(modules):
    """Return the seconds that a fresh interpreter takes to import some modules."""
    program = (
        "import time; start = time.perf_counter()\n"
        f"import {modules}\n"
        "print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(answer.stdout)


def limits(threads, size=2048, repeats=7):
    """Return the processor's GFLOP/s in matrix products: the faster of two libraries, by type."""
    import torch

    torch.set_num_threads(threads)
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
        name: max(v for key, v in found.items() if key.startswith(name))
        for name in ("fp32", "bf16")
    }
    return {**fastest, **found}
