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
    soft_weight, temperature : float
        Where rows have soft targets: the share of their term, whose logits are divided by the
        temperature, and which is multiplied by its square (Hinton, Vinyals and Dean, "Distilling
        the knowledge in a neural network", arXiv:1503.02531). Of the above, the offset alone
        concerns this term.
    """

    # Old pickles have none.
    soft_weight = temperature = 1.0

    def __init__(
        self,
        label_smoothing=0.0,
        gamma=0.0,
        offset=None,
        margins=None,
        soft_weight=1.0,
        temperature=1.0,
    ):
        super().__init__(label_smoothing=label_smoothing)
        self.gamma = gamma
        self.soft_weight, self.temperature = soft_weight, temperature
        self.register_buffer("offset", offset, persistent=False)
        self.register_buffer("margins", margins, persistent=False)

    @property
    def is_plain(self):
        """Whether it is the cross-entropy of the logits and an offset, in training as well."""
        return self.gamma == 0 and self.margins is None

    def forward(self, logits, target, weight=None, soft_targets=None):
        """Return the loss of `logits` (n, k) for `target` (n,) with `weight` (n,) or None.

        In training, `soft_targets` (n, k) or None are probabilities to learn besides, already
        softened by the temperature.
        """
        if not self.training:
            return _weighted_mean(cross_entropy(logits, target, reduction="none"), weight)
        if self.offset is not None:
            logits = logits + self.offset
        smoothing, with_margins = self.label_smoothing, self._subtract_margins(logits, target)
        if weight is None and self.gamma == 0 and soft_targets is None:
            return cross_entropy(with_margins, target, label_smoothing=smoothing)
        losses = cross_entropy(with_margins, target, reduction="none", label_smoothing=smoothing)
        if self.gamma:
            log_p = -cross_entropy(with_margins, target, reduction="none")
            # The slope of a root is infinite at 0, where a row's probability is 1.
            rest = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
            losses = losses * rest**self.gamma
        if soft_targets is not None:
            soft = cross_entropy(logits / self.temperature, soft_targets, reduction="none")
            losses = (1 - self.soft_weight) * losses + self.soft_weight * self.temperature**2 * soft
        return _weighted_mean(losses, weight)

    def _subtract_margins(self, logits, target):
        if self.margins is None:
            return logits
        own = target.unsqueeze(1)
        return logits.scatter_add(1, own, -self.margins[own])


class OwnLoss(WeightedCrossEntropy):
    """A loss of the user's own in training, ``sum(w * l) / sum(w)`` over a batch as far as it can.

    A validation loss is the cross-entropy all the same.

    Parameters
    ----------
    loss : callable
        Maps logits ``(n, k)`` and the numbers of the labels ``(n,)`` to a loss a row ``(n,)``, or
        to one number.
    """

    is_plain = False

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def forward(self, logits, target, weight=None, soft_targets=None):
        """Return the loss of `logits` (n, k) for `target` (n,) with `weight` (n,) or None.

        Raises
        ------
        ValueError
            If the loss fails or is neither, or rows have weights and it is one number.
        """
        if not self.training:
            return super().forward(logits, target, weight)
        try:
            losses = self.loss(logits, target)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"Got a criterion that fails for logits of shape {tuple(logits.shape)} and targets "
                f"of shape {tuple(target.shape)}, numbers of classes ({type(error).__name__}: "
                f"{error}). Expected one that takes both, such as nn.CrossEntropyLoss."
            ) from error
        if not torch.is_tensor(losses) or losses.shape not in {(), (len(target),)}:
            what = f"shape {tuple(losses.shape)}" if torch.is_tensor(losses) else type(losses)
            raise ValueError(
                f"Got {what} from criterion for logits of shape {tuple(logits.shape)}, expected "
                f"one loss a row, a tensor of shape ({len(target)},), or a single number."
            )
        if losses.ndim == 0:
            if weight is not None:
                raise ValueError(
                    "Got a criterion that returns one number for a batch together with weights of "
                    "rows (sample_weight, class_weight or deferred_reweighting), expected one loss "
                    'a row. Losses of PyTorch return that with reduction="none".'
                )
            return losses
        return _weighted_mean(losses, weight)


def _weighted_mean(losses, weight):
    return losses.mean() if weight is None else (losses * weight).sum() / weight.sum()
