"""What mitigations share: the form of their results, and the example in their docstrings."""

import inspect


class GroupPredictor:
    """What a mitigation returns: something fitted that may look at the groups to predict.

    Parameters
    ----------
    predict : callable
        ``predict(X, groups)`` returns labels.
    """

    def __init__(self, predict):
        self.predict = predict

    @classmethod
    def without_groups(cls, estimator):
        """Wrap a fitted estimator, which does not look at the groups."""
        return cls(lambda X, groups: estimator.predict(X))


EXAMPLE = """

Examples
--------
>>> import numpy as np
>>> from fairlearn.metrics import equalized_odds_difference
>>> from sklearn.linear_model import LogisticRegression
>>> from skfashion.studies import {name}
>>> rng = np.random.RandomState(0)
>>> groups = rng.choice(["day", "night"], 400)
>>> y = rng.rand(400) < np.where(groups == "day", 0.7, 0.3)
>>> X = np.column_stack([y + rng.normal(size=400), groups == "day"])
>>> mitigation = {name}({arguments})
>>> predicted = mitigation(LogisticRegression(), X, y, groups, 0).predict(X, groups)
>>> gap = equalized_odds_difference(y, predicted, sensitive_features=groups)
>>> round(float(gap), 2)
{gap}
"""


def with_example(gap, arguments=""):
    """Return a decorator that adds the example to a mitigation's docstring, with its own result."""

    def add(cls):
        example = EXAMPLE.format(name=cls.__name__, arguments=arguments, gap=gap)
        cls.__doc__ = inspect.cleandoc(cls.__doc__) + example
        return cls

    return add
