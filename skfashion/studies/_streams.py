"""Streams of images, and what a monitor, and other detectors, say of them."""

import zlib
from dataclasses import dataclass

import numpy as np

from skfashion.monitoring import DriftMonitor, shift_probabilities


@dataclass(frozen=True)
class Asked:
    """All rows that streams are drawn from, and what a classifier says of them.

    Attributes
    ----------
    rows : dict of str to ndarray
        "probabilities", and perhaps "features" and "pixels", by the names of a monitor's arguments.
    codes : ndarray of int (n,)
        Classes, -1 for one that the classifier does not know.
    frequencies : ndarray of float (k + 1,) or None
        How often rows of each class, the last of them -1, are drawn; None is as they are.
    """

    rows: dict
    codes: np.ndarray
    frequencies: np.ndarray | None

    @property
    def prior(self):
        """How often rows of each class are drawn, (k,), where all of them are known."""
        if self.frequencies is not None:
            return self.frequencies[:-1]
        return np.bincount(self.codes) / len(self.codes)

    def streams(self, name, seed, n_streams, n_images):
        """Yield the rows of each stream, none of them twice until all have come."""
        for number in range(n_streams):
            rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
            if self.frequencies is None:
                yield _in_turn(np.arange(len(self.codes)), n_images, rng)
                continue
            codes = rng.choice(len(self.frequencies), n_images, p=self.frequencies)
            drawn = np.empty(n_images, dtype=int)
            unknown = len(self.frequencies) - 1
            for code in np.unique(codes):
                rows = np.flatnonzero(self.codes == (-1 if code == unknown else code))
                places = np.flatnonzero(codes == code)
                drawn[places] = _in_turn(rows, len(places), rng)
            yield drawn


def _in_turn(rows, n, rng):
    """Return n of some rows in an order that is drawn, from the beginning again after the last."""
    return np.resize(rng.permutation(rows), n)


def monitored(asked, profile, streams, window, rate):
    """Return what a monitor is worth on streams: (metric, value) pairs.

    Parameters
    ----------
    asked : Asked
    profile : ReferenceProfile
    streams : list of ndarray
        Rows.
    window : int
    rate : float
        Of false alarms.
    """
    alarms, found, kinds = [], [], {}
    for drawn in streams:
        monitor = DriftMonitor(profile, window=window, false_alarm_rate=rate)
        monitor.update(**{name: rows[drawn] for name, rows in asked.rows.items()})
        alarms.append([report.alarm for report in monitor.reports])
        for report in monitor.reports:
            for kind, test in report.tests.items():
                kinds.setdefault(kind, []).append(test["alarm"])
        found += _errors(asked, profile, drawn, monitor.reports, window)
        found += _fed_back(asked, profile, drawn, monitor.reports[0], window)
    by_metric = {}
    for metric, value in found:
        by_metric.setdefault(metric, []).append(value)
    return [
        *alarm_metrics(alarms, [[window * (i + 1) for i in range(len(a))] for a in alarms]),
        *((f"windows with an alarm: {kind}", np.mean(values)) for kind, values in kinds.items()),
        *((metric, np.mean(values)) for metric, values in by_metric.items()),
    ]


def alarm_metrics(alarms, images):
    """Return how often and how soon there are alarms: (metric, value) pairs.

    Parameters
    ----------
    alarms : list of list of bool
        Of each stream and window.
    images : list of list of int
        Images from the beginning of the stream until the alarm of each window could be given.
    """
    first = [
        next((n for n, is_alarm in zip(ends, its, strict=True) if is_alarm), None)
        for its, ends in zip(alarms, images, strict=True)
    ]
    noticed = [n for n in first if n is not None]
    return [
        ("windows with an alarm", np.mean([flag for its in alarms for flag in its])),
        ("noticed within 500 images", np.mean([n is not None and n <= 500 for n in first])),
        ("noticed within 1000 images", np.mean([n is not None and n <= 1000 for n in first])),
        ("noticed", len(noticed) / len(first)),
        ("images until the alarm", np.mean(noticed) if noticed else np.nan),
    ]


def _errors(asked, profile, drawn, reports, window):
    """Yield the errors of what a monitor estimates, window by window."""
    reference = profile.calibration.accuracy
    predicted = asked.rows["probabilities"].argmax(axis=1)
    k = asked.rows["probabilities"].shape[1]
    for i, report in enumerate(reports):
        rows = drawn[i * window : (i + 1) * window]
        codes = asked.codes[rows]
        accuracy = (predicted[rows] == codes).mean()
        confidence = asked.rows["probabilities"][rows].max(axis=1).mean()
        yield "accuracy", accuracy
        for name, value in (
            ("expected accuracy", report.expected_accuracy),
            ("thresholded confidence", report.thresholded_confidence),
            ("mean confidence", confidence),
            ("validation accuracy", reference),
        ):
            yield f"error of {name}", abs(value - accuracy)
        yield "windows of label shift", report.label_shift
        if (codes >= 0).all():
            truth = np.bincount(codes, minlength=k) / window
            counted = np.bincount(predicted[rows], minlength=k) / window
            for name, estimate in (
                ("class mix", report.class_prior),
                ("class mix by BBSE", report.class_prior_bbse),
                ("class mix by counting predictions", counted),
                ("class mix of the validation data", profile.class_frequencies),
            ):
                # Half the sum of differences: the share of rows that would have to change class.
                yield f"error of {name}", np.abs(np.asarray(estimate) - truth).sum() / 2


def _fed_back(asked, profile, drawn, report, window):
    """Yield the accuracy of the rows behind the first window, with several priors."""
    rows = drawn[window:]
    codes = asked.codes[rows]
    if len(rows) == 0 or (codes < 0).any():
        return
    probabilities = asked.rows["probabilities"][rows]
    yield "accuracy before", (probabilities.argmax(axis=1) == codes).mean()
    for name, prior in (
        ("the estimated prior", report.class_prior),
        ("the prior by BBSE", report.class_prior_bbse),
        ("the true prior", asked.prior),
    ):
        shifted = shift_probabilities(probabilities, profile.prior, prior)
        yield f"accuracy with {name}", (shifted.argmax(axis=1) == codes).mean()
    # What a report advises.
    prior = report.class_prior if report.label_shift else profile.prior
    shifted = shift_probabilities(probabilities, profile.prior, prior)
    yield "accuracy as advised", (shifted.argmax(axis=1) == codes).mean()


def detected(asked, reference, streams, window, make):
    """Return how often and how soon another detector gives alarms: (metric, value) pairs."""
    alarms, images = [], []
    for drawn in streams:
        detect = make(reference)
        alarms.append([])
        images.append([])
        for start in range(0, len(drawn) - window + 1, window):
            rows = {n: rows[drawn[start : start + window]] for n, rows in asked.rows.items()}
            n_until = detect(rows)
            alarms[-1].append(n_until is not None)
            images[-1].append(start + (window if n_until is None else int(n_until)))
    return alarm_metrics(alarms, images)
