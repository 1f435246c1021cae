"""The app: limits, models, routes and what is around them, put together."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from skfashion.metadata import package_version
from skfashion.serving.libraries import import_library
from skfashion.serving.limits import Limits
from skfashion.utils.names import advises

# The environment variable with the key that clients must send.
API_KEY = "SKFASHION_API_KEY"
# Of a site; browsers send it in small letters, without a slash or the usual port.
ORIGIN = re.compile(r"\*|(https?://[a-z0-9.\[\]:-]+)/?")
USUAL_PORTS = {"http": ":80", "https": ":443"}


@advises
def create_app(
    models,
    *,
    max_body_bytes=Limits.max_body_bytes,
    max_pixels=Limits.max_pixels,
    max_rows=Limits.max_rows,
    max_requests=Limits.max_requests,
    timeout=Limits.timeout,
    threads=1,
    follow_prior=False,
    cors_origins=(),
):
    """Return an ASGI app that serves exported files.

    It implements the Open Inference Protocol, version 2, with binary tensors; ``/v1/predict`` and
    similar routes take pictures; ``/metrics`` is for Prometheus; ``/openapi.json`` describes
    everything. If the environment variable ``SKFASHION_API_KEY`` is set, clients must send it as
    ``Authorization: Bearer KEY``. ``python -m skfashion serve`` runs it, and so does any ASGI
    server.

    Parameters
    ----------
    models : path-like, sequence of path-like, or mapping of str to path-like
        Files written by ``to_onnx`` or ``quantize``; the name of a model is the stem of its file,
        or its key. Each is tested before it is served.
    max_body_bytes : int from 1, default=1048576
        Maximum bytes of a request's body; a larger one gets status 413, and is never stored.
    max_pixels : int from 1, default=4000000
        Maximum pixels of a picture, read from its header before it is decoded; a larger one gets
        413.
    max_rows : int from 1, default=1024
        Maximum images or rows of a request; a larger one gets 413.
    max_requests : int from 1, default=64
        Maximum requests at a time; others get 503, and are asked to retry.
    timeout : float above 0, default=10.0
        Seconds for a request; then it gets 504, or 408 if it has not arrived completely.
    threads : int from 1, default=1
        Threads for one prediction. Several processes with one thread each answer more requests.
    follow_prior : bool, default=False
        Whether probabilities are shifted to the class frequencies in the last window of the monitor
        (of a file with a ``profile=``), if it says that nothing else has changed (``label_shift``).
    cors_origins : sequence of str, default=()
        Other sites whose pages may read answers, such as ``"https://shop.example"``; ``"*"`` for
        all. Browsers block all other pages.

    Returns
    -------
    app : fastapi.FastAPI
        ``app.state.registry.reload()`` loads the files again; ``app.state.gate.is_draining`` says
        that the process is about to end.

    Raises
    ------
    ValueError
        If a file fails its check, a name or a limit is invalid, or the key is empty.
    OSError
        If a file cannot be read.
    ImportError
        If a library of the extra "serve" is missing.

    Examples
    --------
    >>> from skfashion import ConvNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.export import to_onnx
    >>> from skfashion.serving import create_app
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = ConvNetClassifier(channels=(4,), max_epochs=1, random_state=0).fit(X[:500], y[:500])
    >>> to_onnx(net, "clothes.onnx", X[:100])
    >>> app = create_app("clothes.onnx")
    >>> [served.model.name for served in app.state.registry]
    ['clothes']
    """
    for name in ("fastapi", "onnxruntime", "PIL", "prometheus_client", "python_multipart"):
        import_library(name)
    limits = Limits(max_body_bytes, max_pixels, max_rows, max_requests, timeout)
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise ValueError(f"Got threads={threads!r}, expected an int of at least 1.")
    if not isinstance(follow_prior, bool):
        raise ValueError(f"Got follow_prior={follow_prior!r}, expected True or False.")
    origins = read_origins(cors_origins)
    key = read_key()
    from skfashion.serving.assembling import assemble

    return assemble(
        paths_of(models), limits, threads, follow_prior, origins, key, package_version()
    )


def read_key():
    """Return the key that clients must send, None if they need none.

    Raises
    ------
    ValueError
        If it is set to nothing, as by a secret that was not found: everybody would be let in.
    """
    key = os.environ.get(API_KEY)
    if key is not None and not key.strip():
        raise ValueError(f"Got an empty {API_KEY}, expected a key. Unset it to need none.")
    return key


def read_origins(origins, name="cors_origins"):
    """Return origins as browsers send them, a tuple of str.

    Parameters
    ----------
    origins : iterable of str
    name : str
        What they were given as, for the message.

    Raises
    ------
    ValueError
        If one is none.
    """
    is_many = not isinstance(origins, str) and isinstance(origins, Iterable)
    given, found = tuple(origins) if is_many else (origins,), []
    for origin in given:
        match = ORIGIN.fullmatch(origin.lower()) if is_many and isinstance(origin, str) else None
        if match is None:
            raise ValueError(
                f"Got {name} {origin!r}, expected scheme, host and port, no path, of each site, "
                "such as https://shop.example in a list, or * for all."
            )
        site = match[1] or "*"
        found.append(site.removesuffix(USUAL_PORTS.get(site.partition(":")[0], "")))
    return tuple(found)


def paths_of(models):
    """Return paths by name, of a path, several, or paths by name.

    Raises
    ------
    ValueError
        If two files would have one name.
    """
    if isinstance(models, Mapping):
        return dict(models)
    paths = [models] if isinstance(models, str | os.PathLike) else list(models)
    named = {Path(path).stem: path for path in paths}
    if len(named) < len(paths):
        raise ValueError(
            f"Got files of one name among {[str(path) for path in paths]}, expected different "
            "stems. Name them: {'name': path, ...}, or NAME=FILE on a command line."
        )
    return named
