"""Known disturbances of images."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skfashion.datasets import SEVERITIES, load_fashion_sample, make_corrupted


@pytest.fixture(scope="module")
def images():
    return load_fashion_sample(subset="test").data[:60]


@pytest.mark.parametrize("kind", sorted(SEVERITIES))
def test_disturbances_grow_with_severity_and_repeat(kind, images):
    distances = []
    for severity in range(1, 6):
        found = make_corrupted(images, kind, severity)
        assert (found.shape, found.dtype) == (images.shape, np.uint8)
        np.testing.assert_array_equal(found, make_corrupted(images, kind, severity))
        # Its own position decides, not its company.
        np.testing.assert_array_equal(found[:7], make_corrupted(images[:7], kind, severity))
        distances.append(np.abs(found.astype(float) - images).mean())
    assert distances[0] > 0
    assert (np.diff(distances) > 0).all(), distances


@example(kind="contrast", severity=1, h=4, w=7, c=3)
@given(
    kind=st.sampled_from(sorted(SEVERITIES)),
    severity=st.integers(1, 5),
    h=st.integers(4, 12),
    w=st.integers(4, 12),
    c=st.sampled_from([1, 3]),
)
def test_every_size_and_layout(kind, severity, h, w, c):
    X = np.random.RandomState(0).randint(256, size=(3, h, w, c)).astype(np.uint8)
    before = X.copy()
    found = make_corrupted(X, kind, severity)
    assert found.shape == X.shape
    flat = make_corrupted(X.reshape(3, -1), kind, severity, image_shape=(h, w, c))
    np.testing.assert_array_equal(flat.reshape(X.shape), found)
    first = np.ascontiguousarray(X.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(
        make_corrupted(first, kind, severity), found.transpose(0, 3, 1, 2)
    )
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("kind", sorted(SEVERITIES))
def test_every_dtype_of_pixels(kind, images):
    images = images[:5].reshape(5, 28, 28)
    expected = make_corrupted(images, kind).astype(float)
    assert images.max() == 255
    np.testing.assert_array_equal(make_corrupted(images.astype(int), kind), expected)
    for scale, shift in ((1, 0), (255, 0), (50, 100)):
        rows = (images.astype(np.float32) - shift) / scale
        found = make_corrupted(rows, kind)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found * scale + shift, expected, atol=0.51)


def test_what_the_kinds_do():
    grey = np.full((40, 8, 8), 100, dtype=np.uint8)
    assert set(np.unique(make_corrupted(grey, "brightness", 1))) == {74, 126}  # 0.1 of 255, half up
    np.testing.assert_array_equal(make_corrupted(grey, "contrast", 5), grey)
    np.testing.assert_array_equal(make_corrupted(grey, "inversion", 5), 255 - grey)
    assert abs(make_corrupted(grey, "noise", 1).std() / 255 - 0.05) < 0.005
    dark = make_corrupted(grey, "occlusion", 3) == 0
    assert set(dark.sum((1, 2))) == {9}  # a square of round(0.35 * 8) pixels a side
    spot = np.zeros((50, 9, 9), dtype=np.uint8)
    spot[:, 4, 4] = 255
    moved = make_corrupted(spot, "shift", 2)
    places = {tuple(np.argwhere(image == 255)[0] - 4) for image in moved}
    assert {round(np.hypot(*place)) for place in places} <= {1, 2}  # sqrt(2) to 2 pixels
    assert len(places) > 6
    bar = np.zeros((20, 21, 21), dtype=np.uint8)
    bar[:, 10, 2:19] = 255
    lengths = (make_corrupted(bar, "scale", 5)[:, 10] > 127).sum(1)
    assert set(lengths) <= {9, 10, 11}  # 0.6 of 17
    turned = make_corrupted(bar, "rotation", 5)
    slopes = {np.sign(np.polyfit(*np.argwhere(image > 60).T, 1)[0]) for image in turned}
    assert slopes == {-1.0, 1.0}  # to either side


@pytest.mark.parametrize(
    ("X", "options", "match"),
    [
        (np.zeros((2, 4), np.uint8), {"kind": "fog"}, "Got kind='fog', expected one of"),
        (np.zeros((2, 4), np.uint8), {"severity": 6}, "Got severity=6, expected 1, 2, 3, 4 or 5"),
        (np.full((2, 4), np.inf), {}, "Input X contains infinity"),
        (np.zeros(5, np.uint8), {}, r"Got X of shape \(5,\), expected"),
        (np.zeros((2, 6), np.uint8), {"image_shape": (2, 2)}, r"Got image_shape=\(2, 2\)"),
        (np.zeros((2, 4), np.uint8), {"random_state": None}, "Got random_state=None, expected"),
    ],
)
def test_bad_input_is_refused(X, options, match):
    with pytest.raises(ValueError, match=match):
        make_corrupted(X, **({"kind": "noise"} | options))
