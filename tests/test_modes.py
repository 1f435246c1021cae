"""What a caller has told PyTorch changes neither a training nor a prediction."""

import pickle
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from common import small, weights_of

from skfashion import Augmentation, ConvNetClassifier, MLPNetClassifier
from skfashion.adaptation import adapt_batch_norm

AUGMENT = Augmentation(flip=True, shift=1, rotation=5, brightness=0.1, erase=0.5, cutmix=1, mixup=1)
NETS = {
    "dense": (MLPNetClassifier, {}),
    "muon": (MLPNetClassifier, {"optimizer": "muon", "sampling": "balanced", "dropout": 0.1}),
    "images": (ConvNetClassifier, {"augment": AUGMENT, "ema_decay": 0.9, "precision": "fp32"}),
    "bf16": (ConvNetClassifier, {"precision": "bf16", "optimizer": "sgd", "tta": 4}),
}


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


AROUND = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "device": lambda: default_device("meta"),
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
}


@pytest.fixture(scope="module")
def plain(digits):
    """What each net is, and predicts, with nothing around it."""
    return {name: outcome(name, *digits) for name in NETS}


def outcome(name, X, y):
    cls, params = NETS[name]
    net = small(cls, max_epochs=2, **params).fit(X[:100], y[:100])
    parts = [weights_of(net), net.predict_proba(X[:9]).ravel(), net.transform(X[:9]).ravel()]
    if params.get("sampling") is None:
        parts.append(weights_of(net.partial_fit(X[:50], y[:50])))
    return np.concatenate(parts)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", NETS)
def test_the_same_net(name, around, plain, digits):
    with AROUND[around]():
        found = outcome(name, *digits)
    np.testing.assert_array_equal(found, plain[name])


def test_a_net_that_was_read_in_inference_mode_can_be_trained(digits):
    net = small(ConvNetClassifier).fit(*digits)  # batch norm's statistics change in training
    stored = pickle.dumps(net)
    expected = weights_of(pickle.loads(stored).partial_fit(*digits))
    with torch.inference_mode():
        read = pickle.loads(stored)
    np.testing.assert_array_equal(weights_of(read.partial_fit(*digits)), expected)


@pytest.mark.parametrize("around", ["inference_mode", "device"])
def test_statistics_are_adapted_whatever_is_around(around, digits):
    X = digits[0]
    net = small(ConvNetClassifier).fit(*digits)
    expected = adapt_batch_norm(net, X // 2).predict_proba(X)
    with AROUND[around]():
        found = adapt_batch_norm(net, X // 2).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


def test_what_is_around_is_there_afterwards(digits):
    X, y = digits
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), default_device("meta"):
        small(MLPNetClassifier).fit(X, y).predict(X)
        assert not torch.is_grad_enabled()
        assert torch.is_autocast_enabled("cpu")
        assert torch.empty(0).device.type == "meta"
