"""Classifiers, mitigations and seeds: how accurate and how fair each combination is."""

import copy
import inspect
import time
from collections.abc import Iterable

import joblib
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.multiclass import check_classification_targets

from skfashion.parallel.runs import Failed, run_all
from skfashion.studies._checks import check_estimators, checked_seeds
from skfashion.studies._groups import read_groups
from skfashion.studies._mitigation import GroupPredictor
from skfashion.studies._tables import as_table, count_rows, described_runs
from skfashion.studies.group_metrics import group_metrics, require_fairlearn
from skfashion.studies.mitigations import MITIGATIONS
from skfashion.utils.labels import encode_labels, refuse_missing, with_known_dtype
from skfashion.utils.names import advises
from skfashion.utils.seeds import set_seeds

RUN = ["estimator", "mitigation", "seed"]
MEASURED = ["metric", "group", "class", "value", "note"]


@advises
def fairness_study(
    estimators,
    X,
    y,
    groups,
    X_test,
    y_test,
    groups_test,
    *,
    mitigations=None,
    seeds: Iterable[int] = (0,),
    n_jobs=None,
    cache=None,
    verbose=1,
    on_error="warn",
):
    """Fit every estimator under every mitigation with every seed, and measure the gaps.

    Parameters
    ----------
    estimators : dict of str to classifier
        Unfitted classifiers or pipelines by name. They stay unfitted: each run has a clone, with
        its seed as every `random_state` parameter, including those of its parts.
    X, X_test : array-like, sparse matrix or DataFrame, shape (n, ...)
        Training and test rows; images of any layout that the estimators take.
    y, y_test : array-like, shape (n,)
        Labels of any kind. Two classes make a binary task, and the second of the sorted labels is
        the positive class.
    groups, groups_test : array-like (n,) or (n, k), DataFrame, or dict of str to array-like (n,)
        Sensitive feature: the group of each row, at least two groups. Estimators do not see it,
        unless the rows reveal it; some mitigations do, also at prediction. With several features,
        each intersection is a group, as in fairlearn; mitigations get its name, such as "night,
        rain".
    mitigations : None, list of str or dict of str to str or callable, default=None
        Names from ``skfashion.studies.MITIGATIONS``, or functions by your own names. They are
        called as ``mitigation(estimator, X, y, groups, seed)`` and return a fitted estimator, or an
        object with ``predict(X, groups)``; None as the value of a name stands for "nothing". By
        default, all of ``MITIGATIONS`` are taken. "exponentiated gradient", "grid search" and
        "threshold optimizer" are for binary tasks, "augment" for estimators that have this
        parameter, and weights for those that accept them. What does not apply to an estimator is
        left out and listed in ``attrs["skipped"]`` of the result.
    seeds : iterable of int, default=(0,)
        One run for each. The rows stay the same, so only the training differs between seeds; for an
        interval that covers the choice of rows, call this for several choices.
    n_jobs : int, default=None
        Number of runs at a time, as in joblib; ``joblib.parallel_config`` chooses the backend.
    cache : path-like, default=None
        Folder in which each finished run is stored at once, so that a stopped study continues where
        it was. Runs are identified by data, estimator, mitigation (including its source), their
        names, seed, and the versions of this package, scikit-learn, imbalanced-learn, PyTorch and
        NumPy; use another folder when fairlearn, or the code of your estimators, has changed.
    verbose : int, default=1
        Whether a progress bar is shown.
    on_error : {"warn", "raise"}, default="warn"
        What an error in a run does: "warn" gives a warning, and the run gets its own row in the
        table; "raise" ends the study. The cache never keeps an error.

    Returns
    -------
    DataFrame
        One row per run and metric: columns ``estimator``, ``mitigation``, ``seed``, ``metric``,
        ``group``, ``class``, ``value`` and ``note``. The metrics are those of
        `skfashion.studies.group_metrics` on the test rows, including its "rows"; "training rows",
        likewise; and "fit seconds", including whatever a mitigation does besides fitting. A failed
        run has one row, with the metric "failed" and the reason as its ``note``.
        ``attrs["skipped"]`` lists estimator, mitigation and reason of what did not apply.

    Raises
    ------
    ValueError
        Before any run, if lengths differ, groups are missing, the test rows have classes or groups
        that the training rows lack, there is only one group, or a mitigation is unknown, or was
        requested by name but applies to no estimator.
    TypeError
        If an argument is not of the kind described.
    ImportError
        If fairlearn is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.RandomState(0)
    >>> groups = rng.choice(["day", "night"], 400)
    >>> y = rng.rand(400) < np.where(groups == "day", 0.7, 0.3)
    >>> X = np.column_stack([y + rng.normal(size=400), groups == "day"])
    >>> data = (X[:200], y[:200], groups[:200], X[200:], y[200:], groups[200:])
    >>> names = ["nothing", "group weights"]
    >>> table = fairness_study(
    ...     {"linear": LogisticRegression()}, *data, mitigations=names, verbose=0
    ... )
    >>> gap = table[(table["metric"] == "equalized odds difference") & table["class"].isna()]
    >>> gap.set_index("mitigation")["value"].round(2).to_dict()
    {'nothing': 0.55, 'group weights': 0.14}
    """
    require_fairlearn()
    shared = _checked_data(X, y, groups, X_test, y_test, groups_test)
    check_estimators(estimators)
    functions = _find_mitigations(mitigations)
    tasks, skipped = _make_tasks(estimators, functions, checked_seeds(seeds), shared)
    if mitigations is not None:
        _check_that_each_applies(functions, tasks, skipped)
    if cache is not None:
        _check_that_it_can_be_kept(tasks)
    cells = [tuple(task[name] for name in RUN) for task in tasks]
    results = run_all(
        _run,
        tasks,
        shared,
        n_jobs=n_jobs,
        cache=cache,
        about=described_runs(RUN, cells, MEASURED),
        verbose=verbose,
        on_error=on_error,
    )
    rows = [
        (*cell, *row)
        for cell, found in zip(cells, results, strict=True)
        for row in ([_failed_row(found)] if isinstance(found, Failed) else found)
    ]
    table = as_table(rows, [*RUN, *MEASURED])
    table.attrs["skipped"] = skipped
    return table


def _failed_row(failed):
    """Return the metric, group, class, value and note of a run that failed."""
    return "failed", None, None, np.nan, failed.reason


def _run(task, shared):
    """Fit one combination and measure it; return (metric, group, class, value, note) tuples."""
    try:
        return _measure(task, **shared)
    except Exception as error:
        error.add_note(
            f"This was the run of {task['estimator']!r} with {task['mitigation']!r}, "
            f"seed {task['seed']}."
        )
        raise


def _measure(task, X, y, groups, X_test, y_test, groups_test, group_names):
    """Return what one fit gives."""
    estimator = set_seeds(clone(task["unfitted"]), task["seed"])
    start = time.perf_counter()
    fitted = task["function"](estimator, X, y, groups, task["seed"])
    seconds = time.perf_counter() - start
    fitted = _as_fitted(fitted, task["mitigation"])
    predicted = np.asarray(fitted.predict(X_test, groups_test))
    classes, codes = encode_labels(y)
    table = group_metrics(y_test, predicted, groups_test, classes=classes, group_names=group_names)
    _, of_groups = encode_labels(groups, group_names, "groups")
    counts = count_rows(codes, of_groups, classes.tolist(), group_names.tolist())
    return [
        *table.itertuples(index=False, name=None),
        *(("training rows", c["group"], c["label"], float(c["value"]), None) for c in counts),
        ("fit seconds", None, None, seconds, None),
    ]


def _as_fitted(fitted, mitigation):
    """Return what a mitigation returned, a plain estimator as one that does not see the groups."""
    if not hasattr(fitted, "predict"):
        raise TypeError(
            f"Got the mitigation {mitigation!r}, which returned {fitted!r}, expected a fitted "
            "estimator or an object with predict(X, groups)."
        )
    takes_groups = "groups" in inspect.signature(fitted.predict).parameters
    is_plain = isinstance(fitted, BaseEstimator) and not takes_groups
    return GroupPredictor.without_groups(fitted) if is_plain else fitted


def _checked_data(X, y, groups, X_test, y_test, groups_test):
    """Return the data by name, checked, labels and groups as arrays."""
    data = {"X": X, "X_test": X_test}
    for name, rows in data.items():
        # What has a shape is an array already, or a matrix or table that should stay one.
        data[name] = rows if hasattr(rows, "shape") else np.asarray(rows)
    data["y"], data["y_test"] = _check_column(y, "y"), _check_column(y_test, "y_test")
    data["groups"], data["group_names"] = read_groups(groups)
    data["groups_test"], _ = read_groups(groups_test, "groups_test")
    check_classification_targets(data["y"])
    for end in ("", "_test"):
        lengths = {name + end: data[name + end].shape[0] for name in ("X", "y", "groups")}
        if len(set(lengths.values())) > 1:
            sizes = ", ".join(f"{name} of {n} rows" for name, n in lengths.items())
            raise ValueError(
                f"Got {sizes}, expected a label and a group for each row. Give those of the same "
                "rows."
            )
    for name in ("y", "groups"):
        known, tested = np.unique(data[name]), np.unique(data[f"{name}_test"])
        if unknown := sorted(set(tested.tolist()) - set(known.tolist())):
            raise ValueError(
                f"Got {name}_test with {unknown}, expected only what {name} has: {known.tolist()}. "
                "Leave these rows out."
            )
        if len(known) < 2 or (name == "groups" and len(tested) < 2):
            end = "" if len(known) < 2 else "_test"
            raise ValueError(
                f"Got {name}{end} with {tested.tolist()} only, expected two different values at "
                "least. Add rows of another one."
            )
    return data


def _check_column(values, name):
    """Return labels as an array without missing values, strings as NumPy's strings."""
    refuse_missing(values, name)
    values = np.asarray(with_known_dtype(values))
    if values.ndim != 1:
        raise ValueError(
            f"Got {name} of shape {values.shape}, expected one dimension. Give one value a row."
        )
    is_text = values.dtype == object and all(isinstance(value, str) for value in values)
    return values.astype(str) if is_text else values


def _find_mitigations(mitigations):
    """Return the mitigations by name."""
    if mitigations is None:
        return dict(MITIGATIONS)
    if isinstance(mitigations, str):
        raise TypeError(
            f"Got mitigations={mitigations!r}, expected a list or a dict. Write "
            f"mitigations=[{mitigations!r}]."
        )
    chosen = mitigations if isinstance(mitigations, dict) else {name: name for name in mitigations}
    if not chosen:
        raise ValueError(
            "Got no mitigations, expected one at least. Write mitigations=['nothing'] to fit the "
            "estimators as they are."
        )
    functions = {}
    for name, function in chosen.items():
        if function is None:
            function = "nothing"
        if isinstance(function, str):
            if function not in MITIGATIONS:
                raise ValueError(
                    f"Got the mitigation {function!r}, expected one of {', '.join(MITIGATIONS)}. "
                    "Mitigations of your own go into a dict of names to functions."
                )
            function = MITIGATIONS[function]
        if not callable(function) or inspect.isclass(function):
            raise TypeError(
                f"Got mitigations[{name!r}]={function!r}, expected a function, or an object that "
                "can be called; of a class, make one by calling it."
            )
        functions[name] = function
    return functions


def _make_tasks(estimators, functions, seeds, shared):
    """Return the runs, and what is left out and why."""
    tasks, skipped = [], []
    data = [shared[part] for part in ("X", "y", "groups")]
    for estimator, unfitted in estimators.items():
        for mitigation, function in functions.items():
            refusal = getattr(function, "refusal", None)
            reason = refusal(clone(unfitted), *data) if refusal is not None else None
            if reason is not None:
                skipped.append({"estimator": estimator, "mitigation": mitigation, "reason": reason})
                continue
            task = {"estimator": estimator, "mitigation": mitigation}
            task |= {"unfitted": unfitted, "code": _source_of(function)}
            # A copy each: a mitigation that keeps what it has fitted must not meet itself.
            tasks += [task | {"seed": seed, "function": _copy(function)} for seed in seeds]
    return tasks, skipped


def _copy(function):
    try:
        return copy.deepcopy(function)
    except TypeError:  # it holds what cannot be copied, such as an open file
        return function


def _source_of(function):
    """Return the source of a user's mitigation, so that the cache forgets it when it changes."""
    try:
        return inspect.getsource(function if inspect.isfunction(function) else type(function))
    except (OSError, TypeError):
        return None


def _check_that_each_applies(functions, tasks, skipped):
    """Refuse a mitigation that applies to none of the estimators."""
    applied = {task["mitigation"] for task in tasks}
    for name in functions:
        if name not in applied:
            reasons = {
                f"{s['estimator']!r}: {s['reason']}" for s in skipped if s["mitigation"] == name
            }
            raise ValueError(
                f"Got the mitigation {name!r}, which applies to none of the estimators "
                f"({'; '.join(sorted(reasons))}). Leave it out."
            )


def _check_that_it_can_be_kept(tasks):
    """Refuse a cache where a run cannot be pickled."""
    for task in tasks:
        try:
            joblib.hash(task)
        except Exception as error:
            raise ValueError(
                f"Got a cache and the run of {task['estimator']!r} with {task['mitigation']!r}, "
                "which cannot be kept in it, because it cannot be pickled. Define its functions "
                "and classes at the top of a module, or leave the cache out."
            ) from error
