"""How frequent the classes are where nobody says it, and probabilities for other frequencies."""

import numpy as np

from skfashion.monitoring.reading import read_probabilities
from skfashion.utils.names import advises

# Rounds of expectation and maximisation, and the change of a frequency at which they end.
MOST_ROUNDS, TOLERANCE = 1000, 1e-6


@advises
def shift_probabilities(probabilities, learned, wanted):
    """Return probabilities adjusted to other class frequencies.

    This does what ``set_params(prior=wanted)`` does for a classifier of this package, but only
    needs probabilities, such as those from an exported file (Saerens, Latinne and Decaestecker,
    "Adjusting the outputs of a classifier to new a priori probabilities", Neural Computation 14,
    2002).

    Parameters
    ----------
    probabilities : array-like of shape (n, k)
        Of a classifier; rows sum to 1.
    learned : array-like of shape (k,)
        Class frequencies that they assume: ``effective_class_prior_`` of a net with ``prior=None``,
        ``profile.prior`` of a profile.
    wanted : array-like of shape (k,)
        Class frequencies that they should assume, such as ``report.class_prior``.

    Returns
    -------
    ndarray of float64, shape (n, k)
        Rows sum to 1.

    Raises
    ------
    ValueError
        If an argument is not as described; frequencies must be positive and sum to 1.

    Examples
    --------
    >>> from skfashion.monitoring import shift_probabilities
    >>> shift_probabilities([[0.5, 0.5]], [0.5, 0.5], [0.8, 0.2])
    array([[0.8, 0.2]])
    """
    probabilities = read_probabilities(probabilities)
    k = probabilities.shape[1]
    ratios = check_frequencies(wanted, k, "wanted") / check_frequencies(learned, k, "learned")
    return normalized(probabilities * ratios)


def normalized(values):
    """Return rows divided by their sums."""
    return values / values.sum(axis=1, keepdims=True)


def check_frequencies(values, k, name):
    """Return frequencies as float64 (k,), of sum 1.

    Raises
    ------
    ValueError
        If they are not k positive numbers of sum 1.
    """
    array = np.asarray(values)
    is_right = array.dtype.kind in "iuf" and array.shape == (k,)
    if not is_right or not (array > 0).all() or not abs(array.sum() - 1) < 1e-3:
        raise ValueError(f"Got {name}={values!r}, expected {k} positive numbers that sum to 1.")
    return array / array.sum()


def estimate_prior(likelihoods, weights, prior):
    """Return the frequencies of classes (k,) that explain rows best: the largest likelihood.

    Expectation and maximisation, as in Saerens et al., with half a row of each class added, so that
    none is taken for impossible because a window had none of it.

    Parameters
    ----------
    likelihoods : ndarray of shape (m, k)
        How likely a row is in each class, up to a factor of the row.
    weights : ndarray of shape (m,)
        How often each row was seen.
    prior : ndarray of shape (k,)
        Where to begin.
    """
    n, k = weights.sum(), likelihoods.shape[1]
    for _ in range(MOST_ROUNDS):
        joint = likelihoods * prior
        sums = joint.sum(axis=1)
        shares = weights / np.where(sums > 0, sums, 1.0)
        found = (np.einsum("i,ij->j", shares, joint) + 0.5) / (n + k / 2)
        found = found / found.sum()
        change, prior = np.abs(found - prior).max(), found
        if change < TOLERANCE:
            break
    return prior


def prior_of_predictions(counts, confusion):
    """Return the frequencies of classes (k,) by how often each was predicted.

    Black-box shift estimation: Lipton, Wang and Smola, "Detecting and correcting for label shift
    with black box predictors", ICML 2018. Theirs solves equations, which may give negative
    frequencies; the most likely frequencies solve them wherever the solution is possible.

    Parameters
    ----------
    counts : ndarray of shape (k,)
        Rows of each predicted class.
    confusion : ndarray of shape (k, k)
        The reference's rows, true classes by predicted ones.
    """
    # Half a row more in each cell of the table: none is impossible.
    smooth = confusion + 0.5 / len(counts)
    return estimate_prior(normalized(smooth).T, counts, np.full(len(counts), 1 / len(counts)))
