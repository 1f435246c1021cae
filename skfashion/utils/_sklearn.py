"""Every private name of scikit-learn that this package uses, and no other module has one.

scikit-learn may rename or change them in any release. Beside each stand the first and the last
version in which it was seen; what was not looked for in others is not known there. When a new
version breaks something, this is the file to look at.
"""

from contextlib import nullcontext

from sklearn.base import _fit_context as fit_context  # 1.9.0-1.9.1
from sklearn.model_selection._search import BaseSearchCV  # 1.9.0-1.9.1
from sklearn.model_selection._search import (
    _search_estimator_has as search_estimator_has,  # 1.9.0-1.9.1
)
from sklearn.model_selection._validation import _score as score_or_error  # 1.9.0-1.9.1
from sklearn.model_selection._validation import (
    _warn_or_raise_about_fit_failures as warn_or_raise_about_fit_failures,  # 1.9.0-1.9.1
)
from sklearn.utils import _safe_indexing as take_rows  # 1.9.0-1.9.1
from sklearn.utils._optional_dependencies import check_matplotlib_support  # 1.9.0-1.9.1
from sklearn.utils._param_validation import (
    Interval,  # 1.9.0-1.9.1
    StrOptions,  # 1.9.0-1.9.1
    make_constraint,  # 1.9.0-1.9.1
    validate_parameter_constraints,  # 1.9.0-1.9.1
    validate_params,  # 1.9.0-1.9.1
)
from sklearn.utils.metaestimators import _safe_split as split_rows  # 1.9.0-1.9.1
from sklearn.utils.validation import (
    _check_method_params as params_of_rows,  # 1.9.0-1.9.1
)
from sklearn.utils.validation import (
    _check_sample_weight as check_sample_weight,  # 1.9.0-1.9.1
)
from sklearn.utils.validation import (
    _num_samples as count_rows,  # 1.9.0-1.9.1
)

__all__ = [
    "BaseSearchCV",
    "Interval",
    "StrOptions",
    "check_matplotlib_support",
    "check_params",
    "check_sample_weight",
    "chosen_index",
    "count_rows",
    "cv_results",
    "fit_context",
    "has_callbacks",
    "make_constraint",
    "metric_of",
    "params_of_rows",
    "passed_on_callbacks",
    "routed_params",
    "score_or_error",
    "scorer_of",
    "search_estimator_has",
    "split_rows",
    "start_callbacks",
    "take_rows",
    "validate_parameter_constraints",
    "validate_params",
    "warn_or_raise_about_fit_failures",
]


def check_params(estimator):
    """Check the parameters of an estimator against its constraints."""
    estimator._validate_params()  # 1.9.0-1.9.1


def metric_of(scorer):
    """Return the function that a scorer calls, the scorer itself where it is a plain function."""
    return getattr(scorer, "_score_func", scorer)  # 1.9.0-1.9.1


# Callbacks are new in 1.9.


def has_callbacks(estimator):
    """Tell whether callbacks are set on an estimator."""
    return bool(getattr(estimator, "_skl_callbacks", None))  # 1.9.0-1.9.1


def passed_on_callbacks(outer, inner):
    """Return a context in which an estimator takes another one's place in the callbacks' tree."""
    context = getattr(outer, "_parent_callback_ctx", None)  # 1.9.0-1.9.1
    return nullcontext() if context is None else context.propagate_callback_context(inner)


def start_callbacks(estimator, max_subtasks):
    """Return the context of the callbacks of a fit that begins."""
    return estimator._init_callback_context(max_subtasks=max_subtasks)  # 1.9.0-1.9.1


# What BaseSearchCV offers to the searches that inherit from it.


def scorer_of(search):
    """Return the scorer of a search with one metric."""
    return search._get_scorers()[0]  # 1.9.0-1.9.1


def routed_params(search, X, params):
    """Return the parameters of a search's ``fit``, by whom they are for: estimator, scorer, cv."""
    return search._get_routed_params_for_fit(params_of_rows(X, params=params))  # 1.9.0-1.9.1


def cv_results(search, candidates, n_splits, results, more):
    """Return `cv_results_` of a search from the results of its trainings."""
    return search._format_results(candidates, n_splits, results, more)  # 1.9.0-1.9.1


def chosen_index(search, results):
    """Return the row of `cv_results_` that a callable `refit` of a search chooses."""
    return search._select_best_index(search.refit, "score", results)  # 1.9.0-1.9.1
