"""What PyTorch allows modules and callbacks, and a training must not be surprised by."""

import numpy as np
import pytest
import torch
from common import small
from sklearn.base import clone
from skorch.callbacks import Callback
from torch import nn
from torch.utils.checkpoint import checkpoint

from skfashion import ConvNetClassifier, MLPNetClassifier, ModuleClassifier
from skfashion.training import pooling, steps

X = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8)
y = np.arange(64) % 3


def weights_of(net):
    return [value.numpy() for value in net.net_.module_.state_dict().values()]


# --- parameters that some batches do not use -----------------------------------------------------


class Skipping(nn.Module):
    """Leaves out its second branch in some batches."""

    def __init__(self, n_classes, skips):
        super().__init__()
        self.skips, self.n_batches = skips, 0
        self.first, self.second = nn.Linear(64, 16), nn.Linear(16, 16)
        self.head = nn.Linear(16, n_classes)

    def forward(self, x):
        x = self.first(x.flatten(1)).relu()
        self.n_batches += self.training
        if not self.training or not self.skips(self.n_batches):
            x = x + self.second(x).relu()
        return self.head(x)


def by_turns(number):
    return number % 2 == 0


def first_of_four(number):
    return number % 4 == 1


def plain_update(optimizer):
    for group in optimizer.param_groups:
        group["fused"] = False  # that of SGD fails where a momentum is missing (PyTorch 2.14.1)
    return optimizer.step


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "muon"])
@pytest.mark.parametrize("skips", [by_turns, first_of_four])
def test_a_layer_that_some_batches_skip_is_trained_as_pytorch_does(optimizer, skips, monkeypatch):
    net = ModuleClassifier(module=Skipping, module_params={"skips": skips}, optimizer=optimizer)
    net.set_params(max_epochs=3, batch_size=16, lr=0.01, random_state=0)
    ours = clone(net).fit(X, y)
    monkeypatch.setattr(steps, "make_update", plain_update)
    theirs = clone(net).fit(X, y)
    for found, expected in zip(weights_of(ours), weights_of(theirs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    untrained = clone(net).set_params(lr=1e-30, weight_decay=0.0, max_epochs=1).fit(X, y)
    second = "features.module.second.weight"
    moved = ours.net_.module_.state_dict()[second] - untrained.net_.module_.state_dict()[second]
    assert moved.abs().max() > 1e-3


def test_a_layer_that_no_batch_uses_stays_as_it_is():
    net = ModuleClassifier(module=Skipping, module_params={"skips": lambda number: True})
    net.set_params(max_epochs=2, batch_size=16, optimizer="adam", weight_decay=0.0, random_state=0)
    trained = net.fit(X, y).net_.module_.features.module.second.weight
    start = net.set_params(max_epochs=1).fit(X, y).net_.module_.features.module.second.weight
    assert torch.equal(trained, start)


# --- callbacks that change a module --------------------------------------------------------------


class NewHead(Callback):
    """Replaces the last layer before the third epoch."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            torch.manual_seed(0)
            net.module_.head = nn.Linear(net.module_.head.in_features, 3)
            self.before = net.module_.head.weight.detach().clone()
            net._initialize_optimizer()
            type(self).kept = self.before


@pytest.mark.parametrize("parameters", [{}, {"batch_norm": True}, {"ema_decay": 0.5}])
def test_a_layer_that_a_callback_replaces_is_trained(parameters):
    net = small(MLPNetClassifier, batch_norm=False, max_epochs=5, skorch_callbacks=[NewHead()])
    net.set_params(optimizer="adam", lr=0.01, **parameters).fit(X, y)
    head = net.net_.module_.head.weight
    assert (head - NewHead.kept).abs().max() > 1e-3


class Mover(Callback):
    """Puts weights elsewhere in memory."""

    def on_epoch_begin(self, net, **kwargs):
        for parameter in net.module_.parameters():
            parameter.data = parameter.data.clone()


def test_weights_that_a_callback_moves_are_averaged():
    net = small(MLPNetClassifier, ema_decay=0.9, max_epochs=3)
    moved = clone(net).set_params(skorch_callbacks=[Mover()]).fit(X, y)
    for found, expected in zip(weights_of(moved), weights_of(net.fit(X, y)), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("cls", [MLPNetClassifier, ConvNetClassifier])
def test_hooks_on_all_modules_are_heard(cls):
    calls = []
    handle = nn.modules.module.register_module_forward_hook(lambda *_: calls.append(1))
    try:
        net = small(cls, batch_norm=False, max_epochs=1, precision="fp32").fit(X, y)
        assert calls
        calls.clear()
        net.predict(X)
        assert calls
    finally:
        handle.remove()
    calls.clear()
    net.predict(X)
    assert not calls


# --- pools in modules of users -------------------------------------------------------------------


class Pooling(nn.Module):
    """Calls its pool in one of the ways that PyTorch knows."""

    def __init__(self, n_classes, way):
        super().__init__()
        self.way, self.pool = way, nn.MaxPool2d(2)
        self.conv, self.head = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(128, n_classes)

    def body(self, x):
        return self.pool(self.conv(x))

    def forward(self, x):
        if self.way == "by name":
            x = self.pool(input=self.conv(input=x))
        elif self.way == "checkpoint":
            x = checkpoint(self.body, x, use_reentrant=False)
        elif self.way == "vmap":
            x = torch.vmap(self.pool)(self.conv(x))
        else:
            x = self.body(x)
        return self.head(input=x.flatten(1))


@pytest.mark.parametrize("way", ["by name", "checkpoint", "vmap"])
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize("worth", [0, 2**10, 2**29])
def test_pools_are_called_in_any_way(way, precision, worth, monkeypatch):
    monkeypatch.setattr(pooling, "LEAST", 0)
    monkeypatch.setattr(pooling, "WORTH", worth)  # 2**10: from the middle of an epoch on
    monkeypatch.setattr(pooling.POOLING, "n_values", 0)
    net = ModuleClassifier(module=Pooling, module_params={"way": way}, precision=precision)
    net.set_params(max_epochs=2, batch_size=16, random_state=0).fit(X, y)
    plain = clone(net).set_params(module__way="").fit(X, y)
    np.testing.assert_allclose(net.loss_curve_, plain.loss_curve_, rtol=1e-3)
    assert net.predict(X).shape == (64,)
    assert type(net.net_.module_.features.module.pool) is nn.MaxPool2d
