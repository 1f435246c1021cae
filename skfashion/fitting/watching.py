"""What watches a fit: scores, progress, logs, and scikit-learn's callbacks."""

import copy
import inspect
from functools import partial

from sklearn.metrics import check_scoring

from skfashion.training import (
    EpochTasks,
    KeepBestWeights,
    LogRun,
    Progress,
    StopAtTarget,
    ValidationScore,
)
from skfashion.utils._sklearn import has_callbacks, metric_of, start_callbacks
from skfashion.utils.fitted import fitted_attributes


class Tasks:
    """scikit-learn's callback protocol: one task for the fit, one for each epoch.

    Parameters
    ----------
    estimator : estimator
        The one that the user fits, which holds the callbacks.
    X, y, sample_weight : array-likes
        What was passed to fit.
    """

    def __init__(self, estimator, X, y, sample_weight):
        self.estimator = estimator
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.fit_arguments = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.has_callbacks = has_callbacks(estimator)

    def start(self, n_epochs):
        """Announce the fit."""
        self.root = start_callbacks(self.estimator, n_epochs)
        self.root.call_on_fit_task_begin(**self.fit_arguments)

    def begin_epoch(self):
        """Announce an epoch."""
        self.epoch = self.root.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.fit_arguments)

    def end_epoch(self, state):
        """Report an epoch; return whether a callback asks to stop."""
        return self.epoch.call_on_fit_task_end(
            **self.fit_arguments, reconstruction_attributes=state
        )

    def finish(self, state):
        """Report the fit."""
        self.root.call_on_fit_task_end(**self.fit_arguments, reconstruction_attributes=state)


def fitted_state(estimator_so_far, net, names):
    """Return what makes a copy of the user's estimator a fitted one, whatever it knew before.

    Parameters
    ----------
    estimator_so_far : callable
        ``estimator_so_far(net) -> estimator``.
    net : TrainingNet
        Its training may go on.
    names : ndarray or None
        Of the columns.
    """
    net = copy.deepcopy(net)
    net.module_.eval()
    return fitted_attributes(estimator_so_far(net)) | {"feature_names_in_": names}


def make_callbacks(estimator, given, data, tasks, estimator_so_far, *, n_epochs, log_dir):
    """Return the callbacks of a fit's own, as pairs of a name and a callback.

    Parameters
    ----------
    estimator : ImageClassifier
    given : Given
    data : Data
    tasks : Tasks
    estimator_so_far : callable
        ``estimator_so_far(net) -> estimator``: a net in training as a fitted estimator, which
        takes rows without names.
    n_epochs : int
    log_dir : path-like or None
        Where to log the run, if it is logged.
    """
    callbacks = []
    if data.valid is not None:
        score = _make_score(estimator, data, estimator_so_far)
        name = f"scoring={estimator.scoring!r}"
        decides = estimator.early_stopping or estimator.target_score is not None
        callbacks.append(("skfashion_score", ValidationScore(score, name, decides=decides)))
    if estimator.verbose:
        bar = estimator.verbose is True or estimator.verbose == 1
        callbacks.append(("skfashion_progress", Progress(n_epochs, bar=bar)))
    if estimator.early_stopping:
        keep = KeepBestWeights(estimator.n_iter_no_change, estimator.tol)
        callbacks.append(("skfashion_best", keep))
    if estimator.target_score is not None:
        key = "train_accuracy" if data.valid is None else "valid_score"
        callbacks.append(("skfashion_target", StopAtTarget(estimator.target_score, key)))
    if log_dir is not None:
        run = LogRun(
            log_dir,
            type(estimator).__name__,
            estimator.get_params(deep=False),
            [str(label) for label in given.classes],
            lambda net, images: estimator_so_far(net)._logits_of_planes(images).softmax(1),
        )
        callbacks.append(("skfashion_log", run))
    if tasks.has_callbacks:

        def end(net):
            return tasks.end_epoch(
                partial(fitted_state, estimator_so_far, net, given.feature_names_in)
            )

        callbacks.append(("skfashion_tasks", EpochTasks(tasks.begin_epoch, end)))
    return callbacks


def _takes_weights(scorer):
    """Tell whether a scorer has a use for `sample_weight`."""
    # Every scorer of scikit-learn's takes the argument; what matters is its metric.
    function = metric_of(scorer)
    parameters = inspect.signature(function).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return takes_any or "sample_weight" in parameters


def _make_score(estimator, data, estimator_so_far):
    """Return a function that scores a net on the validation data; None for "loss"."""
    if estimator.scoring == "loss":
        return None
    scorer = check_scoring(estimator, estimator.scoring)
    weights = {}
    if data.weight_val is not None:
        if not _takes_weights(scorer):
            raise ValueError(
                f"Got scoring={estimator.scoring!r}, which takes no sample_weight, together with "
                "weights of rows or classes; expected scoring(estimator, X, y, "
                "sample_weight=None)."
            )
        weights = {"sample_weight": data.weight_val}
    return lambda net: scorer(estimator_so_far(net), data.X_val, data.y_val, **weights)
