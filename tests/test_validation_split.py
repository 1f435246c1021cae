"""Rows that a splitter holds out for early stopping, and the groups it looks at."""

import numpy as np
import pandas as pd
import pytest
from common import small, weights_of
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import MLPNetClassifier

# Sixty patients of five images each, in mixed order, each image marked by its number.
PATIENTS = np.random.RandomState(0).permutation(np.repeat(np.arange(60), 5))
X = np.random.RandomState(1).randint(200, size=(300, 36)).astype(np.uint8)
X[:, 0], X[:, 1] = np.divmod(np.arange(300), 200)
y = PATIENTS % 3
BY_PATIENT = GroupShuffleSplit(1, test_size=0.25, random_state=3)


def numbers(rows):
    """Return which rows of `X` these are."""
    return 200 * rows[:, 0].astype(int) + rows[:, 1].astype(int)


class Watch:
    """A scorer that remembers the rows it was given, and weights where there are any."""

    seen = []

    def __call__(self, estimator, X, y, sample_weight=None):
        self.seen.append(np.sort(numbers(X)))
        return 0.5


@pytest.fixture
def seen():
    Watch.seen.clear()
    return Watch.seen


def early(splitter=BY_PATIENT, cls=MLPNetClassifier, **params):
    params = {"early_stopping": True, "max_epochs": 1, "scoring": Watch()} | params
    return small(cls, validation_split=splitter, **params)


@pytest.mark.parametrize("container", [list, pd.Series, lambda p: np.char.zfill(p.astype(str), 2)])
def test_the_first_split_says_what_is_held_out(fast_class, container, seen):
    early(cls=fast_class).fit(X, y, groups=container(PATIENTS))
    _, expected = next(BY_PATIENT.split(X, y, PATIENTS))
    np.testing.assert_array_equal(seen[0], np.sort(expected))
    outside = np.setdiff1d(np.arange(300), seen[0])
    assert not set(PATIENTS[outside]) & set(PATIENTS[seen[0]])


def test_what_is_held_out_teaches_the_net_nothing(seen):
    net = early().fit(X, y, groups=PATIENTS)
    changed = X.copy()
    changed[seen[0], 2:] = 255
    again = early().fit(changed, y, groups=PATIENTS)
    np.testing.assert_array_equal(weights_of(again), weights_of(net))


@pytest.mark.parametrize(
    "splitter",
    [
        ShuffleSplit(1, test_size=0.2),
        GroupShuffleSplit(2, random_state=np.random.RandomState(0)),
        StratifiedGroupKFold(4, shuffle=True),
    ],
)
def test_the_same_fit_holds_out_the_same_rows(splitter, seen):
    before = np.random.get_state()[1].copy()
    groups = None if isinstance(splitter, ShuffleSplit) else PATIENTS
    first, second, third = (
        early(splitter, random_state=seed).fit(X, y, groups=groups) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(weights_of(first), weights_of(second))
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    own_seed = isinstance(splitter, GroupShuffleSplit)  # which decides, whatever the net's is
    assert np.array_equal(seen[0], seen[2]) == own_seed
    assert getattr(splitter, "random_state", None) is None or own_seed


def test_rows_of_weight_zero_take_part_in_the_split_only(seen):
    weights = np.where(np.arange(300) < 100, 0.0, 1.0)
    fold = np.where(np.arange(300) % 4 == 0, 0, -1)
    net = early(PredefinedSplit(fold)).fit(X, y, weights)
    np.testing.assert_array_equal(seen[0], np.arange(100, 300, 4))
    changed = X.copy()
    changed[:100, 2:] += 50
    again = early(PredefinedSplit(fold)).fit(changed, y, weights)
    np.testing.assert_array_equal(weights_of(again), weights_of(net))


def test_a_class_that_is_held_out_as_a_whole_is_named():
    with pytest.warns(UserWarning, match=r"holds out all rows of the classes \[0\]"):
        early(LeaveOneGroupOut()).fit(X, y, groups=y)


class Odd(KFold):
    """A splitter that makes what it is told."""

    def __init__(self, made):
        super().__init__()
        self.made = made

    def split(self, X, y=None, groups=None):
        yield from self.made


ROWS = np.arange(300)
REFUSED = {
    "no early stopping": ({"early_stopping": False}, {}, "early_stopping=False, for which no rows"),
    "own rows": ({}, {"X_val": X, "y_val": y}, "and X_val, expected one of them"),
    "fraction": ({"validation_fraction": 0.2}, {}, "and validation_fraction=0.2, expected one"),
    "number": ({"splitter": 0.2}, {}, "an object implementing 'split' and 'get_n_splits' or None"),
    "no groups": ({}, {"groups": None}, r"without groups, expected fit\(X, y, groups=.*routing"),
    "lengths": ({}, {"groups": PATIENTS[1:]}, r"inconsistent numbers of samples: \[300, 299\]"),
    "missing": (
        {},
        {"groups": ["a", None, np.nan, *["b"] * 297]},
        "Got groups with 2 missing labels, the first in row 1",
    ),
    "no splitter": ({"splitter": None}, {}, "Got groups without validation_split"),
    "no split": ({"splitter": Odd([])}, {}, "makes no split at all"),
    "both sides": ({"splitter": Odd([(ROWS, ROWS[:9])])}, {}, "first split has rows twice"),
    "unknown rows": ({"splitter": Odd([(ROWS, [300])])}, {}, "not among the 300 of X"),
    "nothing held out": ({"splitter": Odd([(ROWS, [])])}, {}, "300 rows to train on and 0 to vali"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    params, arguments, message = REFUSED[name]
    net = early(**params)
    with pytest.raises(ValueError, match=message):
        net.fit(X, y, **({"groups": PATIENTS} | arguments))
    assert not hasattr(net, "classes_")


# --- searches -----------------------------------------------------------------------------------


@pytest.mark.parametrize("routing", [False, True])
def test_groups_of_a_search_are_for_its_own_splitter(fast_class, routing):
    net = small(fast_class)
    folds = list(GroupKFold(3).split(X, y, PATIENTS))
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(net, {"lr": [5e-3]}, cv=GroupKFold(3), error_score="raise")
        search.fit(X, y, groups=PATIENTS)
    for i, (train, test) in enumerate(folds):
        alone = clone(net).fit(X[train], y[train])
        assert search.cv_results_[f"split{i}_test_score"] == alone.score(X[test], y[test])


def test_groups_of_a_fold_reach_the_inner_split(seen):
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(StandardScaler(), early(scoring="loss", n_threads=1))
        search = GridSearchCV(model, {}, cv=GroupKFold(3), error_score="raise", refit=False)
        search.fit(X, y, groups=PATIENTS)
        plain = GridSearchCV(early(), {}, cv=GroupKFold(3), error_score="raise")
        plain.fit(X, y, groups=PATIENTS)
    folds = [train for train, _ in GroupKFold(3).split(X, y, PATIENTS)]
    assert len(seen) == 4
    for held_out, train in zip(seen, [*folds, ROWS], strict=True):
        _, expected = next(BY_PATIENT.split(train, groups=PATIENTS[train]))
        np.testing.assert_array_equal(held_out, np.sort(train[expected]))


def test_without_routing_a_search_says_why_the_groups_did_not_arrive():
    search = GridSearchCV(early(), {}, cv=GroupKFold(3), error_score="raise")
    with pytest.raises(ValueError, match=r"sklearn\.set_config\(enable_metadata_routing=True\)"):
        search.fit(X, y, groups=PATIENTS)


def test_who_asks_for_groups():
    assert early().get_metadata_routing().consumes("fit", ["groups"]) == {"groups"}
    assert not small(MLPNetClassifier).get_metadata_routing().consumes("fit", ["groups"])
    with config_context(enable_metadata_routing=True):
        with pytest.raises(TypeError, match="Unexpected args: {'groups'}"):
            small(MLPNetClassifier).set_fit_request(groups=True)
        deaf = clone(BY_PATIENT, safe=False).set_split_request(groups=False)
        with pytest.raises(TypeError, match=r"fit got unexpected argument\(s\) {'groups'}"):
            early(deaf).fit(X, y, groups=PATIENTS)
        with pytest.raises(TypeError, match=r"fit got unexpected argument\(s\) {'groups'}"):
            small(MLPNetClassifier).fit(X, y, groups=PATIENTS)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            GridSearchCV(early(), {}, cv=GroupKFold(3)).fit(
                X, y, groups=PATIENTS, sample_weight=np.ones(300)
            )
