"""Successive halving over epochs, in which survivors go on with the training they have begun."""

import math
import time
from copy import deepcopy
from numbers import Integral, Real
from os import PathLike
from typing import ClassVar

import numpy as np
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state, get_tags, indexable
from sklearn.utils.metaestimators import available_if

from skfashion.model_selection.candidates import draw_candidates, with_params, with_seeds
from skfashion.model_selection.climbing import best_index, climb
from skfashion.model_selection.rungs import plan_rungs
from skfashion.model_selection.stepping import (
    epochs_of,
    method_mapping,
    routed_as,
    train_wholly,
    training_method,
)
from skfashion.parallel.cluster import SharedData
from skfashion.utils._sklearn import (
    BaseSearchCV,
    Interval,
    StrOptions,
    fit_context,
    routed_params,
    scorer_of,
    search_estimator_has,
    start_callbacks,
)
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.labels import refuse_missing
from skfashion.utils.names import Advising, advises
from skfashion.utils.seeds import get_seeds
from skfashion.utils.versions import PickledWithVersions


class EpochHalvingSearchCV(PickledWithVersions, Advising, BaseSearchCV):
    """Search with successive halving over epochs; surviving candidates continue their training.

    All candidates are trained for the first few epochs of the same full schedule. The best of them
    continue to `factor` times as many epochs, and so on, until the last ones reach the end. Unlike
    in scikit-learn's ``HalvingGridSearchCV(resource="max_epochs")``, no training starts again: its
    state (weights, optimizer, generators) passes from rung to rung as a checkpoint. While its
    learning rate is still high, a classifier of this package is scored with averaged weights. At
    the end it is the one that ``fit`` gives, to the last bit, for every `n_jobs` and joblib backend
    (with equal `n_threads`).

    Parameters
    ----------
    estimator : estimator
        A classifier of this package, any estimator with ``partial_fit``, which is called once per
        epoch, or a pipeline that ends with one of these. The earlier steps of a pipeline are fitted
        again at each rung.
    param_grid : dict or list of dict
        As in ``GridSearchCV``: values by parameter name. With `n_candidates`, also distributions,
        as in ``RandomizedSearchCV``.
    n_candidates : int or "all", default="all"
        How many candidates are drawn from the grid; "all" takes every one.
    factor : float > 1, default=3
        One of `factor` candidates continues, with `factor` times as many epochs at the next rung.
    max_resources : int or "auto", default="auto"
        Epochs of the last rung and length of the schedule. "auto" takes the estimator's
        `max_epochs` (or `max_iter`, if it has no such parameter; for SGDClassifier that is a limit
        of 1,000, so set a number).
    min_resources : int or "exhaust", default="exhaust"
        Smallest number of epochs of the first rung. "exhaust" makes as many rungs as needed until
        fewer than `factor` candidates are left, or as many as possible with one epoch in the first.
    scoring : str, callable or None, default=None
        As in ``GridSearchCV``; one metric.
    n_jobs : int, default=None
        Number of trainings at a time, as in joblib.
    refit : bool or callable, default=True
        Whether the best candidate is trained on all rows at the end, for `max_resources` epochs. A
        callable gets `cv_results_` and returns the index of the best.
    cv : int, splitter or iterable, default=None
        As in ``GridSearchCV``.
    verbose : int, default=0
        Whether progress is shown, a bar for each rung.
    random_state : int, RandomState or None, default=None
        Draws the candidates, and the seeds of estimators whose `random_state` is not an int,
        including that of the final fit.
    error_score : "raise" or float, default=np.nan
        As in ``GridSearchCV``.
    return_train_score : bool, default=False
        As in ``GridSearchCV``.
    cache : path-like or None, default=None
        Folder for the finished trainings of each rung. A search that was stopped then only does
        what is missing when it is started again; trainings that failed, or could not be scored, are
        tried again. The search needs an int as `random_state` if the estimator has none, and so
        does a `cv` that shuffles. The folder holds the whole state of each training, and is never
        emptied. It does not record what `n_threads=None` means, nor the code of your own scorers
        and steps: use another folder with another number of cores, or when that code has changed.
        Its files contain numbers and text, and run no code. For an estimator of another library
        they contain only the scores, so a continued search trains it from the beginning.

    Attributes
    ----------
    cv_results_ : dict of str to array
        As in ``HalvingGridSearchCV``: a candidate that reached the second rung has a row for each;
        ``iter`` is the rung, ``n_resources`` its epochs, and ``mean_fit_time`` the seconds since
        the previous rung.
    best_estimator_, best_params_, best_score_, best_index_, refit_time_
        As in ``HalvingGridSearchCV``: the best of the last rung, or the choice of a callable
        `refit`. The number of epochs is `max_resources_`, whatever a net's own `max_epochs` is; it
        is not in `best_params_`.
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
    sklearn.model_selection.HalvingGridSearchCV : Starts again at every rung, or halves rows.

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

    @advises
    def __init__(
        self,
        estimator,
        param_grid,
        *,
        n_candidates: int | str = "all",
        factor: float = 3,
        max_resources: int | str = "auto",
        min_resources: int | str = "exhaust",
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        random_state=None,
        error_score: float | str = np.nan,
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
        # BaseSearchCV copies the tags of classifiers and regressors, but not of transformers.
        tags.transformer_tags = deepcopy(get_tags(self.estimator).transformer_tags)
        return tags

    def get_metadata_routing(self):
        """Return which object gets which metadata, such as weights.

        An estimator that is trained by ``partial_fit`` gets what it requests there, any other
        one what it requests for ``fit``.

        Returns
        -------
        MetadataRouter
        """
        router, mapping = super().get_metadata_routing(), method_mapping(self.estimator)
        return router.add(estimator=routed_as(self.estimator), method_mapping=mapping)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **params):
        """Search, and train the best candidate on all rows.

        Parameters
        ----------
        X : array-like
            What the estimator takes.
        y : array-like of shape (n,)
            Labels or targets.
        **params : dict
            More arguments of the estimator's ``fit`` or ``partial_fit``, such as ``sample_weight``,
            and ``groups`` for the splitter. Those with one entry per row are split together with
            the rows.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            If the estimator cannot continue a training, a parameter is not as described, labels or
            groups are missing, or all trainings of a rung fail or cannot be scored; the message
            says why.
        ConnectionError
            If the scheduler of the Dask cluster is gone.
        TypeError
            If a training cannot be pickled and sent to the Dask cluster, or hashed for the cache;
            if a callable `refit` returns no integer, or all fail because of a TypeError.
        IndexError
            If a callable `refit` returns no row of `cv_results_`.
        """
        if isinstance(self.scoring, list | tuple | dict):
            raise ValueError(
                f"Got scoring={self.scoring!r}, expected one metric, by which rungs are cut. "
                "Compute the others from best_estimator_."
            )
        self._check_that_the_cache_is_of_use()
        scorer = scorer_of(self)
        refuse_missing(y)
        X, y = indexable(X, y)
        routed = routed_params(self, X, params)
        refuse_missing(routed.splitter.split.get("groups"), "groups")
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        # Drawn once: a rung must not see other rows than the one before.
        splits = list(splitter.split(X, y, **routed.splitter.split))
        self.n_splits_ = len(splits)
        rng = check_random_state(self.random_state)
        candidates = draw_candidates(self.estimator, self.param_grid, self.n_candidates, rng)
        if not splits or not candidates:
            raise ValueError(
                f"Got {len(candidates)} candidates in param_grid and {len(splits)} splits from cv, "
                "expected at least one of each."
            )
        self._plan(len(candidates), len(splits[0][0]))

        given = {"estimator": self, "X": X, "y": y}
        weight = params.get("sample_weight")
        given["metadata"] = None if weight is None else {"sample_weight": weight}
        root = start_callbacks(self, 1 + bool(self.refit))
        root.call_on_fit_task_begin(**given)

        # Without routing, whatever is no splitter's is the estimator's, under the name of fit.
        is_routed = get_config()["enable_metadata_routing"]
        fit_params = routed.estimator[training_method(self.estimator) if is_routed else "fit"]
        # One object for all rungs: a Dask cluster is sent the data once.
        shared = SharedData(
            {
                "X": X,
                "y": y,
                "splits": splits,
                "fit_params": fit_params,
                "score_params": routed.scorer.score,
            }
        )
        trainings = [
            [self._make_training(candidate, j, scorer, rng) for j in range(len(splits))]
            for candidate in candidates
        ]
        results = climb(self, candidates, trainings, shared, root)

        # As BaseSearchCV names what it finds; one metric, whose name is "score".
        self.multimetric_ = False
        self.best_index_ = best_index(self, results)
        self.best_params_ = results["params"][self.best_index_]
        self.best_score_ = results["mean_test_score"][self.best_index_]
        if self.refit:
            model = with_seeds(with_params(self.estimator, self.best_params_), rng)
            self._refit(model, X, y, fit_params, root, given)
        self.scorer_ = scorer
        self.cv_results_ = results
        root.call_on_fit_task_end(**given)
        return self

    @available_if(search_estimator_has("transform"))
    def fit_transform(self, X, y=None, **params):
        """Search, and return the rows transformed by the best estimator.

        Parameters
        ----------
        X, y, **params
            As in :meth:`fit`.

        Returns
        -------
        array-like of shape (n_samples, n_features_out)
        """
        return self.fit(X, y, **params).transform(X)

    def _check_that_the_cache_is_of_use(self):
        """Warn where seeds differ from call to call, so that nothing kept is found again."""
        drawn = not isinstance(self.random_state, Integral) and any(
            not isinstance(seed, Integral) for seed in get_seeds(self.estimator).values()
        )
        # A splitter of one's own need not have these.
        seed = getattr(self.cv, "random_state", 0)
        shuffles = getattr(self.cv, "shuffle", False) and seed is None
        if self.cache is not None and (drawn or shuffles):
            warn_the_caller(
                f"Got cache={str(self.cache)!r} and random numbers that differ from call to call, "
                "so that nothing will be found there again; set random_state of the search, and of "
                "a cv that shuffles, to an int.",
            )

    def _plan(self, n_candidates, n_rows):
        """Set the attributes that say how many candidates train for how many epochs."""
        largest = self.max_resources
        if largest == "auto":
            largest = epochs_of(self.estimator, n_rows)
        smallest = 1 if self.min_resources == "exhaust" else self.min_resources
        self.n_candidates_, self.n_resources_ = plan_rungs(
            n_candidates, self.factor, smallest, largest
        )
        if len(self.n_resources_) == 1 and n_candidates >= self.factor and smallest < largest:
            warn_the_caller(
                f"Got max_resources={largest} and factor={self.factor}, which leave one rung: all "
                f"{n_candidates} candidates train to the end.",
            )
        self.min_resources_, self.max_resources_ = self.n_resources_[0], largest
        self.n_iterations_ = len(self.n_resources_)
        self.n_remaining_candidates_ = math.ceil(self.n_candidates_[-1] / self.factor)

    def _make_training(self, candidate, split, scorer, rng):
        """Return the task of training one candidate on one split, still without its epochs."""
        return {
            # Seeded here: the same at every rung, in whatever process that is.
            "model": with_seeds(with_params(self.estimator, candidate), rng),
            "split": split,
            "scorer": scorer,
            "total": self.max_resources_,
            "error_score": self.error_score,
            "return_train_score": self.return_train_score,
        }

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
