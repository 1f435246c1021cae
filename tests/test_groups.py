"""Synthetic sensitive attributes."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sklearn.metrics import matthews_corrcoef

from skfashion.datasets import load_fashion_sample, make_groups

NAMES = {
    "lighting": "dark",
    "rotation": "rotated",
    "inverted": "inverted",
    "background": "bright background",
    "corner_mark": "marked",
}


@pytest.fixture(scope="module")
def clothes():
    X, y = load_fashion_sample(subset="test", return_X_y=True)
    X.flags.writeable = y.flags.writeable = False
    return X, y


# --- who belongs to the group ---------------------------------------------------------------------


@pytest.mark.parametrize("attribute", NAMES)
def test_only_the_group_changes_and_visibly(attribute, clothes):
    X, y = clothes
    before = X.copy()
    found, groups = make_groups(X, y, attribute=attribute, random_state=0)
    np.testing.assert_array_equal(X, before)
    assert not np.shares_memory(found, X)
    assert (found.shape, found.dtype, groups.shape) == (X.shape, np.uint8, (1000,))
    assert groups.dtype.kind == "U"
    is_member = groups == NAMES[attribute]
    assert is_member.sum() == 100
    assert set(groups[~is_member]) == {"plain"}
    np.testing.assert_array_equal(found[~is_member], X[~is_member])
    change = np.abs(found[is_member].astype(float) - X[is_member]).reshape(100, -1)
    # A fiftieth of the pixels at least (the mark's), by a sixth of white.
    assert (np.sort(change)[:, -15:] > 255 / 6).mean() > 0.98


def test_same_seed_same_group_whatever_the_attribute(clothes):
    X, y = clothes
    options = {"correlation": 0.3, "correlated_class": 6}
    groups = {
        attribute: make_groups(X, y, attribute=attribute, random_state=3, **options)[1] != "plain"
        for attribute in NAMES
    }
    for is_member in groups.values():
        np.testing.assert_array_equal(is_member, groups["lighting"])
    for seed in (4, None):
        other = make_groups(X, y, attribute="inverted", random_state=seed, **options)[1] != "plain"
        assert (other != groups["lighting"]).any()
    again = [make_groups(X, y, random_state=np.random.RandomState(3), **options) for _ in range(2)]
    np.testing.assert_array_equal(again[0][0], again[1][0])
    np.testing.assert_array_equal(again[0][1] != "plain", groups["lighting"])


def test_a_larger_share_takes_the_same_rows_and_more(clothes):
    X, y = clothes
    small, large = (
        make_groups(X, y, share=s, attribute="inverted", random_state=0)[1] == "inverted"
        for s in (0.1, 0.3)
    )
    assert (small.sum(), large.sum()) == (100, 300)
    assert large[small].all()


def rows_and_labels(sizes):
    """Return images of one pixel and mixed labels "a", "b" and so on, as many as `sizes` says."""
    y = np.repeat(list("abcdefgh")[: len(sizes)], sizes)
    y = np.random.RandomState(0).permutation(y)
    return np.full((len(y), 1), 200, dtype=np.uint8), y


@example(sizes=[100, 300], share=0.25, correlation=1.0)
@example(sizes=[300, 100], share=0.25, correlation=-1.0)
@given(
    sizes=st.lists(st.integers(1, 120), min_size=2, max_size=6),
    share=st.floats(0.01, 0.99),
    correlation=st.floats(-1, 1),
)
def test_share_and_correlation_are_met_up_to_rounding(sizes, share, correlation):
    X, y = rows_and_labels(sizes)
    n, n_class = len(y), sizes[0]
    n_members = round(share * n)
    assume(0 < n_members < n)
    s, p = n_members / n, n_class / n
    spread = correlation * math.sqrt(s * (1 - s))
    inside = n_class * (s + spread * math.sqrt((1 - p) / p))
    outside = (n - n_class) * (s - spread * math.sqrt(p / (1 - p)))
    options = {"share": share, "correlation": correlation, "correlated_class": "a"}
    try:
        groups = make_groups(X, y, attribute="inverted", random_state=0, **options)[1]
    except ValueError:
        # One part would need more members than it has rows, or less than none, even if rounded.
        beyond = (-inside, -outside, inside - n_class, outside - (n - n_class))
        assert max(beyond) > 0.5 - 1e-9
        return
    is_member = groups == "inverted"
    assert is_member.sum() == n_members
    assert abs(is_member[y == "a"].sum() - inside) <= 0.5 + 1e-9
    assert abs(is_member[y != "a"].sum() - outside) <= 0.5 + 1e-9
    # What half a row changes about the correlation, as scikit-learn measures it.
    tolerance = n / math.sqrt(n_members * (n - n_members) * n_class * (n - n_class)) / 2
    assert abs(matthews_corrcoef(is_member, y == "a") - correlation) <= tolerance + 1e-9


def test_the_range_that_the_error_names_is_possible_and_no_more_is():
    X, y = rows_and_labels([300, 700])
    options = {"share": 0.1, "correlated_class": "a", "random_state": 0}
    with pytest.raises(ValueError, match=r"expected one from -0.218 to 0.509, which"):
        make_groups(X, y, correlation=0.9, **options)
    for correlation, count in ((-0.218, 0), (0.509, 100)):
        groups = make_groups(X, y, correlation=correlation, **options)[1]
        assert (groups[y == "a"] == "dark").sum() == count
    for correlation in (-0.23, 0.52):
        with pytest.raises(ValueError, match=f"Got correlation={correlation} of a group of 100"):
            make_groups(X, y, correlation=correlation, **options)


def test_no_correlation_with_a_class_is_exact_only_where_the_class_is_named():
    X, y = rows_and_labels([100, 100, 100])

    def in_class(label, seed):
        groups = make_groups(X, y, correlated_class=label, random_state=seed)[1]
        return (groups[y == "b"] == "dark").sum()

    assert {in_class("b", seed) for seed in range(8)} == {10}
    assert len({in_class(None, seed) for seed in range(8)}) > 2


@pytest.mark.parametrize("labels", [["c", "a"], [3, 0], [True, False]])
def test_labels_of_any_type(labels):
    X, y = np.ones((40, 4), np.uint8), labels * 20
    groups = make_groups(X, y, share=0.5, correlation=1.0, correlated_class=labels[0])[1]
    np.testing.assert_array_equal(groups, ["dark", "plain"] * 20)


# --- what happens to them -------------------------------------------------------------------------


def changed(images, attribute, **options):
    """Return the images of the group: all but one of them."""
    n = len(images)
    X, groups = make_groups(
        images, np.zeros(n), attribute=attribute, share=1 - 1 / n, random_state=0, **options
    )
    return X[groups != "plain"]


def test_what_the_attributes_do():
    grey = np.full((4, 20, 20), 100, dtype=np.uint8)
    assert (changed(grey, "lighting") == 40).all()
    assert (changed(grey, "inverted") == 155).all()
    marked = changed(grey, "corner_mark")
    assert (marked[:, :3, :3] == 255).all()  # round(0.15 * 20) pixels a side
    assert (marked == 255).sum() == 3 * 9
    assert (marked[marked != 255] == 100).all()
    strips = np.full((4, 5), 100, dtype=np.uint8)  # images of 1 x 5 pixels
    assert (changed(strips, "corner_mark") == [255, 100, 100, 100, 100]).all()
    on_black = np.zeros((4, 2, 3), dtype=np.uint8)
    on_black[:, 0] = [10, 11, 255]
    assert (changed(on_black, "background") == [[128, 11, 255], [128, 128, 128]]).all()
    bar = np.zeros((4, 41, 41), dtype=np.uint8)
    bar[:, 20, 20:] = 255
    down, right = np.argwhere(changed(bar, "rotation")[0] > 100).mean(0) - 20
    assert abs(math.degrees(math.atan2(down, right)) - 30) < 1  # clockwise


def test_background_of_coloured_images_is_dark_in_all_channels():
    images = np.zeros((4, 3, 5, 5), dtype=np.uint8)
    images[:, 1, 2, 2] = 200
    found = changed(images, "background")
    assert (found[:, :, 2, 2] == [0, 200, 0]).all()
    assert (found == 128).sum() == 3 * 3 * 24


@pytest.mark.parametrize("attribute", NAMES)
def test_every_dtype_of_pixels(attribute):
    X = np.random.RandomState(0).randint(256, size=(20, 8, 8)).astype(np.uint8)
    X[0, 0, :2] = 0, 255
    options = {"y": np.arange(20), "attribute": attribute, "share": 0.5, "random_state": 0}
    expected = make_groups(X, **options)[0].astype(float)
    for dtype in (np.int64, np.uint16, "O"):
        found, _ = make_groups(X.astype(dtype), **options)
        np.testing.assert_allclose(found.astype(float), expected, atol=0 if dtype != "O" else 0.5)
        assert found.dtype == (dtype if dtype != "O" else float)
    for dtype in (np.float64, np.float32, np.float16):
        for scale, shift in ((1, 0), (255, 0), (50, 100)):
            found, groups = make_groups(((X - float(shift)) / scale).astype(dtype), **options)
            assert found.dtype == dtype
            np.testing.assert_allclose(found * float(scale) + shift, expected, atol=0.8)
            plain = groups == "plain"
            np.testing.assert_array_equal(
                found[plain], ((X - float(shift)) / scale).astype(dtype)[plain]
            )
    found, _ = make_groups(X > 127, **options)
    assert (found.dtype, found.max()) == (np.float32, 1)


@given(
    attribute=st.sampled_from(sorted(NAMES)),
    h=st.integers(4, 12),
    w=st.integers(4, 12),
    c=st.sampled_from([1, 3]),
)
def test_every_size_and_layout(attribute, h, w, c):
    X = np.random.RandomState(0).randint(256, size=(6, h, w, c)).astype(np.uint8)
    y = np.arange(6)
    options = {"attribute": attribute, "share": 0.5, "random_state": 1}
    found, groups = make_groups(X, y, **options)
    rows, same = make_groups(X.reshape(6, -1), y, **options, image_shape=(h, w, c))
    np.testing.assert_array_equal(rows.reshape(X.shape), found)
    np.testing.assert_array_equal(same, groups)
    first = make_groups(np.asfortranarray(X.transpose(0, 3, 1, 2)), y, **options)[0]
    np.testing.assert_array_equal(first, found.transpose(0, 3, 1, 2))
    if c == 1:
        np.testing.assert_array_equal(make_groups(X[..., 0], y, **options)[0], found[..., 0])
    np.testing.assert_array_equal(found[groups == "plain"], X[groups == "plain"])


# --- refusals -------------------------------------------------------------------------------------

X4 = np.zeros((4, 4), np.uint8)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"attribute": "gender"}, r"Got attribute='gender', expected one of \['background', 'corn"),
        ({"attribute": ["lighting"]}, r"Got attribute=\['lighting'\], expected one of"),
        ({"share": 0}, "Got share=0, expected a number between 0 and 1, both excluded"),
        ({"share": 1.0}, "Got share=1.0, expected"),
        ({"share": "half"}, "Got share='half', expected"),
        ({"share": 0.1}, "Got share=0.1 of 4 rows, which makes 0 members .*; expected from 1 to 3"),
        ({"share": 0.9}, "Got share=0.9 of 4 rows, which makes 4 members"),
        (
            {"correlation": 1.1, "correlated_class": 0},
            "Got correlation=1.1, expected a number",
        ),
        ({"correlation": np.nan, "correlated_class": 0}, "Got correlation=nan, expected a number"),
        ({"correlation": None}, "Got correlation=None, expected a number from -1 to 1"),
        ({"correlation": 0.2}, "Got correlation=0.2 and correlated_class=None, expected a class"),
        ({"correlated_class": 7}, r"Got correlated_class=7, expected a label of y: \[0, 1\]"),
        ({"correlated_class": "1"}, "Got correlated_class='1', expected a label of y"),
        ({"y": [1] * 4, "correlated_class": 1}, "Got y with the label 1 alone, with which nothing"),
        ({"y": [1]}, "Got X of 4 rows and y of 1 labels, expected one label a row"),
        ({"X": X4 / np.where(X4, 1, np.nan)}, "Input X contains NaN"),
        ({"X": X4[0]}, r"Got X of shape \(4,\), expected"),
        ({"image_shape": (3, 3)}, r"Got image_shape=\(3, 3\), which is 9 values an image"),
    ],
)
def test_bad_input_is_refused(options, match):
    options = {"X": X4, "y": [0, 0, 1, 1], "share": 0.5} | options
    with pytest.raises(ValueError, match=match):
        make_groups(**options)
