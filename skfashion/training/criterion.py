"""Losses: weighted means over a batch."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy


class WeightedCrossEntropy(nn.CrossEntropyLoss):
    """Cross-entropy of logits, ``sum(w * l) / sum(w)`` over a batch, and its relatives.

    What makes it a relative is applied in training only, so that a validation loss is a plain
    log-loss.

    Parameters
    ----------
    label_smoothing : float in [0, 1)
        Share of the target probability that is spread evenly (Szegedy et al., "Rethinking the
        Inception architecture", CVPR 2016).
    gamma : float
        Exponent of the factor ``(1 - p)^gamma`` of a row whose class has probability p; 0 is none.
    offset : tensor (k,) or None
        Added to the logits.
    margins : tensor (k,) or None
        Subtracted from the logit of each row's own class.
    """

    def __init__(self, label_smoothing=0.0, gamma=0.0, offset=None, margins=None):
        super().__init__(label_smoothing=label_smoothing)
        self.gamma = gamma
        self.register_buffer("offset", offset, persistent=False)
        self.register_buffer("margins", margins, persistent=False)

    @property
    def is_plain(self):
        """Whether it is the cross-entropy of the logits and an offset, in training as well."""
        return self.gamma == 0 and self.margins is None

    def forward(self, logits, target, weight=None):
        """Return the loss of `logits` (n, k) for `target` (n,) with `weight` (n,) or None."""
        if not self.training:
            return _weighted_mean(cross_entropy(logits, target, reduction="none"), weight)
        if self.offset is not None:
            logits = logits + self.offset
        if self.margins is not None:
            own = target.unsqueeze(1)
            logits = logits.scatter_add(1, own, -self.margins[own])
        smoothing = self.label_smoothing
        if weight is None and self.gamma == 0:
            return cross_entropy(logits, target, label_smoothing=smoothing)
        losses = cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
        if self.gamma:
            log_p = -cross_entropy(logits, target, reduction="none")
            # The slope of a root is infinite at 0, where a row's probability is 1.
            rest = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
            losses = losses * rest**self.gamma
        return _weighted_mean(losses, weight)


def _weighted_mean(losses, weight):
    return losses.mean() if weight is None else (losses * weight).sum() / weight.sum()
