"""How many candidates of a successive halving train for how long."""

import math


def plan_rungs(n_candidates, factor, smallest, largest):
    """Return how many candidates, and up to which epoch, each rung has.

    The last rung has `largest` epochs, each one before it `factor` times fewer, rounded down, and
    there are as many as it takes until less than `factor` candidates are left, or until `smallest`
    or a number that does not fall any more is reached.

    Parameters
    ----------
    n_candidates : int
    factor : float > 1
    smallest, largest : int
        Epochs.

    Returns
    -------
    n_candidates : list of int
        Of each rung.
    n_epochs : list of int
        Of each rung, rising.

    Raises
    ------
    ValueError
        If `smallest` is more than `largest`.
    """
    if smallest > largest:
        raise ValueError(
            f"Got min_resources={smallest} and max_resources={largest}, expected at most as many "
            "in the first rung as in the last."
        )
    factor, largest = float(factor), int(largest)  # powers of NumPy's small integers wrap round
    candidates, epochs = [n_candidates], [largest]
    left = n_candidates
    while left >= factor:
        fewer = math.floor(largest / factor ** len(epochs))
        if not smallest <= fewer < epochs[0]:
            break
        left /= factor
        candidates.append(math.ceil(candidates[-1] / factor))
        epochs.insert(0, fewer)
    return candidates, epochs
