"""Trainings that take their steps together, so that networks of one shape share products.

Each training is a coroutine of its own (a greenlet), and its code that of any other training. Where
it would compute gradients, it waits until all the others wait as well; then they are computed for
all of one shape at once.
"""

from contextvars import ContextVar
from functools import partial
from typing import NamedTuple

from skfashion.training.stacked import StackedGradients

# The coroutine to ask, None outside of trainings that run together.
_hub = ContextVar("skfashion_hub", default=None)


def train_together(functions):
    """Call functions that train networks, so that these take their steps together.

    Parameters
    ----------
    functions : list of callable
        Without arguments. Each may train in any way; what is not a plain multilayer perceptron with
        plain steps is computed as if it were alone.

    Returns
    -------
    list
        What they returned. An error in one of them ends all.

    Raises
    ------
    ImportError
        If greenlet is not installed.
    """
    greenlet = import_greenlet()
    hub = greenlet.getcurrent()
    members = [greenlet.greenlet(partial(_begin, hub, function)) for function in functions]
    results, asked = {}, {}

    def resume(member, *answer):
        value = member.switch(*answer)
        (results if member.dead else asked)[member] = value

    try:
        for member in members:
            resume(member)
        while asked:
            waiting = list(asked.items())
            asked.clear()
            answers = _answers([request for _, request in waiting])
            for (member, _), answer in zip(waiting, answers, strict=True):
                resume(member, answer)
    finally:
        for member in members:
            if not member.dead:
                member.throw()
    return [results[member] for member in members]


def import_greenlet():
    """Return the library of coroutines.

    Raises
    ------
    ImportError
        If it is not installed, with what to do about it.
    """
    try:
        import greenlet
    except ImportError as error:
        raise ImportError(
            "Networks are trained together with the help of greenlet, which is not installed; "
            "install it with: pip install 'skfashion[stacking]'"
        ) from error
    return greenlet


def join(gradients):
    """Return what computes a network's gradients: together with others where these are there.

    Parameters
    ----------
    gradients : DenseGradients
        What computes them alone.
    """
    hub = _hub.get()
    return gradients if hub is None else hub.switch(_Join(gradients))


def _begin(hub, function):
    _hub.set(hub)
    return function()


class _Join(NamedTuple):
    """A network that is there."""

    gradients: object


class _Batch(NamedTuple):
    """A network whose gradients for a batch are asked for."""

    seat: object
    batch: tuple


class _Seat:
    """A network's place in a stack: computes its gradients together with the others'."""

    def __init__(self, stack, gradients):
        self.stack, self.gradients = stack, gradients

    def __call__(self, images, targets, weight):
        return _hub.get().switch(_Batch(self, (images, targets, weight)))


def _answers(requests):
    """Answer what all trainings ask for at the same time."""
    answers = {}
    for numbers in _grouped(requests, _Join, lambda r: r.gradients.shape):
        members = [requests[i].gradients for i in numbers]
        if len(members) == 1 or members[0].shape is None:
            answers |= dict(zip(numbers, members, strict=True))
            continue
        stack = _Stack(members)
        answers |= dict(zip(numbers, [_Seat(stack, one) for one in members], strict=True))
    for numbers in _grouped(requests, _Batch, lambda r: id(r.seat.stack)):
        stack = requests[numbers[0]].seat.stack
        answers |= dict(zip(numbers, stack.compute([requests[i] for i in numbers]), strict=True))
    return [answers[i] for i in range(len(requests))]


def _grouped(requests, kind, key):
    """Return the numbers of the requests of a kind, in groups of an equal key."""
    groups = {}
    for i, request in enumerate(requests):
        if type(request) is kind:
            groups.setdefault(key(request), []).append(i)
    return list(groups.values())


class _Stack:
    """The networks of one shape."""

    def __init__(self, members):
        self._n_members = len(members)
        self._together = StackedGradients(members)

    def compute(self, requests):
        """Return loss and logits of each, all at once where all are there with equal batches."""
        batches = [request.batch for request in requests]
        # They come in the order in which their networks joined: that of the trainings.
        if len(batches) == self._n_members and self._together.takes(batches):
            return self._together(batches)
        return [r.seat.gradients(*r.batch) for r in requests]
