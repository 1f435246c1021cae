"""The service as an app in this process: what it answers, and what it refuses."""

import asyncio
import base64
import io
import json
import logging
import math
import os
import pickle
import re
import shutil
import threading
import time
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import joblib
import numpy as np
import pytest
from PIL import Image
from service import Client, onnxruntime, picture
from starlette.applications import Starlette
from starlette.routing import Mount

from skfashion.serving import create_app
from skfashion.serving.gathering import Gathering, rows_together
from skfashion.serving.logs import (
    ACCESS,
    ForgivingHandler,
    JSONFormatter,
    RequestRecord,
    say,
    say_request,
)
from skfashion.serving.model import load_model
from skfashion.serving.staging import Stage
from skfashion.serving.telemetry import Telemetry
from skfashion.serving.watching import Watcher, with_prior

GOLDEN = Path(__file__).parent / "golden"
MODELS = {name: GOLDEN / f"{name}.onnx" for name in ("grey", "colour", "table")}
GREY = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def client():
    client = Client(create_app(MODELS))
    yield client
    client.close()


@pytest.fixture
def made():
    """Return a function that makes clients of apps with options."""
    clients = []

    def make(models=MODELS, headers=None, **options):
        clients.append(Client(create_app(models, **options), **(headers or {})))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def ask(name, inputs):
    """Return what ONNX Runtime itself says."""
    session = onnxruntime.InferenceSession(MODELS[name])
    (entry,) = session.get_inputs()
    found = session.run(None, {entry.name: inputs})
    return dict(zip((o.name for o in session.get_outputs()), found, strict=True))


def says(answer, name, inputs):
    """Tell whether an answer is that of ONNX Runtime to some inputs."""
    assert answer.status_code == 200, answer.text
    found, wanted = answer.json(), ask(name, inputs)
    assert found["labels"] == wanted["label"].tolist()
    np.testing.assert_allclose(found["probabilities"], wanted["probabilities"], rtol=1e-6)
    assert len(found["classes"]) == wanted["probabilities"].shape[1]


def refused(answer, status, *words):
    """Check that an answer is a problem, with some words in it, and nothing of the inside."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["error"] == problem["detail"]
    assert all(word in problem["detail"] for word in words), problem["detail"]
    assert not any(sign in answer.text for sign in ("Traceback", ".py", "site-packages"))


# --- answers --------------------------------------------------------------------------------------


def test_a_picture_as_body_as_form_and_as_json(client):
    png = picture(GREY)
    for options in (
        {"content": png, "headers": {"content-type": "image/png"}},
        {"content": png},
        {"files": {"file": ("../../name.png", png, "image/png")}},
        {"json": {"instances": GREY[None].tolist()}},
        {"json": {"instances": GREY.reshape(1, -1).tolist()}},
        {"json": {"instances": GREY[None, None].tolist()}},
        {"json": {"instances": GREY[None, :, :, None].tolist()}},
    ):
        says(client.post("/v1/predict?model=grey", **options), "grey", GREY[None, None])


def test_colour_in_the_scale_of_the_training(client):
    planes = COLOUR.transpose(2, 0, 1)[None].astype(np.float32) / 255
    says(client.post("/v1/predict?model=colour", content=picture(COLOUR)), "colour", planes)
    for instances in (
        planes,
        planes.transpose(0, 2, 3, 1),
        planes.transpose(0, 2, 3, 1).reshape(1, -1),
    ):
        sent = {"instances": instances.tolist()}
        says(client.post("/v1/predict?model=colour", json=sent), "colour", planes)


def test_rows_of_a_table(client):
    rows = np.random.default_rng(0).normal(size=(5, 13)).astype(np.float32)
    answer = client.post("/v1/predict?model=table", json={"instances": rows.tolist()})
    says(answer, "table", rows)
    assert answer.json()["classes"] == [False, True]
    refused(client.post("/v1/predict?model=table", content=picture(GREY)), 409, "rows of numbers")


def of_mode(mode):
    """Return a grey picture in another mode of Pillow's, and the grey that it should become."""
    return picture(GREY, mode=mode), GREY


def test_pictures_of_many_kinds_become_what_the_net_sees(client):
    grey16 = Image.fromarray(GREY.astype(np.uint16) * 257)
    half = Image.fromarray(np.dstack([GREY, GREY, GREY, np.full_like(GREY, 128)]))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: turn it clockwise
    kinds = {
        "grey": (picture(GREY), GREY),
        "palette": (picture(GREY, mode="P"), GREY),
        "colour": (picture(GREY, mode="RGB"), GREY),
        "opaque": (picture(GREY, mode="RGBA"), GREY),
        "16 bits": (picture(grey16), GREY),
        "half transparent": (picture(half), GREY // 2),
        "webp": (picture(GREY, "WEBP", mode="RGB", lossless=True), GREY),
        "turned": (picture(GREY, exif=exif), np.rot90(GREY, -1)),
        "black and white": (picture((GREY > 99).astype(np.uint8) * 255, mode="1"), None),
    }
    for kind, (content, wanted) in kinds.items():
        answer = client.post("/v1/view?model=grey", content=content)
        assert answer.status_code == 200, (kind, answer.text)
        seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.json()["png"]))))
        wanted = np.where(GREY > 99, 255, 0) if wanted is None else wanted
        assert np.abs(seen.astype(int) - wanted).max() <= 1, kind


def test_a_large_picture_is_stretched(client):
    large = np.kron(GREY, np.ones((40, 30), np.uint8))
    for format in ("PNG", "JPEG"):
        answer = client.post("/v1/view?model=grey", content=picture(large, format))
        seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.json()["png"]))))
        assert seen.shape == (8, 8)
        assert np.corrcoef(seen.ravel(), GREY.ravel())[0, 1] > 0.9, format
    grey = client.post("/v1/view?model=colour", content=picture(GREY)).json()["png"]
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(grey))))
    np.testing.assert_array_equal(seen, np.dstack([GREY] * 3))


def test_where_the_net_looked_is_where_covering_changes_its_mind(client):
    answer = client.post("/v1/explain?model=grey", content=picture(GREY))
    found, wanted = answer.json(), ask("grey", GREY[None, None])
    assert found["label"] == wanted["label"][0]
    heat = np.asarray(found["heat"])
    assert heat.shape == (8, 8)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    column_of_label = wanted["probabilities"].argmax()

    def fall(row, column):
        covered = GREY.copy()
        covered[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = GREY.mean()
        return -ask("grey", covered[None, None])["probabilities"][0, column_of_label]

    falls = [fall(row, column) for row in range(8) for column in range(8)]
    assert fall(row, column) > np.quantile(falls, 0.8)


def test_the_nearest_example_is_the_image_itself(client):
    cards = {card["name"]: card for card in client.get("/v1/models").json()["models"]}
    assert cards["grey"]["image_shape"] == [1, 8, 8] and cards["grey"]["has_examples"]
    assert cards["table"]["image_shape"] is None and not cards["table"]["has_examples"]
    assert sum(cards["grey"]["prior"]) == pytest.approx(1)
    found = client.post("/v1/neighbors?model=grey", content=picture(GREY)).json()["examples"]
    assert len(found) == 5
    distances = [example["distance"] for example in found]
    assert distances == sorted(distances)
    for name in ("grey", "colour"):
        path = f"/v1/neighbors?model={name}"
        example = client.post(path, content=picture(GREY)).json()["examples"][3]
        content = base64.b64decode(example["png"])
        again = client.post(path, content=content).json()["examples"][0]
        assert again["png"] == example["png"] and again["distance"] < 1e-3
        assert (again["label"] is None) == (name == "colour")
    refused(
        client.post("/v1/neighbors?model=table", json={"instances": [[0.0] * 13]}), 404, "no ex"
    )


def test_one_model_needs_no_name_and_several_do(client, made):
    says(made(MODELS["grey"]).post("/v1/predict", content=picture(GREY)), "grey", GREY[None, None])
    refused(client.post("/v1/predict", content=picture(GREY)), 422, "?model=", "colour, table")
    refused(client.post("/v1/predict?model=../x", content=picture(GREY)), 404, "not here", "table")
    refused(client.post("/v1/predict?model=" + "x" * 99, content=picture(GREY)), 404)


def test_parameters_that_nothing_looks_at_are_refused(client):
    for query in ("model=grey&label=a", "labl=a&model=grey", "modle=grey"):
        for path in ("/v1/explain", "/v1/predict"):
            answer = client.post(f"{path}?{query}", content=picture(GREY))
            refused(answer, 422, "expected model=NAME alone")


def test_what_is_not_there_is_said_in_our_own_words(client):
    refused(client.get("/v1/other"), 404, "/openapi.json")
    for path in ("/v1/predict", "/v2/models/grey/infer"):
        answer = client.get(path)
        refused(answer, 405, "expected POST")
        assert answer.headers["allow"] == "POST"


def test_the_page_runs_its_own_scripts_only(client):
    answer = client.get("/")
    assert answer.status_code == 200 and "grey" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'unsafe-inline'" not in policy


# --- the Open Inference Protocol ------------------------------------------------------------------


def infer(client, name, tensor, **message):
    return client.post(f"/v2/models/{name}/infer", json={"inputs": [tensor], **message})


def tensor(values, name="images", datatype="UINT8", **more):
    data = {"data": values.ravel().tolist()} if not more else {}
    return {"name": name, "shape": list(values.shape), "datatype": datatype, **data, **more}


def test_infer_in_json(client):
    images = np.stack([GREY, GREY.T])[:, None]
    answer = infer(client, "grey", tensor(images), id="mine").json()
    assert (answer["model_name"], answer["id"]) == ("grey", "mine")
    outputs = {output["name"]: output for output in answer["outputs"]}
    wanted = ask("grey", images)
    assert outputs["label"]["datatype"] == "BYTES"
    assert outputs["label"]["data"] == wanted["label"].tolist()
    for name in ("probabilities", "features"):
        found = np.reshape(outputs[name]["data"], outputs[name]["shape"])
        np.testing.assert_allclose(found, wanted[name], rtol=1e-6)
    one = infer(client, "grey", tensor(images), outputs=[{"name": "label"}]).json()["outputs"]
    assert [output["name"] for output in one] == ["label"]
    rows = np.ones((1, 13))
    answer = infer(client, "table", tensor(rows, "X", "FP32")).json()["outputs"][0]
    assert answer["datatype"] == "BOOL" and isinstance(answer["data"][0], bool)


def test_infer_in_bytes(client):
    images = np.stack([GREY, GREY.T])[:, None]
    head = {"inputs": [tensor(images, parameters={"binary_data_size": images.nbytes})]}
    head["parameters"] = {"binary_data_output": True}
    text = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    options = {"content": text + images.tobytes(), "headers": headers}
    answer = client.post("/v2/models/grey/versions/1/infer", **options)
    n_text = int(answer.headers["inference-header-content-length"])
    outputs = json.loads(answer.content[:n_text])["outputs"]
    sizes = [output["parameters"]["binary_data_size"] for output in outputs]
    assert n_text + sum(sizes) == len(answer.content)
    behind = answer.content[n_text + sizes[0] :][: sizes[1]]
    found = np.frombuffer(behind, "<f4").reshape(2, 10)
    np.testing.assert_array_equal(found, ask("grey", images)["probabilities"])
    assert answer.content[n_text : n_text + 5][:4] == (1).to_bytes(4, "little")


def test_what_servers_and_models_say_of_themselves(client):
    assert "binary_tensor_data" in client.get("/v2").json()["extensions"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for path in ("/v2/models/grey", "/v2/models/grey/versions/1"):
        said = client.get(path).json()
        shapes = {part["name"]: part["shape"] for part in said["inputs"] + said["outputs"]}
        assert shapes["images"] == [-1, 1, 8, 8] and shapes["probabilities"] == [-1, 10]
        assert client.get(path + "/ready").json() == {"name": "grey", "ready": True}
    refused(client.get("/v2/models/other"), 404)
    refused(client.get("/v2/models/grey/versions/2"), 404, "expected 1")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "other"}, 422),
        ({"datatype": "FP32"}, 422),
        ({"shape": [1, 1, 8, 9]}, 422),
        ({"shape": [2, 1, 8, 8]}, 422),
        ({"shape": [0, 1, 8, 8], "data": []}, 422),
        ({"shape": [2**31, 1, 8, 8]}, 413),
        ({"shape": [-1, 1, 8, 8]}, 422),
        ({"shape": [2**70]}, 422),
        ({"data": [256] * 64}, 422),
        ({"data": ["1"] * 64}, 422),
        ({"data": [None] * 64}, 422),
        ({"data": None}, 422),
        ({"parameters": {"binary_data_size": 64}}, 422),
        ({"parameters": {"binary_data_size": True}}, 422),
    ],
)
def test_infer_refuses_tensors_that_are_none(client, change, status):
    refused(infer(client, "grey", tensor(GREY[None, None]) | change), status, "Got")


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 400),
        ("{", 400),
        ("[" * 200_000, 400),
        ('{"instances": ' + "[" * 150 + "]" * 150 + "}", 422),
        ("\ud800".encode("utf-8", "surrogatepass"), 400),
        ("[]", 422),
        ("{}", 422),
        ('{"instances": []}', 422),
        ('{"instances": [[]]}', 422),
        ('{"instances": [1]}', 422),
        ('{"instances": [[1, 2], [3]]}', 422),
        ('{"instances": [["1"]]}', 422),
        ('{"instances": [[true]]}', 422),
        ('{"instances": "x"}', 422),
        ('{"instances": [[NaN]]}', 422),
        ('{"instances": [[1e999]]}', 422),
        ('{"instances": [[' + "9" * 5000 + "]]}", 400),
        ('{"instances": [[0]], "more": 1}', 422),
    ],
)
def test_json_that_is_none_of_ours_is_refused(client, text, status):
    headers = {"content-type": "application/json"}
    for name in ("grey", "table"):
        answer = client.post(f"/v1/predict?model={name}", content=text, headers=headers)
        refused(answer, status)


def test_pixels_that_were_divided_are_recognised(client):
    sent = {"instances": (GREY[None] / 255).tolist()}
    low, high = (f"{value / 255:g}" for value in (GREY.min(), GREY.max()))
    said = ("values from", low, high, "0 to 255", "divided by 255?")
    refused(client.post("/v1/predict?model=grey", json=sent), 422, *said)
    answer = client.post("/v1/predict?model=grey", json={"instances": [[[300] * 8] * 8]})
    refused(answer, 422, "from 300 to 300")
    assert "divided" not in answer.json()["detail"]


@pytest.mark.parametrize("values", [[[math.nan] * 13], [[math.inf] * 13], [[1e300] * 13]])
def test_numbers_that_no_float32_holds_are_refused(client, values):
    text = json.dumps({"instances": values})
    headers = {"content-type": "application/json"}
    refused(client.post("/v1/predict?model=table", content=text, headers=headers), 422, "finite")


def test_numbers_that_are_too_large_for_the_net_are_refused(client):
    huge = {"table": np.full((1, 13), 3e38), "colour": np.full((1, 3, 8, 8), 3e38)}
    for name, values in huge.items():
        sent = {"instances": values.tolist()}
        refused(client.post(f"/v1/predict?model={name}", json=sent), 422, "too large")
    sent = {"instances": huge["colour"].tolist()}
    refused(client.post("/v1/explain?model=colour", json=sent), 422, "too large")
    refused(infer(client, "table", tensor(huge["table"], "X", "FP32")), 422, "too large")


def test_bodies_that_are_no_picture_are_refused(client):
    png = picture(GREY)
    moving = picture(GREY, save_all=True, append_images=[Image.fromarray(GREY.T)])
    for content, status in (
        (b"", 422),
        (b"hello", 415),
        (picture(GREY, "GIF"), 415),
        (png[:-30], 422),
        (png[:20], 422),
        (moving, 422),
    ):
        refused(client.post("/v1/predict?model=grey", content=content), status)
    gif = client.post("/v1/predict?model=grey", content=picture(GREY, "GIF"))
    refused(gif, 415, "no file of PNG, JPEG or WebP")
    refused(client.post("/v1/predict?model=grey", files={"other": png}), 422, "'file'")
    broken = {"content-type": "multipart/form-data"}
    refused(client.post("/v1/predict?model=grey", content=png, headers=broken), 422, "form")
    encoded = {"content-encoding": "gzip"}
    refused(client.post("/v1/predict?model=grey", content=png, headers=encoded), 415, "compressed")


def test_a_small_file_that_takes_long_is_refused_or_waits_elsewhere(client):
    progressive = picture(np.zeros((250, 250), np.uint8), "JPEG", progressive=True)
    start = progressive.rfind(b"\xff\xda")
    scan = progressive[start:-2]
    content = progressive[:start] + scan * 500 + progressive[-2:]
    refused(client.post("/v1/predict?model=grey", content=content), 422, "50 scans")
    assert client.post("/v1/predict?model=grey", content=progressive).status_code == 200
    # Thousands of parts are gone through by a thread, and health is told meanwhile.
    png, part = picture(GREY), b"\0\0\0\0teSt" + zlib.crc32(b"teSt").to_bytes(4, "big")
    content = png[:33] + part * 50_000 + png[33:]
    ended = []

    async def ask_both():
        async def ask(method, path, **options):
            answer = await client._request(method, path, **options)
            ended.append(path)
            return answer

        long = asyncio.create_task(ask("POST", "/v1/predict?model=grey", content=content))
        await asyncio.sleep(0)
        await ask("GET", "/v2/health/live")
        return await long

    says(client._runner.run(ask_both()), "grey", GREY[None, None])
    assert ended == ["/v2/health/live", "/v1/predict?model=grey"]


def test_every_limit_is_held(made):
    client = made(MODELS["grey"], max_body_bytes=2000, max_pixels=99, max_rows=2)
    refused(client.post("/v1/predict", content=b"x" * 2001), 413, "2000 bytes")

    async def endless():
        for _ in range(10):
            yield b"x" * 1000

    refused(client.post("/v1/predict", content=endless()), 413, "2000 bytes")
    refused(client.post("/v1/predict", content=picture(np.zeros((10, 10), np.uint8))), 413, "99")
    says(client.post("/v1/predict", content=picture(GREY)), "grey", GREY[None, None])
    three = {"instances": np.zeros((3, 64), int).tolist()}
    refused(client.post("/v1/predict", json=three), 413, "3 rows")
    refused(infer(client, "grey", tensor(np.zeros((3, 1, 8, 8), int))), 413, "3 rows")
    for limits in ({"max_rows": 0}, {"timeout": "1"}, {"max_pixels": 1.5}, {"threads": True}):
        with pytest.raises(ValueError, match=f"Got {next(iter(limits))}="):
            create_app(MODELS, **limits)


class Slow:
    """A session that answers when it is told to."""

    def __init__(self, session):
        self.session, self.may_answer, self.n_batches = session, threading.Event(), 0

    def run(self, *arguments):
        self.n_batches += 1
        self.may_answer.wait(10)
        return self.session.run(*arguments)


@pytest.fixture
def slow(monkeypatch):
    """Return a function that makes the model of an app slow."""

    def make(app):
        (served,) = app.state.registry
        session = Slow(served.model.session)
        for name, value in {"session": session, "row_seconds": 9.0}.items():
            object.__setattr__(served.model, name, value)
        return session

    return make


class Counted:
    """A session that counts the rows of its batches."""

    def __init__(self, session):
        self.session, self.sizes = session, []

    def run(self, outputs, inputs):
        (rows,) = inputs.values()
        self.sizes.append(len(rows))
        return self.session.run(outputs, inputs)


@pytest.fixture
def counted():
    """Return a function that counts the batches of an app's model, gathered up to a size."""

    def make(app, max_rows):
        (served,) = app.state.registry
        session = Counted(served.model.session)
        object.__setattr__(served.model, "session", session)
        served.gathering = Gathering(max_rows)
        return session

    return make


@pytest.mark.parametrize(("max_rows", "sizes"), [(8, [5]), (3, [2, 3]), (1, [1] * 5)])
def test_requests_that_come_together_are_one_batch(made, counted, max_rows, sizes):
    client = made(MODELS["grey"])
    session = counted(client.app, max_rows)
    images = np.random.default_rng(3).integers(0, 256, (5, 8, 8), np.uint8)
    calls = [("POST", "/v1/predict", {"content": picture(image)}) for image in images]
    answers = client.together(*calls)
    assert sorted(session.sizes) == sizes
    for image, answer in zip(images, answers, strict=True):
        alone = client.post("/v1/predict", content=picture(image)).json()
        assert answer.json() == alone
        says(answer, "grey", image[None, None])


def test_one_request_of_a_batch_fails_alone(made, counted):
    client = made(MODELS["table"])
    counted(client.app, 8)
    rows = np.random.default_rng(4).normal(size=(3, 13)).astype(np.float32)
    rows[1] = 3e38
    calls = [("POST", "/v1/predict", {"json": {"instances": [row.tolist()]}}) for row in rows]
    answers = client.together(*calls)
    refused(answers[1], 422, "too large")
    for number in (0, 2):
        says(answers[number], "table", rows[number : number + 1])


def test_a_file_whose_rows_depend_on_their_batch_is_not_gathered(made):
    (served,) = made(MODELS["grey"]).app.state.registry
    model = served.model

    class Session:
        def run(self, outputs, inputs):
            (rows,) = inputs.values()
            found = model.session.run(outputs, inputs)
            if self.differs:
                found[1] *= np.float32(1 + 1e-6 * len(rows))
            # Eight rows cost as much as one, or eight times as much as eight single ones.
            time.sleep(0.001 if self.is_call_dear else 0.001 * len(rows) ** 2)
            return found

    session = Session()
    fields = {name: getattr(model, name) for name in model.__dataclass_fields__}
    fields |= {"session": session, "outputs": ("label", "probabilities"), "row_seconds": 1e-5}
    changed = type(model)(**fields)
    for differs, is_call_dear, wanted in ((0, 1, 8), (1, 1, 1), (0, 0, 1)):
        session.differs, session.is_call_dear = differs, is_call_dear
        assert rows_together(changed) == wanted
    for seconds, wanted in ((5e-4, 4), (2e-3, 1)):
        object.__setattr__(changed, "row_seconds", seconds)
        session.differs, session.is_call_dear = False, True
        assert rows_together(changed) == wanted


def test_one_too_many_is_told_to_come_again(made, slow):
    client = made(MODELS["grey"], max_requests=2)
    session = slow(client.app)
    threading.Timer(0.3, session.may_answer.set).start()
    call = ("POST", "/v1/predict", {"content": picture(GREY)})
    health = ("GET", "/v2/health/ready", {})
    answers = client.together(call, call, call, health)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 503]
    refused(*(a for a in answers if a.status_code == 503), 503, "come again")
    assert [a.headers.get("retry-after") for a in answers].count("1") == 1
    assert answers[3].status_code == 200


def test_a_connection_too_many_is_told_to_come_again(made):
    client = made(MODELS["grey"])
    gate = client.app.state.gate
    gate.connections, gate.max_connections = {1, 2, 3}, 2
    answer = client.post("/v1/predict", content=picture(GREY))
    refused(answer, 503, "connections")
    assert answer.headers["retry-after"] == "1" and answer.headers["connection"] == "close"
    assert client.get("/v2/health/ready").status_code == 200
    gate.connections.pop()
    assert client.post("/v1/predict", content=picture(GREY)).status_code == 200


def test_too_late_is_said_and_the_work_is_given_up(made, slow):
    client = made(MODELS["grey"], timeout=0.2)
    session = slow(client.app)
    images = {"instances": np.zeros((200, 64), int).tolist()}
    refused(client.post("/v1/predict", json=images), 504, "0.2 seconds")
    session.may_answer.set()
    time.sleep(0.2)
    assert session.n_batches == 1

    async def never_ends():
        yield b"{"
        await asyncio.sleep(5)

    refused(client.post("/v1/predict", content=never_ends()), 408, "0.2 seconds")


def test_a_key_is_asked_for(made, monkeypatch):
    monkeypatch.setenv("SKFASHION_API_KEY", "sesame-ä")
    client = made(MODELS["grey"])
    for headers in ({}, {"authorization": "Bearer other"}, {"x-api-key": "s"}):
        answer = client.get("/v1/models", headers=headers)
        refused(answer, 401, "Bearer KEY")
        assert answer.headers["www-authenticate"] == "Bearer"
    refused(client.get("/metrics"), 401)
    assert client.get("/v2/health/live").status_code == client.get("/").status_code == 200
    page = client.get("/").text
    assert '"grey"' not in page and "Models: grey" not in page
    for headers in ({"authorization": "bearer sesame-ä"}, {"x-api-key": "sesame-ä"}):
        headers = {name: value.encode() for name, value in headers.items()}
        assert client.get("/v1/models", headers=headers).status_code == 200
    assert client.get("/openapi.json", headers=headers).json()["components"]["securitySchemes"]
    # A secret that was not found lets nobody in.
    monkeypatch.setenv("SKFASHION_API_KEY", " ")
    with pytest.raises(ValueError, match="empty SKFASHION_API_KEY"):
        create_app(MODELS["grey"])


def test_below_a_path_of_another_app_it_is_the_same(made, monkeypatch):
    monkeypatch.setenv("SKFASHION_API_KEY", "sesame")
    app = create_app(MODELS["grey"])
    client, key = Client(Starlette(routes=[Mount("/net", app)])), {"x-api-key": "sesame"}
    for path in ("/net/", "/net/v2/health/ready"):
        assert client.get(path).status_code == 200
    for path in ("/net/v1/models", "/net//", "/net/v2/health/../models/grey"):
        assert client.get(path).status_code == 401
    body = {"content": picture(GREY), "headers": key}
    says(client.post("/net/v1/predict", **body), "grey", GREY[None, None])
    client.close()


def test_pages_of_other_sites_read_answers_where_they_are_named(made, monkeypatch):
    monkeypatch.setenv("SKFASHION_API_KEY", "open sesame")
    ours, other = "https://shop.example", "https://other.example"
    key, body = {"Authorization": "Bearer open sesame"}, {"content": picture(GREY)}
    before = {"Access-Control-Request-Method": "POST"}
    before |= {"Access-Control-Request-Headers": "authorization, content-type"}
    options = {"models": MODELS["grey"], "cors_origins": [ours]}
    for given, allowed in (({}, None), (options, ours)):
        client = made(**given)
        for origin in (ours, other):
            path = "/v1/predict?model=grey"
            sent = {**key, "Origin": origin, "Content-Type": "image/png"}
            answer = client.post(path, headers=sent, **body)
            assert answer.status_code == 200
            found = answer.headers.get("access-control-allow-origin")
            assert found == (origin if origin == allowed else None)
            # Browsers ask beforehand, and without the key.
            asked = client.request("OPTIONS", path, headers={**before, "Origin": origin})
            found = asked.headers.get("access-control-allow-origin")
            assert (asked.status_code == 200 and found == origin) == (origin == allowed)
    # As people write them, and as browsers do.
    for written, sent in (
        ("HTTPS://Shop.Example/", ours),
        ("https://shop.example:443", ours),
        ("http://localhost:80/", "http://localhost"),
        ("http://localhost:8080", "http://localhost:8080"),
    ):
        answer = made(MODELS["grey"], cors_origins=[written]).get("/v2", headers={"Origin": sent})
        assert answer.headers["access-control-allow-origin"] == sent
    with pytest.raises(ValueError, match="https://shop.example"):
        create_app(MODELS["grey"], cors_origins="https://shop.example")
    with pytest.raises(ValueError, match="no path"):
        create_app(MODELS["grey"], cors_origins=["https://shop.example/page"])


def test_what_fails_inside_is_logged_and_not_told(made, monkeypatch, caplog):
    client = made(MODELS["grey"])
    (served,) = client.app.state.registry

    def fail(*_):
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(served, "predict", fail)
    for ask_it in (
        lambda: client.post("/v1/predict", content=picture(GREY)),
        lambda: infer(client, "grey", tensor(GREY[None, None])),
    ):
        caplog.clear()
        with caplog.at_level(logging.ERROR, "skfashion.serving"):
            answer = ask_it()
        refused(answer, 500, "has failed")
        assert "secret" not in answer.text and "secret" in caplog.text


def test_who_has_gone_is_told_nothing_and_counted_as_gone(made):
    client, sent = made(MODELS["grey"]), []

    async def gone():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    for path in ("/v1/predict", "/v2/models/grey/infer"):
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}
        asyncio.run(client.app(scope, gone, send))
    assert sent == []
    metrics = client.get("/metrics").text
    for route in ("/v1/predict", "/v2/models/{name}/infer"):
        assert f'{{method="POST",route="{route}",status="499"}} 1.0' in metrics


# --- what is written down -------------------------------------------------------------------------


def test_nothing_of_a_client_becomes_a_label_or_a_log_line(made, caplog):
    client = made(MODELS["grey"])
    evil = quote('evil"\n{"event": "forged"}')
    with caplog.at_level(logging.INFO, "skfashion.serving"):
        for path in (f"/{evil}", f"/v2/models/{evil}", f"/v1/predict?model={evil}"):
            client.post(path, content=picture(GREY), headers={"x-request-id": "a b\tc"})
        client.request("EVIL", "/evil")
        mine = client.get("/v2", headers={"x-request-id": "mine-1"})
    assert mine.headers["x-request-id"] == "mine-1"
    metrics = client.get("/metrics").text
    assert "evil" not in metrics.lower() and 'route="unknown"' in metrics
    assert 'skfashion_predictions_total{label="' not in metrics
    client.post("/v1/predict", content=picture(GREY))
    assert 'model="grey"} 1.0' in client.get("/metrics").text
    for record in caplog.records:
        assert "evil" not in json.dumps(record.fields).lower()
        assert re.fullmatch(r"mine-1|[0-9a-f]{16}-[0-9]+", record.fields["request_id"])


def test_lines_of_requests_come_together_and_before_those_after_them(tmp_path):
    handler = ForgivingHandler(open(tmp_path / "log", "w"))
    handler.setFormatter(JSONFormatter())
    logger = logging.getLogger("skfashion.serving")
    logger.addHandler(handler)
    access, level = logging.getLogger(ACCESS), logger.level
    logger.setLevel("INFO")

    def events():
        lines = (tmp_path / "log").read_text().splitlines()
        return [(line["event"], line.get("status")) for line in map(json.loads, lines)]

    try:
        for status in (200, 404):
            say_request(route="/", status=status)
        assert events() == []
        say("loaded", model="net")
        assert events() == [("request", 200), ("request", 404), ("loaded", None)]
        say_request(route="/", status=500)
        for _ in range(100):
            if len(events()) == 4:
                break
            time.sleep(0.05)
        assert events()[3:] == [("request", 500)]
        access.setLevel("WARNING")
        say_request(route="/", status=500)
        handler.flush()
        assert len(events()) == 4
        # A line that cannot be written is lost, and nothing else.
        handler.stream.close()
        say("loaded", model="net")
        say_request(route="/", status=200)
    finally:
        access.setLevel("NOTSET")
        logger.setLevel(level)
        logger.removeHandler(handler)


def test_a_line_that_cannot_be_made_is_lost_alone():
    stream = io.StringIO()
    handler = ForgivingHandler(stream)
    handler.setFormatter(JSONFormatter())
    bad = {"status": {("no", "key"): 1}}
    for fields in ({"status": 200}, bad, {"status": 404}):
        handler.emit(RequestRecord(fields))
    handler.flush()
    lines = stream.getvalue().splitlines()
    assert [json.loads(line)["status"] for line in lines] == [200, 404]


def test_the_end_of_a_second_is_not_its_beginning(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 5.9997)
    line = json.loads(JSONFormatter().format(RequestRecord({"status": 200})))
    assert line["time"] == "1970-01-01T00:00:05.999Z"


def test_openapi_describes_all_that_is_answered(client):
    schema = client.get("/openapi.json").json()
    assert schema["openapi"].startswith("3.")
    assert {"/v1/predict", "/v2/models/{name}/infer", "/metrics", "/"} <= set(schema["paths"])
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert {"404", "422", "503"} <= set(operation["responses"])
    text = json.dumps(schema)
    references = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= set(schema["components"]["schemas"])


# --- files ----------------------------------------------------------------------------------------


def test_a_file_that_fails_its_check_leaves_the_old_one(made, tmp_path):
    path = tmp_path / "net.onnx"
    shutil.copy(MODELS["grey"], path)
    client = made(path)
    registry = client.app.state.registry
    path.write_bytes(path.read_bytes()[:-100])
    error = registry.reload()["net"]
    assert isinstance(error, ValueError) and str(error).startswith(f"{path}: Got")
    says(client.post("/v1/predict", content=picture(GREY)), "grey", GREY[None, None])
    shutil.copy(MODELS["colour"], path)
    assert registry.reload() == {"net": None}
    assert client.get("/v1/models").json()["models"][0]["image_shape"] == [3, 8, 8]
    os.unlink(path)
    assert isinstance(registry.reload()["net"], OSError)
    assert client.post("/v1/predict", content=picture(COLOUR)).status_code == 200


def test_what_has_not_changed_is_not_loaded_again(made, tmp_path):
    paths = {name: tmp_path / f"{name}.onnx" for name in ("one", "other")}
    for path in paths.values():
        shutil.copy(MODELS["grey"], path)
    registry = made(paths).app.state.registry
    one, other = registry
    shutil.copy(MODELS["colour"], paths["one"])
    paths["other"].touch()
    assert registry.reload() == {"one": None, "other": None}
    assert registry.get("other") is other and registry.get("one") is not one


def test_a_change_between_reading_a_file_and_watching_it_is_noticed(tmp_path):
    path = tmp_path / "net.onnx"
    shutil.copy(MODELS["grey"], path)
    stage = Stage({"net": path}, tmp_path)
    stage.fill("net")
    assert not stage.has_changed()
    stage.fill("net")
    shutil.copy(MODELS["colour"], path)
    assert stage.has_changed() and not stage.has_changed()
    path.unlink()
    assert stage.has_changed()


def changed(change):
    """Return the golden file with another metadata."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(MODELS["grey"])
    known = {entry.key: entry for entry in model.metadata_props}
    change(model, known)
    return model.SerializeToString()


def set_value(name, value):
    def change(model, known):
        known[f"skfashion.{name}"].value = json.dumps(value)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda model, known: model.metadata_props.clear(), "expected one of to_onnx"),
        (set_value("format", 2), "update skfashion"),
        (set_value("labels", {"dtype": "str", "values": ["a", "b"]}), "probabilities"),
        (set_value("labels", {"dtype": "str", "values": list("ABCDEFGHIJ")}), "does not name"),
        (set_value("image_shape", [9, 9]), "image_shape"),
        (set_value("examples", {"dtype": "object", "shape": [1], "values": ""}), "cannot be read"),
        (set_value("examples", {"dtype": "uint8", "shape": [2**40], "values": ""}), "agree"),
        (set_value("prior", 3), "no sense"),
    ],
)
def test_files_that_are_no_classifiers_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        load_model("name", changed(change))


def write_zip(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("schema.json", "{}")


@pytest.mark.parametrize(
    ("write", "what"),
    [
        (lambda path: path.write_bytes(pickle.dumps([1])), "a pickle, or a file of joblib"),
        (lambda path: joblib.dump([1], path, compress=3), "a compressed file"),
        (write_zip, "a zip file, as skops"),
        (lambda path: path.mkdir(), "a folder"),
        (lambda path: path.touch(), "empty"),
    ],
)
def test_what_is_to_be_exported_first_is_said(write, what, tmp_path):
    write(path := tmp_path / "model")
    with pytest.raises(ValueError, match=rf"model, which is {what}.* export it with to_onnx"):
        create_app([path])


def test_names_of_models_are_parts_of_addresses(tmp_path):
    for name in ("", "a/b", "..", "a b", "x" * 65):
        with pytest.raises(ValueError, match="name of a model"):
            create_app({name: MODELS["grey"]})
    shutil.copy(MODELS["grey"], tmp_path / "grey.onnx")
    with pytest.raises(ValueError, match="Got files of one name"):
        create_app([MODELS["grey"], tmp_path / "grey.onnx"])
    with pytest.raises(ValueError, match="no model"):
        create_app([])
    with pytest.raises(ValueError, match="ONNX Runtime cannot open"):
        load_model("a", b"not onnx")


# --- an eye on drift ------------------------------------------------------------------------------


def test_a_file_with_a_profile_is_watched(made, monkeypatch, tmp_path):
    onnx, monitoring = pytest.importorskip("onnx"), pytest.importorskip("skfashion.monitoring")
    images = np.random.default_rng(0).integers(0, 256, (600, 1, 8, 8), np.uint8)
    said = ask("grey", images)["probabilities"]
    profile = monitoring.ReferenceProfile.from_predictions(
        said, list("abcdefghij") * 60, pixels=images.reshape(600, -1)
    )
    model = onnx.load(MODELS["grey"])
    model.metadata_props.add(key="skfashion.profile", value=json.dumps(profile.to_dict()))
    onnx.save(model, tmp_path / "net.onnx")
    client = made(tmp_path / "net.onnx")
    dark = {"instances": (images[:500] // 4).reshape(500, -1).tolist()}
    for _ in range(200):
        assert client.post("/v1/predict", json=dark).status_code == 200
        report = client.get("/v1/drift").json()["report"]
        if report is not None:
            break
        time.sleep(0.05)
    assert report["alarm"] and "pixels" in report["alarms"]


class Monitor:
    """As skfashion.monitoring.DriftMonitor: the report of a window of ten rows."""

    profile, window = SimpleNamespace(features=None, pixels=True), 10

    def __init__(self, label_shift=True):
        self.n_rows, self.label_shift = 0, label_shift

    def update(self, probabilities, pixels):
        assert len(probabilities) == len(pixels) and pixels.ndim == 2
        self.n_rows += len(probabilities)
        return SimpleNamespace(
            window=self.n_rows // 10,
            class_prior=(0.91, *[0.01] * 9),
            label_shift=self.label_shift,
            alarm=True,
            alarms=("classes",),
            tests={"classes": {"alarm": True}, "pixels": {"alarm": False}},
            to_dict=lambda: {"alarm": True},
        )


@pytest.mark.parametrize("label_shift", [True, False])
def test_a_monitor_sees_what_is_answered_and_its_prior_is_followed(made, label_shift):
    client = made(MODELS["grey"])
    refused(client.get("/v1/drift"), 404, "no profile")
    (served,) = client.app.state.registry
    served.watcher = watcher = Watcher(
        served.model, Monitor(label_shift), client.app.state.telemetry
    )
    said = {"model": "grey", "pid": os.getpid(), "classes": list("abcdefghij")}
    said |= {"window": 10, "n_rows": 0}
    assert client.get("/v1/drift").json() == said | {"report": None}
    images = np.random.default_rng(0).integers(0, 256, (12, 64))
    plain = client.post("/v1/predict", json={"instances": images.tolist()}).json()
    for _ in range(100):
        if watcher.report is not None:
            break
        time.sleep(0.02)
    assert client.get("/v1/drift").json() == said | {"n_rows": 2, "report": {"alarm": True}}
    metrics = client.get("/metrics").text
    assert 'skfashion_drift_alarm{kind="classes",model="grey"} 1.0' in metrics
    assert 'skfashion_drift_alarm{kind="pixels",model="grey"} 0.0' in metrics
    again = client.post("/v1/predict", json={"instances": images.tolist()}).json()
    assert again == plain
    served._follow_prior = True
    shifted = client.post("/v1/predict", json={"instances": images.tolist()}).json()
    before, after = (np.asarray(said["probabilities"])[:, 0] for said in (plain, shifted))
    # Where something else has changed, it would be wrong.
    assert (after > before).all() if label_shift else shifted == plain
    assert shifted["labels"].count("a") >= plain["labels"].count("a")


def test_the_alarms_of_a_model_end_with_it(made, tmp_path):
    path = tmp_path / "net.onnx"
    shutil.copy(MODELS["grey"], path)
    client = made(path)
    (served,) = client.app.state.registry
    model = load_model("net", MODELS["grey"].read_bytes())
    served.watcher = watcher = Watcher(model, Monitor(), client.app.state.telemetry)

    def alarm():
        said = re.findall(
            r'drift_alarm{kind="classes",model="net"} (.+)', client.get("/metrics").text
        )
        return float(*said)

    images = {"instances": np.zeros((64, 64), int).tolist()}
    client.post("/v1/predict", json=images)
    for _ in range(100):
        if watcher.report is not None:
            break
        time.sleep(0.02)
    client.app.state.registry.reload()
    assert alarm() == 1
    shutil.copy(MODELS["colour"], path)
    client.app.state.registry.reload()
    assert alarm() == 0
    # What it was looking at meanwhile is said no more.
    answer, inputs = model.predict(GREY[None, None]), GREY[None, None]
    watcher._update([(answer, inputs)])
    assert alarm() == 0


def test_a_monitor_that_fails_is_logged_and_looks_no_more(caplog):
    class Failing(Monitor):
        n_times = 0

        def update(self, probabilities, pixels):
            self.n_times += 1
            raise RuntimeError("of its own")

    model, monitor = load_model("grey", MODELS["grey"].read_bytes()), Failing()
    watcher = Watcher(model, monitor, Telemetry())
    inputs = np.repeat(GREY[None, None], 64, axis=0)
    with caplog.at_level(logging.ERROR, "skfashion.serving"):
        for _ in range(3):
            watcher.see(model.predict(inputs), inputs)
            time.sleep(0.1)
    (record,) = caplog.records
    assert record.fields["error"] == "of its own" and record.exc_info is not None
    assert monitor.n_times == 1


def test_a_busy_monitor_looks_at_less_and_nobody_waits():
    model = load_model("grey", MODELS["grey"].read_bytes())
    go, telemetry = threading.Event(), Telemetry()

    class Busy(Monitor):
        def update(self, probabilities, pixels):
            go.wait(10)
            return super().update(probabilities, pixels)

    watcher = Watcher(model, Busy(), telemetry)
    answer, inputs = model.predict(GREY[None, None]), GREY[None, None]
    start = time.perf_counter()
    for _ in range(5000):
        watcher.see(answer, inputs)
    assert time.perf_counter() - start < 1
    go.set()
    assert b'skfashion_drift_dropped_total{model="grey"}' in telemetry.text()


def test_probabilities_for_another_prior():
    model = load_model("grey", MODELS["grey"].read_bytes())
    answer = model.predict(np.stack([GREY, GREY.T])[:, None])
    same = with_prior(answer, model.classes, model.prior, model.prior)
    np.testing.assert_allclose(same.probabilities, answer.probabilities, rtol=1e-5)
    assert same.labels == answer.labels
    sure = np.eye(10)[3] * 0.999 + 1e-4
    assert with_prior(answer, model.classes, model.prior, sure).labels == ["d", "d"]
