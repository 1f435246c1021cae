"""A reader before a net, out again: its steps are in the file, and a service takes them."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from service import Client, onnxruntime, picture
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.datasets import load_fashion_sample, load_image_folder
from skfashion.preprocessing import ImageReader, PhotoToFashion
from skfashion.serving import create_app
from skfashion.serving.model import load_model

pytest.importorskip("onnx")
from skfashion.export import quantize, to_onnx, to_torch_export
from skfashion.serving.webpage.offline import _card

RANDOM = np.random.default_rng(0)


def photographs(n):
    """Return JPEG files of several sizes, some in colour, and their labels."""
    sample = load_fashion_sample()
    chosen = np.flatnonzero(sample.target < 3)[:n]
    contents = []
    for i in chosen:
        image = Image.fromarray(sample.images[i])
        image = image.resize(tuple(RANDOM.integers(20, 150, 2).tolist()))
        contents.append(picture(image, "JPEG", mode=["L", "RGB"][i % 2], quality=90))
    return contents, sample.target_names[sample.target[chosen]]


@pytest.fixture(scope="module")
def files():
    return photographs(200)


def pipeline_of(files, crop="centre", size=(14, 12), mode="L"):
    net = ConvNetClassifier(channels=(4,), max_epochs=4, random_state=0)
    return make_pipeline(ImageReader(size, mode=mode, crop=crop), net).fit(*files)


@pytest.mark.parametrize(("crop", "mode"), [("centre", "L"), ("pad", "RGB")])
def test_a_service_sees_a_picture_as_the_training_did(files, tmp_path, crop, mode):
    contents, _ = files
    model = pipeline_of(files, crop, mode=mode)
    to_onnx(model, tmp_path / "net.onnx", contents[:20])
    client = Client(create_app(tmp_path / "net.onnx"))
    answers = [client.post("/v1/predict", content=one).json() for one in contents]
    assert [answer["labels"][0] for answer in answers] == model.predict(contents).tolist()
    found = np.array([answer["probabilities"][0] for answer in answers])
    np.testing.assert_allclose(found, model.predict_proba(contents), atol=1e-5)
    png = client.post("/v1/view", content=contents[0]).json()["png"]
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(png))))
    np.testing.assert_array_equal(seen, model[0].transform(contents[:1])[0])
    client.close()


def test_a_folder_without_a_pipeline_is_served_as_it_was_read(files, tmp_path):
    for number, (content, label) in enumerate(zip(*files, strict=True)):
        folder = tmp_path / "photos" / label.replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(content)
    photos = load_image_folder(tmp_path / "photos", size=14)
    net = ConvNetClassifier(channels=(4,), max_epochs=4, random_state=0)
    net.fit(photos.images, photos.target_names[photos.target])
    model = make_pipeline(photos.reader, net)
    paths = photos.filenames
    to_onnx(model, tmp_path / "net.onnx", paths)
    client = Client(create_app(tmp_path / "net.onnx"))
    answers = [client.post("/v1/predict", content=Path(path).read_bytes()).json() for path in paths]
    client.close()
    wanted = net.predict(photos.images).tolist()
    assert [answer["labels"][0] for answer in answers] == wanted == model.predict(paths).tolist()


def test_a_file_says_how_pictures_are_read(files, tmp_path):
    contents, labels = files
    model = pipeline_of(files)
    to_onnx(model, tmp_path / "net.onnx", features=True, examples=(contents[:3], labels[:3]))
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (entry,) = session.get_inputs()
    assert (
        entry.name == "images" and entry.type == "tensor(uint8)" and entry.shape[1:] == [1, 14, 12]
    )
    texts = session.get_modelmeta().custom_metadata_map
    told = json.loads(texts["skfashion.image_reader"])
    assert told == {"size": [14, 12], "mode": "L", "crop": "centre"}
    assert json.loads(texts["skfashion.image_shape"]) == [14, 12]
    loaded = load_model("net", (tmp_path / "net.onnx").read_bytes())
    np.testing.assert_array_equal(loaded.examples[:, 0], model[0].transform(contents[:3]))
    assert loaded.crop == _card(loaded)["crop"] == "centre"
    # A net without a reader says nothing, and pictures are stretched.
    to_onnx(model[-1], tmp_path / "alone.onnx")
    assert load_model("net", (tmp_path / "alone.onnx").read_bytes()).crop == "stretch"


def test_readers_before_pipelines_and_in_searches(files, tmp_path):
    contents, labels = files
    steps = ImageReader(8, mode="L", flatten=True), StandardScaler()
    for last in (
        LogisticRegression(max_iter=300),
        MLPNetClassifier(hidden_layer_sizes=4, max_epochs=3, random_state=0, image_shape=(8, 8)),
    ):
        model = make_pipeline(*steps, last)
        search = GridSearchCV(model, {"imagereader__crop": ["pad"]}, cv=2).fit(contents, labels)
        to_onnx(search, tmp_path / "net.onnx", contents)
        client = Client(create_app(tmp_path / "net.onnx"))
        found = [
            client.post("/v1/predict", content=one).json()["labels"][0] for one in contents[:40]
        ]
        assert found == search.predict(contents[:40]).tolist()
        client.close()


def test_readers_and_other_files(files, tmp_path):
    contents, labels = files
    model = pipeline_of(files)
    to_onnx(model, tmp_path / "net.onnx")
    for source in (model, tmp_path / "net.onnx"):
        report = quantize(source, tmp_path / "int8.onnx", contents, X_test=contents, y_test=labels)
        assert report.labels_changed < 0.1
    assert load_model("net", (tmp_path / "int8.onnx").read_bytes()).crop == "centre"
    images = model[0].transform(contents)
    quantize(tmp_path / "net.onnx", tmp_path / "same.onnx", images)
    assert (tmp_path / "same.onnx").read_bytes() == (tmp_path / "int8.onnx").read_bytes()
    to_torch_export(model, tmp_path / "net.pt2", contents[:20])


def test_readers_that_no_file_has_a_place_for(files, tmp_path):
    contents, labels = files
    inside = CalibratedClassifierCV(pipeline_of(files), cv=2).fit(contents, labels)
    with pytest.raises(ValueError, match="with a ImageReader inside.*first step of the whole"):
        to_onnx(inside, tmp_path / "net.onnx", contents)
    net = MLPNetClassifier(hidden_layer_sizes=2, max_epochs=1)
    photos = make_pipeline(PhotoToFashion(), net).fit(contents[:20], labels[:20])
    with pytest.raises(ValueError, match="PhotoToFashion inside"):
        to_onnx(photos, tmp_path / "net.onnx", contents)
    net = ConvNetClassifier(channels=(2,), max_epochs=1, image_shape=(12, 14))
    other = make_pipeline(ImageReader((14, 12), mode="L", flatten=True), net)
    with pytest.raises(ValueError, match="expected the same"):
        to_onnx(other.fit(contents, labels), tmp_path / "net.onnx", contents)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "told",
    [
        {"size": [14, 12], "mode": "L", "crop": "middle"},
        {"size": [12, 14], "mode": "L", "crop": "pad"},
        {"size": [14, 12], "mode": "RGB", "crop": "pad"},
        {"size": 14, "mode": "L", "crop": "pad"},
        {"crop": "pad"},
        [],
    ],
)
def test_files_that_read_pictures_otherwise_are_refused(exported, told):
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(exported)
    (entry,) = (e for e in model.metadata_props if e.key == "skfashion.image_reader")
    entry.value = json.dumps(told)
    with pytest.raises(ValueError, match="Got a"):
        load_model("net", model.SerializeToString())


@pytest.fixture(scope="module")
def exported(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "net.onnx"
    to_onnx(pipeline_of(files), path)
    return path.read_bytes()
