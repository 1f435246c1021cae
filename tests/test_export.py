"""Exported files say what the classifier says, whoever runs them, and there are no other ones."""

import base64
import json
import logging
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from common import ESTIMATORS, FAST, kinds, small
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.svm import LinearSVC

from skfashion import (
    AttentionNetClassifier,
    ConvNetClassifier,
    LDAMLoss,
    MLPNetClassifier,
    ResNetClassifier,
    TorchvisionClassifier,
)
from skfashion.datasets import load_fashion_sample
from skfashion.ensemble import SnapshotEnsembleClassifier
from skfashion.export import quantize, to_c, to_onnx, to_torch_export
from skfashion.export.deployed import DeployedNet
from skfashion.model_selection import EpochHalvingSearchCV

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


def planes(X):
    return X.reshape(len(X), 1, 8, 8)


def run(path, inputs, names=("label", "probabilities"), *, fused=True):
    """Return what a file says; nothing but ONNX Runtime is asked."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    return session.run(list(names), {session.get_inputs()[0].name: inputs})


def interface(path):
    session = onnxruntime.InferenceSession(path)
    return {value.name: (value.type, *value.shape) for value in session.get_inputs()}


def metadata(path):
    model = onnx.load(path)
    return {entry.key: json.loads(entry.value) for entry in model.metadata_props}


def assert_says_the_same(path, estimator, X, inputs=None, atol=5e-6):
    """For batches of every kind, a single row included."""
    inputs, start = X if inputs is None else inputs, 0
    for size in (1, 2, 7, len(X) - 10):
        part = slice(start, start + size)
        labels, probabilities = run(path, inputs[part])
        np.testing.assert_allclose(probabilities, estimator.predict_proba(X[part]), atol=atol)
        wanted = estimator.predict(X[part])
        highest = np.sort(estimator.predict_proba(X[part]))
        is_clear = highest[:, -1] - highest[:, -2] > 2 * atol
        np.testing.assert_array_equal(labels[is_clear], wanted[is_clear])
        start += size


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.onnx"


@pytest.fixture(scope="module")
def mlp(digits):
    X, y = digits
    return small(MLPNetClassifier).fit(X, NAMES[y])


# --- single nets --------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", kinds(ESTIMATORS, FAST))
def test_every_classifier_is_written(cls, digits, path):
    X, y = digits
    net = small(cls).fit(X, NAMES[y])
    to_onnx(net, path, features=True)
    assert interface(path) == {"images": ("tensor(uint8)", "batch", 1, 8, 8)}
    assert_says_the_same(path, net, X, planes(X))
    (features,) = run(path, planes(X), ["features"])
    np.testing.assert_allclose(features, net.transform(X), atol=1e-4)


def test_views_priors_and_channels_are_inside(digits, path):
    X, y = digits
    images = np.stack([X.reshape(-1, 8, 8), 16 - X.reshape(-1, 8, 8), X.reshape(-1, 8, 8) // 2], 3)
    net = small(ConvNetClassifier, tta="flip", loss="balanced_softmax").fit(images, y)
    before = net.predict_proba(images)
    net.set_params(prior=[0.55, *[0.05] * 9])
    assert np.abs(net.predict_proba(images) - before).max() > 0.05
    to_onnx(net, path, features=True)
    assert interface(path) == {"images": ("tensor(uint8)", "batch", 3, 8, 8)}
    assert_says_the_same(path, net, images, images.transpose(0, 3, 1, 2))
    (features,) = run(path, images.transpose(0, 3, 1, 2), ["features"])
    np.testing.assert_allclose(features, net.transform(images), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (MLPNetClassifier, {"loss": LDAMLoss(), "batch_norm": False}),
        (MLPNetClassifier, {"precision": "fp64"}),
        (ConvNetClassifier, {"precision": "bf16"}),
        (ConvNetClassifier, {"kernel_size": 2, "activation": "gelu"}),
        (ResNetClassifier, {"block": "depthwise"}),
        (AttentionNetClassifier, {"n_heads": 1}),
    ],
    ids=str,
)
def test_layers_of_every_kind_are_written(cls, params, digits, path):
    X, y = digits
    net = small(cls, **params).fit(X, y)
    to_onnx(net, path)
    atol = {"fp64": 2e-5, "bf16": 0.05}.get(params.get("precision"), 5e-6)
    assert_says_the_same(path, net, X, planes(X), atol)
    assert run(path, planes(X))[1].dtype == np.float32


@pytest.mark.slow
def test_many_tokens_are_written(path):
    X = np.random.RandomState(0).randint(256, size=(40, 24, 24)).astype(np.uint8)
    y = np.arange(40) % 2
    net = small(AttentionNetClassifier, n_stem_blocks=1, max_epochs=1).fit(X, y)
    to_onnx(net, path)
    assert_says_the_same(path, net, X, X[:, None])


def test_tables_are_rows(digits, path):
    X, y = digits
    table = X[:, :13] * 1e3 + np.arange(13)
    net = small(MLPNetClassifier).fit(table, y)
    to_onnx(net, path)
    assert interface(path) == {"X": ("tensor(float)", "batch", 13)}
    assert_says_the_same(path, net, table, table.astype(np.float32))


@pytest.mark.slow
def test_the_type_of_the_input_is_that_of_the_rows(digits, path):
    X, y = digits
    net = small(MLPNetClassifier).fit(X / 16, y)
    to_onnx(net, path)
    assert interface(path)["images"][0] == "tensor(float)"
    net = small(MLPNetClassifier).fit(X, y)
    to_onnx(net, path, X.astype(float))
    assert interface(path)["images"][0] == "tensor(float)"
    # An estimator of an older pickle does not know what it was fitted on.
    statistics = net._image_statistics
    del vars(statistics)["is_uint8"]
    to_onnx(pickle.loads(pickle.dumps(net)), path)
    assert interface(path)["images"][0] == "tensor(float)"


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(NAMES.astype(object), marks=pytest.mark.slow),
        pytest.param(np.arange(10, dtype=np.uint8), marks=pytest.mark.slow),
        np.arange(10) > 4,
        pytest.param(np.arange(10.0), marks=pytest.mark.slow),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_keep_their_kind(labels, digits, path):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=1).fit(X, labels[y])
    to_onnx(net, path)
    found, _ = run(path, planes(X))
    np.testing.assert_array_equal(found, net.predict(X))
    assert found.dtype.kind == {"U": "O", "u": "i"}.get(labels.dtype.kind, labels.dtype.kind)
    assert metadata(path)["skfashion.labels"]["values"] == net.classes_.tolist()


@pytest.mark.parametrize("word", ["profile", "features", "examples"])
def test_what_the_first_file_has_is_given_to_it(word, mlp, digits, tmp_path):
    X, _ = digits
    with pytest.raises(TypeError, match=rf"argument '{word}'.*to_onnx.*quantize\('net.onnx', path"):
        quantize(mlp, tmp_path / "a.onnx", X, **{word: None})


@pytest.mark.slow
def test_frames_with_names_are_taken(digits, path):
    pd = pytest.importorskip("pandas")
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    net = small(MLPNetClassifier, max_epochs=1).fit(frame, y)
    for given in (None, frame):
        to_onnx(net, path, given)
        np.testing.assert_allclose(run(path, planes(X))[1], net.predict_proba(frame), atol=5e-6)


def test_a_file_says_what_it_is(mlp, digits, path):
    X, _ = digits
    profile = {"threshold": 0.5, "histogram": [1, 2]}
    to_onnx(mlp, path, profile=profile, examples=(X[:3], ["a", "b", "c"]))
    said = {name.removeprefix("skfashion."): value for name, value in metadata(path).items()}
    assert said["class"] == said["network"] == "MLPNetClassifier"
    assert said["labels"] == {"dtype": "str", "values": mlp.classes_.tolist()}
    assert said["image_shape"] == [8, 8]
    assert said["value_range"] == [X.min(), X.max()]
    assert said["prior"]["predictions"] is None
    assert said["prior"]["training"] == mlp.class_prior_.tolist()
    assert {"skfashion", "torch", "scikit-learn"} <= set(said["versions"])
    assert said["profile"] == profile
    examples = said["examples"]
    values = np.frombuffer(base64.b64decode(examples["values"]), examples["dtype"])
    np.testing.assert_array_equal(values.reshape(examples["shape"]), planes(X[:3]))
    assert examples["labels"] == ["a", "b", "c"]
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert b".py" not in path.read_bytes()


# --- pipelines and the like ---------------------------------------------------------------------


def tiny(**params):
    return small(MLPNetClassifier, max_epochs=2, image_shape=(8, 8), **params)


def linear():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=50))


def under_sampled():
    imblearn = pytest.importorskip("imblearn")
    sampler = imblearn.under_sampling.RandomUnderSampler(random_state=0)
    return imblearn.pipeline.make_pipeline(StandardScaler(), sampler, tiny())


def table_behind_pca():
    return make_pipeline(StandardScaler(), PCA(13), small(MLPNetClassifier, max_epochs=2))


PIPELINES = {
    "scaler, PCA, net": table_behind_pca,
    "scaler, ConvNet": lambda: make_pipeline(
        StandardScaler(), "passthrough", small(ConvNetClassifier, image_shape=(8, 8))
    ),
    "vote": lambda: VotingClassifier(
        [("a", tiny()), ("none", "drop"), ("b", linear())], voting="soft", weights=[1, 5, 3]
    ),
    "stack": lambda: StackingClassifier(
        [("a", tiny()), ("b", linear())], LogisticRegression(), cv=2, passthrough=False
    ),
    "search over a pipeline": lambda: GridSearchCV(
        make_pipeline(StandardScaler(), tiny()), {"mlpnetclassifier__lr": [1e-3]}, cv=2
    ),
    "sampler": under_sampled,
    "snapshots": lambda: SnapshotEnsembleClassifier(tiny(), n_snapshots=2),
    "bag": lambda: BaggingClassifier(tiny(), n_estimators=2, random_state=0),
    "calibrated pipeline": lambda: CalibratedClassifierCV(
        make_pipeline(StandardScaler(), tiny()), cv=2
    ),
    "calibrated vote": lambda: CalibratedClassifierCV(
        VotingClassifier([("a", tiny()), ("b", linear())], voting="soft"), cv=2
    ),
    "pipeline to a calibrated net": lambda: make_pipeline(
        StandardScaler(), CalibratedClassifierCV(tiny(), cv=2)
    ),
}


QUICK = {"scaler, PCA, net", "stack"}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=() if k in QUICK else pytest.mark.slow) for k in PIPELINES],
)
def test_pipelines_are_written(kind, digits, path):
    X, y = digits
    model = PIPELINES[kind]().fit(X / 16, NAMES[y])
    before = pickle.dumps(model)
    to_onnx(model, path, X / 16)
    assert pickle.dumps(model) == before
    assert interface(path) == {"X": ("tensor(float)", "batch", 64)}
    assert_says_the_same(path, model, X / 16, (X / 16).astype(np.float32), atol=1e-5)
    assert metadata(path)["skfashion.class"] == type(model).__name__


@pytest.mark.parametrize(
    ("method", "labels"),
    [
        ("isotonic", NAMES),
        ("sigmoid", np.arange(10) > 4),
        pytest.param("sigmoid", NAMES, marks=pytest.mark.slow),
        pytest.param("temperature", NAMES, marks=pytest.mark.slow),
        pytest.param("temperature", np.arange(10) > 4, marks=pytest.mark.slow),
    ],
)
def test_calibrated_nets_are_written(method, labels, digits, path):
    X, y = digits
    net = FrozenEstimator(tiny().fit(X[:150], labels[y[:150]]))
    model = CalibratedClassifierCV(net, method=method, cv=2).fit(X[150:], labels[y[150:]])
    to_onnx(model, path, X[:100])
    assert interface(path) == {"X": ("tensor(uint8)", "batch", 64)}
    assert_says_the_same(path, model, X, atol=1e-3 if method == "isotonic" else 1e-5)


@pytest.mark.slow
def test_a_method_that_a_search_has_chosen_is_known(digits, path):
    X, y = digits
    search = GridSearchCV(CalibratedClassifierCV(tiny(), cv=2), {"method": ["isotonic"]}, cv=2)
    model = VotingClassifier([("a", search), ("b", linear())], voting="soft").fit(X / 16, NAMES[y])
    to_onnx(model, path, X / 16)
    assert_says_the_same(path, model, X / 16, (X / 16).astype(np.float32), atol=1e-3)


def test_neighbours_without_probabilities_are_calibrated(digits, path):
    X, y = digits
    svm = CalibratedClassifierCV(LinearSVC(), cv=2)
    model = VotingClassifier([("net", tiny()), ("svm", svm)], voting="soft").fit(X / 16, y)
    to_onnx(model, path, X / 16)
    assert_says_the_same(path, model, X / 16, (X / 16).astype(np.float32), atol=1e-5)


@pytest.mark.slow
def test_folds_that_lack_a_class_are_calibrated_without_it(digits, path):
    X, y = digits
    net = tiny().fit(X[y != 3], y[y != 3])
    known = CalibratedClassifierCV(FrozenEstimator(net), method="sigmoid").fit(X[y != 3], y[y != 3])
    # As scikit-learn has it where a fold lacks a class.
    known.calibrated_classifiers_[0].classes = known.classes_ = np.arange(10)
    assert (known.predict_proba(X)[:, 3] == 0).all()
    to_onnx(known, path, X)
    assert_says_the_same(path, known, X)


@pytest.mark.parametrize(
    "search", [GridSearchCV, pytest.param(EpochHalvingSearchCV, marks=pytest.mark.slow)]
)
def test_a_search_over_nets_is_written_as_its_best_net(search, digits, path):
    X, y = digits
    model = search(tiny(), {"lr": [1e-3, 1e-2]}, cv=2).fit(X, y)
    to_onnx(model, path)
    assert interface(path) == {"images": ("tensor(uint8)", "batch", 1, 8, 8)}
    assert_says_the_same(path, model, X, planes(X))
    said = metadata(path)
    assert said["skfashion.class"] == search.__name__
    assert said["skfashion.network"] == "MLPNetClassifier"


@pytest.mark.slow
def test_rows_are_made_where_steps_can_be_undone(digits, path):
    X, y = digits
    to_onnx(table_behind_pca().fit(X, y), path)
    model = make_pipeline(FunctionTransformer(), Normalizer(), tiny()).fit(X + 1, y)
    with pytest.raises(ValueError, match="Got X=None with a Pipeline.*expected X, some rows"):
        to_onnx(model, path)
    to_onnx(model, path, X + 1)  # whose first step does not know how many columns there are
    assert_says_the_same(path, model, X + 1, (X + 1).astype(np.uint8), atol=1e-5)


# --- faults -------------------------------------------------------------------------------------


def forget_the_prior(self, x):
    images = self.network.standardize(x.float())
    logits = self.network.head(self.network.features(images))
    return logits.argmax(1), logits.softmax(1)


def bake_the_batch_in(self, x):
    logits = self.network(x.reshape(len([*x]) if x.ndim else 0, *x.shape[1:]))
    return logits.argmax(1), logits[:2].softmax(1)


def give_other_labels(self, x):
    logits = self.network(x)
    return (logits.argmax(1) + 1) % 10, logits.softmax(1)


@pytest.mark.parametrize(
    ("fault", "message"),
    [(forget_the_prior, "Got probabilities that differ by up to"), (bake_the_batch_in, "batch")],
)
def test_a_wrong_file_is_never_written(fault, message, digits, path, monkeypatch):
    X, y = digits
    net = small(MLPNetClassifier, prior="uniform")
    net.fit(X[:200], y[:200], sample_weight=1.0 + (y[:200] == 3) * 20)
    monkeypatch.setattr(DeployedNet, "forward", fault)
    for write, file in ((to_onnx, path), (to_torch_export, path.with_suffix(".pt2"))):
        file.write_bytes(b"what was there")
        with pytest.raises(Exception, match=message):
            write(net, file, X)
        assert file.read_bytes() == b"what was there"
        assert sorted(path.parent.glob(".*")) == []


@pytest.mark.parametrize("wrong", ["probabilities", "features"])
def test_small_differences_are_refused(wrong, mlp, digits, path, monkeypatch):
    compute = DeployedNet.forward

    def differ(self, x):
        codes, probabilities, features = compute(self, x)
        if wrong == "features":
            return codes, probabilities, features * 1.0001
        return codes, probabilities + 1e-5, features

    monkeypatch.setattr(DeployedNet, "forward", differ)
    with pytest.raises(ValueError, match=f"Got {wrong} that differ by up to"):
        to_onnx(mlp, path, digits[0], features=True)
    assert not path.exists()


def be_right_about_single_rows(self, x):
    logits = self.network(x)
    return logits.argmax(1), logits.softmax(1) / torch.ones_like(logits[:, 0]).sum()


@pytest.mark.parametrize("n_rows", [1, 2])
def test_few_rows_are_tried_in_batches_of_three_sizes(n_rows, mlp, digits, path, monkeypatch):
    X, y = digits
    sizes = []
    run_batch = onnxruntime.InferenceSession.run

    def noted(session, names, inputs, *more):
        sizes.append(len(*inputs.values()))
        return run_batch(session, names, inputs, *more)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", noted)
    to_onnx(mlp, path, X[:n_rows])
    assert sizes == [1, 2, 7]
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    to_onnx(table_behind_pca().fit(frame, y), path, frame[:n_rows])
    assert sizes == 2 * [1, 2, 7]
    monkeypatch.undo()
    monkeypatch.setattr(DeployedNet, "forward", be_right_about_single_rows)
    for write in (to_onnx, to_torch_export):
        with pytest.raises(ValueError, match="Got probabilities that differ by up to"):
            write(mlp, path, X[:n_rows])


def test_what_cannot_be_run_is_an_error_in_words(digits, path, capfd):
    X, y = digits
    members = [("net", tiny()), ("linear", linear())]
    model = StackingClassifier(members, linear(), cv=2, stack_method="predict")
    with pytest.raises(ValueError, match=r"ONNX Runtime cannot run \(.*set stack_method"):
        to_onnx(model.fit(X, y), path, X)
    with pytest.raises(ValueError, match="X of 0 rows, expected one at least"):
        to_onnx(model, path, X[:0])
    assert not path.exists()
    assert capfd.readouterr().err == ""


def test_a_difference_is_an_error_in_words(mlp, digits, path, monkeypatch):
    monkeypatch.setattr(DeployedNet, "forward", give_other_labels)
    message = "Got [0-9]+ other labels of 300 between the ONNX file and the estimator.*the same"
    with pytest.raises(ValueError, match=message):
        to_onnx(mlp, path, digits[0])
    assert not path.exists()


def test_the_advice_on_isotonic_steps_is_of_them(digits, path, monkeypatch):
    X, y = digits
    net = tiny().fit(X, y > 4)
    for name in ("ISOTONIC_TOLERANCE", "PIPELINE_TOLERANCE"):
        monkeypatch.setattr(f"skfashion.export.checking.{name}", -1)
    for method, advice in (("isotonic", "Isotonic.*method='sigmoid'"), ("sigmoid", "Inputs far")):
        model = CalibratedClassifierCV(FrozenEstimator(net), method=method, ensemble=False)
        model.fit(X, y > 4)
        with pytest.raises(ValueError, match=f"Nothing was written. {advice}"):
            to_onnx(model, path, X)


SWAPPED = {
    "to_onnx": lambda net, X, y: to_onnx("net.onnx", net),
    "to_torch_export": lambda net, X, y: to_torch_export(Path("net.onnx"), net, X),
    "quantize": lambda net, X, y: quantize("net.onnx", net, X),
    "to_c": lambda net, X, y: to_c("folder", "there.onnx"),
}


@pytest.mark.parametrize("function", SWAPPED)
def test_swapped_arguments_are_named(function, mlp, digits, path, monkeypatch):
    monkeypatch.chdir(path.parent)
    Path("there.onnx").touch()
    said = rf"Got '\S+' first and .* second, expected them the other way round: {function}\("
    with pytest.raises(ValueError, match=said):
        SWAPPED[function](mlp, *digits)
    assert sorted(Path().iterdir()) == [Path("there.onnx")]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda net, X: to_onnx(net, X, "net.onnx"),
            r"an array of shape \(300, 64\) as path.*: to_onnx\(model, path\)",
        ),
        (
            lambda net, X: quantize(net, X, "net.onnx"),
            r"as path, expected that of the new file: quantize\(model, path, X_calibration\)",
        ),
        (lambda net, X: to_torch_export(net, None), "Got None as path"),
        (
            lambda net, X: to_c(net, "folder"),
            "Got a MLPNetClassifier, expected the path of an int8",
        ),
        (lambda net, X: to_c("there.onnx", "there.onnx"), "the file 'there.onnx', expected a fold"),
    ],
)
def test_what_is_no_path_is_described(call, message, mlp, digits, path, monkeypatch):
    monkeypatch.chdir(path.parent)
    Path("there.onnx").touch()
    with pytest.raises(ValueError, match=message):
        call(mlp, digits[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"profile": {"a": np.arange(3)}}, "profile that JSON cannot hold"),
        ({"profile": {"a": "b" * 2**21}}, "profile of [0-9]+ bytes"),
        ({"examples": np.zeros((101, 64), np.uint8)}, "101 examples"),
        ({"examples": (np.zeros((2, 64), np.uint8), ["a"])}, "2 examples and 1 labels"),
        ({"X": np.zeros((3, 63))}, "63 features"),
        ({"X": np.full((3, 64), np.nan)}, "NaN"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_bad_arguments_are_refused(arguments, message, mlp, path):
    with pytest.raises(ValueError, match=message):
        to_onnx(mlp, path, **arguments)
    assert not path.exists()


def test_models_that_cannot_be_written_are_refused(mlp, digits, path):
    X, y = digits
    with pytest.raises(NotFittedError):
        to_onnx(MLPNetClassifier(), path)
    huge = tiny().fit(X, y.astype(np.uint64) + 2**63)
    with pytest.raises(ValueError, match="labels of dtype uint64.*expected text"):
        to_onnx(huge, path)
    with pytest.raises(ValueError, match="features=True with a Pipeline"):
        to_onnx(table_behind_pca().fit(X, y), path, X, features=True)
    middle = make_pipeline(FrozenEstimator(mlp), LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="skl2onnx cannot convert|in its middle"):
        to_onnx(middle, path, X)
    middle.steps[0] = ("net", mlp)
    with pytest.raises(ValueError, match="MLPNetClassifier in its middle, 'net'"):
        to_onnx(middle, path, X)
    with pytest.raises(ValueError, match="Got a Pipeline, expected a net of this package"):
        to_torch_export(middle, path, X)
    with pytest.raises(TypeError, match="Did you mean 'features'"):
        to_onnx(mlp, path, feature=True)
    with pytest.raises(OSError, match="nowhere"):
        to_onnx(mlp, path.parent / "nowhere" / "net.onnx")
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("library", ["onnx", "onnxruntime", "onnxscript", "skl2onnx"])
def test_a_missing_library_is_named(library, mlp, path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ImportError, match=re.escape(f"{library} (") + r".*pip install -e '\.\[export\]' in"
    ):
        to_onnx(mlp, path)
    assert not path.exists()


def test_nothing_else_is_changed(digits, tmp_path, capfd, caplog):
    X, y = digits
    net = small(ConvNetClassifier, max_epochs=1).fit(X, y)
    state = {k: v.clone() for k, v in net.net_.module_.state_dict().items()}
    strides = [tensor.stride() for tensor in net.net_.module_.parameters()]
    predictions = net.predict_proba(X)
    attributes = set(vars(net))

    def process():
        generators = torch.get_rng_state().sum().item(), np.random.get_state()[1].sum()
        handlers = list(logging.getLogger().handlers)
        return generators, torch.get_num_threads(), torch.get_default_dtype(), handlers

    before = process()
    capfd.readouterr()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        to_onnx(net, tmp_path / "a.onnx")
        to_torch_export(net, tmp_path / "a.pt2")
        quantize(tmp_path / "a.onnx", tmp_path / "b.onnx", X)
        quantize(tmp_path / "a.onnx", tmp_path / "c.onnx", X, method="dynamic")
    assert process() == before
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name == "root"] == []
    assert set(vars(net)) == attributes
    assert all(torch.equal(v, state[k]) for k, v in net.net_.module_.state_dict().items())
    assert [tensor.stride() for tensor in net.net_.module_.parameters()] == strides
    assert not net.net_.module_.training
    np.testing.assert_array_equal(net.predict_proba(X), predictions)


# --- PyTorch's files ----------------------------------------------------------------------------


def test_files_of_pytorch_say_the_same(digits, tmp_path):
    X, y = digits
    net = small(ConvNetClassifier, tta="flip", prior="uniform").fit(X, NAMES[y])
    to_torch_export(net, tmp_path / "net.pt2", features=True)
    extra = {"skfashion.json": ""}
    function = torch.export.load(tmp_path / "net.pt2", extra_files=extra).module()
    labels = np.array(json.loads(json.loads(extra["skfashion.json"])["skfashion.labels"])["values"])
    for rows in (slice(1), slice(1, 3), slice(3, 300)):
        images = torch.from_numpy(planes(X[rows]).copy())
        codes, probabilities, features = (part.numpy() for part in function(images))
        np.testing.assert_array_equal(labels[codes], net.predict(X[rows]))
        np.testing.assert_allclose(probabilities, net.predict_proba(X[rows]), atol=5e-6)
        np.testing.assert_allclose(features, net.transform(X[rows]), atol=1e-4)


# --- 8 bits -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clothes():
    """Images and names to learn from, and others."""
    bunch = load_fashion_sample()
    X, y = bunch.data[:1000], np.asarray(bunch.target_names)[bunch.target[:1000]]
    return X[:600], y[:600], X[600:], y[600:]


@pytest.mark.parametrize(
    ("cls", "params", "method", "ratio"),
    [
        (MLPNetClassifier, {"hidden_layer_sizes": (128,)}, "dynamic", 3.7),
        (ConvNetClassifier, {"channels": (8, 8), "hidden_layer_sizes": (64,)}, "static", 2.5),
        # 28, 14, 7 and 4 pixels a side: the pool of an odd side counts what is outside of it.
        pytest.param(
            ResNetClassifier,
            {"width": 8, "depth": (1, 1, 1)},
            "static",
            1.0,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["MLP", "ConvNet", "ResNet"],
)
def test_files_of_8_bits(cls, params, method, ratio, clothes, path, tmp_path):
    X, y, X_test, y_test = clothes
    net = small(cls, max_epochs=8, **params).fit(X, y)
    to_onnx(net, path, profile={"a": 1})
    report = quantize(path, tmp_path / "a.onnx", X[:256], X_test=X_test, y_test=y_test)
    assert report.method == method
    assert report.bytes_after == (tmp_path / "a.onnx").stat().st_size
    assert report.bytes_before == path.stat().st_size
    assert report.ratio > ratio
    assert report.n_rows == 400
    assert report.labels_changed < 0.03
    assert report.accuracy_before == net.score(X_test, y_test) > 0.5
    assert abs(report.accuracy_after - report.accuracy_before) < 0.02
    images = X_test.reshape(-1, 1, 28, 28)
    labels, probabilities = run(tmp_path / "a.onnx", images)
    assert np.mean(labels != net.predict(X_test)) == report.labels_changed
    # What ONNX Runtime fuses computes what is written in the file.
    _, plain = run(tmp_path / "a.onnx", images, fused=False)
    np.testing.assert_allclose(probabilities, plain, atol=0.03)
    kept = metadata(tmp_path / "a.onnx")
    assert kept.pop("skfashion.quantized") == method
    assert kept == metadata(path)
    again = quantize(path, tmp_path / "b.onnx", X[:256].reshape(-1, 28, 28))
    assert again.accuracy_after is None and again.n_rows == 256
    assert (tmp_path / "b.onnx").read_bytes() == (tmp_path / "a.onnx").read_bytes()


@pytest.mark.slow
def test_pipelines_of_8_bits_keep_what_scikit_learn_computes(clothes, tmp_path):
    X, y, X_test, y_test = clothes
    net = small(MLPNetClassifier, hidden_layer_sizes=(256, 256), max_epochs=5)
    model = make_pipeline(StandardScaler(), PCA(30), net).fit(X, y)
    report = quantize(model, tmp_path / "a.onnx", X, X_test=X_test, y_test=y_test)
    assert report.method == "dynamic"
    assert report.labels_changed < 0.03
    kinds = [tensor.data_type for tensor in onnx.load(tmp_path / "a.onnx").graph.initializer]
    assert onnx.TensorProto.INT8 in kinds
    sizes = {
        tuple(tensor.dims): tensor.data_type
        for tensor in onnx.load(tmp_path / "a.onnx").graph.initializer
    }
    assert sizes[784, 30] == onnx.TensorProto.FLOAT
    assert sizes[256, 256] == onnx.TensorProto.INT8


def test_what_cannot_be_quantized_is_refused(mlp, digits, tmp_path):
    X, _ = digits
    quantize(mlp, tmp_path / "int8.onnx", X)
    to_onnx(mlp, tmp_path / "net.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    out = tmp_path / "out.onnx"
    for name in ("int8.onnx", "text.onnx"):
        with pytest.raises(ValueError, match=f"{name}, which"):
            quantize(tmp_path / name, out, X)
    with pytest.raises(FileNotFoundError):
        quantize(tmp_path / "none.onnx", out, X)
    with pytest.raises(ValueError, match="not whole numbers from 0 to 255"):
        quantize(tmp_path / "net.onnx", out, X / 16)
    with pytest.raises(ValueError, match="X_calibration of"):
        quantize(tmp_path / "net.onnx", out, X[:, :63])
    with pytest.raises(ValueError, match="y_test without X_test"):
        quantize(mlp, out, X, y_test=[1])
    with pytest.raises(ValueError, match="X_test of 300 rows and y_test of 1 labels"):
        quantize(mlp, out, X, X_test=X, y_test=[1])
    with pytest.raises(ValueError, match="method"):
        quantize(mlp, out, X, method="int4")
    assert not out.exists()


def test_rows_that_show_no_ranges_are_warned_of(digits, tmp_path):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=1).fit(X, y)
    to_onnx(net, tmp_path / "net.onnx")
    rows = {"31": X[:31], "equal": np.repeat(X[:1], 100, axis=0), "black": X[:100] * 0}
    for name, few in rows.items():
        n = 31 if name == "31" else 1
        with pytest.warns(
            UserWarning, match=f"{len(few)} rows, {n} of them different; expected 32"
        ):
            quantize(tmp_path / "net.onnx", tmp_path / "int8.onnx", few, method="static")
    # Without a warning:
    quantize(tmp_path / "net.onnx", tmp_path / "int8.onnx", X[:32], method="static")
    quantize(tmp_path / "net.onnx", tmp_path / "int8.onnx", X[:2], method="dynamic")


def test_nets_behind_any_scaler_become_int8(digits, tmp_path, caplog):
    X, y = digits
    for scaler in (Normalizer(), StandardScaler()):
        model = make_pipeline(scaler, small(ConvNetClassifier, max_epochs=2)).fit(X, y)
        report = quantize(model, tmp_path / "net.onnx", X)
        assert report.method == "static"
        assert report.labels_changed < 0.1
        kinds = [t.data_type for t in onnx.load(tmp_path / "net.onnx").graph.initializer]
        assert onnx.TensorProto.INT8 in kinds
    assert [record for record in caplog.records if record.name == "root"] == []


def test_attention_keeps_floats_where_they_cost_less(digits, tmp_path, caplog):
    X, y = digits
    net = small(AttentionNetClassifier, max_epochs=1).fit(X, y)
    report = quantize(net, tmp_path / "net.onnx", X)
    assert report.method == "static" and report.labels_changed < 0.1
    graph = onnx.load(tmp_path / "net.onnx").graph
    quantized = {name for node in graph.node if "Quantize" in node.op_type for name in node.output}
    for node in graph.node:
        if node.op_type in ("LayerNormalization", "Gelu", "Softmax"):
            assert not quantized & set(node.input[:1]), node.op_type
    assert sum(t.data_type == onnx.TensorProto.INT8 for t in graph.initializer) > 4
    assert [record for record in caplog.records if record.name == "root"] == []


# --- many rows, many architectures --------------------------------------------------------------

# Besides that of `small`, which is every classifier's test.
FAMILIES = ["resnet18", "regnet_y_400mf", "efficientnet_b0", "densenet121", "convnext_tiny"]


@pytest.mark.slow
@pytest.mark.parametrize("backbone", FAMILIES)
def test_every_family_of_backbones_is_written(backbone, digits, path):
    X, y = digits
    net = TorchvisionClassifier(backbone=backbone, max_epochs=1, random_state=0)
    net.fit(X[:40], y[:40] % 2)
    to_onnx(net, path)
    assert_says_the_same(path, net, X[:40], planes(X[:40]))


@pytest.mark.slow
@pytest.mark.parametrize("cls", [ConvNetClassifier, AttentionNetClassifier])
def test_labels_are_the_same_on_two_thousand_rows(cls, path):
    bunch = load_fashion_sample()
    X, y = bunch.data[:2500], np.asarray(bunch.target_names)[bunch.target[:2500]]
    net = small(cls, max_epochs=2).fit(X[:500], y[:500])
    to_onnx(net, path, X[500:])
    labels, probabilities = run(path, X[500:].reshape(-1, 1, 28, 28))
    np.testing.assert_array_equal(labels, net.predict(X[500:]))
    np.testing.assert_allclose(probabilities, net.predict_proba(X[500:]), atol=5e-6)


def test_labels_that_a_net_does_not_know_are_refused_by_quantize(digits, tmp_path):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=1).fit(X, y)
    for wrong, message in ((y.astype(str), "Got y_test with the labels"), (np.eye(10)[y], "1d")):
        with pytest.raises(ValueError, match=message):
            quantize(net, tmp_path / "net.onnx", X[:50], X_test=X, y_test=wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_subclass_of_the_same_name_takes_nothing_away(digits, tmp_path):
    X, y = digits
    cls = type("MLPNetClassifier", (MLPNetClassifier,), {})
    for kind in (MLPNetClassifier, cls, MLPNetClassifier):
        model = make_pipeline(StandardScaler(), small(kind, max_epochs=1)).fit(X, y)
        to_onnx(model, tmp_path / "net.onnx", X[:20])
