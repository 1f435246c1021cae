"""skorch's own callbacks work: `net_` is a real skorch net."""

import numpy as np
import pytest
import torch
from common import small, weights_of
from skorch.callbacks import (
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
    ProgressBar,
    TensorBoard,
    Unfreezer,
)

from skfashion import MLPNetClassifier


def fit(cls, data, *callbacks, **params):
    X, y = data
    net = small(cls, skorch_callbacks=list(callbacks), batch_norm=False, **params)
    return net.fit(X, y, X_val=X[:50], y_val=y[:50])


def test_epoch_scoring(any_class, digits):
    scoring = EpochScoring("accuracy", name="acc", lower_is_better=False, use_caching=False)
    on_train = EpochScoring("accuracy", name="acc_train", on_train=True, use_caching=False)
    cached = EpochScoring("accuracy", name="acc_cached", lower_is_better=False)
    net = fit(any_class, digits, scoring, ("train", on_train), cached)
    X, y = digits
    last = net.net_.history[-1]
    assert last["acc"] == pytest.approx(net.score(X[:50], y[:50]))
    assert last["acc_cached"] == pytest.approx(last["acc"])
    assert last["acc_train"] == pytest.approx(net.score(X, y))
    assert "acc_best" in last


@pytest.mark.parametrize("step_every", ["epoch", "batch"])
def test_lr_scheduler(any_class, digits, step_every):
    scheduler = LRScheduler("StepLR", step_size=1, gamma=0.5, step_every=step_every)
    net = fit(any_class, digits, scheduler, lr_schedule="constant", batch_size=150)
    # In an epoch's record, the rate of its last step: two steps an epoch.
    expected = [1, 0.5, 0.25] if step_every == "epoch" else [0.25, 0.0625, 1 / 64]
    np.testing.assert_allclose(net.history_["lr"], 5e-3 * np.array(expected))


def test_checkpoint(any_class, digits, tmp_path):
    best = Checkpoint(dirname=str(tmp_path), monitor="train_loss_best", load_best=True)
    net = fit(any_class, digits, best)
    assert {path.name for path in tmp_path.iterdir()} >= {"params.pt", "optimizer.pt"}
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    for name, tensor in net.net_.module_.state_dict().items():
        assert torch.equal(saved[name], tensor)


def test_early_stopping(digits):
    stop = EarlyStopping(patience=2, monitor="valid_loss", threshold=1e9, load_best=True)
    net = fit(MLPNetClassifier, digits, stop, max_epochs=50)
    assert net.n_iter_ <= 4
    # The first epoch counts as the best: no later one improves on it by 1e9.
    one = fit(
        MLPNetClassifier,
        digits,
        EarlyStopping(patience=1, monitor="valid_loss"),
        max_epochs=50,
        target_score=-1e9,
    )
    np.testing.assert_allclose(weights_of(net), weights_of(one))


class Writer:
    """What skorch's TensorBoard needs of a SummaryWriter."""

    def __init__(self):
        self.scalars = {}

    def add_scalar(self, tag, scalar_value, global_step, **kwargs):
        self.scalars.setdefault(tag, []).append(scalar_value)

    def close(self):
        self.closed = True


def test_tensorboard(digits):
    writer = Writer()
    net = fit(MLPNetClassifier, digits, TensorBoard(writer))
    assert writer.scalars["Loss/train_loss"] == net.loss_curve_
    assert len(writer.scalars["Loss/valid_loss"]) == 3


def test_progress_bar(any_class, digits, capsys):
    fit(any_class, digits, ProgressBar(detect_notebook=False))
    # 300 rows in 10 batches, 50 in one for validation; skorch counts one more.
    assert "/12 [" in capsys.readouterr().err


@pytest.mark.parametrize("at", [1, 2])
def test_freezer(any_class, digits, at):
    net = fit(any_class, digits, Freezer("head.*", at=at), lr_schedule="constant")
    unfrozen = fit(any_class, digits, lr_schedule="constant")
    one = fit(any_class, digits, lr_schedule="constant", max_epochs=1)
    head = net.net_.module_.head.weight
    if at == 2:
        assert torch.equal(head, one.net_.module_.head.weight)
    else:
        start = fit(any_class, digits, lr=1e-30, weight_decay=0.0, max_epochs=1)
        assert torch.equal(head, start.net_.module_.head.weight)
    assert not torch.equal(head, unfrozen.net_.module_.head.weight)
    first = next(net.net_.module_.features.parameters())
    assert not torch.equal(first, next(one.net_.module_.features.parameters()))


@pytest.mark.parametrize("frozen", ["features.*", "head.*"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_unfreezing_goes_on_with_what_was_trained(digits, frozen, optimizer):
    callbacks = Freezer(frozen, at=1), Unfreezer(frozen, at=3)
    net = fit(MLPNetClassifier, digits, *callbacks, optimizer=optimizer, max_epochs=4, lr=1e-2)
    X, y = digits
    assert len(net.net_.optimizer_.state) == len(list(net.net_.module_.parameters()))
    assert net.loss_curve_[-1] < net.loss_curve_[1]


def test_gradient_norm_clipping(any_class, digits):
    params = {"optimizer": "sgd", "momentum": 0.0, "nesterovs_momentum": False, "lr": 1.0}
    params |= {"lr_schedule": "constant", "max_epochs": 1, "weight_decay": 0.0, "batch_size": 300}
    start = fit(any_class, digits, **(params | {"lr": 1e-30}))
    clipped = fit(any_class, digits, GradientNormClipping(1e-3), **params)
    free = fit(any_class, digits, **params)
    # One step of size 1 moves the weights by the norm of the gradient.
    moved = np.linalg.norm(weights_of(clipped) - weights_of(start))
    assert moved == pytest.approx(1e-3, rel=1e-2)
    assert np.linalg.norm(weights_of(free) - weights_of(start)) > 0.1


def test_gradient_norm_clipping_with_adam_changes_the_training(any_class, digits):
    clipped = fit(any_class, digits, GradientNormClipping(1e-8))
    free = fit(any_class, digits)
    assert not np.allclose(weights_of(clipped), weights_of(free))
