"""What the service says of itself, and what it does: schemathesis finds no difference.

A few cases an operation; 5,000 and more with ``--hypothesis-profile=thorough``.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_service_processes import GOLDEN, Server

schemathesis = pytest.importorskip("schemathesis")
pictures = pytest.importorskip("schema_hooks").pictures

pytestmark = pytest.mark.slow

N_EXAMPLES = 15 if settings.default.max_examples < 300 else 300
# A body may fit what OpenAPI can say of it and be nothing that the model takes.
FORMAL = "positive_data_acceptance"


numbers = st.lists(st.integers(0, 255), min_size=64, max_size=64)
INSTANCES = st.lists(numbers, min_size=1, max_size=3).map(lambda rows: {"instances": rows})
TENSORS = st.lists(numbers, min_size=1, max_size=3).map(
    lambda rows: {
        "inputs": [
            {
                "name": "images",
                "datatype": "UINT8",
                "shape": [len(rows), 1, 8, 8],
                "data": [value for row in rows for value in row],
            }
        ]
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"), GOLDEN / "grey.onnx", "--no-access-log")
    yield server
    server.end()


@pytest.fixture(scope="module")
def described(server):
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json")


def test_every_operation_is_as_it_is_described(server, tmp_path):
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{server.url}/openapi.json"]
    command += ["--checks", "all", "--exclude-checks", FORMAL, "--max-examples", str(N_EXAMPLES)]
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "SCHEMATHESIS_HOOKS": "schema_hooks"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    n_cases = int(re.search(r"([0-9]+) generated", done.stdout)[1])
    assert n_cases > (200 if N_EXAMPLES < 300 else 5000)


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain", "/v1/view", "/v1/neighbors"])
def test_real_pictures_are_accepted(described, path):
    check_accepted(described[path]["POST"], pictures("PNG"), "image/png")
    if path == "/v1/predict":
        check_accepted(described[path]["POST"], INSTANCES, "application/json")


def test_real_tensors_are_accepted(described):
    check_accepted(
        described["/v2/models/{name}/infer"]["POST"], TENSORS, "application/json", name="grey"
    )


def check_accepted(operation, bodies, media_type, **path_parameters):
    @settings(max_examples=N_EXAMPLES, deadline=None, database=None)
    @given(bodies)
    def accepted(body):
        case = operation.Case(
            body=body, media_type=media_type, path_parameters=path_parameters or None
        )
        assert case.call_and_validate().status_code == 200

    accepted()
