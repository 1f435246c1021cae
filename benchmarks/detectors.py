"""Other libraries' ways to notice a drift, with their default settings."""

from functools import partial

import numpy as np


def columns_of(rows):
    """Return what a dashboard would be given of each row: numbers (n, d), and predicted labels."""
    from skfashion.monitoring.pixels import pixel_statistics

    probabilities = rows["probabilities"]
    parts = [probabilities, probabilities.max(axis=1, keepdims=True)]
    return np.hstack([*parts, pixel_statistics(rows["pixels"])]), probabilities.argmax(axis=1)


def drifted_columns(reference, rows):
    """Tell which columns have drifted by evidently's rule for references of more than 1,000 rows.

    Written down here, since its report takes seconds a window, and its release 0.7.23 cannot be
    imported beside pandas 3: of numbers, the Wasserstein distance is at least 0.1 standard
    deviations of the reference; of labels, the Jensen-Shannon distance is at least 0.1. The last
    one is the labels.
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
        drifted = drifted_columns(reference, columns_of(rows))
        return len(rows["pixels"]) if np.mean(drifted) >= 0.5 else None

    return detect


def _of_each_row(name, reference):
    """Watch the confidence by a class of river's, which has seen the validation rows before."""
    from river import drift

    detector = getattr(drift, name)()

    def alarms(rows):
        for number, value in enumerate(rows["probabilities"].max(axis=1).tolist(), start=1):
            detector.update(value)
            if detector.drift_detected:
                yield number

    list(alarms(reference))
    return lambda rows: next(iter([*alarms(rows)]), None)  # all rows are seen


adwin, page_hinkley = partial(_of_each_row, "ADWIN"), partial(_of_each_row, "PageHinkley")


def detectors():
    """Return functions as ``skfashion.studies.drift_study`` takes them, by name."""
    return {
        "evidently's rule": evidently_rule,
        "river ADWIN": adwin,
        "river PageHinkley": page_hinkley,
    }
