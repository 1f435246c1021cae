"""Whether `python -m skfashion serve` does what its OpenAPI says: schemathesis' cases.

All of schemathesis' checks, on a service of a small net: thousands of requests made from the
description, right ones and wrong ones. Whether a formally right body is always accepted is left
out, since a body may fit what OpenAPI can say of it and be nothing that a net takes; real pictures
take the place of bytes.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.environment import child_environment
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import table_above
from benchmarks.services import serving
from benchmarks.study import study_of

UNITS = ("ConvNetClassifier",)
# Examples of each operation and phase.
FULL = {"examples": 300}
QUICK = {"examples": 15}
LEFT_OUT = "positive_data_acceptance"
COUNTED = re.compile(r"([0-9]+) generated(?:, ([0-9]+) found ([0-9]+) unique failures?)?")


def classifiers(unit, settings):
    """Return the net that is served."""
    import skfashion

    return {"net": skfashion.ConvNetClassifier(channels=(4,), max_epochs=1, random_state=0)}


def measure(unit, seed, asked):
    """Serve a net, and have schemathesis ask."""
    from skfashion.export import to_onnx

    (net,) = classifiers(unit, asked.settings).values()
    X, y, *_ = asked.images
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        to_onnx(net.fit(X[:1000], y[:1000]), path, X[:100], examples=(X[:10], y[:10]))
        with serving(f"net={path}", "--no-access-log") as (_, netloc):
            return tried(f"http://{netloc}", 3 if asked.brief else asked.settings["examples"])


def tried(url, n_examples):
    """Return how many ``cases`` schemathesis has made for the service at a URL, and its failures.

    There are so many examples of each operation and phase; ``said`` is the end of its report if
    there are failures.
    """
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{url}/openapi.json"]
    command += ["--checks", "all", "--exclude-checks", LEFT_OUT, "--max-examples", str(n_examples)]
    variables = child_environment(None) | {"SCHEMATHESIS_HOOKS": "benchmarks.schema_hooks"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    counted = COUNTED.search(done.stdout)
    if counted is None:
        raise BenchmarkError(f"schemathesis has failed: {(done.stdout + done.stderr)[-2000:]}")
    return {
        "cases": int(counted[1]),
        "failures": int(counted[3] or 0) or int(done.returncode != 0),
        "said": done.stdout[-5000:] if done.returncode else "",
    }


def table(rows):
    """Write the table: a line a net."""
    lines = [[row["unit"], row["cases"], row["failures"]] for row in rows]
    words = f"All checks of schemathesis but {LEFT_OUT}."
    return table_above(lines, ["service of", "cases", "failures"], words, rows)


STUDY = study_of(
    __name__,
    cost="five minutes",
    page="production.md",
    seeds=None,
    timing=True,
    packages=("schemathesis", "fastapi", "uvicorn"),
)
