"""Metrics of predictions: all numbers of a run."""

import numpy as np
from imblearn.metrics import geometric_mean_score
from sklearn import metrics


def classification_metrics(y_true, y_pred, proba=None, *, classes):
    """Compute all metrics that a study reports about predictions.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n,)
    proba : array-like of float, shape (n, k), default=None
        Probabilities whose rows sum to 1; None leaves out the metrics that need them.
    classes : array-like, shape (k,)
        Sorted labels, one per column of `proba`; they must include every label of `y_true` and
        `y_pred`.

    Returns
    -------
    list of (str, label or None, float)
        Metric, class, value; the class is None if a metric is for all classes:

        - "accuracy";
        - "balanced_accuracy", the mean of the classes' recalls; "worst_class_recall", the smallest
          one; "geometric_mean", 0 if one of them is 0;
        - "f1_macro", where a class that is never predicted counts as 0;
        - "matthews_corrcoef", from -1 to 1;
        - "precision" and "recall" of each class; precision is 0 for a class that is never
          predicted;
        - "roc_auc_ovr", the area under the one-vs-rest ROC curve, averaged over the classes;
          "log_loss", in nats, where a probability of 0 counts as the dtype's epsilon; "ece", the
          expected calibration error.

        A class without rows in `y_true` has no recall and is left out of these means.
    """
    y_true, y_pred, classes = np.asarray(y_true), np.asarray(y_pred), np.asarray(classes)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        y_true, y_pred, labels=classes, zero_division=0
    )
    there = support > 0
    found = [
        ("accuracy", None, metrics.accuracy_score(y_true, y_pred)),
        ("balanced_accuracy", None, recall[there].mean()),
        ("worst_class_recall", None, recall[there].min()),
        (
            "geometric_mean",
            None,
            geometric_mean_score(y_true, y_pred, labels=classes[there], average="multiclass"),
        ),
        ("f1_macro", None, f1[there].mean()),
        ("matthews_corrcoef", None, metrics.matthews_corrcoef(y_true, y_pred)),
        *(("precision", label, p) for label, p in zip(classes.tolist(), precision, strict=True)),
        *(("recall", c, r) for c, r in zip(classes[there].tolist(), recall[there], strict=True)),
    ]
    if proba is not None:
        proba = np.asarray(proba, dtype=np.float64)
        sums = proba.sum(axis=1, keepdims=True)
        if np.allclose(sums, 1, atol=1e-4):
            proba = proba / sums  # float32's sums are off by more than scikit-learn tolerates
        if there.sum() > 1:
            columns = np.flatnonzero(there)
            areas = [metrics.roc_auc_score(y_true == classes[c], proba[:, c]) for c in columns]
            found.append(("roc_auc_ovr", None, np.mean(areas)))
        found += [
            ("log_loss", None, metrics.log_loss(y_true, proba, labels=classes)),
            ("ece", None, expected_calibration_error(y_true, proba, classes)),
        ]
    return [(name, label, float(value)) for name, label, value in found]


def expected_calibration_error(y_true, proba, classes=None, n_bins=15):
    """Mean gap between confidence and accuracy.

    Rows are binned by the probability of their most probable class, in bins of equal width;
    the gaps of the bins are averaged, weighted by the number of rows in each. A bin is open
    below and closed above, and the first one takes 0 as well.

    Parameters
    ----------
    y_true : array-like, shape (n,)
    proba : array-like of float, shape (n, k)
        Probabilities whose rows sum to 1.
    classes : array-like, shape (k,), default=None
        Label of each column; None means 0 to k-1.
    n_bins : int, default=15

    Returns
    -------
    float
        Between 0 (calibrated) and 1.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), On Calibration of Modern Neural Networks, ICML,
    equation 3.
    """
    confidence, correct, bins = confidence_bins(y_true, proba, classes, n_bins)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(proba))


def confidence_bins(y_true, proba, classes=None, n_bins=15):
    """Return how sure and how right predictions are, and the bins of their confidence.

    Parameters
    ----------
    y_true, proba, classes, n_bins
        As in :func:`expected_calibration_error`.

    Returns
    -------
    confidence : ndarray of float (n,)
        The probability of the most probable class.
    correct : ndarray of float (n,)
        1 where that is the true one, else 0.
    bins : ndarray of int (n,)
        From 0 to ``n_bins - 1``.
    """
    proba = np.asarray(proba, dtype=np.float64)
    classes = np.arange(proba.shape[1]) if classes is None else np.asarray(classes)
    top = proba.argmax(axis=1)
    confidence = proba[np.arange(len(proba)), top]
    correct = (classes[top] == np.asarray(y_true)).astype(np.float64)
    # Edges as i / n_bins: linspace can land one unit in the last place above a round number.
    edges = np.arange(1, n_bins) / n_bins
    return confidence, correct, np.searchsorted(edges, confidence, side="left")
