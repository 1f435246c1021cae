"""What `python -m skfashion serve` makes of requests by somebody who means harm.

Pictures: bombs of pixels, of comments and of colour profiles, truncated and damaged files, some
that move, four colours, 16 bits, palettes, files that are a page or an archive as well, other
formats. Numbers: lists nested by the hundred thousand, NaN, text that is no JSON, tensors that do
not agree with themselves, lengths that are wrong, forms that are none, names that are paths. Each
is refused with a status from 400 to 499, or answered as ONNX Runtime answers to the image that was
meant; the service is a process of its own, and one that dies is a crash.
"""

import itertools
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.hostile_bodies import KINDS
from benchmarks.services import ask, classifiers, serving
from benchmarks.studies.hostile_files import most_megabytes, summed, table_of_ends
from benchmarks.study import study_of

UNITS = ("ConvNetClassifier",)
# What takes longer, or makes the process larger, is a fault.
SECONDS, MEGABYTES = 1.0, 300.0


def measure(unit, seed, asked):
    """Serve a net, send it requests, and count how each ended."""
    from skfashion.export import to_onnx

    n_requests = 50 if asked.brief else asked.settings["requests"]
    (net,) = classifiers(unit, asked.settings).values()
    X, y, *_ = asked.images
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        to_onnx(net.fit(X[:1000], y[:1000]), path, X[:100])
        return tried(path, seed, n_requests)


def tried(path, seed, n_requests):
    """Return how many hostile requests ended how, and the most they cost.

    ``path`` is an exported file of grey images, uint8; kinds of requests come in turn.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    shape = tuple(session.get_inputs()[0].shape[2:])
    found, faults = [], []
    with serving(f"net={path}") as (process, netloc):
        for number, kind in zip(range(n_requests), itertools.cycle(KINDS), strict=False):
            request = KINDS[kind](np.random.default_rng([seed, number]), shape)
            start = time.perf_counter()
            answer = ask(netloc, "POST", request.path, request.body, request.headers)
            seconds = time.perf_counter() - start
            has_ended = process.poll() is not None
            megabytes = 0.0 if has_ended else most_megabytes(process.pid)
            found.append((str(answer[0]), seconds, megabytes))
            fault = "the process ended" if has_ended else _fault_of(request, *answer, session)
            if fault is None and seconds > SECONDS:
                fault = f"{seconds:.2f} s"
            if fault is not None:
                faults.append(f"request {number} ({kind}): {fault}")
            if has_ended:
                break
    if megabytes > MEGABYTES:  # the most so far
        faults.append(f"{megabytes:.0f} MB")
    return summed(found, faults)


def _fault_of(request, status, content, session):
    """Return what is wrong with an answer, or None."""
    if status != 200 and status not in range(400, 500):
        return f"{status} {content[:100]!r}"
    if status == 200 and request.image is None:
        return None if request.may_answer else "answered"
    found = json.loads(content)
    if status != 200:
        return None if found["status"] == status else f"{status} and {found}"
    inputs = {"images": request.image[None, None]}
    label, probabilities = session.run(["label", "probabilities"], inputs)
    is_right = np.allclose(found["probabilities"], probabilities, atol=1e-5)
    return None if is_right and found["labels"] == label.tolist() else "another answer"


def table(rows):
    """Write the table: a line a net."""
    words = (
        "A fault is a crash, a status other than 200 and 400 to 499, an answer to what is no "
        f"picture, one that is wrong, more than {SECONDS:g} s, or a process of more than "
        f"{MEGABYTES:g} MB."
    )
    headings = ["service of", "requests", "refused", "answered"]
    return table_of_ends(rows, headings, lambda status: status != "200", "200", words)


STUDY = study_of(
    __name__,
    cost="a minute",
    page="production.md",
    sizes={"full": {"requests": 200}},
    seeds=1,
    timing=True,
    packages=("onnxruntime", "pillow", "fastapi", "uvicorn"),
)
