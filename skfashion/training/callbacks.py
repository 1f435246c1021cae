"""skorch callbacks: what happens between the epochs of a training.

A callback ends the training by setting ``net.stop_training_``; those after it still see the epoch.
"""

import math
import sys

from skorch.callbacks import Callback

from skfashion.parallel.progress import is_redrawn, make_bar
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.streams import Forgiving


class ValidationScore(Callback):
    """Record ``valid_score``, larger is better, after each epoch.

    Parameters
    ----------
    score : callable or None
        ``score(net) -> float``, called with the module in evaluation mode; None records the
        negative validation loss.
    name : str
        What it is called, for messages.
    decides : bool
        Whether something depends on it; else a score that is no number is only warned of.
    """

    def __init__(self, score=None, name="score", *, decides=False):
        self.score, self.name, self.decides = score, name, decides
        self._has_warned = False

    def on_epoch_end(self, net, **kwargs):
        """Record the score of the epoch that has just ended."""
        value = -net.history[-1, "valid_loss"] if self.score is None else float(self.score(net))
        net.history.record("valid_score", value)
        if math.isnan(value):
            self._complain(net.history[-1, "epoch"])

    def _complain(self, epoch):
        """Raise an error of a score that is NaN, or warn of the first one."""
        message = (
            f"Got a validation score of NaN in epoch {epoch} from {self.name}, expected a number. "
            "Where a class is missing in the validation data, some scores are not defined: "
            "hold out more rows, or take another scoring."
        )
        if self.decides:
            raise ValueError(message)
        if not self._has_warned:
            self._has_warned = True
            warn_the_caller(message)


class KeepBestWeights(Callback):
    """Stop when ``valid_score`` no longer improves, and restore the weights of its best epoch.

    Parameters
    ----------
    patience : int
        Epochs in a row without an improvement by more than `tol` after which training stops.
    tol : float
        Smallest change that counts as an improvement.
    """

    def __init__(self, patience, tol):
        self.patience = patience
        self.tol = tol

    def initialize(self):
        """Forget the training before."""
        self.best_score_ = self.reference_ = float("-inf")
        self.best_weights_ = None
        self.n_epochs_without_improvement_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        """Remember the weights if they are the best so far, and stop if it is time."""
        score = net.history[-1, "valid_score"]
        if score > self.best_score_:
            self.best_score_ = score
            self.best_weights_ = {name: t.clone() for name, t in net.module_.state_dict().items()}
        if score > self.reference_ + self.tol:
            self.reference_ = score
            self.n_epochs_without_improvement_ = 0
        else:
            self.n_epochs_without_improvement_ += 1
        if self.n_epochs_without_improvement_ >= self.patience:
            net.stop_training_ = True

    def state_dict(self):
        """Return what the rest of the training depends on, for a checkpoint."""
        return {
            "best_score": self.best_score_,
            "reference": self.reference_,
            "best_weights": None if self.best_weights_ is None else dict(self.best_weights_),
            "n_epochs_without_improvement": self.n_epochs_without_improvement_,
        }

    def state_like(self, net):
        """Return a state of the form that :meth:`state_dict` returns after an epoch."""
        return self.state_dict() | {"best_weights": dict(net.module_.state_dict())}

    def load_state_dict(self, state):
        """Continue where :meth:`state_dict` was called."""
        waited, best = state["n_epochs_without_improvement"], state["best_score"]
        if not 0 <= waited <= self.patience or math.isnan(best):
            raise ValueError(
                f"Got a best score of {best}, {waited} epochs ago, expected a number, and at most "
                f"{self.patience} epochs."
            )
        for name, value in state.items():
            setattr(self, f"{name}_", value)

    def on_train_end(self, net, **kwargs):
        """Put the best weights back."""
        if self.best_weights_ is not None:
            net.module_.load_state_dict(self.best_weights_)
            self.best_weights_ = None


class StopAtTarget(Callback):
    """Stop as soon as a recorded score reaches a target.

    Parameters
    ----------
    target : float
        The score that is good enough.
    key : {"valid_score", "train_accuracy"}
        Which column of the history is compared with it.
    """

    def __init__(self, target, key):
        self.target = target
        self.key = key

    def on_epoch_end(self, net, **kwargs):
        """Stop if the epoch that has just ended reached the target."""
        if net.history[-1, self.key] >= self.target:
            net.stop_training_ = True


class DeferredWeights(Callback):
    """Give the classes other weights from some epoch on.

    Parameters
    ----------
    class_weight : float tensor (k,)
        Factors of the weights of each class's rows.
    first : int
        Number of epochs without them.
    """

    def __init__(self, class_weight, first):
        self.class_weight = class_weight
        self.first = first

    def on_epoch_begin(self, net, dataset_train=None, **kwargs):
        """Set the weights if it is time."""
        if len(net.history) > self.first:  # the epoch that begins is counted already
            dataset_train.class_weight = self.class_weight


class EpochTasks(Callback):
    """Call one function before and one after each epoch.

    Parameters
    ----------
    begin, end : callable
        ``begin()`` and ``end(net)``; training stops when the latter returns True.
    """

    def __init__(self, begin, end):
        self.begin = begin
        self.end = end

    def on_epoch_begin(self, net, **kwargs):
        """Announce the epoch."""
        self.begin()

    def on_epoch_end(self, net, **kwargs):
        """Report the epoch that has just ended."""
        if self.end(net):
            net.stop_training_ = True


class Progress(Callback):
    """Show how far the training is.

    Parameters
    ----------
    n_epochs : int
        Epochs that the training takes unless it is stopped early.
    bar : bool
        True draws a progress bar with loss, score and time left, where the output can be drawn
        over; False, and in a file, prints a line an epoch.
    """

    def __init__(self, n_epochs, bar):
        self.n_epochs = n_epochs
        self.bar = bar

    def on_train_begin(self, net, **kwargs):
        """Draw the empty bar."""
        drawn = self.bar and is_redrawn()
        self.bar_ = make_bar(total=self.n_epochs, unit="epoch") if drawn else None

    def on_epoch_end(self, net, **kwargs):
        """Show the epoch that has just ended."""
        row = net.history[-1]
        if self.bar_ is not None and self.bar_.n == 0:
            # A training that goes on from a checkpoint does not begin at 0.
            self.bar_.initial = self.bar_.n = row["epoch"] - 1
        shown = {"loss": f"{row['train_loss']:.4f}", "accuracy": f"{row['train_accuracy']:.4f}"}
        for key in ("valid_loss", "valid_score"):
            if key in row:
                shown[key] = f"{row[key]:.4f}"
        if self.bar_ is not None:
            self.bar_.set_postfix(shown, refresh=False)
            self.bar_.update()
            return
        shown["lr"] = f"{row['lr']:.1e}"
        shown["seconds"] = f"{row['seconds']:.1f}"
        epoch = f"epoch {row['epoch']:>{len(str(self.n_epochs))}}/{self.n_epochs}"
        words = (f"{key} {value}" for key, value in shown.items())
        print(epoch, *words, sep="  ", file=Forgiving(sys.stdout), flush=True)

    def close(self):
        """Leave the bar as it is and the cursor on a new line."""
        if getattr(self, "bar_", None) is not None:
            self.bar_.close()
            self.bar_ = None
