"""From predicted probabilities to the numbers of a result row."""

import numpy as np
from sklearn import metrics

from skfashion.metrics import expected_calibration_error


def evaluate(y_true, y_pred, proba, classes):
    """Compute everything a result row says about the quality of predictions.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (n,)
    proba : array-like of float, shape (n, k)
    classes : array-like, shape (k,)
        Sorted labels, one a column of ``proba``; they must include every label of ``y_true``.

    Returns
    -------
    dict
        ``metrics`` (name to float, all between 0 and 1 except ``log_loss`` in nats),
        ``per_class_recall`` (list of k floats, None for a class without rows) and
        ``confusion_matrix`` (k lists of k counts, true class by predicted class).
    """
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        y_true, y_pred, labels=classes, average="macro", zero_division=0
    )
    confusion = metrics.confusion_matrix(y_true, y_pred, labels=classes)
    support = confusion.sum(axis=1)
    recalls = [float(confusion[i, i] / n) if n else None for i, n in enumerate(support)]
    numbers = {
        "accuracy": metrics.accuracy_score(y_true, y_pred),
        "balanced_accuracy": np.mean([value for value in recalls if value is not None]),
        "precision_macro": precision,
        "recall_macro": recall,
        "f1_macro": f1,
        # A probability of exactly 0 for the true class (kNN, forests) is clipped at the dtype's
        # epsilon: a large but finite price.
        "log_loss": metrics.log_loss(y_true, proba, labels=classes),
        "ece": expected_calibration_error(y_true, proba, classes),
    }
    return {
        "metrics": {name: float(value) for name, value in numbers.items()},
        "per_class_recall": recalls,
        "confusion_matrix": confusion.tolist(),
    }
