"""Batch norm adapted to other images."""

import numpy as np
import pytest
import torch
from clothes import as_images, net, pick
from common import ESTIMATORS, FAST, kinds, small, weights_of
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from skfashion import ConvNetClassifier, MLPNetClassifier, TorchvisionClassifier
from skfashion.adaptation import adapt_batch_norm
from skfashion.datasets import make_corrupted

CLASSES = ["Bag", "Sneaker", "Trouser"]
X, y = pick(dict.fromkeys(CLASSES, 100))
X_test, y_test = pick(dict.fromkeys(CLASSES, 40), start=100)
KINDS = kinds(ESTIMATORS, fast=FAST)


@pytest.mark.parametrize("cls", KINDS)
def test_adapted_copy_stands_what_it_was_adapted_to(cls):
    n_epochs = {MLPNetClassifier: 8, TorchvisionClassifier: 6}.get(cls, 4)
    # A third would be chance. How much is learned from so few rows hangs on the rounding of the
    # processor, and a backbone learns little of them.
    floor = 0.5 if cls is TorchvisionClassifier else 0.7
    fitted = net(cls, max_epochs=n_epochs).fit(X, y)
    before = weights_of(fitted), fitted.predict_proba(X_test)
    dim = make_corrupted(X_test, "contrast", 5)
    adapted = adapt_batch_norm(fitted, make_corrupted(X, "contrast", 5))
    assert adapted.score(dim, y_test) > floor
    assert adapted.score(dim, y_test) >= fitted.score(dim, y_test)
    assert adapted.classes_.tolist() == CLASSES
    np.testing.assert_array_equal(weights_of(fitted), before[0])
    np.testing.assert_array_equal(fitted.predict_proba(X_test), before[1])
    for name, parameter in fitted.net_.module_.named_parameters():
        assert torch.equal(adapted.net_.module_.get_parameter(name), parameter), name


@pytest.mark.parametrize("cls", [MLPNetClassifier, ConvNetClassifier])
def test_brighter_and_flatter_images_are_the_same_images(cls):
    """What one factor and one summand a channel can undo is undone, up to the images' edges."""
    fitted = net(cls).fit(X, y)
    images = X.astype(np.float32)
    plain, changed = (adapt_batch_norm(fitted, images_) for images_ in (images, 0.2 * images + 90))
    np.testing.assert_allclose(
        changed.predict_proba(0.2 * X_test.astype(np.float32) + 90),
        plain.predict_proba(X_test),
        atol=1e-3,
    )


def test_statistics_are_those_of_the_images_given():
    fitted = net(MLPNetClassifier).fit(X, y)
    other = X_test.astype(np.float32) * 3 + 7
    module = adapt_batch_norm(fitted, as_images(other)).net_.module_
    np.testing.assert_allclose(module.standardize.mean.item(), other.mean(), rtol=1e-5)
    np.testing.assert_allclose(module.standardize.scale.item(), other.std(), rtol=1e-5)
    with torch.no_grad():
        values = module.features[:2](module.standardize(torch.tensor(as_images(other))))
    torch.testing.assert_close(module.features[2].running_mean, values.mean(0), atol=1e-4, rtol=0)
    torch.testing.assert_close(module.features[2].running_var, values.var(0), rtol=1e-4, atol=1e-5)


def test_source_rows_count_beside_those_given():
    fitted = net(ConvNetClassifier).fit(X, y)
    alone = adapt_batch_norm(fitted, X_test // 3)
    half = adapt_batch_norm(fitted, X_test // 3, n_source=len(X_test))
    kept = adapt_batch_norm(fitted, X_test // 3, n_source=1e12)
    np.testing.assert_allclose(kept.predict_proba(X), fitted.predict_proba(X), atol=1e-4)
    first = next(n for n, _ in fitted.net_.module_.named_buffers() if n.endswith("running_mean"))
    means = [n.net_.module_.standardize.mean.item() for n in (fitted, alone, half)]
    assert means[2] == pytest.approx((means[0] + means[1]) / 2, rel=1e-5)
    assert not torch.equal(*(n.net_.module_.get_buffer(first) for n in (alone, half)))


def test_nets_without_standardisation_keep_their_pixels():
    fitted = net(MLPNetClassifier, standardize=False).fit(X / 255.0, y)
    adapted = adapt_batch_norm(fitted, X / 1000.0)
    assert adapted.net_.module_.standardize.is_identity()
    assert adapted.score(X_test / 1000.0, y_test) > 0.8


def test_what_cannot_be_adapted_is_refused():
    with pytest.raises(ValueError, match="Got a MLPNetClassifier without batch norm, expected"):
        adapt_batch_norm(net(MLPNetClassifier, batch_norm=False).fit(X, y), X)
    with pytest.raises(NotFittedError):
        adapt_batch_norm(net(MLPNetClassifier), X)
    fitted = small(ConvNetClassifier, max_epochs=1).fit(X, y)
    with pytest.raises(InvalidParameterError, match="The 'estimator' parameter of adapt_batch_"):
        adapt_batch_norm(make_pipeline(fitted), X)
    with pytest.raises(InvalidParameterError, match="The 'n_source' parameter of adapt_batch_norm"):
        adapt_batch_norm(fitted, X, n_source=-1)
    with pytest.raises(ValueError, match="Got X with 1 image, expected at least 2"):
        adapt_batch_norm(fitted, X[:1])
    with pytest.raises(ValueError, match="X has 9 features"):
        adapt_batch_norm(fitted, X[:, :9])
    with pytest.raises(ValueError, match="contains NaN"):
        adapt_batch_norm(fitted, np.full((5, 784), np.nan))
