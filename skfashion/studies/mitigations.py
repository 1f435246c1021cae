"""What can be done against unfairness: named functions of one form.

A mitigation is called as ``mitigation(estimator, X, y, groups, seed)`` with an unfitted estimator
that it may change, the training rows, labels and groups, and a seed. It returns an object with
``predict(X, groups)``. It may have a method ``refusal(estimator, X, y, groups)`` that returns a
sentence if it does not apply, and None if it does.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skfashion.parameters.augmentation import Augmentation
from skfashion.studies._mitigation import GroupPredictor, with_example
from skfashion.studies.fairlearn_mitigations import (
    CorrelationRemoval,
    ExponentiatedGradientReduction,
    GridSearchReduction,
    ThresholdOptimization,
)
from skfashion.utils._sklearn import take_rows
from skfashion.utils.names import advises
from skfashion.utils.pipelines import last_step, no_weights, prefix_of_last_step, weights_name


@with_example(0.51)
@dataclass(frozen=True)
class Nothing:
    """The estimator as it is: the baseline for all others."""

    def __call__(self, estimator, X, y, groups, seed):
        """Fit to the rows as they are."""
        return GroupPredictor.without_groups(estimator.fit(X, y))


@with_example(0.05)
@dataclass(frozen=True)
class GroupWeights:
    """Row weights that give every pair of group and class the same total weight."""

    def refusal(self, estimator, X, y, groups):
        """Return the reason if an estimator takes no weights."""
        return no_weights(estimator)

    def __call__(self, estimator, X, y, groups, seed):
        """Fit with the weights as ``sample_weight``."""
        weights = {weights_name(estimator): cell_weights(y, groups)}
        return GroupPredictor.without_groups(estimator.fit(X, y, **weights))


@with_example(0.05)
@dataclass(frozen=True)
class GroupSampling:
    """Equally many training rows of every pair of group and class.

    An estimator with a parameter `sampling` gets ``sampling="balanced"`` and `GroupWeights`'
    weights: such a net draws the classes equally often, and rows within a class in proportion to
    their weights, so that no row is copied and an epoch keeps its length. For all others, rows are
    drawn with replacement until each pair has as many rows as the largest.
    """

    def __call__(self, estimator, X, y, groups, seed):
        """Fit to balanced draws."""
        name = weights_name(estimator)
        if name is not None and "sampling" in last_step(estimator).get_params(deep=False):
            estimator.set_params(**{f"{prefix_of_last_step(estimator)}sampling": "balanced"})
            fitted = estimator.fit(X, y, **{name: cell_weights(y, groups)})
            return GroupPredictor.without_groups(fitted)
        from imblearn.over_sampling import RandomOverSampler

        # Numbers of rows instead of rows, which may have any number of dimensions.
        numbers = np.arange(len(y)).reshape(-1, 1)
        sampler = RandomOverSampler(random_state=seed)
        rows = sampler.fit_resample(numbers, cell_numbers(y, groups))[0].ravel()
        return GroupPredictor.without_groups(estimator.fit(take_rows(X, rows), y[rows]))


@advises
@dataclass(frozen=True)
class Augment:
    """Augmented training images, for estimators with a parameter `augment`.

    Parameters
    ----------
    augment : str, Augmentation, callable or None, default="strong"
        Value of that parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion import Augmentation, MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample, make_groups
    >>> from skfashion.studies import Augment
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X, groups = make_groups(X[:300], y[:300], attribute="rotation", random_state=0)
    >>> net = MLPNetClassifier(hidden_layer_sizes=16, max_epochs=2)
    >>> mitigation = Augment(Augmentation(rotation=15))
    >>> fitted = mitigation(net.set_params(random_state=0), X, y[:300], groups, 0)
    >>> fitted.predict(X, groups).shape
    (300,)
    """

    augment: str | Augmentation | Callable | None = "strong"

    def refusal(self, estimator, X, y, groups):
        """Return the reason if an estimator has no such parameter or rows are not images."""
        known = last_step(estimator).get_params(deep=False)
        if "augment" not in known:
            return "the estimator has no parameter `augment`"
        if len(X.shape) == 2 and known.get("image_shape") == "auto":
            sides = {c: math.isqrt(X.shape[1] // c) for c in (1, 3)}
            # What the nets take for a square image, grey or of three colours, and turn and move.
            if not any(c * k * k == X.shape[1] and k >= 5 for c, k in sides.items()):
                return f"rows of {X.shape[1]} columns are a table's, not images"
        return None

    def __call__(self, estimator, X, y, groups, seed):
        """Fit with the parameter set."""
        estimator.set_params(**{f"{prefix_of_last_step(estimator)}augment": self.augment})
        return GroupPredictor.without_groups(estimator.fit(X, y))


MITIGATIONS = {
    "nothing": Nothing(),
    "group weights": GroupWeights(),
    "group sampling": GroupSampling(),
    "augment": Augment(),
    "exponentiated gradient": ExponentiatedGradientReduction(),
    "grid search": GridSearchReduction(),
    "threshold optimizer": ThresholdOptimization(),
    "correlation remover": CorrelationRemoval(),
}


def cell_numbers(y, groups):
    """Return a number for each row, which stands for its pair of group and class."""
    names, labels = np.unique(y, return_inverse=True)
    _, codes = np.unique(groups, return_inverse=True)
    return np.unique(codes * len(names) + labels, return_inverse=True)[1]


def cell_weights(y, groups):
    """Return weights of rows, 1 in the mean, with equal sums over each pair of group and class."""
    cell = cell_numbers(y, groups)
    counts = np.bincount(cell)
    return len(cell) / (len(counts) * counts[cell])
