"""Which pixels mattered: against what the nets compute, and against what is known."""

import matplotlib
import numpy as np
import pytest
import torch
from clothes import net
from sklearn.pipeline import make_pipeline

from skfashion import (
    AttentionNetClassifier,
    ConvNetClassifier,
    MLPNetClassifier,
    ResNetClassifier,
    TorchvisionClassifier,
)
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import AttributionDisplay
from skfashion.inspection.attribution import METHODS, _last_map

FAMILIES = ["resnet18", "regnet_x_400mf", "mobilenet_v2", "efficientnet_b0", "densenet121"]
FAMILIES += ["convnext_tiny"]
pytest.importorskip("captum")
matplotlib.use("Agg")

X, y = load_fashion_sample(subset="test", return_X_y=True)


def bright_corners():
    """Images of two classes that differ in the brightness of one corner."""
    rng = np.random.RandomState(0)
    labels = np.arange(300) % 2
    images = rng.randint(60, size=(300, 14, 14)).astype(np.uint8)
    images[:, :4, :4] += (labels * 150).astype(np.uint8)[:, None, None]
    return images, labels


@pytest.fixture(scope="module")
def corner():
    """A net that tells them apart."""
    images, labels = bright_corners()
    model = net(ConvNetClassifier, max_epochs=4).fit(images, labels)
    assert model.score(images, labels) == 1
    return model, images, labels


@pytest.mark.parametrize("method", METHODS)
def test_the_pixels_that_matter_are_found(method, corner):
    model, images, labels = corner
    bright = images[labels == 1][:4]
    display = AttributionDisplay.from_estimator(model, bright, methods=[method])
    (maps,) = display.maps.values()
    assert maps.shape == (4, 14, 14)
    inside = np.zeros((14, 14), dtype=bool)
    inside[:5, :5] = True
    sizes = np.abs(maps)
    assert (sizes[:, inside].mean(axis=1) > 2 * sizes[:, ~inside].mean(axis=1)).all()


@pytest.mark.parametrize("depth", [1, 2])
def test_grad_cam_sees_the_whole_residual_block(depth):
    images, labels = bright_corners()
    # Blocks that reshape have a convolution on their shortcut, behind those of the residual.
    model = ResNetClassifier(
        width=8, depth=(depth, depth), lr=0.02, batch_size=16, max_epochs=4, random_state=0
    ).fit(images, labels)
    assert model.score(images, labels) > 0.9
    bright = images[labels == 1][:4]
    display = AttributionDisplay.from_estimator(model, bright, methods=["grad_cam"])
    layer = _last_map(model, torch.tensor(bright[:1, None], dtype=torch.float32))
    assert not isinstance(layer, torch.nn.Conv2d)
    maps = np.abs(display.maps["grad_cam"])
    assert (maps[:, :7, :7].mean(axis=(1, 2)) > maps[:, 7:, 7:].mean(axis=(1, 2))).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone",
    [
        "resnet18",
        "regnet_x_400mf",
        "mobilenet_v2",
        "efficientnet_b0",
        "densenet121",
        "convnext_tiny",
    ],
)
def test_grad_cam_of_every_family(backbone):
    model = TorchvisionClassifier(backbone=backbone, max_epochs=1, batch_size=20, random_state=0)
    model.fit(X[:40], y[:40])
    display = AttributionDisplay.from_estimator(model, X[:2], methods=["grad_cam"])
    maps = display.maps["grad_cam"]
    assert maps.shape == (2, 28, 28)
    assert np.isfinite(maps).all()


def test_integrated_gradients_add_up_to_the_difference_of_logits(corner):
    model, images, _ = corner
    display = AttributionDisplay.from_estimator(
        model, images[:3], [1, 1, 1], methods=["integrated_gradients"]
    )
    with torch.no_grad():
        module = model.net_.module_
        planes = torch.tensor(images[:3, None], dtype=torch.float32)
        difference = (module(planes) - module(torch.zeros_like(planes)))[:, 1].numpy()
    sums = display.maps["integrated_gradients"].sum(axis=(1, 2))
    np.testing.assert_allclose(sums, difference, rtol=0.1, atol=0.05)


def test_saliency_is_the_size_of_the_gradient():
    model = net(MLPNetClassifier, max_epochs=1).fit(X[:200], y[:200])
    display = AttributionDisplay.from_estimator(make_pipeline(model), X[:2], y[:2])
    planes = torch.tensor(X[:2].reshape(2, 1, 28, 28), dtype=torch.float32, requires_grad=True)
    logits = model.net_.module_(planes)
    chosen = logits[[0, 1], torch.tensor(y[:2])].sum()
    (gradient,) = torch.autograd.grad(chosen, planes)
    np.testing.assert_allclose(display.maps["saliency"], gradient.abs()[:, 0], rtol=1e-4)
    assert all(parameter.grad is None for parameter in model.net_.module_.parameters())
    assert len(display.ax_.images) == 2 * 4


def test_what_cannot_be_computed_is_refused():
    model = net(MLPNetClassifier, max_epochs=1).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="'grad_cam' and a MLPNetClassifier, whose net has no"):
        AttributionDisplay.from_estimator(model, X[:2], methods=["grad_cam"])
    model = net(AttentionNetClassifier, max_epochs=1).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="'grad_cam' and a AttentionNetClassifier"):
        AttributionDisplay.from_estimator(model, X[:2], methods=["grad_cam"])
    with pytest.raises(ValueError, match=r"Got methods=\('lime',\), expected some of"):
        AttributionDisplay.from_estimator(model, X[:2], methods=["lime"])
