"""Who is timed, and how each trains or predicts: one function a competitor.

Each function prepares everything and returns ``run()``, which does the work once; where that
returns a float, it is the seconds to count. Data come in the type that suits the competitor;
nothing is converted inside the time.
"""

import dataclasses
import importlib.util
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import memory
from benchmarks.environment import THREAD_VARIABLES
from benchmarks.same_nets import skorch_net
from benchmarks.studies.speed.nets import MLP, keras_net, our_net, torch_net

# Lets OpenMP's threads sleep while they wait.
PASSIVE = (("OMP_WAIT_POLICY", "passive"),)
# Processes of joblib share the cores unless they are told how many threads to have.
UNTOLD = tuple((name, None) for name in THREAD_VARIABLES)


@dataclass(frozen=True)
class Task:
    """What is to be done: train ``net`` for ``epochs`` epochs on ``rows`` rows, and so on."""

    net: str = "mlp"
    batch_size: int = 128
    epochs: int = 3
    rows: int = 60_000
    threads: int = 2
    data: str = "full"
    device: str = "cpu"


def load(task, dtype="float32"):
    """Return the first training images as rows, 0 to 1 (or uint8), and their classes."""
    from skfashion.datasets import fetch_fashion_mnist, load_fashion_sample

    fetch = fetch_fashion_mnist if task.data == "full" else load_fashion_sample
    X, y = fetch(subset="train", return_X_y=True)
    X, y = X[: task.rows], y[: task.rows].astype(np.int64)
    if dtype != "uint8":
        X = X.astype(dtype) / np.asarray(255, dtype)
    return X, y


def fitting(make, task, dtype="float32"):
    """Train a classifier that is made for a task."""
    X, y = load(task, dtype)
    net = make(task)
    return lambda: net.fit(X, y)


def tensors(task):
    """Return rows and classes as tensors in the memory of the device that computes."""
    import torch

    return [torch.from_numpy(array).to(task.device) for array in load(task)]


def whole_batches(task, n_rows):
    """Return the options of a DataLoader that fetches whole batches, as suits rows on a GPU."""
    from torch.utils.data import BatchSampler, RandomSampler

    sampler = BatchSampler(RandomSampler(range(n_rows)), task.batch_size, drop_last=False)
    return {"batch_size": None, "shuffle": False, "sampler": sampler}


def ours(task, name=None):
    """Return skfashion's net of this name, else that of the task."""
    own = {"batch_size": task.batch_size, "max_epochs": task.epochs}
    return our_net(name or task.net, device=task.device, **own)


def default_fit(task, **parameters):
    """Train a classifier with its defaults: on images, small digits, or a table of 12 columns."""
    from sklearn.datasets import load_digits, make_classification

    from skfashion import ConvNetClassifier, MLPNetClassifier, ResNetClassifier

    if task.net == "resnet":
        X, y = (array[: task.rows] for array in load_digits(return_X_y=True))
        X, net = X.reshape(-1, 8, 8), ResNetClassifier(max_epochs=task.epochs)
    elif task.net == "cnn":
        (X, y), net = load(task, "uint8"), ConvNetClassifier()
    else:
        shape = {"n_features": 12, "n_informative": 8, "n_classes": 3}
        (X, y), net = make_classification(task.rows, **shape, random_state=0), MLPNetClassifier()
    net.set_params(random_state=0, **parameters)
    return lambda: net.fit(X, y)


def ours_without_kernels(task):
    """Train skfashion's net as where numba, the extra "fast", is not installed."""
    from skfashion.training import pooling

    pooling.WORTH = float("inf")
    return fitting(ours, task)


def sklearn_mlp(task):
    """Return scikit-learn's MLPClassifier."""
    from sklearn.neural_network import MLPClassifier

    own = {"batch_size": task.batch_size, "max_iter": task.epochs}
    return MLPClassifier(MLP[1:-1], alpha=0.0, random_state=0, **own)


def skorch(task, at_its_best=False):
    """Train skorch's NeuralNetClassifier; on GPUs always at its best."""
    own = {"lr": 1e-3, "batch_size": task.batch_size, "max_epochs": task.epochs}
    module = torch_net(task.net, task.device, bf16=at_its_best and task.net != "mlp")
    net = skorch_net(module, device=task.device, **own)
    X, y = load(task)
    if at_its_best or task.device != "cpu":
        X, y = tensors(task)
        options = whole_batches(task, len(X))
        net.set_params(**{f"iterator_train__{name}": value for name, value in options.items()})
        net.set_params(optimizer__fused=True)
    return lambda: net.fit(X, y)


def hand(task, **options):
    """Train in a hand-written PyTorch loop: indexed batches, fused Adam."""
    X, y = tensors(task)
    return lambda: train_by_hand(task, X, y, **options)


def train_by_hand(task, X, y, seed=0, channels_last=False, bf16=False, pools_first=False):
    """Return a module that a plain loop has trained, as a good engineer writes it."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    torch.manual_seed(seed)
    module = torch_net(task.net, task.device, pools_first).to(memory_format=layout)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    criterion = torch.nn.CrossEntropyLoss()
    for _ in range(task.epochs):
        total = 0.0  # which everybody who trains looks at
        for rows in torch.randperm(len(X), device=X.device).split(task.batch_size):
            optimizer.zero_grad()
            with torch.autocast(task.device, torch.bfloat16, enabled=bf16):
                logits = module(X.index_select(0, rows))
            loss = criterion(logits.float(), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
    return module


def lightning(task, at_its_best=False):
    """Train with Lightning and PyTorch's DataLoader; on GPUs always at its best."""
    import logging

    import lightning as L
    import torch

    X, y = tensors(task)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = torch_net(task.net, task.device, bf16=at_its_best and task.net != "mlp")

        def training_step(self, batch):
            return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)

    data = torch.utils.data.TensorDataset(X, y)
    without = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    quiet = dict.fromkeys(without, False)
    options = {"batch_size": task.batch_size, "shuffle": True}
    if at_its_best or task.device != "cpu":
        options = whole_batches(task, len(X))

    def run():
        loader = torch.utils.data.DataLoader(data, **options)
        where = {"accelerator": task.device, "devices": 1}
        L.Trainer(max_epochs=task.epochs, **where, **quiet).fit(Module(), loader)

    return run


def fastai(task):
    """Train with fastai and its own loader, which is given whole batches of tensors."""
    import fastai.callback.progress  # noqa: F401, gives learners no_bar
    import torch
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    X, y = tensors(task)

    def batch(rows):
        rows = torch.tensor(rows)
        return X.index_select(0, rows), y[rows]

    options = {"bs": task.batch_size, "create_batch": batch, "device": task.device}
    loader = DataLoader(range(len(X)), shuffle=True, **options)
    # Of no more than a batch, as a learner does not do without validation rows.
    loaders = DataLoaders(loader, DataLoader(range(task.batch_size), **options))
    adam = partial(OptimWrapper, opt=partial(torch.optim.Adam, fused=True))

    def run():
        module = torch_net(task.net, task.device, bf16=task.net != "mlp")
        loss = torch.nn.CrossEntropyLoss()
        learner = Learner(loaders, module, loss, opt_func=adam, lr=1e-3)
        with learner.no_bar(), learner.no_logging():
            learner.fit(task.epochs)

    return run


def keras_model(task, bf16=False):
    """Train with Keras 3 on TensorFlow."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(task.threads)
    X, y = load(task)
    model = keras_net(task.net, bf16)
    return lambda: model.fit(X, y, batch_size=task.batch_size, epochs=task.epochs, verbose=0)


def jax_scan(task):
    """Train with JAX: an epoch is one jitted scan."""
    import jax
    import jax.numpy as jnp

    X, y = map(jnp.asarray, load(task))
    n_steps = len(X) // task.batch_size

    def loss_of(parameters, rows, targets):
        for weight, bias in parameters[:-1]:
            rows = jax.nn.relu(rows @ weight + bias)
        weight, bias = parameters[-1]
        logs = jax.nn.log_softmax(rows @ weight + bias)
        return -jnp.take_along_axis(logs, targets[:, None], 1).mean()

    def step(state, rows):
        parameters, first, second, count = state
        loss, grads = jax.value_and_grad(loss_of)(parameters, X[rows], y[rows])
        count += 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        parameters = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), parameters, first, second
        )
        return (parameters, first, second, count), loss

    @jax.jit
    def epoch(state, key):
        order = jax.random.permutation(key, len(X))[: n_steps * task.batch_size]
        return jax.lax.scan(step, state, order.reshape(n_steps, task.batch_size))

    def run():
        random = np.random.RandomState(0)
        drawn = ((random.uniform(-1, 1, (n, m)) / np.sqrt(n), m) for n, m in pairwise(MLP))
        parameters = [(jnp.asarray(weight, jnp.float32), jnp.zeros(m)) for weight, m in drawn]
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        state = (parameters, zeros, zeros, 0)
        for key in jax.random.split(jax.random.key(0), task.epochs):
            state, losses = epoch(state, key)
        losses.block_until_ready()

    return run


def predict_ours(task):
    """Predict uint8 rows with a fitted skfashion net."""
    net, X = _fitted(task)
    return lambda: net.predict(X)


def predict_bare(task):
    """Predict with its bare module in inference mode, at the best batch size."""
    import torch

    net, X = _fitted(task)
    images = torch.from_numpy(X).view(-1, 1, 28, 28)
    module = net.net_.module_

    def run(size):
        with torch.inference_mode():
            return torch.cat([module(block).argmax(1) for block in images.split(size)]).numpy()

    def seconds(size):
        return min(timeit.repeat(partial(run, size), number=1, repeat=4))

    return partial(run, min((64, 128, 256, 512, 1024, 2048, 5000, 10_000), key=seconds))


def _fitted(task):
    """Return a net that was fitted for an epoch, and uint8 rows."""
    X, y = load(task, "uint8")
    net = our_net(task.net, max_epochs=1, standardize=True, batch_size=128)
    return net.fit(X, y), X


def predict_one(make, task):
    """Predict one float32 row, a thousand times."""
    X, y = load(task)
    net = make(dataclasses.replace(task, epochs=1)).fit(X, y)
    return lambda: [net.predict(X[i : i + 1]) for i in range(1000)]


def proba_one(task):
    """Return the probabilities of one uint8 row, a thousand times."""
    net, X = _fitted(task)
    return lambda: [net.predict_proba(X[i : i + 1]) for i in range(1000)]


def proba_one_bare(task):
    """Return them by its bare module in inference mode."""
    import torch

    net, X = _fitted(task)
    module = net.net_.module_

    def proba(row):
        with torch.inference_mode():
            return module(torch.from_numpy(row).view(1, 1, 28, 28)).softmax(1).numpy()

    return lambda: [proba(X[i : i + 1]) for i in range(1000)]


def proba_one_ort(task):
    """Return them by ONNX Runtime, from the file that the net is exported to."""
    import onnxruntime

    from skfashion.export import to_onnx

    net, X = _fitted(task)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    with tempfile.TemporaryDirectory() as folder:
        to_onnx(net, Path(folder) / "net.onnx", X[:100])
        session = onnxruntime.InferenceSession(Path(folder) / "net.onnx", options)
    (entry,) = session.get_inputs()
    images = X.reshape(-1, *entry.shape[1:])

    def proba(row):
        return session.run(["probabilities"], {entry.name: row})[0]

    return lambda: [proba(images[i : i + 1]) for i in range(1000)]


def _candidates(task):
    """Return a net, the grid of the 16 candidates of a search, its data and its only split."""
    from sklearn.model_selection import ShuffleSplit

    sizes = [(64,), (128,), (128, 64), (256,)]
    grid = {"hidden_layer_sizes": sizes, "lr": [3e-4, 1e-3, 3e-3, 1e-2]}
    split = ShuffleSplit(1, test_size=0.2, random_state=0)
    return ours(task).set_params(standardize=True), grid, *load(task, "uint8"), split


def search(task):
    """Search with scikit-learn, on all cores, without fitting the best again."""
    from sklearn.model_selection import GridSearchCV

    net, grid, X, y, split = _candidates(task)
    options = {"cv": split, "n_jobs": task.threads, "refit": False}
    return lambda: GridSearchCV(net, grid, **options).fit(X, y)


def fits_in_turn(task):
    """Fit and score the same candidates one after the other, with one thread."""
    from sklearn.base import clone
    from sklearn.model_selection import ParameterGrid

    net, grid, X, y, split = _candidates(task)
    train, valid = next(split.split(X))

    def run():
        for candidate in ParameterGrid(grid):
            model = clone(net).set_params(n_threads=1, **candidate)
            model.fit(X[train], y[train]).score(X[valid], y[valid])

    return run


def importing(program, task):
    """Import in a fresh interpreter; only that is timed."""
    timed = (
        f"import time; start = time.perf_counter(); {program}; print(time.perf_counter() - start)"
    )
    return lambda: float(subprocess.check_output([sys.executable, "-c", timed], text=True))


class Competitor(NamedTuple):
    """Who is timed."""

    label: str
    package: str  # which must be there
    prepare: Callable  # of a task; returns what is timed
    variables: tuple = ()  # pairs, of its process besides those of all; None where it has none


SKLEARN, SKFASHION = ("scikit-learn MLPClassifier", "sklearn"), ("skfashion", "skfashion")
sklearn_float64 = partial(fitting, sklearn_mlp, dtype="float64")
channels_last = partial(hand, channels_last=True)
bf16 = partial(channels_last, bf16=True)
pools_first = partial(bf16, pools_first=True)
module = partial(ours, name="module")
one_thread = partial(default_fit, n_threads=1)
# The package by itself imports nothing before it is asked for.
IMPORTS = ("import skfashion.classifiers.mlp", "import skorch, sklearn")
COMPETITORS = {
    "ours": Competitor(*SKFASHION, partial(fitting, ours)),
    "without_kernels": Competitor(
        "skfashion, without the extra fast", "skfashion", ours_without_kernels
    ),
    "module": Competitor("ModuleClassifier", "skfashion", partial(fitting, module)),
    "conv": Competitor("ConvNetClassifier, the same module", "skfashion", partial(fitting, ours)),
    "hand": Competitor("hand-written PyTorch loop", "torch", hand),
    "hand_channels_last": Competitor("PyTorch loop, channels_last", "torch", channels_last),
    "hand_bf16": Competitor("PyTorch loop, channels_last, autocast", "torch", bf16),
    "hand_pools_first": Competitor(
        "PyTorch loop, channels_last, autocast, pool before ReLU", "torch", pools_first
    ),
    "sklearn": Competitor(*SKLEARN, partial(fitting, sklearn_mlp)),
    "sklearn_float64": Competitor("scikit-learn MLPClassifier, fp64", "sklearn", sklearn_float64),
    "skorch": Competitor("skorch NeuralNetClassifier", "skorch", skorch),
    "skorch_best": Competitor(
        "skorch, whole batches, fused Adam", "skorch", partial(skorch, at_its_best=True)
    ),
    "lightning": Competitor("Lightning", "lightning", lightning),
    "lightning_best": Competitor(
        "Lightning, whole batches", "lightning", partial(lightning, at_its_best=True)
    ),
    "fastai": Competitor("fastai, whole batches, fused Adam", "fastai", fastai),
    "keras": Competitor("Keras 3 (TensorFlow)", "tensorflow", keras_model),
    "keras_bf16": Competitor(
        "Keras 3 (TensorFlow), mixed_bfloat16", "tensorflow", partial(keras_model, bf16=True)
    ),
    "jax": Competitor("JAX, the epoch jitted", "jax", jax_scan),
    "default": Competitor(*SKFASHION, default_fit),
    "default_one": Competitor("skfashion, n_threads=1", "skfashion", one_thread),
    "default_passive": Competitor(
        "skfashion, OMP_WAIT_POLICY=passive", "skfashion", default_fit, PASSIVE
    ),
    "predict_ours": Competitor(*SKFASHION, predict_ours),
    "predict_bare": Competitor("the bare module, best batch size", "torch", predict_bare),
    "predict_one_ours": Competitor(*SKFASHION, partial(predict_one, ours)),
    "predict_one_sklearn": Competitor(*SKLEARN, partial(predict_one, sklearn_mlp)),
    "proba_one": Competitor(*SKFASHION, proba_one),
    "proba_one_bare": Competitor("the bare module", "torch", proba_one_bare),
    "proba_one_ort": Competitor("ONNX Runtime, fp32", "onnxruntime", proba_one_ort),
    "search": Competitor("GridSearchCV of ours, a process a core", "sklearn", search, UNTOLD),
    "fits_in_turn": Competitor("its fits in turn, n_threads=1", "skfashion", fits_in_turn),
    "import_ours": Competitor(IMPORTS[0], "skfashion", partial(importing, IMPORTS[0])),
    "import_others": Competitor(IMPORTS[1], "skorch", partial(importing, IMPORTS[1])),
}


def compete(competitor, task, checkout):
    """Prepare and warm up; return what runs once when called, and says seconds and peak memory."""
    run = COMPETITORS[competitor].prepare(Task(**task))
    run()
    # Also if it is not imported here.
    package = Path(importlib.util.find_spec("skfashion").origin).resolve()
    if not package.is_relative_to(checkout):
        raise ImportError(f"skfashion is {package}, expected that of {checkout}")
    on_gpu = task["device"] != "cpu"
    if on_gpu:
        from torch import cuda

        cuda.reset_peak_memory_stats()
    memory.forget_peak()

    def answer():
        if on_gpu:  # which computes behind
            cuda.synchronize()
        start = time.perf_counter()
        own = run()
        if on_gpu:
            cuda.synchronize()
        seconds = own if isinstance(own, float) else time.perf_counter() - start
        peak = cuda.max_memory_allocated() / 1e6 if on_gpu else memory.peak_mb()
        return {"seconds": seconds, "peak_mb": peak}

    return answer
