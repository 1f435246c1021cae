"""What the service says of itself, and what it does: schemathesis finds no difference.

A few cases an operation; 5,000 and more by ``python -m benchmarks schema``.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_service_processes import GOLDEN, Server

from benchmarks.studies import schema

schemathesis = pytest.importorskip("schemathesis")
pictures = pytest.importorskip("benchmarks.schema_hooks").pictures

pytestmark = pytest.mark.slow

N_EXAMPLES = 15 if settings.default.max_examples < 300 else 300

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


def test_every_operation_is_as_it_is_described(server):
    found = schema.tried(server.url, N_EXAMPLES)
    assert found["failures"] == 0, found["said"]
    assert found["cases"] > (200 if N_EXAMPLES < 300 else 5000)


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
