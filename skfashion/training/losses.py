"""Losses: weighted means over a batch."""

from torch import nn
from torch.nn import functional as F


class WeightedCrossEntropy(nn.CrossEntropyLoss):
    """Cross-entropy of logits, ``sum(w * l) / sum(w)`` over a batch.

    Label smoothing (`label_smoothing`, Szegedy et al., "Rethinking the Inception architecture",
    CVPR 2016) is applied in training only, so that a validation loss is a plain log-loss.
    """

    def forward(self, logits, target, weight=None):
        """Return the loss, a scalar: `logits` (n, k), `target` int64 (n,), `weight` (n,) or None."""
        smoothing = self.label_smoothing if self.training else 0.0
        if weight is None:
            return F.cross_entropy(logits, target, label_smoothing=smoothing)
        losses = F.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
        return (losses * weight).sum() / weight.sum()
