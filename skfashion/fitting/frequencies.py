"""Frequencies of classes: of the labels, of what a net learns from, and of where it predicts."""

from numbers import Real

import numpy as np
import torch

from skfashion.parameters.losses import (
    DEFERRED_BETA,
    effective_number_weights,
    find_loss,
    loss_terms,
    positive,
)


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
        If a dict does not have a positive number for every class.
    """
    if isinstance(sampling, dict):
        labels = classes.tolist()
        if set(sampling) != set(labels):
            raise ValueError(
                f"Got sampling with the labels {list(sampling)}, expected a share for each label "
                f"of y: {labels}."
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


def deferred_weights(loss, counts):
    """Return the weights of classes that begin late, (k,)."""
    own = loss_terms(loss, counts).class_weight
    return effective_number_weights(positive(counts), DEFERRED_BETA) if own is None else own


def effective_prior(estimator, counts, *, reweighted):
    """Return the frequencies that the logits of a trained net stand for, (k,), of sum 1.

    Those of the labels, changed by sampling, weights of classes, and offsets of the logits.

    Parameters
    ----------
    estimator : ImageClassifier
        With ``class_prior_`` and ``class_weight_``.
    counts : ndarray of shape (k,)
        Rows of each class.
    reweighted : bool
        Whether the weights of `deferred_reweighting` have begun.
    """
    prior = estimator.class_prior_
    if estimator.sampling is not None:
        prior = sampling_shares(estimator.sampling, estimator.classes_, prior)
    prior = prior * estimator.class_weight_
    terms = loss_terms(estimator.loss, counts)
    if terms.offset is not None:
        prior = prior * np.exp(-terms.offset)
    if estimator.deferred_reweighting is not None:
        if reweighted:
            prior = prior * deferred_weights(estimator.loss, counts)
    elif terms.class_weight is not None:
        prior = prior * terms.class_weight
    return prior / prior.sum()


def logit_shift(estimator):
    """Return what `prior` adds to the logits, a float64 tensor (k,), or None for nothing.

    Raises
    ------
    ValueError
        If `prior` is no distribution over the classes.
    """
    if estimator.prior is None:
        return None
    prior = _wanted_prior(estimator)
    learned = estimator.effective_class_prior_
    # A class that no row taught, or that cannot be, keeps its logit.
    known = (learned > 0) & (prior > 0)
    shift = np.zeros(len(prior))
    shift[known] = np.log(prior[known]) - np.log(learned[known])
    return torch.from_numpy(shift)


def _wanted_prior(estimator):
    n_classes = len(estimator.classes_)
    if isinstance(estimator.prior, str):
        uniform = np.full(n_classes, 1 / n_classes)
        return uniform if estimator.prior == "uniform" else estimator.class_prior_
    try:
        prior = np.asarray(estimator.prior, dtype=float)
    except (TypeError, ValueError):
        prior = np.empty(0)
    if prior.shape != (n_classes,) or not (prior > 0).all() or not np.isclose(prior.sum(), 1):
        raise ValueError(
            f"Got prior={estimator.prior!r}, expected {n_classes} positive numbers that sum to 1, "
            f"one for each of classes_ in their order: {estimator.classes_.tolist()}."
        )
    return prior / prior.sum()


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
