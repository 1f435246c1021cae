"""What each part of the record is worth, on validation data, at a fifth of its length.

Fit the recipe of `benchmarks.records.best`, and it with one thing changed at a time, on 50,000
training images, and score them on 10,000 others: three splits, each with two seeds.
"""

import statistics

from benchmarks.data import held_out, load_split
from benchmarks.formatting import grouped, interval, median, table_above, values
from benchmarks.models import described
from benchmarks.study import study_of
from benchmarks.votes import timed_fit

SPLITS, VALID_ROWS = 3, 10_000
EPOCHS = 20
# What is changed, by name: parameters, the class of a callback to leave out, a share of the epochs.
CHANGES = {
    "nothing": {},
    "without smoothed labels": {"label_smoothing": 0.0},
    "without smaller images": {"leave_out": "ImageSides"},
    "erasing to the end": {"leave_out": "ErasingEnds"},
    "without a whitened first layer": {"leave_out": "Whitening"},
    "without averaged weights": {"ema_decay": None},
    "biases of batch norm 8 times as fast": {"module__bias_rate": 8.0},
    "wider groups, fewer epochs": {"module__widths": (96, 192, 384), "share": 0.45},
}
UNITS = [
    {"change": name, "split": number, "epochs": EPOCHS}
    for number in range(SPLITS)
    for name in CHANGES
]
# One that is measured again to see that rows still hold.
SHORT = {"change": "nothing", "split": 0, "epochs": 1}
UNITS.append(SHORT)


def changed(change, seed, epochs):
    """Return the recipe with a change of ``CHANGES``, so many epochs long."""
    from benchmarks.records import best

    its = dict(CHANGES[change])
    net, left_out = best.recipe(seed, epochs), its.pop("leave_out", None)
    its["max_epochs"] = round(its.pop("share", 1) * epochs)
    kept = [one for one in net.skorch_callbacks if type(one).__name__ != left_out]
    return net.set_params(skorch_callbacks=kept, **its)


def describe(unit, seed, asked):
    """Say by what a row is recognised."""
    settings = described(changed(unit["change"], 0, unit["epochs"]))
    return {"settings": settings, "data": "full", "scope": "images"}


def measure(unit, seed, asked=None, split=None):
    """Fit one net, and score it by each number of views."""
    parts = split or held_out(load_split("full"), 60_000 - VALID_ROWS, VALID_ROWS, unit["split"])
    X, X_valid, y, y_valid = parts
    net, seconds = timed_fit(changed(unit["change"], seed, unit["epochs"]), X, y)
    accuracy = {
        str(views): round(float(net.set_params(tta=views).score(X_valid, y_valid)), 6)
        for views in (None, "flip", 10)
    }
    about = {"train_accuracy": round(float(net.history_["train_accuracy"].iloc[-1]), 6)}
    return {"accuracy": accuracy, "seconds": round(seconds, 1)} | about


def table(rows):
    """Write the table: a change a line, with its differences to nothing changed."""
    rows = [row for row in rows if row["unit"]["epochs"] == EPOCHS]
    by_change = grouped(rows, lambda row: row["unit"]["change"])
    known = {_run(row): row for row in by_change.get("nothing", [])}
    lines = []
    for name in CHANGES:
        group = by_change.get(name, [])
        pairs = [(row, known[_run(row)]) for row in group if _run(row) in known]
        if not pairs:
            continue
        accuracy = 100 * statistics.fmean(values(group, "accuracy", "10"))
        gains = [row["accuracy"]["10"] - plain["accuracy"]["10"] for row, plain in pairs]
        seconds = statistics.median(row["seconds"] / plain["seconds"] for row, plain in pairs)
        gain = "" if name == "nothing" else interval(gains, 100)
        lines.append([name, f"{accuracy:.2f}", gain, f"{seconds:.2f}"])
    headings = ["changed", "validation accuracy %, tta=10", "difference, points", "time, ratio"]
    words = (
        f"{EPOCHS} epochs instead of all, {median(known.values(), 'seconds')} s a fit with nothing "
        f"changed; {SPLITS} splits of the training images, each with two seeds. Differences run by "
        "run, with the 95 % intervals of their mean (Student's t), which the splits, that share "
        "images, make look a little surer than they are."
    )
    return table_above(lines, headings, words, rows)


def _run(row):
    """Return the split and the seed of a row."""
    return row["unit"]["split"], row["seed"]


STUDY = study_of(__name__, cost="14 h", page="frontier.md", seeds=2, cheap=[SHORT])
