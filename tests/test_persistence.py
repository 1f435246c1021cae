"""Fitted nets that travel: pickles of plain data, save and load, skops, MLflow, old files."""

import copy
import itertools
import json
import lzma
import os
import pickle
import pickletools
import re
import signal
import time
import warnings
from pathlib import Path

import children
import joblib
import numpy as np
import pytest
import skorch
import torch
from common import ESTIMATORS, LEARNING, kinds, small
from hypothesis import given
from hypothesis import strategies as st
from modules import Plain
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skfashion
from benchmarks.studies import hostile_files
from skfashion import (
    Augmentation,
    ConvNetClassifier,
    FocalLoss,
    LDAMLoss,
    MLPNetClassifier,
    ModuleClassifier,
    ResNetClassifier,
    TimmClassifier,
    TorchvisionClassifier,
)
from skfashion.ensemble import SnapshotEnsembleClassifier
from skfashion.images import planes_shape
from skfashion.model_selection import EpochHalvingSearchCV
from skfashion.studies.thresholds import ClassFactorsClassifier

safetensors = pytest.importorskip("safetensors")

GOLDEN = Path(__file__).parent / "golden"
METHODS = ("predict", "predict_proba", "decision_function", "transform")
# How a net that is fitted becomes another one; a pickle and a file.
WAYS = {
    "pickle": lambda net, path: pickle.loads(pickle.dumps(net)),
    "file": lambda net, path: saved(net, path / "net.safetensors"),
}


def saved(net, path):
    net.save(path)
    given = {"module": net.module} if isinstance(net, ModuleClassifier) else {}
    return skfashion.load(path, **given)


def assert_same(one, other, X):
    for method in METHODS:
        if hasattr(one, method):
            np.testing.assert_array_equal(getattr(other, method)(X), getattr(one, method)(X))


OPTIONS = {
    "plain": {},
    "float64": {"precision": "fp64"},
    "cosine head": {"loss": LDAMLoss(scale=20.0), "prior": "uniform", "tta": "flip"},
    "offsets": {"loss": "balanced_softmax", "prior": np.full(10, 0.1), "sampling": "sqrt"},
    "sgd": {"optimizer": "sgd", "ema_decay": 0.9, "tta": 3, "class_weight": {0: 2.0}},
    "bf16": {"precision": "bf16", "loss": FocalLoss(gamma=1), "augment": Augmentation(shift=1)},
    "no statistics": {"standardize": False, "optimizer": torch.optim.RMSprop},
}


# Backbones, which are slow, have the same options.
CASES = [(cls, options) for cls in LEARNING for options in OPTIONS]
CASES += [
    pytest.param(TorchvisionClassifier, options, marks=pytest.mark.slow)
    for options in ("plain", "cosine head")
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("cls", "options"), CASES)
def test_predictions_have_the_same_bits(cls, options, way, digits, tmp_path):
    X, y = digits
    n = 30 if cls is TorchvisionClassifier else 150
    net = small(cls, max_epochs=1, **OPTIONS[options]).fit(X[:n], y[:n])
    other = WAYS[way](net, tmp_path)
    assert type(other) is cls
    assert_same(net, other, X[: n // 2])
    assert repr(other.get_params()) == repr(net.get_params())
    assert other.history_.equals(net.history_)
    assert other.image_shape_ == net.image_shape_
    assert other.net_.lineage == net.net_.lineage
    assert not hasattr(other.net_, "optimizer_")
    for name in ("gamma", "label_smoothing", "offset", "margins", "soft_weight", "temperature"):
        one, same = (getattr(n.net_.criterion_, name) for n in (net, other))
        assert torch.equal(one, same) if torch.is_tensor(one) else one == same, name
    for name in ("class_count_", "class_prior_", "class_weight_", "effective_class_prior_"):
        np.testing.assert_array_equal(getattr(other, name), getattr(net, name))


@pytest.mark.parametrize("way", WAYS)
def test_training_goes_on_alike(way, any_class, digits, tmp_path):
    X, y = digits
    net = small(any_class, optimizer="sgd", max_epochs=1).fit(X, y)
    other, same = WAYS[way](net, tmp_path), copy.deepcopy(net)
    for one in (other, same):
        one.partial_fit(X, y)
    assert_same(same, other, X)
    assert len(other.history_) == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "labels",
    [
        np.array(["b", "a", "cc"]),
        np.array(["bä", "a", "日本"], dtype=object),
        np.array([5, -3, 10**15]),
        np.array([3, 4, 200], dtype=np.uint8),
        np.array([False, True, True]),
        np.array([1.0, 2.0, 5.0]),
    ],
    ids=lambda labels: f"{labels.dtype}",
)
def test_labels_keep_their_type(labels, way, digits, tmp_path):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=1).fit(X, labels[y % 3])
    other = WAYS[way](net, tmp_path)
    assert other.classes_.dtype == net.classes_.dtype
    assert list(map(type, other.classes_.tolist())) == list(map(type, net.classes_.tolist()))
    np.testing.assert_array_equal(other.predict(X), net.predict(X))


def test_names_tables_and_output_are_kept(digits, tmp_path):
    pd = pytest.importorskip("pandas")
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(64)])
    net = small(MLPNetClassifier, max_epochs=1).set_output(transform="pandas").fit(frame, y)
    other = saved(net, tmp_path / "net.safetensors")
    assert other.transform(frame).equals(net.transform(frame))
    with pytest.raises(ValueError, match="feature names"):
        other.predict(frame.rename(columns={"column 0": "another"}))


def test_images_of_another_scale_are_still_noticed(digits, tmp_path):
    X, y = digits
    other = saved(small(MLPNetClassifier, max_epochs=1).fit(X, y), tmp_path / "net.safetensors")
    with pytest.warns(skfashion.exceptions.DataShiftWarning, match="much smaller"):
        other.predict(X / 255)
    with pytest.warns(skfashion.exceptions.DataShiftWarning, match="inverted"):
        other.predict(16 - X)


def test_parameters_set_after_the_fit_do_not_change_the_net(digits, tmp_path):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=1).fit(X, y)
    expected = net.predict_proba(X)
    net.set_params(hidden_layer_sizes=(3, 3), lr=0.5)
    for way in WAYS.values():
        other = way(net, tmp_path)
        np.testing.assert_array_equal(other.predict_proba(X), expected)
        assert other.hidden_layer_sizes == (3, 3)
        assert len(other.fit(X, y).net_.module_.hidden_matrices()) == 2


def test_a_pickle_names_no_layer_and_nothing_of_pytorch(estimator_class, digits):
    net = small(estimator_class, max_epochs=1).fit(*digits)
    words = [word for _, word, _ in pickletools.genops(pickle.dumps(net)) if isinstance(word, str)]
    ours = ("torch.", "skfashion.nets", "skfashion.training", "skfashion.fitting", "skorch.")
    assert not [word for word in words if word.startswith(ours)]
    state = net.__getstate__()
    plain = (dict, list, str, int, float, bool, type(None), np.ndarray)
    waiting = [v for k, v in state.items() if k.endswith("_") or k == "_image_statistics"]
    while waiting:
        value = waiting.pop()
        assert type(value) in plain or value is getattr(net, "module", plain)
        waiting += value.values() if isinstance(value, dict) else []
        waiting += value if isinstance(value, list) else []


LOADS_UNDER_AN_AUDIT = """
import pickle, sys, warnings
import numpy as np
import safetensors.numpy, skfashion, torchvision
warnings.simplefilter("ignore")
path, pickled, data = sys.argv[1:]
X, expected = np.load(data).values()
skfashion.load(path).predict(X)  # what is imported once
content, seen = open(pickled, "rb").read(), []
sys.addaudithook(lambda event, arguments: seen.append((event, arguments)))
loaded, unpickled = skfashion.load(path), pickle.loads(content)
noted = list(seen)
opened = {arguments[0] for event, arguments in noted if event == "open"}
assert opened == {path}, opened
bad = ("compile", "exec", "import", "os.", "shutil", "socket", "subprocess", "urllib")
found = [(event, arguments) for event, arguments in noted if event.startswith(bad)]
assert not found, found
found = {arguments[0] for event, arguments in noted if event == "pickle.find_class"}
ours = {module for module in found if not module.startswith(("numpy", "pathlib"))}
assert ours == {type(loaded).__module__}, ours
for net in (loaded, unpickled):
    assert np.array_equal(net.predict_proba(X), expected)
"""


@pytest.mark.parametrize(
    "cls", kinds([MLPNetClassifier, TorchvisionClassifier], [MLPNetClassifier])
)
def test_loading_opens_one_file_and_runs_nothing(cls, digits, tmp_path):
    """Neither does it ask for weights to begin with again, nor does a pickle."""
    X, y = digits[0][:40], digits[1][:40]
    first = small(cls, max_epochs=1).fit(X, y)
    first.net_.save_params(f_params=tmp_path / "first.pt")
    net = small(cls, max_epochs=1, init_from=tmp_path / "first.pt")
    if cls is TorchvisionClassifier:
        net.set_params(freeze=2)
    net.fit(X, y).save(tmp_path / "net.safetensors")
    (tmp_path / "first.pt").unlink()
    (tmp_path / "net.pickle").write_bytes(pickle.dumps(net))
    np.savez(tmp_path / "data.npz", X=X, expected=net.predict_proba(X))
    paths = [tmp_path / name for name in ("net.safetensors", "net.pickle", "data.npz")]
    children.run(LOADS_UNDER_AN_AUDIT, *paths, out=tmp_path / "out.txt")


def test_a_file_is_hardly_larger_than_the_weights(learning_class, digits, tmp_path):
    net = small(learning_class, max_epochs=3).fit(*digits)
    net.save(tmp_path / "net.safetensors")
    n_bytes = sum(t.nbytes for t in net.net_.module_.state_dict().values())
    assert (tmp_path / "net.safetensors").stat().st_size <= n_bytes + 16_000
    arrays = safetensors.numpy.load_file(tmp_path / "net.safetensors")
    head = net.net_.module_.head.weight.detach().numpy()
    np.testing.assert_array_equal(arrays["net.head.weight"], head)


# --- what cannot be saved -------------------------------------------------------------------------


def shifted(images, generator):
    return images


def test_what_trainings_alone_need_is_left_out_with_a_warning(digits, tmp_path):
    X, y = digits
    before = small(MLPNetClassifier, max_epochs=1).fit(X, y)
    net = small(
        MLPNetClassifier,
        max_epochs=1,
        augment=lambda images, generator: images,
        init_from=FrozenEstimator(before),
        random_state=np.random.RandomState(0),
    ).fit(X, y)
    with pytest.warns(UserWarning, match="Got init_from, augment, random_state, which no file"):
        net.save(tmp_path / "net.safetensors")
    other = skfashion.load(tmp_path / "net.safetensors")
    assert_same(net, other, X)
    assert (other.augment, other.init_from, other.random_state) == (None, None, None)
    with open(tmp_path / "net.safetensors", "rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    said = json.loads(header["__metadata__"]["skfashion"])
    assert said["left_out"] == ["init_from", "augment", "random_state"]


class OwnOptimizer(torch.optim.SGD):
    """One that no table names."""


def test_an_optimizer_of_ones_own_is_left_out(digits, tmp_path):
    net = small(MLPNetClassifier, optimizer=OwnOptimizer, max_epochs=1).fit(*digits)
    with pytest.warns(UserWarning, match="Got optimizer, which"):
        net.save(tmp_path / "net.safetensors")
    other = skfashion.load(tmp_path / "net.safetensors")
    assert other.optimizer == "adamw"
    assert_same(net, other, digits[0])
    other.partial_fit(*digits)
    pickled = pickle.loads(pickle.dumps(net)).partial_fit(*digits)
    assert type(pickled.net_.optimizer_) is OwnOptimizer


def test_what_predictions_need_is_refused_by_name(digits, tmp_path):
    path = tmp_path / "net.safetensors"
    net = small(MLPNetClassifier, max_epochs=1).fit(*digits)
    net.save(path)
    before = path.read_bytes()
    net.set_params(prior=[object()] * 10)
    with pytest.raises(ValueError, match=r"Got prior=.*expected what a file without code"):
        net.save(path)
    net.set_params(prior=None, n_threads=0)
    with pytest.raises(ValueError, match="'n_threads' parameter of MLPNetClassifier"):
        net.save(path)
    assert path.read_bytes() == before
    with pytest.raises(NotFittedError):
        MLPNetClassifier().save(path)
    with pytest.raises(OSError, match="nowhere"):
        net.set_params(n_threads=None).save(tmp_path / "nowhere" / "net.safetensors")


CHANGES = {
    "a layer": lambda module: module.features.append(torch.nn.Tanh()),
    "a hook": lambda module: module.head.register_forward_hook(keep_output),
    "frozen": lambda module: module.head.weight.requires_grad_(False),
    "a number": lambda module: setattr(module.features[2], "eps", 0.5),
}


def keep_output(module, inputs, output):
    return output


@pytest.mark.parametrize("change", CHANGES)
def test_a_network_changed_by_hand_is_pickled_as_it_is(change, digits, tmp_path):
    net = small(MLPNetClassifier, max_epochs=1).fit(*digits)
    CHANGES[change](net.net_.module_)
    other = pickle.loads(pickle.dumps(net))
    assert_same(net, other, digits[0])
    assert repr(other.net_.module_) == repr(net.net_.module_)
    assert not other.net_.module_.head.weight.requires_grad or change != "frozen"
    with pytest.raises(ValueError, match="changed by hand"):
        net.save(tmp_path / "net.safetensors")


def test_subclasses_are_refused(digits, tmp_path):
    for name in ("Mine", "MLPNetClassifier"):
        cls = type(name, (MLPNetClassifier,), {})
        net = small(cls, max_epochs=1).fit(*digits)
        with pytest.raises(ValueError, match=f"Got a {name} of .*expected a classifier of skfash"):
            net.save(tmp_path / "net.safetensors")


class RecordsAnything(skorch.callbacks.Callback):
    """Records what no file of words can hold, beside what one can."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("tensor", torch.tensor([1.5]))
        net.history.record("number", np.float32(0.5))
        net.history.record("pair", (1, np.int64(2)))
        net.history.record("object", object())


def test_what_callbacks_record_becomes_plain(digits, tmp_path):
    net = small(MLPNetClassifier, max_epochs=1, skorch_callbacks=[RecordsAnything()]).fit(*digits)
    with pytest.warns(UserWarning, match="Got skorch_callbacks"):
        net.save(tmp_path / "net.safetensors")
    for other in (skfashion.load(tmp_path / "net.safetensors"), pickle.loads(pickle.dumps(net))):
        row = other.net_.history[-1]
        assert (row["tensor"], row["number"], row["pair"]) == ([1.5], 0.5, [1, 2])
        assert "object" not in row


def test_a_history_that_is_too_long_is_refused_with_advice(digits, tmp_path):
    net = small(MLPNetClassifier, max_epochs=1).fit(*digits)
    net.net_.history.extend(list(net.net_.history) * 20_000)
    with pytest.raises(ValueError, match=r"Got a history of 20,001 epochs.*del net\.net_\.history"):
        net.save(tmp_path / "net.safetensors")
    del net.net_.history[:-20_000]
    assert saved(net, tmp_path / "net.safetensors").n_iter_ == 20_000


@pytest.mark.parametrize("sizes", [range(4, 8, 2), np.array([4, 6]), [np.int32(4)], 4])
def test_sizes_of_layers_in_any_form(sizes, digits, tmp_path):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=1, hidden_layer_sizes=sizes).fit(X, y)
    other = saved(net, tmp_path / "net.safetensors")
    assert np.array_equal(other.hidden_layer_sizes, sizes)
    assert_same(net, other, X)


def test_a_frozen_net_is_copied_with_what_freezes_it(digits):
    frozen = FrozenEstimator(small(MLPNetClassifier, max_epochs=1).fit(*digits))
    for other in (copy.deepcopy(frozen), copy.copy(frozen), pickle.loads(pickle.dumps(frozen))):
        assert type(other) is FrozenEstimator
        assert_same(frozen, other, digits[0])


def test_arrays_may_lie_in_a_memory_map(digits, tmp_path):
    net = small(MLPNetClassifier, max_epochs=1, loss="balanced_softmax").fit(*digits)
    joblib.dump(net, tmp_path / "net.joblib")
    other = joblib.load(tmp_path / "net.joblib", mmap_mode="r")
    assert_same(net, other, digits[0])
    assert other.fit(*digits).n_iter_ == 1


# --- whole pipelines ------------------------------------------------------------------------------


def trusted_objects(X, y):
    """Yield fitted objects for which `TRUSTED_TYPES` is made."""
    imblearn = pytest.importorskip("imblearn")
    from imblearn.over_sampling import SMOTE, RandomOverSampler
    from imblearn.pipeline import make_pipeline as make_sampling_pipeline
    from imblearn.under_sampling import RandomUnderSampler

    assert imblearn
    tiny = {"max_epochs": 1, "batch_size": 32}
    net = small(MLPNetClassifier, **tiny)
    losses = [skfashion.BalancedSoftmaxLoss(), skfashion.ClassBalancedLoss(), FocalLoss()]
    losses += [LDAMLoss(), skfashion.LogitAdjustedLoss()]
    for cls, loss in zip(ESTIMATORS, itertools.cycle(losses), strict=False):
        yield small(cls, **tiny, augment=Augmentation(flip=True), loss=loss)
    yield make_pipeline(StandardScaler(), PCA(20), net)
    prepare = make_column_transformer(
        (SimpleImputer(add_indicator=True), slice(60)),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=5), [60, 61]),
    )
    yield make_pipeline(prepare, net)
    yield make_pipeline(StandardScaler(), small(ConvNetClassifier, **tiny, image_shape=(8, 8)))
    yield GridSearchCV(net, {"lr": [0.01, 0.02]}, cv=2)
    yield EpochHalvingSearchCV(net, {"lr": [0.01, 0.02]}, cv=2)
    for method in ("sigmoid", "isotonic", "temperature"):
        yield CalibratedClassifierCV(net, cv=2, method=method)
    yield VotingClassifier([("a", net), ("b", LogisticRegression(max_iter=20))], voting="soft")
    yield StackingClassifier([("a", net)], LogisticRegression(max_iter=1000), cv=2)
    yield SnapshotEnsembleClassifier(small(MLPNetClassifier, max_epochs=2), n_snapshots=2)
    yield ClassFactorsClassifier(net, factors="prior")
    for sampler in (RandomOverSampler, RandomUnderSampler, SMOTE):
        yield make_sampling_pipeline(sampler(random_state=0), StandardScaler(), net)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_skops_writes_pipelines_and_names_exactly_the_published_types(digits):
    skops_io = pytest.importorskip("skops.io")
    X, y = digits
    X, y = X[:240], np.asarray(list("abcdefghij"))[y[:240]]
    named, module = set(), "modules.Plain"  # a module of the user's is the user's to trust
    for estimator in trusted_objects(X, y):
        data = skops_io.dumps(estimator.fit(X, y))
        named |= set(skops_io.get_untrusted_types(data=data))
        other = skops_io.loads(data, trusted=[*skfashion.TRUSTED_TYPES, module])
        np.testing.assert_array_equal(other.predict_proba(X), estimator.predict_proba(X))
    # Readers of pictures take no rows; test_preprocessing.py has them.
    rest = [name for name in skfashion.TRUSTED_TYPES if "preprocessing" not in name]
    assert sorted(named - {module}) == rest


@pytest.mark.slow
def test_mlflow_logs_a_net_with_the_published_types(digits, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    X, y = digits
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/runs.db")
    model = make_pipeline(StandardScaler(), small(MLPNetClassifier, max_epochs=1)).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own
        with pytest.raises(Exception, match="skops_trusted_types"):
            mlflow.sklearn.save_model(model, tmp_path / "untrusted")
        trusted = list(skfashion.TRUSTED_TYPES)
        info = mlflow.sklearn.log_model(model, name="model", skops_trusted_types=trusted)
        other = mlflow.sklearn.load_model(info.model_uri)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))


def test_load_says_who_reads_other_files(digits, tmp_path):
    skops_io = pytest.importorskip("skops.io")
    net = small(MLPNetClassifier, max_epochs=1).fit(*digits)
    skops_io.dump(net, tmp_path / "net.skops")
    joblib.dump(net, tmp_path / "net.joblib")
    with pytest.raises(ValueError, match=r"skops\.io\.load\(path, trusted=skfashion\.TRUSTED"):
        skfashion.load(tmp_path / "net.skops")
    with pytest.raises(ValueError, match=r"joblib\.load"):
        skfashion.load(tmp_path / "net.joblib")
    safetensors.numpy.save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="skfashion did not write"):
        skfashion.load(tmp_path / "other.safetensors")
    for path in (None, 3, b"net"):
        with pytest.raises(ValueError, match="expected the path of a file"):
            skfashion.load(path)


# --- files of earlier versions --------------------------------------------------------------------


# What `load` needs besides a path. Of a change of this module, its golden file would be made anew.
GIVEN = {"ModuleClassifier": {"module": Plain}}
# Classes that there were before pickles were plain data.
OLD = [cls for cls in ESTIMATORS if (GOLDEN / f"{cls.__name__}.pickle.xz").exists()]


def golden(cls, kind):
    """Return the content of a file in ``golden``."""
    return lzma.decompress((GOLDEN / f"{cls.__name__}.{kind}.xz").read_bytes())


def assert_golden(net):
    expected, name = np.load(GOLDEN / "expected.npz"), type(net).__name__
    found = net.predict_proba(expected["X"])
    np.testing.assert_allclose(found, expected[name], atol=1e-6)
    assert net.predict(expected["X"]).tolist() == expected[f"{name} labels"].tolist()
    return expected["X"]


def assert_its_parameters_are_the_nets(net):
    """Parameters that came after a file was written say what its network is."""
    built = net._build_module(planes_shape(net.image_shape_), len(net.classes_))
    found, expected = (
        {name: tensor.shape for name, tensor in module.state_dict().items()}
        for module in (net.net_.module_, built)
    )
    # An object's head of cosines has no bias; the others are those of the parameters.
    assert {name: found[name] for name in found.keys() & expected.keys()} == {
        name: expected[name] for name in found.keys() & expected.keys()
    }


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_every_class_has_a_golden_file_that_loads(cls, tmp_path):
    (tmp_path / "net.safetensors").write_bytes(golden(cls, "safetensors"))
    net = skfashion.load(tmp_path / "net.safetensors", **GIVEN.get(cls.__name__, {}))
    assert type(net) is cls
    assert_golden(net)
    assert_its_parameters_are_the_nets(net)


@pytest.mark.filterwarnings("ignore::skfashion.utils.versions.OtherVersionsWarning")
@pytest.mark.parametrize("cls", OLD)
def test_pickles_of_nets_as_objects_load(cls, tmp_path):
    """They hold the network itself, as all did before there was plain data."""
    net = pickle.loads(golden(cls, "pickle"))
    X = assert_golden(net)
    assert_its_parameters_are_the_nets(net)
    assert_same(net, saved(net, tmp_path / "net.safetensors"), X)
    assert isinstance(net.__getstate__()["net_"], dict)


def test_a_pickle_of_a_network_that_cannot_be_built_says_who_wrote_it(digits):
    net = small(MLPNetClassifier, max_epochs=1).fit(*digits)
    state = net.__getstate__()
    state["net_"] = {**state["net_"], "architecture": {"of_later": 1}}
    with pytest.raises(ValueError, match=r"written with skfashion .*torch .*cannot build"):
        object.__new__(MLPNetClassifier).__setstate__(state)


# --- files that are damaged or forged -------------------------------------------------------------


@pytest.fixture(scope="module")
def file_of_net(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "net.safetensors"
    net = small(MLPNetClassifier, max_epochs=1, hidden_layer_sizes=(4,), prior="train")
    net.fit(*digits).save(path)
    return path


@pytest.mark.parametrize("what", ["digit of lr", "weight", "every byte of the start", "end"])
def test_every_change_is_found(what, file_of_net, tmp_path):
    content = file_of_net.read_bytes()
    path = tmp_path / "changed.safetensors"
    if what == "digit of lr":
        place = content.index(b'\\"lr\\": 0.005') + len(b'\\"lr\\": 0.00')
        places = [(place, b"6")]
    elif what == "weight":
        places = [(len(content) - 100, bytes([content[-100] ^ 1]))]
    elif what == "end":
        places = [(len(content), b"\0")]
    else:
        places = [(i, bytes([content[i] ^ 4])) for i in range(0, 300)]
    for place, byte in places:
        path.write_bytes(content[:place] + byte + content[place + 1 :])
        with pytest.raises(ValueError, match=r"Got '.*changed\.safetensors', which"):
            skfashion.load(path)


@given(st.integers(0), st.integers(0, 7))
def test_a_bit_anywhere_is_found(file_of_net, place, bit):
    content = bytearray(file_of_net.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path = file_of_net.with_name("bit.safetensors")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Got '.*bit\.safetensors', which"):
        skfashion.load(path)


FORGERIES = {
    "another class": ("class", "os.system", "it holds a 'os.system'"),
    "a later format": ("format", 2, "of format 2, written with skfashion .*a later one is needed"),
    "no format": ("format", "1", "does not say of which format"),
    "unknown parameter": ("parameters", {"of_later": 1}, "of_later, written with skfashion"),
    "bad parameter": ("parameters", {"lr": -1}, "'lr' parameter of MLPNetClassifier"),
    "unsorted classes": ("classes", {"dtype": "<i8", "values": [1, 0]}, "not sorted"),
    "many classes": ("classes", {"dtype": "<i8", "values": list(range(50))}, "tensors are others"),
    "wide labels": ("classes", {"dtype": "<U999999", "values": list("abcdefghij")}, "too large"),
    "other width": ("n_features_in", 65, "n_features_in"),
    "huge image": ("image_shape", [10**6, 10**6], "n_features_in"),
    "huge statistics": (
        "image_statistics",
        {"low": 0, "high": 10**400, "usual_peak": 1, "middle": 1},
        "image_statistics",
    ),
    "bad prior": ("parameters", {"prior": [0.5, 0.5]}, "expected 10 positive numbers"),
    "terminal signs": ("class", "\x1b]0;x\x07", r"holds a '\\x1b"),
    "bad statistics": ("image_statistics", {"low": 0}, "image_statistics"),
    "no net": ("net", {}, "does not say 'lr'"),
    "nothing": ("net", None, "TypeError"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_words_with_the_right_checksum_are_refused(name, file_of_net, tmp_path):
    key, value, message = FORGERIES[name]
    tensors, document = hostile_files._parts_of(file_of_net.read_bytes())
    hostile_files._write(tmp_path / "net.safetensors", tensors, {**document, key: value})
    with pytest.raises(ValueError, match=message):
        skfashion.load(tmp_path / "net.safetensors")


TOO_LARGE = {
    "wide": (
        {"hidden_layer_sizes": [10**9]},
        "says hidden_layer_sizes=.*for which it is too small",
    ),
    "deep": ({"hidden_layer_sizes": [1] * 2000}, "needs 4002 and 0 at least"),
    "no such": ({"activation": "swish"}, "'activation' parameter of MLPNetClassifier"),
    "others": ({"lr": 1}, "MLPNetClassifier has not|no architecture of lr"),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_networks_that_a_file_is_too_small_for_are_not_built(
    name, file_of_net, tmp_path, monkeypatch
):
    architecture, message = TOO_LARGE[name]
    tensors, document = hostile_files._parts_of(file_of_net.read_bytes())
    document["net"]["architecture"] = architecture
    hostile_files._write(tmp_path / "net.safetensors", tensors, document)
    monkeypatch.setattr(MLPNetClassifier, "_build_module", lambda *arguments: 1 / 0)
    with pytest.raises(ValueError, match=message):
        skfashion.load(tmp_path / "net.safetensors")


# The large ones of each library.
BACKBONES = {TorchvisionClassifier: "regnet_y_128gf", TimmClassifier: "resnet152"}


@pytest.mark.parametrize("cls", BACKBONES)
@pytest.mark.parametrize("weights", ["DEFAULT", "weights.pt"])
def test_a_file_does_not_send_for_weights(cls, weights, tmp_path, monkeypatch):
    """Neither does a state that a pickle or a file of skops brings."""
    (tmp_path / "net.safetensors").write_bytes(golden(cls, "safetensors"))
    net = skfashion.load(tmp_path / "net.safetensors")
    tensors, document = hostile_files._parts_of((tmp_path / "net.safetensors").read_bytes())
    document["net"]["architecture"]["weights"] = weights
    hostile_files._write(tmp_path / "net.safetensors", tensors, document)
    monkeypatch.setattr(cls, "_build_module", lambda *arguments: 1 / 0)
    with pytest.raises(ValueError, match="no architecture of weights"):
        skfashion.load(tmp_path / "net.safetensors")
    monkeypatch.undo()
    state = net.__getstate__()
    state["net_"]["architecture"]["weights"] = weights
    monkeypatch.setattr(cls, "_build_module", lambda *arguments: 1 / 0)
    with pytest.raises(ValueError, match="no architecture of weights"):
        object.__new__(cls).__setstate__(state)


@pytest.mark.parametrize("cls", BACKBONES)
def test_a_large_backbone_in_a_small_file_is_not_built(cls, tmp_path, monkeypatch):
    (tmp_path / "net.safetensors").write_bytes(golden(cls, "safetensors"))
    tensors, document = hostile_files._parts_of((tmp_path / "net.safetensors").read_bytes())
    document["net"]["architecture"]["backbone"] = BACKBONES[cls]
    hostile_files._write(tmp_path / "net.safetensors", tensors, document)
    monkeypatch.setattr(cls, "_build_module", lambda *arguments: 1 / 0)
    with pytest.raises(ValueError, match="its architecture needs"):
        skfashion.load(tmp_path / "net.safetensors")


HEADERS = {
    "a negative zero": (b'"data_offsets":[0,', b'"data_offsets":[-0,', "no safetensors file"),
    "more words": (b'"__metadata__":{', b'"__metadata__":{"a":"b",', "did not write"),
    "a name twice": (b'"__metadata__":{', b'"__metadata__":{},"__metadata__":{', "comes twice"),
    "no strings": (b'"skfashion":"', b'"skfashion":0,"x":"', "not strings"),
    "another type": (b'"dtype":"F32"', b'"dtype":"F99"', "a dtype that is none of"),
    "nine dimensions": (b'"shape":[10],', b'"shape":[10,1,1,1,1,1,1,1,1],', "9 dimensions"),
    "an overlap": (rb'"data_offsets":\[\d+,\d+\]\}\} *$', b'"data_offsets":[0,4]}}', "overlap"),
    "an end": (rb'"data_offsets":\[\d+,\d+\]\}\} *$', b'"data_offsets":[0,8]}}', "as long"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_are_read_strictly(name, file_of_net, tmp_path):
    before, after, message = HEADERS[name]
    content = file_of_net.read_bytes()
    n_bytes = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + n_bytes]
    pattern = before if before.endswith(b"$") else re.escape(before)
    header, n_changes = re.subn(pattern, after, header, count=1)
    assert n_changes == 1
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + n_bytes :])
    with pytest.raises(ValueError, match=message):
        skfashion.load(path)


def test_headers_that_take_too_much_memory_are_refused(file_of_net, tmp_path):
    tensors, document = hostile_files._parts_of(file_of_net.read_bytes())
    for more in ([0] * 500_000, [[]] * 300_000, "x" * 9_000_000):
        hostile_files._write(tmp_path / "net.safetensors", tensors, {**document, "more": more})
        with pytest.raises(ValueError, match="is too large|cut off"):
            skfashion.load(tmp_path / "net.safetensors")
    many = {f"more{i}": np.zeros(0, np.float32) for i in range(3000)}
    hostile_files._write(tmp_path / "net.safetensors", tensors | many, document)
    with pytest.raises(ValueError, match="too many tensors"):
        skfashion.load(tmp_path / "net.safetensors")
    colliding = {"dict": [[i * (2**61 - 1), 1] for i in range(1, 9000)]}
    document["parameters"]["class_weight"] = colliding
    hostile_files._write(tmp_path / "net.safetensors", tensors, document)
    with pytest.raises(ValueError, match="is no label"):
        skfashion.load(tmp_path / "net.safetensors")


def test_values_that_are_not_finite_are_refused(file_of_net, tmp_path):
    tensors, document = hostile_files._parts_of(file_of_net.read_bytes())
    for name in ("net.head.bias", "class_count_"):
        changed = {**tensors, name: np.full_like(tensors[name], np.nan)}
        hostile_files._write(tmp_path / "net.safetensors", changed, document)
        with pytest.raises(ValueError, match=f"'{name}' has values that are not finite"):
            skfashion.load(tmp_path / "net.safetensors")


def test_what_is_no_file_is_refused_at_once(tmp_path):
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises((ValueError, OSError)):
            skfashion.load(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="no ordinary file"):
            skfashion.load(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError):
        skfashion.load(tmp_path / "nothing")
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="which is empty"):
        skfashion.load(tmp_path / "empty")


@pytest.mark.slow
def test_a_thousand_changed_files_are_refused_or_loaded(file_of_net):
    found = hostile_files.tried(file_of_net, 0, 1000)
    assert found["faults"] == []
    assert found["ended"]["ValueError"] > 800


# --- writing --------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_file(digits, file_of_net, tmp_path):
    resource = pytest.importorskip("resource")
    net = small(MLPNetClassifier, max_epochs=1).fit(*digits)
    path = tmp_path / "net.safetensors"
    path.write_bytes(file_of_net.read_bytes())
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(OSError, match=r"net\.safetensors"):
            net.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes() == file_of_net.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


SAVES_AGAIN_AND_AGAIN = """
import sys
import skfashion
net = skfashion.load(sys.argv[1])
open(sys.argv[1] + ".begun", "w").close()
while True:
    net.save(sys.argv[1])
"""


@pytest.mark.slow
def test_a_killed_save_leaves_a_whole_file(file_of_net, tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(file_of_net.read_bytes())
    for _ in range(10):
        process = children.start(SAVES_AGAIN_AND_AGAIN, path)
        while not Path(f"{path}.begun").exists():
            time.sleep(0.01)
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        Path(f"{path}.begun").unlink()
        skfashion.load(path)
    skfashion.load(path).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


# --- who else takes these files -------------------------------------------------------------------


def test_init_from_takes_a_saved_net(digits, tmp_path):
    X, y = digits
    path = tmp_path / "net.safetensors"
    before = small(ConvNetClassifier, max_epochs=1).fit(X, y)
    before.save(path)
    still = {"lr": 1e-30, "max_epochs": 1, "weight_decay": 0.0}
    net = small(ConvNetClassifier, init_from=path, **still).fit(X, y)
    same = small(ConvNetClassifier, init_from=FrozenEstimator(before), **still).fit(X, y)
    assert_same(net, same, X)
    assert net.net_.lineage == same.net_.lineage
    # Its labels are known, other than those of a file of weights alone.
    other = small(ConvNetClassifier, init_from=path, **still).fit(X, (y + 1) % 10 + 5)
    assert not torch.equal(other.net_.module_.head.weight, before.net_.module_.head.weight)
    with pytest.raises(ValueError, match="another architecture"):
        small(ResNetClassifier, init_from=path).fit(X, y)
    tiny = small(ConvNetClassifier, channels=1, hidden_layer_sizes=())
    large = small(MLPNetClassifier, hidden_layer_sizes=200_000, max_epochs=1).fit(X[:40], y[:40])
    large.save(tmp_path / "large.safetensors")
    with pytest.raises(ValueError, match="more than a net of this architecture has"):
        tiny.set_params(init_from=tmp_path / "large.safetensors").fit(X, y)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"Got init_from=.*cannot be read as a file of net\.save"):
        small(ConvNetClassifier, init_from=path).fit(X, y)
