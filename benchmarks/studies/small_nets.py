"""Ways to a small net: narrower from the start, taught by a wide one, or cut out of it.

Train default nets on some of the training images, make narrower ones of the same number of weights
in several ways and in equal time, and measure all on other training images. Each seed draws rows
and initial weights anew.
"""

import itertools
import time

from benchmarks.data import held_out
from benchmarks.formatting import cell, grouped, interval, median, seeds, table_above, values
from benchmarks.recipes import build
from benchmarks.study import study_of

# Shares of the widths that are kept, and for how many epochs what is cut out trains on, at which
# shares of the default learning rate: the time that the other ways have, too.
FULL = {"train_rows": 20_000, "valid_rows": 10_000, "keep": [0.5, 0.25]}
FULL |= {"epochs": {"ConvNetClassifier": [2, 6], "MLPNetClassifier": [4, 12]}}
FULL |= {"lr_shares": [1.0, 0.3], "wide": {}}
QUICK = FULL | {"train_rows": 1_000, "valid_rows": 1_000, "keep": [0.5]}
QUICK |= {"epochs": {"ConvNetClassifier": [2], "MLPNetClassifier": [4]}}
UNITS = ("ConvNetClassifier", "MLPNetClassifier")

WIDE, NARROW, TAUGHT = "wide", "narrow", "narrow, taught by the wide one"
LONGER = "narrow, for as long as both"


def classifiers(unit, settings, seed=0):
    """Return the wide net that all others are compared with or made of."""
    return {WIDE: build(unit, settings["wide"].get(unit, {}), seed)}


def measure(unit, seed, asked):
    """Yield what a wide net and all narrow ones say."""
    settings = asked.settings
    sizes = settings["train_rows"], settings["valid_rows"]
    X, X_valid, y, y_valid = held_out(asked.images, *sizes, seed)
    wide, seconds = _timed(classifiers(unit, settings, seed)[WIDE].fit, X, y)
    row = {"name": WIDE, "keep": 1.0, "budget": None}
    yield row | _scores(wide, X_valid, y_valid, seconds, 0)
    if asked.brief:  # all others have as many epochs as there is time for, here and now
        return
    import torch_pruning  # noqa: F401  # which takes seconds, and is no part of cutting

    taught = _timed(wide.predict_proba, X)
    for keep, budget in itertools.product(settings["keep"], settings["epochs"][unit]):
        ways = _narrow(wide, seconds, *taught, X, y, keep, budget, settings["lr_shares"])
        for name, net, own, needs_wide in ways:
            row = {"name": name, "keep": keep, "budget": budget}
            yield row | _scores(net, X_valid, y_valid, own, seconds if needs_wide else 0)


def _narrow(wide, wide_seconds, labels, asked_seconds, X, y, keep, budget, lr_shares):
    """Yield (name, net, seconds, whether it needs the wide net); the first sets the time.

    ``labels`` are the probabilities that the wide net gives the rows, in ``asked_seconds``.
    """
    from sklearn.base import clone

    from skfashion.export import prune

    available = epoch = None
    for share in lr_shares:
        options = {"keep": keep, "lr": share * wide.lr}
        at = f", lr x {share:g}" if share != 1 else ""
        cut, seconds = _timed(prune, wide, X, y, max_epochs=budget, **options)
        yield f"cut out{at}", cut, seconds, True
        if available is None:
            available, epoch = seconds, cut.history_["seconds"].sum() / budget
        n_epochs = _epochs(budget * epoch - asked_seconds, epoch)
        options |= {"max_epochs": n_epochs, "soft_targets": labels}
        cut, seconds = _timed(prune, wide, X, y, **options)
        yield f"cut out and taught{at}", cut, seconds + asked_seconds, True
    # Who cuts nothing out has that time, too, but for what a fit takes besides its epochs.
    available -= wide_seconds - wide.history_["seconds"].sum()
    for name, time_left, options in (
        (NARROW, available, {}),
        (LONGER, available + wide_seconds, {}),
        (TAUGHT, available - asked_seconds, {"soft_targets": labels}),
    ):
        net = clone(cut).set_params(max_epochs=_epochs(time_left, epoch))
        net, seconds = _timed(net.fit, X, y, **options)
        yield name, net, seconds + (asked_seconds if options else 0), bool(options)


def _timed(function, *args, **options):
    start = time.perf_counter()
    found = function(*args, **options)
    return found, time.perf_counter() - start


def _epochs(seconds, epoch):
    """Return how many epochs there is time for, one at least."""
    return max(1, round(seconds / epoch))


def _scores(net, X, y, seconds, before):
    """Return what a net says of other rows, its size, its epochs and its time."""
    from sklearn.metrics import log_loss

    probabilities = net.predict_proba(X)
    hits = net.classes_[probabilities.argmax(axis=1)] == y
    return {
        "accuracy": round(float(hits.mean()), 6),
        "log_loss": round(float(log_loss(y, probabilities)), 6),
        "weights": sum(p.numel() for p in net.net_.module_.parameters()),
        "epochs": net.n_iter_,
        "seconds": round(seconds, 2),
        "seconds_with_wide": round(seconds + before, 2),
    }


def table(rows):
    """Write a line for each way to a net of some size in some time, the wide net's above them."""
    of = ("unit", "keep", "budget", "name")
    accuracies = {(*(row[key] for key in of), row["seed"]): row["accuracy"] for row in rows}
    groups = grouped(sorted(rows, key=lambda row: UNITS.index(row["unit"])), *of)
    lines = []
    for (*kind, name), its in groups.items():
        _, keep, budget = kind
        line = [kind[0], f"x {keep:g}", median(its, "weights", form=",.0f")]
        line += ["" if budget is None else f"{budget} epochs", name, median(its, "epochs")]
        line += [cell(values(its, "accuracy"), 100), cell(values(its, "log_loss"), 1, 3)]
        for other in (NARROW, LONGER):
            pairs = [(row["accuracy"], accuracies.get((*kind, other, row["seed"]))) for row in its]
            gains = [own - base for own, base in pairs if base is not None]
            line.append("" if name in (NARROW, other) else interval(gains, 100))
        seconds = (median(its, key, form=".1f") for key in ("seconds", "seconds_with_wide"))
        lines.append([*line, *seconds])
    headings = ["", "widths", "weights", "time of", "way", "epochs", "accuracy %", "log-loss"]
    headings += ["gain over narrow", "gain over as long as both", "s", "s with the wide net"]
    settings = rows[-1]["settings"]
    words = (
        f"Mean ± standard deviation over {seeds(rows)}, gains in points, seed by seed, with "
        "their 95 % "
        f"intervals; medians of weights, epochs and seconds. {settings['train_rows']:,} of the "
        f"training images, measured on {settings['valid_rows']:,} others of them. For each size "
        "every way gets the same time, rounded to whole epochs: that of cutting out and of the "
        "epochs behind it. Narrow for as long as both gets that of the wide net's training, too."
    )
    return table_above(lines, headings, words, rows)


STUDY = study_of(
    __name__,
    cost="30 min",
    page="small_nets.md",
    seeds=5,
    packages=("torch-pruning",),
    cheap=("MLPNetClassifier",),
)
