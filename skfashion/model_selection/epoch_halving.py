"""Successive halving over epochs, in which survivors go on with the training they have begun."""

import math
import time
import traceback
import warnings
from copy import deepcopy
from numbers import Integral, Real
from os import PathLike
from typing import ClassVar

import numpy as np
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
from sklearn.model_selection._search import BaseSearchCV, _search_estimator_has
from sklearn.model_selection._validation import _score, _warn_or_raise_about_fit_failures
from sklearn.utils import check_random_state, get_tags, indexable
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import _safe_split, available_if
from sklearn.utils.validation import _check_method_params

from skfashion.model_selection.rungs import plan_rungs
from skfashion.model_selection.stepping import (
    can_go_on,
    epochs_of,
    is_around_a_net,
    last_of,
    train_until,
    train_wholly,
)
from skfashion.parallel.cluster import SharedData
from skfashion.parallel.runs import run_all

# Parameters that say how long an estimator trains, of ours and of scikit-learn's.
EPOCHS = {"max_epochs", "max_iter"}


class EpochHalvingSearchCV(BaseSearchCV):
    """Search with successive halving over epochs, in which survivors go on with their training.

    All candidates are trained for a few epochs of the same, whole schedule; the best of them go on
    for `factor` times as many, and so on, until the last ones have come to the end. Nobody begins
    anew, as in scikit-learn's ``HalvingGridSearchCV(resource="max_epochs")``: what a training
    needs to go on (weights, optimizer, generators) travels from rung to rung as a checkpoint. A
    classifier of this package is judged by averaged weights while its learning rate is still
    high, and at the end is the one that ``fit`` gives, to the last bit, for every `n_jobs` and
    backend of joblib's (at an equal `n_threads`).

    Parameters
    ----------
    estimator : estimator
        A classifier of this package, any estimator with ``partial_fit``, which is called once an
        epoch, or a pipeline that ends with one of these. The earlier steps of a pipeline are
        fitted anew at each rung.
    param_grid : dict or list of dict
        As in ``GridSearchCV``: values by name of the parameter. With `n_candidates`,
        distributions as well, as in ``RandomizedSearchCV``.
    n_candidates : int or "all", default="all"
        How many candidates are drawn of the grid; "all" takes every one.
    factor : float > 1, default=3
        Of `factor` candidates one goes on, and has `factor` times as many epochs at the next rung.
    max_resources : int or "auto", default="auto"
        Epochs of the last rung and length of the schedule; "auto" is what the estimator's
        `max_epochs` says (`max_iter`, where it has no such parameter; of SGDClassifier that is
        a limit of 1,000, so set a number).
    min_resources : int or "exhaust", default="exhaust"
        Fewest epochs of the first rung; "exhaust" makes as many rungs as the candidates need until
        less than `factor` of them are left, or as there can be with an epoch in the first.
    scoring : str, callable or None, default=None
        As in ``GridSearchCV``; one metric.
    n_jobs : int, default=None
        Trainings at a time, as joblib counts.
    refit : bool or callable, default=True
        Whether the best candidate is trained on all rows in the end, for `max_resources` epochs. A
        callable gets `cv_results_` and returns the index of the best.
    cv : int, splitter or iterable, default=None
        As in ``GridSearchCV``.
    verbose : int, default=0
        Whether progress is shown, a bar for each rung.
    random_state : int, RandomState or None, default=None
        Draws the candidates, and seeds of the estimators whose `random_state` is no int, that of
        the last fit included.
    error_score : "raise" or float, default=np.nan
        As in ``GridSearchCV``.
    return_train_score : bool, default=False
        As in ``GridSearchCV``.
    cache : path-like or None, default=None
        Folder in which finished trainings of each rung are kept, so that a search that was stopped
        does only what is missing when it is started again; those that failed, or could not be
        scored, are tried again. Needs a `random_state` that is an int where the estimator, or a
        `cv` that shuffles, has none. It holds the whole state of each training, is never emptied,
        and knows nothing of `n_threads=None`, nor of the code of your own scorers and steps:
        with another number of cores, or when that code has changed, begin another one.

    Attributes
    ----------
    cv_results_ : dict of str to array
        As in ``HalvingGridSearchCV``: a candidate that reached the second rung has a row for
        each; ``iter`` is the rung, ``n_resources`` its epochs, and ``mean_fit_time`` the seconds
        since the rung before.
    best_estimator_, best_params_, best_score_, best_index_, refit_time_
        As in ``HalvingGridSearchCV``: the best of the last rung, or what a callable `refit` says.
        The number of epochs is `max_resources_`, whatever a net's own `max_epochs` is, and not
        in `best_params_`.
    scorer_, n_splits_, n_features_in_, feature_names_in_, classes_
        As in ``GridSearchCV``.
    n_resources_, n_candidates_ : list of int
        Epochs and candidates of each rung.
    n_iterations_ : int
        Number of rungs.
    n_remaining_candidates_ : int
        Candidates that would have gone on from the last rung.
    min_resources_, max_resources_ : int
        Epochs of the first and of the last rung.
    multimetric_ : bool
        False.

    See Also
    --------
    sklearn.model_selection.HalvingGridSearchCV : Begins anew at every rung, or halves rows.

    References
    ----------
    Karnin, Koren and Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013;
    Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", AISTATS 2016.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.model_selection import EpochHalvingSearchCV
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> search = EpochHalvingSearchCV(
    ...     MLPNetClassifier(random_state=0),
    ...     {"hidden_layer_sizes": [(16,), (64,)], "lr": [1e-3, 5e-3]},
    ...     max_resources=4,
    ...     factor=2,
    ...     cv=2,
    ... ).fit(X[:600], y[:600])
    >>> search.n_resources_, search.n_candidates_
    ([1, 2, 4], [4, 2, 1])
    """

    _required_parameters = ("estimator", "param_grid")

    _parameter_constraints: ClassVar = {
        **BaseSearchCV._parameter_constraints,
        "param_grid": [dict, list],
        "n_candidates": [Interval(Integral, 1, None, closed="left"), StrOptions({"all"})],
        "factor": [Interval(Real, 1, None, closed="neither")],
        "max_resources": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "min_resources": [Interval(Integral, 1, None, closed="left"), StrOptions({"exhaust"})],
        # Several are refused by `fit`, in words.
        "scoring": [StrOptions(set(get_scorer_names())), callable, None, list, tuple, dict],
        "refit": ["boolean", callable],
        "random_state": ["random_state"],
        "cache": [str, PathLike, None],
    }
    _parameter_constraints.pop("pre_dispatch")

    def __init__(
        self,
        estimator,
        param_grid,
        *,
        n_candidates="all",
        factor=3,
        max_resources="auto",
        min_resources="exhaust",
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
        cache=None,
    ):
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid
        self.n_candidates = n_candidates
        self.factor = factor
        self.max_resources = max_resources
        self.min_resources = min_resources
        self.random_state = random_state
        self.cache = cache

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Of an estimator that transforms, such as a net, which the base class forgets.
        tags.transformer_tags = deepcopy(get_tags(self.estimator).transformer_tags)
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **params):
        """Search, and train the best candidate on all rows.

        Parameters
        ----------
        X : array-like
            What the estimator takes.
        y : array-like of shape (n,)
            Labels or targets.
        **params : dict
            More arguments of the estimator's ``fit``, such as ``sample_weight``, which are split
            together with the rows where they have as many, and ``groups`` for the splitter.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            If the estimator cannot go on with a training, a parameter is not as described, or all
            trainings of a rung fail or cannot be scored.
        ConnectionError
            If the scheduler of the Dask cluster is gone.
        TypeError
            If a training cannot be pickled and sent to the Dask cluster, or hashed for the cache.
        """
        if isinstance(self.scoring, list | tuple | dict):
            raise ValueError(
                f"Got scoring={self.scoring!r}, expected one metric, by which rungs are cut. "
                "Compute the others from best_estimator_."
            )
        self._check_that_the_cache_is_of_use()
        scorer, _ = self._get_scorers()
        X, y = indexable(X, y)
        routed = self._get_routed_params_for_fit(_check_method_params(X, params=params))
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        # Drawn once: a rung must not see other rows than the one before.
        splits = list(splitter.split(X, y, **routed.splitter.split))
        self.n_splits_ = len(splits)
        rng = check_random_state(self.random_state)
        candidates = self._draw_candidates(rng)
        if not splits or not candidates:
            raise ValueError(
                f"Got {len(candidates)} candidates in param_grid and {len(splits)} splits from cv, "
                "expected at least one of each."
            )
        self._plan(len(candidates), len(splits[0][0]))

        given = {"estimator": self, "X": X, "y": y}
        weight = params.get("sample_weight")
        given["metadata"] = None if weight is None else {"sample_weight": weight}
        root = self._init_callback_context(max_subtasks=len(self.n_resources_) + bool(self.refit))
        root.call_on_fit_task_begin(**given)

        # One object for all rungs: a Dask cluster is sent the data once.
        shared = SharedData(
            {
                "X": X,
                "y": y,
                "splits": splits,
                "fit_params": routed.estimator.fit,
                "score_params": routed.scorer.score,
            }
        )
        trainings = [
            [self._make_training(candidate, j, scorer, rng) for j in range(len(splits))]
            for candidate in candidates
        ]
        results = self._climb(candidates, trainings, shared, root)

        # As BaseSearchCV names what it finds; one metric, whose name is "score".
        self.multimetric_ = False
        self.best_index_ = self._find_best(results)
        self.best_params_ = results["params"][self.best_index_]
        self.best_score_ = results["mean_test_score"][self.best_index_]
        if self.refit:
            model = self._seeded(self.best_params_, rng)
            self._refit(model, X, y, routed.estimator.fit, root, given)
        self.scorer_ = scorer
        self.cv_results_ = results
        root.call_on_fit_task_end(**given)
        return self

    @available_if(_search_estimator_has("transform"))
    def fit_transform(self, X, y=None, **params):
        """Search, and return what the best estimator makes of the rows.

        Parameters
        ----------
        X, y, **params
            As in :meth:`fit`.

        Returns
        -------
        array-like of shape (n_samples, n_features_out)
        """
        return self.fit(X, y, **params).transform(X)

    def _draw_candidates(self, rng):
        if self.n_candidates == "all":
            candidates = list(ParameterGrid(self.param_grid))
        else:
            candidates = list(
                ParameterSampler(self.param_grid, self.n_candidates, random_state=rng)
            )
        for candidate in candidates:
            model = clone(self.estimator).set_params(**clone(candidate, safe=False))
            if not can_go_on(model):
                raise ValueError(
                    f"Got a {type(last_of(model)).__name__}, whose training cannot be stopped and "
                    "continued; expected a classifier of skfashion or an estimator with "
                    "partial_fit, alone or as the last step of a pipeline. scikit-learn's "
                    "HalvingGridSearchCV takes all others."
                )
            if is_around_a_net(model):
                raise ValueError(
                    f"Got a {type(last_of(model)).__name__} around a classifier of skfashion, "
                    "whose training does not travel with it from process to process; expected the "
                    "classifier itself. scikit-learn's HalvingGridSearchCV takes such estimators."
                )
            # Where epochs are counted from outside, max_iter has no say.
            counted = {"max_epochs"} if hasattr(last_of(model), "_fit_until") else EPOCHS
            for name in candidate:
                if name.split("__")[-1] in counted:
                    raise ValueError(
                        f"Got {candidate}, in which {name} is searched; expected other parameters: "
                        "epochs are what this search spends. Set max_resources to their number."
                    )
        return candidates

    def _check_that_the_cache_is_of_use(self):
        """Warn where seeds differ from call to call, so that nothing kept is found again."""
        drawn = not isinstance(self.random_state, Integral) and any(
            name.split("__")[-1] == "random_state" and not isinstance(value, Integral)
            for name, value in self.estimator.get_params().items()
        )
        # A splitter of one's own need not have these.
        seed = getattr(self.cv, "random_state", 0)
        shuffles = getattr(self.cv, "shuffle", False) and seed is None
        if self.cache is not None and (drawn or shuffles):
            warnings.warn(
                f"Got cache={str(self.cache)!r} and random numbers that differ from call to call, "
                "so that nothing will be found there again; set random_state of the search, and of "
                "a cv that shuffles, to an int.",
                UserWarning,
                stacklevel=3,
            )

    def _plan(self, n_candidates, n_rows):
        """Set the attributes that say how many candidates train for how many epochs."""
        largest = self.max_resources
        if largest == "auto":
            largest = epochs_of(self.estimator, n_rows)
            if largest is None:
                raise ValueError(
                    f"Got max_resources='auto' with a {type(last_of(self.estimator)).__name__}, "
                    "which has neither max_epochs nor max_iter; expected a number of epochs."
                )
        smallest = 1 if self.min_resources == "exhaust" else self.min_resources
        if smallest > largest:
            raise ValueError(
                f"Got min_resources={smallest} and max_resources={largest}, expected at most as "
                "many in the first rung as in the last."
            )
        self.n_candidates_, self.n_resources_ = plan_rungs(
            n_candidates, self.factor, smallest, largest
        )
        if len(self.n_resources_) == 1 and n_candidates >= self.factor and smallest < largest:
            warnings.warn(
                f"Got max_resources={largest} and factor={self.factor}, which leave one rung: all "
                f"{n_candidates} candidates train to the end.",
                UserWarning,
                stacklevel=3,
            )
        self.min_resources_, self.max_resources_ = self.n_resources_[0], largest
        self.n_iterations_ = len(self.n_resources_)
        self.n_remaining_candidates_ = math.ceil(self.n_candidates_[-1] / self.factor)

    def _make_training(self, candidate, split, scorer, rng):
        """Return what one candidate does on one split, as a task of `run_all`'s without epochs."""
        return {
            # Seeded here: the same at every rung, in whatever process that is.
            "model": self._seeded(candidate, rng),
            "split": split,
            "scorer": scorer,
            "total": self.max_resources_,
            "error_score": self.error_score,
            "return_train_score": self.return_train_score,
        }

    def _seeded(self, candidate, rng):
        """Return an estimator with a candidate's parameters, which draws nothing by chance."""
        model = clone(self.estimator).set_params(**clone(candidate, safe=False))
        known = model.get_params()
        names = [name for name in known if name.split("__")[-1] == "random_state"]
        seeds = {name: int(rng.randint(np.iinfo(np.int32).max)) for name in sorted(names)}
        return model.set_params(
            **{name: seed for name, seed in seeds.items() if not isinstance(known[name], Integral)}
        )

    def _climb(self, candidates, trainings, shared, root):
        """Train rung by rung; return what `cv_results_` is to be."""
        alive, means, paused = np.arange(len(candidates)), None, {}
        rows, out, more = [], [], {"iter": [], "n_resources": []}
        for rung, until in enumerate(self.n_resources_):
            context = root.subcontext(task_name="rung", max_subtasks=0)
            context.call_on_fit_task_begin(estimator=self)
            if rung > 0:
                alive = _best(alive, means, self.n_candidates_[rung])
            cells = [(i, j) for i in alive for j in range(self.n_splits_)]
            found = run_all(
                _advance,
                [trainings[i][j] | {"until": until} for i, j in cells],
                shared,
                given=[paused.get(cell) for cell in cells],
                n_jobs=self.n_jobs,
                cache=self.cache,
                is_lasting=_has_not_failed,
                verbose=self.verbose,
            )
            # Those that have dropped out are let go of here.
            paused = {cell: one.pop("paused") for cell, one in zip(cells, found, strict=True)}
            _warn_or_raise_about_fit_failures(found, self.error_score)
            scores = [one["test_scores"] for one in found]
            wrong = [score for score in scores if isinstance(score, dict)]
            if wrong:
                raise ValueError(
                    f"Got a scoring that returned {wrong[0]}, expected one number; rungs are cut "
                    "by a single metric. Compute the others from best_estimator_."
                )
            means = np.reshape(scores, (len(alive), self.n_splits_)).mean(axis=1)
            if np.isnan(scores).all():
                raise ValueError(
                    f"Got scoring={self.scoring!r}, which gave no candidate a number after {until} "
                    "epochs; warnings say why. Of several classes, scikit-learn's scorers take a "
                    "mean: 'f1_macro', 'roc_auc_ovr'."
                )
            rows += [candidates[i] for i in alive]
            out += found
            more["iter"] += [rung] * len(alive)
            more["n_resources"] += [until] * len(alive)
            context.call_on_fit_task_end(estimator=self)
        return self._format_results(rows, self.n_splits_, out, more)

    def _find_best(self, results):
        if callable(self.refit):
            best = self.refit(results)
            if not isinstance(best, Integral) or not 0 <= best < len(results["params"]):
                raise ValueError(
                    f"Got a refit that returned {best!r}, expected the index of a row of "
                    f"cv_results_, from 0 to {len(results['params']) - 1}."
                )
            return best
        last = np.flatnonzero(results["iter"] == self.n_iterations_ - 1)
        scores = results["mean_test_score"][last]
        return last[0] if np.isnan(scores).all() else last[np.nanargmax(scores)]

    def _refit(self, model, X, y, fit_params, root, given):
        context = root.subcontext(task_name="refit-with-best-params")
        with context.propagate_callback_context(model):
            context.call_on_fit_task_begin(**given)
            start = time.perf_counter()
            self.best_estimator_ = train_wholly(model, X, y, fit_params, total=self.max_resources_)
            self.refit_time_ = time.perf_counter() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        context.call_on_fit_task_end(**given)


def _best(candidates, scores, n_kept):
    """Return so many candidates of the highest scores, in their order; the first of equals."""
    # Those without a score come last.
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    return np.sort(candidates[order[:n_kept]])


def _has_not_failed(result):
    """Tell whether a training and its scoring need not be tried again by the next call."""
    scores = [result["test_scores"], result.get("train_scores", 0.0)]
    return result["fit_error"] is None and not any(
        isinstance(s, dict) or np.isnan(s) for s in scores
    )


def _advance(task, shared, paused):
    """Train one candidate on one split up to a rung, and score it there.

    A training that failed before begins anew.
    """
    X, y, (train, test) = shared["X"], shared["y"], shared["splits"][task["split"]]
    model, scorer, error_score = clone(task["model"]), task["scorer"], task["error_score"]
    X_train, y_train = _safe_split(model, X, y, train)
    X_test, y_test = _safe_split(model, X, y, test, train)
    fit_params = _check_method_params(X, shared["fit_params"], train)
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
    of_test = _check_method_params(X, shared["score_params"], test)
    result["test_scores"] = _score(model, X_test, y_test, scorer, of_test, error_score)
    result["score_time"] = time.perf_counter() - start
    if task["return_train_score"]:
        of_train = _check_method_params(X, shared["score_params"], train)
        result["train_scores"] = _score(model, X_train, y_train, scorer, of_train, error_score)
    return result
