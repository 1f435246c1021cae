"""The state of a training in a file: written atomically, owned by one fit, read without pickle."""

import contextlib
import os
from pathlib import Path

import torch
from skorch.callbacks import Callback, GradientNormClipping, PrintLog, ProgressBar, TensorBoard

from skfashion.training.states import resume_training, training_state
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.files import sweep, try_lock
from skfashion.utils.values import (
    KINDS,
    Kind,
    read_values,
    values_from_bytes,
    values_to_bytes,
    write_values,
)

TENSOR = Kind(torch.Tensor, lambda tensor: tensor.detach().cpu().numpy(), torch.from_numpy)
STATES = KINDS | {"tensor": TENSOR}
# skorch's callbacks that only watch, and those that keep nothing from one epoch to the next.
WATCHING = (PrintLog, ProgressBar, TensorBoard)
WITHOUT_STATE = (*WATCHING, GradientNormClipping)


def is_resumable(callback):
    """Tell whether a training with this callback can go on from a checkpoint."""
    has_methods = hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")
    return has_methods or isinstance(callback, WITHOUT_STATE)


def is_watching(callback):
    """Tell whether a callback has no influence on the result of a training."""
    return isinstance(callback, WATCHING)


def write_state(path, state):
    """Write a state to a file, in one step."""
    write_values(path, state, STATES)


def read_state(path):
    """Return the state in a file.

    Raises
    ------
    ValueError
        If it is no checkpoint, or damaged.
    """
    try:
        state = read_values(path, STATES)
        if not _is_checkpoint(state):
            raise ValueError("It has not the parts of a checkpoint.")
    except ValueError as error:
        raise ValueError(
            f"Got checkpoint_dir with the file {path}, which is no checkpoint or a damaged one; "
            "expected a folder, or a file that a fit with checkpoint_dir has written. If it is one "
            "that was damaged, remove it to start from the beginning."
        ) from error
    return state


def _is_checkpoint(state):
    """Tell whether a state has what a checkpoint holds; what a net needs is asked of the net."""
    if not isinstance(state, dict) or set(state) != {"identity", "seed", "state"}:
        return False
    identity, seed = state["identity"], state["seed"]
    return (
        isinstance(identity, dict)
        and all(isinstance(section, dict) for section in identity.values())
        and type(seed) is int
        and 0 <= seed < 2**32
    )


def state_to_bytes(state):
    """Return a state in the format of a checkpoint, to be sent to another process."""
    return values_to_bytes(state, STATES)


def state_from_bytes(content):
    """Return the state that :func:`state_to_bytes` was given."""
    return values_from_bytes(content, STATES)


class CheckpointFile:
    """One fit's checkpoint.

    Parameters
    ----------
    path : pathlib.Path
        Where it lies, or will lie.
    identity : dict of str to dict
        What the fit depends on, by section; a checkpoint with another identity is refused.
    every : int
        Epochs from one writing to the next.
    named : bool
        Whether the user named this very file.

    Raises
    ------
    ValueError
        If the file is there and belongs to another fit, or is damaged, or if it was named and
        another fit is using it.
    OSError
        If the folder cannot be written.
    """

    def __init__(self, path, identity, every, named=False):
        self.path, self._lock = _owned(path, named)
        self.identity, self.every = identity, every
        self.state = self.seed = None
        try:
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self):
        sweep(self.path.parent)
        if self.path.exists():
            stored = read_state(self.path)
            self._compare(stored["identity"])
            self.state, self.seed = stored["state"], stored["seed"]

    def _compare(self, stored):
        """Raise a ValueError that names how the stored fit differs from this one."""
        differences = []
        for section, values in self.identity.items():
            theirs = stored.get(section, {})
            differences += [
                f"{section} {name}: {theirs.get(name)} there, {values.get(name)} here"
                for name in {**values, **theirs}
                if theirs.get(name) != values.get(name)
            ]
        if differences:
            raise ValueError(
                f"Got the checkpoint {self.path}, which belongs to another fit: "
                f"{'; '.join(differences)}. Expected the same parameters, data, versions, "
                "processor and number of threads. Remove the file to start from the beginning, "
                "or name another checkpoint_dir."
            )

    def write(self, state):
        """Replace the checkpoint by a new state.

        Raises
        ------
        OSError
            If that fails; the last good checkpoint is still there.
        """
        content = {"identity": self.identity, "seed": self.seed, "state": state}
        try:
            write_state(self.path, content)
        except OSError as error:
            kept = (
                "The checkpoint before it is still there: make room and fit again to go on from it."
                if self.path.exists()
                else "Make room there, or name another checkpoint_dir."
            )
            raise OSError(
                error.errno, f"Could not write the checkpoint: {error.strerror}. {kept}", self.path
            ) from error

    def resume(self, net, *, validates, steps_per_epoch):
        """Let a net in training go on from the checkpoint.

        Raises
        ------
        ValueError
            If what it holds is not for this net.
        """
        try:
            resume_training(net, self.state, validates=validates, steps_per_epoch=steps_per_epoch)
        except MemoryError:
            raise
        except Exception as error:  # whatever PyTorch, or a callback, says of a state
            raise ValueError(
                f"Got the checkpoint {self.path}, which is damaged or was made for another net "
                f"({error}). Remove it to start from the beginning."
            ) from error

    def remove(self):
        """Remove the checkpoint: its fit is finished, which it may know if it must stay."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            warn_the_caller(
                f"The checkpoint of a finished fit could not be removed: {error}.",
                RuntimeWarning,
            )

    def close(self):
        """Let another fit have the file."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                Path(self._lock.name).unlink()
            self._lock.close()
            self._lock = None


def _owned(path, named):
    """Return a path that this fit alone owns, and the lock that says so.

    A fit of the same parameters and data that runs at the same time has its own file, with a
    number at the end. Where there are no locks, they share one: each goes on from what it has in
    memory, and a new one from whichever state was written last.
    """
    number = 1
    candidate = path
    while True:
        lock_path = candidate.with_name(f".{candidate.name}.lock")
        lock = open(lock_path, "ab")  # for as long as the fit lasts
        is_ours = try_lock(lock)
        if is_ours is None:
            lock.close()
            with contextlib.suppress(OSError):
                lock_path.unlink()
            return candidate, None
        if not is_ours:
            lock.close()
            if named:
                raise ValueError(
                    f"Got the checkpoint {path}, which another fit is using at this moment; "
                    "expected one that nobody uses. Wait for that fit, or name a folder."
                )
            number += 1
            candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
            continue
        try:
            is_there = os.path.samestat(os.fstat(lock.fileno()), lock_path.stat())
        except FileNotFoundError:
            is_there = False
        if is_there:
            return candidate, lock
        lock.close()  # its owner had finished, and removed it after we opened it: try again


class PauseTraining(Callback):
    """Stop after some epoch and keep what the rest of the training needs; the last callback of all.

    Parameters
    ----------
    epoch : int
        Number of epochs after which to stop.
    state : bytes or None
        What `state` was after the pause before, to go on from; None begins.
    """

    def __init__(self, epoch, state=None):
        self.epoch, self.state = epoch, state
        self.pauses = False

    def on_epoch_end(self, net, **kwargs):
        """Stop if it is time."""
        if not net.stop_training_ and len(net.history) < self.epoch:
            return
        self.state = state_to_bytes(training_state(net))
        self.pauses = not net.stop_training_
        net.stop_training_ = True

    def on_train_end(self, net, **kwargs):
        """Put averaged weights in place for whoever asks for scores, after all other callbacks."""
        if self.pauses and net.averaged_ is not None:
            net.averaged_.put_in_place()


class WriteCheckpoints(Callback):
    """Write the training's state every few epochs; the last callback of all.

    Parameters
    ----------
    file : CheckpointFile
    """

    def __init__(self, file):
        self.file = file

    def on_train_begin(self, net, **kwargs):
        """Write where the training begins: a folder that cannot be written is better found now."""
        if self.file.state is None:
            self.file.write(training_state(net))

    def on_epoch_end(self, net, **kwargs):
        """Write the state of the epoch that has just ended."""
        if len(net.history) % self.file.every == 0:
            self.file.write(training_state(net))
