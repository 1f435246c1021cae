"""The classes' frequencies, without a net."""

import numpy as np
import pytest

from skfashion.fitting.frequencies import Frequencies, check_prior, wanted_prior

DATA = Frequencies.of(np.array([60.0, 30.0, 10.0]), np.array([1.0, 2.0, 1.0]))


def test_shares_of_the_rows():
    np.testing.assert_allclose(DATA.prior, [0.6, 0.3, 0.1])
    assert DATA.learned is None


def test_what_a_net_learns():
    plain = np.array([0.6, 0.6, 0.1]) / 1.3
    np.testing.assert_allclose(DATA.effective().learned, plain)
    drawn = DATA.effective(drawn=np.full(3, 1 / 3)).learned
    np.testing.assert_allclose(drawn, [0.25, 0.5, 0.25])
    # A loss that adds the logarithms of the frequencies leaves nothing of them in the logits.
    adjusted = DATA.effective(offset=np.log(plain)).learned
    np.testing.assert_allclose(adjusted, np.full(3, 1 / 3))
    np.testing.assert_allclose(DATA.effective(factors=1 / plain).learned, np.full(3, 1 / 3))


def test_the_shift_takes_logits_from_one_prior_to_another():
    learned = DATA.effective()
    wanted = np.array([0.2, 0.3, 0.5])
    moved = np.exp(np.log(learned.learned) + learned.shift(wanted))
    np.testing.assert_allclose(moved / moved.sum(), wanted)
    np.testing.assert_array_equal(learned.shift(learned.learned), np.zeros(3))


def test_a_class_without_rows_keeps_its_logit():
    learned = Frequencies.of(np.array([50.0, 0.0, 50.0]), np.ones(3)).effective()
    shift = learned.shift(np.array([0.8, 0.1, 0.1]))
    np.testing.assert_allclose(shift, np.log([1.6, 1.0, 0.2]))


def test_priors():
    classes = np.array(["x", "y", "z"])
    np.testing.assert_allclose(wanted_prior("uniform", classes, DATA.prior), np.full(3, 1 / 3))
    assert wanted_prior("train", classes, DATA.prior) is DATA.prior
    np.testing.assert_allclose(wanted_prior([0.5, 0.25, 0.25], classes, None), [0.5, 0.25, 0.25])
    check_prior(None, classes)
    for wrong in ([0.5, 0.5], [0.5, 0.5, 0.0], [0.5, 0.5, 0.5], ["a", "b", "c"]):
        with pytest.raises(ValueError, match="expected 3 positive numbers that sum to 1"):
            check_prior(wrong, classes)
