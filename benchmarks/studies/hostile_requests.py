"""What `python -m skfashion serve` makes of requests by somebody who means harm.

Pictures: bombs of pixels, of comments and of colour profiles, truncated and damaged files, some
that move, four colours, 16 bits, palettes, files that are a page or an archive as well, other
formats. Numbers: lists nested by the hundred thousand, NaN, text that is no JSON, tensors that do
not agree with themselves, lengths that are wrong, forms that are none, names that are paths. Each
is refused with a status from 400 to 499, or answered as ONNX Runtime answers to the image that was
meant; the service is a process of its own, and one that dies is a crash.
"""

import json
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.formatting import table_above
from benchmarks.hostile_bodies import KINDS
from benchmarks.services import ask, serving
from benchmarks.study import study_of

UNITS = ("ConvNetClassifier",)
SIZES = {"full": {"requests": 200}}
# What takes longer, or makes the process larger, is a fault.
SECONDS, MEGABYTES = 1.0, 300.0


def classifiers(unit, settings):
    """Return the net that is served."""
    import skfashion

    return {"net": getattr(skfashion, unit)(max_epochs=1, random_state=0)}


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

    Parameters
    ----------
    path : path-like
        An exported file of grey images, uint8.
    seed : int
    n_requests : int
        Of each kind in turn.

    Returns
    -------
    dict
        ``ended``: how many of each status; ``slowest_s``; ``most_MB`` of the process; ``faults``.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    shape = tuple(session.get_inputs()[0].shape[2:])
    counts, slowest, faults = Counter(), 0.0, []
    with serving(f"net={path}") as (process, netloc):
        for number in range(n_requests):
            rng = np.random.default_rng([seed, number])
            kind = list(KINDS)[number % len(KINDS)]
            request = KINDS[kind](rng, shape)
            start = time.perf_counter()
            status, content = ask(netloc, "POST", request.path, request.body, request.headers)
            seconds = time.perf_counter() - start
            counts[str(status)] += 1
            slowest = max(slowest, seconds)
            what = _fault_of(request, status, content, session)
            if what is None and seconds > SECONDS:
                what = f"{seconds:.2f} s"
            if what is not None:
                faults.append(f"request {number} ({kind}): {what}")
            if process.poll() is not None:
                faults.append(f"request {number} ({kind}): the process ended")
                return _found(counts, slowest, float("nan"), faults)
        largest = _most_megabytes(process.pid)
    if largest > MEGABYTES:
        faults.append(f"{largest:.0f} MB")
    return _found(counts, slowest, largest, faults)


def _found(counts, slowest, largest, faults):
    found = {"ended": dict(counts), "slowest_s": round(slowest, 3)}
    return found | {"most_MB": round(largest, 1), "faults": faults}


def _fault_of(request, status, content, session):
    """Return what is wrong with an answer, or None."""
    if status is None or not (status == 200 or 400 <= status < 500):
        return f"{status} {content[:100]!r}"
    if status != 200:
        problem = json.loads(content)
        return None if problem["status"] == status else f"{status} and {problem}"
    if not request.may_answer:
        return "answered"
    if request.image is None:
        return None
    label, probabilities = session.run(
        ["label", "probabilities"], {"images": request.image[None, None]}
    )
    found = json.loads(content)
    is_right = np.allclose(found["probabilities"], probabilities, atol=1e-5)
    return None if is_right and found["labels"] == label.tolist() else "another answer"


def _most_megabytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def table(rows):
    """Write the table: a line a net."""
    lines = [
        [
            row["unit"],
            sum(row["ended"].values()),
            sum(n for status, n in row["ended"].items() if status != "200"),
            row["ended"].get("200", 0),
            len(row["faults"]),
            f"{row['slowest_s']:.2f}",
            f"{row['most_MB']:.0f}",
        ]
        for row in rows
    ]
    headings = [
        *("service of", "requests", "refused", "answered", "faults"),
        *("slowest (s)", "most memory (MB)"),
    ]
    words = (
        "A fault is a crash, a status other than 200 and 400 to 499, an answer to what is no "
        f"picture, one that is wrong, more than {SECONDS:g} s, or a process of more than "
        f"{MEGABYTES:g} MB."
    )
    return table_above(lines, headings, words, rows)


STUDY = study_of(
    __name__,
    cost="a minute",
    page="production.md",
    sizes=SIZES,
    seeds=1,
    timing=True,
    packages=("onnxruntime", "pillow", "fastapi", "uvicorn"),
)
