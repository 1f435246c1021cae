"""Few labels: self-training, few shots, transfer, pretrained weights, adaptation to other images.

Four ways to do with few labels are measured on training images that were not trained on:
self-training on rows without a label; features of a net that knows other classes; weights of such a
net to begin with; and nets trained on clean images that are adapted to disturbed ones without a
label. Each seed draws rows, classes and initial weights anew. A fifth, weights that were trained on
ImageNet, is measured on test images, with `--draws` of its own.
"""

import warnings
from functools import partial
from statistics import fmean

import numpy as np

from benchmarks import few_labels
from benchmarks.data import held_out, part
from benchmarks.errors import names_option
from benchmarks.formatting import below, cell, grouped, interval, median, pipe_table, seeds, values
from benchmarks.models import described
from benchmarks.recipes import CNN, MLP, build
from benchmarks.study import study_of
from benchmarks.votes import timed_fit

FULL = {"train_rows": 20_000, "valid_rows": 10_000}
# Self-training: rows of which so many have labels.
FULL |= {"pool": 5_000, "labelled": [100, 1_000], "threshold": 0.9, "rounds": 4}
# Three classes that the net has not seen.
FULL |= {"shots": [1, 5, 20], "episodes": 100, "queries": 150, "nets": 5}
FULL |= {"draws": 3, "rows_a_class": [5, 20, 100]}
# Disturbances and their severities; rows for the methods that compare all with all.
FULL["disturbances"] = [["brightness", 4], ["contrast", 4], ["noise", 3], ["blur", 3]]
FULL["disturbances"] += [["rotation", 3], ["inversion", 5]]
FULL |= {"few_rows": 100, "mapped_rows": 2_000}
FULL[few_labels.TASK] = few_labels.FULL
QUICK = FULL | {"train_rows": 1_500, "valid_rows": 1_000, "pool": 600, "labelled": [100]}
QUICK |= {"rounds": 2, "episodes": 20, "nets": 2, "draws": 1, "rows_a_class": [5, 20]}
QUICK |= {"mapped_rows": 300, "disturbances": [["contrast", 4], ["inversion", 5]], "queries": 50}
QUICK |= {"parameters": {"CNN": {"channels": [8, 16]}}}
QUICK[few_labels.TASK] = few_labels.QUICK
UNITS = ("self-training: MLP", "self-training: CNN", "self-training: forest")
UNITS += ("new classes: pixels", "new classes: MLP", "new classes: CNN")
UNITS += ("adaptation: MLP", "adaptation: CNN")


def _classifier(name, seed, settings, **parameters):
    """Return an unfitted classifier; a quick look has smaller ones."""
    from sklearn.ensemble import RandomForestClassifier

    if name == "forest":
        return RandomForestClassifier(100, n_jobs=2, random_state=seed)
    own = settings.get("parameters", {}).get(name, {})
    return build({"MLP": MLP, "CNN": CNN}[name], own | parameters, seed)


def plan(asked):
    """Return pairs of unit and seed: those of pretrained weights have seeds of their own."""
    tasks = asked.options.tasks
    units = [unit for unit in UNITS if unit.partition(": ")[0] in tasks]
    pairs = [(unit, seed) for seed in asked.seeds for unit in units]
    few = few_labels.units(asked.settings) if few_labels.TASK in tasks else []
    n_draws = asked.options.draws or (5 if asked.size == "full" else 1)
    return pairs + [(unit, draw) for draw in range(n_draws) for unit in few]


def describe(unit, seed, asked):
    """Return the settings of a unit, those of the other tasks left out."""
    task, _, name = unit.partition(": ")
    if task == few_labels.TASK:
        settings = few_labels.describe(unit, asked.settings)
        made_of = {name: few_labels.classifier(unit, asked.settings)}
    else:
        settings = {k: v for k, v in asked.settings.items() if k != few_labels.TASK}
        made_of = {} if name == "pixels" else {name: _classifier(name, 0, asked.settings)}
    return {"settings": settings | {"classifiers": described(made_of)}, "data": asked.size}


def measure(unit, seed, asked):
    """Measure one classifier at one task: a row a method, and a value of what is varied."""
    task, _, name = unit.partition(": ")
    if task == few_labels.TASK:
        yield from few_labels.measure(unit, seed, asked)
        return
    settings = asked.settings
    parts = held_out(asked.images, settings["train_rows"], settings["valid_rows"], seed)
    for row in TASKS[task](name, seed, settings, *parts):
        yield {"classifier": name, **row}


def _row(task, method, accuracy, **varied):
    """Return what one method says."""
    return {"task": task, "method": method, **varied, "accuracy": round(float(accuracy), 6)}


def _train_itself(name, seed, settings, X, X_valid, y, y_valid):
    """Compare self-training on rows of which few have labels with those few, and with all."""
    from sklearn.semi_supervised import SelfTrainingClassifier

    n = settings["pool"]
    X, y = part(X, y, n, seed)

    def fitted(method, estimator, rows, labels, n_labelled):
        estimator, seconds = timed_fit(estimator, X[rows], labels)
        varied = {"labelled": n_labelled, "seconds": round(seconds, 2)}
        return _row("self-training", method, estimator.score(X_valid, y_valid), **varied)

    everything = np.arange(n)
    yield fitted("all rows labelled", _classifier(name, seed, settings), everything, y, n)
    for n_labelled in settings["labelled"]:
        few, _ = part(everything, y, n_labelled, seed)
        plain = _classifier(name, seed, settings)
        yield fitted("labelled rows only", plain, few, y[few], n_labelled)
        labels = np.full(n, -1)  # scikit-learn's mark of a row without a label
        labels[few] = y[few]
        own = {"threshold": settings["threshold"], "max_iter": settings["rounds"]}
        training = SelfTrainingClassifier(_classifier(name, seed, settings), **own)
        row = fitted("self-training", training, everything, labels, n_labelled)
        made_up = training.labeled_iter_ > 0
        right = training.transduction_[made_up] == y[made_up]
        row["used"] = int(n_labelled + made_up.sum())
        yield row | {"right": round(float(right.mean()), 4) if made_up.any() else None}


def _learn_new_classes(name, seed, settings, X, X_valid, y, y_valid):
    """Tell apart three classes, drawn by the seed, by a net that knows the other seven."""
    new = np.random.RandomState(seed).permutation(10)[:3]
    is_new, valid, varied = np.isin(y, new), np.isin(y_valid, new), {"new": sorted(new.tolist())}
    X_valid, y_valid = X_valid[valid], y_valid[valid]
    nets, features = [], [X_valid.astype(np.float32) / 255]
    if name != "pixels":
        # How a net is drawn decides more than which images are shown.
        drawn = range(settings["nets"] * seed, settings["nets"] * (seed + 1))
        nets = [_classifier(name, i, settings).fit(X[~is_new], y[~is_new]) for i in drawn]
        features = [net.transform(X_valid) for net in nets]
    for shots in settings["shots"]:
        found = [list(_episodes(its, y_valid, shots, settings, seed)) for its in features]
        told = {"shots": shots, "episodes": np.round(found, 4).tolist()}
        yield _row("few shots", "nearest centroid", np.mean(found), **varied, **told)
    if nets:
        its = X[is_new], y[is_new], X_valid, y_valid
        yield from _transfer(name, nets[0], seed, settings, varied, *its)


def _episodes(features, labels, shots, settings, seed):
    """Yield accuracies on other rows than the few shots of each class, drawn anew each time."""
    from sklearn.neighbors import NearestCentroid

    random = np.random.RandomState(seed)
    for _ in range(settings["episodes"]):
        drawn = [random.permutation(np.flatnonzero(labels == it)) for it in np.unique(labels)]
        known = np.concatenate([rows[:shots] for rows in drawn])
        asked = np.concatenate([rows[shots : shots + settings["queries"]] for rows in drawn])
        nearest = NearestCentroid().fit(features[known], labels[known])
        yield nearest.score(features[asked], labels[asked])


def _transfer(name, net, seed, settings, varied, X, y, X_valid, y_valid):
    """Compare ways to use a net for a few rows of each of other classes."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frozen, linear = FrozenEstimator(net), LogisticRegression(max_iter=1000)
    ways = {
        "a net from scratch": _classifier(name, seed, settings),
        "a net with init_from": _classifier(name, seed, settings, init_from=frozen),
        "logistic regression of features": make_pipeline(frozen, StandardScaler(), linear),
    }
    for n in settings["rows_a_class"]:
        draws = range(100 * seed, 100 * seed + settings["draws"])
        drawn = [part(X, y, n * len(np.unique(y)), draw) for draw in draws]
        for way, model in ways.items():
            accuracies = [model.fit(*few).score(X_valid, y_valid) for few in drawn]
            yield _row("transfer", way, np.mean(accuracies), **varied, rows_a_class=n)


def _adapt(name, seed, settings, X, X_valid, y, y_valid):
    """Measure a net on disturbed images, as it is and adapted to others of the same disturbance.

    Half of the validation images adapt, without their labels; the others measure.
    """
    from sklearn.linear_model import LogisticRegression

    from skfashion.adaptation import adapt_batch_norm
    from skfashion.datasets import make_corrupted

    own = {"batch_norm": True} if name == "MLP" else {}
    net = _classifier(name, seed, settings, **own).fit(X, y)
    half, few, n = len(y_valid) // 2, settings["few_rows"], settings["mapped_rows"]

    def adapted(images, new, n_images=None, **options):
        return adapt_batch_norm(net, new[:n_images], **options).predict(images)

    ways = {
        "as it is": lambda images, new: net.predict(images),
        "adapt_batch_norm": adapted,
        f"adapt_batch_norm, {few} images": partial(adapted, n_images=few),
        f"the same with n_source={few}": partial(adapted, n_images=few, n_source=few),
    }
    if name == "CNN":
        source = net.transform(X[:n])
        plain = LogisticRegression(max_iter=1000).fit(source, y[:n])
        ways["logistic regression of features"] = lambda images, new: plain.predict(
            net.transform(images)
        )
        for its, adapter in skada_adapters().items():
            ways[f"skada: {its}"] = partial(_mapped, adapter, net, source, y[:n])
    given = {"none": X_valid}
    for kind, severity in settings["disturbances"]:
        given[f"{kind} {severity}"] = make_corrupted(X_valid, kind, severity)
    for kind, images in given.items():
        for way, predict in ways.items():
            accuracy = np.mean(predict(images[half:], images[:half]) == y_valid[half:])
            yield _row("adaptation", way, accuracy, kind=kind)


def _mapped(adapter, net, source, y, images, new):
    """Predict by skada's adapter and a classifier, fitted to features of both kinds of images."""
    import sklearn
    from skada import make_da_pipeline
    from sklearn.linear_model import LogisticRegression

    target = net.transform(new[: len(source)])
    model = make_da_pipeline(adapter, LogisticRegression(max_iter=1000))
    # skada's marks: no label, and the domains' signs.
    labels = np.concatenate([y, np.full(len(target), -1)])
    domains = np.repeat([1, -2], [len(source), len(target)])
    with sklearn.config_context(enable_metadata_routing=True):
        model.fit(np.concatenate([source, target]), labels, sample_domain=domains)
        return model.predict(net.transform(images))


def skada_adapters():
    """Return skada's adapters by name; none where it is not installed."""
    import sklearn

    try:
        # skada changes scikit-learn's configuration.
        with sklearn.config_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import skada
    except ImportError:
        return {}
    return {
        "CORAL": skada.CORALAdapter(),
        "linear optimal transport": skada.LinearOTMappingAdapter(reg=1e-3),
        "optimal transport": skada.OTMappingAdapter(),
        "subspace alignment": skada.SubspaceAlignmentAdapter(n_components=30),
    }


TASKS = {"self-training": _train_itself, "new classes": _learn_new_classes, "adaptation": _adapt}


def table(rows):
    """Write a table for each task."""
    by_task = grouped(rows, "task")
    few = by_task.pop(few_labels.TASK, [])
    shown = [(title, write(by_task[task])) for task, title, write in TABLES if task in by_task]
    parts = [f"**{title}**\n\n{pipe_table(*written)}" for title, written in shown]
    if by_task:
        parts.append(_below([row for row in rows if row["task"] != few_labels.TASK]))
    if few:
        parts.append("**Few labels of each of the ten classes: weights of ImageNet, and others**")
        parts += [pipe_table(*few_labels.lines(few)), below(few_labels.words(few), few)]
    return "\n\n".join(parts)


def _below(rows):
    """Say what was measured of all tasks but that of pretrained weights."""
    its = rows[-1]["settings"]
    skada = any("skada" in row["method"] for row in rows)
    missing = "" if skada else " skada was not installed, so that its methods are missing."
    words = (
        f"Mean ± standard deviation over {seeds(rows)}, each of which draws "
        f"{its['train_rows']:,} of the "
        f"training images to train on, {its['valid_rows']:,} others of them to measure on, the "
        f"labelled rows ({its['pool']:,} rows of self-training in all) and the three new classes; "
        f"of few shots, mean and 95 % interval over {its['nets']} nets, each of {its['episodes']} "
        "episodes, and of pixels over these. Adaptation sees half of the images to measure on, "
        "disturbed and without labels, and is measured on the other half; a number behind a "
        f"disturbance is its severity.{missing}"
    )
    return below(words, rows)


def _self_training(rows):
    """Return accuracies, and how many labels were made up, and well."""
    lines = []
    for (name, n, method), group in grouped(rows, "classifier", "labelled", "method").items():
        used = [row["used"] for row in group if "used" in row]
        right = [100 * row["right"] for row in group if row.get("right") is not None]
        line = [name, f"{n:,}", method, cell(values(group, "accuracy"), 100)]
        line += [f"{fmean(used):,.0f}" if used else "", f"{fmean(right):.1f}" if right else ""]
        lines.append([*line, median(group, "seconds", form=".1f")])
    headings = ["classifier", "rows with a label", "", "accuracy %", "rows used in the end"]
    return lines, [*headings, "labels made up that are right %", "fit s"]


def _few_shots(rows):
    """Return a line a draw of classes, with the chance of nets and of episodes."""
    from skfashion.datasets import load_fashion_sample

    names, lines = load_fashion_sample().target_names, []
    for (_, name), group in grouped(rows, "seed", "classifier").items():
        features = "pixels" if name == "pixels" else f"{name}'s features"
        line = [", ".join(names[label] for label in group[0]["new"]), features]
        for row in sorted(group, key=lambda row: row["shots"]):
            # Nets differ by their own draw and that of their episodes; of pixels there is one kind.
            means, episodes = list(map(fmean, row["episodes"])), row["episodes"][0]
            line.append(interval(means if len(means) > 1 else episodes, 100, 1, sign=""))
        lines.append(line)
    headings = [f"{n} image{'s' * (n > 1)} a class" for n in sorted(grouped(rows, "shots"))]
    return lines, ["classes", "nearest centroid of", *headings]


def _by_method(varied, heading, rows):
    """Return a line a net and method, a column a value of what is varied."""
    columns, lines = list(grouped(rows, varied)), []
    for names, group in grouped(rows, "classifier", "method").items():
        parts = grouped(group, varied)
        lines.append([*names, *(cell(values(parts[it], "accuracy"), 100, 1) for it in columns)])
    return lines, ["net", "accuracy %", *map(heading.format, columns)]


BY_ROWS = partial(_by_method, "rows_a_class", "{} images a class")
BY_KIND = partial(_by_method, "kind", "{}")
TABLES = (
    ("self-training", "Self-training", _self_training),
    ("few shots", "Few shots of three classes that the net has not seen", _few_shots),
    ("transfer", "Weights to begin with, for the same three classes", BY_ROWS),
    ("adaptation", "Trained on clean images, adapted to disturbed ones without labels", BY_KIND),
)

STUDY = study_of(
    __name__,
    cost="3 h",
    page="little_labels.md",
    packages=("skada",),
    cheap=UNITS[:1],
    options={
        "--draws": {"type": int, "help": "how many of pretrained weights; default 5, else 1"},
        "--tasks": names_option((*TASKS, few_labels.TASK)),
    },
)
