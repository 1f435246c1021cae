"""Which pixels mattered: against what the nets compute, and against what is known."""

import copy
from functools import partial

import matplotlib
import numpy as np
import pytest
import torch
from clothes import net
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from skfashion import (
    AttentionNetClassifier,
    ConvNetClassifier,
    MLPNetClassifier,
    ResNetClassifier,
    TorchvisionClassifier,
)
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import AttributionDisplay, FilterDisplay
from skfashion.inspection.displays.attribution import METHODS

FAMILIES = ["resnet18", "regnet_x_400mf", "mobilenet_v2", "efficientnet_b0", "densenet121"]
FAMILIES += ["convnext_tiny"]
DeepLift = pytest.importorskip("captum.attr").DeepLift
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


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")  # of DeepLift's
def test_deep_lift_is_wrong_behind_a_max_pool_and_there_alone(corner):
    model, images, labels = corner
    dense = net(MLPNetClassifier, batch_norm=False, max_epochs=2).fit(images, labels)
    pixels = torch.from_numpy(images[:4]).float()[:, None].requires_grad_()
    black = torch.zeros_like(pixels)
    options = {"baselines": black, "target": 0, "return_convergence_delta": True}
    shares = []
    for module in (model.net_.module_.eval(), dense.net_.module_.eval()):
        moved = (module(pixels) - module(black))[:, 0].abs().max()
        _, off = DeepLift(module).attribute(pixels, **options)
        shares.append((off.abs().max() / moved).item())
    assert shares[0] > 0.1
    assert shares[1] < 1e-4


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


@pytest.mark.parametrize(
    "around",
    [
        torch.inference_mode,
        torch.no_grad,
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.device("meta"),
    ],
    ids=["inference_mode", "no_grad", "autocast", "device"],
)
def test_maps_are_the_same_whatever_pytorch_was_told(around, corner):
    model, images, _ = corner
    draw = partial(AttributionDisplay.from_estimator, X=images[:1], methods=list(METHODS))
    expected = draw(model).maps
    with around():
        found = draw(copy.deepcopy(model)).maps
    for method in METHODS:
        np.testing.assert_array_equal(found[method], expected[method])


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
    maps = np.abs(display.maps["grad_cam"])
    assert (maps[:, :7, :7].mean(axis=(1, 2)) > maps[:, 7:, 7:].mean(axis=(1, 2))).all()


@pytest.mark.slow
@pytest.mark.parametrize("backbone", FAMILIES)
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


@pytest.fixture(scope="module")
def scaled():
    """A scaler, images as it makes them, and a net that was trained with these."""
    scaler = MinMaxScaler().fit(X[:200])
    seen = scaler.transform(X[:200])
    return scaler, seen, net(MLPNetClassifier, max_epochs=1).fit(seen, y[:200])


@pytest.mark.parametrize("kind", ["pipeline", "nested", "search", "sampler"])
def test_maps_of_a_pipeline_are_of_what_its_net_sees(kind, scaled):
    scaler, seen, model = scaled
    if kind == "pipeline":
        given = make_pipeline("passthrough", scaler, model)
    elif kind == "nested":
        given = Pipeline([("nothing", None), ("both", make_pipeline(scaler, model))])
    elif kind == "sampler":
        # Fits the steps anew, which are the same again.
        sampler = RandomUnderSampler(sampling_strategy={}, random_state=0)
        given = make_sampling_pipeline(sampler, MinMaxScaler(), net(MLPNetClassifier, max_epochs=1))
        given.fit(X[:200], y[:200])
        scaler, model = given[1], given[-1]
        seen = scaler.transform(X[:200])
    else:
        given = make_pipeline(MinMaxScaler(), net(MLPNetClassifier, max_epochs=1))
        given = GridSearchCV(given, {"mlpnetclassifier__lr": [5e-3]}, cv=2)
        given.fit(X[:200], y[:200])
    display = AttributionDisplay.from_estimator(given, X[:3])
    alone = AttributionDisplay.from_estimator(model, seen[:3])
    for method, maps in alone.maps.items():
        np.testing.assert_allclose(display.maps[method], maps, rtol=1e-4, atol=1e-6)
    assert display.names == alone.names == [str(label) for label in given.predict(X[:3])]
    # Shown is what was given.
    np.testing.assert_allclose(display.pictures.reshape(3, -1) * 255, X[:3], atol=1e-3)


def test_what_is_a_table_to_the_net_is_shown_as_an_image():
    model = make_pipeline(StandardScaler(), net(MLPNetClassifier, max_epochs=1))
    model.fit(X[:100], y[:100])
    assert model[-1].image_shape_ == (1, 784)
    display = AttributionDisplay.from_estimator(model, X[:2], methods=["saliency", "occlusion"])
    for maps in display.maps.values():
        assert maps.shape == display.pictures.shape == (2, 28, 28)
    assert FilterDisplay.from_estimator(model).filters.shape[1:] == (28, 28)


def test_a_step_may_change_layout_and_channels():
    def as_colours(X):
        return np.repeat(X.reshape(-1, 28, 28, 1), 3, axis=3)

    model = make_pipeline(FunctionTransformer(as_colours), net(MLPNetClassifier, max_epochs=1))
    model.fit(X[:100], y[:100])
    display = AttributionDisplay.from_estimator(model, X[:2], methods=["saliency"])
    assert display.maps["saliency"].shape == display.pictures.shape == (2, 28, 28)


@pytest.mark.parametrize("n_components", [20, 49])
def test_steps_that_leave_no_images_are_refused(n_components):
    model = make_pipeline(PCA(n_components, random_state=0), net(MLPNetClassifier, max_epochs=1))
    model.fit(X[:100], y[:100])
    for labels in (None, y[:2]):
        with pytest.raises(ValueError, match="Got images of 28 x 28 pixels, and a MLPNetClassif"):
            AttributionDisplay.from_estimator(model, X[:2], labels)


@pytest.mark.parametrize("layout", ["flat", "h, w", "h, w, c", "row of a table"])
@pytest.mark.parametrize("label", [None, 7])
def test_a_single_image_is_taken(layout, label, scaled):
    _, seen, model = scaled
    frame = load_fashion_sample(subset="test", as_frame=True).data
    if layout == "row of a table":
        model = make_pipeline(MinMaxScaler(), net(MLPNetClassifier, max_epochs=1))
        model.fit(frame[:100], y[:100])
    one = {
        "flat": seen[3],
        "h, w": seen[3].reshape(28, 28),
        "h, w, c": seen[3].reshape(28, 28, 1),
        "row of a table": frame.iloc[3],
    }[layout]
    display = AttributionDisplay.from_estimator(model, one, label, methods=["saliency"])
    several = frame[3:4] if layout == "row of a table" else seen[3:4]
    labels = None if label is None else [label]
    expected = AttributionDisplay.from_estimator(model, several, labels, methods=["saliency"])
    np.testing.assert_array_equal(display.maps["saliency"], expected.maps["saliency"])
    np.testing.assert_array_equal(display.pictures, expected.pictures)
    assert display.names == expected.names
    assert len(display.names) == 1 and label in (None, int(display.names[0]))


def test_a_single_image_in_colour_is_told_from_grey_ones():
    def as_colours(X):
        return np.repeat(X.reshape(-1, 1, 28, 28), 3, axis=1)

    def maps(model, images):
        return AttributionDisplay.from_estimator(model, images, methods=["saliency"]).maps[
            "saliency"
        ]

    planes = as_colours(X[:100])
    alone = net(MLPNetClassifier, max_epochs=1).fit(planes, y[:100])
    search = GridSearchCV(net(MLPNetClassifier, max_epochs=1), {"lr": [5e-3]}, cv=2)
    for model in (alone, search.fit(planes, y[:100])):
        np.testing.assert_array_equal(maps(model, planes[0]), maps(model, planes[:1]))
    last = planes.transpose(0, 2, 3, 1)
    other = net(MLPNetClassifier, max_epochs=1).fit(last, y[:100])
    np.testing.assert_array_equal(maps(other, last[0]), maps(other, last[:1]))
    # Three grey ones, of which a step makes three in colour.
    model = make_pipeline(FunctionTransformer(as_colours), alone)
    assert maps(model, X[:3].reshape(3, 28, 28)).shape == (3, 28, 28)


def test_several_labels_of_a_single_image_are_refused(scaled):
    with pytest.raises(ValueError, match=r"y should be a 1d array, got an array of shape \(1, 2\)"):
        AttributionDisplay.from_estimator(scaled[2], X[0], y[:2])


def test_what_cannot_be_computed_is_refused():
    model = net(MLPNetClassifier, max_epochs=1).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="'grad_cam' and a MLPNetClassifier, whose net has no"):
        AttributionDisplay.from_estimator(model, X[:2], methods=["grad_cam"])
    model = net(AttentionNetClassifier, max_epochs=1).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="'grad_cam' and a AttentionNetClassifier"):
        AttributionDisplay.from_estimator(model, X[:2], methods=["grad_cam"])
    with pytest.raises(ValueError, match=r"Got methods=\('lime',\), expected some of"):
        AttributionDisplay.from_estimator(model, X[:2], methods=["lime"])
    with pytest.raises(ValueError, match="Got images of 10 x 10 pixels, and a AttentionNetCl"):
        AttributionDisplay.from_estimator(model, X[:2, :100], y[:2])
    with pytest.raises(ValueError, match=r"Got X of shape \(2, 28, 28, 3\), expected images of"):
        AttributionDisplay.from_estimator(model, np.zeros((2, 28, 28, 3)), y[:2])
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[3, 2\]"):
        AttributionDisplay.from_estimator(model, X[:2], y[:3])
    with pytest.raises(ValueError, match="The 'baseline' parameter of AttributionDisplay.from_est"):
        AttributionDisplay.from_estimator(model, X[:2], baseline="black")
    other = LogisticRegression().fit(X[:20, :2], y[:20])
    with pytest.raises(ValueError, match="Got a LogisticRegression without net_, expected a fitt"):
        AttributionDisplay.from_estimator(other, X[:2])
