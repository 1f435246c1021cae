"""Scores of predictions, with intervals from resampled rows."""

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from skfashion.metrics import confidence_bins

# What is computed, and how it is written.
SCORES = {
    "accuracy": ("accuracy", "{:.2%}"),
    "balanced_accuracy": ("balanced accuracy", "{:.2%}"),
    "f1_macro": ("macro F1", "{:.2%}"),
    "log_loss": ("log-loss", "{:.3f}"),
    "ece": ("expected calibration error", "{:.2%}"),
}
LEVEL = 0.95
N_BINS = 15


def scores_of(codes, predicted, probabilities, n_resamples, rng):
    """Return each score, of all rows and of resampled ones.

    Parameters
    ----------
    codes, predicted : ndarray of int (n,)
        Places of the true and of the predicted classes.
    probabilities : ndarray of shape (n, n_classes)
    n_resamples : int
        Bootstrap samples of the rows.
    rng : numpy.random.RandomState

    Returns
    -------
    dict of str to (float, ndarray of shape (n_resamples,))
        By the names in ``SCORES``.
    """
    pieces = _pieces(codes, predicted, probabilities)
    n = len(codes)
    value = _from_pieces(np.ones(n), *pieces)
    # How often each row is drawn; the very rows need not be.
    resampled = [
        _from_pieces(np.bincount(rng.randint(n, size=n), minlength=n), *pieces)
        for _ in range(n_resamples)
    ]
    return {name: (value[name], np.array([one[name] for one in resampled])) for name in value}


def intervals(scored):
    """Return each score with an interval of 95 %.

    Parameters
    ----------
    scored : dict of str to (float, ndarray of shape (n_resamples,))
        As :func:`scores_of` returns it.

    Returns
    -------
    dict of str to (float, float, float)
        Value, lower and upper end.

    Notes
    -----
    Percentiles of the resampled scores. Those of the calibration error, a sum of sizes, which
    resampling makes larger, are moved until their mean is the value: they tell its spread.
    """
    ends = {name: _interval(name, *pair) for name, pair in scored.items()}
    value, low, high = ends["ece"]
    return ends | {"ece": (value, max(0.0, low), high)}


def differences(scored, other):
    """Return by how much scores differ from those of another model on the same draws.

    Parameters
    ----------
    scored, other : dict of str to (float, ndarray of shape (n_resamples,))
        As :func:`scores_of` returns them for generators of equal state.

    Returns
    -------
    dict of str to (float, float, float)
        Difference, lower and upper end of its interval of 95 %. Where both models fail on the same
        rows, it is narrower than those of the scores.
    """
    return {
        name: _interval(name, value - other[name][0], resampled - other[name][1])
        for name, (value, resampled) in scored.items()
    }


def _interval(name, value, resampled):
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    shift = value - resampled.mean() if name == "ece" else 0.0
    return float(value), float(low + shift), float(high + shift)


def _pieces(codes, predicted, probabilities):
    n_classes = probabilities.shape[1]
    # As scikit-learn clips.
    tiny = np.finfo(probabilities.dtype).eps
    true = np.clip(probabilities[np.arange(len(codes)), codes], tiny, 1)
    confidence, correct, bins = confidence_bins(codes, probabilities, n_bins=N_BINS)
    return n_classes, codes, predicted, -np.log(true), confidence - correct, bins


def _from_pieces(weights, n_classes, codes, predicted_codes, losses, gaps, bins):
    # Whole numbers: their sums are exact.
    true = np.bincount(codes, weights, n_classes)
    predicted = np.bincount(predicted_codes, weights, n_classes)
    right = np.bincount(codes, weights * (codes == predicted_codes), n_classes)
    total = weights.sum()
    is_there = true > 0
    ends = true + predicted
    f1 = np.divide(2 * right, ends, out=np.zeros(n_classes), where=ends > 0)
    return {
        "accuracy": right.sum() / total,
        "balanced_accuracy": (right[is_there] / true[is_there]).mean(),
        "f1_macro": f1[ends > 0].mean(),
        "log_loss": losses @ weights / total,
        "ece": np.abs(np.bincount(bins, weights=gaps * weights, minlength=N_BINS)).sum() / total,
    }


def per_class(codes, predicted, names):
    """Return precision, recall, F1 and rows of each class, a dict each; NaN where not known."""
    labels = np.arange(len(names))
    columns = precision_recall_fscore_support(codes, predicted, labels=labels, zero_division=np.nan)
    return [
        # Without rows of a class its F1 is 0 for every model that ever predicts it.
        {"name": name, "precision": p, "recall": r, "f1": f1 if n else np.nan, "rows": int(n)}
        for name, p, r, f1, n in zip(names, *columns, strict=True)
    ]


def best_of_classes(tables):
    """Return which models have the best F1 of a class, as it is written.

    Parameters
    ----------
    tables : list of list of dict
        Of each model, as :func:`per_class` returns it.

    Returns
    -------
    list of list of bool
        Class by model. All False where the known ones are alike.
    """
    best = []
    for of_class in zip(*tables, strict=True):
        written = [float(f"{100 * one['f1']:.1f}") for one in of_class]
        known = [value for value in written if not np.isnan(value)]
        best.append([len(set(known)) > 1 and value == max(known) for value in written])
    return best
