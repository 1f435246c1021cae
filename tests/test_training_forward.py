"""First layers of a network, computed in training in ways of their own: the same numbers."""

import numpy as np
import pytest
import torch
from common import small
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch.callbacks import Callback
from torch import nn

from skfashion import (
    AttentionNetClassifier,
    ConvNetClassifier,
    MLPNetClassifier,
    ResNetClassifier,
)
from skfashion.nets import ConvNet
from skfashion.training import pooling, steps
from skfashion.training.forward import NormalizedConv, training_forward

CLASSIFIERS = [ConvNetClassifier, ResNetClassifier, AttentionNetClassifier]


def layers_of(c, m, kernel_size=3, stride=1, padding=1, momentum=0.1):
    """Return a convolution and a batch norm in float64 whose weights are drawn."""
    conv = nn.Conv2d(c, m, kernel_size, stride, padding, bias=False)
    norm = nn.BatchNorm2d(m, momentum=momentum)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return conv.double(), norm.double()


def found(forward, layers, images, target):
    """Return what is computed, and the gradients and running statistics after it."""
    conv, norm = layers
    conv.zero_grad(), norm.zero_grad(), norm.reset_running_stats()
    result = None
    for batch in images:
        result = forward(batch)
        (result - target).square().mean().backward()
    statistics = [buffer.clone() for buffer in norm.buffers()]
    return [result.detach(), conv.weight.grad, norm.weight.grad, norm.bias.grad, *statistics]


@given(
    c=st.integers(1, 3),
    m=st.integers(1, 20),
    kernel_size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    momentum=st.sampled_from([None, 0.1, 1.0]),
    offset=st.sampled_from([0, 100]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_a_convolution_and_its_batch_norm_as_one(seed, c, offset, **sizes):
    torch.manual_seed(seed)
    layers = layers_of(c, **sizes)
    images = torch.randn(2, 4, c, 5, 6, dtype=torch.float64) + offset
    target = torch.randn_like(layers[0](images[0]))
    theirs = found(nn.Sequential(*layers), layers, images, target)
    ours = found(NormalizedConv(*layers), layers, images, target)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_what_does_not_vary_stays_finite():
    layers = layers_of(1, 9)
    images = torch.full((1, 4, 1, 6, 6), 7.0, dtype=torch.float64)
    layers[0].padding = (0, 0)
    values = found(NormalizedConv(*layers), layers, images, 0.0)
    assert all(torch.isfinite(value).all() for value in values)


def test_a_filter_that_sees_no_difference_has_no_variance_below_zero():
    layers = [layer.float() for layer in layers_of(1, 50, padding=0)]
    with torch.no_grad():
        # Of images that are alike from left to right, all of these filters return 0.
        layers[0].weight[..., 2] = -layers[0].weight[..., :2].sum(-1)
    images = 1e5 * torch.randn(1, 4, 1, 8, 1).expand(1, 4, 1, 8, 8)
    values = found(NormalizedConv(*layers), layers, images, 0.0)
    assert all(torch.isfinite(value).all() for value in values)


def test_sixteen_bits_round_the_gradient_little():
    torch.manual_seed(0)
    layers = layers_of(1, 16)
    images = torch.randn(64, 1, 28, 28).double()
    gradient = torch.randn(64, 16, 28, 28).bfloat16()
    exact = torch.autograd.grad(
        nn.Sequential(*layers)(images), layers[0].weight, gradient.double()
    )[0]
    for layer in layers:
        layer.float()
    with torch.autocast("cpu", torch.bfloat16):
        result = NormalizedConv(*layers)(images.float())
    assert result.dtype is torch.bfloat16
    ours = torch.autograd.grad(result, layers[0].weight, gradient)[0]
    # 16 bits are off by up to 1/512, and more where sums are kept in them, too.
    assert (ours - exact).norm() / exact.norm() < 20 / 512


@pytest.mark.parametrize("cls", CLASSIFIERS)
@pytest.mark.parametrize("precision", ["fp64", "bf16"])
def test_a_net_is_the_same_up_to_rounding(cls, precision, monkeypatch):
    random = np.random.RandomState(0)
    X, y = random.randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    options = {"precision": precision, "max_epochs": 2}
    # A first layer with at least as many channels as a patch of it has pixels.
    options |= {"channels": (12, 16), "width": 32 if cls is AttentionNetClassifier else 16}
    options = {name: value for name, value in options.items() if name in cls().get_params()}
    fits, used = [], []
    ways = (lambda m: used.append(training_forward(m)) or used[-1], lambda m: (m, []))
    for wrap in ways:
        monkeypatch.setattr(steps, "training_forward", wrap)
        fits.append(small(cls, **options).fit(X, y))
    ours, theirs = fits
    assert all(forward is not ours.net_.module_ for forward, _ in used)
    tolerance = 1e-7 if precision == "fp64" else 0.05
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=tolerance
    )


def is_its_own(module):
    """Tell whether a network computes its logits by itself."""
    return training_forward(module)[0] is module


def test_hooks_see_what_their_layer_returns(monkeypatch):
    for name in ("WORTH", "LEAST"):  # where there are kernels, let them compute
        monkeypatch.setattr(pooling, name, 0)
    X, y = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    net = small(ConvNetClassifier, channels=(12, 16), precision="bf16").fit(X, y)
    module = net.net_.module_.train()
    assert not is_its_own(module)
    for layer in (module, module.features, *list(module.features)[:4]):
        seen = []
        handle = layer.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        # A hook on one of the first layers leaves the others their fast ways.
        is_inside = layer not in (module, module.features)
        assert is_its_own(module) != is_inside
        with torch.autocast("cpu", torch.bfloat16):
            training_forward(module)[0](torch.zeros(2, 1, 8, 8))
        handle.remove()
        assert len(seen) == 1


def test_layers_of_the_net_are_plain_ones_of_pytorch():
    X, y = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    module = small(ConvNetClassifier).fit(X, y).net_.module_
    # Tools such as captum know layers by their very class.
    kinds = [type(layer) for layer in module.features]
    assert kinds[:4] == [nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.ReLU]
    assert not any("forward" in vars(layer) for layer in module.modules())


def test_hooks_of_all_layers_and_those_that_come_late_are_called():
    X, y = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    seen = []

    class Late(Callback):
        def on_batch_begin(self, net, batch=None, training=None, **kwargs):
            if training and not seen:
                first = net.module_.features[0]
                first.register_forward_hook(lambda *_: seen.append("late"))
                seen.append("begun")

    net = small(ConvNetClassifier, channels=(12, 16), max_epochs=1, skorch_callbacks=[Late()])
    net.fit(X, y)
    assert seen == ["begun", "late", "late"]
    module = net.net_.module_.train()
    module.features[0]._forward_hooks.clear()
    assert not is_its_own(module)
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert is_its_own(module)
    finally:
        handle.remove()


# Of a perceptron all that can be written out.
PLAIN = {"max_epochs": 1, "batch_norm": False, "dropout": 0.0}


@pytest.mark.parametrize("cls", [MLPNetClassifier, ConvNetClassifier])
@pytest.mark.parametrize("event", ["on_batch_begin", "on_grad_computed"])
def test_what_a_callback_changes_in_an_epoch_counts_from_the_next_batch_on(cls, event):
    X, y = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    seen, weights, kept = [], [], []

    def listen(callback, net, batch=None, training=True, **kwargs):
        weight = net.module_.head.weight
        if not kept:
            weight.requires_grad_(False)
            layer = net.module_.features[-1]
            layer.register_forward_hook(lambda *_: seen.append(1))
        weights.append(weight.detach().clone())
        kept.append(batch[0])

    listener = type("Listener", (Callback,), {event: listen})()
    small(cls, **PLAIN, batch_size=16, skorch_callbacks=[listener]).fit(X, y)
    assert len(kept) == 4 and len(seen) == 3 + (event == "on_batch_begin")
    assert all(torch.equal(weights[1], weight) for weight in weights[2:])
    # A batch that is kept stays what it was.
    assert not any(torch.equal(kept[0], batch) for batch in kept[1:])


def test_a_state_that_is_loaded_in_an_epoch_counts():
    X, y = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    averages = []

    class Rollback(Callback):
        def on_batch_end(self, net, training=None, **kwargs):
            state = net.optimizer_.state_dict()
            for its in state["state"].values():
                averages.append(float(its["exp_avg"].max()))
                its["exp_avg"] = torch.full_like(its["exp_avg"], 1e3)
            net.optimizer_.load_state_dict(state)

    own = {"optimizer": "adam", "skorch_callbacks": [Rollback()]}
    small(MLPNetClassifier, **PLAIN, **own).fit(X, y)
    # A tenth of them is forgotten in the second of two steps.
    first, second = averages[: len(averages) // 2], averages[len(averages) // 2 :]
    assert max(first) < 10 and all(800 < value < 950 for value in second)


@pytest.mark.parametrize("cls", [MLPNetClassifier, ConvNetClassifier])
def test_a_method_that_is_put_on_a_layer_is_called(cls):
    X, y = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    seen = []

    def doubled(head, x):
        seen.append(len(x))
        return 2 * type(head).forward(head, x)

    class Doubles(Callback):
        def on_train_begin(self, net, **kwargs):
            head = net.module_.head
            head.forward = lambda x: doubled(head, x)

    net = small(cls, **PLAIN, skorch_callbacks=[Doubles()]).fit(X, y)
    assert len(seen) == 2
    with_it = net.decision_function(X)
    assert len(seen) > 2
    del net.net_.module_.head.forward
    np.testing.assert_allclose(with_it, 2 * net.decision_function(X), rtol=1e-4, atol=1e-5)
    net.net_.module_.head.forward = lambda x: (
        0 * type(net.net_.module_.head).forward(net.net_.module_.head, x)
    )
    assert not net.decision_function(X).any()


def test_a_network_with_a_forward_of_its_own_keeps_it():
    X, y = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    net = small(ConvNetClassifier, channels=(12, 16), max_epochs=1).fit(X, y)
    module = net.net_.module_.train()
    assert not is_its_own(module)
    module.__class__ = type("Doubled", (ConvNet,), {"transform": lambda self, x: 2 * x})
    assert is_its_own(module)
