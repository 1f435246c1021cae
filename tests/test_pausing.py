"""A training that is paused and goes on elsewhere ends with the model of one that was not."""

import numpy as np
import pytest
from common import small, weights_of
from sklearn.base import clone

from skfashion import Augmentation, MLPNetClassifier

KINDS = {
    "plain": {},
    "averaged": {"ema_decay": 0.9},
    "augmented": {"augment": Augmentation(shift=1, mixup=0.5), "dropout": 0.2},
    "stopping early": {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 30},
    "reweighted": {"deferred_reweighting": 0.5, "sampling": "sqrt", "loss": "ldam"},
    "muon": {"optimizer": "muon", "lr_schedule": "cosine"},
}


def in_parts(net, X, y, stops, **fit_params):
    """Train a fresh clone for each part; return the last one."""
    paused = None
    for until in stops:
        net = clone(net)
        paused = net._fit_until(X, y, until=until, paused=paused, **fit_params)
        assert isinstance(paused, bytes)
    return net


@pytest.mark.parametrize("kind", KINDS)
def test_parts_make_the_whole(kind, fast_class, digits):
    net = small(fast_class, **({"max_epochs": 6} | KINDS[kind]))
    whole = clone(net).fit(*digits)
    parts = in_parts(net, *digits, stops=(1, 3, net.max_epochs))
    np.testing.assert_array_equal(weights_of(parts), weights_of(whole))
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.n_iter_ == whole.n_iter_
    np.testing.assert_array_equal(parts.effective_class_prior_, whole.effective_class_prior_)


def test_parts_of_every_classifier_make_the_whole(estimator_class, digits):
    net = small(estimator_class)
    whole = clone(net).fit(*digits)
    parts = in_parts(net, *digits, stops=(1, 3))
    np.testing.assert_array_equal(weights_of(parts), weights_of(whole))


def test_weights_of_rows_and_validation_data_are_those_of_every_part(digits):
    X, y = digits
    net = small(MLPNetClassifier)
    options = {"sample_weight": np.arange(200) % 3, "X_val": X[200:], "y_val": y[200:]}
    whole = clone(net).fit(X[:200], y[:200], **options)
    parts = in_parts(net, X[:200], y[:200], stops=(2, 3), **options)
    np.testing.assert_array_equal(weights_of(parts), weights_of(whole))
    assert parts.validation_scores_ == whole.validation_scores_


def test_a_paused_model_has_averaged_weights(digits):
    # At a learning rate at which single weights are worthless.
    net = small(MLPNetClassifier, max_epochs=40, lr_schedule="constant", lr=0.5)
    net.set_params(optimizer="sgd", standardize=False)
    paused, whole = clone(net), clone(net).set_params(max_epochs=20)
    paused._fit_until(*digits, until=20)
    whole.fit(*digits)
    assert paused.loss_curve_ == whole.loss_curve_
    assert (weights_of(paused) != weights_of(whole)).any()
    assert abs(weights_of(paused)).max() <= abs(weights_of(whole)).max()


def test_pausing_does_not_touch_the_checkpoints(tmp_path, digits):
    net = small(MLPNetClassifier, checkpoint_dir=tmp_path / "none")
    in_parts(net, *digits, stops=(1, 3))
    assert not (tmp_path / "none").exists()
