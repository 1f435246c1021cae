"""Losses: weighted means over a batch."""

from torch import nn
from torch.nn.functional import cross_entropy


class WeightedCrossEntropy(nn.CrossEntropyLoss):
    """Cross-entropy of logits, ``sum(w * l) / sum(w)`` over a batch.

    Label smoothing (`label_smoothing`, Szegedy et al., "Rethinking the Inception architecture",
    CVPR 2016) is applied in training only, so that a validation loss is a plain log-loss.
    """

    def forward(self, logits, target, weight=None):
        """Return the loss of `logits` (n, k) for `target` (n,) with `weight` (n,) or None."""
        smoothing = self.label_smoothing if self.training else 0.0
        if weight is None:
            return cross_entropy(logits, target, label_smoothing=smoothing)
        losses = cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
        return (losses * weight).sum() / weight.sum()
