"""A loss of the user's own: a classifier's parameter `criterion`."""

import copy
import functools

from torch import nn

from skfashion.fitting.words import name_of


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


def check_suits(loss, made_by, module):
    """Refuse a loss of log-probabilities for a network that returns none.

    Parameters
    ----------
    loss : callable
        What :func:`own_loss` returns.
    made_by : type, callable or torch.nn.Module
        What makes the network, for the message.
    module : Network

    Raises
    ------
    ValueError
    """
    while isinstance(loss, functools.partial):
        loss = loss.func
    if not isinstance(loss, nn.NLLLoss) and loss is not nn.functional.nll_loss:
        return
    if not module.returns_log_probabilities:
        raise ValueError(
            f"Got criterion={name_of(loss)} with module={name_of(made_by)}, which returns no "
            "log-probabilities: the exponentials of a row do not sum to 1, as that loss needs it. "
            "Use criterion=nn.CrossEntropyLoss, which takes logits, or let the module end with "
            "nn.LogSoftmax(dim=1)."
        )
