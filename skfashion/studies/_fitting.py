"""What mitigations share: the form of their results, and how to reach into a pipeline."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter


class Fitted:
    """A result of a mitigation.

    Parameters
    ----------
    predict : callable
        ``predict(X, groups)`` returns labels.
    """

    def __init__(self, predict):
        self.predict = predict

    @classmethod
    def blind(cls, estimator):
        """Wrap a fitted estimator, which does not look at the groups."""
        return cls(lambda X, groups: estimator.predict(X))


class ZeroOne:
    """Labels of a binary task as 0 and 1, which is what fairlearn's mitigations know.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Two different labels; the second in sorted order becomes 1, the positive class.
    """

    def __init__(self, y):
        self._classes = np.unique(y)

    def encode(self, y):
        """Return labels as 0 and 1."""
        return (y == self._classes[1]).astype(int)

    def decode(self, y):
        """Return the labels of zeros and ones."""
        return self._classes[np.asarray(y).astype(int)]


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
    if not isinstance(estimator, Pipeline):
        return "", estimator
    name, step = estimator.steps[-1]
    return f"{name}__", step


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
    earlier = estimator.steps[:-1] if prefix else []
    resamples = any(hasattr(transformer, "fit_resample") for _, transformer in earlier)
    takes_weights = not resamples and has_fit_parameter(step, "sample_weight")
    return f"{prefix}sample_weight" if takes_weights else None


def take(X, rows):
    """Return some rows of an array, a sparse matrix or a DataFrame."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def no_weights(estimator):
    """Say that an estimator takes no weights; None if it does."""
    return None if weights_name(estimator) else "the estimator's fit takes no sample_weight"
