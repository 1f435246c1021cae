"""How far the probabilities of a classifier can be believed, and the accuracy that follows."""

from dataclasses import dataclass

import numpy as np

from skfashion.monitoring.label_shift import normalized
from skfashion.monitoring.sketches import rounded

# A probability of 0 is taken for this one: it has a logarithm.
LEAST = 1e-7


@dataclass(frozen=True, eq=False)
class Calibration:
    """Probabilities made true on validation data, and what is then to be expected of them.

    Alexandari, Kundaje and Shrikumar, "Maximum likelihood with bias-corrected calibration is
    hard-to-beat at label shift adaptation", ICML 2020: their logarithms are divided by a
    temperature, and each class has a summand.

    Attributes
    ----------
    slope : float
        The reciprocal of the temperature.
    biases : ndarray of float (k,)
    mean, deviation : float
        Of the calibrated probability of the predicted class, on the validation data.
    accuracy : float
        There.
    atc : float
        The confidence (uncalibrated) that a share of `accuracy` reaches: average thresholded
        confidence, of Garg, Balakrishnan, Lipton, Neyshabur and Sedghi, "Leveraging unlabeled data
        to predict out-of-distribution performance", ICLR 2022.
    n_rows : int
        Of the validation data.
    """

    slope: float
    biases: np.ndarray
    mean: float
    deviation: float
    accuracy: float
    atc: float
    n_rows: int

    @classmethod
    def of(cls, probabilities, codes):
        """Return the calibration by probabilities (n, k) of rows of known classes (n,)."""
        slope, biases = _fit(np.log(np.maximum(probabilities, LEAST)), codes)
        predicted = probabilities.argmax(axis=1)
        accuracy, n = float((predicted == codes).mean()), len(codes)
        ordered = np.sort(probabilities.max(axis=1))
        # So that as many rows are at least so sure as are right.
        atc = ordered[min(n - 1, round((1 - accuracy) * n))]
        found = cls(slope, biases, 0.0, 0.0, accuracy, float(atc), n)
        believed = found.of_predicted(found.calibrated(probabilities), predicted)
        moments = float(believed.mean()), float(believed.std())
        return cls(slope, biases, *moments, accuracy, float(atc), n)

    def calibrated(self, probabilities):
        """Return calibrated probabilities (n, k)."""
        logits = self.slope * np.log(np.maximum(probabilities, LEAST)) + self.biases
        return normalized(np.exp(logits - logits.max(axis=1, keepdims=True)))

    @staticmethod
    def of_predicted(probabilities, predicted):
        """Return the probability (n,) of each row's predicted class."""
        return probabilities[np.arange(len(predicted)), predicted]

    def expected_accuracy(self, probabilities, predicted):
        """Return the accuracy that calibrated probabilities promise, from 0 to 1."""
        mean = self.of_predicted(probabilities, predicted).mean()
        # Less what the promise was off where the classes are known.
        return float(np.clip(mean + self.accuracy - self.mean, 0, 1))

    def thresholded_confidence(self, probabilities):
        """Return the accuracy that ATC expects: the share of rows that are sure enough."""
        return float((probabilities.max(axis=1) >= self.atc).mean())


def _fit(logs, codes):
    """Return the slope and the biases (k,), of sum 0, that make log-probabilities most likely."""
    from scipy.optimize import minimize  # slow to import, and needed for new profiles alone

    n, k = logs.shape
    truth = np.zeros((n, k))
    truth[np.arange(n), codes] = 1

    def loss(parameters):
        logits = parameters[0] * logs + parameters[1:]
        logits -= logits.max(axis=1, keepdims=True)
        sums = np.exp(logits).sum(axis=1, keepdims=True)
        residual = np.exp(logits) / sums - truth
        value = (np.log(sums).sum() - (logits * truth).sum()) / n
        # A little towards no change, so that few rows give finite numbers.
        away = np.r_[parameters[0] - 1, parameters[1:]]
        gradient = np.r_[(residual * logs).sum(), residual.sum(axis=0)] / n
        return value + (away**2).sum() / n, gradient + 2 * away / n

    start = np.r_[1.0, np.zeros(k)]
    bounds = [(1e-3, 1e3), *[(None, None)] * k]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    found = rounded(np.r_[found[0], found[1:] - found[1:].mean()], 5)
    return float(found[0]), found[1:]
