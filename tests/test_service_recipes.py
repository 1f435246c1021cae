"""Recipes of the page "Serve a model": an environment without PyTorch, KServe, MLflow."""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from pages import blocks
from service import onnxruntime, picture
from test_service_processes import GOLDEN, GREY, Server

from skfashion.__main__ import main

ROOT = Path(__file__).parents[1]
RECIPES, PAGE = ROOT / "docs" / "serving", ROOT / "docs" / "production.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
IMAGES = GREY[None, None]


def wanted():
    session = onnxruntime.InferenceSession(GOLDEN / "grey.onnx")
    return session.run(["label", "probabilities"], {"images": IMAGES})


def test_requirements_are_those_of_the_extra():
    lines = (RECIPES / "requirements.txt").read_text("utf-8").splitlines()
    listed = {Requirement(line) for line in lines if not line.startswith("#")}
    of_extra = {Requirement(line) for line in PROJECT["optional-dependencies"]["serve"]}
    of_package = {Requirement(line) for line in PROJECT["dependencies"]}
    assert of_extra <= listed
    assert {one.name for one in listed - of_extra - of_package} == {"httptools", "uvloop"}


def test_the_dockerfile_and_the_manifest_give_options_that_exist(monkeypatch):
    docker = (RECIPES / "Dockerfile").read_text("utf-8")
    entry, command = (
        json.loads(re.search(rf"^{name} (\[.+\])$", docker, re.M)[1])
        for name in ("ENTRYPOINT", "CMD")
    )
    manifest = yaml.safe_load((RECIPES / "kserve.yaml").read_text("utf-8"))
    predictor = manifest["spec"]["predictor"]
    (container,) = predictor["containers"]
    found = []
    monkeypatch.setattr("skfashion.serving.command.run", found.append)
    for words in (command, container["args"]):
        main([*entry[3:], *words])
    assert [options.host for options in found] == ["0.0.0.0"] * 2
    # Kubernetes cannot tell of a name whether it is root's.
    assert container["securityContext"]["runAsNonRoot"]
    assert int(re.search(r"^USER (\d+)$", docker, re.M)[1]) > 0
    (port,) = container["ports"]
    assert port["containerPort"] == found[1].port
    assert f"EXPOSE {found[0].port}" in docker
    ends = found[1].drain + found[1].timeout
    assert predictor["terminationGracePeriodSeconds"] > ends
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", docker, re.M):
        assert all((ROOT / name).exists() for name in copied.split() if name != "net.onnx")


def test_the_page_names_every_flag_of_the_command():
    from skfashion.serving.command import add_parser

    subparsers = argparse.ArgumentParser().add_subparsers()
    add_parser(subparsers)
    flags = {flag for a in subparsers.choices["serve"]._actions for flag in a.option_strings}
    page = PAGE.read_text("utf-8")
    assert [flag for flag in flags - {"-h", "--help"} if f"`{flag}`" not in page] == []


@pytest.mark.slow
def test_the_client_on_the_page_gets_answers(tmp_path, monkeypatch, capsys):
    (client,) = (code for code in blocks(PAGE, "") if "urllib.request" in code[1])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(
        picture(np.kron(GREY, np.ones((99, 99), np.uint8)), "JPEG")
    )
    server = Server(tmp_path, f"clothes={GOLDEN / 'grey.onnx'}", "--drain", 0)
    try:
        exec(client[1].replace("http://127.0.0.1:8000", server.url), {})
    finally:
        assert server.end() == 0
    labels, number = capsys.readouterr().out.splitlines()
    assert labels in [f"['{label}']" for label in "abcdefghij"] and number == "500"


@pytest.mark.slow
def test_an_environment_without_pytorch(tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "venv"], check=True, **run)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    done = subprocess.run([*pip, "install", "-q", "-r", RECIPES / "requirements.txt"], **run)
    if done.returncode:
        pytest.skip(f"The libraries cannot be installed here: {done.stderr[-200:]}")
    source = tmp_path / "source"
    shutil.copytree(ROOT / "skfashion", source / "skfashion")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*wheel, "--wheel-dir", tmp_path, source], check=True, **run)
    (built,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "-q", "--no-deps", built], check=True, **run)
    program = "import importlib.util as u; print(*map(u.find_spec, ['torch', 'sklearn']))"
    done = subprocess.run([python, "-c", program], check=True, **run)
    assert done.stdout.split() == ["None", "None"]
    server = Server(tmp_path, GOLDEN / "grey.onnx", "--workers", 2, python=python, cwd=tmp_path)
    try:
        assert server.predict()["labels"] == wanted()[0].tolist()
    finally:
        assert server.end() == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own use of SQLAlchemy and others
def test_mlflow_serves_the_file(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    onnx = pytest.importorskip("onnx")
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    # As on the page.
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    # Not set_experiment, which would hold for the tests after this one.
    number = mlflow.create_experiment("clothes", artifact_location=(tmp_path / "runs").as_uri())
    model = onnx.load(GOLDEN / "grey.onnx")
    signature = ModelSignature(Schema([TensorSpec(np.dtype("uint8"), (-1, 1, 8, 8), "images")]))
    with mlflow.start_run(experiment_id=number):
        info = mlflow.onnx.log_model(model, name="net", signature=signature)
    path = mlflow.artifacts.download_artifacts(info.model_uri, dst_path=str(tmp_path / "there"))
    found = mlflow.pyfunc.load_model(path).predict({"images": IMAGES})
    np.testing.assert_allclose(found["probabilities"], wanted()[1], rtol=1e-6)
    mlflow.set_tracking_uri(before)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["models", "serve", "-m", path, "--env-manager", "local", "-p", str(port), "-w", "1"]
    command = [sys.executable, "-m", "mlflow", *words]
    # It calls uvicorn by its name.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    environment = os.environ | {"MLFLOW_TRACKING_URI": database, "PATH": path}
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        until = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping").close()
                break
            except OSError:
                is_there = process.poll() is None and time.monotonic() < until
                assert is_there, (tmp_path / "log").read_text()
                time.sleep(0.3)
        body = json.dumps({"inputs": {"images": IMAGES.tolist()}}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            predictions = json.loads(answer.read())["predictions"]
        assert predictions["label"] == wanted()[0].tolist()
        np.testing.assert_allclose(predictions["probabilities"], wanted()[1], rtol=1e-5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # all of its own session
        process.wait(30)
