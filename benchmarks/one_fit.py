"""One measurement: fit one model with one seed in a fresh process, and say what happened."""

import pickle
import time
import warnings
from functools import cache

import numpy as np

from benchmarks import environment, memory, processes, votes
from benchmarks.data import FOLDED, N_FOLDS, TABLES, load_split, suited
from benchmarks.models import described
from benchmarks.packing import packed
from benchmarks.recipes import find


def describe(unit, seed, asked, **own):
    """Say by what a row of a model is recognised; ``own`` are the data and the limit of rows."""
    model, task = find(unit), _task(asked, **own)
    estimator = suited(model.build(seed, task["threads"]), task["data"])
    return {
        "settings": described(estimator),
        "data": _about_data(task["data"], task["rows"]),
        "scope": ("tables" if task["data"] in TABLES else "images") if model.ours else None,
        "packages": model.packages,
        "threads": task["threads"],
        "timing_shared": asked.jobs > 1,
    }


def measure_apart(unit, seed, asked, **own):
    """Return what `measure` says in a process of its own."""
    task = _task(asked, **own)
    variables = environment.child_environment(task["threads"])
    return processes.call("benchmarks.one_fit:measure", variables, model=unit, seed=seed, **task)


def _task(asked, data=None, rows=None):
    """Return data, rows and threads as the options say, or the study leaves them."""
    import joblib

    options = vars(asked.options)
    threads = options.get("threads") or max(1, joblib.cpu_count() // asked.jobs)
    return {"data": data or asked.size, "rows": options.get("rows") or rows, "threads": threads}


@cache
def _about_data(name, rows):
    split = load_split(name, rows)
    sizes = {"train_rows": len(split.y_train), "test_rows": len(split.y_test)}
    # Other halves are drawn of the same rows.
    halves = {"folds": N_FOLDS} if name in FOLDED else {}
    return {"name": name, "sha256": split.sha256()} | sizes | halves


def measure(model, seed, data, rows, threads):
    """Fit, predict and evaluate one model."""
    entry, split = find(model), load_split(data, rows, seed % N_FOLDS)
    estimator = suited(entry.build(seed, threads), data)
    if hasattr(estimator, "watch"):
        # A published recipe, whose accuracy is read after each epoch, outside of its time.
        estimator.watch(split.X_test, split.y_test)
    before, peak_before = memory.resident_mb(), memory.peak_mb()
    memory.forget_peak()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator, fit_seconds = votes.timed_fit(estimator, split.X_train, split.y_train)
        start = time.perf_counter()
        y_pred = estimator.predict(split.X_test)
        predict_seconds = time.perf_counter() - start
    peak = memory.peak_mb()
    if hasattr(estimator, "watch"):
        fit_seconds = estimator.history_["seconds"][-1]
    proba = estimator.predict_proba(split.X_test)
    seen = {f"{w.category.__name__}: {str(w.message).strip().splitlines()[0]}" for w in caught}
    return {
        "label": entry.label,
        "estimator": type(estimator).__name__,
        **evaluate(split.y_test, y_pred, proba, estimator.classes_),
        "seconds": {"fit": round(fit_seconds, 4), "predict": round(predict_seconds, 4)},
        # "before_fit" is the interpreter, the imports and the data; "increase" what fit and predict
        # took on top of it (of a vote, without the fits of members that were kept).
        "memory_mb": {
            "peak": round(max(peak, peak_before), 1),
            "before_fit": round(before, 1),
            "increase": round(peak - before, 1),
        },
        "warnings": sorted(seen),
        "class_names": split.target_names,
        "model_bytes": len(pickle.dumps(estimator, protocol=5)),
        "curve": _curve(estimator),
        # For tests image by image, and accuracies on parts of the test images.
        "wrong": (y_pred != split.y_test).nonzero()[0].tolist(),
        "probabilities": packed(proba),
    }


def evaluate(y_true, y_pred, proba, classes):
    """Return everything a result row says about predictions; ``classes`` are sorted labels.

    ``log_loss`` is in nats, ``brier`` from 0 to 2; the confusion matrix has a line a true class.
    """
    from sklearn import metrics

    from skfashion.metrics import expected_calibration_error

    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        y_true, y_pred, labels=classes, average="macro", zero_division=0
    )
    confusion = metrics.confusion_matrix(y_true, y_pred, labels=classes)
    support = confusion.sum(axis=1)
    recalls = [float(confusion[i, i] / n) if n else None for i, n in enumerate(support)]
    numbers = {
        "accuracy": metrics.accuracy_score(y_true, y_pred),
        "balanced_accuracy": np.mean([value for value in recalls if value is not None]),
        "precision_macro": precision,
        "recall_macro": recall,
        "f1_macro": f1,
        # A probability of exactly 0 for the true class (kNN, forests) is clipped at the dtype's
        # epsilon: a large but finite price.
        "log_loss": metrics.log_loss(y_true, proba, labels=classes),
        "brier": np.mean(((proba - np.equal.outer(y_true, classes)) ** 2).sum(axis=1)),
        "ece": expected_calibration_error(y_true, proba, classes),
    }
    return {
        "metrics": {name: float(value) for name, value in numbers.items()},
        "per_class_recall": recalls,
        "confusion_matrix": confusion.tolist(),
    }


def _curve(estimator):
    """Return the numeric columns of a net's ``history_``, an epoch an entry, None for others."""
    import pandas as pd

    if not hasattr(estimator, "history_"):
        return None
    frame = pd.DataFrame(estimator.history_).select_dtypes("number").astype(float).round(6)
    return frame.astype(object).where(frame.notna(), None).to_dict("list")
