"""The service as processes: real servers on the loopback, killed, ended and given other files."""

import contextlib
import http.client
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from service import onnxruntime, picture

from skfashion.__main__ import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Signals, and memory as Linux says it."),
]

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
GREY = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
PNG = picture(GREY)


class Server:
    """A server that has been started; `url`, `pid`, and what it has logged."""

    def __init__(self, folder, *words, python=sys.executable, cwd=ROOT, **environment):
        self._path = folder / "log"
        command = [python, "-m", "skfashion", "serve", "--port", "0", *map(str, words)]
        self._started = time.perf_counter()
        with open(self._path, "wb") as log:
            self.process = subprocess.Popen(
                command, stderr=log, env=os.environ | environment, cwd=cwd
            )
        self.pid = self.process.pid
        try:
            self.wait_for("ready")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        self.seconds = time.perf_counter() - self._started
        self.url = self.events("listening")[0]["url"]

    def events(self, name=None):
        # The last line may be half written.
        lines = self._path.read_text().rpartition("\n")[0].splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if name in (None, line["event"])]

    def wait_for(self, name, times=1, seconds=120):
        until = time.monotonic() + seconds
        while len(self.events(name)) < times:
            assert self.process.poll() is None and time.monotonic() < until, self._path.read_text()
            time.sleep(0.02)

    @property
    def workers(self):
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        words = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
        return [int(pid) for pid, said in words.items() if b"spawn_main" in said]

    def ask(self, method="GET", path="/v2/health/ready", body=None, **headers):
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def predict(self, path="/v1/predict"):
        status, content = self.ask("POST", path, PNG)
        assert status == 200, content
        return json.loads(content)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                return self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        return self.process.returncode


@pytest.fixture
def serve(tmp_path):
    """Return a function that starts servers."""
    servers = []

    def start(*words, **environment):
        folder = tmp_path / f"server{len(servers)}"
        folder.mkdir()
        servers.append(Server(folder, *words, **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


class Load:
    """Clients that ask again and again, each on one connection for as long as that is open."""

    def __init__(self, server, n_clients=4):
        self.netloc, self.n_answers, self.faults = urlsplit(server.url).netloc, 0, []
        self.refused, self._done, self._lock = 0, threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(n_clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        connection = http.client.HTTPConnection(self.netloc, timeout=20)
        while not self._done.is_set():
            try:
                connection.request("POST", "/v1/predict", PNG)
                answer = connection.getresponse()
                content = answer.read()
                with self._lock:
                    self.n_answers += 1
                    if answer.status != 200:
                        self.faults.append((answer.status, content))
            except ConnectionRefusedError:
                with self._lock:
                    self.refused += 1
                return
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.faults.append(repr(error))
                connection.close()
        connection.close()


def test_it_starts_without_pytorch_fast_and_stays_small(serve, tmp_path):
    for name in ("torch", "sklearn", "scipy", "pandas", "skorch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('not here')")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    words = (GOLDEN / "grey.onnx", f"wine={GOLDEN / 'table.onnx'}")
    server = serve(*words, PYTHONPATH=paths)
    session = onnxruntime.InferenceSession(GOLDEN / "grey.onnx")
    wanted = session.run(["label", "probabilities"], {"images": GREY[None, None]})
    found = server.predict("/v1/predict?model=grey")
    assert found["labels"] == wanted[0].tolist()
    np.testing.assert_allclose(found["probabilities"], wanted[1], rtol=1e-6)
    assert server.seconds <= 3 or serve(*words, PYTHONPATH=paths).seconds <= 3
    images = json.dumps({"instances": np.zeros((1000, 64), int).tolist()})
    for path in ("/v1/predict?model=grey", "/v1/explain?model=grey"):
        server.ask("POST", path, images, **{"Content-Type": "application/json"})
    large = picture(np.zeros((2000, 2000, 4), np.uint8))
    for _ in range(5):
        assert server.ask("POST", "/v1/predict?model=grey", large)[0] == 200
    said = Path(f"/proc/{server.pid}/status").read_text()
    assert int(said.partition("VmHWM:")[2].split()[0]) <= 300 * 1024
    assert server.end() == 0


def test_a_killed_process_is_replaced_and_only_what_is_inside_fails(serve):
    server = serve(GOLDEN / "grey.onnx", "--workers", 2)
    server.wait_for("ready", 2)
    with Load(server, 4) as load:
        before = server.workers
        os.kill(before[0], signal.SIGKILL)
        server.wait_for("ready", 3)
        time.sleep(0.5)
        assert len(set(server.workers) - set(before)) == 1
    # At most one request of each connection was inside.
    assert len(load.faults) <= 4 and load.n_answers > 50
    (died,) = server.events("died")
    assert died["exit_code"] == -signal.SIGKILL
    counted = server.ask(path="/metrics")[1].decode()
    assert 'skfashion_requests_total{method="POST",route="/v1/predict",status="200"}' in counted
    assert server.end() == 0


@pytest.mark.parametrize("n_workers", [1, 2])
def test_files_are_replaced_under_load(serve, tmp_path, n_workers):
    path = tmp_path / "net.onnx"
    shutil.copy(GOLDEN / "grey.onnx", path)
    server = serve(path, "--workers", n_workers)
    server.wait_for("ready", n_workers)
    first = server.predict()["probabilities"]
    with Load(server) as load:
        path.write_bytes(b"no model")
        os.kill(server.pid, signal.SIGHUP)
        server.wait_for("refused")
        assert server.predict()["probabilities"] == first
        counted = server.ask(path="/metrics")[1].decode()
        assert 'skfashion_model_loads_total{model="net",outcome="refused"} 1.0' in counted
        if n_workers > 1:
            # What is started anew has the old one, too.
            os.kill(server.workers[0], signal.SIGKILL)
            server.wait_for("ready", 3)
            load.faults.clear()
        n_loaded = len(server.events("loaded"))
        shutil.copy(GOLDEN / "colour.onnx", path)
        os.kill(server.pid, signal.SIGHUP)
        server.wait_for("loaded", n_loaded + 1 + (n_workers if n_workers > 1 else 0))
        assert all(server.predict()["probabilities"] != first for _ in range(8))
        counted = server.ask(path="/metrics")[1].decode()
        assert 'skfashion_model_loads_total{model="net",outcome="loaded"} 1.0' in counted
    assert load.faults == [] and load.n_answers > 50


def test_a_changed_file_is_noticed(serve, tmp_path):
    path = tmp_path / "net.onnx"
    shutil.copy(GOLDEN / "grey.onnx", path)
    server = serve(path, "--watch", "--no-access-log")
    assert server.predict()["classes"][0] == "a"
    shutil.copy(GOLDEN / "colour.onnx", path)
    server.wait_for("loaded")
    assert server.predict()["classes"][0] == 0
    assert server.events("request") == []


@pytest.mark.parametrize(("n_workers", "tells_all"), [(1, False), (2, False), (2, True)])
def test_ending_drains(serve, n_workers, tells_all):
    server = serve(GOLDEN / "grey.onnx", "--workers", n_workers, "--drain", 1)
    server.wait_for("ready", n_workers)
    with Load(server) as load:
        n_before = load.n_answers
        # As systemd does it; then the parent tells its workers once more.
        for pid in [*(server.workers if tells_all else ()), server.pid]:
            os.kill(pid, signal.SIGTERM)
        time.sleep(0.5)
        # It says that it is not ready, and answers all the same.
        assert server.ask()[0] == 503
        assert load.n_answers > n_before
        assert server.process.wait(20) == 0
        time.sleep(0.2)
    assert load.faults == [] and load.refused == 4


def test_one_process_that_is_ended_leaves_the_socket_to_the_others(serve):
    server = serve(GOLDEN / "grey.onnx", "--workers", 2, "--drain", 0)
    server.wait_for("ready", 2)
    with Load(server) as load:
        os.kill(server.workers[0], signal.SIGTERM)
        server.wait_for("ready", 3)
        for _ in range(10):
            server.predict()  # each by a new connection
    assert load.faults == [] and load.refused == 0


def test_ctrl_c_ends_it_and_all_its_processes(serve):
    server = serve(GOLDEN / "grey.onnx", "--workers", 2)
    server.wait_for("ready", 2)
    workers = server.workers
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(20) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_processes_end_with_a_killed_parent(serve):
    server = serve(GOLDEN / "grey.onnx", "--workers", 2, "--drain", 0)
    server.wait_for("ready", 2)
    workers = server.workers
    server.process.kill()
    server.process.wait(20)
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < until
        time.sleep(0.1)


EXPORTER = """
import os, shutil, sys, time
if "-c" in sys.orig_argv and sys.orig_argv[-1].endswith(".exported"):
    folder = os.path.dirname(__file__)
    with open(os.path.join(folder, "pid"), "w") as stream:
        stream.write(str(os.getpid()))
    if os.path.exists(os.path.join(folder, "slowly")):
        time.sleep(60)
    shutil.copy(os.environ["GOLDEN"], sys.orig_argv[-1])
    os._exit(0)
"""


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_reload_can_be_interrupted(serve, tmp_path, n_workers):
    # In place of PyTorch, which would take as long.
    (tmp_path / "sitecustomize.py").write_text(EXPORTER)
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"net")
    given = {"PYTHONPATH": str(tmp_path), "GOLDEN": str(GOLDEN / "grey.onnx")}
    server = serve(path, "--workers", n_workers, "--drain", 0, **given)
    server.wait_for("ready", n_workers)
    (tmp_path / "slowly").touch()
    before = (tmp_path / "pid").read_text()
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("reloading")
    until = time.monotonic() + 10
    while (pid := (tmp_path / "pid").read_text()) in ("", before):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert server.predict()["labels"]
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(10) == 0
    assert not Path(f"/proc/{pid}").exists()
    assert server.events("refused") == server.events("loaded") == []


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_second_ctrl_c_ends_at_once(serve, n_workers):
    server = serve(GOLDEN / "grey.onnx", "--workers", n_workers, "--drain", 30)
    server.wait_for("ready", n_workers)
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("draining", n_workers)
    assert {line["seconds"] for line in server.events("draining")} == {30.0}
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(5) == 0


def test_a_connection_too_many_is_refused_and_health_is_not(serve):
    server = serve(GOLDEN / "grey.onnx", "--max-connections", 2)
    host, _, port = urlsplit(server.url).netloc.rpartition(":")
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(socket.create_connection((host, int(port)), 5))
        server.ask()
        connection = http.client.HTTPConnection(f"{host}:{port}", timeout=5)
        stack.callback(connection.close)
        connection.request("POST", "/v1/predict", PNG)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Connection"] == "close"
        assert server.ask()[0] == 200
    # On the loopback there is nobody else.
    assert server.events("no key") == []
    assert server.predict()["labels"]


def test_the_log_says_which_process_and_whether_there_is_a_key(serve):
    for environment, warned in (({}, 1), ({"SKFASHION_API_KEY": "sesame"}, 0)):
        words = ("--host", "0.0.0.0", "--drain", 0)
        server = serve(GOLDEN / "grey.onnx", *words, **environment)
        assert server.events("listening")[0]["key"] == bool(environment)
        warnings = server.events("no key")
        assert len(warnings) == warned
        assert all(line["level"] == "warning" and "0.0.0.0" in line["why"] for line in warnings)
        server.end()
        said = [server.events(name)[0]["pid"] for name in ("listening", "ready", "ended")]
        assert said == [server.pid] * 3


def test_headers_without_end_are_refused(serve):
    server = serve(GOLDEN / "grey.onnx")
    host, _, port = urlsplit(server.url).netloc.rpartition(":")
    chunked = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for begin in (
        b"GET / HTTP/1.1\r\nX-Long: ",
        b"GET /",
        chunked + b"1\r\na\r\n0\r\nX-Behind: ",
        chunked + b"1;more=",
    ):
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(begin)
            with contextlib.suppress(OSError):  # it may be closed while we send
                for _ in range(100):
                    connection.sendall(b"a" * 10_000)
                    time.sleep(0.001)
                pytest.fail(f"A megabyte was taken behind {begin}.")
    assert server.predict()["labels"]


def test_a_full_disk_for_logs_is_no_failed_request():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "skfashion",
        "serve",
        GOLDEN / "grey.onnx",
        "--port",
        str(port),
    ]
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(command, stderr=full, cwd=ROOT)
    try:
        statuses = []
        until = time.monotonic() + 20
        while len(statuses) < 50:
            try:
                connection = http.client.HTTPConnection(f"127.0.0.1:{port}", timeout=5)
                connection.request("POST", "/v1/predict", PNG)
                statuses.append(connection.getresponse().status)
            except ConnectionRefusedError:
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.05)
            finally:
                connection.close()
        assert set(statuses) == {200}
    finally:
        process.terminate()
        process.wait(20)


def test_a_saved_net_is_exported_by_another_process(serve, tmp_path):
    from skfashion import ConvNetClassifier

    pytest.importorskip("safetensors")
    X = np.random.default_rng(0).integers(0, 256, (40, 64), np.uint8)
    net = ConvNetClassifier(channels=(2,), hidden_layer_sizes=(4,), max_epochs=1, random_state=0)
    net.fit(X, np.repeat(["a", "b"], 20)).save(tmp_path / "net.safetensors")
    server = serve(tmp_path / "net.safetensors")
    wanted = net.predict_proba(GREY.reshape(1, -1))
    np.testing.assert_allclose(server.predict()["probabilities"], wanted, atol=1e-5)


def test_what_cannot_be_served_is_said_in_a_line(tmp_path, monkeypatch, capsys):
    for name in ("skfashion.serving", "uvicorn"):
        for attribute in ("handlers", "propagate", "level"):
            logger = logging.getLogger(name)
            monkeypatch.setattr(logger, attribute, getattr(logger, attribute))
    monkeypatch.chdir(tmp_path)
    Path("torch.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    Path("net.safetensors").write_bytes(b"")
    Path("bad.onnx").write_bytes(b"bad")
    for words, said in (
        (["none.onnx"], "none.onnx"),
        (["bad.onnx"], "bad.onnx: Got a file that ONNX Runtime cannot open"),
        ([__file__], "test_service_processes.py: Got"),
        (["bad.onnx", "--cors-origin", "https://shop.example/page"], "--cors-origin"),
        (["net.safetensors"], "not here. A file of net.save is exported by another process"),
        ([f"a={GOLDEN / 'grey.onnx'}", f"a={GOLDEN / 'table.onnx'}"], "equal names"),
        ([f"a b={GOLDEN / 'grey.onnx'}"], "name of a model"),
        ([str(GOLDEN / "grey.onnx"), "--max-rows", "0"], "max_rows=0"),
    ):
        assert main(["serve", "--port", "0", *words]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and said in lines[0]
