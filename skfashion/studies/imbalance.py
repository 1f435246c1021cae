"""How well treatments of rare classes work, on data whose skew is known."""

import gc
import time
from collections.abc import Iterable
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.base import clone

from skfashion.datasets import make_imbalanced
from skfashion.metrics import classification_metrics
from skfashion.parallel.progress import say
from skfashion.parallel.runs import Failed, run_all
from skfashion.studies._checks import check_each_once, check_estimators, checked_seeds
from skfashion.studies._tables import described_runs
from skfashion.studies.treatments import (
    COUNTER,
    find_treatments,
    keep_layout,
    smote_on_components,
    treated,
)
from skfashion.utils import memory
from skfashion.utils.callers import each_warning_once
from skfashion.utils.labels import check_label_per_row, column_of_labels, plain_labels
from skfashion.utils.names import advises
from skfashion.utils.seeds import set_seeds

COLUMNS = ["estimator", "treatment", "profile", "ratio", "permutation", "seed"]
MEASURED = ["metric", "class", "value"]

# The profile that takes all rows of the data.
AS_IS = "as_is"


@advises
def imbalance_study(
    estimators,
    X,
    y,
    X_test,
    y_test,
    *,
    treatments=None,
    profiles: Iterable = ("exponential",),
    ratios: Iterable[float] = (100,),
    permutations: Iterable = (None,),
    seeds: Iterable[int] = (0,),
    n_jobs=None,
    cache=None,
    verbose=1,
    on_error="warn",
):
    """Train and measure estimators with treatments of rare classes on skewed parts of the data.

    Each run draws its training rows with ``skfashion.datasets.make_imbalanced``, fits a pipeline of
    treatment and estimator to them, and is measured on the unchanged test rows. Resampling is a
    step of that pipeline, so it never sees a row that is predicted.

    Parameters
    ----------
    estimators : dict of str to estimator
        Unfitted scikit-learn compatible classifiers by name, or pipelines that end with one. In a
        pipeline, a sampler is put before all steps, and parameters are set on the last step.
    X : array-like, shape (n, h*w*c) or another that the estimators take
        Training rows to draw from; samplers need flat rows.
    y : array-like of str or int, shape (n,)
        Their labels.
    X_test : array-like, shape (m, ...)
        Test rows.
    y_test : array-like of str or int, shape (m,)
        Their labels; each must be in `y`.
    treatments : list of str or dict of str to treatment, default=None
        Names from ``skfashion.studies.TREATMENTS``; None is all of them. Or treatments by your own
        names, each one of:

        - None, which changes nothing;
        - a dict of parameters to set;
        - a sampler of imbalanced-learn;
        - a function that takes an unfitted estimator and returns one, or None if it cannot.

        A treatment is skipped for estimators that lack one of its parameters.
    profiles : list of str or dict, dict of str to these, or "as_is", default=("exponential",)
        How frequent the classes are, as in ``make_imbalanced``. A dict of dicts gives them names;
        else they are named by themselves. "as_is" takes all rows, for data that are already skewed.
        The other names are for classes of about equal size: a profile is refused if it makes class
        A rarer than class B although the data have less than half as many rows of B as of A.
    ratios : list of float, default=(100,)
        Size of the most frequent class divided by that of the rarest. Profiles with fixed numbers
        ("as_is", "deepsmote" and dicts) ignore it and run once.
    permutations : list of None, int or list of labels, default=(None,)
        Order of the classes by frequency, as in ``make_imbalanced``. The profile "as_is" and dicts
        set it themselves, and run once.
    seeds : list of int >= 0, default=(0,)
        Each seed draws the rows again, and is set as every parameter `random_state`, including
        those of steps and nested estimators, whatever it was before.
    n_jobs : int, default=None
        Number of runs at a time, as in joblib, on the backend chosen by ``joblib.parallel_config``.
    cache : path-like, default=None
        Folder to which each run is written as soon as it has ended. The same call again only does
        what is missing, also with more estimators, treatments, seeds and so on. Runs are identified
        by data, parameters, seed, and the versions of this package, scikit-learn, imbalanced-learn,
        PyTorch and NumPy, not by the code of your own estimators: use another folder when that has
        changed.
    verbose : int, default=1
        Whether to show a progress bar and say what is skipped.
    on_error : {"warn", "raise"}, default="warn"
        What an error in a run does: "warn" gives a warning, and the run gets its own row in the
        table; "raise" ends the study. Some samplers refuse some data: SMOTE, for example, a class
        with fewer rows than its number of neighbours. The error names the run; it is not kept in
        the cache.

    Returns
    -------
    DataFrame
        One row per run and metric, with the columns

        - "estimator", "treatment", "profile": names;
        - "ratio": float, NaN for profiles with fixed numbers;
        - "permutation": missing, an int, or text (if any was a list);
        - "seed": int;
        - "metric": those of ``skfashion.metrics.classification_metrics``, and "rows" (of a class,
          before the treatment), "rows_trained" (after it, as they reach the classifier),
          "fit_seconds", "predict_seconds" and "peak_memory_mb" (the most that the process held
          during the fit, including data and libraries; on systems other than Linux, since it
          began);
        - "class": label of a metric of one class, else missing;
        - "value": float;
        - "note": missing, except for failed runs: these have one row with the metric "failed", the
          value NaN and the reason as the note.

        Estimators without ``predict_proba`` have no rows of the metrics that need it.

    Raises
    ------
    ValueError, TypeError
        Before any run begins, if names, estimators, treatments, seeds or labels are not as
        described, or a profile cannot be drawn from `y` or would make its rare classes frequent.

    Notes
    -----
    Parallel runs share the processor: for meaningful seconds, use ``n_jobs=1``. In threads, they
    share memory, too.

    Examples
    --------
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.studies import imbalance_study, summarize_study
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> frame = imbalance_study(
    ...     {"naive Bayes": GaussianNB()},
    ...     X,
    ...     y,
    ...     X_test,
    ...     y_test,
    ...     treatments=["nothing", "RandomOverSampler"],
    ...     ratios=[20],
    ...     seeds=[0, 1],
    ...     verbose=0,
    ... )
    >>> frame[frame.metric == "rows_trained"].value.tolist()
    [2040.0, 2040.0, 6000.0, 6000.0]
    """
    check_estimators(estimators)
    explicit = treatments is not None
    treatments = find_treatments(treatments)
    y, y_test = column_of_labels(y), column_of_labels(y_test, "y_test")
    _check_data(X, y, X_test, y_test, treatments)
    skews = _check_skews(y, profiles, ratios, permutations)
    seeds = checked_seeds(seeds)
    models = _combine(estimators, treatments, explicit, verbose)
    cells, tasks = [], []
    for names, model in models.items():
        for skew in skews:
            for seed in seeds:
                cells.append((*names, *skew["names"], seed))
                tasks.append({"model": set_seeds(clone(model), seed), **skew["task"], "seed": seed})
    shared = {"X": X, "y": y, "X_test": X_test, "y_test": y_test}
    results = run_all(
        _run,
        tasks,
        shared,
        n_jobs=n_jobs,
        cache=cache,
        about=described_runs(COLUMNS, cells, MEASURED),
        verbose=verbose,
        on_error=on_error,
    )
    return _frame(cells, results)


def _run(task, shared):
    """Do one run; return (metric, class or None, value) triples."""
    try:
        return _measure(task, **shared)
    except Exception as error:
        model = " ".join(repr(task["model"]).split())
        error.add_note(
            f"In the run of {model} with the profile {task['profile']!r}, {task['options']}, and "
            f"the seed {task['seed']}."
        )
        raise


@each_warning_once
def _measure(task, X, y, X_test, y_test):
    """Return what one training gives, as triples of a metric, a class or None, and a value."""
    X_part, y_part = make_imbalanced(
        X, y, task["profile"], random_state=task["seed"], **task["options"]
    )
    model = clone(task["model"])
    gc.collect()
    memory.forget_peak()
    start = time.perf_counter()
    keep_layout(model, X_part)
    model.fit(X_part, y_part)
    fitted = time.perf_counter()
    peak = memory.peak_mb()
    begun = time.perf_counter()
    y_pred = model.predict(X_test)
    predicted = time.perf_counter()
    classes = np.unique(y)
    proba = None
    if hasattr(model, "predict_proba"):
        # A sampler may have removed a class altogether: nobody gives it any probability then.
        proba = np.zeros((len(y_test), len(classes)))
        proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X_test)
    labels, counts = np.unique(y_part, return_counts=True)
    return [
        *classification_metrics(y_test, y_pred, proba, classes=classes),
        *(("rows", *pair) for pair in zip(labels.tolist(), counts.tolist(), strict=True)),
        ("rows_trained", None, model.named_steps[COUNTER].n_rows_),
        ("fit_seconds", None, fitted - start),
        ("predict_seconds", None, predicted - begun),
        ("peak_memory_mb", None, peak),
    ]


def _frame(cells, results):
    """Return one row a run and metric."""
    rows = [
        (*cell, *row) for cell, found in zip(cells, results, strict=True) for row in _rows_of(found)
    ]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *MEASURED, "note"])
    frame["ratio"] = frame["ratio"].astype(float)
    frame["value"] = frame["value"].astype(float)
    for name in ("permutation", "class"):
        # Labels and seeds are ints or text, and None is missing, not NaN, which makes them floats.
        frame[name] = frame[name].astype(object).convert_dtypes()
    frame["note"] = pd.Series([row[-1] for row in rows], dtype=object)
    return frame


def _rows_of(found):
    """Return the metric, class, value and note of each row of a run."""
    if isinstance(found, Failed):
        return [("failed", None, np.nan, found.reason)]
    return [(*triple, None) for triple in found]


# --- checks: all of them before the first run ---------------------------------------------------


def _check_data(X, y, X_test, y_test, treatments):
    """Refuse data that does not go together, or that a treatment cannot take."""
    for name, rows, labels in (("", X, y), ("_test", X_test, y_test)):
        check_label_per_row(rows, labels, name)
    unknown = sorted(set(y_test.tolist()) - set(y.tolist()), key=repr)
    if unknown and y.dtype.kind != y_test.dtype.kind:
        raise ValueError(
            f"Got y of {y.dtype} and y_test of {y_test.dtype}, {plain_labels(y)[0]!r} and "
            f"{plain_labels(y_test)[0]!r} say, "
            "expected the same kind of labels."
        )
    if unknown:
        raise ValueError(
            f"Got the labels {unknown} in y_test, which are not in y; no estimator can learn them. "
            "Leave these rows out of the test."
        )
    shape = np.shape(X)
    samplers = [
        name
        for name, value in treatments.items()
        if hasattr(value, "fit_resample") or value is smote_on_components
    ]
    if len(shape) > 2 and samplers:
        raise ValueError(
            f"Got X of shape {shape}, but the treatment {samplers[0]!r} resamples flat rows. Pass "
            "X.reshape(len(X), -1), and X_test likewise; the classifiers of skfashion take both."
        )


def _check_skews(y, profiles, ratios, permutations):
    """Return, for each kind of training set, its names in the frame and its part of a task."""
    if isinstance(profiles, str) and profiles == AS_IS:
        profiles = [profiles]
    if not isinstance(profiles, dict):
        profiles = check_each_once("profiles", profiles, f"[{profiles!r}]")
        profiles = {p if isinstance(p, str) else str(p): p for p in profiles}
    labels, sizes = np.unique(y, return_counts=True)
    labels = labels.tolist()
    own_sizes = dict(zip(labels, sizes.tolist(), strict=True))
    ratios = _check_ratios(ratios)
    permutations = check_each_once("permutations", permutations, f"[{permutations!r}]")
    # A list of seeds may be all labels by chance, but then in their order.
    scalars = [order for order in permutations if np.ndim(order) == 0]
    if scalars != labels and sorted(scalars, key=repr) == sorted(labels, key=repr):
        raise ValueError(
            f"Got permutations={permutations!r}, which is one order of the labels, expected a list "
            f"of orders or seeds. Write permutations=[{permutations!r}]."
        )
    skews = []
    as_text = any(np.ndim(permutation) for permutation in permutations)
    for name, profile in profiles.items():
        profile = own_sizes if isinstance(profile, str) and profile == AS_IS else profile
        by_label = isinstance(profile, dict)
        fixed = by_label or profile == "deepsmote"
        for ratio in (None,) if fixed else ratios:
            for order in (None,) if by_label else permutations:
                options = {} if ratio is None else {"ratio": ratio}
                if order is not None:
                    options["permutation"] = np.asarray(order).tolist()
                # What cannot be drawn should be said now and not by the last of many runs.
                _, kept = make_imbalanced(np.arange(len(y)), y, profile, random_state=0, **options)
                if not by_label:
                    _check_order(name, own_sizes, kept)
                label = _order_name(order, as_text)
                task = {"profile": profile, "options": options}
                skews.append({"names": (name, ratio, label), "task": task})
    if not skews:
        raise ValueError(
            f"Got profiles={profiles}, ratios={ratios} and permutations={permutations}, expected "
            "one of each at least. Leave out what is empty."
        )
    return skews


def _check_ratios(ratios):
    """Return the ratios as a list; refuse what is no number."""
    ratios = check_each_once("ratios", ratios, f"[{ratios!r}]")
    for ratio in ratios:
        if not isinstance(ratio, Real) or isinstance(ratio, bool):
            raise ValueError(
                f"Got the ratio {ratio!r}, expected numbers of 1 or more. For the data's own sizes "
                "write profiles='as_is'."
            )
    return ratios


def _check_order(profile, sizes, kept):
    """Refuse a profile that makes a class rare of which the data have many rows."""
    labels, left = list(sizes), np.unique(kept, return_counts=True)[1]
    before = np.array(list(sizes.values()))
    turned = (before[:, None] > 2 * before) & (left[:, None] < left)
    if not turned.any():
        return
    i, j = np.argwhere(turned)[0]
    order = [labels[k] for k in np.argsort(-before, kind="stable")]
    raise ValueError(
        f"Got the profile {profile!r}, which would keep {left[i]} rows of {labels[i]!r} and "
        f"{left[j]} of {labels[j]!r}, but the data have {before[i]} and {before[j]}: this reverses "
        "the order of their class sizes. Expected profiles='as_is', which takes the data's own "
        f"sizes, or permutations=[{order}], with which {profile!r} follows their order. A dict of "
        "labels to numbers of rows may have any order."
    )


def _order_name(order, as_text):
    if order is None:
        return None
    if np.ndim(order):
        return ", ".join(map(str, np.asarray(order).tolist()))
    return str(order) if as_text else int(order)


def _combine(estimators, treatments, explicit, verbose):
    """Return the pipeline of each estimator and each treatment that is for it, by their names."""
    models = {}
    for treatment, value in treatments.items():
        for name, estimator in estimators.items():
            model = treated(estimator, value)
            if model is not None:
                models[name, treatment] = model
            elif verbose:
                say(f"{name}: no {treatment!r}, which is not for it.")
        if explicit and not any((name, treatment) in models for name in estimators):
            wanted = f", which sets {list(value)}," if isinstance(value, dict) else ""
            raise ValueError(
                f"Got the treatment {treatment!r}{wanted} but none of the estimators "
                f"{list(estimators)} can take it. Leave it out, or add an estimator that can."
            )
    if not models:
        raise ValueError(
            f"Got the treatments {list(treatments)}, none of which is for one of the estimators "
            f"{list(estimators)}. Add 'nothing', say."
        )
    order = [(name, treatment) for name in estimators for treatment in treatments]
    return {names: models[names] for names in order if names in models}
