"""From rung to rung: all candidates are trained for a while, and the best of them go on."""

import numpy as np
from joblib import effective_n_jobs

from skfashion.model_selection.announcing import announcements_of
from skfashion.model_selection.candidates import train_and_score, worth_keeping
from skfashion.parallel.runs import run_all
from skfashion.utils._sklearn import chosen_index, cv_results, warn_or_raise_about_fit_failures


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
    ValueError or TypeError
        If all trainings of a rung fail or cannot be scored.
    """
    tree = root.subcontext(task_name="search", max_subtasks=search.n_iterations_)
    tree.call_on_fit_task_begin(estimator=search)
    alive, means, paused, seconds = np.arange(len(candidates)), None, {}, {}
    rows, out, more = [], [], {"iter": [], "n_resources": []}
    for rung, until in enumerate(search.n_resources_):
        if rung > 0:
            alive = _best(alive, means, search.n_candidates_[rung])
        cells = [(i, j) for i in alive for j in range(search.n_splits_)]
        # Named as in scikit-learn's halving.
        branch = tree.subcontext(
            task_name="halving-iteration", max_subtasks=len(cells), sequential_subtasks=False
        )
        branch.call_on_fit_task_begin(estimator=search)
        tasks = [trainings[i][j] | {"until": until} for i, j in cells]
        announcements = announcements_of(search, branch, [task["model"] for task in tasks])
        order = None
        if effective_n_jobs(search.n_jobs) > 1:
            # The longest first: nobody waits in the end for one that has just begun.
            order = sorted(range(len(cells)), key=lambda k: -seconds.get(cells[k], 0.0))
        found = run_all(
            train_and_score,
            tasks,
            shared,
            given=[*zip(map(paused.get, cells), announcements, strict=True)],
            n_jobs=search.n_jobs,
            cache=search.cache,
            kept=worth_keeping,
            order=order,
            verbose=search.verbose,
        )
        seconds = {cell: one["fit_time"] for cell, one in zip(cells, found, strict=True)}
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
            raise _no_number(search, until, found)
        rows += [candidates[i] for i in alive]
        out += found
        more["iter"] += [rung] * len(alive)
        more["n_resources"] += [until] * len(alive)
        branch.call_on_fit_task_end(estimator=search)
    tree.call_on_fit_task_end(estimator=search)
    return cv_results(search, rows, search.n_splits_, out, more)


def best_index(search, results):
    """Return the row of the best candidate: of the last rung, or what a callable `refit` says."""
    if callable(search.refit):
        return chosen_index(search, results)
    last = np.flatnonzero(results["iter"] == search.n_iterations_ - 1)
    scores = results["mean_test_score"][last]
    return last[0] if np.isnan(scores).all() else last[np.nanargmax(scores)]


def _no_number(search, until, found):
    """Return the error of a rung without any score, which says what made them NaN."""
    untrained = [one for one in found if one["fit_error"] is not None]
    reasons = [one["reason"] for one in untrained or found if one["reason"] is not None]
    reason = reasons[0] if reasons else "the scorer itself returns NaN"
    if untrained:
        words = (
            f"Got no score of any candidate after {until} epochs, since trainings have failed "
            f"({reason}). Mend that, or set error_score='raise' to see where it comes from."
        )
    else:
        words = (
            f"Got scoring={search.scoring!r}, which gave no candidate a number after {until} "
            f"epochs ({reason}). Of several classes, scikit-learn's scorers take a mean: "
            "'f1_macro', 'roc_auc_ovr'."
        )
    # As of a single fit, of which data of a wrong kind make a TypeError.
    return TypeError(words) if reason.startswith("TypeError:") else ValueError(words)


def _best(candidates, scores, n_kept):
    """Return so many candidates of the highest scores, in their order; the first of equals."""
    # Those without a score come last.
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    return np.sort(candidates[order[:n_kept]])
