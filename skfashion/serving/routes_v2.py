"""The Open Inference Protocol, version 2: ``/v2``."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from skfashion.serving import protocol
from skfashion.serving.bodies import BYTE_SECONDS, read_body
from skfashion.serving.problems import ProblemError
from skfashion.serving.routes_v1 import as_json, find

Name = Annotated[str, Path(max_length=64)]
Version = Annotated[str, Path(max_length=64)]
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/InferRequest"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    "parameters": [
        {
            "name": "Inference-Header-Content-Length",
            "in": "header",
            "required": False,
            "schema": {"type": "integer", "minimum": 0},
            "description": "Bytes of the JSON, where binary tensors follow it.",
        }
    ],
}


def inferred(served, body, header, limits, is_cancelled):
    """Return the answer to a request for an inference, and what is counted of it."""
    request, inputs = protocol.read_request(body, header, served.model, limits.max_rows)
    answer = served.predict(inputs, is_cancelled)
    return answer.labels, protocol.write_response(request, answer, served.model)


def v2_routes(registry, limits, work, telemetry, is_ready, version):
    """Return the routes below ``/v2``.

    Parameters
    ----------
    registry, limits, work, telemetry : object
        Of the app.
    is_ready : callable
        Whether more requests are welcome.
    version : str
        Of the server.
    """
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    def named(name, model_version=protocol.VERSION):
        if model_version != protocol.VERSION:
            raise ProblemError(404, f"Got another version, expected {protocol.VERSION}.")
        return find(registry, name)

    @router.get("", response_model=protocol.Server, response_class=JSONResponse)
    async def server():
        """Describe the server."""
        extensions = ["binary_tensor_data"]
        return as_json({"name": "skfashion", "version": version, "extensions": extensions})

    @router.get("/health/live", response_model=protocol.Live, response_class=JSONResponse)
    async def live():
        """Say that the process answers."""
        return as_json({"live": True})

    @router.get("/health/ready", response_model=protocol.Ready, response_class=JSONResponse)
    async def ready():
        """Say whether requests are welcome: not while the process ends."""
        if not is_ready():
            raise ProblemError(503, "The service is ending.", {"Retry-After": "1"})
        return as_json({"ready": True})

    at = "/models/{name}"
    at_version = at + "/versions/{version}"

    @router.get(at_version, response_model=protocol.ModelDescription, response_class=JSONResponse)
    async def describe_version(name: Name, version: Version):
        """Describe a model."""
        return as_json(protocol.describe(named(name, version).model))

    @router.get(at, response_model=protocol.ModelDescription, response_class=JSONResponse)
    async def describe(name: Name):
        """Describe a model."""
        return await describe_version(name, protocol.VERSION)

    @router.get(
        at_version + "/ready", response_model=protocol.ModelReady, response_class=JSONResponse
    )
    async def version_ready(name: Name, version: Version):
        """Say whether a model is ready."""
        return as_json({"name": named(name, version).model.name, "ready": is_ready()})

    @router.get(at + "/ready", response_model=protocol.ModelReady, response_class=JSONResponse)
    async def model_ready(name: Name):
        """Say whether a model is ready."""
        return await version_ready(name, protocol.VERSION)

    options = {
        "response_model": protocol.InferResponse,
        "response_class": JSONResponse,
        "openapi_extra": BODY,
    }

    @router.post(at_version + "/infer", **options)
    async def infer_version(request: Request, name: Name, version: Version):
        """Predict rows, numbers in JSON or behind it."""
        served = named(name, version)
        body = await read_body(request, limits.max_body_bytes)
        header = request.headers.get(protocol.HEADER)
        # Of its rows no more is known yet than what can be in the body.
        width = served.model.dtype.itemsize * max(1, served.model.n_values)
        n_rows = 1 + min(limits.max_rows, len(body) // width)
        n_json = len(body) if header is None else 0
        seconds = n_json * BYTE_SECONDS + n_rows * served.model.row_seconds
        found = await work.run(seconds, inferred, served, body, header, limits)
        labels, (content, n_text) = found
        telemetry.predictions(served.model.name, labels)
        if n_text is None:
            return Response(content, media_type="application/json")
        headers = {"Inference-Header-Content-Length": str(n_text)}
        return Response(content, headers=headers, media_type="application/octet-stream")

    @router.post(at + "/infer", **options)
    async def infer(request: Request, name: Name):
        """Predict rows, numbers in JSON or behind it."""
        return await infer_version(request, name, protocol.VERSION)

    return router.routes
