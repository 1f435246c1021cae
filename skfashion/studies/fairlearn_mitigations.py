"""fairlearn's mitigations, for labels of any kind.

The first three are for binary tasks. Their positive class is the second of the sorted labels.
"""

from dataclasses import dataclass

import numpy as np

from skfashion.studies._mitigation import GroupPredictor, with_example
from skfashion.utils.labels import encode_labels
from skfashion.utils.names import advises
from skfashion.utils.pipelines import no_weights, weights_name


class BinaryMitigation:
    """What fairlearn's mitigations for two classes, which must be 0 and 1, have in common.

    A subclass has ``_missing(estimator)``, which says what an estimator lacks or returns None, and
    ``_fit(estimator, X, y, groups, seed)``, which returns ``predict(X, groups)``, both for 0 and 1.
    """

    def refusal(self, estimator, X, y, groups):
        """Return the reason if the task is not binary or the estimator lacks something."""
        return not_binary(y, groups) or self._missing(estimator)

    def __call__(self, estimator, X, y, groups, seed):
        """Fit fairlearn's mitigation around the estimator."""
        classes, codes = encode_labels(y)
        predict = self._fit(estimator, X, codes, groups, seed)
        return GroupPredictor(lambda X, groups: classes[np.asarray(predict(X, groups)).astype(int)])


@with_example(0.02)
@advises
@dataclass(frozen=True)
class ExponentiatedGradientReduction(BinaryMitigation):
    """fairlearn's ``ExponentiatedGradient`` with equalized odds as its constraint.

    Each row is predicted by one of several nets, drawn at random. They are fitted one after
    another, with weights and labels that reduce the gap. Predictions need no groups.

    Parameters
    ----------
    max_iter : int, default=5
        Maximum number of iterations; each fits the estimator at least once.
    eps : float, default=0.01
        Allowed violation of the constraint.

    References
    ----------
    Agarwal et al., "A reductions approach to fair classification", ICML 2018.
    """

    max_iter: int = 5
    eps: float = 0.01

    def _missing(self, estimator):
        return no_weights(estimator)

    def _fit(self, estimator, X, y, groups, seed):
        from fairlearn.reductions import EqualizedOdds, ExponentiatedGradient

        reduction = ExponentiatedGradient(
            estimator,
            EqualizedOdds(),
            max_iter=self.max_iter,
            eps=self.eps,
            sample_weight_name=weights_name(estimator),
        )
        reduction.fit(X, y, sensitive_features=groups)
        return lambda X, groups: reduction.predict(X, random_state=seed)


@with_example(0.07, "grid_size=25")
@advises
@dataclass(frozen=True)
class GridSearchReduction(BinaryMitigation):
    """fairlearn's ``GridSearch`` with equalized odds as its constraint.

    Fits the estimator once for each of a grid of penalties for the gaps, and keeps the one with the
    best mean of error and gap on the training rows. Predictions need no groups.

    Parameters
    ----------
    grid_size : int, default=9
        Number of fits.
    constraint_weight : float, default=0.5
        Weight of the gap in the choice, 0 to 1; the rest is that of the error.

    References
    ----------
    Agarwal et al., "A reductions approach to fair classification", ICML 2018.
    """

    grid_size: int = 9
    constraint_weight: float = 0.5

    def _missing(self, estimator):
        return no_weights(estimator)

    def _fit(self, estimator, X, y, groups, seed):
        from fairlearn.reductions import EqualizedOdds, GridSearch

        reduction = GridSearch(
            estimator,
            EqualizedOdds(),
            grid_size=self.grid_size,
            constraint_weight=self.constraint_weight,
            sample_weight_name=weights_name(estimator),
        )
        reduction.fit(X, y, sensitive_features=groups)
        return lambda X, groups: reduction.predict(X)


@with_example(0.03)
@advises
@dataclass(frozen=True)
class ThresholdOptimization(BinaryMitigation):
    """fairlearn's ``ThresholdOptimizer`` with equalized odds as its constraint.

    Each group has its own threshold, some of them drawn at random, for the probabilities of one
    ordinary fit. Predictions need the groups.

    Parameters
    ----------
    objective : "accuracy_score" or "balanced_accuracy_score", default="accuracy_score"
        What is maximised under the constraint.

    References
    ----------
    Hardt, Price and Srebro, "Equality of opportunity in supervised learning", NeurIPS 2016.
    """

    objective: str = "accuracy_score"

    def _missing(self, estimator):
        has_them = hasattr(estimator, "predict_proba")
        return None if has_them else "the estimator has no predict_proba"

    def _fit(self, estimator, X, y, groups, seed):
        from fairlearn.postprocessing import ThresholdOptimizer

        optimizer = ThresholdOptimizer(
            estimator=estimator,
            constraints="equalized_odds",
            objective=self.objective,
            prefit=False,
            predict_method="predict_proba",
        )
        optimizer.fit(X, y, sensitive_features=groups)
        return lambda X, groups: optimizer.predict(X, sensitive_features=groups, random_state=seed)


@with_example(0.23)
@advises
@dataclass(frozen=True)
class CorrelationRemoval:
    """fairlearn's ``CorrelationRemover``: removes the linear correlation of columns with the group.

    Images become flat rows of float32 with the group as further columns, and then get their shape
    back. Predictions need the groups.

    Parameters
    ----------
    alpha : float, default=1.0
        How much of the correlation is removed, 0 to 1.
    """

    alpha: float = 1.0

    def refusal(self, estimator, X, y, groups):
        """Return the reason if a column is not numeric."""
        dtypes = X.dtypes if hasattr(X, "dtypes") else [X.dtype]
        numeric = all(isinstance(t, np.dtype) and t.kind in "biuf" for t in dtypes)
        return None if numeric else "X has columns that are not plain numbers"

    def __call__(self, estimator, X, y, groups, seed):
        """Fit the remover, and the estimator to what it leaves."""
        from fairlearn.preprocessing import CorrelationRemover

        names = np.unique(groups)

        def joined(X, groups):
            flat = np.asarray(X, dtype=np.float32).reshape(len(X), -1)
            # A column each but for the first group, or the columns would be dependent.
            return np.hstack([(groups[:, None] == names[1:]).astype(np.float32), flat])

        remover = CorrelationRemover(
            sensitive_feature_ids=range(len(names) - 1), alpha=self.alpha
        ).fit(joined(X, groups))

        def cleaned(X, groups):
            left = remover.transform(joined(X, groups)).astype(np.float32, copy=False)
            if hasattr(X, "iloc"):
                return type(X)(left, index=X.index, columns=X.columns)
            return left.reshape(X.shape)

        estimator.fit(cleaned(X, groups), y)
        return GroupPredictor(lambda X, groups: estimator.predict(cleaned(X, groups)))


def not_binary(y, groups):
    """Say why labels and groups are not a task for the binary mitigations; None if they are."""
    n_classes = len(np.unique(y))
    if n_classes != 2:
        return f"it is for binary tasks only, and y has {n_classes} classes"
    for name in np.unique(groups).tolist():
        if len(np.unique(y[groups == name])) < 2:
            return f"group {name!r} has training rows of one class only"
    return None
