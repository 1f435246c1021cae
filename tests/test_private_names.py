"""Where PyTorch has lost or changed a private name, a plain way computes the same."""

import inspect
import re

import numpy as np
import pytest
import torch
from common import small

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.training import _torch, arithmetic

# Name -> parameters of a net whose training asks for it.
ADAMW, MUON = {"optimizer": "adamw"}, {"optimizer": "muon", "momentum": 0.9}
ASKED_FOR_BY = {
    "_fused_adamw_": ADAMW,
    "_fused_adam_": {"optimizer": "adam"},
    "_fused_sgd_": {"optimizer": "sgd"},
    "_init_group": ADAMW,
    "_optimizer_step_pre_hooks": ADAMW,
    "_optimizer_step_post_hooks": ADAMW,
    "_foreach_lerp_": MUON,
    "_foreach_lerp": MUON,
    "_foreach_mul_": MUON,
    "_linear_pointwise": MUON,
    "_modules": ADAMW,
    "_parameters": ADAMW,
    "_buffers": ADAMW,
    "_forward_hooks": ADAMW,
    "_forward_pre_hooks": ADAMW,
    "_backward_hooks": ADAMW,
    "_backward_pre_hooks": ADAMW,
    "_post_accumulate_grad_hooks": ADAMW,
    "_is_avx512_bf16_supported": ADAMW,
    "_is_amx_tile_supported": ADAMW,
}


def learned(digits, params, cls=MLPNetClassifier):
    X, y = digits
    params = {"batch_norm": False, "precision": "fp32", **params}
    return small(cls, random_state=0, **params).fit(X, y).decision_function(X)


def take_away(monkeypatch, name):
    """Let a private name be missing; return a list that tells how often it was looked for."""
    find, asked = _torch._find, []

    def find_others(owner, wanted, default=None):
        if wanted != name:
            return find(owner, wanted, default)
        asked.append(owner)
        return default

    monkeypatch.setattr(_torch, "_find", find_others)
    return asked


def test_all_private_names_of_pytorch_are_tested():
    source = inspect.getsource(_torch)
    assert set(re.findall(r'"(_[a-z]\w+)"', source)) == set(ASKED_FOR_BY)


@pytest.mark.parametrize(("name", "params"), ASKED_FOR_BY.items())
def test_a_net_learns_the_same_without_a_private_name(name, params, digits, monkeypatch):
    if name == "_linear_pointwise":
        monkeypatch.setattr(arithmetic, "onednn_is_better", lambda: True)
        monkeypatch.setattr(arithmetic, "MIN_OPERATIONS", 1)
    cls = MLPNetClassifier
    if name.startswith("_is_"):
        cls, params = ConvNetClassifier, params | {"precision": "auto"}
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    expected = learned(digits, params, cls)
    asked = take_away(monkeypatch, name)
    np.testing.assert_allclose(learned(digits, params, cls), expected, rtol=1e-4, atol=1e-4)
    assert asked


def test_muon_without_the_kernel_of_adamw(digits, monkeypatch):
    expected = learned(digits, MUON)
    asked = take_away(monkeypatch, "_fused_adamw_")
    np.testing.assert_allclose(learned(digits, MUON), expected, rtol=1e-4, atol=1e-4)
    assert asked


def test_one_image_without_the_convolution_of_onednn(digits, monkeypatch):
    X, y = digits
    net = small(ConvNetClassifier, precision="fp32", n_threads=1).fit(X, y)
    expected = net.decision_function(X)
    asked = take_away(monkeypatch, "mkldnn_convolution")
    found = net.decision_function(X)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(net.decision_function(X[:1]), found[:1])
    assert asked


def test_averaged_weights_without_a_private_name(digits, monkeypatch):
    expected = learned(digits, {"ema_decay": 0.9})
    asked = take_away(monkeypatch, "_foreach_lerp_")
    found = learned(digits, {"ema_decay": 0.9})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert asked


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_a_kernel_that_takes_other_arguments_is_not_called(optimizer, digits, monkeypatch):
    expected = learned(digits, {"optimizer": optimizer})

    def changed(tensors):
        raise AssertionError("It cannot be called with other arguments.")

    monkeypatch.setattr(_torch, "_find", lambda owner, name, default=None: changed)
    assert _torch.fused_adam(True) is None and _torch.fused_sgd() is None
    monkeypatch.undo()
    lists = {"ADAM_LISTS": ("amsgrad",), "SGD_LISTS": ("amsgrad",)}
    for name, value in lists.items():
        monkeypatch.setattr(f"skfashion.training.optimizers.{name}", value)
    found = learned(digits, {"optimizer": optimizer})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("params", [MUON, {"ema_decay": 0.9}], ids=["muon", "average"])
def test_a_function_of_many_tensors_that_takes_other_arguments_is_not_called(
    params, digits, monkeypatch
):
    expected = learned(digits, params)
    find, tried = _torch._find, []

    def changed(tensors, *, ends=None):
        raise AssertionError("It cannot be called with other arguments.")

    def find_changed(owner, name, default=None):
        if not name.startswith("_foreach_"):
            return find(owner, name, default)
        tried.append(name)
        return changed

    monkeypatch.setattr(_torch, "_find", find_changed)
    np.testing.assert_allclose(learned(digits, params), expected, rtol=1e-4, atol=1e-4)
    assert tried


def test_onednn_with_other_arguments_is_not_better(monkeypatch):
    def changed(a):
        raise AssertionError("It cannot be called with other arguments.")

    monkeypatch.setattr(_torch, "_find", lambda owner, name, default=None: changed)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(arithmetic, "processor_maker", lambda: "AuthenticAMD")
    assert not arithmetic.onednn_is_better.__wrapped__()
