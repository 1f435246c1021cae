"""One measurement: fit one model with one seed in this process, and describe what happened."""

import json
import os
import pickle
import time
import traceback
import warnings
from datetime import UTC, datetime

SCHEMA = 1


def add_parser(subparsers):
    """Add the command that a parent process calls; it is not listed in the help.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser("_run", description="Measure one run, print it as JSON.")
    parser.add_argument("task", type=json.loads, help="what to measure, as a JSON object")
    parser.set_defaults(command=main)


def main(options):
    """Measure the task and print ``{"row": …}`` or ``{"error": …}`` on standard output.

    Parameters
    ----------
    options : argparse.Namespace
        With ``task``, see `measure`.

    Returns
    -------
    int
        0 if it went well, else 1.
    """
    # Whatever a library prints goes to standard error: standard output carries the answer only.
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        outcome = {"row": measure(options.task)}
    except Exception as error:
        traceback.print_exc()
        outcome = {"error": f"{type(error).__name__}: {error}".strip().splitlines()[0]}
    with os.fdopen(answer, "w") as stream:
        json.dump(outcome, stream)
    return 1 if "error" in outcome else 0


def measure(task):
    """Fit, predict and evaluate one model.

    Parameters
    ----------
    task : dict
        ``model`` (key of ``MODELS``), ``seed``, ``data`` ("sample" or "full"), ``rows`` (int or
        None), ``threads``, ``timing_shared`` (bool) and ``command`` (what the user typed).

    Returns
    -------
    dict
        The result row, JSON's types only.
    """
    from benchmarks import data, environment, metrics, models

    entry = models.find(task["model"])
    split = data.load_split(task["data"], task["rows"])
    description = describe(task, split)
    estimator = entry.build(task["seed"], task["threads"])
    estimator, fitted = _fit_and_predict(estimator, split)
    if hasattr(estimator, "watch"):
        fitted["seconds"]["fit"] = round(estimator.history_["seconds"][-1], 4)
    y_pred = fitted.pop("y_pred")
    quality = metrics.evaluate(split.y_test, y_pred, fitted.pop("proba"), estimator.classes_)
    if task.get("study") == "frontier":
        # For accuracies on parts of the test images, see benchmarks.sensitivity.
        quality["wrong"] = (y_pred != split.y_test).nonzero()[0].tolist()
    return {
        "schema": SCHEMA,
        "label": entry.label,
        "estimator": type(estimator).__name__,
        **description,
        **quality,
        **fitted,
        "class_names": split.target_names,
        "model_bytes": len(pickle.dumps(estimator, protocol=5)),
        "curve": training_curve(estimator),
        "commit": environment.commit(),
        "command": task["command"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def describe(task, split):
    """Collect what identifies a measurement before it is made (see ``results.identity``).

    Parameters
    ----------
    task : dict
    split : benchmarks.data.Split

    Returns
    -------
    dict
    """
    from benchmarks import environment, models, results

    entry = models.find(task["model"])
    row = results.head(
        task.get("study", "accuracy"),
        task["model"],
        task["seed"],
        models.described(entry.build(task["seed"], task["threads"])),
        data={
            "name": task["data"],
            "sha256": split.sha256(),
            "train_rows": len(split.y_train),
            "test_rows": len(split.y_test),
        },
        scope="images" if entry.ours else None,
    )
    return row | {
        "machine": environment.machine(),
        "threads": task["threads"],
        "timing_shared": task["timing_shared"],
    }


def _fit_and_predict(estimator, split):
    """Time and weigh one fit and one prediction of all test rows; return the fitted, and these."""
    from benchmarks import memory, votes

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
    return estimator, {
        "seconds": {"fit": round(fit_seconds, 4), "predict": round(predict_seconds, 4)},
        # "before_fit" is the interpreter, the imports and the data; "increase" is what fit and
        # predict took on top of it at their highest point (of a vote, without the fits of members
        # that were kept).
        "memory_mb": {
            "peak": round(max(peak, peak_before), 1),
            "before_fit": round(before, 1),
            "increase": round(peak - before, 1),
        },
        "warnings": sorted(
            {f"{w.category.__name__}: {str(w.message).strip().splitlines()[0]}" for w in caught}
        ),
        "y_pred": y_pred,
        "proba": estimator.predict_proba(split.X_test),
    }


def training_curve(estimator):
    """Read how training went, an epoch an entry.

    Parameters
    ----------
    estimator : fitted classifier or pipeline

    Returns
    -------
    dict of str to list, or None
        The numeric columns of ``history_`` of a net; ``train_loss`` and ``valid_score`` of
        scikit-learn's ``MLPClassifier``; None for models without epochs.
    """
    import pandas as pd

    model = estimator[-1] if hasattr(estimator, "steps") else estimator
    history = getattr(model, "history_", None)
    if history is None and hasattr(model, "loss_curve_"):
        history = {"train_loss": model.loss_curve_}
        if getattr(model, "validation_scores_", None):
            history["valid_score"] = model.validation_scores_
    if history is None:
        return None
    frame = pd.DataFrame(history).select_dtypes("number").astype(float).round(6)
    if "epoch" not in frame:
        frame.insert(0, "epoch", range(1, len(frame) + 1))
    return {
        str(name): [None if pd.isna(value) else value for value in frame[name]] for name in frame
    }
