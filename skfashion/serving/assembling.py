"""The routes and the middleware of an app, with all errors as problems."""

from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from skfashion.serving import protocol, schemas
from skfashion.serving.gate import Gate
from skfashion.serving.plain import plain_routes
from skfashion.serving.problems import MEDIA_TYPE, ProblemError, in_one_line, problem_body
from skfashion.serving.registry import Registry
from skfashion.serving.routes_page import page_routes
from skfashion.serving.routes_v1 import v1_routes
from skfashion.serving.routes_v2 import v2_routes
from skfashion.serving.telemetry import Telemetry
from skfashion.serving.watching import watcher_of
from skfashion.serving.work import Work

# Errors that any request may get; those of a body, and of what is named.
ALWAYS = (401, 404, 405, 408, 422, 500, 503, 504)
OF_BODIES = (400, 409, 413, 415)
# What pages of other sites may send and read, where they may at all; no cookies.
CORS = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": ["Authorization", "X-API-Key", "X-Request-ID", "Content-Type"],
    "expose_headers": ["X-Request-ID", "Retry-After", "Inference-Header-Content-Length"],
}
DESCRIPTION = "Predictions of exported files: pictures, numbers, and the Open Inference Protocol."


def assemble(paths, limits, threads, follow_prior, origins, api_key, version):
    """Return the app; see ``create_app``, which has checked the arguments."""
    telemetry, work = Telemetry(), Work()
    watch = partial(watcher_of, telemetry=telemetry)
    registry = Registry(paths, threads, watch, follow_prior)

    @asynccontextmanager
    async def lifespan(app):
        yield
        work.close()

    # Without Swagger's pages, which load scripts from elsewhere.
    app = FastAPI(
        title="skfashion",
        description=DESCRIPTION,
        version=version,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.registry, app.state.telemetry, app.state.limits = registry, telemetry, limits
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    groups = (
        v1_routes(registry, limits, work, telemetry),
        v2_routes(
            registry, limits, work, telemetry, lambda: not app.state.gate.is_draining, version
        ),
        page_routes(registry, telemetry, api_key is not None),
    )
    # Not included as routers, which would be asked one after the other about every request.
    for routes in groups:
        app.router.routes.extend(routes)
    app.openapi = partial(_described, app, api_key is not None)
    plain = plain_routes(app.router.routes)
    # Built now, and before FastAPI's own layers, but without the outermost: it would answer errors
    # itself, in plain text, and clients that have gone as well.
    layers = app.build_middleware_stack().app
    app.state.gate = Gate(layers, plain, limits, api_key, telemetry)
    app.middleware_stack = app.state.gate
    if origins:
        # Around the gate: browsers ask beforehand, without the key, whether they may.
        app.middleware_stack = CORSMiddleware(app.state.gate, allow_origins=origins, **CORS)
    return app


def _answer(request, status, detail, headers=None):
    body = problem_body(status, detail, request.state.request_id)
    return Response(body, status, headers, media_type=MEDIA_TYPE)


async def _on_problem(request, problem):
    return _answer(request, problem.status, problem.detail, problem.headers)


async def _on_http(request, error):
    if error.status_code == 404:
        detail = "Got a path that is none of this service, expected one of GET /openapi.json."
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another one")
        detail = f"Got a method that this path does not have, expected {allowed}."
    else:
        detail = HTTPStatus(error.status_code).description or str(error.detail)
    return _answer(request, error.status_code, detail, error.headers)


async def _on_validation(request, error):
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return _answer(request, 422, in_one_line(f"Got a wrong {where}: {first['msg']}."))


def _described(app, has_key):
    """Return the OpenAPI of the app: FastAPI's, with the bodies that are read by hand."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    found = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
    )
    known = found.setdefault("components", {}).setdefault("schemas", {})
    for message in (schemas.Problem, schemas.Instances, protocol.InferRequest):
        own = message.model_json_schema(ref_template="#/components/schemas/{model}")
        known |= own.pop("$defs", {}) | {message.__name__: own}
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in found["paths"].items():
        for operation in operations.values():
            statuses = ALWAYS + (OF_BODIES if "requestBody" in operation else ())
            for status in statuses:
                phrase = HTTPStatus(status).phrase
                operation["responses"][str(status)] = {"description": phrase, "content": problem}
            for parameter in operation.get("parameters", ()):
                _narrow(parameter, [served.model.name for served in app.state.registry])
            if path.endswith("/infer"):
                binary = {"schema": {"type": "string", "format": "binary"}}
                operation["responses"]["200"]["content"]["application/octet-stream"] = binary
            if has_key and path != "/" and not path.startswith("/v2/health/"):
                operation["security"] = [{"key": []}]
    for name in ("HTTPValidationError", "ValidationError"):
        known.pop(name, None)
    if has_key:
        found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    app.openapi_schema = found
    return found


def _narrow(parameter, names):
    """Say of a parameter which values it may have: models keep their names."""
    if parameter["name"] in ("name", "model"):
        parameter["schema"] = {"type": "string", "enum": names}
        parameter["required"] = parameter["in"] == "path" or len(names) > 1
    elif parameter["name"] == "version":
        parameter["schema"] = {"type": "string", "enum": [protocol.VERSION]}
