"""Decisions of a classifier of any number of classes, moved towards the rare ones."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skfashion.utils.fitted import replace_fitted, snapshot
from skfashion.utils.labels import column_of_labels
from skfashion.utils.names import Advising, advises
from skfashion.utils.versions import PickledWithVersions

# More rounds than coordinate ascent was ever seen to take on ten classes.
MAX_SWEEPS = 20


class ClassFactorsClassifier(
    ClassifierMixin, MetaEstimatorMixin, PickledWithVersions, Advising, BaseEstimator
):
    """Multiply each class's probability by a factor before the largest is taken.

    What a threshold is for two classes, factors are for more: the classifier is fitted as it is,
    and only its decisions move. (scikit-learn's ``TunedThresholdClassifierCV`` is for two classes.)

    Parameters
    ----------
    estimator : estimator with predict_proba, default=None
        The classifier; it is cloned. None is a ``LogisticRegression()``.
    factors : {"prior", "tuned"}, default="tuned"
        "prior" divides by the class's share of `y`, which is best for balanced accuracy if the
        probabilities are right. "tuned" takes the factors with the best balanced accuracy of
        out-of-fold probabilities, right or wrong.
    cv : int >= 2, default=3
        Folds of "tuned", stratified; classes of fewer rows make it fewer folds.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        Labels, sorted.
    estimator_ : estimator
        The classifier, fitted to all rows.
    factors_ : ndarray of float, shape (k,)
        Factor of each class, of mean 1.
    n_features_in_ : int
        Number of columns, where `estimator_` knows it.
    feature_names_in_ : ndarray of str
        Names of columns, where `estimator_` knows them.

    References
    ----------
    "prior": Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.1; for
    convolutional networks Buda, Maki and Mazurowski, "A systematic study of the class imbalance
    problem in convolutional neural networks", Neural Networks 106, 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skfashion.studies.thresholds import ClassFactorsClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_wine(return_X_y=True)
    >>> ClassFactorsClassifier(GaussianNB(), factors="prior").fit(X, y).factors_.round(2)
    array([0.98, 0.81, 1.21])
    """

    @advises
    def __init__(self, estimator=None, *, factors="tuned", cv=3):
        self.estimator = estimator
        self.factors = factors
        self.cv = cv

    def fit(self, X, y):
        """Fit the classifier and find the factors.

        Parameters
        ----------
        X : array-like, shape (n, ...)
            Whatever the classifier takes.
        y : array-like, shape (n,)
            Labels.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is not as described, or, with "tuned", a class has a single row.
        TypeError
            If the classifier has no ``predict_proba``.
        """
        estimator = self._get_estimator()
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"Got estimator={estimator!r}, expected one with predict_proba. Wrap it in "
                "sklearn.calibration.CalibratedClassifierCV, which adds it."
            )
        if self.factors not in ("prior", "tuned"):
            raise ValueError(f"Got factors={self.factors!r}, expected 'prior' or 'tuned'.")
        y = column_of_labels(y, warn=True)
        check_classification_targets(y)
        fitted = clone(estimator).fit(X, y)
        codes = np.searchsorted(fitted.classes_, y)
        factors = len(y) / np.bincount(codes)
        if self.factors == "tuned":
            proba = cross_val_predict(
                estimator, X, y, cv=self._folds(codes, fitted.classes_), method="predict_proba"
            )
            factors = tuned_factors(codes, proba, [factors, np.ones_like(factors)])
        return self._remember(fitted, factors / factors.mean())

    def _remember(self, estimator, factors):
        """Replace all that was fitted, in one step: nothing else sets a fitted attribute."""
        shared = ("classes_", "n_features_in_", "feature_names_in_")
        fitted = {name: getattr(estimator, name) for name in shared if hasattr(estimator, name)}
        replace_fitted(self, fitted | {"estimator_": estimator, "factors_": factors})
        return self

    def _get_estimator(self):
        return LogisticRegression() if self.estimator is None else self.estimator

    def _folds(self, codes, classes):
        if not isinstance(self.cv, int | np.integer) or self.cv < 2:
            raise ValueError(f"Got cv={self.cv!r}, expected an int of 2 or more.")
        counts = np.bincount(codes)
        if counts.min() < 2:
            label = classes.tolist()[counts.argmin()]
            raise ValueError(
                f"Got a single row of class {label!r}, expected two rows of each class or more to "
                "tune factors on. Give more rows, or set factors='prior'."
            )
        return StratifiedKFold(min(self.cv, int(counts.min())))

    def predict_proba(self, X):
        """Return probabilities times factors, scaled to sum to 1.

        Parameters
        ----------
        X : array-like, shape (n, ...)

        Returns
        -------
        ndarray of float, shape (n, k)
            With "prior", probabilities in a world where all classes are as frequent; with "tuned"
            they belong to no such world, and only their order means something.
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        weighted = fitted.estimator_.predict_proba(X) * fitted.factors_
        return weighted / weighted.sum(axis=1, keepdims=True)

    def predict(self, X):
        """Return the class of the largest product.

        Parameters
        ----------
        X : array-like, shape (n, ...)

        Returns
        -------
        ndarray, shape (n,)
            Labels.
        """
        fitted = snapshot(self)
        columns = fitted.predict_proba(X).argmax(axis=1)
        return fitted.classes_[columns]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._get_estimator())
        tags.input_tags = inner.input_tags
        tags.classifier_tags.poor_score = inner.classifier_tags.poor_score
        return tags


def tuned_factors(codes, proba, starts):
    """Find factors of good balanced accuracy by coordinate ascent.

    With all other factors fixed, balanced accuracy is a step function of one of them, whose steps
    are known exactly; the middle of its highest plateau is taken, in logarithms.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        True columns.
    proba : ndarray of float, shape (n, k)
        Probabilities.
    starts : list of ndarray, each of shape (k,)
        Positive factors to begin with; none of them is better than the result.

    Returns
    -------
    ndarray of float, shape (k,)
    """
    weights = 1 / np.bincount(codes, minlength=proba.shape[1])[codes]
    with np.errstate(divide="ignore"):
        scores = np.log(proba)  # -inf where a class is ruled out, which no factor changes

    def gain(shift):
        return weights[(scores + shift).argmax(axis=1) == codes].sum()

    def climb(shift):
        best = gain(shift)
        for _ in range(MAX_SWEEPS):
            before = best
            for c in range(len(shift)):
                trial = shift.copy()
                trial[c] = _best_shift(scores, shift, c, codes, weights)
                reached = gain(trial)
                if reached > best + 1e-9:
                    shift, best = trial, reached
            if best == before:
                break
        return best, shift

    _, shift = max((climb(np.log(start)) for start in starts), key=lambda found: found[0])
    return np.exp(shift - shift.max())


def _best_shift(scores, shift, c, codes, weights):
    """Return the best logarithm of the factor of column `c`, the others being as they are."""
    others = scores + shift
    others[:, c] = -np.inf
    rival = others.argmax(axis=1)
    # The row goes to c as soon as the shift of c is above this: then c's rows become right, and
    # those become wrong that were right.
    edge = others.max(axis=1) - scores[:, c]
    change = np.where(codes == c, weights, np.where(rival == codes, -weights, 0.0))
    movable = np.isfinite(edge)
    if not movable.any():
        return shift[c]
    edges, rank = np.unique(edge[movable], return_inverse=True)
    gains = np.cumsum(np.bincount(rank, weights=change[movable]))
    # Plateau i lies above edge i; the one below all edges gains nothing.
    best = int(gains.argmax())
    if gains[best] <= 0:
        return edges[0] - 1.0
    return edges[best] + 1.0 if best == len(edges) - 1 else edges[best : best + 2].mean()
