"""Clients that others have written, as they are: Triton's and KServe's; and hostile ones."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from service import onnxruntime
from test_service_processes import GOLDEN, Server

from benchmarks import hostile_bodies
from benchmarks.studies import hostile_requests

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), np.uint8)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    models = [GOLDEN / f"{name}.onnx" for name in ("grey", "colour", "table")]
    server = Server(tmp_path_factory.mktemp("server"), *models)
    yield server
    server.end()


def wanted(name, inputs):
    session = onnxruntime.InferenceSession(GOLDEN / f"{name}.onnx")
    return session.run(["label", "probabilities"], {session.get_inputs()[0].name: inputs})


def test_tritons_client_with_its_defaults(server):
    triton = pytest.importorskip("tritonclient.http")
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("grey") and client.is_model_ready("grey", "1")
        assert not client.is_model_ready("other")
        assert client.get_server_metadata()["name"] == "skfashion"
        said = client.get_model_metadata("grey")
        (entry,) = said["inputs"]
        for name, inputs, type in (
            ("grey", IMAGES, "UINT8"),
            ("colour", np.repeat(IMAGES / 255, 3, axis=1).astype(np.float32), "FP32"),
            ("table", np.ones((2, 13), np.float32), "FP32"),
        ):
            label, probabilities = wanted(name, inputs)
            name_of_input = "X" if name == "table" else entry["name"]
            for binary in (True, False):
                given = triton.InferInput(name_of_input, inputs.shape, type)
                given.set_data_from_numpy(inputs, binary_data=binary)
                outputs = [
                    triton.InferRequestedOutput(o, binary_data=binary)
                    for o in ("label", "probabilities")
                ]
                for asked in (None, outputs):
                    answer = client.infer(name, [given], outputs=asked, request_id="mine")
                    found = answer.as_numpy("probabilities")
                    np.testing.assert_allclose(found, probabilities, rtol=1e-6)
                    labels = [
                        label.decode() if isinstance(label, bytes) else label
                        for label in answer.as_numpy("label").tolist()
                    ]
                    assert labels == label.tolist()
                    assert answer.get_response()["id"] == "mine"
        wrong = triton.InferInput("images", (1, 2), "UINT8")
        wrong.set_data_from_numpy(np.zeros((1, 2), np.uint8))
        with pytest.raises(Exception, match="expected one row at least: \\(n, 1, 8, 8\\)"):
            client.infer("grey", [wrong])


KSERVE = """
import asyncio, json, sys
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig

async def ask(url, images):
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=1))
    assert await client.is_server_live(url) and await client.is_server_ready(url)
    assert await client.is_model_ready(url, "grey")
    given = InferInput("images", [len(images), 1, 8, 8], "UINT8", images)
    answer = await client.infer(url, InferRequest("grey", [given]), model_name="grey")
    return {output.name: [output.shape, output.data] for output in answer.outputs}

url, images = sys.argv[1], json.loads(sys.argv[2])
print(json.dumps(asyncio.run(ask(url, images))))
"""


def test_kserves_client(server):
    # It needs older versions of libraries than the rest: SKFASHION_KSERVE_PYTHON is the Python of
    # an environment of its own.
    python = os.environ.get("SKFASHION_KSERVE_PYTHON")
    if python is None:
        pytest.importorskip("kserve")
        python = sys.executable
    words = [python, "-c", KSERVE, server.url, json.dumps(IMAGES.reshape(3, -1).tolist())]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    label, probabilities = wanted("grey", IMAGES)
    assert found["label"] == [[3], label.tolist()]
    shape, values = found["probabilities"]
    np.testing.assert_allclose(np.reshape(values, shape), probabilities, rtol=1e-6)


def test_hostile_requests_are_refused_or_answered_rightly():
    # A request of each kind; the command sends 200.
    found = hostile_requests.tried(GOLDEN / "grey.onnx", 7, len(hostile_bodies.KINDS))
    assert found["faults"] == []
    assert found["ended"]["200"] >= 3 and found["ended"]["422"] >= 5
