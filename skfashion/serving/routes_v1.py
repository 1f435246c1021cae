"""Pictures and numbers to labels: ``/v1``."""

import os

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic_core import to_json

from skfashion.serving import schemas
from skfashion.serving.bodies import parse, read_sent
from skfashion.serving.instances import read_instances
from skfashion.serving.looking import occlusion
from skfashion.serving.pictures import as_png, decode
from skfashion.serving.plain import PlainRoute
from skfashion.serving.problems import ProblemError
from skfashion.serving.work import AT_ONCE

PICTURE = {"type": "string", "format": "binary"}
INSTANCES = {"$ref": "#/components/schemas/Instances"}
# The bodies are read by hand, as streams with a limit: FastAPI would take any length.
MODEL = {
    "name": "model",
    "in": "query",
    "description": "Which model; not needed where there is one.",
    "schema": {"type": "string"},
}
ASKED = {
    "parameters": [MODEL],
    "requestBody": {
        "required": True,
        "content": {
            "image/png": {"schema": PICTURE},
            "image/jpeg": {"schema": PICTURE},
            "image/webp": {"schema": PICTURE},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": PICTURE},
                    "required": ["file"],
                }
            },
            "application/json": {"schema": INSTANCES},
        },
    },
}


def as_json(content):
    """Return JSON's types as an answer."""
    return Response(to_json(content), media_type="application/json")


def find(registry, name):
    """Return the :class:`Served` of a name.

    Raises
    ------
    ProblemError
        404 if there is none, 422 if none is named among several.
    """
    served = registry.get(name)
    if served is None:
        names = ", ".join(entry.model.name for entry in registry)
        if name is None:
            raise ProblemError(422, f"Got no ?model=NAME, expected one of several: {names}.")
        raise ProblemError(404, f"Got the name of a model that is not here, expected: {names}.")
    return served


def inputs_of(sent, served, limits):
    """Return what a request has brought as inputs (n, *input_shape) of a model."""
    model = served.model
    if sent.json is not None:
        instances = parse(schemas.Instances, sent.json).instances
        return read_instances(instances, model, limits.max_rows)
    pixels = decode(sent.open(limits.max_pixels), planes_of(model), model.crop)
    return model.from_planes(model.scaled(pixels)[None])


def planes_of(model):
    """Return (c, h, w) of a model that takes pictures.

    Raises
    ------
    ProblemError
        409 of any other.
    """
    if model.planes is None or model.planes[0] not in (1, 3):
        raise ProblemError(
            409,
            "This model takes rows of numbers, or images of other channels than grey and "
            'colour, and no picture. Send {"instances": [[...]]}.',
        )
    return model.planes


def one_image(sent, served, limits):
    """Return the one image that a request has brought, (1, c, h, w), as the net's values."""
    planes_of(served.model)
    inputs = inputs_of(sent, served, limits)
    if len(inputs) != 1:
        raise ProblemError(422, f"Got {len(inputs)} images, expected one.")
    return served.model.to_planes(inputs)


def predicted(served, sent, limits, is_cancelled):
    """Return the :class:`Answer` to a request for predictions."""
    return served.predict(inputs_of(sent, served, limits), is_cancelled)


def explained(served, sent, limits, is_cancelled):
    """Return where the net looked."""
    heat, label = occlusion(served.model, one_image(sent, served, limits)[0], is_cancelled)
    return {"heat": heat.tolist(), "label": label}


def seen(served, sent, limits, is_cancelled):
    """Return the image that the net sees."""
    planes = one_image(sent, served, limits)
    return {"png": as_png(served.model.as_pixels(planes)[0])}


def neighbors(served, sent, limits, is_cancelled):
    """Return the examples of a model's file that are nearest to an image."""
    model = served.model
    if served.nearest is None:
        raise ProblemError(404, "This model's file carries no examples; see examples= of to_onnx.")
    planes = one_image(sent, served, limits)
    numbers, distances = served.nearest.find(model.from_planes(planes))
    pixels = model.as_pixels(model.to_planes(model.examples[numbers]))
    labels = model.example_labels or [None] * len(model.examples)
    found = zip(numbers, distances.tolist(), pixels, strict=True)
    return {
        "examples": [
            {"label": labels[number], "distance": distance, "png": as_png(image)}
            for number, distance, image in found
        ]
    }


def v1_routes(registry, limits, work, telemetry):
    """Return the routes below ``/v1``."""
    router = APIRouter(prefix="/v1", tags=["predictions"])
    asked = APIRouter(prefix="/v1", tags=["predictions"], route_class=PlainRoute)
    options = {"openapi_extra": ASKED, "response_class": JSONResponse}

    async def asked_of(request, rows=1):
        """Return the model, what has been sent, and the seconds that `rows` of it take, about."""
        query = request.query_params
        if len(query) > ("model" in query):
            raise ProblemError(422, "Got another parameter behind '?', expected model=NAME alone.")
        served = find(registry, query.get("model"))
        sent = await read_sent(request, limits)
        return served, sent, sent.seconds + rows * served.model.row_seconds

    async def answer(function, request, rows=1):
        served, sent, seconds = await asked_of(request, rows)
        return as_json(await work.run(seconds, function, served, sent, limits))

    @asked.post("/predict", response_model=schemas.Prediction, **options)
    async def predict(request: Request):
        """Say what a picture shows, or each of several images as numbers."""
        served, sent, seconds = await asked_of(request)
        if seconds <= AT_ONCE:
            found = await served.gathering.run(served.predict, inputs_of(sent, served, limits))
        else:
            found = await work.run(seconds, predicted, served, sent, limits)
        telemetry.predictions(served.model.name, found.labels)
        said = {"labels": found.labels, "probabilities": found.probabilities.tolist()}
        return as_json(said | {"classes": served.model.classes})

    @asked.post("/explain", response_model=schemas.Explanation, **options)
    async def explain(request: Request):
        """Say where in an image the net looked, by covering parts of it."""
        return await answer(explained, request, rows=200)

    @asked.post("/view", response_model=schemas.View, **options)
    async def view(request: Request):
        """Show the image that the net sees of a picture."""
        return await answer(seen, request)

    @asked.post("/neighbors", response_model=schemas.Neighbors, **options)
    async def find_neighbors(request: Request):
        """Show the most similar images that the model's file carries."""
        return await answer(neighbors, request)

    @router.get("/models", response_model=schemas.ModelList, response_class=JSONResponse)
    async def list_models():
        """Say which models there are."""
        return as_json({"models": [served.card for served in registry]})

    @router.get("/drift", response_model=schemas.DriftReport, response_class=JSONResponse)
    async def drift(model: str | None = None):
        """Say whether the last images were still like those of the training."""
        served = find(registry, model)
        if served.watcher is None:
            raise ProblemError(404, "This model's file has no profile; see profile= of to_onnx.")
        report = served.watcher.report
        window, n_rows = served.watcher.window
        said = {"model": served.model.name, "pid": os.getpid(), "classes": served.model.classes}
        said |= {"window": window, "n_rows": n_rows}
        return as_json(said | {"report": None if report is None else report.to_dict()})

    return [*asked.routes, *router.routes]
