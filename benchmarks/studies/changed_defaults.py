"""The nets' defaults beside those of the version before, seed by seed, on data of several sizes.

Fit both to the same rows, with the same seed, and measure them on other rows: of Fashion-MNIST,
training images alone. Each seed draws rows and initial weights anew, but for the 55,000.
"""

import statistics
import warnings

from benchmarks.candidates import call_of
from benchmarks.data import held_out, load_split, validation_split
from benchmarks.errors import names_option
from benchmarks.formatting import interval, mark, marks_of, table_above, values
from benchmarks.models import described
from benchmarks.recipes import build
from benchmarks.studies.defaults import STRIPS
from benchmarks.study import study_of
from benchmarks.votes import timed_fit

# By class: what was the default before, by parameter, and each change by itself.
FORMER = {
    "ConvNetClassifier": {"former": {"optimizer": "adamw", "lr": 5e-3, "weight_decay": 0.01}},
    "ResNetClassifier": {
        "former": {"stem_pool": False, "weight_decay": 0.01},
        "former stem": {"stem_pool": False},
        "former decay": {"weight_decay": 0.01},
    },
}
FULL_DATA = "fashion"
# Numbers of training rows; a quarter is held out of those that have none.
ROWS = {"fashion-100": 100, "fashion-300": 300, "fashion-1000": 1_000, "fashion-5000": 5_000}
DATA = (FULL_DATA, *ROWS, "digits", "mnist-5000", *STRIPS)


def units(asked):
    """Return each default, today's and former ones, on each data set that is asked for."""
    return [
        {"classifier": name, "which": which, "data": data}
        for name in FORMER
        for data in asked.options.sets
        for which in (*FORMER[name], "now")
    ]


def describe(unit, seed, asked):
    """Say by what a row is recognised."""
    settings, data = described(_build(unit, 0)), unit["data"]
    scope = "tables" if data in STRIPS else "images"
    return {"settings": settings, "data": data, "scope": scope}


def _build(unit, seed):
    return build(unit["classifier"], FORMER[unit["classifier"]].get(unit["which"], {}), seed)


def _rows_of(name, seed):
    """Return ``X, X_valid, y, y_valid``."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    if name == FULL_DATA:
        return validation_split()
    if name in ROWS:
        return held_out(load_split("full"), ROWS[name], 5_000, seed)
    if name in STRIPS:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    else:
        X, y = load_split(name)[:2]
    parts = train_test_split(X, y, stratify=y, random_state=seed)
    if name in STRIPS:
        scaler = StandardScaler().fit(parts[0])
        parts[:2] = map(scaler.transform, parts[:2])
    return parts


def measure(unit, seed, asked=None):
    """Fit one net to one data set and say how good its probabilities are."""
    from sklearn.metrics import log_loss

    from skfashion.metrics import expected_calibration_error

    X, X_valid, y, y_valid = _rows_of(unit["data"], seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Got rows of .* columns")  # tables are meant
        net, seconds = timed_fit(_build(unit, seed), X, y)
    probabilities = net.predict_proba(X_valid)
    hits = net.classes_[probabilities.argmax(axis=1)] == y_valid
    return {
        "accuracy": round(float(hits.mean()), 6),
        "log_loss": round(float(log_loss(y_valid, probabilities)), 6),
        "ece": round(float(expected_calibration_error(y_valid, probabilities, net.classes_)), 6),
        "seconds": round(seconds, 3),
    }


def table(rows):
    """Write the table: a former default and a data set a line, with differences seed by seed."""
    marks = marks_of(rows)
    by_unit = {(*row["unit"].values(), row["seed"]): row for row in rows}
    lines = []
    for name, which, data in _former():
        # The former and today's, of each seed that has both.
        numbers = sorted({row["seed"] for row in rows})
        pairs = [[by_unit.get((name, its, data, n)) for its in (which, "now")] for n in numbers]
        pairs = [pair for pair in pairs if None not in pair]
        if len(pairs) < 2:
            continue
        now = [today for _, today in pairs]
        measured = mark([row for pair in pairs for row in pair], marks)
        line = [f"`{call_of(name, FORMER[name][which])}`{measured}", data, str(len(pairs))]
        for key, factor, decimals in (("accuracy", 100, 2), ("log_loss", 1, 4), ("ece", 100, 2)):
            changes = [today[key] - before[key] for before, today in pairs]
            mean = factor * statistics.fmean(values(now, key))
            line += [f"{mean:.{decimals}f}", interval(changes, factor, decimals)]
        lines.append(line)
    headings = ["before", "data", "seeds", "accuracy %", "change", "log-loss", "change"]
    headings += ["ECE %", "change"]
    words = (
        "Of the defaults now; changes are those from what was before to now, seed by seed, with "
        "the 95 % interval of their mean (Student's t). Seconds of fits, which had "
        "other work beside them, are in the rows alone."
    )
    commands = "` · `".join(dict.fromkeys(row["command"] for row in rows))
    return table_above(lines, headings, words, rows, commands)


def _former():
    """Yield the class, the name and the data of each default that was before."""
    for name, changes in FORMER.items():
        yield from ((name, which, data) for which in changes for data in DATA)


# The smallest data of each scope: images, and a table.
CHEAP = [
    {"classifier": "ConvNetClassifier", "which": "now", "data": name}
    for name in ("fashion-100", "wine")
]
STUDY = study_of(
    __name__,
    cost="1 h",
    page="design.md",
    seeds=5,
    cheap=CHEAP,
    options={"--sets": names_option(DATA)},
)
