"""The fast ways compute what the plain ones do: gradients, updates, folded layers, precisions."""

import copy
import pickle
import shutil

import numpy as np
import pytest
import torch
from common import small, weights_of
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.nets import MLP, ConvNet
from skfashion.nets.layers import Standardize
from skfashion.training import BatchIterator, ImageDataset, arithmetic
from skfashion.training.criterion import WeightedCrossEntropy
from skfashion.training.dense import ACTIVATIONS, DenseGradients, dense_layers
from skfashion.training.inference import fold_batch_norm
from skfashion.training.optimizers import OPTIMIZERS, make_update


def mlp(sizes=(6, 5), activation="relu", n_channels=1):
    module = MLP(
        (n_channels, 3, 4),
        4,
        hidden_layer_sizes=sizes,
        activation=activation,
        batch_norm=False,
        dropout=0.0,
    ).double()
    module.initialize(torch.Generator().manual_seed(0))
    module.standardize.set_statistics([3.0] * n_channels, [2.0] * n_channels)
    return module


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@given(
    colour=st.booleans(),
    integers=st.booleans(),
    sizes=st.lists(st.integers(1, 9), max_size=3),
    n_rows=st.integers(1, 12),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    weighted=st.booleans(),
    has_offset=st.booleans(),
    distilled=st.sampled_from([None, (1.0, 1.0), (0.3, 4.0)]),
    seed=st.integers(0, 1000),
)
def test_gradients_written_out_are_those_of_autograd(
    activation, colour, integers, sizes, n_rows, smoothing, weighted, has_offset, distilled, seed
):
    generator = torch.Generator().manual_seed(seed)
    n_channels = 3 if colour else 1
    images = torch.randn(n_rows, n_channels, 3, 4, generator=generator, dtype=torch.float64)
    if integers:
        images = (40 * images + 128).clamp(0, 255).to(torch.uint8)
    targets = torch.randint(4, (n_rows,), generator=generator)
    weight = torch.rand(n_rows, generator=generator, dtype=torch.float64) if weighted else None
    module = mlp(sizes, activation, n_channels)
    offset = torch.randn(4, generator=generator, dtype=torch.float64) if has_offset else None
    share, temperature = distilled or (1.0, 1.0)
    criterion = WeightedCrossEntropy(
        label_smoothing=smoothing, offset=offset, soft_weight=share, temperature=temperature
    )
    logits = torch.randn(n_rows, 4, generator=generator, dtype=torch.float64)
    soft_targets = logits.softmax(1) if distilled else None
    expected = criterion(module(images), targets, weight, soft_targets)
    expected.backward()
    grads = [parameter.grad.clone() for parameter in module.parameters()]

    gradients = DenseGradients(module, dense_layers(module), criterion)
    for _ in range(2):  # its buffers are used again
        loss, logits = gradients(images, targets, weight, soft_targets)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(logits, module(images).detach())
    for parameter, grad in zip(module.parameters(), grads, strict=True):
        torch.testing.assert_close(parameter.grad, grad)


def test_networks_with_other_layers_are_left_to_autograd():
    assert len(dense_layers(mlp(()))) == 1
    assert len(dense_layers(mlp((5, 5)))) == 3
    assert dense_layers(mlp(activation="gelu")) is None
    common = {"hidden_layer_sizes": (5,), "activation": "relu"}
    assert dense_layers(MLP((1, 3, 4), 4, batch_norm=True, dropout=0.0, **common)) is None
    assert dense_layers(MLP((1, 3, 4), 4, batch_norm=False, dropout=0.5, **common)) is None
    conv = {"channels": (3,), "depth": 1, "kernel_size": 3, "conv_dropout": 0.0}
    conv["batch_norm"] = False
    assert dense_layers(ConvNet((1, 3, 4), 4, dropout=0.0, **common, **conv)) is None
    assert set(ACTIVATIONS) == {nn.Identity, nn.Sigmoid, nn.Tanh, nn.ReLU}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {"weight_decay": 0.1}),
        ("adamw", {"weight_decay": 0.1}),
        ("sgd", {}),
        ("sgd", {"momentum": 0.9, "weight_decay": 0.1}),
        ("sgd", {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_an_update_is_the_step_of_the_optimizer(name, options):
    one, two = mlp(), mlp()
    options = {"lr": 0.01, "fused": True, **options}
    plain = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[name]
    plain, ours = plain(one.parameters(), **options), OPTIMIZERS[name](two.parameters(), **options)
    update = make_update(ours)
    assert update != ours.step
    for step in range(4):
        plain.param_groups[0]["lr"] = ours.param_groups[0]["lr"] = 0.01 / (step + 1)
        for module in (one, two):
            for i, parameter in enumerate(module.parameters()):
                generator = torch.Generator().manual_seed(10 * step + i)
                shape = parameter.shape
                parameter.grad = torch.randn(shape, generator=generator, dtype=torch.float64)
        plain.step()
        update()
        update = make_update(ours)  # as at the beginning of each epoch
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    assert str(plain.state_dict()) == str(ours.state_dict())


def test_optimizers_that_are_watched_or_a_users_take_their_own_step():
    hooked = OPTIMIZERS["adam"](mlp().parameters(), fused=True)
    hooked.register_step_post_hook(lambda *arguments: None)
    assert make_update(hooked) == hooked.step
    scheduled = OPTIMIZERS["sgd"](mlp().parameters(), lr=0.1)
    torch.optim.lr_scheduler.StepLR(scheduled, 1)
    assert make_update(scheduled) is scheduled.step
    assert make_update(torch.optim.LBFGS(mlp().parameters())) is None


def test_a_watched_training_is_the_same_as_one_that_is_not(any_class, digits):
    """Hooks of a user's on layers choose the slower route, which leads to the same place."""
    from skorch.callbacks import Callback

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            self.seen = []
            net.module_.head.register_forward_hook(lambda m, x, out: self.seen.append(len(out)))

    X, y = digits
    params = {"batch_norm": False, "precision": "fp64", "max_epochs": 2}
    plain = small(any_class, **params).fit(X, y)
    watched = small(any_class, skorch_callbacks=[Watch()], **params).fit(X, y)
    assert sum(watched.net_.callbacks_[0][1].seen) == 2 * len(X)
    np.testing.assert_allclose(weights_of(watched), weights_of(plain), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("event", ["on_epoch_begin", "on_batch_end", "on_grad_computed"])
def test_weights_that_a_callback_moves_in_memory_are_trained_on(event, digits):
    from skorch.callbacks import Callback

    def move(self, net, **about):
        for parameter in net.module_.parameters():
            parameter.data = parameter.data.clone()

    X, y = digits
    net = small(MLPNetClassifier, hidden_layer_sizes=(8, 8), batch_norm=False)
    mover = type("Mover", (Callback,), {event: move})()
    moved = copy.deepcopy(net).set_params(skorch_callbacks=[mover]).fit(X, y)
    np.testing.assert_array_equal(weights_of(moved), weights_of(net.fit(X, y)))


def test_hooks_on_parameters_are_heard(digits):
    from skorch.callbacks import Callback

    class Erase(Callback):
        def on_train_begin(self, net, **kwargs):
            net.module_.head.weight.register_hook(lambda grad: 0 * grad)

    X, y = digits
    params = {"batch_norm": False, "weight_decay": 0.0, "max_epochs": 1}
    erased = small(MLPNetClassifier, skorch_callbacks=[Erase()], **params).fit(X, y)
    start = small(MLPNetClassifier, lr=1e-30, batch_norm=False, max_epochs=1).fit(X, y)
    head = start.net_.module_.head
    assert torch.equal(erased.net_.module_.head.weight, head.weight)
    assert not torch.equal(erased.net_.module_.head.bias, head.bias)


def test_a_listener_may_ask_for_predictions_and_keep_batches(any_class, digits):
    from skorch.callbacks import Callback

    class Ask(Callback):
        def initialize(self):
            self.kept = []
            return self

        def on_batch_end(self, net, batch, training, **kwargs):
            if training:
                net.predict(batch[0])
                net.inference_module()(batch[0])
                self.kept.append(batch[0])

        def on_epoch_begin(self, net, **kwargs):
            net.optimizer_.zero_grad()

    X, y = digits
    params = {"dropout": 0.3, "label_smoothing": 0.1}
    for batch_norm in (True, False):
        params["batch_norm"] = batch_norm
        plain = small(any_class, **params).fit(X, y)
        asked = small(any_class, skorch_callbacks=[Ask()], **params).fit(X, y)
        np.testing.assert_allclose(weights_of(asked), weights_of(plain), rtol=1e-4, atol=1e-6)
    kept = torch.cat(asked.net_.callbacks_[0][1].kept)
    assert sorted(kept.flatten(1).tolist()) == sorted(np.repeat(X, 3, axis=0).tolist())


@pytest.mark.parametrize("pool", [(4, 4), (3, 5)])
def test_folded_batch_norm_computes_the_same(pool):
    module = ConvNet(
        (3, *pool),
        5,
        channels=(4, 6),
        depth=2,
        kernel_size=3,
        hidden_layer_sizes=(7,),
        activation="relu",
        batch_norm=True,
        conv_dropout=0.2,
        dropout=0.2,
    ).double()
    module.initialize(torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    module.use_generator(generator)
    images = torch.randn(20, 3, *pool, generator=generator, dtype=torch.float64)
    module.train()
    for _ in range(3):
        module(images)  # running statistics other than 0 and 1
    module.eval()
    before = copy.deepcopy(module.state_dict())
    folded = fold_batch_norm(module)
    assert not any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in folded.modules())
    torch.testing.assert_close(folded(images), module(images))
    torch.testing.assert_close(folded.transform(images), module.transform(images))
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])
    plain = mlp()
    assert fold_batch_norm(plain) is plain


def test_predictions_follow_weights_that_are_changed_by_hand(any_class, digits):
    X, y = digits
    net = small(any_class).fit(X, y)
    before = net.predict_proba(X)
    assert not np.allclose(before, 0.1)
    for parameter in net.net_.module_.parameters():
        parameter.data.mul_(0)  # which PyTorch's own count of changes does not see
    np.testing.assert_allclose(net.predict_proba(X), 0.1)
    net.partial_fit(X[:1], y[:1])
    assert not np.allclose(net.predict_proba(X), 0.1)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_predictions_written_out_are_those_of_the_modules(activation, batch_norm, digits):
    X, y = digits
    net = small(MLPNetClassifier, activation=activation, batch_norm=batch_norm).fit(X, y)
    images = torch.tensor(X).view(-1, 1, 8, 8)
    plain = fold_batch_norm(net.net_.module_)
    fast = net.net_.inference_module()
    assert not isinstance(fast, nn.Module)
    with torch.inference_mode():
        torch.testing.assert_close(fast(images), plain(images))
        torch.testing.assert_close(fast.transform(images), plain.transform(images))


@pytest.mark.parametrize("batch_norm", [True, False])
def test_predictions_see_hooks_and_exchanged_layers(batch_norm, digits):
    X, y = digits
    net = small(MLPNetClassifier, batch_norm=batch_norm).fit(X, y)
    module, seen = net.net_.module_, []
    net.predict(X)
    for watched in (module, module.features[1]):
        handle = watched.register_forward_hook(lambda *args: seen.append(args))
        net.predict(X[:200])  # a single block on every processor
        handle.remove()
    assert len(seen) == 2
    # A layer without weights is exchanged, then one with.
    module.features[-1] = nn.Identity()
    assert (net.transform(X) < 0).any()
    module.features[-1] = nn.ReLU()
    assert (net.transform(X) >= 0).all()
    module.head = nn.Linear(module.head.in_features, module.head.out_features)
    nn.init.zeros_(module.head.weight)
    nn.init.zeros_(module.head.bias)
    np.testing.assert_allclose(net.predict_proba(X), 0.1)
    module.double()
    np.testing.assert_allclose(net.predict_proba(X), 0.1)


def test_predict_goes_on_with_smaller_blocks_when_memory_runs_out(digits, monkeypatch):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    expected, sizes = net.predict_proba(X), []
    module = net.net_.module_
    monkeypatch.setattr(type(module), "inference_block_size", 256)

    def too_large(module, args):
        sizes.append(len(args[0]))
        if len(args[0]) > 64:
            raise torch.OutOfMemoryError("simulated")

    module.register_forward_pre_hook(too_large)
    np.testing.assert_allclose(net.predict_proba(X), expected, rtol=1e-5)
    assert sizes == [256, 128, 64, 64, 64, 64, 44]  # 300 rows

    def always(module, args):
        raise torch.OutOfMemoryError("simulated")

    module.register_forward_pre_hook(always)
    with pytest.raises(torch.OutOfMemoryError):
        net.predict(X)


@pytest.mark.parametrize("n_rows", [3, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_are_exact_whoever_computes_them(n_rows, dtype, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x, grad = (torch.randn(n_rows, size, generator=generator).to(dtype) for size in (784, 128))
    weight, bias = torch.randn(128, 784, generator=generator).to(dtype), torch.arange(128).to(dtype)
    before = torch.backends.mkldnn.matmul.fp32_precision
    for better in (True, False):
        monkeypatch.setattr(arithmetic, "onednn_is_better", lambda better=better: better)
        values = torch.empty(128, n_rows, dtype=dtype)
        values = arithmetic.product(weight, x.t(), values, bias.unsqueeze(1))
        columns = torch.empty(128, 784, dtype=dtype)
        columns = arithmetic.product(grad.t().contiguous(), x, columns)
        for found, exact in (
            (values, weight.double() @ x.double().t() + bias.double().unsqueeze(1)),
            (columns, grad.double().t() @ x.double()),
        ):
            assert found.dtype is dtype
            assert (found - exact).abs().max() / exact.abs().max() < 2e-6
    assert torch.backends.mkldnn.matmul.fp32_precision == before


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler.")
def test_a_compiled_network_learns_the_same(digits):
    X, y = digits
    plain = small(ConvNetClassifier, precision="fp32").fit(X, y)
    net = small(ConvNetClassifier, precision="fp32", compile=True).fit(X, y)
    np.testing.assert_allclose(net.loss_curve_, plain.loss_curve_, rtol=1e-3)
    assert len(pickle.dumps(net)) < 100_000


@pytest.mark.parametrize("precision", ["auto", "fp32", "fp64", "bf16", "fp16"])
def test_every_precision_learns(learning_class, digits, precision):
    X, y = digits
    net = small(learning_class, precision=precision, max_epochs=8, lr=1e-2).fit(X, y)
    assert net.score(X, y) > 0.35  # guessing: 0.1
    dtype = torch.float64 if precision == "fp64" else torch.float32
    assert {p.dtype for p in net.net_.module_.parameters()} == {dtype}
    proba = net.predict_proba(X)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba.sum(1), 1)


def test_auto_precision_is_bfloat16_in_training_of_convolutions_only(digits, monkeypatch):
    X, y = digits

    def trained(cls, precision, has_bfloat16):
        monkeypatch.setattr(
            "skfashion.training.arithmetic.has_bfloat16", lambda device: has_bfloat16
        )
        return weights_of(small(cls, precision=precision).fit(X, y))

    fp32 = trained(ConvNetClassifier, "fp32", True)
    bf16 = trained(ConvNetClassifier, "bf16", False)
    assert not np.array_equal(fp32, bf16)
    np.testing.assert_array_equal(trained(ConvNetClassifier, "auto", False), fp32)
    np.testing.assert_array_equal(trained(ConvNetClassifier, "auto", True), bf16)
    fp32 = trained(MLPNetClassifier, "fp32", True)
    np.testing.assert_array_equal(trained(MLPNetClassifier, "auto", True), fp32)


def test_auto_precision_predicts_in_float32(digits):
    X, y = digits
    net = small(ConvNetClassifier).fit(X, y)
    same = copy.deepcopy(net)
    same.net_.inference_dtype = torch.bfloat16
    logits = net.net_.module_(torch.from_numpy(X.copy()).view(-1, 1, 8, 8)).detach().double()
    np.testing.assert_allclose(net.decision_function(X), logits.numpy(), atol=1e-4)
    assert not np.allclose(same.decision_function(X), logits.numpy(), atol=1e-4)


@given(
    n_rows=st.integers(1, 50),
    batch_size=st.integers(1, 60),
    colour=st.booleans(),
    subset=st.booleans(),
    reuse=st.booleans(),
    seed=st.integers(0, 99),
)
def test_batches_hold_every_row_once(n_rows, batch_size, colour, subset, reuse, seed):
    generator = torch.Generator().manual_seed(seed)
    shape = (n_rows, 2, 3, 3) if colour else (n_rows, 2, 3, 1)
    images = torch.randint(256, shape, generator=generator).to(torch.uint8).permute(0, 3, 1, 2)
    targets = torch.arange(n_rows)
    rows = torch.arange(0, n_rows, 2) if subset else None
    weights = torch.rand(n_rows, generator=generator)
    dataset = ImageDataset(images, targets, weights, rows)
    seen = []
    order = torch.Generator().manual_seed(seed)
    for batch in BatchIterator(dataset, batch_size, order, reuse=reuse):
        x, y = batch
        assert torch.equal(x, images[y]) and torch.equal(batch.weight, weights[y])
        seen += y.tolist()
    assert sorted(seen) == (list(range(0, n_rows, 2)) if subset else list(range(n_rows)))


def test_weighted_loss_is_the_formula():
    generator = torch.Generator().manual_seed(0)
    logits, weight = torch.randn(9, 4, generator=generator), torch.rand(9, generator=generator)
    targets = torch.arange(9) % 4
    losses = cross_entropy(logits, targets, reduction="none")
    expected = (losses * weight).sum() / weight.sum()
    torch.testing.assert_close(WeightedCrossEntropy()(logits, targets, weight), expected)


def test_fit_says_which_batch_size_fits_when_memory_runs_out(digits, monkeypatch):
    X, y = digits
    forward = Standardize.forward

    def too_large(module, x):
        if len(x) > 20:
            raise torch.OutOfMemoryError("simulated")
        return forward(module, x)

    monkeypatch.setattr(Standardize, "forward", too_large)
    net = small(ConvNetClassifier, batch_size=100)
    with pytest.raises(MemoryError, match="Got batch_size=100.*use batch_size=12, which fits"):
        net.fit(X, y)
    assert not hasattr(net, "net_")
    assert net.set_params(batch_size=12).fit(X, y).n_iter_ == 3
