"""Services as processes of their own on the loopback, and the load that wrk puts on them."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.environment import ROOT, child_environment
from benchmarks.errors import BenchmarkError

# wrk's own table has no 99th percentile in a form to be read, and no counts.
SCRIPT = """
wrk.method = "POST"
wrk.path = "{path}"
wrk.body = io.open("{body}", "rb"):read("*a")
{headers}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '{{"requests": %d, "seconds": %f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""
# Seconds for a service to begin and to end.
PATIENCE = 120


def classifiers(unit, settings):
    """Return the net that studies of services and pages use."""
    import skfashion

    return {"net": skfashion.ConvNetClassifier(max_epochs=1, random_state=0)}


def serving(*words, **variables):
    """Run `python -m skfashion serve` with some words, as `running` does."""
    return running(["skfashion", "serve", *words], "/v2/health/ready", **variables)


@contextlib.contextmanager
def running(words, path, **variables):
    """Run a module as a service on a free port; give its process, and its host and port.

    ``words`` are the module and its arguments, to which the port is added; ``path`` answers 200
    when the service is ready; ``variables`` are of the environment, besides those of one thread.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    netloc = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", *map(str, words), "--port", str(port)]
    # Some call others by their names.
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = child_environment(1) | {"PATH": programs} | variables
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=ROOT, env=environment, start_new_session=True
        )
        try:
            until = time.monotonic() + PATIENCE
            while ask(netloc, "GET", path)[0] != 200:
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    end = log.read().decode(errors="replace")[-2000:]
                    raise BenchmarkError(f"Got a service that does not answer: {end}")
                time.sleep(0.05)
            yield process, netloc
        finally:
            # All of its session: some have workers.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)


def ask(netloc, method, path, body=None, headers=None):
    """Return the status and the content of an answer; None and an error where there is none."""
    with contextlib.closing(http.client.HTTPConnection(netloc, timeout=30)) as connection:
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            return None, repr(error)


def load(netloc, path, body, headers, *, connections, seconds):
    """Return what wrk has seen of a service that it asked as often as it can.

    These are ``requests``, ``seconds``, ``p50_ms``, ``p99_ms`` and ``errors``, with statuses from
    400. A BenchmarkError is raised if wrk is not installed, or ends with an error.
    """
    if shutil.which("wrk") is None:
        raise BenchmarkError("wrk puts the load on the services: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        sent, script = Path(folder) / "body", Path(folder) / "script.lua"
        sent.write_bytes(body)
        lines = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items())
        script.write_text(SCRIPT.format(path=path, body=sent, headers=lines))
        words = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
        done = subprocess.run(["wrk", *words, f"http://{netloc}"], capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"wrk has failed: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])
