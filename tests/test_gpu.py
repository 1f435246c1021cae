"""What only a GPU does: ``python -m pytest -m gpu``, skipped where PyTorch finds none."""

import json
import multiprocessing
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
import torch
from common import LEARNING, small, weights_of
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn

from skfashion import Augmentation, ConvNetClassifier, MLPNetClassifier, ResNetClassifier
from skfashion.adaptation import adapt_batch_norm
from skfashion.ensemble import average_weights
from skfashion.export import quantize, to_onnx, to_torch_export
from skfashion.fitting.building import make_augmenter
from skfashion.model_selection import EpochHalvingSearchCV
from skfashion.parameters.augmentation import RECIPES
from skfashion.training import BatchIterator, ImageDataset, has_bfloat16

DEVICE = "cuda"
# cuDNN rounds the factors of float32 convolutions to TF32, of ten binary digits.
TF32 = 5e-3

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason="PyTorch finds no CUDA device on this machine."
    ),
]


def on_gpu(cls, **params):
    return small(cls, **{"device": DEVICE, **params})


def on_cpu(estimator):
    """Return a copy of a fitted net that computes on the CPU."""
    return pickle.loads(pickle.dumps(estimator)).set_params(device="cpu")


class Look(Callback):
    """Notes of each batch where its images are, and the images as they are when it is trained."""

    def on_train_begin(self, net, X=None, **kwargs):
        self.kept_on, self.batches = X.images.device.type, []

    def on_grad_computed(self, net, batch=None, **kwargs):
        images, _ = batch
        self.batches.append((images.device.type, batch.rows.cpu(), images.cpu()))


def seen_by(estimator):
    return dict(estimator.net_.callbacks_)["Look"]


# --- where it computes, and what it predicts ------------------------------------------------------


@pytest.mark.parametrize("device", ["auto", DEVICE, f"{DEVICE}:0"])
def test_it_computes_on_the_device_that_is_named(device, digits):
    X, y = digits
    net = on_gpu(MLPNetClassifier, device=device).fit(X, y)
    assert net.net_.device_.type == DEVICE
    assert net.predict(X).shape == y.shape
    precision = small(ConvNetClassifier, device=device).fit(X, y).net_.compute_dtype
    assert (precision is torch.bfloat16) == has_bfloat16(DEVICE)


def test_predictions_are_those_of_the_cpu(learning_class, digits):
    X, y = digits
    net = on_gpu(learning_class, dropout=0.2).fit(X, y)
    cpu = on_cpu(net)
    np.testing.assert_allclose(net.predict_proba(X), cpu.predict_proba(X), atol=TF32)
    np.testing.assert_allclose(net.transform(X), cpu.transform(X), atol=10 * TF32, rtol=10 * TF32)
    assert np.mean(net.predict(X) == cpu.predict(X)) > 0.98
    assert (net.net_.device_.type, cpu.net_.device_.type) == (DEVICE, "cpu")


@pytest.mark.parametrize("params", [{"tta": 4}, {"prior": "uniform"}, {"batch_norm": False}])
def test_predictions_of_other_kinds_are_those_of_the_cpu(params, digits):
    X, y = digits
    net = on_gpu(MLPNetClassifier, precision="fp64", **params).fit(X, y)
    np.testing.assert_allclose(net.predict_proba(X), on_cpu(net).predict_proba(X), atol=1e-9)


def test_a_training_is_that_of_the_cpu(digits):
    """Without dropout, whose noise a GPU draws by itself: the same weights, batches and images."""
    X, y = digits
    params = {"precision": "fp64", "augment": "flip+shift", "skorch_callbacks": [Look()]}
    nets = [small(ConvNetClassifier, device=d, **params).fit(X, y) for d in (DEVICE, "cpu")]
    for ours, theirs in zip(*(seen_by(net).batches for net in nets), strict=True):
        assert (ours[0], theirs[0]) == (DEVICE, "cpu")
        assert torch.equal(ours[1], theirs[1]) and torch.equal(ours[2], theirs[2])
    np.testing.assert_allclose(*map(weights_of, nets), atol=1e-6)


# --- images in the CPU's memory -------------------------------------------------------------------


@pytest.fixture
def full_device(monkeypatch):
    """A device with no memory left for images, as far as a fit is told."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *device: (1, 2**30))


@pytest.mark.parametrize("shape", [(8, 8), (4, 4, 4)])
def test_images_that_do_not_fit_are_copied_batch_by_batch(shape, digits, full_device, monkeypatch):
    X, y = digits
    X = X.reshape(-1, *shape)[..., : 8 if len(shape) == 2 else 3]  # grey, and of three channels
    weights, params = np.random.RandomState(0).rand(len(y)), {"precision": "fp64", "dropout": 0.2}
    params |= {"batch_norm": False, "early_stopping": True, "skorch_callbacks": [Look()]}
    copied = on_gpu(ConvNetClassifier, **params).fit(X, y, weights)
    monkeypatch.undo()
    whole = on_gpu(ConvNetClassifier, **params).fit(X, y, weights)
    assert [seen_by(net).kept_on for net in (copied, whole)] == ["cpu", DEVICE]
    assert {device for device, *_ in seen_by(copied).batches} == {DEVICE}
    np.testing.assert_allclose(weights_of(copied), weights_of(whole), atol=1e-9)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_buffer_is_filled_again_only_after_it_was_copied(channels_last):
    """Also where the GPU has so much to do that the CPU is many batches ahead."""
    images = torch.randint(0, 256, (4096, 3, 32, 32), dtype=torch.uint8)
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    work, batches = torch.randn(4096, 4096, device=DEVICE), []
    for batch in BatchIterator(ImageDataset(images), 64, generator, device=DEVICE):
        work = (work @ work).clamp(-1, 1)
        batches.append((batch.rows, batch[0]))
    assert sorted(torch.cat([rows for rows, _ in batches]).tolist()) == list(range(4096))
    for rows, copies in batches:
        assert torch.equal(copies.cpu(), images[rows])


# --- sixteen bits ---------------------------------------------------------------------------------


class NotesTypes(Callback):
    """Notes in which type the first layer computes in training."""

    def on_train_begin(self, net, **kwargs):
        kinds = (nn.Conv2d, nn.Linear)
        layer = next(layer for layer in net.module_.modules() if isinstance(layer, kinds))
        handle = layer.register_forward_hook(self.note)
        self.types, self.close = Counter(), handle.remove

    def note(self, layer, inputs, output):
        if layer.training:
            self.types[output.dtype] += 1


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.half)])
def test_sixteen_bits_learn_as_well(learning_class, precision, dtype, digits):
    X, y = digits
    exact = on_gpu(learning_class, precision="fp32", max_epochs=8).fit(X, y)
    net = on_gpu(learning_class, precision=precision, max_epochs=8)
    net.set_params(skorch_callbacks=[NotesTypes()]).fit(X, y)
    assert set(dict(net.net_.callbacks_)["NotesTypes"].types) == {dtype}
    assert {p.dtype for p in net.net_.module_.parameters()} == {torch.float32}
    assert net.score(X, y) > exact.score(X, y) - 0.15
    np.testing.assert_allclose(net.predict_proba(X), on_cpu(net).predict_proba(X), atol=0.05)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon", torch.optim.RMSprop])
def test_a_step_whose_gradients_overflow_is_left_out_and_the_scale_halved(optimizer, digits):
    X, y = digits
    params = {"precision": "fp16", "batch_norm": False, "optimizer": optimizer}
    net = on_gpu(MLPNetClassifier, batch_size=len(y), **params).partial_fit(X, y, range(10))
    scaler, before = net.net_.scaler_, weights_of(net)
    scaler.update(2.0**60)
    net.partial_fit(X, y)
    np.testing.assert_array_equal(weights_of(net), before)
    assert scaler.get_scale() == 2.0**59
    scaler.update(2.0**10)
    assert (weights_of(net.partial_fit(X, y)) != before).any()


# --- images changed on the device -----------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 14)])
def test_changed_images_are_those_of_the_cpu(recipe, shape):
    images = torch.randint(0, 256, (40, *shape), dtype=torch.uint8)
    augmenter = make_augmenter(recipe, shape, torch.float64)
    found = []
    for device in (DEVICE, "cpu"):
        generator, rows = torch.Generator().manual_seed(0), torch.arange(40, device=device)
        changed = augmenter(images.to(device), rows, 1, generator)
        assert changed.device.type == device
        found.append(changed.cpu())
    # Angles are computed in float32, values go up to 255.
    torch.testing.assert_close(*found, atol=0.01, rtol=1e-4)


def test_images_are_mixed_on_the_device(digits):
    X, y = digits
    params = {"augment": Augmentation(flip="alternate", mixup=0.4, cutmix=1.0)}
    nets = [
        small(ConvNetClassifier, device=d, precision="fp64", **params).fit(X, y)
        for d in (DEVICE, "cpu")
    ]
    np.testing.assert_allclose(*map(weights_of, nets), atol=1e-6)


def test_a_function_of_the_users_gets_images_on_the_device(digits):
    seen = set()

    def augment(images, generator):
        seen.add((images.device.type, generator.device.type))
        return images.flip(3)

    on_gpu(ConvNetClassifier, augment=augment).fit(*digits)
    assert seen == {(DEVICE, "cpu")}


# --- all else that a training does ----------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"sam_rho": 0.02},
        {"max_grad_norm": 1.0, "ema_decay": 0.8},
        {"loss": "ldam", "deferred_reweighting": 0.5, "batch_norm": False},
        {"loss": "logit_adjusted", "sampling": "balanced"},
        {"loss": "focal", "class_weight": "balanced", "label_smoothing": 0.1},
        {"optimizer": torch.optim.LBFGS, "batch_size": 300, "lr": 0.1},
        {"optimizer": "sgd", "early_stopping": True, "lr": 0.05},
        pytest.param({"compile": True}, marks=pytest.mark.slow),
    ],
    ids=lambda params: " ".join(params),
)
def test_every_kind_of_training_learns(params, digits):
    X, y = digits
    net = on_gpu(MLPNetClassifier, **{"dropout": 0.1, "max_epochs": 8, **params})
    assert net.fit(X, y).score(X, y) > 0.7
    assert net.net_.device_.type == DEVICE


def test_a_net_moves_from_device_to_device(digits):
    X, y = digits
    net = on_gpu(MLPNetClassifier, dropout=0.2, batch_norm=False).fit(X, y)
    for device in ("cpu", DEVICE, "cpu"):
        net.set_params(device=device).partial_fit(X, y)
        assert net.net_.device_.type == device
        assert np.isfinite(weights_of(net)).all()
    again = on_gpu(MLPNetClassifier, init_from=FrozenEstimator(net), lr=1e-30, batch_norm=False)
    np.testing.assert_allclose(again.fit(X, y).predict_proba(X), net.predict_proba(X), atol=TF32)
    warm = on_gpu(MLPNetClassifier, warm_start=True).fit(X, y)
    assert warm.set_params(device="cpu").fit(X, y).net_.device_.type == "cpu"


def test_statistics_and_means_of_weights_are_those_of_the_cpu(digits):
    X, y = digits
    net = on_gpu(MLPNetClassifier, precision="fp64").fit(X, y)
    copies = [pickle.loads(pickle.dumps(net)).partial_fit(X, y) for _ in range(2)]
    for make in (lambda nets: adapt_batch_norm(nets[0], X // 2), lambda n: average_weights(n, X)):
        np.testing.assert_allclose(
            weights_of(make(copies)), weights_of(make([on_cpu(net) for net in copies])), atol=1e-9
        )


def test_halving_over_epochs_pauses_and_goes_on_on_the_device(digits):
    X, y = digits
    net = on_gpu(ResNetClassifier, dropout=0.1, max_epochs=4)
    search = EpochHalvingSearchCV(net, {"lr": [1e-3, 1e-2, 3e-2]}, cv=2).fit(X, y)
    assert search.best_estimator_.net_.device_.type == DEVICE
    assert np.isfinite(search.best_score_)


# --- memory ---------------------------------------------------------------------------------------


@contextmanager
def at_most(n_bytes):
    """Give this process so much memory of the device, beside what is in use."""
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + n_bytes) / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def test_a_batch_that_is_too_large_is_an_error_that_names_one_that_fits():
    X = np.random.RandomState(0).randint(0, 256, (8192, 28, 28), dtype=np.uint8)
    y = np.arange(len(X)) % 10
    net = on_gpu(ConvNetClassifier, channels=(64,), max_epochs=1, batch_size=64)
    fitted, before = net.fit(X, y).net_, net.predict_proba(X[:50])
    with at_most(2**30):
        with pytest.raises(MemoryError, match=r"Got batch_size=8192, .*use batch_size=\d+, which"):
            net.set_params(batch_size=8192).fit(X, y)
        assert net.net_ is fitted
        with pytest.raises(MemoryError) as refused:
            net.partial_fit(X, y)
        np.testing.assert_allclose(net.predict_proba(X[:50]), before, atol=TF32)
        size = int(re.search(r"use batch_size=(\d+)", str(refused.value))[1])
        assert net.set_params(batch_size=size).fit(X, y).n_iter_ == 1


def test_predictions_go_on_with_smaller_blocks_when_memory_runs_out(monkeypatch):
    X = np.random.RandomState(0).randint(0, 256, (16384, 28, 28), dtype=np.uint8)
    net = on_gpu(ConvNetClassifier, channels=(64,), max_epochs=1).fit(X[:200], np.arange(200) % 10)
    expected = net.predict_proba(X)
    monkeypatch.setattr(type(net.net_.module_), "inference_block_size", 2**14)
    with at_most(2**30):
        np.testing.assert_allclose(net.predict_proba(X), expected, atol=TF32)


# --- several devices ------------------------------------------------------------------------------


class InPairs:
    """A scorer that waits for another one beside it, and returns the number of the net's device."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, estimator, X, y):
        (self.folder / f"{os.getpid()}-{threading.get_ident()}").touch()  # one of each worker
        deadline = time.monotonic() + 60
        while len(list(self.folder.iterdir())) < 2:
            assert time.monotonic() < deadline, "The other worker did not come."
            time.sleep(0.02)
        return estimator.net_.device_.index


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_workers_of_a_search_take_the_devices_in_turn(backend, digits, tmp_path):
    net = on_gpu(MLPNetClassifier, dropout=0.1)
    search = GridSearchCV(net, {"lr": [1e-3, 5e-3]}, cv=2, n_jobs=2, scoring=InPairs(tmp_path))
    with joblib.parallel_config(backend):
        search.fit(*digits)
    found = {search.cv_results_[f"split{i}_test_score"][j] for i in (0, 1) for j in (0, 1)}
    assert found == set(range(min(2, torch.cuda.device_count())))
    assert search.best_estimator_.net_.device_.index == torch.cuda.current_device()


def test_a_search_in_threads_finds_what_one_alone_finds(digits):
    grid, scoring = {"lr": [1e-3, 5e-3]}, "neg_log_loss"
    net = on_gpu(MLPNetClassifier, precision="fp64")
    alone, beside = (
        GridSearchCV(net, grid, cv=2, n_jobs=n_jobs, scoring=scoring) for n_jobs in (1, 2)
    )
    with joblib.parallel_config("threading"):
        scores = [search.fit(*digits).cv_results_["mean_test_score"] for search in (alone, beside)]
    np.testing.assert_allclose(*scores, atol=1e-6)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="The machine has no second CUDA device.")
def test_the_second_device_is_used_alone(digits):
    X, y = digits
    held = torch.cuda.memory_allocated(0)
    net = on_gpu(ConvNetClassifier, device="cuda:1").fit(X, y).partial_fit(X, y)
    assert net.net_.device_ == torch.device("cuda", 1)
    assert torch.cuda.memory_allocated(0) <= held
    np.testing.assert_allclose(net.predict_proba(X), on_cpu(net).predict_proba(X), atol=TF32)


# --- other processes ------------------------------------------------------------------------------


def answer_of(program, *arguments, **variables):
    """Return what a program prints, as JSON, in a process with some variables set."""
    words = [sys.executable, "-c", program, *map(str, arguments)]
    environment = {**os.environ, **variables}
    found = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=240)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])


OPEN = """
import json, pickle, sys
import numpy as np
import torch

assert not torch.cuda.is_available()
X = np.load(sys.argv[2])
with open(sys.argv[1], "rb") as file:
    net = pickle.load(file)
proba = net.predict_proba(X)
net.set_params(device="auto").partial_fit(X, net.predict(X))
print(json.dumps(proba.tolist()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("cls", [MLPNetClassifier, ConvNetClassifier])
def test_a_pickle_opens_where_there_is_no_gpu(cls, digits, tmp_path):
    X, y = digits
    net = on_gpu(cls, dropout=0.2, loss="logit_adjusted").fit(X, y).set_params(loss="cross_entropy")
    np.save(tmp_path / "X.npy", X)
    (tmp_path / "net").write_bytes(pickle.dumps(net))
    proba = answer_of(OPEN, tmp_path / "net", tmp_path / "X.npy", CUDA_VISIBLE_DEVICES="")
    np.testing.assert_allclose(proba, net.predict_proba(X), atol=TF32)


TWICE = """
import json, sys
import numpy as np
import torch
from sklearn.datasets import load_digits
import skfashion

torch.use_deterministic_algorithms(True)
X, y = load_digits(return_X_y=True)
X, y = X[:300].astype(np.uint8), y[:300]
cls, params = getattr(skfashion, sys.argv[1]), json.loads(sys.argv[2])

def bits():
    net = cls(**params).fit(X, y).partial_fit(X, y)
    state = net.net_.module_.state_dict().values()
    found = [tensor.double().sum().item().hex() for tensor in state]
    return found, net.predict_proba(X).tolist()

first, second = bits(), bits()
# Images stay in the CPU's memory.
torch.cuda.mem_get_info = lambda *device: (1, 2**30)
copied = bits()
print(json.dumps([first == second, first == copied]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("cls", LEARNING)
def test_the_same_seed_gives_the_same_net_with_deterministic_algorithms(cls):
    net, defaults = on_gpu(cls, dropout=0.3, augment="flip+shift"), cls().get_params()
    params = {name: value for name, value in net.get_params().items() if value != defaults[name]}
    settings = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    assert answer_of(TWICE, cls.__name__, json.dumps(params), **settings) == [True, True]


def in_a_fork(function, *arguments):
    """Return what a function answers in a forked process, and after how many seconds."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def tell():
        start = time.perf_counter()
        try:
            answer = function(*arguments)
        except Exception as error:
            answer = error
        theirs.send((answer, time.perf_counter() - start))

    process = context.Process(target=tell)
    process.start()
    try:
        assert ours.poll(60), "The forked process does not answer."
        return ours.recv()
    finally:
        process.kill()
        process.join()


# From Python 3.12 on it warns of every fork beside threads, and CUDA has some.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("cls", [MLPNetClassifier, ResNetClassifier])
@pytest.mark.parametrize("method", ["predict", "fit", "partial_fit"])
def test_a_forked_process_refuses_the_gpu_within_a_second(cls, method, digits):
    X, y = digits
    net = on_gpu(cls).fit(X, y)
    expected = net.predict(X[:50])
    arguments = (X,) if method == "predict" else (X, y)
    error, seconds = in_a_fork(getattr(net, method), *arguments)
    assert isinstance(error, RuntimeError)
    assert "in a process that was forked off one that uses CUDA" in str(error)
    assert seconds < 1
    np.testing.assert_array_equal(net.predict(X[:50]), expected)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_computes_on_the_cpu_where_that_is_possible(digits):
    X, y = digits
    net = on_gpu(MLPNetClassifier, device="auto").fit(X, y)
    loaded = pickle.loads(pickle.dumps(net))  # which has not been asked for anything
    proba, _ = in_a_fork(loaded.predict_proba, X)
    np.testing.assert_allclose(proba, net.predict_proba(X), atol=TF32)
    labels, _ = in_a_fork(lambda: small(MLPNetClassifier, device="auto").fit(X, y).predict(X))
    assert labels.shape == y.shape


# --- checkpoints ----------------------------------------------------------------------------------


class Interrupt(Callback):
    """Interrupts a training after an epoch; the same parameter whenever it does so."""

    after = None

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == Interrupt.after:
            raise KeyboardInterrupt

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def interrupt(net, X, y, monkeypatch):
    """Interrupt a fit in its third epoch."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Interrupt, "after", 3)
        net.set_params(skorch_callbacks=[Interrupt()]).fit(X, y)


@pytest.mark.parametrize("cls", [MLPNetClassifier, ResNetClassifier])
@pytest.mark.parametrize("precision", ["fp64", "fp16"])
def test_an_interrupted_fit_goes_on(cls, precision, digits, tmp_path, monkeypatch):
    X, y = digits
    params = {"dropout": 0.3, "max_epochs": 6, "precision": precision}
    whole = on_gpu(cls, **params).fit(X, y)
    net = on_gpu(cls, checkpoint_dir=tmp_path, **params)
    interrupt(net, X, y, monkeypatch)
    assert len(list(tmp_path.glob("*.ckpt"))) == 1
    assert net.fit(X, y).n_iter_ == 6
    tolerance = 1e-6 if precision == "fp64" else 0.1
    np.testing.assert_allclose(net.predict_proba(X), whole.predict_proba(X), atol=tolerance)


def test_a_checkpoint_of_a_gpu_is_refused_without_one(digits, tmp_path, monkeypatch):
    net = on_gpu(ResNetClassifier, device="auto", dropout=0.3, checkpoint_dir=tmp_path)
    interrupt(net, *digits, monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="environment device: cuda there, cpu here"):
        net.fit(*digits)


def test_nets_on_a_gpu_are_exported(digits, tmp_path):
    X, y = digits
    net = on_gpu(ConvNetClassifier).fit(X, y)
    to_onnx(net, tmp_path / "net.onnx")
    to_torch_export(net, tmp_path / "net.pt2", X)
    assert quantize(net, tmp_path / "int8.onnx", X).labels_changed < 0.1
    vote = VotingClassifier([("a", on_gpu(ConvNetClassifier)), ("b", net)], voting="soft")
    to_onnx(vote.fit(X, y), tmp_path / "vote.onnx", X)
    assert net.net_.device_.type == vote.estimators_[0].net_.device_.type == DEVICE
