"""How soon a drift is noticed, how often there is none, and what is estimated meanwhile."""

import time
from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from skfashion.monitoring import ReferenceProfile
from skfashion.parallel.runs import Failed, run_all
from skfashion.studies._checks import check_each_once, check_estimators, checked_seeds
from skfashion.studies._streams import Asked, detected, monitored
from skfashion.studies.drifts import DRIFTS, Clean
from skfashion.utils.callers import each_warning_once
from skfashion.utils.labels import check_label_per_row, column_of_labels
from skfashion.utils.names import advises
from skfashion.utils.seeds import set_seeds

COLUMNS = ["estimator", "drift", "detector", "window", "seed", "metric", "value", "note"]
OURS = "DriftMonitor"


@advises
def drift_study(
    estimators,
    X,
    y,
    X_test,
    y_test,
    *,
    drifts=None,
    detectors=None,
    windows: Iterable[int] = (500, 1000),
    n_images=2000,
    n_streams=20,
    validation_size=0.25,
    false_alarm_rate=0.05,
    seeds: Iterable[int] = (0,),
    n_jobs=None,
    cache=None,
    verbose=1,
    on_error="warn",
):
    """Let streams of test images drift in known ways, and measure how a monitor reacts.

    For each seed, part of the training rows is set aside, a clone is fitted to the others, and a
    ``ReferenceProfile`` is made from the rows set aside. Then streams are drawn from the test rows;
    no row is drawn twice before all rows of its class have been drawn. Each stream differs in one
    way from its first image on, and is given to a new ``DriftMonitor``.

    Parameters
    ----------
    estimators : dict of str to classifier
        Unfitted classifiers with ``predict_proba``, by name; if one has ``transform``, this returns
        the features.
    X : array-like, shape (n, h*w*c) or another layout of images
        Training rows, of real numbers.
    y : array-like of str or int, shape (n,)
        Their labels.
    X_test, y_test : array-like, shapes (m, ...) and (m,)
        What streams are drawn from; with the labels of `y`.
    drifts : list of str or dict of str to drift, default=None
        Names from ``skfashion.studies.DRIFTS``; None is all of them. Or drifts by your own names:
        objects of ``Clean``, ``Corruption``, ``ClassSkew``, ``GroupShare`` and ``NewClass``, or of
        your own class with the same two methods.
    detectors : dict of str to callable, default=None
        Others to compare with: functions ``make(reference)`` that return a function
        ``detect(rows)``. This gets one window after another, and returns after how many of its rows
        there is an alarm, or None. Both arguments are dicts of arrays with one row per image:
        "probabilities", "pixels" (flat), and "features" if there are any. Detectors get the same
        streams, with the first length in `windows`.
    windows : list of int, default=(500, 1000)
        Rows per window; at least two windows should fit into `n_images`, so that the results of the
        first can be used for the others.
    n_images : int, default=2000
        Images per stream.
    n_streams : int, default=20
        Streams per drift and seed.
    validation_size : float between 0 and 1 or int, default=0.25
        Share or number of the training rows that are set aside.
    false_alarm_rate : float between 0 and 1, default=0.05
        As in ``DriftMonitor``.
    seeds : list of int >= 0, default=(0,)
        Each seed draws all of this again, and is set as every parameter `random_state`.
    n_jobs : int, default=None
        Number of runs at a time, as in joblib.
    cache : path-like, default=None
        Folder for finished runs, so that a stopped study continues where it was; use another when
        the code of your estimators or detectors has changed.
    verbose : int, default=1
        Whether a progress bar is shown.
    on_error : {"warn", "raise"}, default="warn"
        What an error in a run does: "warn" gives a warning, and the run gets a row with the metric
        "failed" and the reason as its note; "raise" ends the study.

    Returns
    -------
    DataFrame
        One row per metric: columns "estimator", "drift", "detector" ("DriftMonitor", or a name of
        `detectors`), "window", "seed", "metric", "value" and "note" (missing unless a run failed).
        Each metric is a mean over the streams, or their windows, of a seed:

        - "windows with an alarm", of any test, and "windows with an alarm: classes" and so on, of
          each test: shares; for "clean", these are false alarms;
        - "noticed within 500 images", "noticed within 1000 images", "noticed" (in the whole
          stream): shares of the streams; "images until the alarm": the mean over noticed streams;
        - "accuracy", and "error of" four estimates of it, absolute differences from a window's true
          accuracy: "expected accuracy", "thresholded confidence" (both of the report), "mean
          confidence" (of the probabilities as they are), "validation accuracy" (nothing changes);
        - "error of class mix", "… by BBSE", "… by counting predictions", "… of the validation
          data": total variation distances from a window's true frequencies, 0 to 1;
        - "windows of label shift": share of windows with `label_shift` in their report;
        - "accuracy before", of all images after the first window; "accuracy with the estimated
          prior" and "… the prior by BBSE", as that window estimates them; "… the true prior", the
          frequencies that the stream is drawn with; "accuracy as advised", with the estimated prior
          only if the report says `label_shift`.

        A stream with a class that the classifier does not know has no metrics of class mixes.

    Raises
    ------
    ValueError, TypeError
        Before any run, if an argument is not as described.

    See Also
    --------
    summarize_study : Means and intervals of the result, for example with ``column="detector"``.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.studies import drift_study
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> frame = drift_study(
    ...     {"naive Bayes": GaussianNB()},
    ...     *(X[:2000], y[:2000], X_test, y_test),
    ...     drifts=["noise"],
    ...     windows=[200],
    ...     n_images=400,
    ...     n_streams=2,
    ...     verbose=0,
    ... )
    >>> frame.set_index("metric").value["noticed within 500 images"]
    np.float64(1.0)
    """
    check_estimators(estimators)
    for name, estimator in estimators.items():
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"Got {estimator!r} as estimator {name!r}, which has no predict_proba; expected "
                "one that has. Calibrate it by CalibratedClassifierCV, say."
            )
    drifts, detectors = _find_drifts(drifts), _check_detectors(detectors)
    shared = _check_data(X, y, X_test, y_test)
    windows = check_each_once("windows", windows, "[500]")
    for name, number in (("n_images", n_images), ("n_streams", n_streams), *_named(windows)):
        if not isinstance(number, Integral) or isinstance(number, bool) or number < 1:
            raise ValueError(f"Got {name}={number!r}, expected a positive int.")
    if max(windows) > n_images:
        raise ValueError(
            f"Got windows={windows} and n_images={n_images}, expected no window longer than a "
            "stream. Raise n_images."
        )
    if not isinstance(validation_size, Real) or isinstance(validation_size, bool):
        raise ValueError(f"Got validation_size={validation_size!r}, expected a number.")
    options = {"windows": [int(w) for w in windows], "n_images": int(n_images)}
    options |= {"n_streams": int(n_streams), "validation_size": validation_size}
    options |= {"rate": false_alarm_rate, "detectors": detectors}
    names, tasks = [], []
    for estimator, unfitted in estimators.items():
        for seed in checked_seeds(seeds):
            for label, its in _by_left_out(drifts, shared["y_test"], seed).items():
                model = set_seeds(clone(unfitted), seed)
                task = {"model": model, "seed": seed, "drifts": its, "left_out": label}
                names.append((estimator, seed, list(its)))
                tasks.append(task | options)
    results = run_all(
        _run, tasks, shared, n_jobs=n_jobs, cache=cache, verbose=verbose, on_error=on_error
    )
    return _frame(names, results)


def _named(windows):
    return [("window", window) for window in windows]


def _frame(names, results):
    """Return one row a run and metric."""
    rows = []
    for (estimator, seed, drifts), found in zip(names, results, strict=True):
        if isinstance(found, Failed):
            failed = (None, seed, "failed", np.nan, found.reason)
            rows += [(estimator, drift, OURS, *failed) for drift in drifts]
            continue
        rows += [
            (estimator, drift, detector, window, seed, metric, value, None)
            for drift, detector, window, metric, value in found
        ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame["window"] = frame["window"].astype("Int64")
    frame["note"] = pd.Series([row[-1] for row in rows], dtype=object)
    return frame


def _run(task, shared):
    """Do one run; return (drift, detector, window, metric, value) tuples."""
    try:
        return _measure(task, **shared)
    except Exception as error:
        model = " ".join(repr(task["model"]).split())
        error.add_note(f"In the run of {model} with the seed {task['seed']}.")
        raise


@each_warning_once
def _measure(task, X, y, X_test, y_test):
    """Fit once, and measure the streams of some drifts."""
    seed, known = task["seed"], np.arange(len(y))
    if task["left_out"] is not None:
        known = np.flatnonzero(y != task["left_out"])
    train, valid = train_test_split(
        known, test_size=task["validation_size"], stratify=y[known], random_state=seed
    )
    start = time.perf_counter()
    model = clone(task["model"]).fit(X[train], y[train])
    seconds = time.perf_counter() - start
    profile = ReferenceProfile.from_estimator(model, X[valid], y[valid])
    reference = _asked(model, X[valid])
    found = []
    for name, drift in task["drifts"].items():
        drifted = drift.draw(X_test, y_test, seed)
        classes = model.classes_.tolist()
        order = {label: code for code, label in enumerate(classes)}
        codes = np.array([order.get(label, -1) for label in drifted.y.tolist()])
        frequencies = drifted.frequencies
        if frequencies is not None:
            known = [frequencies.get(label, 0.0) for label in classes]
            # Rounding is no class.
            frequencies = np.array([*known, max(0.0, round(1 - sum(known), 9))])
            frequencies /= frequencies.sum()
        asked = Asked(_asked(model, drifted.X), codes, frequencies)
        streams = list(asked.streams(name, seed, task["n_streams"], task["n_images"]))
        for window in task["windows"]:
            metrics = monitored(asked, profile, streams, window, task["rate"])
            found += [(name, OURS, window, metric, float(value)) for metric, value in metrics]
        for detector, make in task["detectors"].items():
            window = task["windows"][0]
            metrics = detected(asked, reference, streams, window, make)
            found += [(name, detector, window, metric, float(value)) for metric, value in metrics]
        found.append((name, OURS, task["windows"][0], "fit seconds", seconds))
    return found


def _asked(model, X):
    """Return what a classifier says of rows, by the names of a monitor's arguments."""
    found = {"probabilities": model.predict_proba(X), "pixels": X.reshape(len(X), -1)}
    if hasattr(model, "transform"):
        found["features"] = model.transform(X)
    return found


# --- checks: all of them before the first run ---------------------------------------------------


def _check_data(X, y, X_test, y_test):
    data = {"X": np.asarray(X), "X_test": np.asarray(X_test)}
    data |= {"y": column_of_labels(y), "y_test": column_of_labels(y_test, "y_test")}
    for end in ("", "_test"):
        check_label_per_row(data[f"X{end}"], data[f"y{end}"], end)
    if set(data["y"].tolist()) != set(data["y_test"].tolist()):
        raise ValueError(
            f"Got y with the labels {np.unique(data['y']).tolist()} and y_test with "
            f"{np.unique(data['y_test']).tolist()}, expected the same ones. Leave other rows out."
        )
    return data


def _find_drifts(drifts):
    """Return the drifts by name."""
    if drifts is None:
        return dict(DRIFTS)
    if not isinstance(drifts, dict):
        drifts = {name: name for name in check_each_once("drifts", drifts, f"[{drifts!r}]")}
    found = {}
    for name, drift in drifts.items():
        if isinstance(drift, str):
            if drift not in DRIFTS:
                raise ValueError(
                    f"Got the drift {drift!r}, expected one of {', '.join(DRIFTS)}. Drifts of your "
                    "own go into a dict of names to objects."
                )
            drift = DRIFTS[drift]
        if isinstance(drift, type) or not all(hasattr(drift, m) for m in ("draw", "left_out")):
            raise TypeError(
                f"Got drifts[{name!r}]={drift!r}, expected an object with draw and left_out, such "
                f"as {Clean()!r}."
            )
        found[name] = drift
    if not found:
        raise ValueError("Got no drifts, expected one at least. Leave the parameter out for all.")
    return found


def _check_detectors(detectors):
    detectors = {} if detectors is None else detectors
    if not isinstance(detectors, dict) or not all(map(callable, detectors.values())):
        raise TypeError(
            f"Got detectors={detectors!r}, expected a dict of names to functions make(reference)."
        )
    return dict(detectors)


def _by_left_out(drifts, y, seed):
    """Return the drifts that can share a fit, by the label that it is not to know."""
    groups = {}
    for name, drift in drifts.items():
        label = drift.left_out(y, seed)
        label = label.item() if hasattr(label, "item") else label
        groups.setdefault(label, {})[name] = drift
    return groups
