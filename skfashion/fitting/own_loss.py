"""A loss of the user's own: a classifier's parameter `criterion`."""

import copy

from torch import nn


def own_loss(estimator, given):
    """Return a copy of the loss that `criterion` names, None where there is none.

    Parameters
    ----------
    estimator : ImageClassifier
        Whose parameters count.
    given : Given
        The fit's arguments.

    Raises
    ------
    ValueError
        If other parameters say what is minimised, too, or a class cannot be made.
    """
    criterion = getattr(estimator, "criterion", None)
    if criterion is None:
        return None
    asked = {
        f"loss={estimator.loss!r}": estimator.loss != "cross_entropy",
        f"label_smoothing={estimator.label_smoothing}": estimator.label_smoothing != 0,
        "a teacher or soft targets": given.soft_targets is not None,
    }
    refused = [words for words, is_asked in asked.items() if is_asked]
    if refused:
        raise ValueError(
            f"Got {' and '.join(refused)} together with criterion, expected one or the other: "
            "criterion is all that is minimised."
        )
    if not isinstance(criterion, type):
        return copy.deepcopy(criterion)
    try:
        made = criterion()
    except Exception as error:
        raise ValueError(
            f"Got criterion={criterion.__qualname__}, which cannot be made without arguments "
            f"({type(error).__name__}: {error}); expected an object of it, or a function of logits "
            "and targets."
        ) from error
    if not isinstance(made, nn.Module) and not callable(made):
        raise ValueError(
            f"Got criterion={criterion.__qualname__}, whose objects cannot be called, expected a "
            "loss of PyTorch's form: criterion(logits, targets)."
        )
    return made
