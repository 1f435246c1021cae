"""The Open Inference Protocol, version 2, with its binary tensors: messages in and out.

https://github.com/kserve/open-inference-protocol, and Triton's extension for binary tensors.
"""

import math
import struct
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from skfashion.serving.bodies import parse
from skfashion.serving.instances import check_rows, in_dtype, numbers_of
from skfashion.serving.problems import ProblemError

HEADER = "inference-header-content-length"
DATATYPES = {
    "uint8": "UINT8",
    "float32": "FP32",
    "int64": "INT64",
    "bool": "BOOL",
    "float64": "FP64",
}
VERSION = "1"
Side = Annotated[int, Field(ge=0, le=2**31)]


class Tensor(BaseModel):
    """An input: its data are here, or behind the JSON if it has a binary_data_size."""

    model_config = ConfigDict(strict=True)

    name: str
    shape: Annotated[list[Side], Field(min_length=1, max_length=8)]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class RequestedOutput(BaseModel):
    """An output that is wanted."""

    model_config = ConfigDict(strict=True)

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(BaseModel):
    """The JSON of a request."""

    model_config = ConfigDict(strict=True)

    id: Annotated[str, Field(max_length=128)] | None = None
    parameters: dict[str, Any] = {}
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=1)]
    outputs: list[RequestedOutput] | None = None


class OutputTensor(BaseModel):
    """An output of an answer."""

    model_config = ConfigDict(strict=True)

    name: str
    shape: list[Side]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] = []


class InferResponse(BaseModel):
    """The JSON of an answer."""

    model_config = ConfigDict(strict=True)

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class Server(BaseModel):
    """What the server is."""

    model_config = ConfigDict(strict=True)

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """That the process answers."""

    live: bool


class Ready(BaseModel):
    """Whether requests are welcome."""

    ready: bool


class ModelReady(Ready):
    """Whether requests for a model are."""

    name: str


class TensorDescription(BaseModel):
    """A tensor, as metadata describe it."""

    model_config = ConfigDict(strict=True)

    name: str
    datatype: str
    shape: list[Annotated[int, Field(ge=-1)]]


class ModelDescription(BaseModel):
    """The metadata of a model."""

    model_config = ConfigDict(strict=True)

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorDescription]
    outputs: list[TensorDescription]


def describe(model):
    """Return the metadata of a model."""
    k = len(model.classes)
    shapes = {"label": [-1], "probabilities": [-1, k]}
    types = {"label": label_datatype(model), "probabilities": "FP32"}
    return {
        "name": model.name,
        "versions": [VERSION],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {
                "name": model.input_name,
                "datatype": DATATYPES[model.dtype.name],
                "shape": [-1, *model.input_shape],
            }
        ],
        "outputs": [
            {"name": name, "datatype": types.get(name, "FP32"), "shape": shapes.get(name, [-1, -1])}
            for name in model.outputs
        ],
    }


def label_datatype(model):
    """Return the protocol's name for the type of a model's labels."""
    first = model.classes[0]
    return "BYTES" if isinstance(first, str) else DATATYPES[np.asarray(first).dtype.name]


def split(body, header):
    """Return the JSON of a body, and the bytes behind it.

    Parameters
    ----------
    body : bytes
    header : str or None
        The length of the JSON, as a header says it.
    """
    if header is None:
        return body, b""
    if not (header.isascii() and header.isdigit() and len(header) < 12) or int(header) > len(body):
        raise ProblemError(
            400, f"Got a length of the JSON that is none of a body of {len(body)} bytes."
        )
    return body[: int(header)], body[int(header) :]


def read_request(body, header, model, max_rows):
    """Return a request, and its rows as inputs of a model.

    Raises
    ------
    ProblemError
        4xx, in words.
    """
    text, binary = split(body, header)
    request = parse(InferRequest, text)
    (tensor,) = request.inputs
    datatype = DATATYPES[model.dtype.name]
    if tensor.name != model.input_name or tensor.datatype != datatype:
        raise ProblemError(
            422, f"Got another input, expected {model.input_name!r} of datatype {datatype}."
        )
    sides = tuple(tensor.shape)
    if sides[1:] != model.input_shape or sides[0] < 1:
        raise ProblemError(
            422,
            f"Got an input of shape {sides}, expected one row at least: (n, "
            f"{', '.join(map(str, model.input_shape))}).",
        )
    check_rows(sides[0], max_rows)
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        values = numbers_of(tensor.data or [], "data", model.dtype)
        if binary:
            raise ProblemError(422, "Got bytes behind the JSON, and no binary_data_size.")
    else:
        values = _from_bytes(binary, size, tensor, model)
    if values.size != math.prod(sides):
        raise ProblemError(
            422,
            f"Got {values.size} numbers for an input of shape {sides}, expected "
            f"{math.prod(sides)}.",
        )
    known = set(model.outputs)
    if request.outputs is not None and not {o.name for o in request.outputs} <= known:
        raise ProblemError(422, f"Got another output, expected any of {sorted(known)}.")
    return request, values.reshape(sides)


def _from_bytes(binary, size, tensor, model):
    """Return the numbers of a binary tensor."""
    if tensor.data is not None or size is True or size != len(binary):
        raise ProblemError(
            422,
            f"Got {len(binary)} bytes behind the JSON, expected as many as binary_data_size "
            "says, and no data in the JSON.",
        )
    if len(binary) % model.dtype.itemsize:
        raise ProblemError(422, "Got bytes that are no whole number of values.")
    values = np.frombuffer(binary, model.dtype.newbyteorder("<"))
    return in_dtype(values, "the input", model.dtype)


def write_response(request, answer, model):
    """Return the body of an answer, and the length of its JSON if there are bytes behind it."""
    values = {
        "label": (label_datatype(model), answer.labels),
        "probabilities": ("FP32", answer.probabilities),
        "features": ("FP32", answer.features),
    }
    is_binary = request.parameters.get("binary_data_output") is True
    wanted = dict.fromkeys(model.outputs, is_binary)
    if request.outputs:
        wanted = {
            o.name: o.parameters.get("binary_data", is_binary) is True for o in request.outputs
        }
    outputs, parts = [], []
    for name, as_bytes in wanted.items():
        datatype, found = values[name]
        output = {"name": name, "datatype": datatype, "shape": list(np.shape(found))}
        if as_bytes:
            parts.append(_as_bytes(datatype, found))
            output["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            output["data"] = found if name == "label" else found.ravel().tolist()
        outputs.append(output)
    response = {"model_name": model.name, "model_version": VERSION, "outputs": outputs}
    if request.id is not None:
        response["id"] = request.id
    text = to_json(response)
    return b"".join([text, *parts]), len(text) if parts else None


def _as_bytes(datatype, values):
    if datatype == "BYTES":
        texts = [text.encode() for text in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    dtypes = {"FP32": "<f4", "INT64": "<i8", "FP64": "<f8", "BOOL": "?"}
    return np.asarray(values, dtypes[datatype]).tobytes()
