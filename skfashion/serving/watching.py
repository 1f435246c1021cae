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
SHARE, SAVED = 0.05, 0.5
# Requests that wait to be looked at; others are dropped.
WAITING = 64


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
        self._left, self._since = SAVED, time.monotonic()
        self.report = None
        # It ends with its watcher, which a reload replaces.
        thread = threading.Thread(target=_look, args=(weakref.ref(self), self._queue), daemon=True)
        thread.start()

    def __del__(self):
        self._queue.put(None) if not self._queue.full() else None

    @property
    def class_prior(self):
        """Frequencies of the classes as the last full window shows them, or None."""
        return None if self.report is None else self.report.class_prior

    def see(self, answer, inputs):
        """Have rows looked at that were answered, or drop them; it never waits.

        Parameters
        ----------
        answer : Answer
            With the probabilities of the file itself.
        inputs : ndarray
        """
        now = time.monotonic()
        self._left = min(SAVED, self._left + (now - self._since) * SHARE)
        self._since = now
        try:
            if self._left <= 0:
                raise queue.Full
            self._queue.put_nowait((answer, inputs))
        except queue.Full:
            self._telemetry.dropped(self._name, len(inputs))

    def _update(self, answer, inputs):
        start = time.monotonic()
        given = {"features": answer.features, "pixels": self._rows_of(inputs)}
        given = {name: rows for name, rows in given.items() if self._takes[name]}
        try:
            report = self._monitor.update(answer.probabilities, **given)
        except ValueError as error:
            # A profile of another model, say: the requests are none the worse for it.
            say("monitor", logging.ERROR, model=self._name, error=str(error))
            self._left = -float("inf")
            return
        self._left -= time.monotonic() - start
        if report is not None and report.window and report is not self.report:
            self.report = report
            for kind, test in report.tests.items():
                self._telemetry.alarm(self._name, kind, test["alarm"])
            if report.alarm:
                say("drift", logging.WARNING, model=self._name, kinds=list(report.alarms))


def _look(watcher, waiting):
    """Look at what waits until the watcher is gone."""
    while (entry := waiting.get()) is not None:
        found = watcher()
        if found is None:
            return
        found._update(*entry)
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
