"""The estimators inside pipelines and searches, imbalanced-learn's pipelines too."""

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter


def steps_of(estimator):
    """Return the steps of a pipeline; an estimator on its own is its only step, "classifier".

    Parameters
    ----------
    estimator : classifier or Pipeline

    Returns
    -------
    list of (str, estimator)
    """
    return estimator.steps if isinstance(estimator, Pipeline) else [("classifier", estimator)]


def last_step(estimator):
    """Return the estimator that learns: the last step of a pipeline, the best of a fitted search.

    Parameters
    ----------
    estimator : estimator
        Pipelines and searches may be inside of each other.

    Returns
    -------
    estimator
        `estimator` itself if it is neither a pipeline nor a fitted search.
    """
    if hasattr(estimator, "best_estimator_"):
        return last_step(estimator.best_estimator_)
    return last_step(estimator.steps[-1][1]) if hasattr(estimator, "steps") else estimator


def input_of_last_step(estimator, X):
    """Return what the earlier steps of a fitted pipeline or search make of rows to predict.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X : array-like

    Returns
    -------
    array-like
        `X` itself for an estimator on its own. Samplers of imbalanced-learn are left out: they
        change training rows only.
    """
    if hasattr(estimator, "best_estimator_"):
        return input_of_last_step(estimator.best_estimator_, X)
    if not hasattr(estimator, "steps"):
        return X
    for _, step in estimator.steps[:-1]:
        is_nothing = step is None or isinstance(step, str)  # "passthrough"
        if not is_nothing and not hasattr(step, "fit_resample"):
            X = step.transform(X)
    return input_of_last_step(estimator.steps[-1][1], X)


def prefix_of_last_step(estimator):
    """Return what precedes the names of the last step's parameters, as in ``"net__lr"``.

    Parameters
    ----------
    estimator : classifier or Pipeline

    Returns
    -------
    str
        "" for an estimator on its own.
    """
    if not isinstance(estimator, Pipeline):
        return ""
    name, step = estimator.steps[-1]
    return f"{name}__{prefix_of_last_step(step)}"


def weights_name(estimator):
    """Return the name under which ``fit`` takes the weights of rows, None if it takes none.

    Parameters
    ----------
    estimator : classifier or Pipeline
        A pipeline passes weights on to its last step. One that resamples rows takes none: they
        would belong to the rows before.

    Returns
    -------
    str or None
    """
    resamples = any(hasattr(step, "fit_resample") for _, step in steps_of(estimator)[:-1])
    if resamples or not has_fit_parameter(last_step(estimator), "sample_weight"):
        return None
    return f"{prefix_of_last_step(estimator)}sample_weight"


def no_weights(estimator):
    """Say that an estimator takes no weights; None if it does."""
    return None if weights_name(estimator) else "the estimator's fit takes no sample_weight"
