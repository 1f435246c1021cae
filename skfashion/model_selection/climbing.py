"""From rung to rung: all candidates are trained for a while, and the best of them go on."""

from numbers import Integral

import numpy as np

from skfashion.model_selection.candidates import train_and_score, worth_keeping
from skfashion.parallel.runs import run_all
from skfashion.utils._sklearn import cv_results, warn_or_raise_about_fit_failures


def climb(search, candidates, trainings, shared, root):
    """Train candidates rung by rung; the best of each rung go on.

    Parameters
    ----------
    search : EpochHalvingSearchCV
        Its parameters and its plan are read, nothing is set.
    candidates : list of dict
    trainings : list of list of dict
        For each candidate and split a task of ``train_and_score``, without the epochs.
    shared : SharedData
    root : CallbackContext

    Returns
    -------
    dict of str to array
        What `cv_results_` is to be.

    Raises
    ------
    ValueError
        If all trainings of a rung fail or cannot be scored.
    """
    alive, means, paused = np.arange(len(candidates)), None, {}
    rows, out, more = [], [], {"iter": [], "n_resources": []}
    for rung, until in enumerate(search.n_resources_):
        context = root.subcontext(task_name="rung", max_subtasks=0)
        context.call_on_fit_task_begin(estimator=search)
        if rung > 0:
            alive = _best(alive, means, search.n_candidates_[rung])
        cells = [(i, j) for i in alive for j in range(search.n_splits_)]
        found = run_all(
            train_and_score,
            [trainings[i][j] | {"until": until} for i, j in cells],
            shared,
            given=[paused.get(cell) for cell in cells],
            n_jobs=search.n_jobs,
            cache=search.cache,
            kept=worth_keeping,
            verbose=search.verbose,
        )
        # Those that have dropped out are let go of here.
        paused = {cell: one.pop("paused") for cell, one in zip(cells, found, strict=True)}
        warn_or_raise_about_fit_failures(found, search.error_score)
        scores = [one["test_scores"] for one in found]
        wrong = [score for score in scores if isinstance(score, dict)]
        if wrong:
            raise ValueError(
                f"Got a scoring that returned {wrong[0]}, expected one number; rungs are cut "
                "by a single metric. Compute the others from best_estimator_."
            )
        means = np.reshape(scores, (len(alive), search.n_splits_)).mean(axis=1)
        if np.isnan(scores).all():
            raise ValueError(
                f"Got scoring={search.scoring!r}, which gave no candidate a number after {until} "
                "epochs; warnings say why. Of several classes, scikit-learn's scorers take a "
                "mean: 'f1_macro', 'roc_auc_ovr'."
            )
        rows += [candidates[i] for i in alive]
        out += found
        more["iter"] += [rung] * len(alive)
        more["n_resources"] += [until] * len(alive)
        context.call_on_fit_task_end(estimator=search)
    return cv_results(search, rows, search.n_splits_, out, more)


def best_index(search, results):
    """Return the row of the best candidate: of the last rung, or what a callable `refit` says."""
    if callable(search.refit):
        best = search.refit(results)
        if not isinstance(best, Integral) or not 0 <= best < len(results["params"]):
            raise ValueError(
                f"Got a refit that returned {best!r}, expected the index of a row of "
                f"cv_results_, from 0 to {len(results['params']) - 1}."
            )
        return best
    last = np.flatnonzero(results["iter"] == search.n_iterations_ - 1)
    scores = results["mean_test_score"][last]
    return last[0] if np.isnan(scores).all() else last[np.nanargmax(scores)]


def _best(candidates, scores, n_kept):
    """Return so many candidates of the highest scores, in their order; the first of equals."""
    # Those without a score come last.
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    return np.sort(candidates[order[:n_kept]])
