"""Other libraries' ways to notice a drift, with their default settings."""

import numpy as np


def detectors():
    """Return functions as ``skfashion.studies.drift_study`` takes them, by name."""
    return {
        "evidently's rule": evidently_rule,
        "river ADWIN": adwin,
        "river PageHinkley": page_hinkley,
    }


def columns_of(rows):
    """Return what a dashboard would be given of each row: numbers (n, d), and predicted labels."""
    from skfashion.monitoring.pixels import pixel_statistics

    probabilities = rows["probabilities"]
    parts = [probabilities, probabilities.max(axis=1, keepdims=True)]
    return np.hstack([*parts, pixel_statistics(rows["pixels"])]), probabilities.argmax(axis=1)


def drifted_columns(reference, rows):
    """Tell which columns have drifted by evidently's rule for references of more than 1,000 rows.

    Written down here, since its report takes seconds a window, and its release 0.7.23 cannot be
    imported beside pandas 3: of numbers, the Wasserstein distance is at least 0.1 deviations of the
    reference; of labels, the Jensen-Shannon distance is at least 0.1. The last one is the labels.
    """
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import wasserstein_distance

    (numbers, labels), (its_numbers, its_labels) = reference, rows
    found = [
        wasserstein_distance(column, its) / max(column.std(), 0.001) >= 0.1
        for column, its in zip(numbers.T, its_numbers.T, strict=True)
    ]
    k = max(labels.max(), its_labels.max()) + 1
    shares = (np.bincount(codes, minlength=k) / len(codes) for codes in (labels, its_labels))
    return [*found, jensenshannon(*shares) >= 0.1]


def evidently_rule(reference):
    """Give an alarm where half of the columns have drifted: evidently's preset."""
    reference = columns_of(reference)

    def detect(rows):
        its = columns_of(rows)
        return len(its[0]) if np.mean(drifted_columns(reference, its)) >= 0.5 else None

    return detect


def adwin(reference):
    """Watch the confidence by adaptive windowing, which has seen the validation rows before."""
    from river.drift import ADWIN

    return _of_each_row(reference, ADWIN())


def page_hinkley(reference):
    """Watch the confidence by Page's and Hinkley's test, likewise."""
    from river.drift import PageHinkley

    return _of_each_row(reference, PageHinkley())


def _of_each_row(reference, detector):
    for value in reference["probabilities"].max(axis=1).tolist():
        detector.update(value)

    def detect(rows):
        first = None
        for number, value in enumerate(rows["probabilities"].max(axis=1).tolist(), start=1):
            detector.update(value)
            if detector.drift_detected and first is None:
                first = number
        return first

    return detect
