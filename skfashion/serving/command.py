"""The command ``python -m skfashion serve``."""

import argparse
import dataclasses
import ipaddress
import logging
import socket
import tempfile
import threading
import time
from pathlib import Path

from skfashion.serving.application import API_KEY, create_app, read_key, read_origins
from skfashion.serving.limits import Limits
from skfashion.serving.logs import say, set_up_logs
from skfashion.serving.registry import check_name
from skfashion.serving.server import BACKLOG, run_server, say_reloaded
from skfashion.serving.staging import Stage
from skfashion.serving.supervising import WATCH_SECONDS, supervise
from skfashion.serving.telemetry_files import share_metrics
from skfashion.utils.command_line import paths_by_name

DESCRIPTION = f"""\
Answer over HTTP with exported files: pictures and numbers in, labels and probabilities out, as the
Open Inference Protocol and as /v1/predict; see /openapi.json. It needs no PyTorch.

A MODEL is a file of skfashion.export.to_onnx or quantize, FILE.onnx, or of net.save(path),
FILE.safetensors, which another process exports first. Each is tried before it is served. An ONNX
file is a program: serve only files of people whom you trust.

SIGTERM drains, SIGHUP loads the files again; one that fails its check leaves the old model. Clients
must send the key in the environment variable {API_KEY}, if it is set.
"""


def add_parser(subparsers):
    """Add the command ``serve``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "serve", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("models", nargs="+", metavar="MODEL", help="file; NAME=FILE names it, else its stem does")
    add("--host", default="127.0.0.1", help="address to listen on; default %(default)s")
    add("--port", type=_port, default=8000, help="0 takes a free one; default %(default)s")
    add("--workers", type=_count, default=1, metavar="N", help="processes; default %(default)s")
    add("--threads", type=_count, default=1, metavar="N", help="for one prediction; default 1")
    for limit in dataclasses.fields(Limits):
        flag, what = limit.name.replace("_", "-"), limit.metadata["what"]
        add(
            f"--{flag}",
            type=limit.type,
            default=limit.default,
            metavar="N",
            help=f"{what}; default %(default)s",
        )
    add(
        "--max-connections",
        type=_count,
        default=1000,
        metavar="N",
        help="of a process; default %(default)s",
    )
    add(
        "--drain",
        type=_seconds,
        default=1.0,
        metavar="SECONDS",
        help="for which it is not ready before it takes no more connections; default %(default)s",
    )
    add("--watch", action="store_true", help="load a file again when it has changed")
    add(
        "--follow-prior",
        action="store_true",
        help="shift probabilities to the frequencies of classes that a file's monitor has seen",
    )
    add(
        "--cors-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="another site, such as https://shop.example, whose pages may read answers; may be "
        "given several times; default none",
    )
    add("--no-access-log", action="store_true", help="log no line a request")
    parser.set_defaults(command=run)


def run(options):
    """Serve until a signal ends it.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0, or 1 if processes died again and again.

    Raises
    ------
    ValueError
        If a file fails its check, or an option is none.
    OSError
        If a file cannot be read, or the address is taken.
    """
    names = [field.name for field in dataclasses.fields(Limits)]
    limits = Limits(**{name: getattr(options, name) for name in names})
    given = dataclasses.asdict(limits)
    given |= {"threads": options.threads, "follow_prior": options.follow_prior}
    given |= {"cors_origins": read_origins(options.cors_origin, "--cors-origin")}
    sources = paths_by_name(options.models)
    for name in sources:
        check_name(name)
    has_key = read_key() is not None
    set_up_logs(not options.no_access_log)
    with (
        _listening(options.host, options.port) as listener,
        tempfile.TemporaryDirectory(prefix="skfashion-") as folder,
    ):
        stage = Stage(sources, folder, options.threads)
        for name in sources:
            stage.fill(name)
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        say("listening", url=url, models=list(sources), key=has_key)
        if not has_key and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            why = f"Others can reach {host}, and are asked for no key: {API_KEY} is not set."
            say("no key", logging.WARNING, why=why)
        shared = {"drain": options.drain, "max_connections": options.max_connections}
        if options.workers > 1:
            share_metrics(Path(folder) / "metrics")
            return supervise(
                options.workers,
                listener,
                stage,
                given,
                **shared,
                has_access_log=not options.no_access_log,
                watch=options.watch,
            )
        return _serve_alone(listener, stage, given, options.watch, shared)


def _serve_alone(listener, stage, given, watch, shared):
    """Answer in this process."""
    app = create_app(stage.paths, **given)
    one_at_a_time = threading.Lock()

    def reload():
        with one_at_a_time:
            if stage.is_closed:
                return
            found = stage.refill()
            if stage.is_closed:
                return
            found |= {
                name: error
                for name, error in app.state.registry.reload().items()
                if error is not None
            }
            say_reloaded(found, app.state.telemetry)

    def look():
        while True:
            time.sleep(WATCH_SECONDS)
            if stage.has_changed():
                reload()

    if watch:
        threading.Thread(target=look, daemon=True).start()
    run_server(app, listener, **shared, reload=reload)
    stage.close()
    # The folder of its copies goes with this process.
    with one_at_a_time:
        return 0


def _listening(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def _port(word):
    number = int(word)
    if not 0 <= number < 2**16:
        raise argparse.ArgumentTypeError(f"Got {word}, expected a number from 0 to 65535.")
    return number


def _count(word):
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"Got {word}, expected a whole number from 1 on.")
    return number


def _seconds(word):
    number = float(word)
    if not 0 <= number < 3600:
        raise argparse.ArgumentTypeError(f"Got {word}, expected seconds from 0 to 3600.")
    return number
