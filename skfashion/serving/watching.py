"""An eye on drift, beside the requests: `skfashion.monitoring`, where a file carries a profile."""

import logging
import queue
import threading
import time
import weakref
from dataclasses import replace

import numpy as np

from skfashion.serving.logs import say

# The share of the time that may be spent, and how many seconds of it may be saved up.
SHARE, SAVED = 0.02, 0.2
# Rows are looked at together: so many, or those of so many seconds.
TOGETHER, SECONDS = 64, 0.1
# Groups of rows that wait to be looked at; others are dropped.
WAITING = 16


class Watcher:
    """Shows a monitor what a model has answered, in a thread of its own, as far as there is time.

    Parameters
    ----------
    model : Model
    monitor : skfashion.monitoring.DriftMonitor
    telemetry : Telemetry
    """

    def __init__(self, model, monitor, telemetry):
        self._name, self._monitor, self._telemetry = model.name, monitor, telemetry
        # Of the profile, as the classifier has learned from them.
        self._rows_of = model.to_rows
        self._takes = {
            name: getattr(monitor.profile, name, None) is not None
            for name in ("features", "pixels")
        }
        self._queue = queue.Queue(WAITING)
        self._left, self._since = SAVED, -float("inf")
        self._kept, self._n_kept, self._lock = [], 0, threading.Lock()
        self.report, self._n_rows, self._is_closed = None, 0, False
        # It ends with its watcher, which a reload replaces.
        thread = threading.Thread(target=_look, args=(weakref.ref(self), self._queue), daemon=True)
        thread.start()

    def __del__(self):
        self._queue.put(None) if not self._queue.full() else None

    def close(self):
        """Say nothing more, and take back the alarms that were given: the model is another one."""
        with self._lock:
            self._is_closed = True
            for kind in () if self.report is None else self.report.tests:
                self._telemetry.alarm(self._name, kind, False)

    @property
    def window(self):
        """Rows of a window, and how many of the next one have been looked at."""
        length = self._monitor.window
        return length, self._n_rows % length

    @property
    def class_prior(self):
        """Frequencies of the classes as the last full window shows them; None if it does not.

        Where something else than the classes has changed, they are wrong.
        """
        report = self.report
        return report.class_prior if report is not None and report.label_shift else None

    def see(self, answer, inputs):
        """Have rows looked at that were answered, or drop them; it never waits.

        The last few may lie until there is another request.

        Parameters
        ----------
        answer : Answer
            With the probabilities of the file itself.
        inputs : ndarray
        """
        now = time.monotonic()
        with self._lock:
            self._kept.append((answer, inputs))
            self._n_kept += len(inputs)
            if self._n_kept < TOGETHER and now - self._since < SECONDS:
                return
            kept, n_rows = self._kept, self._n_kept
            self._kept, self._n_kept = [], 0
            self._left = min(SAVED, self._left + (now - self._since) * SHARE)
            self._since = now
        try:
            if self._left <= 0:
                raise queue.Full
            self._queue.put_nowait(kept)
        except queue.Full:
            self._telemetry.dropped(self._name, n_rows)

    def _update(self, kept):
        start = time.monotonic()
        answers, inputs = zip(*kept, strict=True)
        given = {"probabilities": np.concatenate([answer.probabilities for answer in answers])}
        if self._takes["features"]:
            has_all = all(answer.features is not None for answer in answers)
            features = [answer.features for answer in answers]
            given["features"] = np.concatenate(features) if has_all else None
        if self._takes["pixels"]:
            given["pixels"] = np.concatenate([self._rows_of(rows) for rows in inputs])
        try:
            report = self._monitor.update(**given)
        except Exception as error:
            # A profile of another model, say: the requests are none the worse for it.
            trace = None if isinstance(error, ValueError) else True
            say("monitor", logging.ERROR, exc_info=trace, model=self._name, error=str(error))
            with self._lock:
                self._left = -float("inf")
            return
        with self._lock:
            self._left -= time.monotonic() - start
            self._n_rows += len(given["probabilities"])
            is_new = report is not None and report.window and report is not self.report
            if not is_new or self._is_closed:
                return
            self.report = report
            for kind, test in report.tests.items():
                self._telemetry.alarm(self._name, kind, test["alarm"])
        if report.alarm:
            say("drift", logging.WARNING, model=self._name, kinds=list(report.alarms))


def _look(watcher, waiting):
    """Look at what waits until the watcher is gone."""
    while (kept := waiting.get()) is not None:
        found = watcher()
        if found is None:
            return
        found._update(kept)
        del found


def watcher_of(model, telemetry):
    """Return the :class:`Watcher` of a model whose file has a profile; None of any other.

    Raises
    ------
    ValueError
        If the profile is none.
    """
    if model.profile is None:
        return None
    try:
        from skfashion.monitoring import DriftMonitor  # which needs SciPy
    except ImportError as error:
        say("no monitor", logging.WARNING, model=model.name, error=str(error))
        return None
    return Watcher(model, DriftMonitor(model.profile), telemetry)


def with_prior(answer, classes, before, wanted):
    """Return an answer for other frequencies of the classes.

    Parameters
    ----------
    answer : Answer
    classes : list
        The labels of the columns.
    before, wanted : array-like of shape (k,)
        Frequencies that the probabilities stand for, and are to stand for.
    """
    ratios = np.asarray(wanted, np.float64) / np.maximum(before, 1e-12)
    shifted = answer.probabilities * ratios
    shifted = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    labels = [classes[column] for column in shifted.argmax(axis=1)]
    return replace(answer, labels=labels, probabilities=shifted)
