"""Structured pruning of fitted nets."""

import itertools
import pickle

import numpy as np
import pytest
import torch
from common import small, weights_of
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

import skfashion
from skfashion import MLPNetClassifier, ResNetClassifier
from skfashion.adaptation import adapt_batch_norm
from skfashion.exceptions import DataShiftWarning
from skfashion.export import prune, pruning

pytest.importorskip("torch_pruning")
STILL = {"lr": 1e-30, "max_epochs": 1, "batch_size": 300}


@pytest.mark.parametrize("keep", [0.5, 0.01])
def test_a_part_of_a_net_is_a_net_of_its_widths(fast_class, keep, digits):
    X, y = digits
    sizes = {"hidden_layer_sizes": (11, 4), "channels": (4, 7), "depth": 2}
    known = fast_class().get_params()
    sizes = {name: size for name, size in sizes.items() if name in known}
    wide = small(fast_class, **sizes).fit(X, y)
    before, parameters = weights_of(wide), wide.get_params()
    part = prune(wide, X, y, keep=keep, max_epochs=2)
    assert part.n_iter_ == 2
    np.testing.assert_array_equal(weights_of(wide), before)
    assert wide.get_params() == parameters
    expected = {
        "hidden_layer_sizes": (6, 2) if keep == 0.5 else (1, 1),
        "channels": (2, 4) if keep == 0.5 else (1, 1),
    }
    expected = {name: size for name, size in expected.items() if name in known}
    assert part.get_params() == parameters | expected
    again = clone(part).fit(X, y)
    assert weights_of(again).shape == weights_of(part).shape
    same = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(same.predict_proba(X), part.predict_proba(X))
    assert torch.equal(part.net_.module_.standardize.mean, wide.net_.module_.standardize.mean)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_what_is_around_does_not_matter(mode, digits):
    X, y = digits
    wide = small(MLPNetClassifier).fit(X, y)
    with mode(), torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
        part = prune(wide, X, y, max_epochs=1)
    np.testing.assert_array_equal(weights_of(part), weights_of(prune(wide, X, y, max_epochs=1)))


def test_all_of_a_net_is_that_net(fast_class, digits):
    X, y = digits
    wide = small(fast_class, batch_norm=False).fit(X, y)
    whole = prune(wide, X, y, keep=1, **STILL)
    np.testing.assert_allclose(whole.predict_proba(X), wide.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_what_matters_is_kept(fast_class, batch_norm, digits):
    # Half of all filters and neurons have no way to the logits: the other half is the whole net.
    X, y = digits
    sizes = {"hidden_layer_sizes": (8, 6), "channels": (4, 8)}
    wide = small(fast_class, batch_norm=batch_norm, **sizes).fit(X, y)
    layers = [m for m in wide.net_.module_.modules() if hasattr(m, "weight") and m.weight.ndim > 1]
    generator = np.random.RandomState(0)
    for one, behind in itertools.pairwise(layers):
        n = len(one.weight)
        dead = generator.permutation(n)[: n // 2]
        with torch.no_grad():
            behind.weight.unflatten(1, (n, -1))[:, dead] = 0
    if batch_norm:  # whose statistics are those of the net as it is now
        wide = adapt_batch_norm(wide, X)
    part = prune(wide, X, y, keep=0.5, precision="fp32", **STILL)
    np.testing.assert_allclose(part.predict_proba(X), wide.predict_proba(X), atol=1e-3)


def test_all_rows_and_their_labels_tell_what_matters(digits, monkeypatch):
    order = np.argsort(digits[1], kind="stable")
    X, y = (part[order] for part in digits)
    wide = small(MLPNetClassifier, batch_norm=False, hidden_layer_sizes=(32,)).fit(X, y)
    part = weights_of(prune(wide, X, y, **STILL))
    assert not np.allclose(part, weights_of(prune(wide, X, (y + 1) % 10, **STILL)))
    monkeypatch.setattr(pruning, "BLOCK", 7)
    np.testing.assert_allclose(weights_of(prune(wide, X, y, **STILL)), part)


def test_what_is_cut_out_may_be_taught(digits):
    X, y = digits
    wide = small(MLPNetClassifier).fit(X, y)
    shifted = np.eye(10)[(y + 1) % 10]
    taught = prune(wide, X, y, soft_targets=shifted, distillation_weight=1.0, max_epochs=60)
    assert taught.score(X, (y + 1) % 10) > 0.9


def test_what_cannot_be_cut_is_refused(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    with pytest.raises(ValueError, match="expected one label a row"):
        prune(net, X, y[:-1])
    with pytest.raises(ValueError, match="Got epochs, expected parameters of MLPNetClassifier"):
        prune(net, X, y, epochs=2)
    for keep in (0, 1.1, np.nan, "half"):
        with pytest.raises(ValueError, match=f"Got keep={keep}, expected a share above 0"):
            prune(net, X, y, keep=keep)
    with pytest.raises(ValueError, match="Got a ResNetClassifier, expected an MLPNet"):
        prune(small(ResNetClassifier).fit(X[:50], y[:50]), X, y)
    with pytest.raises(ValueError, match="with loss='ldam', whose head"):
        prune(small(MLPNetClassifier, loss="ldam").fit(X, y), X, y)


def test_rows_of_another_scale_are_noticed(digits):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=1).fit(X, y)
    with pytest.warns(DataShiftWarning, match="much smaller values than those of the training"):
        prune(net, X / 255, y, max_epochs=1)


def test_swapped_arguments_are_named(digits):
    X, y = digits
    net = small(MLPNetClassifier, max_epochs=1).fit(X, y)
    said = r"shape \(300, 64\), an array.* a MLPNetClassifier, expected the classifier first: prune"
    with pytest.raises(ValueError, match=said):
        prune(X, y, net)
    with pytest.raises(ValueError, match=r"\(300,\) as X and .* the other way round: prune\(est"):
        prune(net, y, X)


def test_a_net_that_is_not_fitted_is_refused(digits):
    with pytest.raises(NotFittedError):
        prune(MLPNetClassifier(), *digits)


def test_what_is_cut_out_is_saved_as_a_net_of_its_size(digits, tmp_path):
    X, y = digits
    part = prune(small(MLPNetClassifier).fit(X, y), X, y, keep=0.5, max_epochs=1)
    part.save(tmp_path / "net.safetensors")
    same = skfashion.load(tmp_path / "net.safetensors")
    assert same.hidden_layer_sizes == part.hidden_layer_sizes == (8,)
    np.testing.assert_array_equal(same.predict_proba(X), part.predict_proba(X))


def test_a_taught_net_and_one_with_weights_to_begin_with_are_cut(digits):
    X, y = digits
    teacher = FrozenEstimator(small(MLPNetClassifier).fit(X, y))
    taught = small(MLPNetClassifier, teacher=teacher, init_from=teacher).fit(X, y)
    for more in ({}, {"soft_targets": teacher.predict_proba(X)}):
        part = prune(taught, X, y, keep=0.5, max_epochs=1, **more)
        assert part.init_from is None
        assert isinstance(part.teacher, FrozenEstimator)
        assert clone(part).fit(X, y).hidden_layer_sizes == (8,)
