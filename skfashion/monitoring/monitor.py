"""What comes in, window by window, beside what the validation data looked like."""

from collections import deque
from collections.abc import Mapping
from functools import partial
from numbers import Integral, Real

import numpy as np
from scipy.special import chdtri, ndtri

from skfashion.monitoring.label_shift import (
    check_frequencies,
    estimate_prior,
    normalized,
    prior_of_predictions,
)
from skfashion.monitoring.pixels import PixelWindow
from skfashion.monitoring.profile import ReferenceProfile
from skfashion.monitoring.projections import project
from skfashion.monitoring.reading import read_probabilities, read_rows
from skfashion.monitoring.report import DriftReport
from skfashion.utils.names import advises

# The fewest rows of a window: tests take sums for normally distributed.
LEAST_WINDOW = 50
# The fewest rows to be expected of a class that is compared by itself.
LEAST_EXPECTED = 5


@advises
class DriftMonitor:
    """Tell whether the rows that a classifier predicts have drifted from its validation data.

    Rows are collected into windows of a fixed length, whatever the size of the chunks they come in,
    and each full window is compared with the profile. One thread at a time may call `update`.

    Parameters
    ----------
    profile : ReferenceProfile or mapping
        Profile of the validation data, or a dict from ``profile.to_dict()``, such as
        ``net.profile_``.
    window : int from 50, default=500
        Rows per window. Twice as many show drifts that are 0.7 times as large, but later.
    false_alarm_rate : float between 0 and 1, default=0.05
        Largest probability that a window without drift gives an alarm; the tests share it equally
        (Bonferroni). It holds if the rows are independent (unlike frames of one video) and
        distributed like the validation data.
    history : int from 1, default=1000
        How many reports are kept.

    Attributes
    ----------
    reports : tuple of DriftReport
        Reports of the last `history` windows, oldest first.
    n_windows : int
        Full windows so far.

    Raises
    ------
    ValueError
        If a parameter is not as described.

    See Also
    --------
    skfashion.studies.drift_study : How soon drifts are noticed, and how often alarms are false.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skfashion.monitoring import DriftMonitor, ReferenceProfile
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = RandomForestClassifier(random_state=0).fit(X[:600], y[:600])
    >>> profile = ReferenceProfile.from_estimator(classifier, X[600:1200], y[600:1200])
    >>> monitor = DriftMonitor(profile, window=200)
    >>> dim = X[1200:1400] / 2
    >>> report = monitor.update(classifier.predict_proba(dim), pixels=dim)
    >>> report.alarm, "pixels" in report.alarms
    (True, True)
    """

    def __init__(self, profile, *, window=500, false_alarm_rate=0.05, history=1000):
        if isinstance(profile, Mapping):
            profile = ReferenceProfile.from_dict(profile)
        if not isinstance(profile, ReferenceProfile):
            raise ValueError(
                f"Got profile={profile!r}, expected a ReferenceProfile or what its to_dict has "
                "returned. Make one by ReferenceProfile.from_estimator(estimator, X_val, y_val)."
            )
        for name, value, least in (("window", window, LEAST_WINDOW), ("history", history, 1)):
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise ValueError(f"Got {name}={value!r}, expected an int of {least} at least.")
        rate = false_alarm_rate
        if not isinstance(rate, Real) or isinstance(rate, bool) or not 0 < rate < 1:
            raise ValueError(f"Got false_alarm_rate={rate!r}, expected a number between 0 and 1.")
        self.profile = profile
        self.window = int(window)
        self.false_alarm_rate = float(false_alarm_rate)
        self.n_windows = 0
        self._reports = deque(maxlen=int(history))
        self._n_rows = 0
        # One place in memory for all windows, so that equal rows give equal bits.
        n_columns = {"probabilities": len(profile.classes), "answers": 1}
        if profile.features is not None:
            n_columns["features"] = profile.features.n_columns
        self._rows = {name: np.zeros((self.window, n)) for name, n in n_columns.items()}
        self._has = dict.fromkeys(n_columns, True)
        self._pixels = None
        if profile.pixels is not None:
            self._pixels = PixelWindow(self.window, profile.pixels.n_columns)
            self._has["pixels"] = True

    def __repr__(self):
        last = self._reports[-1] if self._reports else None
        words = "" if last is None else f", the last with {last.alarms_in_words}"
        return (
            f"<DriftMonitor: windows of {self.window} rows, {self.n_windows} full{words}; "
            f"{self._n_rows} rows of the next>"
        )

    @property
    def reports(self):
        """The reports of the last windows, oldest first."""
        return tuple(self._reports)

    def report(self) -> DriftReport:
        """Return the report of the last full window.

        Returns
        -------
        DriftReport
            Before the first window is full, that of window 0, without tests.
        """
        if self._reports:
            return self._reports[-1]
        return DriftReport(
            classes=tuple(self.profile.classes),
            reference_accuracy=self.profile.calibration.accuracy,
        )

    @advises
    def update(self, probabilities, features=None, pixels=None, *, prior=None) -> DriftReport:
        """Add rows that were predicted.

        Parameters
        ----------
        probabilities : array-like of shape (n, n_classes)
            What ``predict_proba`` returned for them.
        features : array-like of shape (n, ...), default=None
            Their features, of the same kind as in the profile: what ``transform`` returns if the
            classifier has it. A window in which any row lacks features has no tests of them.
        pixels : array-like of shape (n, ...), default=None
            The images themselves, likewise.
        prior : array-like of shape (n_classes,), default=None
            Class frequencies that the probabilities assume, if they differ from the profile's:
            those fed back by ``set_params(prior=…)``. Their effect is undone before anything is
            compared; `expected_accuracy` is that of the labels that the classifier returned.

        Returns
        -------
        DriftReport
            Report of the last full window, filled by this call or before; a call that fills several
            windows adds each to `reports`.

        Raises
        ------
        ValueError
            If an argument is not as described, or features or pixels are given but the profile has
            none; then no row is added.
        """
        profile = self.profile
        given = {"probabilities": read_probabilities(probabilities, len(profile.classes))}
        given["answers"] = given["probabilities"].argmax(axis=1)[:, None]
        if prior is not None:
            prior = check_frequencies(prior, len(profile.classes), "prior")
            ratios = profile.prior / prior
            given["probabilities"] = normalized(given["probabilities"] * ratios)
        n = len(given["probabilities"])
        for name, values in (("features", features), ("pixels", pixels)):
            if values is None:
                continue
            part = getattr(profile, name)
            if part is None:
                raise ValueError(
                    f"Got {name}, and a profile that was made without them; expected None. Make "
                    f"the profile with {name}, or leave them out."
                )
            given[name] = read_rows(values, name, n, part.n_columns)
        start = 0
        while start < n:
            n_taken = min(n - start, self.window - self._n_rows)
            self._take({name: rows[start : start + n_taken] for name, rows in given.items()})
            start += n_taken
        return self.report()

    def _take(self, given):
        """Take in rows that still fit into the window."""
        n = len(given["probabilities"])
        for name in self._has:
            if name not in given:
                self._has[name] = False
            elif name == "pixels":
                self._pixels.put(self._n_rows, given[name])
            else:
                self._rows[name][self._n_rows : self._n_rows + n] = given[name]
        self._n_rows += n
        if self._n_rows == self.window:
            rows = {name: kept for name, kept in self._rows.items() if self._has[name]}
            if self._has.get("pixels"):
                rows["pixels"] = self._pixels.flush()
            self._reports.append(self._compare(rows))
            self.n_windows += 1
            self._n_rows, self._has = 0, dict.fromkeys(self._has, True)

    def _compare(self, rows):
        """Return the report of a full window."""
        profile, number, n = self.profile, self.n_windows + 1, self.window
        probabilities = rows["probabilities"]
        calibration = profile.calibration
        predicted = probabilities.argmax(axis=1)
        counts = np.bincount(predicted, minlength=len(profile.classes))
        calibrated = calibration.calibrated(probabilities)
        likelihoods = calibrated / profile.class_frequencies
        prior = estimate_prior(likelihoods, np.ones(n), profile.class_frequencies)
        believed = calibration.of_predicted(calibrated, predicted)
        tests = dict(self._tests(rows, counts, believed, prior))
        found = {}
        for name, (statistic, threshold) in tests.items():
            values = {"statistic": float(statistic), "threshold": float(threshold(len(tests)))}
            is_alarm = values["statistic"] > values["threshold"]
            found[name] = values | {"window": number, "alarm": is_alarm}
        shifted = normalized(likelihoods * prior)
        followed = (probabilities * (prior / profile.prior)).argmax(axis=1)
        answered = rows["answers"][:, 0].astype(int)
        alarms = tuple(name for name, values in found.items() if values["alarm"])
        return DriftReport(
            window=number,
            n_rows=n,
            classes=tuple(profile.classes),
            alarm=bool(alarms),
            alarms=alarms,
            label_shift="classes" in alarms and "confidence_given_classes" not in alarms,
            tests=found,
            class_prior=tuple(prior.tolist()),
            class_prior_bbse=tuple(prior_of_predictions(counts, profile.confusion).tolist()),
            expected_accuracy=calibration.expected_accuracy(shifted, answered),
            expected_accuracy_with_prior=calibration.expected_accuracy(shifted, followed),
            thresholded_confidence=calibration.thresholded_confidence(probabilities),
            reference_accuracy=calibration.accuracy,
        )

    def _tests(self, rows, counts, believed, prior):
        """Yield the name of each test, its statistic, and its threshold among so many tests."""
        profile, n = self.profile, self.window

        def at(threshold):
            return lambda n_tests: threshold(n, self.false_alarm_rate / n_tests)

        statistic, freedom = _chi_squared(counts, profile.confusion.sum(axis=0))
        yield "classes", (statistic, at(lambda _, rate: chdtri(freedom, rate)))
        confidence = rows["probabilities"].max(axis=1, keepdims=True)
        sketch = profile.confidence
        yield "confidence", (sketch.statistic(confidence), at(sketch.threshold))
        n_by_class = profile.confusion.sum(axis=1)
        by_class = profile.confidence_by_class / n_by_class[:, None]
        expected = (prior[:, None] * by_class).sum(axis=0)
        # So many rows are as sure of it: few, where most weight is on a class of few rows.
        n_expected = 1 / (prior**2 / n_by_class).sum()
        given = partial(sketch.threshold, n_reference=n_expected)
        yield "confidence_given_classes", (sketch.distance(confidence, expected), at(given))
        calibration = profile.calibration
        error = calibration.deviation * np.sqrt(1 / n + 1 / calibration.n_rows)
        drop = calibration.mean - believed.mean()
        yield "accuracy", (drop, at(lambda _, rate: -ndtri(rate) * error))
        if "features" in rows:
            part, projected = profile.features, project(rows["features"])
            yield "features", (part.sketch.statistic(projected), at(part.sketch.threshold))
            yield "mmd", (part.embedding.statistic(projected), at(part.embedding.threshold))
        if "pixels" in rows:
            sketch = profile.pixels.sketch
            yield "pixels", (sketch.statistic(rows["pixels"]), at(sketch.threshold))


def _chi_squared(counts, reference):
    """Return Pearson's statistic of two samples by their counts (k,), and its degrees of freedom.

    Classes of which too few rows are to be expected are taken together.
    """
    n, n_reference = counts.sum(), reference.sum()
    expected = (counts + reference) * n / (n + n_reference)
    rare = expected < LEAST_EXPECTED
    if 0 < rare.sum() < len(rare):
        counts = np.r_[counts[~rare], counts[rare].sum()]
        reference = np.r_[reference[~rare], reference[rare].sum()]
    both = counts + reference
    ratio = np.sqrt(n_reference / n)
    terms = (ratio * counts - reference / ratio) ** 2 / np.where(both > 0, both, 1)
    return terms.sum(), max(1, (both > 0).sum() - 1)
