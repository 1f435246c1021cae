"""What was tried for each competitor, on validation data.

Fit every setting of a competitor to 20,000 training images, and score it on 10,000 others. The
comparison takes the one that is most often right, without a look at a test image.
"""

import time

import joblib

from benchmarks.candidates import call_of
from benchmarks.data import held_out
from benchmarks.errors import names_option
from benchmarks.formatting import mark, marks_of, table_above
from benchmarks.models import MODELS, RIVALS, described
from benchmarks.recipes import find
from benchmarks.study import study_of

KNOWN = [name for name, model in (MODELS | RIVALS).items() if not model.ours]
SIZES = 20_000, 10_000


def units(asked):
    """Return each setting of each competitor."""
    return [
        {"model": name, "settings": settings}
        for name in asked.options.models
        for settings in (find(name).settings, *find(name).tried)
        if find(name).tried
    ]


def describe(unit, seed, asked):
    """Say by what a row is recognised."""
    packages = find(unit["model"]).packages
    return {"settings": {"rows": SIZES}, "data": "full", "scope": None, "packages": packages}


def measure(unit, seed, asked):
    """Fit a competitor with some settings, and score it."""
    X, X_valid, y, y_valid = held_out(asked.images, *SIZES, seed)
    net = find(unit["model"]).make(seed, joblib.cpu_count(), **unit["settings"])
    start = time.perf_counter()
    net.fit(X, y)
    seconds = round(time.perf_counter() - start, 1)
    return {"accuracy": round(float(net.score(X_valid, y_valid)), 6), "seconds": seconds}


def taken(name):
    """Return the settings of a competitor that are compared: of a forest those of two entries."""
    its = (key for key in KNOWN if key == name or key.startswith(f"{name}_"))
    return [described(find(key).settings) for key in its]


def table(rows):
    """Write a line a setting, what the comparison takes in bold."""
    lines, marks = [], marks_of(rows)
    for row in sorted(rows, key=lambda row: KNOWN.index(row["unit"]["model"])):
        model, settings = find(row["unit"]["model"]), row["unit"]["settings"]
        words = f"`{call_of('', settings)[1:-1] or 'defaults'}`"
        words = f"**{words}**" if described(settings) in taken(row["unit"]["model"]) else words
        found = f"{100 * row['accuracy']:.2f}", f"{row['seconds']:.0f}"
        lines.append([model.label + mark([row], marks), words, *found])
    headings = ["competitor", "settings", "validation accuracy %", "s"]
    words = (
        "In bold: what the comparison takes, of the forest both. One seed; 20,000 training images, "
        "10,000 others."
    )
    return table_above(lines, headings, words, rows, "python -m benchmarks competitors")


STUDY = study_of(
    __name__,
    cost="50 min",
    page="benchmark.md",
    seeds=1,
    cheap=({"model": "logistic_regression", "settings": MODELS["logistic_regression"].settings},),
    options={"--models": names_option(KNOWN)},
)
