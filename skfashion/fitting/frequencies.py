"""Frequencies of classes: of the labels, of what a net learns from, and of where it predicts."""

import math
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np

from skfashion.fitting.inputs import check_sum
from skfashion.parameters.losses import (
    DEFERRED_BETA,
    LossTerms,
    effective_number_weights,
    find_loss,
    loss_terms,
    without_zeros,
)
from skfashion.utils.labels import plain_labels

# By how much the sum of shares, such as a `prior`, may differ from 1.
SUM_TOLERANCE = 1e-5


def sampling_shares(sampling, classes, prior):
    """Return the shares of the draws of each class, (k,), of sum 1.

    Parameters
    ----------
    sampling : {"balanced", "sqrt"} or dict
        The parameter of a classifier.
    classes : ndarray of shape (k,)
        The labels.
    prior : ndarray of shape (k,)
        Frequencies of the classes; one of frequency 0 gets no share.

    Raises
    ------
    ValueError
        If a dict does not have a positive number for every class; it may have others.
    """
    if isinstance(sampling, dict):
        labels = classes.tolist()
        if not set(labels) <= set(sampling):  # more is no fault: a fold may lack a class
            raise ValueError(
                f"Got sampling with the labels {plain_labels(sampling)}, expected a share for "
                f"each label of y: {labels}."
            )
        for label, share in sampling.items():
            if not isinstance(share, Real) or not 0 < share < np.inf:
                raise ValueError(
                    f"Got sampling[{label!r}]={share!r}, expected a positive, finite share, so "
                    "that every row can be drawn. To leave rows out, leave them out of X and y."
                )
        shares = np.array([sampling[label] for label in labels], dtype=float)
    else:
        shares = np.sqrt(prior) if sampling == "sqrt" else np.ones(len(prior))
    shares = np.where(prior > 0, shares, 0.0)
    return shares / shares.sum()


@dataclass(frozen=True)
class Frequencies:
    """How frequent the classes are: in the data, and for the net.

    Attributes
    ----------
    count : ndarray of shape (k,)
        Rows of each class, counted by their weight.
    prior : ndarray of shape (k,)
        Their shares.
    weight : ndarray of shape (k,)
        Factors of the rows' weights.
    learned : ndarray of shape (k,) or None
        Frequencies that the logits of a net stand for; None before there is a net.
    """

    count: np.ndarray
    prior: np.ndarray
    weight: np.ndarray
    learned: np.ndarray | None = None

    @classmethod
    def of(cls, count, weight):
        """Return the frequencies in data with so many rows of each class."""
        check_sum(count, "sample_weight")  # of several parts, each of which has a sum
        return cls(count, count / count.sum(), weight)

    def effective(self, *, drawn=None, offset=None, factors=None):
        """Return the frequencies for a net that is trained on the data.

        Parameters
        ----------
        drawn : ndarray of shape (k,) or None
            Shares in which rows of the classes are drawn; None draws each row once.
        offset : ndarray of shape (k,) or None
            What the loss adds to the logits.
        factors : ndarray of shape (k,) or None
            Weights of the classes in the loss.

        Returns
        -------
        Frequencies
            The same, with what the net has learned.
        """
        learned = (self.prior if drawn is None else drawn) * self.weight
        if offset is not None:
            learned = learned * np.exp(-offset)
        if factors is not None:
            learned = learned * factors
        return replace(self, learned=learned / learned.sum())

    def shift(self, wanted):
        """Return what to add to logits, (k,), for classes as frequent as `wanted`, (k,)."""
        # A class that no row taught, or that cannot be, keeps its logit.
        known = (self.learned > 0) & (wanted > 0)
        shift = np.zeros(len(wanted))
        shift[known] = np.log(wanted[known]) - np.log(self.learned[known])
        return shift


@dataclass(frozen=True)
class Balance:
    """What a training does about the frequencies of the classes, computed once.

    Attributes
    ----------
    frequencies : Frequencies
        Of the data.
    terms : LossTerms
        What the loss does to the cross-entropy.
    drawn : ndarray of shape (k,) or None
        Shares in which rows of the classes are drawn; None draws each row once.
    factors : ndarray of shape (k,) or None
        Weights of the classes in the loss.
    deferred : float or None
        Share of the epochs after which these begin; None is from the first on.
    """

    frequencies: Frequencies
    terms: LossTerms
    drawn: np.ndarray | None
    factors: np.ndarray | None
    deferred: float | None

    @property
    def ratios(self):
        """How much more often than in the data a net meets each class, (k,); None for equally."""
        prior, ratios = self.frequencies.prior, self.frequencies.weight
        if self.drawn is not None:
            has_rows = prior > 0
            ratios = ratios * np.where(has_rows, self.drawn / np.where(has_rows, prior, 1), 1)
        if self.factors is not None:
            ratios = ratios * self.factors
        return None if (ratios == ratios[0]).all() else ratios

    def n_epochs_without_factors(self, n_epochs):
        """Return how many of all epochs come before `factors` begin; the last one has them."""
        if self.deferred is None:
            return 0
        return min(math.ceil(self.deferred * n_epochs), n_epochs - 1)

    def frequencies_after(self, n_done, n_epochs):
        """Return the frequencies for a net that has behind it `n_done` of all epochs."""
        has_factors = n_done > self.n_epochs_without_factors(n_epochs)
        return self.frequencies.effective(
            drawn=self.drawn,
            offset=self.terms.offset,
            factors=self.factors if has_factors else None,
        )


def balance_of(estimator, given, earlier=0.0):
    """Return the :class:`Balance` of a fit; `earlier` are the rows of each class of calls before.

    Raises
    ------
    ValueError
        If a parameter of the loss, or `sampling`, is not as described.
    """
    frequencies = Frequencies.of(earlier + given.class_totals, given.class_weight)
    counts = frequencies.prior * len(given.used)
    terms = loss_terms(estimator.loss, counts)
    factors, drawn = terms.class_weight, None
    if factors is None and estimator.deferred_reweighting is not None:
        factors = effective_number_weights(without_zeros(counts), DEFERRED_BETA)
    if estimator.sampling is not None:
        drawn = sampling_shares(estimator.sampling, given.classes, frequencies.prior)
    return Balance(frequencies, terms, drawn, factors, estimator.deferred_reweighting)


def wanted_prior(prior, classes, class_prior):
    """Return the frequencies, (k,), that a parameter `prior` other than None means.

    Raises
    ------
    ValueError
        If it is no distribution over the classes.
    """
    if isinstance(prior, str):
        return np.full(len(classes), 1 / len(classes)) if prior == "uniform" else class_prior
    check_prior(prior, classes)
    wanted = np.asarray(prior, dtype=float)
    return wanted / wanted.sum()


def check_prior(prior, classes):
    """Refuse a parameter `prior` that is neither None, nor a name, nor a distribution."""
    if prior is None or isinstance(prior, str):
        return
    try:
        given = np.asarray(prior)
        shares = given.astype(float)
    except (TypeError, ValueError):
        given = shares = np.empty(0)
    sums_to_1 = abs(shares.sum() - 1) <= sum_tolerance(given.dtype)
    if shares.shape != (len(classes),) or not (shares > 0).all() or not sums_to_1:
        raise ValueError(
            f"Got prior={prior!r}, expected {len(classes)} positive numbers that sum to 1, "
            f"one for each of classes_ in their order: {classes.tolist()}."
        )


def sum_tolerance(dtype):
    """Return by how much the sum of shares may differ from 1 that were given in a type."""
    # Divided by their sum in float16, they need not have a nearer one.
    error = 2 * np.finfo(dtype).eps if dtype.kind == "f" else 0.0
    return max(error, SUM_TOLERANCE)


def check_partial(estimator):
    """Refuse, for `partial_fit`, what needs the frequencies of all classes, or all epochs."""
    loss = find_loss(estimator.loss)
    asked = {
        "sampling": estimator.sampling is not None,
        "loss": loss is not None and loss._needs_counts,
        "deferred_reweighting": estimator.deferred_reweighting is not None,
    }
    refused = [f"{name}={getattr(estimator, name)!r}" for name in asked if asked[name]]
    if refused:
        raise ValueError(
            f"Got {' and '.join(refused)}, which partial_fit does not support: the frequencies of "
            "classes yet to come are unknown. Use fit, or weigh the rows with sample_weight."
        )
