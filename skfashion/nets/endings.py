"""What somebody's module ends with, where that is no logits."""

import math

import torch

from skfashion.nets.own_layers import copy_for_trial

# Functions that return shares, as PyTorch calls them in its graphs of gradients, and in words.
SHARES = {"Softmax": "softmax", "Sigmoid": "sigmoid", "Hardsigmoid": "hard sigmoid"}
# Those that change the form of a tensor alone.
FORMS = {
    *("Alias", "Clone", "Permute", "ReshapeAlias", "Select", "Slice", "Squeeze", "T", "ToCopy"),
    *("Transpose", "UnsafeView", "Unsqueeze", "View"),
}
# Images that are ever further from the mean: logits do not stay where they were.
N_ROWS, SCALES = 16, (1.0, 10.0, 100.0)
# By how much the sum of a row of probabilities may differ from 1.
ROUNDING = 1e-4


def look_at_ending(module, images, logits, name):
    """Return what a fit is to refuse, and what it is to warn of, of what a module returns.

    Parameters
    ----------
    module : torch.nn.Module
        As it is in predictions.
    images : tensor (n, c, h, w)
    logits : tensor (n, k)
        What it makes of them.
    name : str
        What it is called.

    Returns
    -------
    faults, doubts : list of str
    """
    surest = math.e / (math.e + logits.shape[1] - 1)
    why = (
        f"the softmax that the loss and predict_proba apply to that gives no class more than "
        f"{surest:.0%}; expected logits, any numbers. Leave out"
    )
    for training in (False, True):
        function = _share_function(module, images, training)
        if function is not None:
            where = "training" if training else "predictions"
            fault = (
                f"Got module={name}, which ends with a {function} in {where}: it returns numbers "
                f"from 0 to 1, and {why} the {function}; a criterion that needs it applies it to "
                "the logits."
            )
            return [fault], []
    if not (_are_shares(logits) and _stays_among_shares(module, images)):
        return [], []
    doubt = (
        f"Got module={name}, which returns nothing but numbers from 0 to 1 for "
        f"{N_ROWS * len(SCALES)} random images, and {why} what keeps them there."
    )
    return [], [doubt]


def sum_to_one(rows):
    """Tell whether all numbers lie from 0 to 1, and those of each row sum to 1."""
    return _are_shares(rows) and bool(((rows.double().sum(1) - 1).abs() < ROUNDING).all())


def _are_shares(rows):
    """Tell whether all numbers lie from 0 to 1."""
    return bool(((rows >= 0) & (rows <= 1)).all())


def _share_function(module, images, training):
    """Return the function of `SHARES` that a module ends with, in words; None for any other.

    ``nn.Sigmoid()`` and ``torch.sigmoid`` are found alike: both leave a trace for gradients.
    """
    try:
        with torch.enable_grad():
            node = copy_for_trial(module).train(training)(images).grad_fn
    except Exception:  # nobody has promised that gradients flow in predictions
        return None
    while node is not None:
        name = node.name().partition("Backward")[0]
        if name not in FORMS:
            return SHARES.get(name)
        node = node.next_functions[0][0]
    return None


def _stays_among_shares(module, images):
    """Tell whether a module returns nothing but numbers from 0 to 1, which hang on the images."""
    generator = torch.Generator().manual_seed(0)
    module, found, shape = copy_for_trial(module), [], (N_ROWS, *images.shape[1:])
    try:
        with torch.no_grad():
            for scale in SCALES:
                drawn = torch.randn(shape, generator=generator, dtype=torch.float32)
                found.append(module(scale * drawn))
        rows = torch.cat(found)
    except Exception:  # for values of that size it may fail
        return False
    # A last layer that begins with zeros returns the same for all images.
    return _are_shares(rows) and bool((rows != rows[0]).any())
