"""Labels come in every container, and what is missing among them is refused by name."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest
from common import small
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GroupShuffleSplit
from sklearn.naive_bayes import GaussianNB

from skfashion import MLPNetClassifier
from skfashion.datasets import make_groups, make_imbalanced
from skfashion.ensemble import SnapshotEnsembleClassifier
from skfashion.model_selection import EpochHalvingSearchCV
from skfashion.studies import fairness_study, group_metrics, imbalance_study
from skfashion.studies.thresholds import ClassFactorsClassifier

WORDS = ["coat", "bag", "shirt"] * 20
X = np.random.RandomState(0).randint(0, 256, size=(60, 25)).astype(np.uint8)

# What a row without a label looks like.
GAPS = {
    "list": [np.nan, *WORDS[1:]],
    "None in a list": [None, *WORDS[1:]],
    "NA in a list": [pd.NA, *WORDS[1:]],
    "tuple": (np.nan, *WORDS[1:]),
    "column": [[np.nan], *([word] for word in WORDS[1:])],
    "numbers": [np.nan, *[0.0, 1.0] * 29, 1.0],
    "array": np.array([np.nan, *WORDS[1:]], dtype=object),
    "masked": np.ma.array(WORDS, mask=[True] + [False] * 59),
    "masked numbers": np.ma.array([0, 1] * 30, mask=[True] + [False] * 59),
    "list of a masked array": [np.ma.masked, *[0, 1] * 29, 1],
    "NaT": np.array(["NaT", *["2026-01-01", "2026-01-02"] * 29, "2026-01-01"], dtype="M8[D]"),
    "str": pd.Series([np.nan, *WORDS[1:]]),
    "string": pd.Series([None, *WORDS[1:]], dtype="string"),
    "category": pd.Series([None, *WORDS[1:]], dtype="category"),
    "Int64": pd.Series([None, *[0, 1] * 29, 1], dtype="Int64"),
    "boolean": pd.array([None, *[True, False] * 29, True], dtype="boolean"),
}


@pytest.mark.parametrize("gap", GAPS)
def test_missing_labels_are_refused_by_name(gap):
    y = GAPS[gap]
    whole = np.arange(60) % 2
    net, tried = small(MLPNetClassifier), []

    def score(*args):
        tried.append(args)
        return 1.0

    grid = {"random_state": [0, 1]}
    search = EpochHalvingSearchCV(net, grid, max_resources=2, cv=2, scoring=score)
    grouped = clone(net).set_params(early_stopping=True, validation_split=GroupShuffleSplit(1))
    # A search and a vote say so before anything is trained.
    for model in (
        search,
        SnapshotEnsembleClassifier(net, n_snapshots=2),
        ClassFactorsClassifier(net),
    ):
        with pytest.raises(ValueError, match=r"(?i)\by\b.*(missing|nan)"):
            model.fit(X, y)
    search.set_params(cv=GroupShuffleSplit(2), estimator=SGDClassifier())
    for fit in (search.fit, grouped.fit):
        with pytest.raises(ValueError, match="groups with 1 missing labels, the first in row 0"):
            fit(X, whole, groups=y)
    with pytest.raises(ValueError, match="y with 1 missing labels"):
        search.fit(X, y)
    assert not tried
    with pytest.raises(ValueError, match=r"(?i)\by\b.*(missing|nan)"):
        small(MLPNetClassifier).fit(X, y)
    with pytest.raises(ValueError, match="y with 1 missing labels, the first in row 0"):
        make_imbalanced(X, y, "step", ratio=2, random_state=0)
    with pytest.raises(ValueError, match="y with 1 missing labels"):
        make_groups(X, y, random_state=0)
    with pytest.raises(ValueError, match="y_test with 1 missing labels"):
        imbalance_study({"net": small(MLPNetClassifier)}, X, WORDS, X, y, verbose=0)
    with pytest.raises(ValueError, match=r"groups(\[:, 0\])? with 1 missing labels"):
        group_metrics(whole, whole, y)
    if gap != "column":
        with pytest.raises(ValueError, match=r"groups\['room'\] with 1 missing labels"):
            fairness_study({"net": net}, X, whole, {"room": y}, X, whole, {"room": y}, verbose=0)


def test_a_column_may_be_called_as_numpy_calls_its_masks():
    frame = pd.DataFrame(X[:, :3], columns=["a", "_mask", "b"])
    assert MLPNetClassifier(max_epochs=1).fit(frame, WORDS).n_features_in_ == 3


def test_masked_numbers_are_refused():
    masked = np.ma.array(X, mask=X > 250)
    weights = np.ma.array(np.ones(60), mask=[True] + [False] * 59)
    net = small(MLPNetClassifier)
    with pytest.raises(ValueError, match=r"Got X with \d+ masked values"):
        net.fit(masked, WORDS)
    with pytest.raises(ValueError, match="Got sample_weight with 1 masked values"):
        net.fit(X, WORDS, sample_weight=weights)
    net.fit(np.ma.array(X), WORDS)
    with pytest.raises(ValueError, match=r"Got X with \d+ masked values"):
        net.predict(masked)


KINDS = {"Int64": "i", "Int8": "i", "UInt8": "u", "boolean": "b", "int64[pyarrow]": "i"}


@pytest.mark.filterwarnings("ignore:A column-vector y")
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("container", ["Series", "frame", "array"])
def test_nullable_labels_come_back_as_numpys(dtype, container):
    whole = np.arange(60) % 2
    y = pd.Series(whole == 1 if dtype == "boolean" else whole).astype(dtype)
    y = {"Series": y, "frame": y.to_frame(), "array": y.array}[container]
    net = small(MLPNetClassifier, max_epochs=1)
    predicted = net.fit(X, y).predict(X)
    assert predicted.dtype.kind == KINDS[dtype]
    assert np.array(["odd", "even"])[predicted.astype(int)].shape == (60,)
    if container == "array":
        later = small(MLPNetClassifier).partial_fit(X, y, classes=y[:2])
        assert later.classes_.dtype.kind == KINDS[dtype]


def test_text_of_numpys_own_string_type(fashion):
    y = np.array(WORDS).astype(np.dtypes.StringDType())
    net = small(MLPNetClassifier).fit(X, y)
    assert set(net.predict(X).tolist()) <= set(WORDS)


def test_dates_and_times_are_no_columns():
    times = pd.DataFrame({"size": 1.0, "taken at": pd.date_range("2026-01-01", periods=60)})
    zoned = times.assign(**{"taken at": times["taken at"].dt.tz_localize("UTC")})
    lasted = times.assign(**{"taken at": times["taken at"].diff().fillna(pd.Timedelta(0))})
    arrow = times.astype({"taken at": "timestamp[ns][pyarrow]"})
    for frame in (times, zoned, lasted, arrow, times[["taken at"]]):
        with pytest.raises(
            ValueError, match=r"X with dates or times in the columns \['taken at'\]"
        ):
            small(MLPNetClassifier).fit(frame, WORDS)
    with pytest.raises(ValueError, match="X with dates or times, expected numbers"):
        small(MLPNetClassifier).fit(times[["taken at"]].to_numpy(), WORDS)
    net = small(MLPNetClassifier).fit(times[["size"]].assign(hour=np.arange(60)), WORDS)
    with pytest.raises(ValueError, match="dates or times"):
        net.predict(times)


@pytest.mark.parametrize(
    "time",
    [
        np.datetime64("2026-01-01"),
        np.timedelta64(5, "s"),
        pd.Timestamp("2026-01-01", tz="UTC"),
        pd.Period("2026-01"),
        pd.Timedelta(1),
        pd.NaT,
        datetime(2026, 1, 1),
        date(2026, 1, 1),
    ],
    ids=repr,
)
def test_a_single_date_among_numbers_is_found(time):
    values = np.array([[float(i), 1.0] for i in range(60)], dtype=object)
    values[59, 1] = time
    net = small(MLPNetClassifier)
    for X in (values, values.tolist(), [tuple(row) for row in values], np.ma.array(values)):
        with pytest.raises(ValueError, match="X with dates or times, expected numbers"):
            net.fit(X, WORDS)
    # Columns of one name, too.
    with pytest.raises(ValueError, match=r"X with dates or times in the columns \['size'\]"):
        net.fit(pd.DataFrame(values, columns=["size", "size"]), WORDS)
    with pytest.raises(ValueError, match="X with dates or times"):
        net.partial_fit(values, WORDS, classes=WORDS[:3])


def test_a_single_image_gets_advice(digits):
    images = digits[0].reshape(-1, 8, 8)
    net = small(MLPNetClassifier).fit(images, digits[1])
    with pytest.raises(ValueError, match=r"has 8 features, .* an array of one image is X\[None\]"):
        net.predict(images[0])
    coloured = small(MLPNetClassifier).fit(np.stack([images] * 3, 3), digits[1])
    with pytest.raises(ValueError, match=r"shape \(8, 8, 3\), .* one image is X\[None\]"):
        coloured.predict(np.stack([images[0]] * 3, 2))
    with pytest.raises(ValueError, match=r"has 9 features, .* as input\.$"):
        net.predict(np.zeros((4, 9)))


NUMBERS = np.arange(60) % 3


@pytest.mark.parametrize(
    ("act", "shown"),
    [
        (lambda net: net.fit(X, NUMBERS * 0), "only one class: 0"),
        (
            lambda net: net.set_params(class_weight={np.int64(7): 1.0}).fit(X, NUMBERS),
            r"class_weight with the labels \[7\]",
        ),
        (
            lambda net: net.set_params(sampling={np.int64(7): 1.0}).fit(X, NUMBERS),
            r"sampling with the labels \[7\]",
        ),
        (
            lambda net: net.partial_fit(X, NUMBERS, classes=np.arange(3)).partial_fit(
                X, NUMBERS, classes=list(np.arange(4))
            ),
            r"`classes=\[0, 1, 2, 3\]` is not the same.*was: \[0, 1, 2\]",
        ),
        (
            lambda net: net.set_params(teacher=FrozenEstimator(GaussianNB().fit(X, NUMBERS))).fit(
                X, NUMBERS + 1
            ),
            r"it has the classes \[0, 1, 2\], and y those of \[1, 2, 3\]",
        ),
        (
            lambda net: make_imbalanced(X, NUMBERS, {np.int64(0): 3}),
            r"a profile of the labels \[0\]",
        ),
        (
            lambda net: imbalance_study({"net": net}, X, NUMBERS, X, NUMBERS + 0.5),
            "int64 and y_test of float64, 0 and 0.5 say",
        ),
    ],
    ids=["one", "class_weight", "sampling", "partial_fit", "teacher", "profile", "study"],
)
def test_messages_show_labels_as_plain_numbers(act, shown):
    with pytest.raises(ValueError, match=shown) as caught:
        act(MLPNetClassifier(hidden_layer_sizes=2, max_epochs=1, n_threads=1))
    assert "np." not in str(caught.value)
