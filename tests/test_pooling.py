"""The compiled max-pool: PyTorch's bits, in any shape, with any number of threads."""

import os
import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from common import small
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from skorch.callbacks import Callback
from torch.nn.functional import max_pool2d

from skfashion import (
    AttentionNetClassifier,
    ConvNetClassifier,
    ModuleClassifier,
    ResNetClassifier,
)
from skfashion.training import pooling

pytest.importorskip("numba", reason="The compiled max-pool needs numba, the extra 'fast'.")


@pytest.fixture
def at_once(monkeypatch):
    """Let kernels compute from the first value on."""
    for name in ("WORTH", "LEAST"):
        monkeypatch.setattr(pooling, name, 0)


def both(images, gradient, rectifies):
    """Return what PyTorch makes of images, and what the kernels make of them."""
    found = []
    follows = torch.relu if rectifies else torch.nn.Identity()
    ours = partial(pooling.Pooling(), rectifies=rectifies)
    for pool in (lambda x: follows(max_pool2d(x, 2)), ours):
        x = images.clone(memory_format=torch.preserve_format).requires_grad_()
        pooled = pool(x)
        pooled.backward(gradient)
        found += [pooled.detach(), x.grad]
    return found


VALUES = [0.0, -0.0, 1.0, -1.0, 1.0078125, 3e38, -3e38, 1e-40, -1e-40]
VALUES += [float("inf"), -float("inf"), float("nan")]


@given(
    n=st.integers(1, 5),
    c=st.integers(1, 40),
    sides=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    n_threads=st.integers(1, 3),
    rectifies=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_the_bits_are_those_of_pytorch(n, c, sides, n_threads, rectifies, seed):
    random = np.random.RandomState(seed)
    shape = n, c, *sides
    images = torch.tensor(random.choice(VALUES, shape) if seed % 2 else random.randn(*shape))
    images = images.to(torch.bfloat16).to(memory_format=torch.channels_last)
    shape = n, c, sides[0] // 2, sides[1] // 2
    gradient = torch.tensor(random.randn(*shape)).to(torch.bfloat16)
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WORTH", "LEAST"):
            patch.setattr(pooling, name, 0)
        torch.set_num_threads(n_threads)
        try:
            pooled, its_gradient, ours, our_gradient = both(images, gradient, rectifies)
        finally:
            torch.set_num_threads(before)
    # Of what is no number there are several.
    assert torch.equal(pooled.isnan(), ours.isnan())
    assert torch.equal(pooled.nan_to_num(7).view(torch.int16), ours.nan_to_num(7).view(torch.int16))
    assert torch.equal(its_gradient, our_gradient)


class Pooling(torch.nn.Module):
    """A user's module whose code calls its max-pool by itself."""

    def __init__(self, n_classes):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.pool = torch.nn.MaxPool2d(2)
        self.head = torch.nn.Linear(64, n_classes)

    def forward(self, x):
        """Return the logits."""
        return self.head(self.pool(self.conv(x).relu()).flatten(1))


NETS = [
    small(ConvNetClassifier, precision="bf16"),
    small(ResNetClassifier, stem_pool=True, precision="bf16"),
    small(AttentionNetClassifier, precision="bf16"),
    small(ModuleClassifier, module=Pooling, precision="bf16"),
]


@pytest.mark.parametrize("net", NETS, ids=lambda net: type(net).__name__)
def test_a_net_is_the_same_with_and_without(net, at_once, monkeypatch):
    random = np.random.RandomState(0)
    X, y = random.randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    given, used, fits = pooling._kernels, [], {}
    for name, kernels in {
        "with": lambda: used.append(1) or given(),
        "without": lambda: None,
    }.items():
        monkeypatch.setattr(pooling, "_kernels", kernels)
        fits[name] = clone(net).fit(X, y)
    assert used
    with_, without = (fit.net_.module_.state_dict() for fit in fits.values())
    assert all(torch.equal(with_[name], without[name]) for name in without)
    again = pickle.loads(pickle.dumps(fits["with"]))
    np.testing.assert_array_equal(again.predict_proba(X), fits["without"].predict_proba(X))


@pytest.mark.parametrize("sam_rho", [None, 0.05])
def test_a_training_that_changes_over_in_the_middle_is_the_same(sam_rho, monkeypatch):
    X, y = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    net, given, used = clone(NETS[0]).set_params(sam_rho=sam_rho), pooling._kernels, []
    plain = clone(net).fit(X, y)
    # An epoch pools a few thousand values: once in the second one, kernels begin.
    monkeypatch.setattr(pooling.POOLING, "n_values", 0)
    monkeypatch.setattr(pooling, "LEAST", 0)
    clone(net).set_params(max_epochs=1).fit(X, y)
    monkeypatch.setattr(pooling, "WORTH", int(1.5 * pooling.POOLING.n_values))
    monkeypatch.setattr(pooling.POOLING, "n_values", 0)
    monkeypatch.setattr(
        pooling, "_kernels", lambda: used.append(pooling.POOLING.n_values) or given()
    )
    changed = clone(net).fit(X, y)
    assert used and min(used) >= pooling.WORTH
    found, expected = (fit.net_.module_.state_dict() for fit in (changed, plain))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("shape", [(3, 4, 8, 8), (2, 5, 7, 5)])
def test_gradients_of_gradients_are_those_of_pytorch(shape, at_once):
    torch.manual_seed(0)
    images = torch.randn(shape).bfloat16().to(memory_format=torch.channels_last)
    found = []
    for pool in (
        lambda x: torch.relu(max_pool2d(x, 2)),
        partial(pooling.Pooling(), rectifies=True),
    ):

        def loss(x, pool=pool):
            return pool(x).float().pow(3).sum()

        x = images.clone(memory_format=torch.preserve_format).requires_grad_()
        (first,) = torch.autograd.grad(loss(x), x, create_graph=True)
        first.float().square().sum().backward()
        found.append((first.detach(), x.grad, torch.func.grad(loss)(images)))
    assert found[0][1].abs().sum() > 0
    assert all(torch.equal(*both) for both in zip(*found, strict=True))


def test_others_find_pytorchs_layer_in_a_module(at_once, monkeypatch):
    """Hooks on it are called, and after a step, or an error in it, it is what it was."""
    pools, inside, outside = [], [], []

    class Hooks(Callback):
        def on_train_begin(self, net, **kwargs):
            pools.append(net.module_.get_submodule("features.module.pool"))
            pools[0].register_forward_hook(lambda pool, *_: inside.append(type(pool)))

        def on_grad_computed(self, net, **kwargs):
            outside.append(type(pools[0]))
            if len(outside) == 2:
                monkeypatch.setattr(pooling, "_kernels", lambda: 1 / 0)

    net = clone(NETS[-1]).set_params(skorch_callbacks=[("hooks", Hooks())])
    X, y = np.random.RandomState(0).randint(0, 256, (96, 8, 8), np.uint8), np.arange(96) % 3
    with pytest.raises(ZeroDivisionError):
        net.fit(X, y)
    assert len(inside) == 2 and torch.nn.MaxPool2d not in inside
    assert outside == [torch.nn.MaxPool2d] * 2 and type(pools[0]) is torch.nn.MaxPool2d


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_a_module_that_compiles_itself(at_once, precision):
    """Compilers can follow neither the kernel nor what gives rows the same bits."""

    class Compiled(Pooling):
        forward = torch.compile(Pooling.forward, backend="eager")

    X, y = np.random.RandomState(0).randint(0, 256, (64, 8, 8), np.uint8), np.arange(64) % 3
    net = clone(NETS[-1]).set_params(precision=precision)
    plain = clone(net).fit(X, y)
    compiled = net.set_params(module=Compiled).fit(X, y)
    np.testing.assert_array_equal(compiled.loss_curve_, plain.loss_curve_)
    torch.compiler.reset()  # who compiles too often is not compiled any more
    np.testing.assert_allclose(compiled.predict_proba(X), plain.predict_proba(X), rtol=1e-5)


def test_what_is_left_to_pytorch(at_once):
    pools = pooling.Pooling()
    images = torch.randn(2, 3, 4, 4)
    last = images.to(memory_format=torch.channels_last)
    assert pools(last) is None  # float32
    assert pools(images.bfloat16()) is None  # channels first
    assert pools(last[:, :, :1].bfloat16()) is None  # a single row
    assert pools(last.bfloat16()) is not None


def test_little_is_not_worth_a_compiler(monkeypatch):
    asked = []
    monkeypatch.setattr(pooling, "_kernels", lambda: asked.append(1))
    monkeypatch.setattr(pooling, "LEAST", 0)
    monkeypatch.setattr(pooling, "WORTH", 100)
    pools = pooling.Pooling()
    images = torch.zeros(1, 3, 4, 4, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    for n_before in (0, 48, 96):
        assert not asked and pools.n_values == n_before
        assert pools(images) is None
    assert asked


def test_where_numba_does_not_work_pytorch_pools(at_once, monkeypatch):
    pooling._kernels.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "skfashion.training.kernels", raising=False)
    try:
        images = torch.zeros(1, 3, 4, 4, dtype=torch.bfloat16)
        assert pooling.Pooling()(images.to(memory_format=torch.channels_last)) is None
    finally:
        pooling._kernels.cache_clear()


PROGRAM = """
import torch
from skfashion.training import pooling
pooling.WORTH = pooling.LEAST = 0
torch.set_num_threads(5)
x = torch.randn(9, 8, 6, 6).bfloat16().to(memory_format=torch.channels_last)
assert torch.equal(pooling.Pooling()(x), torch.nn.functional.max_pool2d(x, 2))
"""


@pytest.mark.slow
def test_fewer_threads_than_asked_for_do_all_of_it():
    """OpenMP gives what the system allows: whoever divides by what was asked leaves images out."""
    subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, "OMP_THREAD_LIMIT": "2"}, check=True
    )
