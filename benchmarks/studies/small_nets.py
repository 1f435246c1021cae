"""Ways to a small net: narrower from the start, taught by a wide one, or cut out of it.

Train default nets on some of the training images, make narrower ones of the same number of weights
in several ways and in equal time, and measure all on other training images. Each seed draws rows
and initial weights anew.
"""

import time
from typing import Any, NamedTuple

from benchmarks.data import held_out
from benchmarks.formatting import cell, interval, median, seeds, table_above
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
    import skfashion

    return {WIDE: getattr(skfashion, unit)(random_state=seed, **settings["wide"].get(unit, {}))}


class Wide(NamedTuple):
    """A wide net that is fitted, and what it says of the rows that it was fitted to."""

    net: Any
    seconds: float
    taught: Any
    seconds_asked: float

    @property
    def seconds_around(self):
        """What a fit to these rows takes besides its epochs."""
        return self.seconds - self.net.history_["seconds"].sum()


def measure(unit, seed, asked):
    """Yield what a wide net and all narrow ones say."""
    settings = asked.settings
    sizes = settings["train_rows"], settings["valid_rows"]
    X, X_valid, y, y_valid = held_out(asked.images, *sizes, seed)
    net, seconds = _timed(classifiers(unit, settings, seed)[WIDE].fit, X, y)
    yield {"name": WIDE, "keep": 1.0, "budget": None} | _scores(net, X_valid, y_valid, seconds, 0)
    if asked.brief:  # all others have as many epochs as there is time for, here and now
        return
    import torch_pruning  # noqa: F401  # which takes seconds, and is no part of cutting

    wide = Wide(net, seconds, *_timed(net.predict_proba, X))
    for keep in settings["keep"]:
        for budget in settings["epochs"][unit]:
            of_these = {"keep": keep, "budget": budget}
            ways = _narrow(wide, X, y, keep, budget, settings["lr_shares"])
            for name, net, seconds, needs_wide in ways:
                before = wide.seconds if needs_wide else 0
                found = _scores(net, X_valid, y_valid, seconds, before)
                yield {"name": name} | of_these | found


def _narrow(wide, X, y, keep, budget, lr_shares):
    """Yield (name, net, seconds, whether it needs the wide net); the first sets the time."""
    from sklearn.base import clone

    from skfashion.export import prune

    available = epoch = None
    for share in lr_shares:
        options = {"keep": keep, "lr": share * wide.net.lr}
        at = f", lr x {share:g}" if share != 1 else ""
        cut, seconds = _timed(prune, wide.net, X, y, max_epochs=budget, **options)
        yield f"cut out{at}", cut, seconds, True
        if available is None:
            available, epoch = seconds, cut.history_["seconds"].sum() / budget
        options |= {"max_epochs": _epochs(budget * epoch - wide.seconds_asked, epoch)}
        options |= {"soft_targets": wide.taught}
        cut, seconds = _timed(prune, wide.net, X, y, **options)
        yield f"cut out and taught{at}", cut, seconds + wide.seconds_asked, True
    # Who cuts nothing out has that time, too.
    available -= wide.seconds_around
    plain = clone(cut)
    for name, time_left in ((NARROW, available), (LONGER, available + wide.seconds)):
        net = clone(plain).set_params(max_epochs=_epochs(time_left, epoch))
        yield name, *_timed(net.fit, X, y), False
    n_epochs = _epochs(available - wide.seconds_asked, epoch)
    net = clone(plain).set_params(max_epochs=n_epochs)
    net, seconds = _timed(net.fit, X, y, soft_targets=wide.taught)
    yield TAUGHT, net, seconds + wide.seconds_asked, True


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
    lines = []
    for unit in UNITS:
        of_unit = [row for row in rows if row["unit"] == unit]
        for keep, budget in dict.fromkeys((row["keep"], row["budget"]) for row in of_unit):
            group = [row for row in of_unit if (row["keep"], row["budget"]) == (keep, budget)]
            for name in dict.fromkeys(row["name"] for row in group):
                lines.append(_line(unit, name, group))
    headings = ["", "widths", "weights", "time of", "way", "epochs", "accuracy %", "log-loss"]
    headings += ["gain over narrow"]
    headings += ["gain over as long as both", "s", "s with the wide net"]
    settings = rows[-1]["settings"]
    words = (
        f"Mean ± deviation over {seeds(rows)}, gains in points, seed by seed, with their 95 % "
        f"intervals; medians of weights, epochs and seconds. {settings['train_rows']:,} of the "
        f"training images, measured on {settings['valid_rows']:,} others of them. All ways to a "
        "size take as much time, to whole epochs, as cutting out and so many epochs behind it; "
        "narrow for as long as both that of the wide net besides."
    )
    return table_above(lines, headings, words, rows)


def _line(unit, name, group):
    its = [row for row in group if row["name"] == name]
    keep, budget = its[0]["keep"], its[0]["budget"]
    line = [unit, f"x {keep:g}", median(its, "weights", form=",.0f")]
    line += ["" if budget is None else f"{budget} epochs", name, median(its, "epochs")]
    line.append(cell([row["accuracy"] for row in its], 100))
    line.append(cell([row["log_loss"] for row in its], 1, 3))
    for other in (NARROW, LONGER):
        base = {row["seed"]: row["accuracy"] for row in group if row["name"] == other}
        gains = [row["accuracy"] - base[row["seed"]] for row in its if row["seed"] in base]
        is_shown = gains and name not in (other, WIDE) and (other == NARROW or name != NARROW)
        line.append(interval(gains, 100) if is_shown else "")
    return [*line, median(its, "seconds", form=".1f"), median(its, "seconds_with_wide", form=".1f")]


STUDY = study_of(
    __name__,
    cost="30 min",
    page="small_nets.md",
    seeds=5,
    packages=("torch-pruning",),
    cheap=("MLPNetClassifier",),
)
