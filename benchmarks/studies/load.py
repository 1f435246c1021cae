"""How many pictures a second `python -m skfashion serve` answers, beside other services.

All services answer in turn, round after round, to wrk's eight connections, which send the same
picture of a test image as soon as the last one is answered; with one process of one thread each,
and with two. Ours serves an int8 file with everything on: key, limits, log of requests, metrics,
drift. It is compared with an app that only echoes the same body, with an app as many write by hand,
with MLflow's server of the same file, whose requests are JSON, and with itself when the file has no
profile.
"""

import contextlib
import json
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.formatting import interval, spread, table_above, values
from benchmarks.image_files import image_file
from benchmarks.services import ask, classifiers, load, running
from benchmarks.study import study_of

# Processes of each service.
UNITS = (1, 2)
FULL = {"seconds": 30, "rounds": 5, "connections": 8}
QUICK = FULL | {"seconds": 2, "rounds": 2}
OURS = "skfashion"
# At least so many times as many requests a second; drift may cost a twentieth.
TARGETS = {"echo": 0.35, "by hand": 1.5, "MLflow": 3.0, "without drift": 0.95}
LABELS = {
    OURS: "`python -m skfashion serve`, int8",
    "without drift": "the same, the file without a profile",
    "echo": "an echo by FastAPI",
    "by hand": "FastAPI and PyTorch by hand, float32",
    "MLflow": "MLflow's server, int8",
}
KEY = "a key that clients send"


def measure(unit, seed, asked):
    """Put load on all services in turn, and say what wrk has seen."""
    import onnxruntime

    settings = asked.settings | ({"seconds": 1, "rounds": 1} if asked.brief else {})
    (net,) = classifiers(unit, asked.settings).values()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        image = _written(net, asked.images, Path(folder))
        services = _started(stack, image, Path(folder), unit)
        session = onnxruntime.InferenceSession(Path(folder) / "net.onnx")
        wanted = session.run(["probabilities"], {"images": image[None, None]})[0][0]
        for name, service in services.items():
            _check(name, service, wanted)
        found = _in_turn(services, settings)
    rates = {name: [one["requests"] / one["seconds"] for one in its] for name, its in found.items()}
    return {
        "requests_per_s": {name: [round(rate, 1) for rate in its] for name, its in rates.items()},
        "ratios": {
            name: np.divide(rates[OURS], rates[name]).round(4).tolist()
            for name in rates
            if name != OURS
        },
        "p50_ms": {name: values(its, "p50_ms") for name, its in found.items()},
        "p99_ms": {name: values(its, "p99_ms") for name, its in found.items()},
        "errors": {name: sum(values(its, "errors")) for name, its in found.items()},
        "targets": TARGETS,
    }


def _written(net, images, folder):
    """Write a net's files, and return the image that is sent, uint8 (h, w)."""
    import onnx

    from skfashion.export import quantize, to_onnx
    from skfashion.monitoring import ReferenceProfile

    X, y, X_test = images[:3]
    net.fit(X[:3000], y[:3000])
    net.save(folder / "net.safetensors")
    profile = ReferenceProfile.from_estimator(net, X[3000:4000], y[3000:4000]).to_dict()
    profile["features"] = None  # which the file has not
    for name, given in {"net": profile, "plain": None}.items():
        to_onnx(net, folder / "float32.onnx", X[:100], profile=given)
        quantize(folder / "float32.onnx", folder / f"{name}.onnx", X[:1000])
    _save_for_mlflow(onnx.load(folder / "plain.onnx"), folder / "mlflow")
    return np.asarray(X_test[0], np.uint8).reshape(net.image_shape_[:2])


def _save_for_mlflow(model, path):
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    shape = (-1, *(side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim[1:]))
    signature = ModelSignature(Schema([TensorSpec(np.dtype("uint8"), shape, "images")]))
    mlflow.onnx.save_model(model, path, signature=signature)


def _started(stack, image, folder, n_processes):
    """Start all services; return netloc, path, body and headers of each, by name."""
    from benchmarks.service_rivals import NET

    picture, png = image_file(image), {"Content-Type": "image/png"}
    numbers = json.dumps({"inputs": {"images": image[None, None].tolist()}}).encode()
    workers = ["--workers", n_processes]
    serve = ["skfashion", "serve", *workers]
    uvicorn = ["uvicorn", "--no-access-log", "--log-level", "warning", *workers, "--factory"]
    mlflow = ["mlflow", "models", "serve", "-m", folder / "mlflow", "--env-manager", "local"]
    # Where a service is ready, where it answers, and what it is sent. FastAPI serves /docs.
    ours = "/v2/health/ready", "/v1/predict", picture, png | {"Authorization": f"Bearer {KEY}"}
    theirs = "/docs", "/", picture, png
    of_mlflow = "/ping", "/invocations", numbers, {"Content-Type": "application/json"}
    services = {
        OURS: ([*serve, folder / "net.onnx"], *ours),
        "without drift": ([*serve, folder / "plain.onnx"], *ours),
        "echo": ([*uvicorn, "benchmarks.service_rivals:echo"], *theirs),
        "by hand": ([*uvicorn, "benchmarks.service_rivals:by_hand"], *theirs),
        "MLflow": ([*mlflow, "-w", n_processes], *of_mlflow),
    }
    variables = {"SKFASHION_API_KEY": KEY, NET: str(folder / "net.safetensors")}
    return {
        name: (stack.enter_context(running(words, ready, **variables))[1], *how)
        for name, (words, ready, *how) in services.items()
    }


def _check(name, service, wanted):
    """Raise an error if a service does not answer with the probabilities of the file."""
    netloc, path, body, headers = service
    status, content = ask(netloc, "POST", path, body, headers)
    is_right = status == 200
    if is_right and name == "echo":
        is_right = content == body
    elif is_right:
        found = json.loads(content)
        (probabilities,) = found.get("predictions", found)["probabilities"]
        # Of int8 and float32.
        is_right = np.allclose(probabilities, wanted, atol=0.05)
    if not is_right:
        raise BenchmarkError(f"Got {status} {content[:500]!r} of {name}, expected {wanted}.")


def _in_turn(services, settings):
    """Return what wrk has seen, {name: [a dict a round]}, once each service has been warmed up."""
    how = {"connections": settings["connections"]}
    for service in services.values():
        load(*service, seconds=min(3, settings["seconds"]), **how)
    found = {name: [] for name in services}
    for _ in range(settings["rounds"]):
        for name, service in services.items():
            found[name].append(load(*service, seconds=settings["seconds"], **how))
            print(f"  {name}: {found[name][-1]}", flush=True)
    return found


def table(rows):
    """Write the table: a line a service."""
    lines = [
        {
            "service": LABELS[name],
            "processes": row["unit"],
            "requests a second": spread(rates, ".0f"),
            "median (ms)": spread(row["p50_ms"][name]),
            "99th percentile (ms)": spread(row["p99_ms"][name]),
            "errors": row["errors"][name],
            "ours / its": interval(row["ratios"].get(name, []), sign=""),
            "aim": "" if name == OURS else f"{row['targets'][name]:g}",
        }
        for row in sorted(rows, key=lambda row: row["unit"])
        for name, rates in row["requests_per_s"].items()
    ]
    settings = rows[-1]["settings"]
    words = (
        f"wrk, {settings['connections']} connections, {settings['seconds']} seconds, "
        f"{settings['rounds']} rounds in turn: medians (smallest to largest); ratios of requests a "
        "second are means with their paired 95 % interval. The 99th percentile is to be at most 5 "
        "times the median. An error is a status of 400 or more, a connection that breaks, or no "
        "answer within 10 s."
    )
    return table_above(lines, "keys", words, rows)


STUDY = study_of(
    __name__,
    cost="half an hour",
    page="production.md",
    seeds=None,
    timing=True,
    packages=("onnxruntime", "pillow", "fastapi", "uvicorn", "httptools", "uvloop", "mlflow"),
)
