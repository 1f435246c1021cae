"""A training that is paused and goes on elsewhere ends with the model of one that was not."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from common import small, weights_of
from sklearn.base import clone
from skorch.callbacks import Callback

from skfashion import Augmentation, MLPNetClassifier
from skfashion.fitting.fit import PAUSE_DECAY

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
        assert (paused is None) == (until == net.max_epochs)
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


class Record(Callback):
    """Remember the weights at the beginning and after each step."""

    seen: ClassVar = []

    def on_train_begin(self, net, **kwargs):
        self.seen[:] = [_vector(net)]

    def on_batch_end(self, net, training, **kwargs):
        if training:
            self.seen.append(_vector(net))

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def _vector(net):
    return torch.cat([p.detach().double().ravel() for p in net.module_.parameters()]).numpy()


@pytest.mark.parametrize("kind", ["plain", "stopping early"])
def test_a_paused_model_has_averaged_weights(kind, digits):
    params = {"max_epochs": 9, "batch_norm": False, "skorch_callbacks": [Record()]}
    net = small(MLPNetClassifier, **(KINDS[kind] | params))
    net._fit_until(*digits, until=3)
    average, *steps = Record.seen
    for n, weights in enumerate(steps, start=1):
        decay = min(PAUSE_DECAY, (1 + n) / (10 + n))
        average = decay * average + (1 - decay) * weights
    np.testing.assert_allclose(_vector(net.net_), average, rtol=1e-3, atol=1e-5)
    assert abs(_vector(net.net_) - steps[-1]).max() > 1e-3


def test_deferred_weights_count_in_a_training_that_had_ended(digits):
    net = small(MLPNetClassifier, deferred_reweighting=0.25, max_epochs=8)
    net.set_params(target_score=clone(net).fit(*digits).history_["train_accuracy"][4])
    whole = clone(net).fit(*digits)
    # It ends after the weights have begun, and before the second part, which has no epoch then.
    assert 2 < whole.n_iter_ < 6
    parts = in_parts(net, *digits, stops=(6, 8))
    np.testing.assert_array_equal(parts.effective_class_prior_, whole.effective_class_prior_)
    plain = clone(net).set_params(deferred_reweighting=None).fit(*digits)
    assert (parts.effective_class_prior_ != plain.effective_class_prior_).any()


def test_pausing_does_not_touch_the_checkpoints(tmp_path, digits):
    net = small(MLPNetClassifier, checkpoint_dir=tmp_path / "none")
    in_parts(net, *digits, stops=(1, 3))
    assert not (tmp_path / "none").exists()
