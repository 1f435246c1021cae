"""Nothing is lost: a fit that was stopped goes on, and ends with the very same model."""

import copy
import os
import resource
import signal
import threading
import time
from pathlib import Path

import children
import numpy as np
import pytest
import torch
from common import small, weights_of
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit
from skorch.callbacks import Freezer, GradientNormClipping, TensorBoard

from skfashion import Augmentation, ConvNetClassifier, MLPNetClassifier
from skfashion.training.checkpoints import read_state, write_state

ROWS = 300


def load():
    X, y = load_digits(return_X_y=True)
    return X[:ROWS].astype(np.uint8), y[:ROWS]


def noisy(cls, **params):
    """Return a small net with every source of randomness, and early stopping."""
    drops = {"dropout": 0.3}
    if "conv_dropout" in cls().get_params():
        # Several channels in: the weights of such a convolution lie in memory in another order.
        drops |= {"conv_dropout": 0.3, "channels": (4, 8)}
    defaults = {"early_stopping": True, "max_epochs": 8, "n_threads": 1, "batch_size": 64}
    return small(cls, **(drops | defaults | params))


class Stop:
    """A scorer that is interrupted at one of its calls."""

    def __init__(self, at):
        self.left = at

    def __getstate__(self):
        return {}  # the same parameter of the same fit, whenever it stops it

    def __call__(self, estimator, X, y, sample_weight=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return estimator.score(X, y, sample_weight)


def interrupt(net, X, y, at, **fit_params):
    """Fit and interrupt the fit in an epoch; the scorer counts as the same one each time."""
    net.set_params(scoring=Stop(at))
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, **fit_params)


def test_an_interrupted_fit_goes_on_to_the_same_model(estimator_class, tmp_path):
    check_that_an_interrupted_fit_goes_on(estimator_class, None, tmp_path)


def test_an_interrupted_fit_with_weights_goes_on_to_the_same_model(fast_class, tmp_path):
    weights = np.random.RandomState(0).rand(ROWS)
    check_that_an_interrupted_fit_goes_on(fast_class, weights, tmp_path)


def check_that_an_interrupted_fit_goes_on(estimator_class, weights, tmp_path):
    X, y = load()
    whole = noisy(estimator_class, scoring=Stop(0)).fit(X, y, weights)
    net = noisy(estimator_class, checkpoint_dir=tmp_path)
    for at in (3, 2, 1):
        interrupt(net, X, y, at, sample_weight=weights)
        assert not hasattr(net, "net_")
    assert len(list(tmp_path.glob("*.ckpt"))) == 1
    net.set_params(scoring=Stop(0)).fit(X, y, weights)
    np.testing.assert_array_equal(weights_of(net), weights_of(whole))
    assert net.loss_curve_ == whole.loss_curve_
    assert net.validation_scores_ == whole.validation_scores_
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("optimizer", "lr_schedule", "precision"),
    [
        ("adam", "one_cycle", "auto"),
        ("sgd", "step", "auto"),
        ("sgd", "one_cycle", "fp16"),
        (torch.optim.RMSprop, "step", "fp16"),
    ],
)
def test_optimizers_and_schedules_go_on(tmp_path, optimizer, lr_schedule, precision):
    X, y = load()
    params = {"optimizer": optimizer, "lr_schedule": lr_schedule, "step_size": 3}
    params["precision"] = precision
    whole = noisy(ConvNetClassifier, scoring=Stop(0), **params).fit(X, y)
    net = noisy(ConvNetClassifier, checkpoint_dir=tmp_path, **params)
    interrupt(net, X, y, 5)
    net.set_params(scoring=Stop(0)).fit(X, y)
    np.testing.assert_array_equal(weights_of(net), weights_of(whole))


class Counting(torch.optim.SGD):
    """An optimizer whose state holds whole numbers, as many people's do."""

    def step(self, closure=None):
        loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                state["step"] = state.get("step", 0) + 1
                if state["step"] % 2:
                    parameter.data.add_(parameter.grad, alpha=-group["lr"])
        return loss


class Bare(Counting):
    """One that no copy of can be asked what its state looks like."""

    def __deepcopy__(self, memo):
        raise TypeError


class Shampoo(torch.optim.Optimizer):
    """One with a matrix for the rows of each weight, which it begins to keep after some steps."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                state, gradient = self.state[parameter], parameter.grad
                state["step"] = state.get("step", 0) + 1
                if state["step"] > 2:
                    of_rows = gradient.reshape(len(gradient), -1)
                    state.setdefault("rows", torch.eye(len(gradient))).add_(of_rows @ of_rows.T)
                parameter.data.add_(gradient, alpha=-group["lr"])
        return loss


@pytest.mark.parametrize("optimizer", [torch.optim.LBFGS, Counting, Bare, Shampoo, "muon"])
def test_optimizers_with_a_state_of_their_own_go_on(tmp_path, optimizer):
    X, y = load()
    params = {"optimizer": optimizer, "batch_size": 150, "lr": 0.05, "max_epochs": 5}
    whole = noisy(MLPNetClassifier, scoring=Stop(0), **params).fit(X, y)
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, **params)
    interrupt(net, X, y, 3)
    net.set_params(scoring=Stop(0)).fit(X, y)
    np.testing.assert_array_equal(weights_of(net), weights_of(whole))


def test_averaged_weights_and_changed_images_go_on(tmp_path):
    X, y = load()
    params = {"ema_decay": 0.95, "augment": Augmentation(flip="alternate", shift=1, mixup=0.2)}
    whole = noisy(ConvNetClassifier, scoring=Stop(0), **params).fit(X, y)
    net = noisy(ConvNetClassifier, checkpoint_dir=tmp_path, **params)
    interrupt(net, X, y, 5)
    net.set_params(scoring=Stop(0)).fit(X, y)
    np.testing.assert_array_equal(weights_of(net), weights_of(whole))


def test_a_fit_from_other_weights_is_another_fit(tmp_path):
    X, y = load()
    one, two = (small(MLPNetClassifier, random_state=seed).fit(X, y) for seed in (0, 1))
    for source in (one, two, copy.deepcopy(one)):
        net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, init_from=FrozenEstimator(source))
        interrupt(net, X, y, 3)
    assert len(list(tmp_path.glob("*.ckpt"))) == 2


def test_every_few_epochs(tmp_path):
    X, y = load()
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, checkpoint_every=3)
    interrupt(net, X, y, 6)
    calls = Stop(0)
    net.set_params(scoring=calls).fit(X, y)
    assert -calls.left == 8 - 3  # epochs 4 and 5 were made again


def test_a_drawn_seed_is_stored(tmp_path):
    X, y = load()
    params = {"random_state": None, "checkpoint_dir": tmp_path}
    net = noisy(MLPNetClassifier, **params)
    interrupt(net, X, y, 5)
    (path,) = tmp_path.glob("*.ckpt")
    content = path.read_bytes()
    first = noisy(MLPNetClassifier, scoring=Stop(0), **params).fit(X, y)
    path.write_bytes(content)
    second = noisy(MLPNetClassifier, scoring=Stop(0), **params).fit(X, y)
    np.testing.assert_array_equal(weights_of(first), weights_of(second))


@pytest.mark.slow
def test_candidates_of_a_search_share_a_folder(tmp_path):
    X, y = load()
    grid = {"hidden_layer_sizes": [(8,), (16,)]}

    def search(**params):
        net = noisy(MLPNetClassifier, **params)
        return GridSearchCV(net, grid, cv=2, n_jobs=2).fit(X, y).cv_results_["mean_test_score"]

    np.testing.assert_array_equal(search(checkpoint_dir=str(tmp_path)), search())
    assert not list(tmp_path.iterdir())
    # Each candidate and each fold writes a file of its own, found again by its parameters.
    for size in ((8,), (16,)):
        for rows in (slice(0, 150), slice(150, 300)):
            net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, hidden_layer_sizes=size)
            interrupt(net, X[rows], y[rows], 3)
    assert len(list(tmp_path.glob("*.ckpt"))) == 4


def test_other_parameters_and_data_have_other_files(tmp_path):
    X, y = load()
    for params in ({}, {"lr": 0.1}, {"hidden_layer_sizes": (5,)}, {"random_state": 1}):
        interrupt(noisy(MLPNetClassifier, checkpoint_dir=tmp_path, **params), X, y, 2)
    interrupt(noisy(MLPNetClassifier, checkpoint_dir=tmp_path), X[::-1], y[::-1], 2)
    interrupt(noisy(MLPNetClassifier, checkpoint_dir=tmp_path), X, y, 2, sample_weight=1.0 + y)
    interrupt(noisy(MLPNetClassifier, checkpoint_dir=tmp_path, verbose=2), X, y, 2)
    assert len(list(tmp_path.glob("*.ckpt"))) == 6
    splits = {"early_stopping": True, "validation_split": GroupShuffleSplit(1, random_state=0)}
    for groups in (np.arange(300) % 50, np.arange(300) // 6, np.arange(300) % 50):
        net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, **splits)
        interrupt(net, X, y, 2, groups=groups)
    assert len(list(tmp_path.glob("*.ckpt"))) == 8


def test_images_of_any_layout_go_on_from_the_same_file(tmp_path):
    X, y = load()
    net = noisy(ConvNetClassifier, checkpoint_dir=tmp_path)
    interrupt(net, X, y, 4)
    net.set_params(scoring=Stop(0)).fit(X.reshape(-1, 8, 8, 1), y)
    whole = noisy(ConvNetClassifier, scoring=Stop(0)).fit(X, y)
    np.testing.assert_array_equal(weights_of(net), weights_of(whole))


def test_a_named_checkpoint_of_another_fit_is_refused(tmp_path):
    X, y = load()
    interrupt(noisy(MLPNetClassifier, checkpoint_dir=tmp_path), X, y, 4)
    (path,) = tmp_path.glob("*.ckpt")
    content = path.read_bytes()
    other = noisy(MLPNetClassifier, checkpoint_dir=path, lr=0.25)
    with pytest.raises(ValueError, match=r"parameter lr: 0\.005 there, 0\.25 here"):
        other.fit(X, y)
    with pytest.raises(ValueError, match=r"data X: \w+ there, \w+ here"):
        noisy(MLPNetClassifier, checkpoint_dir=path, scoring=Stop(0)).fit(X // 2, y)
    with pytest.raises(ValueError, match="environment threads: 1 there, 2 here"):
        noisy(MLPNetClassifier, checkpoint_dir=path, n_threads=2, scoring=Stop(0)).fit(X, y)
    assert path.read_bytes() == content
    net = noisy(MLPNetClassifier, checkpoint_dir=path, scoring=Stop(0)).fit(X, y)
    whole = noisy(MLPNetClassifier, scoring=Stop(0)).fit(X, y)
    np.testing.assert_array_equal(weights_of(net), weights_of(whole))


@pytest.mark.parametrize("damage", [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: b"no"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    X, y = load()
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path)
    interrupt(net, X, y, 4)
    (path,) = tmp_path.glob("*.ckpt")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="no checkpoint or a damaged one"):
        net.fit(X, y)


def weights_in(state):
    return state["state"]["module"]


def moments_in(state):
    """Return the state of the optimizer for the first weights."""
    return state["state"]["optimizer"]["state"][0]


# What somebody may have made of a checkpoint: by the part that the error names, how it is changed.
CRAFTED = {
    "a damaged one": lambda s: s.update(identity=[1]),
    "no checkpoint or a": lambda s: s.update(seed="0"),
    "has not the parts": lambda s: s["state"].pop("module"),
    "head.weight: .1,. of": lambda s: weights_in(s).update({"head.weight": torch.zeros(1)}),
    "head.bias: .*float64": lambda s: weights_in(s).update(
        {"head.bias": weights_in(s)["head.bias"].double()}
    ),
    "exp_avg: .1,. of": lambda s: moments_in(s).update(exp_avg=torch.ones(1)),
    "exp_avg_sq: .*int32": lambda s: moments_in(s).update(
        exp_avg_sq=moments_in(s)["exp_avg_sq"].int()
    ),
    "optimizer 0 step: .5,.": lambda s: moments_in(s).update(step=torch.ones(5)),
    "optimizer 0: ": lambda s: moments_in(s).pop("exp_avg"),
    "of other parameters": lambda s: s["state"]["optimizer"]["state"].update({99: {}}),
    "lr: str": lambda s: s["state"]["optimizer"]["param_groups"][0].update(lr="fast"),
    "generators 0: .3,.": lambda s: s["state"].update(
        generators=[torch.zeros(3, dtype=torch.uint8)]
    ),
    "mt19937": lambda s: s["state"]["generators"][0].fill_(255),
    "averaged other 0: .2,.": lambda s: s["state"]["averaged"]["other"].__setitem__(
        0, torch.zeros(2)
    ),
    "history": lambda s: s["state"].update(history=[{"epoch": 1}]),
    "no records of epoch 1": lambda s: s["state"]["history"][0].update(batches=[1, 2, 3]),
    "history: 16 there, at most 8": lambda s: s["state"]["history"].extend(
        {**row, "epoch": i} for i, row in enumerate(s["state"]["history"] * 7, 3)
    ),
    "step: 10000000 there": lambda s: s["state"].update(step=10**7),
    "optimizer 0 step: -1 there": lambda s: moments_in(s).update(step=torch.tensor(-1.0)),
    "averaged n: -10 there": lambda s: s["state"]["averaged"].update(n=-10),
    "amsgrad: True there": lambda s: s["state"]["optimizer"]["param_groups"][0].update(
        amsgrad=True
    ),
    "-5 epochs ago": lambda s: s["state"]["callbacks"]["skfashion_best"].update(
        n_epochs_without_improvement=-5
    ),
    "step: str": lambda s: s["state"].update(step="x"),
    "stopped: int": lambda s: s["state"].update(stopped=1),
    "callbacks: it has others": lambda s: s["state"]["callbacks"].update(other={}),
    "best_weights head.bias: .0,.": lambda s: s["state"]["callbacks"]["skfashion_best"][
        "best_weights"
    ].update({"head.bias": torch.zeros(0)}),
}


def test_a_crafted_checkpoint_is_an_error_that_names_it_and_nothing_runs(tmp_path):
    X, y = load()
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, ema_decay=0.9)
    interrupt(net, X, y, 3)
    (path,) = tmp_path.glob("*.ckpt")
    for words, change in CRAFTED.items():
        state = read_state(path)
        change(state)
        other = tmp_path / "crafted.ckpt"
        write_state(other, state)
        net.set_params(checkpoint_dir=other, scoring=Stop(0))
        with pytest.raises(ValueError, match=rf"crafted\.ckpt.*{words}"):
            net.fit(X, y)
        assert not hasattr(net, "net_")
    net.set_params(checkpoint_dir=path).fit(X, y)
    whole = noisy(MLPNetClassifier, ema_decay=0.9, scoring=Stop(0)).fit(X, y)
    np.testing.assert_array_equal(weights_of(net), weights_of(whole))


class Fused(torch.optim.AdamW):
    """An optimizer with PyTorch's fused kernel and an attribute of its own, as users write them."""

    def __init__(self, params, lr):
        super().__init__(params, lr, fused=True)
        self.n_calls = 0

    def step(self, closure=None):
        self.n_calls += 1
        return super().step(closure)


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        ("sgd", "momentum_buffer"),
        ("muon", "momentum_buffer"),
        (torch.optim.RMSprop, "square_avg"),
        (torch.optim.LBFGS, "d"),
        (Fused, "exp_avg"),
    ],
)
def test_the_state_of_every_optimizer_is_compared(tmp_path, optimizer, name):
    X, y = load()
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, optimizer=optimizer)
    interrupt(net, X, y, 3)
    (path,) = tmp_path.glob("*.ckpt")
    state = read_state(path)
    [moments, *_] = [m for m in state["state"]["optimizer"]["state"].values() if name in m]
    moments[name] = torch.ones(1)
    write_state(path, state)
    with pytest.raises(ValueError, match=rf"{path.name}, which is damaged .* {name}: .1,."):
        net.fit(X, y)


def test_a_checkpoint_that_cannot_be_removed_costs_no_net(tmp_path, monkeypatch):
    X, y = load()
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if path.suffix == ".ckpt":
            raise PermissionError(f"Permission denied: {path.name}")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, scoring=Stop(0))
    with pytest.warns(RuntimeWarning, match="could not be removed: Permission denied"):
        net.fit(X, y)
    assert net.n_iter_ == 8


def test_two_equal_fits_at_a_time_do_not_share_a_file(tmp_path):
    X, y = load()
    seen = []

    def nested(estimator, X_val, y_val, sample_weight=None):
        if not seen:
            seen.append(True)
            inner = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, scoring=nested).fit(X, y)
            seen.append(weights_of(inner))
        elif len(seen) == 1:
            assert len(list(tmp_path.glob("*.ckpt"))) == 2
        return 0.5

    outer = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, scoring=nested).fit(X, y)
    np.testing.assert_array_equal(weights_of(outer), seen[1])
    assert not list(tmp_path.iterdir())


def test_callbacks_with_a_state_are_refused(tmp_path):
    X, y = load()
    with pytest.raises(ValueError, match="Freezer, whose state"):
        net = small(MLPNetClassifier, checkpoint_dir=tmp_path, skorch_callbacks=[Freezer("*")])
        net.fit(X, y)
    clipped = {"skorch_callbacks": [("clip", GradientNormClipping(0.1))]}
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, **clipped)
    interrupt(net, X, y, 4)
    net.set_params(scoring=Stop(0)).fit(X, y)
    whole = noisy(MLPNetClassifier, scoring=Stop(0), **clipped).fit(X, y)
    np.testing.assert_array_equal(weights_of(net), weights_of(whole))


def test_equal_bytes_of_another_shape_are_another_fit(tmp_path):
    X, y = load()
    for shape in ((-1, 8, 8), (-1, 4, 16)):
        interrupt(noisy(ConvNetClassifier, checkpoint_dir=tmp_path), X.reshape(shape), y, 3)
    assert len(list(tmp_path.glob("*.ckpt"))) == 2


def test_functions_are_told_apart_by_what_they_do(tmp_path):
    X, y = load()

    def n_checkpoints(*functions):
        """Return how many checkpoints fits leave that are stopped by one of these scorers each."""
        for function in functions:
            net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, scoring=function)
            with pytest.raises(KeyboardInterrupt):
                net.fit(X, y)
        return len(list(tmp_path.glob("*.ckpt")))

    def make(epoch, default=0):
        def function(estimator, X, y, default=default):
            if estimator.n_iter_ == epoch:
                raise KeyboardInterrupt
            return 0.5

        return function

    assert n_checkpoints(make(2)) == n_checkpoints(make(2)) == 1
    assert n_checkpoints(make(3)) == 2
    assert n_checkpoints(make(2, default=1)) == 3
    source = """def function(estimator, X, y):
    if estimator.n_iter_ == 2: raise KeyboardInterrupt
    return 0.5"""
    found = []
    for name, lines in (("one.py", ""), ("two.py", "\n\n\n")):
        namespace = {"__name__": "module"}
        exec(compile(lines + source, name, "exec"), namespace)
        found.append(n_checkpoints(namespace["function"]))
    assert found == [4, 4]  # where it is written does not matter
    namespace = {"__name__": "module"}
    exec(source.replace("0.5", "0.6"), namespace)
    assert n_checkpoints(namespace["function"]) == 5


def test_a_text_is_no_file_of_that_name(tmp_path, monkeypatch):
    X, y = load()
    monkeypatch.chdir(tmp_path)
    for content in ("one", "two"):
        (tmp_path / "sgd").write_text(content)
        net = noisy(MLPNetClassifier, checkpoint_dir="checkpoints", optimizer="sgd")
        interrupt(net, X, y, 2)
    assert len(list(tmp_path.glob("checkpoints/*.ckpt"))) == 1


def test_what_only_the_checkpoint_knows_is_refused(tmp_path):
    X, y = load()
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, warm_start=True)
    net.set_params(scoring=Stop(0)).fit(X, y)
    interrupt(net, X, y, 3)
    (path,) = tmp_path.glob("*.ckpt")
    cold = noisy(MLPNetClassifier, checkpoint_dir=path, warm_start=True, scoring=Stop(0))
    with pytest.raises(ValueError, match="data weights before: .* there, None here"):
        cold.fit(X, y)


def test_two_lambdas_are_two_parameters(tmp_path):
    X, y = load()
    scores = [lambda e, X, y: 0.1, lambda e, X, y: 0.2, lambda e, X, y: 1 / 0]
    for scoring in scores[:2]:
        noisy(MLPNetClassifier, checkpoint_dir=tmp_path, scoring=scoring).fit(X, y)
    with pytest.raises(ZeroDivisionError):
        noisy(MLPNetClassifier, checkpoint_dir=tmp_path, scoring=scores[2]).fit(X, y)
    assert len(list(tmp_path.glob("*.ckpt"))) == 1


def test_callbacks_that_only_watch_have_no_influence(tmp_path):
    X, y = load()

    class Writer:
        lock = None

        def __init__(self):
            self.lock = threading.Lock()  # like a SummaryWriter's, which cannot be pickled

        def add_scalar(self, *args, **kwargs):
            pass

        def close(self):
            pass

    watched = noisy(
        MLPNetClassifier, checkpoint_dir=tmp_path, skorch_callbacks=[TensorBoard(Writer())]
    )
    interrupt(watched, X, y, 4)
    assert len(list(tmp_path.glob("*.ckpt"))) == 1
    whole = noisy(MLPNetClassifier, scoring=Stop(0)).fit(X, y)
    watched.set_params(skorch_callbacks=[TensorBoard(Writer())], scoring=Stop(0)).fit(X, y)
    np.testing.assert_array_equal(weights_of(watched), weights_of(whole))


def test_a_named_checkpoint_in_use_is_refused(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    X, y = load()
    interrupt(noisy(MLPNetClassifier, checkpoint_dir=tmp_path), X, y, 4)
    (path,) = tmp_path.glob("*.ckpt")
    net = noisy(MLPNetClassifier, checkpoint_dir=path, scoring=Stop(0))
    with open(path.with_name(f".{path.name}.lock"), "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="which another fit is using"):
            net.fit(X, y)
    assert net.fit(X, y).n_iter_ == 8


def test_a_folder_that_cannot_be_made_is_an_error_before_training(tmp_path):
    X, y = load()
    (tmp_path / "file").write_text("no checkpoint")
    calls = Stop(0)
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path / "file" / "below", scoring=calls)
    with pytest.raises(OSError, match="file"):
        net.fit(X, y)
    assert calls.left == 0
    assert not hasattr(net, "net_")


def fill_the_disk(bytes_left):
    """Let no file become larger than so many bytes: what a full disk looks like."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, resource.RLIM_INFINITY))


class FillTheDisk:
    """A scorer at one of whose calls the disk is full."""

    def __init__(self, at):
        self.left = at

    def __getstate__(self):
        return {}

    def __call__(self, estimator, X, y, sample_weight=None):
        self.left -= 1
        if self.left == 0:
            fill_the_disk(5000)
        return estimator.score(X, y, sample_weight)


def fit_with_little_room(folder, result, epoch):
    """Fit where the disk is full from an epoch on, 0 for the start and -1 for never."""
    if epoch == 0:
        fill_the_disk(5000)
    net = noisy(MLPNetClassifier, checkpoint_dir=folder, scoring=FillTheDisk(epoch))
    try:
        np.save(result, weights_of(net.fit(*load())))
    except OSError as error:
        print(error)
    finally:  # the process still writes which lines have run
        fill_the_disk(resource.RLIM_INFINITY)


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [0, 3])
def test_a_full_disk_is_an_error_in_words_and_leaves_the_last_checkpoint(tmp_path, epoch):
    folder, result = tmp_path / "checkpoints", tmp_path / "result.npy"

    def fit(epoch):
        program = "import test_checkpoints; test_checkpoints.fit_with_little_room"
        out = tmp_path / f"out{epoch}"
        children.run(f"{program}({str(folder)!r}, {str(result)!r}, {epoch})", out=out)
        return out.read_text()

    shown = fit(epoch)
    assert "Could not write the checkpoint" in shown
    assert ("is still there" in shown) == (epoch > 0)
    left = [path.suffix for path in folder.iterdir()]
    assert left == ([".ckpt"] if epoch else [])
    assert not fit(-1)
    assert not list(folder.iterdir())
    whole = noisy(MLPNetClassifier, scoring=FillTheDisk(-1)).fit(*load())
    np.testing.assert_array_equal(np.load(result), weights_of(whole))


def fit_and_save(folder, result, max_epochs):
    net = noisy(
        ConvNetClassifier, checkpoint_dir=folder, max_epochs=max_epochs, n_iter_no_change=max_epochs
    )
    np.save(result, weights_of(net.fit(*load())))


def last_write(folder):
    """Return when a checkpoint was last written, 0 for never."""
    try:
        return max((path.stat().st_mtime_ns for path in folder.glob("*.ckpt")), default=0)
    except FileNotFoundError:  # the fit has just ended
        return 0


@pytest.mark.slow
def test_a_fit_that_is_killed_twenty_times_ends_with_the_same_model(tmp_path):
    context = children.context()
    folder, result, max_epochs = tmp_path / "checkpoints", tmp_path / "result.npy", 600
    random = np.random.RandomState(0)
    kills = writes = 0
    while not result.exists():
        process = context.Process(target=fit_and_save, args=(folder, result, max_epochs))
        process.start()
        if kills < 20:
            # Every other time in the middle of a write, as soon as its temporary file is there.
            wait, end = kills % 2 == 0, time.monotonic() + 30
            # After some checkpoints, however fast the machine is.
            left, seen = random.randint(1, 5), last_write(folder)
            while process.is_alive() and time.monotonic() < end:
                if (now := last_write(folder)) != seen:
                    left, seen = left - 1, now
                if left <= 0:
                    is_writing = bool(list(folder.glob(".*.tmp"))) if folder.exists() else False
                    if is_writing or not wait:
                        writes += is_writing
                        os.kill(process.pid, signal.SIGKILL)
                        kills += 1
                        break
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
    assert kills == 20
    assert writes >= 5
    whole = noisy(ConvNetClassifier, max_epochs=max_epochs, n_iter_no_change=max_epochs)
    np.testing.assert_array_equal(np.load(result), weights_of(whole.fit(*load())))
    assert not list(folder.iterdir())
