"""Losses as a parameter: for classes of very different frequency, by name or to search."""

import abc
from dataclasses import dataclass, fields
from numbers import Real

import numpy as np

from skfashion.parameters.declaring import (
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Declared,
    constraints_of,
    estimator,
    param,
)
from skfashion.utils._sklearn import Interval, validate_parameter_constraints

# Of the weights that begin late, unless the loss has its own: as in the paper of LDAM.
DEFERRED_BETA = 0.9999


@dataclass(frozen=True)
class LossTerms:
    """The changes that a loss makes to the cross-entropy, for given class counts.

    Attributes
    ----------
    gamma : float
        Exponent of the focal factor; 0 is none.
    offset : ndarray of shape (k,) or None
        What is added to the logits in training.
    margins : ndarray of shape (k,) or None
        What is subtracted from the logit of a row's own class in training.
    class_weight : ndarray of shape (k,) or None
        Weights of the classes.
    head_scale : float or None
        Factor of the cosines that are the logits; None leaves the linear head.
    """

    gamma: float = 0.0
    offset: np.ndarray | None = None
    margins: np.ndarray | None = None
    class_weight: np.ndarray | None = None
    head_scale: float | None = None


class Loss(Declared, abc.ABC):
    """Base class of the losses that a classifier takes as `loss`."""

    # Whether the terms depend on the class counts.
    _needs_counts = True

    @abc.abstractmethod
    def _terms(self, counts) -> LossTerms:
        """Return the :class:`LossTerms` for class counts, all positive."""


@estimator
class FocalLoss(Loss):
    """Cross-entropy in which easy rows count less: ``-(1 - p)^gamma log p``.

    p is the probability of the row's true class. Pass the loss to a classifier as `loss`;
    ``loss__gamma`` can then be searched.

    Parameters
    ----------
    {parameters}

    References
    ----------
    Lin, Goyal, Girshick, He and Dollár, "Focal loss for dense object detection", ICCV 2017,
    extended to more than two classes, without its class weights; for these, set `class_weight`.

    Examples
    --------
    >>> from skfashion import FocalLoss, MLPNetClassifier
    >>> net = MLPNetClassifier(loss=FocalLoss(gamma=1.0))
    >>> net.get_params()["loss__gamma"]
    1.0
    """

    gamma: float = param(
        NOT_NEGATIVE, default=2.0, doc="How much less an easy row counts; 0 is cross-entropy."
    )

    _needs_counts = False

    def _terms(self, counts) -> LossTerms:
        return LossTerms(gamma=self.gamma)


@estimator
class ClassBalancedLoss(Loss):
    """Cross-entropy weighted by the inverse of each class's effective number of rows.

    The weight of a class with n rows is ``(1 - beta) / (1 - beta^n)``.

    Parameters
    ----------
    {parameters}

    References
    ----------
    Cui, Jia, Lin, Song and Belongie, "Class-balanced loss based on effective number of samples",
    CVPR 2019.

    Examples
    --------
    >>> from skfashion import ClassBalancedLoss, MLPNetClassifier
    >>> net = MLPNetClassifier(loss=ClassBalancedLoss(beta=0.999))
    """

    beta: float = param(
        SHARE,
        default=0.9999,
        doc="0 is cross-entropy; the closer to 1, the closer the weights are to 1 / n.",
    )

    def _terms(self, counts) -> LossTerms:
        return LossTerms(class_weight=effective_number_weights(counts, self.beta))


@estimator
class LogitAdjustedLoss(Loss):
    """Cross-entropy of the logits plus `tau` times the logarithms of the class frequencies.

    Predictions omit this term, and so suit equally frequent classes.

    Parameters
    ----------
    {parameters}

    References
    ----------
    Menon, Jayasumana, Rawat, Jain, Veit and Kumar, "Long-tail learning via logit adjustment",
    ICLR 2021, equation 10.

    Examples
    --------
    >>> from skfashion import LogitAdjustedLoss, MLPNetClassifier
    >>> net = MLPNetClassifier(loss=LogitAdjustedLoss(tau=0.5))
    """

    tau: float = param(
        NOT_NEGATIVE, default=1.0, doc="How far frequencies are compensated; 0 is cross-entropy."
    )

    def _terms(self, counts) -> LossTerms:
        return LossTerms(offset=self.tau * np.log(counts / counts.sum()))


@estimator
class BalancedSoftmaxLoss(Loss):
    """Cross-entropy of a softmax in which each class is weighted by its number of rows.

    The same as logit adjustment with ``tau=1``, derived in another way.

    Parameters
    ----------
    {parameters}

    References
    ----------
    Ren, Yu, Sheng, Ma, Zhao, Yi and Li, "Balanced meta-softmax for long-tailed visual recognition",
    NeurIPS 2020.

    Examples
    --------
    >>> from skfashion import BalancedSoftmaxLoss, MLPNetClassifier
    >>> net = MLPNetClassifier(loss=BalancedSoftmaxLoss())
    """

    def _terms(self, counts) -> LossTerms:
        return LossTerms(offset=np.log(counts / counts.sum()))


@estimator
class LDAMLoss(Loss):
    """Cross-entropy with margins that are larger for rarer classes.

    The head of the network is normalised: its logits are `scale` times the cosines between features
    and weights. In training, `scale` times the margin ``max_margin (n_min / n)^(1/4)`` is
    subtracted from the logit of a row's true class; n is the number of rows of that class.

    Parameters
    ----------
    {parameters}

    References
    ----------
    Cao, Wei, Gaidon, Arechiga and Ma, "Learning imbalanced datasets with label-distribution-aware
    margin loss", NeurIPS 2019. For its deferred weights, set `deferred_reweighting`.

    Examples
    --------
    >>> from skfashion import LDAMLoss, MLPNetClassifier
    >>> net = MLPNetClassifier(loss=LDAMLoss(), deferred_reweighting=0.8)
    """

    max_margin: float = param(
        Interval(Real, 0, 2, closed="both"),
        default=0.5,
        doc="Margin of the rarest class, in cosines.",
    )
    scale: float = param(POSITIVE, default=30.0, doc="Factor of cosines and margins.")

    def _terms(self, counts) -> LossTerms:
        margins = self.max_margin * (counts.min() / counts) ** 0.25
        return LossTerms(margins=self.scale * margins, head_scale=self.scale)


LOSSES = {
    "focal": FocalLoss(),
    "class_balanced": ClassBalancedLoss(),
    "balanced_softmax": BalancedSoftmaxLoss(),
    "logit_adjusted": LogitAdjustedLoss(),
    "ldam": LDAMLoss(),
}


def effective_number_weights(counts, beta):
    """Return class weights by effective number of rows, of mean 1, for positive counts (k,)."""
    weights = (1 - beta) / -np.expm1(counts * np.log(beta)) if beta else np.ones(len(counts))
    return weights * len(counts) / weights.sum()


def find_loss(loss):
    """Return the :class:`Loss` that a classifier's `loss` means, or None for cross-entropy."""
    if isinstance(loss, str):
        return LOSSES.get(loss)
    values = {field.name: getattr(loss, field.name) for field in fields(loss)}
    validate_parameter_constraints(constraints_of(type(loss)), values, type(loss).__name__)
    return loss


def loss_terms(loss, counts):
    """Return the :class:`LossTerms` of a classifier's `loss`, for class counts (k,)."""
    found = find_loss(loss)
    if found is None:
        return LossTerms()
    # A class without rows counts as the rarest that has some: its term meets no row of its own.
    return found._terms(without_zeros(counts))


def without_zeros(counts):
    """Return class counts, each 0 replaced by the smallest count above 0."""
    return np.where(counts > 0, counts, counts[counts > 0].min())
