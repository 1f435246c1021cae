"""A training as TensorBoard shows it: a folder a run."""

import contextlib
import hashlib
import uuid
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback

from skfashion.training.callbacks import KeepBestWeights
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.extras import installed_by

# Records of the history, by the names of their charts; those of one group stand in one section.
CHARTS = {
    "train_loss": "loss/train",
    "valid_loss": "loss/valid",
    "train_accuracy": "score/train_accuracy",
    "valid_score": "score/valid_score",
    "lr": "training/lr",
}
# Images whose predictions are shown.
N_SAMPLES = 16


class LogRun(Callback):
    """Write a training for TensorBoard, into a folder of its own.

    Parameters
    ----------
    folder : path-like
        Where the runs are; made if missing.
    name : str
        What this one's folder begins with.
    params : dict of str to object
        Hyper-parameters, for the tab that compares final scores.
    class_names : list of str
    predict_proba : callable
        ``predict_proba(net, images) -> probabilities``, tensors (n, c, h, w) and (n, n_classes): as
        the estimator answers, its prior and views included. It is let go of at the end.

    Attributes
    ----------
    folder_ : pathlib.Path
        The run's folder.

    Raises
    ------
    ImportError
        If TensorBoard is not installed.
    OSError
        By `on_train_begin`, if the folder cannot be written. Once the training has begun nothing
        here ends it: what cannot be written, on a full disk say, is warned of.
    """

    writer_ = None

    def __init__(self, folder, name, params, class_names, predict_proba):
        self.folder = folder
        self.name = name
        self.params = params
        self.class_names = class_names
        self.predict_proba = predict_proba
        _import_writer()

    def on_train_begin(self, net, X=None, **kwargs):
        """Begin the run's folder."""
        # Fits of one candidate, such as a search's folds, stand together and have one word that
        # finds them all; the end is unlike that of fits that begin at the same moment elsewhere.
        fit = f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
        self.folder_ = Path(self.folder) / f"{self.name}-{self._candidate()}-{fit}"
        self.writer_ = _import_writer()(str(self.folder_))
        self.n_rows_, self.n_written_ = len(X), 0
        # Where a checkpoint leaves no epoch to train, these are all that is ever seen.
        self.samples_ = X

    def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
        """Remember which images to show in the end."""
        if dataset_valid is not None:
            self.samples_ = dataset_valid

    def on_epoch_end(self, net, **kwargs):
        """Write the epoch that has just ended."""
        self._try(self._write_epochs, net.history)

    def on_train_end(self, net, **kwargs):
        """Write hyper-parameters with final scores, and some predictions."""
        self._try(self._write_end, net)

    def close(self):
        """Write what is still in memory, and let go of the data."""
        self._try(lambda: self.writer_.close())
        self.writer_ = self.samples_ = self.predict_proba = None

    def _try(self, write, *args):
        """Write something; if that fails, warn, and write nothing more."""
        if self.writer_ is None:
            return
        try:
            write(*args)
        except Exception as error:
            with contextlib.suppress(Exception):  # what is in memory may be writable still
                self.writer_.close()
            self.writer_ = None
            warn_the_caller(
                f"Could not write the log in {self.folder_} ({type(error).__name__}: {error}). The "
                "training goes on without it, and what is written already stays.",
                RuntimeWarning,
            )

    def _write_end(self, net):
        from torch.utils.tensorboard.summary import hparams

        self._write_epochs(net.history)
        kept = net.history[_kept_epoch(net)]
        finals = {f"final/{key}": kept[key] for key in _charts_of(kept) if key != "lr"}
        finals["final/seconds"] = sum(net.history[:, "seconds"])
        params = {name: _plain(value) for name, value in self.params.items()}
        params["candidate"] = self._candidate()
        for summary in hparams(params, finals):
            self.writer_.file_writer.add_summary(summary)
        for chart, value in finals.items():
            self.writer_.add_scalar(chart, value)
        self._show_samples(net)

    def _candidate(self):
        """Return a short word that fits of equal parameters share."""
        params = {name: str(_plain(value)) for name, value in self.params.items()}
        params.pop("log_dir", None)
        return hashlib.sha256(repr(sorted(params.items())).encode()).hexdigest()[:8]

    def _write_epochs(self, history):
        """Write what is not written yet; after a checkpoint, the epochs before it as well."""
        for row in history[self.n_written_ :]:
            for key, chart in _charts_of(row).items():
                self.writer_.add_scalar(chart, row[key], row["epoch"])
            speed = self.n_rows_ / row["seconds"]
            self.writer_.add_scalar("training/images_per_second", speed, row["epoch"])
        self.n_written_ = len(history)

    def _show_samples(self, net):
        """Log some validation images with their labels and predictions."""
        from torchvision.utils import make_grid

        rows = self.samples_.rows
        rows = torch.arange(len(self.samples_)) if rows is None else rows
        rows = rows[:N_SAMPLES]
        images, true = self.samples_.images[rows], self.samples_.targets[rows].tolist()
        shares, codes = self.predict_proba(net, images).max(1)
        if images.shape[1] in (1, 3):
            grid = make_grid(images.float(), nrow=4, normalize=True)
            self.writer_.add_image("predictions/images", grid)
        lines = ["| image | true | predicted | probability |", "|---|---|---|---|"]
        for i, (code, share) in enumerate(zip(codes.tolist(), shares.tolist(), strict=True)):
            # A bar would begin a column.
            names = (_text(self.class_names[j]).replace("|", "&#124;") for j in (true[i], code))
            lines.append(f"| {i} | {' | '.join(names)} | {share:.3f} |")
        self.writer_.add_text("predictions/table", "\n".join(lines))


def _import_writer():
    """Return TensorBoard's writer; raise an ImportError that says how to install it."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            f"Got a log_dir, which needs TensorBoard; install it with: {installed_by('tracking')}"
        ) from error
    return SummaryWriter


def _charts_of(row):
    """Return what an epoch has of ``CHARTS``, without a score that is nothing but the loss."""
    is_loss = row.get("valid_score") == -row.get("valid_loss", float("nan"))
    return {k: v for k, v in CHARTS.items() if k in row and not (is_loss and k == "valid_score")}


def _kept_epoch(net):
    """Return the place in the history of the epoch whose weights the net has in the end."""
    if any(isinstance(callback, KeepBestWeights) for _, callback in net.callbacks_):
        scores = np.array(net.history[:, "valid_score"], dtype=float)
        # Without a single score that is a number, the last weights are kept.
        return -1 if np.isnan(scores).all() else int(np.nanargmax(scores))
    return -1


def _plain(value):
    """Return a value as TensorBoard takes it: a number, a truth value or text."""
    if isinstance(value, np.generic):  # what a RandomizedSearchCV draws
        value = value.item()
    return value if isinstance(value, bool | int | float) else _text(value)


def _text(value):
    """Return a value as text that can be written: a name in Latin-1, say, is no valid Unicode."""
    text = value if isinstance(value, str) else repr(value)
    return text.encode(errors="backslashreplace").decode()
