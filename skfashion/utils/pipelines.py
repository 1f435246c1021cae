"""How studies reach into an estimator that may be a pipeline, imbalanced-learn's too."""

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
    if isinstance(estimator, Pipeline):
        return estimator.steps
    return [("classifier", estimator)]


def last_step(estimator):
    """Return the estimator that learns, and the prefix of its parameters' names.

    Parameters
    ----------
    estimator : classifier or Pipeline

    Returns
    -------
    prefix : str
        "" for an estimator on its own, "name__" for the last step of a pipeline.
    step : estimator
    """
    name, step = steps_of(estimator)[-1]
    return f"{name}__" if isinstance(estimator, Pipeline) else "", step


def weights_name(estimator):
    """Return under which name ``fit`` takes the weights of rows, None if it takes none.

    Parameters
    ----------
    estimator : classifier or Pipeline
        A pipeline's weights are those of its last step; one that resamples rows has no use for
        weights of the rows before.

    Returns
    -------
    str or None
    """
    prefix, step = last_step(estimator)
    resamples = any(hasattr(earlier, "fit_resample") for _, earlier in steps_of(estimator)[:-1])
    takes_weights = not resamples and has_fit_parameter(step, "sample_weight")
    return f"{prefix}sample_weight" if takes_weights else None


def no_weights(estimator):
    """Say that an estimator takes no weights; None if it does."""
    return None if weights_name(estimator) else "the estimator's fit takes no sample_weight"
