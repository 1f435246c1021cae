"""Networks: shapes for every size of image, and what each architecture promises."""

import re

import numpy as np
import pytest
import torch
from common import small, weights_of
from hypothesis import given
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from skfashion import (
    AttentionNetClassifier,
    ConvNetClassifier,
    ResNetClassifier,
    TorchvisionClassifier,
)
from skfashion.datasets import load_fashion_sample
from skfashion.fitting.initial_weights import begin_with
from skfashion.nets import AttentionNet, ResNet, TorchvisionNet
from skfashion.nets.attention import MAX_PLAIN, attend
from skfashion.nets.layers import StochasticDepth, StridedConv2d
from skfashion.nets.residual import BLOCKS, Residual
from skfashion.training.inference import fold_batch_norm


def resnet(image_shape=(1, 8, 8), **params):
    defaults = {"width": 4, "depth": (1, 1), "block": "basic", "stem_stride": 1, "stem_pool": True}
    defaults |= {"stochastic_depth": 0.0, "dropout": 0.0}
    return drawn(ResNet(image_shape, 5, **(defaults | params)))


def attention(image_shape=(1, 8, 8), **params):
    defaults = {"width": 8, "depth": 2, "n_heads": 2, "mlp_ratio": 2.0, "n_stem_blocks": 1}
    defaults |= {"stochastic_depth": 0.0, "dropout": 0.0}
    return drawn(AttentionNet(image_shape, 5, **(defaults | params)))


def drawn(module):
    module.initialize(torch.Generator().manual_seed(0))
    return module


SHAPES = st.tuples(st.sampled_from([1, 2, 3]), st.integers(1, 19), st.integers(1, 19))


@given(
    image_shape=SHAPES,
    block=st.sampled_from(sorted(BLOCKS)),
    stem_stride=st.sampled_from([1, 2]),
    stem_pool=st.booleans(),
    depth=st.lists(st.integers(1, 2), min_size=1, max_size=4),
)
def test_resnets_take_any_size(image_shape, block, depth, **stem):
    module = resnet(image_shape, block=block, depth=tuple(depth), **stem).eval()
    images = torch.rand(3, *image_shape)
    assert module(images).shape == (3, 5)
    assert module.transform(images).shape == (3, module.n_features_out)
    assert module.n_features_out == 4 * 2 ** (len(depth) - 1)


def test_a_stem_pools_or_strides():
    def first_layers(**params):
        return [type(layer).__name__ for layer in resnet(**params).features][:4]

    rest = ["Residual", "Residual"]
    pooled = ["Conv2d", "BatchNorm2d", "MaxPool2d", "ReLU"]
    assert first_layers(stem_stride=2) == pooled
    assert first_layers(stem_stride=2, block="preact") == ["Conv2d", "MaxPool2d", *rest]
    plain = ["Conv2d", "BatchNorm2d", "ReLU", "Residual"]
    for params in ({"stem_stride": 2, "stem_pool": False}, {"stem_stride": 1}):
        assert first_layers(**params) == plain
    assert resnet(stem_stride=2, stem_pool=False).features[0].kernel_size == (4, 4)


@given(image_shape=SHAPES, n_stem_blocks=st.integers(1, 4))
def test_transformers_take_any_size(image_shape, n_stem_blocks):
    module = attention(image_shape, n_stem_blocks=n_stem_blocks).eval()
    images = torch.rand(3, *image_shape)
    assert module(images).shape == (3, 5)
    assert module.transform(images).shape == (3, 8)


@pytest.mark.parametrize("block", sorted(BLOCKS))
def test_folded_resnets_compute_the_same(block):
    module = resnet(block=block, depth=(2, 2)).double()
    images = torch.rand(
        16, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    module.train()
    for _ in range(3):
        module(images)
    module.eval()
    folded = fold_batch_norm(module)
    torch.testing.assert_close(folded(images), module(images))
    assert sum("BatchNorm" in type(m).__name__ for m in folded.modules()) < sum(
        "BatchNorm" in type(m).__name__ for m in module.modules()
    )


def test_a_resnet_of_the_published_size():
    # ResNet-20 for 32 x 32 images has 0.27 million weights (He et al., table 6).
    module = resnet((3, 32, 32), width=16, depth=(3, 3, 3))
    n_weights = sum(p.numel() for p in module.parameters())
    assert 0.26e6 < n_weights < 0.29e6


def test_a_transformer_sees_order_and_whole_images():
    module = attention(depth=1).eval()
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    halves = torch.cat([image[:, :, :, 4:], image[:, :, :, :4]], 3)
    assert not torch.allclose(module(image), module(halves), atol=1e-4)
    # A change in one corner reaches every token through attention: the logits are no average of
    # what each corner says by itself.
    corner = image.clone()
    corner[:, :, :2, :2] += 1
    other = image.clone()
    other[:, :, -2:, -2:] += 1
    both = corner + other - image
    one = module(corner) + module(other) - module(image)
    assert not torch.allclose(module(both), one, atol=1e-4)


def test_stochastic_depth_drops_rows_in_training_only():
    layer = StochasticDepth(0.3)
    layer.generator = torch.Generator().manual_seed(0)
    x = torch.ones(10_000, 2, 3)
    assert torch.equal(layer.eval()(x), x)
    found = layer.train()(x)
    rows = found.flatten(1)
    assert ((rows == 0).all(1) | torch.isclose(rows, torch.tensor(1 / 0.7)).all(1)).all()
    assert abs((rows[:, 0] == 0).float().mean() - 0.3) < 0.02


@pytest.mark.parametrize("n_tokens", [3, MAX_PLAIN, MAX_PLAIN + 1])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_attention_of_few_and_of_many_tokens(n_tokens, dtype):
    generator = torch.Generator().manual_seed(0)
    parts = torch.randn(3, 2, 2, n_tokens, 8, dtype=torch.float64, generator=generator)
    queries, keys, values = parts
    shares = torch.einsum("nhsd,nhtd->nhst", queries, keys).div(8**0.5).softmax(3)
    expected = torch.einsum("nhst,nhtd->nhsd", shares, values)
    given = parts.to(dtype).requires_grad_()
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            found = attend(*given)
        coarse = dtype is torch.bfloat16 or autocast
        assert autocast or found.dtype is dtype
        torch.testing.assert_close(found.double(), expected, atol=0.05 if coarse else 1e-5, rtol=0)
        (gradient,) = torch.autograd.grad(found.sum(), given)
        assert gradient.dtype is dtype
        assert gradient.isfinite().all()


@pytest.mark.parametrize("make", [resnet, attention])
def test_stochastic_depth_grows_with_the_number_of_the_block(make):
    for depth, expected in ((1, [0.3]), (3, [0.1, 0.2, 0.3])):
        depth = (depth,) if make is resnet else depth
        module = make(depth=depth, stochastic_depth=0.3)
        found = [m.p for m in module.modules() if isinstance(m, StochasticDepth)]
        assert sorted(set(found)) == pytest.approx(expected)


# Convolutions, norms and activations in the order in which a block names them: what follows the
# sum, what comes before the residual function, that function, and the shortcut.
@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("basic", ["cbr", "r cbrcb", "r cbrcb cb", ""]),  # He et al., CVPR 2016
        ("preact", ["c", "br cbrc", "br cbrc c", "br"]),  # He et al., ECCV 2016
    ],
)
def test_layers_stand_where_they_were_published(block, expected):
    kinds = {"Conv2d": "c", "BatchNorm2d": "b", "ReLU": "r"}
    module = resnet(block=block)
    found = "".join(kinds.get(type(layer).__name__, "") for layer in module.modules())
    assert found == "".join(expected).replace(" ", "")


def test_a_shortcut_that_reshapes_starts_behind_the_first_activation():
    # He et al., ECCV 2016: only shortcuts that keep the shape bypass norm and activation.
    block = Residual(4, 8, (2, 2), block="preact", drop=0).eval()
    x = torch.rand(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(-x), block(-2 * x))
    assert not torch.allclose(block(x), block(2 * x))
    block = Residual(4, 4, (1, 1), block="preact", drop=0).eval()
    assert torch.allclose(block(-x) - block(-2 * x), x)


@pytest.mark.parametrize("cls", [ResNetClassifier, AttentionNetClassifier])
def test_random_layers_draw_from_the_fits_own_generator(cls, digits):
    X, y = digits[0][:100], digits[1][:100]
    params = {"stochastic_depth": 0.3, "dropout": 0.2, "depth": 2}
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = cls(**params, width=8, max_epochs=2, random_state=0).fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    two = cls(**params, width=8, max_epochs=2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(weights_of(one), weights_of(two))
    plain = cls(depth=2, width=8, max_epochs=2, random_state=0).fit(X, y)
    assert not np.array_equal(weights_of(one), weights_of(plain))


def test_width_must_suit_the_heads(digits):
    with pytest.raises(ValueError, match=r"width=10 and n_heads=4, expected a width"):
        AttentionNetClassifier(width=10).fit(*digits)


FAMILIES = [
    "resnet18",
    "regnet_y_400mf",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "densenet121",
    "convnext_tiny",
]


@pytest.mark.parametrize("backbone", FAMILIES)
@pytest.mark.parametrize("n_channels", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_families_of_torchvision_take_small_images(backbone, n_channels):
    params = {"backbone": backbone, "freeze": 2, "layer_lr_decay": 0.5}
    module = TorchvisionNet((n_channels, 28, 28), 7, **params)
    assert module.head.weight.shape[0] == 7
    module.initialize(torch.Generator().manual_seed(0))
    module.eval()
    with torch.no_grad():
        assert module(torch.rand(2, n_channels, 28, 28)).isfinite().all()
    assert all(p.isfinite().all() for p in module.parameters())
    frozen = [name for name, p in module.named_parameters() if not p.requires_grad]
    assert frozen
    assert not [name for name in frozen if name.startswith("head")]
    factors = [factor for _, factor in module.lr_factors]
    np.testing.assert_allclose(np.divide(factors[:-1], factors[1:]), 0.5)
    assert factors[-1] == 0.5
    layers = [type(layer).__module__ for layer in module.modules()]
    assert "torch.nn.modules.dropout" not in layers
    assert "torchvision.ops.stochastic_depth" not in layers


@pytest.mark.parametrize(
    "backbone",
    ["vit_b_16", "alexnet", "inception_v3", "shufflenet_v2_x0_5", "mnasnet0_5", "vgg11", "resnt18"],
)
@pytest.mark.parametrize("weights", [None, "DEFAULT", "no_such_file.pt"])
def test_other_architectures_are_refused_by_name(backbone, weights, digits):
    accepted = rf"Got backbone='{backbone}', expected one of .* families.*: .*resnet18, "
    with pytest.raises(ValueError, match=accepted):
        TorchvisionClassifier(backbone=backbone, weights=weights, max_epochs=1).fit(*digits)


def test_steps_along_a_single_pixel_change_nothing():
    torch.manual_seed(0)
    for shape in ((1, 1), (1, 5), (5, 1), (6, 7)):
        layer = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)
        x = torch.randn(2, 3, *shape)
        expected = layer(x)
        layer.__class__ = StridedConv2d
        torch.testing.assert_close(layer(x), expected)


@pytest.mark.slow
def test_deep_backbones_train_on_strips_in_bfloat16():
    # With steps along their single pixel, gradients were NaN in most of such trainings.
    X = np.random.RandomState(0).randn(100, 2)
    y = X[:, 0] > 0
    for seed in range(2):
        net = TorchvisionClassifier(max_epochs=1, precision="bf16", random_state=seed).fit(X, y)
        assert np.isfinite(weights_of(net)).all()


def stop(estimator, X, y):
    raise KeyboardInterrupt


def fine_tuned(**params):
    return small(TorchvisionClassifier, **({"backbone": "resnet18", "max_epochs": 1} | params))


@pytest.fixture
def few(digits):
    X, y = digits
    return X[:40], y[:40]


@pytest.mark.slow
def test_frozen_parts_keep_weights_and_statistics(few):
    X, y = few
    with pytest.warns(UserWarning, match="Got freeze='backbone' without weights"):
        net = fine_tuned(lr=1e-30, max_epochs=1, freeze="backbone", warm_start=True).fit(X, y)
    net.fit(X, y)  # goes on from what is there: no warning
    start = net.net_.module_.state_dict()
    frozen = FrozenEstimator(net)
    for freeze in ("backbone", 2):
        module = fine_tuned(freeze=freeze, init_from=frozen).fit(X, y).net_.module_
        after = module.state_dict()
        same = {name for name in start if torch.equal(start[name], after[name])}
        assert not {name for name in same if name.startswith("head")}
        if freeze == "backbone":
            assert {name for name in start if name.startswith("features")} <= same
        else:
            parts = {name.split(".")[1] for name in start if name.startswith("features")}
            changed = {n.split(".")[1] for n in start if n.startswith("features") and n not in same}
            assert len(parts - changed) == 2


def test_freezing_random_parts_warns_and_true_is_no_number_of_parts(few):
    with pytest.warns(UserWarning, match="Got freeze=1 without weights.*what is not frozen"):
        fine_tuned(max_epochs=1, freeze=1).fit(*few)
    with pytest.raises(ValueError, match="Got freeze=True, expected 'none', 'backbone' or a numb"):
        fine_tuned(freeze=True).fit(*few)


def test_weights_that_cannot_be_downloaded_say_where_a_file_helps(few, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.chdir(tmp_path)
    (tmp_path / "DEFAULT").mkdir()  # which is no file of weights
    with pytest.raises(OSError, match="could not be downloaded from https.*no network, put that"):
        fine_tuned(backbone="resnet18", weights="DEFAULT").fit(*few)


@pytest.mark.slow
def test_parts_learn_at_rates_of_their_own(few):
    X, y = few
    params = {"optimizer": "sgd", "momentum": 0.0, "batch_size": 40, "max_epochs": 1}
    params |= {"weight_decay": 0.0, "lr": 0.01, "lr_schedule": "constant", "precision": "fp64"}
    start = weights_of(fine_tuned(**(params | {"lr": 1e-30})).fit(X, y))
    names = fine_tuned(**params).fit(X, y).net_.module_
    one = weights_of(fine_tuned(**params).fit(X, y)) - start
    two = weights_of(fine_tuned(**params, layer_lr_decay=0.1).fit(X, y)) - start
    position = 0
    found = {}
    for name, tensor in names.state_dict().items():
        piece = slice(position, position + tensor.numel())
        position += tensor.numel()
        if name.endswith("weight") and np.abs(one[piece]).max() > 1e-9:
            found[name] = np.linalg.norm(two[piece]) / np.linalg.norm(one[piece])
    assert found["head.weight"] == pytest.approx(1, rel=1e-3)
    ratios = sorted({round(np.log10(ratio), 1) for ratio in found.values() if ratio > 0})
    assert set(ratios) <= {0.0, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0}
    assert -1.0 in ratios


@pytest.mark.slow
def test_pretrained_weights_from_a_file(few, tmp_path):
    from torchvision import models

    X, y = few
    torch.manual_seed(0)
    state = models.get_model("resnet18", weights=None).state_dict()
    # As a training script writes them, and without the counters that old versions did not have.
    state = {name: tensor for name, tensor in state.items() if "num_batches" not in name}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "weights.pt")
    net = fine_tuned(weights=tmp_path / "weights.pt", lr=1e-30, max_epochs=1).fit(X, y)
    found = net.net_.module_.state_dict()
    first = next(name for name, tensor in state.items() if tensor.ndim == 4)
    for name, tensor in state.items():
        if name == first:
            grey = tensor.sum(1, keepdim=True)
            torch.testing.assert_close(found[f"features.{name}"], grey)
        elif not name.startswith("fc.") and "running" not in name and "tracked" not in name:
            torch.testing.assert_close(found[f"features.{name}"], tensor, msg=name)
    checkpoints = tmp_path / "checkpoints"
    net = fine_tuned(weights=tmp_path / "weights.pt", checkpoint_dir=checkpoints, scoring=stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, y, X_val=X, y_val=y)
        torch.save({"state_dict": state, "epoch": 4}, tmp_path / "weights.pt")
    assert len(list(checkpoints.glob("*.ckpt"))) == 2  # another file of the same name
    with pytest.raises(ValueError, match="Got weights='BEST' for backbone='resnet18'"):
        fine_tuned(weights="BEST").fit(X, y)
    with pytest.raises(ValueError, match="Got weights with weights of another architecture"):
        TorchvisionClassifier(backbone="resnet34", weights=tmp_path / "weights.pt").fit(X, y)


def test_weights_of_densenets_have_older_names():
    from torchvision import models

    state = models.get_model("densenet121", weights=None).state_dict()
    older = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)\.", r"\1.\2.", name): tensor
        for name, tensor in state.items()
    }
    assert set(older) != set(state)
    params = {"backbone": "densenet121", "freeze": 0, "layer_lr_decay": 1.0}
    module = TorchvisionNet((1, 28, 28), 3, pretrained=older, **params)
    begin_with(module, module.pretrained, "weights")
    found = module.state_dict()
    name = "features.denseblock1.denselayer2.conv1.weight"
    assert torch.equal(found[f"features.1.{name}"], state[name])


def test_more_frozen_parts_than_there_are_are_refused(few):
    frozen = FrozenEstimator(fine_tuned(max_epochs=1).fit(*few))
    with pytest.raises(ValueError, match=r"Got freeze=99 .* which has 6 parts: conv1, bn1, layer1"):
        fine_tuned(freeze=99, init_from=frozen).fit(*few)


def test_later_convolutions_of_a_block_come_after_its_pool():
    net = ConvNetClassifier(channels=(4, 6), depth=3, conv_dropout=0.5)
    features = net._build_module((1, 12, 8), 5).features
    layers = [layer for layer in features if not isinstance(layer, torch.nn.BatchNorm2d)]
    names = [type(layer).__name__ for layer in layers]
    block = ["Conv2d", "MaxPool2d", "ReLU", "Conv2d", "ReLU", "Conv2d", "ReLU", "Dropout"]
    assert names[:17] == [*block, *block, "Flatten"]
    shapes = [tuple(m.weight.shape[:2]) for m in features if isinstance(m, torch.nn.Conv2d)]
    assert shapes == [(4, 1), (4, 4), (4, 4), (6, 4), (6, 6), (6, 6)]
    assert features[-3].in_features == 6 * 3 * 2


def test_depth_and_width_are_searchable(digits):
    X, y = digits[0][:100], digits[1][:100]
    grid = {"depth": [1, (1, 2)], "block": ["basic", "depthwise"]}
    search = GridSearchCV(small(ResNetClassifier), grid, cv=2).fit(X, y)
    assert set(search.best_params_) == set(grid)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["mobilenet_v3_small", "efficientnet_b0", "regnet_y_400mf"])
def test_statistics_of_a_short_training_are_those_of_the_images(backbone):
    # torchvision's batch norm of the first two is made for a hundred thousand steps.
    X, y = load_fashion_sample(return_X_y=True)
    X, y = X[:600], y[:600]
    net = TorchvisionClassifier(backbone=backbone, max_epochs=3, random_state=0).fit(X, y)
    # The training accuracy is that of the batches' own statistics.
    assert net.score(X, y) > net.history_["train_accuracy"].iloc[-1] - 0.1
