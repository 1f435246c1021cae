"""Snapshots: the nets that one training passes on its way."""

from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skfashion.classifiers.base import ImageClassifier
from skfashion.fitting.inputs import draw_seed
from skfashion.parameters.declaring import with_plain_numbers
from skfashion.utils._sklearn import Interval, check_params, count_rows, fit_context
from skfashion.utils.callers import each_warning_once
from skfashion.utils.fitted import fitted_attributes, replace_fitted, snapshot
from skfashion.utils.names import Advising, advises
from skfashion.utils.versions import PickledWithVersions


class SnapshotEnsembleClassifier(ClassifierMixin, PickledWithVersions, Advising, BaseEstimator):
    """Ensemble of nets from a single training, in the time of a single training.

    The epochs are divided among cycles. In each cycle, the learning rate runs through the whole
    schedule of `estimator`, down to almost 0; the net converges, and a snapshot is taken. The next
    cycle continues from there with a high rate, and converges somewhere else. Probabilities are
    averaged over the snapshots.

    Parameters
    ----------
    estimator : ImageClassifier
        A classifier of this package. Its `max_epochs` is the total of all cycles ("auto": at least
        one for each), and its `lr_schedule` is that of each cycle: "cosine" is the paper's,
        "one_cycle" also warms up.
    n_snapshots : int >= 1, default=4
        Number of cycles and of snapshots.

    Attributes
    ----------
    estimators_ : list of ImageClassifier
        The snapshots, in the order they were taken; each is a fitted classifier with the `history_`
        of its cycle.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of values of an image.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only if `X` had names that are all strings.
    n_iter_ : int
        Number of epochs of all cycles together.

    See Also
    --------
    average_weights : One net from several that have a common origin.
    sklearn.ensemble.VotingClassifier : Vote of classifiers that are trained one by one.

    References
    ----------
    Huang et al., "Snapshot ensembles: train 1, get M for free", ICLR 2017.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.ensemble import SnapshotEnsembleClassifier
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=6, random_state=0)
    >>> ensemble = SnapshotEnsembleClassifier(net, n_snapshots=3).fit(X[:2000], y[:2000])
    >>> len(ensemble.estimators_), ensemble.n_iter_
    (3, 6)
    >>> ensemble.score(X[2000:], y[2000:]) > 0.75
    True
    """

    _parameter_constraints: ClassVar = {
        "estimator": [ImageClassifier],
        "n_snapshots": [Interval(Integral, 1, None, closed="left")],
    }

    @advises
    def __init__(self, estimator, *, n_snapshots=4):
        self.estimator = estimator
        self.n_snapshots = n_snapshots

    @advises
    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        soft_targets=None,
    ):
        """Train for all cycles.

        A fit that fails, or is interrupted, leaves the ensemble as it was.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val, soft_targets : array-likes
            As in the `fit` of `estimator`. Scores on validation data are recorded.

        Returns
        -------
        self : object
            The fitted ensemble.

        Raises
        ------
        ValueError
            If there are fewer epochs than snapshots, with ``early_stopping=True`` or a
            `target_score`, or as in the `fit` of `estimator`.
        """
        net = clone(self.estimator)
        check_params(net)
        lengths = self._lengths_of_cycles(net, X)
        # A second order of the rows for the second cycle. The first is that of a plain fit.
        random = np.random.RandomState(draw_seed(net.random_state))
        later = random.randint(np.iinfo(np.int32).max, size=self.n_snapshots - 1)
        snapshots = []
        for length, seed in zip(lengths, [net.random_state, *later.tolist()], strict=True):
            net.set_params(max_epochs=length, random_state=seed)
            net.fit(
                X,
                y,
                sample_weight,
                X_val=X_val,
                y_val=y_val,
                sample_weight_val=sample_weight_val,
                soft_targets=soft_targets,
            )
            # A fit makes a new net, so that the snapshot can keep this one.
            snapshots.append(snapshot(net).set_params(warm_start=self.estimator.warm_start))
            net.set_params(warm_start=True)
        return self._remember(snapshots)

    def _lengths_of_cycles(self, net, X):
        """Return the epochs of each cycle, the longer ones first."""
        stops = {"early_stopping": False, "target_score": None}
        for name, expected in stops.items():
            if (value := getattr(net, name)) != expected:
                raise ValueError(
                    f"Got an estimator with {name}={value}, expected {expected}: snapshots are "
                    "taken at the ends of schedules, and a cycle that is stopped does not come to "
                    "rest. Set max_epochs instead."
                )
        total = with_plain_numbers(net).max_epochs
        if total == "auto":
            total = max(net._n_epochs(max(1, count_rows(X))), self.n_snapshots)
        if total < self.n_snapshots:
            raise ValueError(
                f"Got n_snapshots={self.n_snapshots} with an estimator of max_epochs={total}, "
                f"expected an epoch for each snapshot at least; set max_epochs={self.n_snapshots} "
                "or more, or take fewer snapshots."
            )
        length, rest = divmod(total, int(self.n_snapshots))
        return [length + (i < rest) for i in range(self.n_snapshots)]

    def _remember(self, snapshots):
        """Replace all that was fitted, in one step: nothing else sets a fitted attribute."""
        of_first = fitted_attributes(snapshots[0])
        shared = ("classes_", "n_features_in_", "feature_names_in_")
        fitted = {name: of_first[name] for name in shared if name in of_first}
        fitted["n_iter_"] = sum(net.n_iter_ for net in snapshots)
        fitted["estimators_"] = snapshots
        replace_fitted(self, fitted)
        return self

    def predict(self, X):
        """Return the label with the largest mean probability for each image.

        Parameters
        ----------
        X : array-like
            Images in any layout that `estimator` accepts.

        Returns
        -------
        ndarray of shape (n,)
            The labels, in the dtype of the `y` of fit.
        """
        fitted = snapshot(self)
        proba = fitted.predict_proba(X)
        return fitted.classes_[proba.argmax(axis=1)]

    @each_warning_once
    def predict_proba(self, X):
        """Return the probability of each class, averaged over the snapshots.

        Parameters
        ----------
        X : array-like
            Images in any layout that `estimator` accepts.

        Returns
        -------
        ndarray of shape (n, n_classes)
            float64, in the order of `classes_`.
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        return np.mean([net.predict_proba(X) for net in fitted.estimators_], axis=0)

    @each_warning_once
    def predict_log_proba(self, X):
        """Return the natural logarithm of :meth:`predict_proba`, never minus infinity.

        Parameters
        ----------
        X : array-like
            Images in any layout that `estimator` accepts.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        logs = [net.predict_log_proba(X) for net in fitted.estimators_]
        return np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
