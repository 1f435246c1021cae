"""Learning-rate schedules, as functions of the optimisation step."""

import math

# Smith and Topin, "Super-convergence" (2018), start at a small share of the peak and end at a
# much smaller one; these are PyTorch's OneCycleLR values of the two.
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1 / 25e4


def _half_cosine(start, end, share):
    """Return the value at `share` (0 to 1) of half a cosine wave from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def make_schedule(name, *, n_epochs, steps_per_epoch, warmup_fraction, step_size, gamma):
    """Return a function from the step (0, 1, …) to the factor by which `lr` is multiplied.

    None stands for a constant learning rate without warm-up: nothing is ever set, so that a
    scheduler of the user's, a skorch callback, has its way.

    Parameters
    ----------
    name : {"one_cycle", "constant", "step", "cosine"}
        ``"one_cycle"`` rises from 1/25 to 1 and falls to almost 0, each along half a cosine
        wave; ``"cosine"`` falls from 1 to 0; ``"step"`` multiplies by `gamma` every `step_size`
        epochs. The last three rise linearly from 0 during the warm-up.
    n_epochs, steps_per_epoch : int
        Length of the training.
    warmup_fraction : float in [0, 1) or "auto"
        Share of all steps spent rising; "auto" is 0.25 for ``"one_cycle"`` and 0 otherwise.
    step_size : int
        Epochs between two reductions of ``"step"``.
    gamma : float
        Factor of each of these reductions.

    References
    ----------
    Smith and Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", arXiv:1708.07120; Loshchilov and Hutter, "SGDR", ICLR 2017 (cosine).
    """
    if warmup_fraction == "auto":
        warmup_fraction = 0.25 if name == "one_cycle" else 0.0
    if name == "constant" and not warmup_fraction:
        return None
    n_steps = n_epochs * steps_per_epoch
    n_warmup = int(warmup_fraction * n_steps)

    def warm_up(step):
        if name == "one_cycle":
            return _half_cosine(ONE_CYCLE_START, 1.0, step / n_warmup)
        return (step + 1) / (n_warmup + 1)

    def factor(step):
        if step < n_warmup:
            return warm_up(step)
        share = (step - n_warmup) / max(1, n_steps - 1 - n_warmup)
        if name == "one_cycle":
            return _half_cosine(1.0, ONE_CYCLE_END, share)
        if name == "cosine":
            return _half_cosine(1.0, 0.0, share)
        if name == "step":
            return gamma ** (step // steps_per_epoch // step_size)
        return 1.0

    return factor
