"""The page of `python -m skfashion page` in a real browser: size, the same numbers, accessibility.

A net is trained and written as ONNX in float32 and in int8; each becomes an offline page, which
Chromium opens without a network. Test images are given to it one by one, and the probabilities that
it shows are compared with those of ONNX Runtime on the same file and, in float32, of
`predict_proba`. axe looks at the page in two sizes and in light and dark, before a picture and
after it.
"""

import itertools
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.browsing import SIZES, bring, chromium, looked_at, ready, shown, violations
from benchmarks.formatting import table_above
from benchmarks.image_files import image_file
from benchmarks.services import classifiers
from benchmarks.study import study_of

UNITS = ("int8", "float32")
FULL = {"images": 200}
QUICK = {"images": 20}
# Megabytes at most.
TARGETS = {"int8": 6.0, "float32": 8.0}


def measure(unit, seed, asked):
    """Write the page, open it, and compare what it shows."""
    import onnxruntime

    from skfashion.__main__ import main
    from skfashion.export import quantize, to_onnx

    (net,) = classifiers(unit, asked.settings).values()
    X, y, X_test = asked.images[:3]
    net.fit(X[:3000], y[:3000])
    images = np.asarray(X_test[: 3 if asked.brief else asked.settings["images"]], np.uint8)
    images = images.reshape(-1, 28, 28)
    with tempfile.TemporaryDirectory() as folder:
        model, page = Path(folder) / "net.onnx", Path(folder) / "page.html"
        to_onnx(net, model, X[:100])
        if unit == "int8":
            model = Path(folder) / "int8.onnx"
            quantize(Path(folder) / "net.onnx", model, X[:1000])
        assert main(["page", f"net={model}", "-o", str(page)]) == 0
        session = onnxruntime.InferenceSession(model)
        (wanted,) = session.run(["probabilities"], {"images": images[:, None]})
        with chromium() as browser:
            found, seconds, requests = _answers(browser, page, images)
            against = _accessibility(browser, page, images[0])
        n_bytes = page.stat().st_size
    difference = {"file": float(np.abs(found - wanted).max())}
    if unit == "float32":
        difference["predict_proba"] = float(np.abs(found - net.predict_proba(images)).max())
    return {
        "bytes": n_bytes,
        "images": len(images),
        "difference": difference,
        "seconds": [round(one, 4) for one in seconds],
        "requests": requests,
        "violations": against,
        "serious": sum(one["impact"] in ("serious", "critical") for one in against),
    }


def _opened(browser, path, size="desktop", scheme="light"):
    """Return the page, and the addresses that it asks for."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, requests = context.new_page(), []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    return ready(page), requests


def _answers(browser, path, images):
    """Return probabilities (n, k), seconds a picture, and the number of requests to elsewhere."""
    page, requests = _opened(browser, path)
    found, seconds = [], []
    bring(page, image_file(images[0]))
    for image in images:
        start = time.perf_counter()
        bring(page, image_file(image))
        seconds.append(time.perf_counter() - start)
        found.append(shown(page, "net"))
    page.context.close()
    own = path.as_uri(), "data:", "blob:"
    return np.stack(found), seconds, sum(not url.startswith(own) for url in requests)


def _accessibility(browser, path, image):
    """Return what axe finds, in all sizes and schemes, before a picture and after it."""
    found = []
    for size, scheme in itertools.product(SIZES, ("light", "dark")):
        page, _ = _opened(browser, path, size, scheme)
        for state in ("empty", "answered"):
            if state == "answered":
                bring(page, image_file(image))
                looked_at(page)
            about = {"size": size, "scheme": scheme, "state": state}
            found += [about | {"id": id, "impact": impact} for id, impact, _ in violations(page)]
        page.context.close()
    return found


def table(rows):
    """Write the table: a line a page."""
    lines = [
        {
            "ConvNetClassifier": row["unit"],
            "page (MB)": f"{row['bytes'] / 1e6:.2f}",
            "at most": f"{TARGETS[row['unit']]:g}",
            "images": row["images"],
            "to ONNX Runtime": f"{row['difference']['file']:.1e}",
            "to predict_proba": f"{row['difference']['predict_proba']:.1e}"
            if "predict_proba" in row["difference"]
            else "",
            "answer (ms)": f"{1000 * statistics.median(row['seconds']):.0f}",
            "requests": row["requests"],
            "serious of axe's violations": f"{row['serious']} of {len(row['violations'])}",
        }
        for row in rows
    ]
    words = (
        "Differences are the largest of any probability; they may be 0.0001. The median time goes "
        "from a file given to the numbers shown."
    )
    return table_above(lines, "keys", words, rows)


STUDY = study_of(
    __name__,
    cost="two minutes",
    page="page.md",
    seeds=None,
    timing=True,
    packages=("onnxruntime", "playwright", "axe-playwright-python"),
)
