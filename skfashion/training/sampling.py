"""Which rows an epoch consists of, where not simply of all."""

import torch


class ClassSampler:
    """Draw as many rows as there are, each class in a given share, each row with replacement.

    Systematic sampling: points at equal distances on a line on which each row has a length. A
    class comes within one row of its share, and rows of one weight equally often, give or take
    one; what is left to chance is which of them.

    Parameters
    ----------
    targets : int64 tensor (n,)
        Class numbers.
    weights : float64 tensor (n,) or None
        How often a row is drawn, compared with others of its class; positive. None means equally.
    shares : float64 tensor (k,)
        Shares of the draws, of sum 1 over the classes that have rows.
    """

    def __init__(self, targets, weights, shares):
        if weights is None:
            weights = torch.ones(len(targets), dtype=torch.float64)
        totals = torch.zeros(len(shares), dtype=torch.float64).scatter_add(0, targets, weights)
        self._targets = targets
        self._probabilities = weights * (shares / totals)[targets]

    def __call__(self, generator):
        """Return the positions (n,) of the rows of an epoch, in mixed order."""
        n = len(self._targets)
        mixed = torch.randperm(n, generator=generator)
        # Rows of a class side by side, in an order of their own in each epoch.
        order = mixed[torch.sort(self._targets[mixed], stable=True).indices]
        ends = self._probabilities[order].cumsum(0)
        start = torch.rand((), generator=generator, dtype=torch.float64)
        points = (torch.arange(n, dtype=torch.float64) + start) / n * ends[-1]
        drawn = order[torch.searchsorted(ends, points, right=True).clamp_max_(n - 1)]
        return drawn[torch.randperm(n, generator=generator)]
