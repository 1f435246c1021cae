"""What `fit` and `partial_fit` do with checked arguments, in the order in which they do it."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from skfashion.fitting.building import make_augmenter, make_net
from skfashion.fitting.data import make_data, make_part
from skfashion.fitting.frequencies import Frequencies, balance_of, check_prior
from skfashion.fitting.inputs import find_device, torch_dtype
from skfashion.fitting.resuming import check_callbacks, checkpoint_of
from skfashion.fitting.watching import fitted_state, make_callbacks
from skfashion.images import planes_shape
from skfashion.parameters.options import batch_size_of, number_of_epochs
from skfashion.training import (
    BatchIterator,
    DeferredWeights,
    PauseTraining,
    TrainingNet,
    WriteCheckpoints,
    make_schedule,
    resume_training,
    state_from_bytes,
)

# Of the averaged weights by which a paused training is judged.
PAUSE_DECAY = 0.995
# Name of the callback that keeps a training's state: the last one, so that it has seen all others.
LAST = "skfashion_state"


@dataclass(frozen=True)
class Trained:
    """What a training leaves behind.

    Attributes
    ----------
    net : TrainingNet
        The net.
    frequencies : Frequencies
        Of the classes, in the data and for the net.
    paused : bytes or None
        What the rest of a training that was paused needs; None at the end of one.
    """

    net: TrainingNet
    frequencies: Frequencies
    paused: bytes | None = None


def fit(estimator, given, tasks, estimator_of, *, until=None, paused=None):
    """Train a new net, to the end or up to a pause.

    Parameters
    ----------
    estimator : ImageClassifier
        Whose parameters count; it is not changed.
    given : Given
        The arguments.
    tasks : Tasks
        scikit-learn's callbacks.
    estimator_of : callable
        ``estimator_of(trained) -> estimator``: what is trained so far as a fitted estimator, which
        takes rows without names.
    until : int or None
        Epoch after which to pause, without checkpoints and logs; None trains to the end.
    paused : bytes or None
        What the pause before returned, to go on from.

    Returns
    -------
    Trained
    """
    if until is not None:
        check_callbacks(estimator, "a training that is paused and goes on")
    with checkpoint_of(estimator, given) if until is None else nullcontext() as checkpoint:
        seed = given.seed if checkpoint is None else checkpoint.seed
        balance = balance_of(estimator, given)
        data = make_data(estimator, given, balance, seed)
        check_prior(estimator.prior, given.classes)
        batch_size = batch_size_of(estimator, len(data.train))
        steps_per_epoch = len(BatchIterator(data.train, batch_size))
        n_epochs = number_of_epochs(estimator, steps_per_epoch)

        def estimator_so_far(net):
            frequencies = balance.frequencies_after(len(net.history), n_epochs)
            return estimator_of(Trained(net, frequencies))

        tasks.start(n_epochs)
        log_dir = estimator.log_dir if until is None else None
        data.train.class_weight, own = _weights_of_classes(
            estimator, balance, n_epochs, data.train.targets.device
        )
        own += make_callbacks(
            estimator, given, data, tasks, estimator_so_far, n_epochs=n_epochs, log_dir=log_dir
        )
        # The last weights of all are judged as they are, like those of any other fit.
        pauses = until is not None and until < n_epochs
        net = make_net(
            estimator,
            given,
            balance.terms,
            data.statistics,
            batch_size=batch_size,
            n_epochs=n_epochs,
            seed=seed,
            callbacks=own,
            schedule=_make_schedule(estimator, n_epochs, steps_per_epoch),
            pause_decay=PAUSE_DECAY if pauses else None,
        )
        resume, last = _resume(checkpoint, paused, until if pauses else None)
        if last is not None:
            net.callbacks_.append((LAST, last))
        net.train(data.train, data.valid, epochs=n_epochs, resume=resume)
        net.forget_callbacks([name for name, _ in own] + [LAST])
        frequencies = balance.frequencies_after(_number_of_kept_epochs(estimator, net), n_epochs)
        trained = Trained(net, frequencies, last.state if pauses else None)

        def estimator_at_end(net):
            return estimator_of(replace(trained, net=net))

        tasks.finish(partial(fitted_state, estimator_at_end, net, given.feature_names_in))
    return trained


def partial_fit(estimator, given, remember, is_remembered):
    """Train for one pass at a constant learning rate, a new net or that of the call before.

    Parameters
    ----------
    estimator : ImageClassifier
        Whose parameters count; it is not changed, but the net of the call before is.
    given : Given
        The arguments.
    remember : callable
        ``remember(trained)`` gives the user's estimator, in one step, what it has learned.
    is_remembered : callable
        ``is_remembered(trained) -> bool`` tells whether that has happened.
    """
    before = given.before
    balance = balance_of(estimator, given, 0.0 if before is None else before.class_count_)
    data = make_part(estimator, given, balance)
    batch_size = batch_size_of(estimator, len(data.train))
    if before is None:
        options = {"batch_size": batch_size, "n_epochs": 1, "seed": given.seed}
        net = make_net(estimator, given, balance.terms, data.statistics, **options)
    else:
        net = before.net_
        net.move_to(find_device(estimator.device))
    shape, dtype = planes_shape(given.image_shape), torch_dtype(estimator.precision)
    augment = make_augmenter(estimator.augment, shape, dtype)
    trained = Trained(net, balance.frequencies_after(1, 1))
    net.one_pass(
        data.train,
        lr=estimator.lr,
        batch_size=batch_size,
        augment=augment,
        seed=given.seed,
        remember=lambda: remember(trained),
        is_remembered=lambda: is_remembered(trained),
    )


def _resume(checkpoint, paused, until):
    """Return what lets a net go on, if anything, and the callback that saves the next state."""
    resume, last = None, None
    if paused is not None:
        resume = partial(resume_training, state=state_from_bytes(paused))
    if checkpoint is not None:
        resume = None if checkpoint.state is None else checkpoint.resume
        last = WriteCheckpoints(checkpoint)
    if until is not None:
        last = PauseTraining(until, paused)
    return resume, last


def _weights_of_classes(estimator, balance, n_epochs, device):
    """Return the loss's weights of classes to begin with, and callbacks that set later ones."""
    if balance.factors is None:
        return None, []
    dtype = torch_dtype(estimator.precision)
    weights = torch.as_tensor(balance.factors, dtype=dtype, device=device)
    first = balance.n_epochs_without_factors(n_epochs)
    if first == 0:
        return weights, []
    return None, [("skfashion_weights", DeferredWeights(weights, first))]


def _make_schedule(estimator, n_epochs, steps_per_epoch):
    """Return the learning rate's schedule that the estimator's parameters describe."""
    return make_schedule(
        estimator.lr_schedule,
        n_epochs=n_epochs,
        steps_per_epoch=steps_per_epoch,
        warmup_fraction=estimator.warmup_fraction,
        step_size=estimator.step_size,
        gamma=estimator.gamma,
    )


def _number_of_kept_epochs(estimator, net):
    """Return after how many epochs a net had the weights that it has in the end."""
    if not estimator.early_stopping:
        return len(net.history)
    return int(np.argmax(net.history[:, "valid_score"])) + 1
