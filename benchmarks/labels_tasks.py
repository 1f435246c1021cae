"""Few labels: self-training, few shots of new classes, and weights to begin with."""

import time

import numpy as np


def classifier(name, seed, **parameters):
    """Return an unfitted classifier.

    Parameters
    ----------
    name : {"MLP", "CNN", "forest"}
    seed : int
    **parameters
        Of the nets.

    Returns
    -------
    classifier
    """
    from sklearn.ensemble import RandomForestClassifier

    from skfashion import ConvNetClassifier, MLPNetClassifier

    if name == "forest":
        return RandomForestClassifier(100, n_jobs=2, random_state=seed)
    cls = {"MLP": MLPNetClassifier, "CNN": ConvNetClassifier}[name]
    return cls(random_state=seed, **parameters)


def _row(task, method, accuracy, **varied):
    return {"task": task, "method": method, **varied, "accuracy": round(float(accuracy), 6)}


def train_itself(name, seed, settings, X, X_valid, y, y_valid):
    """Compare self-training on rows of which few have labels with those few, and with all.

    Parameters
    ----------
    name, seed, settings
        See ``benchmarks.labels.measure``.
    X, X_valid, y, y_valid : ndarrays

    Yields
    ------
    dict
        ``labelled`` is the number of rows with a label, ``used`` how many had one in the end, and
        ``right`` the share of the labels made up that are right.
    """
    from sklearn.model_selection import train_test_split
    from sklearn.semi_supervised import SelfTrainingClassifier

    n = settings["pool"]
    X, _, y, _ = train_test_split(X, y, train_size=n, stratify=y, random_state=seed)

    def measured(method, estimator, rows, labels, n_labelled):
        start = time.perf_counter()
        estimator.fit(X[rows], labels)
        seconds = round(time.perf_counter() - start, 2)
        accuracy = estimator.score(X_valid, y_valid)
        varied = {"labelled": n_labelled, "seconds": seconds}
        return _row("self-training", method, accuracy, **varied)

    everything = np.arange(n)
    yield measured("all rows labelled", classifier(name, seed), everything, y, n)
    for n_labelled in settings["labelled"]:
        few, _ = train_test_split(everything, train_size=n_labelled, stratify=y, random_state=seed)
        yield measured("labelled rows only", classifier(name, seed), few, y[few], n_labelled)
        labels = np.full(n, -1)  # scikit-learn's mark of a row without a label
        labels[few] = y[few]
        training = SelfTrainingClassifier(
            classifier(name, seed),
            threshold=settings["threshold"],
            max_iter=settings["rounds"],
        )
        row = measured("self-training", training, everything, labels, n_labelled)
        made_up = training.labeled_iter_ > 0
        right = training.transduction_[made_up] == y[made_up]
        row |= {"used": int(n_labelled + made_up.sum())}
        yield row | {"right": round(float(right.mean()), 4) if made_up.any() else None}


def learn_new_classes(name, seed, settings, X, X_valid, y, y_valid):
    """Tell apart three classes, drawn by the seed, by a net that knows the other seven.

    Parameters
    ----------
    name, seed, settings
        See ``benchmarks.labels.measure``; the name "pixels" has no net.
    X, X_valid, y, y_valid : ndarrays

    Yields
    ------
    dict
        ``new`` are the three classes; ``shots`` and ``deviation`` (over episodes) or
        ``rows_a_class``.
    """
    new = np.random.RandomState(seed).permutation(10)[:3]
    old_rows, rows, valid = ~np.isin(y, new), np.isin(y, new), np.isin(y_valid, new)
    varied = {"new": sorted(new.tolist())}
    net, features = None, X_valid[valid].astype(np.float32) / 255
    if name != "pixels":
        net = classifier(name, seed).fit(X[old_rows], y[old_rows])
        features = net.transform(X_valid[valid])
    for shots in settings["shots"]:
        found = list(_episodes(features, y_valid[valid], shots, settings, seed))
        spread = {"shots": shots, "deviation": round(float(np.std(found, ddof=1)), 6)}
        yield _row("few shots", "nearest centroid", np.mean(found), **varied, **spread)
    if net is None:
        return
    for n in settings["rows_a_class"]:
        found = [
            _begun_again(name, net, n, seed, draw, X[rows], y[rows], X_valid[valid], y_valid[valid])
            for draw in range(settings["draws"])
        ]
        for method in found[0]:
            accuracy = np.mean([accuracies[method] for accuracies in found])
            yield _row("transfer", method, accuracy, **varied, rows_a_class=n)


def _episodes(features, labels, shots, settings, seed):
    """Yield accuracies on other rows than the few shots of each class, drawn anew each time."""
    from sklearn.neighbors import NearestCentroid

    random = np.random.RandomState(seed)
    for _ in range(settings["episodes"]):
        known, asked = [], []
        for label in np.unique(labels):
            rows = random.permutation(np.flatnonzero(labels == label))
            known.append(rows[:shots])
            asked.append(rows[shots : shots + settings["queries"]])
        known, asked = np.concatenate(known), np.concatenate(asked)
        nearest = NearestCentroid().fit(features[known], labels[known])
        yield nearest.score(features[asked], labels[asked])


def _begun_again(name, net, n, seed, draw, X, y, X_valid, y_valid):
    """Return the accuracy of each way to use a net for `n` rows of each of other classes."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    n_all = n * len(np.unique(y))
    X, _, y, _ = train_test_split(
        X, y, train_size=n_all, stratify=y, random_state=100 * seed + draw
    )
    frozen = FrozenEstimator(net)
    ways = {
        "a net from scratch": classifier(name, seed),
        "a net with init_from": classifier(name, seed, init_from=frozen),
        "logistic regression of features": make_pipeline(
            frozen, StandardScaler(), LogisticRegression(max_iter=1000)
        ),
    }
    return {way: model.fit(X, y).score(X_valid, y_valid) for way, model in ways.items()}
