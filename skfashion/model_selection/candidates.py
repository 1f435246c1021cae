"""The candidates of a search over epochs: which there are, and how one is trained and scored."""

import time
import traceback
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler

from skfashion.model_selection.stepping import can_go_on, is_around_a_net, train_until
from skfashion.utils._sklearn import params_of_rows, score_or_error, split_rows
from skfashion.utils.pipelines import last_step
from skfashion.utils.seeds import get_seeds

# Parameters that say how long an estimator trains, of ours and of scikit-learn's.
EPOCHS = {"max_epochs", "max_iter"}


def draw_candidates(estimator, param_grid, n_candidates, rng):
    """Return the settings of parameters that are searched.

    Parameters
    ----------
    estimator : estimator
    param_grid : dict or list of dict
    n_candidates : int or "all"
        How many are drawn of the grid.
    rng : RandomState

    Returns
    -------
    list of dict

    Raises
    ------
    ValueError
        If a training cannot be stopped and continued, or epochs are searched.
    """
    if n_candidates == "all":
        candidates = list(ParameterGrid(param_grid))
    else:
        candidates = list(ParameterSampler(param_grid, n_candidates, random_state=rng))
    for candidate in candidates:
        _check_candidate(estimator, candidate)
    return candidates


def _check_candidate(estimator, candidate):
    """Raise a ValueError if a candidate cannot be trained for some epochs, and then some more."""
    model = with_params(estimator, candidate)
    name = type(last_step(model)).__name__
    if not can_go_on(model):
        raise ValueError(
            f"Got a {name}, whose training cannot be stopped and continued; expected a classifier "
            "of skfashion or an estimator with partial_fit, alone or as the last step of a "
            "pipeline. scikit-learn's HalvingGridSearchCV takes all others."
        )
    if is_around_a_net(model):
        raise ValueError(
            f"Got a {name} around a classifier of skfashion, whose training does not travel with "
            "it from process to process; expected the classifier itself. scikit-learn's "
            "HalvingGridSearchCV takes such estimators."
        )
    # Where epochs are counted from outside, max_iter has no say.
    counted = {"max_epochs"} if hasattr(last_step(model), "_fit_until") else EPOCHS
    for name in candidate:
        if name.split("__")[-1] in counted:
            raise ValueError(
                f"Got {candidate}, in which {name} is searched; expected other parameters: epochs "
                "are what this search spends. Set max_resources to their number."
            )


def with_params(estimator, candidate):
    """Return a copy of an estimator with a candidate's parameters."""
    return clone(estimator).set_params(**clone(candidate, safe=False))


def with_seeds(model, rng):
    """Set all seeds that are not ints, so that a model draws the same wherever it is trained."""
    known = get_seeds(model)
    drawn = {name: int(rng.randint(np.iinfo(np.int32).max)) for name in known}
    return model.set_params(
        **{name: seed for name, seed in drawn.items() if not isinstance(known[name], Integral)}
    )


def train_and_score(task, shared, paused):
    """Train one candidate on one split up to a rung, and score it there.

    Parameters
    ----------
    task : dict
        Model, split, scorer, epochs and what is to be done with errors.
    shared : dict
        Data, splits and parameters of ``fit`` and of the scorer.
    paused : object or None
        What the rung before returned as "paused"; None, also of a training that failed, begins.

    Returns
    -------
    dict
        "fit_error", "paused", times and scores.
    """
    X, y, (train, test) = shared["X"], shared["y"], shared["splits"][task["split"]]
    model, scorer, error_score = clone(task["model"]), task["scorer"], task["error_score"]
    X_train, y_train = split_rows(model, X, y, train)
    X_test, y_test = split_rows(model, X, y, test, train)
    fit_params = params_of_rows(X, shared["fit_params"], train)
    options = {"until": task["until"], "total": task["total"], "paused": paused}
    result = {"fit_error": None, "paused": None, "score_time": 0.0}
    start = time.perf_counter()
    try:
        model, result["paused"] = train_until(model, X_train, y_train, fit_params, **options)
    except Exception:
        if error_score == "raise":
            raise
        result["fit_time"] = time.perf_counter() - start
        result["fit_error"] = traceback.format_exc()
        result["test_scores"] = error_score
        if task["return_train_score"]:
            result["train_scores"] = error_score
        return result
    result["fit_time"] = time.perf_counter() - start
    start = time.perf_counter()
    of_test = params_of_rows(X, shared["score_params"], test)
    result["test_scores"] = score_or_error(model, X_test, y_test, scorer, of_test, error_score)
    result["score_time"] = time.perf_counter() - start
    if task["return_train_score"]:
        of_train = params_of_rows(X, shared["score_params"], train)
        result["train_scores"] = score_or_error(
            model, X_train, y_train, scorer, of_train, error_score
        )
    return result


def worth_keeping(result):
    """Return what the cache keeps of a training and its scoring; None is to be tried again.

    Another library's estimator could be kept as a pickle only, and opening one runs code: where it
    is to go on, the next call trains it from the beginning.
    """
    scores = [result["test_scores"], result.get("train_scores", 0.0)]
    if result["fit_error"] is not None or any(isinstance(s, dict) or np.isnan(s) for s in scores):
        return None
    paused = result["paused"]
    return result | {"paused": paused if isinstance(paused, bytes) else None}
