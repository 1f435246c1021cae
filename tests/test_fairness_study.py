"""fairness_study: metrics by group, mitigations, and many runs of both."""

import sys
import time
from collections import Counter
from itertools import product

import joblib
import numpy as np
import pandas as pd
import pytest
from clothes import as_images, pick
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import MLPNetClassifier
from skfashion.studies import (
    MITIGATIONS,
    Augment,
    CorrelationRemoval,
    ExponentiatedGradientReduction,
    GridSearchReduction,
    fairness_study,
    group_metrics,
    summarize_study,
)

pytest.importorskip("fairlearn")
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    equalized_odds_difference,
)
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.preprocessing import CorrelationRemover
from fairlearn.reductions import EqualizedOdds, ExponentiatedGradient, GridSearch

# fairlearn 0.15 itself fills Series in two ways that pandas 3 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting a value on a Series via .at"),
    pytest.mark.filterwarnings("ignore:Setting an item of incompatible dtype"),
]

BINARY_ONLY = ["exponentiated gradient", "grid search", "threshold optimizer"]


def draw(n, share, seed, labels=(0, 1), names=("day", "night")):
    """Return rows of a task in which `share` of the positives, and else of few, are of one group.

    The group is a column, so that a classifier can take it for the class.
    """
    rng = np.random.RandomState(seed)
    y = rng.randint(2, size=n)
    night = (rng.rand(n) < np.where(y == 1, share, 1 - share)).astype(int)
    X = np.column_stack([y + 0.8 * rng.normal(size=n), night, rng.normal(size=n)])
    return X, np.asarray(labels)[y], np.asarray(names)[night]


TRAIN, TEST = draw(500, 0.9, seed=0), draw(500, 0.5, seed=1)
LINEAR = {"linear": LogisticRegression()}
STUDY = {"verbose": 0}


def small_net(**params):
    defaults = {"hidden_layer_sizes": 16, "max_epochs": 8, "batch_size": 16, "n_threads": 1}
    return MLPNetClassifier(**(defaults | params))


def value(table, metric, **where):
    """Return the one number that is asked for; what is not given is missing."""
    rows = table[table["metric"] == metric]
    for column in ("group", "class"):
        wanted = where.pop(column, None)
        rows = rows[rows[column].isna() if wanted is None else rows[column] == wanted]
    for column, wanted in where.items():
        rows = rows[rows[column] == wanted]
    assert len(rows) == 1, (metric, len(rows))
    return rows["value"].item()


def numbers(table):
    return table.loc[table["metric"] != "fit seconds", "value"].to_numpy()


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that says the first class, and writes down what its fits were given."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        SEEN.append({"X": X, "y": y, "weights": sample_weight, **self.get_params()})
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class Sampler(Recorder):
    """A recorder with the nets' parameter for balanced batches."""

    def __init__(self, random_state=None, sampling=None):
        self.random_state, self.sampling = random_state, sampling


class Refuser(Recorder):
    """A classifier that must not be fitted."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("A run was started.")


SEEN = []


@pytest.fixture
def seen():
    SEEN.clear()
    return SEEN


# --- metrics ------------------------------------------------------------------------------------


def plainly(y_true, y_pred, groups, classes):
    """Compute all metrics as their definitions say, under (metric, group, class)."""
    found = {}
    cells = Counter(zip(groups, y_true, strict=True))

    def gap(values, ratio=False):
        values = [v for v in values if not np.isnan(v)]
        if len(values) < 2:
            return np.nan
        if ratio:
            return min(values) / max(values) if max(values) else np.nan
        return max(values) - min(values)

    def mean(values):
        return sum(values) / len(values) if len(values) else np.nan

    names = sorted(set(groups))
    for name, c in product([None, *names], [None, *classes]):
        counted = [n for (g, label), n in cells.items() if name in (None, g) and c in (None, label)]
        found["rows", name, c] = sum(counted)
    for name in [None, *names]:
        rows = [i for i, group in enumerate(groups) if name in (None, group)]
        t, p = [y_true[i] for i in rows], [y_pred[i] for i in rows]
        pairs = list(zip(t, p, strict=True))
        for c in classes:
            found["recall", name, c] = mean([b == c for a, b in pairs if a == c])
            found["false positive rate", name, c] = mean([b == c for a, b in pairs if a != c])
            found["selection rate", name, c] = mean([b == c for b in p])
        recalls = [found["recall", name, c] for c in classes if c in t]
        found["accuracy", name, None] = mean([a == b for a, b in pairs])
        found["balanced accuracy", name, None] = mean(recalls)
        positive = found["recall", name, classes[1]] if len(classes) == 2 else mean(recalls)
        found["recall", name, None] = positive
    parity, odds = {}, {}
    for c in classes:
        recall, selection, false = (
            gap([found[rate, name, c] for name in names])
            for rate in ("recall", "selection rate", "false positive rate")
        )
        found["recall gap", None, c] = recall
        parity[c] = selection
        odds[c] = np.nan if np.isnan(recall) or np.isnan(false) else max(recall, false)
    for name, values in (("demographic parity", parity), ("equalized odds", odds)):
        known = [v for v in values.values() if not np.isnan(v)]
        found |= {(f"{name} difference", None, c): v for c, v in values.items()}
        found[f"{name} difference", None, None] = max(known, default=np.nan)
        found[f"mean {name} difference", None, None] = mean(known)
    for rate in ("accuracy", "recall"):
        values = [found[rate, name, None] for name in names]
        found[f"{rate} gap", None, None] = gap(values)
        found[f"{rate} ratio", None, None] = gap(values, ratio=True)
    found["worst-group accuracy", None, None] = min(found["accuracy", n, None] for n in names)
    return found


@st.composite
def predictions(draw):
    classes = draw(st.sampled_from([[3, 5], ["a", "b", "c"], [False, True], [0, 1, 2, 3]]))
    n_groups = draw(st.integers(2, 3))
    n = draw(st.integers(n_groups, 25))
    rows = st.lists(st.sampled_from(classes), min_size=n, max_size=n)
    others = st.lists(st.integers(0, n_groups - 1), min_size=n - n_groups, max_size=n - n_groups)
    groups = [*range(n_groups), *draw(others)]
    return draw(rows), draw(rows), [f"group {g}" for g in groups], classes


@given(predictions())
def test_metrics_are_what_their_definitions_say(data):
    y_true, y_pred, groups, classes = data
    table = group_metrics(y_true, y_pred, groups, classes=classes)
    assert list(table.columns) == ["metric", "group", "class", "value", "note"]
    keys = [
        (metric, *(None if pd.isna(part) else part for part in rest))
        for metric, *rest in table[["metric", "group", "class"]].itertuples(index=False)
    ]
    assert len(set(keys)) == len(keys)
    assert {type(label) for label in table["class"].dropna()} == {type(c) for c in classes}
    expected = plainly(y_true, y_pred, groups, classes)
    assert set(keys) == set(expected)
    found = table["value"].to_numpy()
    np.testing.assert_allclose(found, [expected[key] for key in keys], atol=1e-12)
    # Whoever is left out of a comparison of recalls has no rows of the class.
    for label, note in table[table["metric"] == "recall gap"][["class", "note"]].to_numpy():
        if not pd.isna(label):
            left_out = {group for group in set(groups) if not expected["rows", group, label]}
            assert {group for group in set(groups) if repr(group) in str(note)} == left_out


@pytest.mark.parametrize("n_classes", [2, 10])
def test_gaps_are_those_of_fairlearn_one_against_the_rest(n_classes):
    rng, classes = np.random.RandomState(0), range(n_classes)
    y = rng.randint(n_classes, size=2000)
    groups = rng.choice(["a", "b", "c"], len(y))
    noisy = rng.rand(len(y)) < np.where(groups == "a", 0.5, 0.2)
    predicted = np.where(noisy, rng.randint(n_classes, size=len(y)), y)
    table = group_metrics(y, predicted, groups)
    for metric, function in (
        ("demographic parity difference", demographic_parity_difference),
        ("equalized odds difference", equalized_odds_difference),
    ):
        ones = [function(y == c, predicted == c, sensitive_features=groups) for c in classes]
        assert [value(table, metric, **{"class": c}) for c in classes] == ones
        assert value(table, metric) == max(ones)
        assert value(table, f"mean {metric}") == pytest.approx(np.mean(ones))
        assert value(table, metric) > 0
    assert value(table, "worst-group accuracy") == value(table, "accuracy", group="a")


# --- several features ---------------------------------------------------------------------------

rng = np.random.RandomState(3)
LIGHT, WEATHER = rng.choice(["day", "night"], 300), rng.choice([0, 1, 2], 300)
WEATHER[LIGHT == "night"] = np.minimum(WEATHER[LIGHT == "night"], 1)  # no night of weather 2
FEATURES = {"light": LIGHT, "weather": WEATHER}


@pytest.mark.parametrize(
    "container", [dict, pd.DataFrame, lambda f: np.array([*f.values()], dtype=object).T]
)
def test_intersections_are_those_of_fairlearn(container):
    truth, predicted = rng.randint(2, size=(2, 300))
    table = group_metrics(truth, predicted, container(FEATURES))
    frame = MetricFrame(
        metrics=lambda t, p: np.mean(t == p),
        y_true=truth,
        y_pred=predicted,
        sensitive_features=pd.DataFrame(FEATURES),
    )
    accuracy = table[(table["metric"] == "accuracy") & table["group"].notna()]
    names = [f"{light}, {weather}" for light, weather in frame.by_group.index]
    assert accuracy["group"].tolist() == names
    np.testing.assert_array_equal(accuracy["value"], frame.by_group.to_numpy(dtype=float))
    assert value(table, "accuracy gap") == frame.difference()
    assert value(table, "rows", group="night, 2") == 0
    for metric in ("accuracy gap", "recall ratio", "equalized odds difference"):
        (note,) = table[(table["metric"] == metric) & table["class"].isna()]["note"]
        assert note == "Without 'night, 2': no rows to measure the rate on."
    assert table[table["group"].notna()]["note"].isna().all()


def test_a_study_of_intersections():
    X, y, groups = draw(500, 0.7, seed=4)
    groups = pd.DataFrame({"light": groups, "wet": np.random.RandomState(4).rand(500) < 0.5})
    options = {"mitigations": ["group weights", "threshold optimizer"], **STUDY}
    halves = (X[:250], y[:250], groups[:250], X[250:], y[250:], groups[250:])
    found = fairness_study(LINEAR, *halves, **options)
    names = ["day, False", "day, True", "night, False", "night, True"]
    assert found["group"].dropna().unique().tolist() == names
    joined = groups["light"] + ", " + groups["wet"].astype(str)
    halves = (X[:250], y[:250], joined[:250], X[250:], y[250:], joined[250:])
    np.testing.assert_array_equal(
        numbers(found), numbers(fairness_study(LINEAR, *halves, **options))
    )


def test_a_gap_says_which_groups_it_leaves_out():
    X, y, groups = three_classes()
    few = (y != "Bag") | (groups != groups[0])
    found = fairness_study(
        {"forest": RandomForestClassifier(5)},
        *(X, y, groups),
        *(X[few], y[few], groups[few]),
        mitigations=["nothing"],
        **STUDY,
    )
    overall = found[found["group"].isna()].set_index(["metric", "class"])["note"]
    without = f"Without {str(groups[0])!r}: no rows to measure the rate on."
    assert overall["recall gap", "Bag"] == overall["equalized odds difference", "Bag"] == without
    for metric in ("equalized odds difference", "mean equalized odds difference"):
        assert f"Without {str(groups[0])!r} for class 'Bag': " in overall[metric].iloc[-1]
    assert overall["demographic parity difference"].isna().all()
    assert value(found, "rows", group=groups[0], **{"class": "Bag"}) == 0


MISSING = {
    "list": [*["a", "b"] * 149, None, np.nan],
    "numbers": np.r_[np.arange(299) % 2, np.nan],
    "category": pd.Series([*["a", "b"] * 149, None, None], dtype="category"),
    "nullable": pd.Series([*[1, 2] * 149, None, None], dtype="Int64"),
    "dict": {"light": LIGHT, "wet": [*["a", "b"] * 149, None, None]},
}


@pytest.mark.parametrize("container", MISSING)
def test_missing_groups_are_refused_by_name(container):
    y, name = np.arange(300) % 2, r"groups\['wet'\]" if container == "dict" else "groups"
    with pytest.raises(ValueError, match=rf"Got {name} with \d+ missing labels"):
        group_metrics(y, y, MISSING[container])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0, 1, 1], ["a", "b"]), "of 2, 3 and 2 rows"),
        (([0, 1], [0, 1], ["a", "a"]), r"Got groups with \['a'\] only"),
        (([0, 1], [0, 1], ["a", 1]), "groups with values of the types int, str"),
        (([0, 1], [0, 1], [[["a"]], [["b"]]]), r"groups of shape \(2, 1, 1\)"),
        (([0, 1], [0, 1], {"a": [0, 1], "b": [0]}), "features of 2, 1 rows"),
        (([0, 1], [0, 1], {}), "features of no rows"),
        (
            ([0, 1], [0, 1], [["a, b", "c"], ["a", "b, c"]]),
            "intersections of one name",
        ),
        (([0, 1], [0, 2], ["a", "b"]), r"y_pred with the labels \[2\], expected only"),
    ],
)
def test_metrics_refuse_what_they_cannot_compare(arguments, message):
    with pytest.raises(ValueError, match=message):
        group_metrics(*arguments)


def test_without_fairlearn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fairlearn", None)
    for call in (
        lambda: group_metrics([0, 1], [0, 1], ["a", "b"]),
        lambda: fairness_study({"refuser": Refuser()}, *TRAIN, *TEST),
    ):
        with pytest.raises(ImportError, match=r"pip install -e '\.\[fairness\]'"):
            call()


# --- mitigations --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linear():
    return fairness_study(LINEAR, *TRAIN, *TEST, **STUDY)


@pytest.mark.parametrize("mitigation", [n for n in MITIGATIONS if n not in ("nothing", "augment")])
def test_every_mitigation_narrows_the_gap_of_a_visibly_unfair_classifier(linear, mitigation):
    gap, accuracy = (
        {name: value(linear, metric, mitigation=name) for name in ("nothing", mitigation)}
        for metric in ("equalized odds difference", "accuracy")
    )
    assert gap["nothing"] > 0.6
    assert gap[mitigation] < gap["nothing"] - 0.25
    assert accuracy[mitigation] > accuracy["nothing"] - 0.05


def directly(name, X, y, groups):
    """Predict rows as fairlearn does when it is used as its documentation says."""
    if name == "threshold optimizer":
        optimizer = ThresholdOptimizer(
            estimator=LogisticRegression(random_state=4),
            constraints="equalized_odds",
            predict_method="predict_proba",
        )
        optimizer.fit(X, y, sensitive_features=groups)
        return optimizer.predict(X, sensitive_features=groups, random_state=4)
    if name == "correlation remover":
        joined = np.column_stack([groups == "night", X]).astype(np.float32)
        joined = CorrelationRemover(sensitive_feature_ids=[0]).fit_transform(joined)
        return LogisticRegression(random_state=4).fit(joined, y).predict(joined)
    constraint = EqualizedOdds()
    if name == "grid search":
        reduction = GridSearch(LogisticRegression(random_state=4), constraint, grid_size=9)
        return reduction.fit(X, y, sensitive_features=groups).predict(X)
    reduction = ExponentiatedGradient(LogisticRegression(random_state=4), constraint, max_iter=5)
    return reduction.fit(X, y, sensitive_features=groups).predict(X, random_state=4)


@pytest.mark.parametrize("name", [*BINARY_ONLY, "correlation remover"])
def test_fairlearn_used_directly_predicts_the_same(name):
    # More positives among the first group, so that parity and equalized odds are not one.
    X, y, groups = draw(400, 0.75, seed=2)
    keep = (groups == "day") | (y == 1) | (np.arange(400) % 3 == 0)
    X, y, groups = X[keep], y[keep], groups[keep]
    fitted = MITIGATIONS[name](LogisticRegression(random_state=4), X, y, groups, 4)
    np.testing.assert_array_equal(fitted.predict(X, groups), directly(name, X, y, groups))


def test_augmentation_helps_where_groups_differ_by_what_it_disturbs():
    def mirrored(n, share, start):
        X, y = pick({"Sneaker": n, "Ankle boot": n}, start=start)
        likely = np.where(y == "Sneaker", share, 1 - share)
        groups = np.where(np.random.RandomState(start).rand(len(y)) < likely, "left", "right")
        X = X.copy()
        as_images(X)[groups == "right"] = as_images(X)[groups == "right"][..., ::-1]
        return X, y, groups

    net = small_net(hidden_layer_sizes=32, max_epochs=15, lr=2e-3)
    names = ["nothing", "augment"]
    data = (*mirrored(100, 0.95, 0), *mirrored(150, 0.5, 150))
    found = fairness_study({"net": net}, *data, mitigations=names, **STUDY)
    gap = {n: value(found, "equalized odds difference", mitigation=n) for n in names}
    assert gap["nothing"] > 0.2
    assert gap["augment"] < 0.12


@pytest.mark.parametrize("labels", [("no", "yes"), (False, True), (7, 3)])
def test_binary_mitigations_know_labels_of_any_kind(linear, labels):
    (X, y, groups), (X_test, y_test, groups_test) = (
        (data[0], np.asarray(sorted(labels))[data[1]], data[2]) for data in (TRAIN, TEST)
    )
    names = pd.Series(groups, dtype="category")
    found = fairness_study(LINEAR, X, list(y), names, X_test, y_test, groups_test, **STUDY)
    np.testing.assert_array_equal(numbers(found), numbers(linear))
    for mitigation in BINARY_ONLY:
        positive = value(found, "recall", mitigation=mitigation)
        by_class = {"class": sorted(labels)[1], "mitigation": mitigation}
        assert positive == value(found, "recall", **by_class)


def test_weights_make_all_cells_weigh_the_same(seen):
    fairness_study({"recorder": Recorder()}, *TRAIN, *TEST, mitigations=["group weights"], **STUDY)
    weights = pd.Series(seen[0]["weights"]).groupby([TRAIN[1], TRAIN[2]]).sum()
    assert len(weights) == 4
    np.testing.assert_allclose(weights, 500 / 4)


def test_sampling_draws_rows_until_all_cells_are_as_large(seen):
    options = {"mitigations": ["group sampling"], "seeds": (0, 1), **STUDY}
    fairness_study({"recorder": Recorder()}, *TRAIN, *TEST, **options)
    largest = pd.Series(1, range(500)).groupby([TRAIN[1], TRAIN[2]]).sum().max()
    for fit in seen:
        assert fit["weights"] is None
        # The second column is the group, the first is different in every row.
        counts = pd.Series(1, range(len(fit["y"]))).groupby([fit["y"], fit["X"][:, 1]]).sum()
        assert counts.tolist() == [largest] * 4
        assert set(fit["X"][:, 0]) == set(TRAIN[0][:, 0])
    assert not np.array_equal(seen[0]["X"], seen[1]["X"])


def test_sampling_is_left_to_an_estimator_that_can(seen):
    estimators = {"sampler": Sampler(), "piped": make_pipeline(StandardScaler(), Sampler())}
    fairness_study(estimators, *TRAIN, *TEST, mitigations=["group sampling"], **STUDY)
    assert len(seen) == 2
    for fit in seen:
        assert fit["sampling"] == "balanced"
        assert len(fit["y"]) == 500
        within = pd.Series(fit["weights"]).groupby([TRAIN[1], TRAIN[2]]).sum()
        np.testing.assert_allclose(within, 500 / 4)


@pytest.mark.parametrize("kind", [np.float64, "images", "frame"])
def test_correlation_remover_leaves_no_linear_trace_of_any_group(seen, kind):
    rng = np.random.RandomState(0)
    groups = rng.choice(["a", "b", "c"], 300)
    y = rng.randint(3, size=300)
    X = (rng.normal(size=(300, 16)) + 2 * (groups == "b")[:, None] + y[:, None]).astype(np.float64)
    if kind == "images":
        X = X.reshape(-1, 4, 4)
    elif kind == "frame":
        X = pd.DataFrame(X, columns=[f"c{i}" for i in range(16)], index=rng.permutation(300))
    data, options = (X, y, groups), {"mitigations": ["correlation remover"], **STUDY}
    fairness_study({"recorder": Recorder()}, *data, *data, **options)
    cleaned = seen[0]["X"]
    assert cleaned.shape == X.shape
    assert isinstance(cleaned, type(X))
    if kind == "frame":
        assert list(cleaned.columns) == list(X.columns)
    flat = np.asarray(cleaned).reshape(300, -1)
    assert flat.dtype == np.float32
    for name in "abc":
        mean = flat[groups == name].mean(axis=0)
        np.testing.assert_allclose(mean, flat.mean(axis=0), atol=1e-4)


def test_images_of_four_dimensions_give_what_flat_rows_give():
    def grouped(n, share, start):
        X, y = pick({"Shirt": n, "Coat": n}, start=start)
        likely = np.where(y == "Coat", share, 1 - share)
        groups = np.where(np.random.RandomState(start).rand(len(y)) < likely, "dark", "light")
        X = X.copy()
        X[groups == "dark"] //= 3
        return X, y, groups

    mitigations = {name: name for name in MITIGATIONS} | {
        "exponentiated gradient": ExponentiatedGradientReduction(max_iter=2),
        "grid search": GridSearchReduction(grid_size=3),
    }
    train, test = grouped(60, 0.9, 0), grouped(100, 0.5, 100)
    options = {"mitigations": mitigations, **STUDY}
    # CorrelationRemover leaves no whole numbers, of which the width alone would make a table.
    net = {"net": small_net(image_shape=(28, 28))}
    flat = fairness_study(net, *train, *test, **options)
    images = fairness_study(
        net, as_images(train[0]), *train[1:], as_images(test[0]), *test[1:], **options
    )
    assert flat.attrs["skipped"] == []
    assert list(flat["mitigation"].unique()) == list(MITIGATIONS)
    np.testing.assert_array_equal(numbers(flat), numbers(images))
    gap = {n: value(flat, "equalized odds difference", mitigation=n) for n in MITIGATIONS}
    assert gap["nothing"] > 0.4
    for name in ("group weights", "group sampling", "correlation remover"):
        assert gap[name] < gap["nothing"] - 0.1


def test_reductions_take_pipelines_three_groups_and_their_own_parameters(seen):
    rng = np.random.RandomState(0)
    groups, y = rng.choice([10, 20, 30], 300), rng.randint(2, size=300)
    X = np.column_stack([y + rng.normal(size=300), groups])
    mitigations = {
        "two": GridSearchReduction(grid_size=2),
        "five": GridSearchReduction(grid_size=5),
        "gradient": ExponentiatedGradientReduction(max_iter=2),
        "weights": "group weights",
        "thresholds": "threshold optimizer",
        "none left": CorrelationRemoval(),
        "half left": CorrelationRemoval(alpha=0.5),
    }
    model = make_pipeline(StandardScaler(), LogisticRegression())
    data = (X, y, groups)
    found = fairness_study({"model": model}, *data, *data, mitigations=mitigations, **STUDY)
    assert list(found["mitigation"].unique()) == list(mitigations)
    assert set(found["group"].dropna()) == {10, 20, 30}
    piped = {"model": make_pipeline(StandardScaler(), Recorder())}
    for name in ("two", "five"):
        seen.clear()
        fairness_study(piped, *data, *data, mitigations={name: mitigations[name]}, **STUDY)
        assert 0 < len(seen) <= mitigations[name].grid_size


# --- what applies -------------------------------------------------------------------------------


def three_classes():
    X, y = pick({"Shirt": 30, "Coat": 30, "Bag": 30})
    return X, y, np.where(np.random.RandomState(0).rand(90) < 0.5, "a", "b")


def test_what_does_not_apply_is_left_out_and_listed():
    data = three_classes()
    estimators = {"forest": RandomForestClassifier(5), "neighbours": KNeighborsClassifier()}
    found = fairness_study(estimators, *data, *data, **STUDY)
    ran = {(e, m) for e, m in zip(found["estimator"], found["mitigation"], strict=True)}
    both = {"nothing", "group sampling", "correlation remover"}
    assert ran == {(e, m) for e in estimators for m in both} | {("forest", "group weights")}
    skipped = {(s["estimator"], s["mitigation"]): s["reason"] for s in found.attrs["skipped"]}
    assert set(skipped) | ran == {(e, m) for e in estimators for m in MITIGATIONS}
    assert "binary tasks only, and y has 3 classes" in skipped["forest", "grid search"]
    assert "no sample_weight" in skipped["neighbours", "group weights"]
    assert "no parameter `augment`" in skipped["forest", "augment"]
    assert set(found["class"].dropna()) == {"Bag", "Coat", "Shirt"}


def test_a_class_without_test_rows_has_no_recall_but_is_predicted():
    X, y, groups = three_classes()
    rows = y != "Shirt"
    found = fairness_study(
        {"forest": RandomForestClassifier(5)},
        *(X, y, groups),
        *(X[rows], y[rows], groups[rows]),
        mitigations=["nothing"],
        **STUDY,
    )
    assert np.isnan(value(found, "recall", **{"class": "Shirt"}))
    assert 0 <= value(found, "selection rate", **{"class": "Shirt"}) < 1
    assert value(found, "balanced accuracy") > 0.5


@pytest.mark.parametrize("name", BINARY_ONLY)
def test_binary_mitigations_asked_for_on_three_classes_are_an_error(name):
    data = three_classes()
    with pytest.raises(ValueError, match=f"'{name}', which applies to none.*: .*3 classes"):
        fairness_study({"refuser": Refuser()}, *data, *data, mitigations=["nothing", name])


def test_other_reasons_for_which_a_mitigation_does_not_apply():
    X, y, groups = TRAIN
    one_sided = np.where(y == 1, groups, "day")
    text = pd.DataFrame({"a": X[:, 0], "b": "x"})
    resampling = make_pipeline(SelectFromModel(LogisticRegression()), Recorder())
    resampling.steps[0][1].fit_resample = None
    refusals = [
        ("threshold optimizer", RidgeClassifier(), X, groups, "no predict_proba"),
        ("threshold optimizer", LogisticRegression(), X, one_sided, "'night' has training rows of"),
        ("grid search", KNeighborsClassifier(), X, groups, "no sample_weight"),
        ("group weights", resampling, X, groups, "no sample_weight"),
        ("correlation remover", Recorder(), text, groups, "plain numbers"),
        ("augment", MLPNetClassifier(), X, groups, "rows of 3 columns are a table's"),
    ]
    for name, estimator, rows, groups, reason in refusals:
        assert reason in MITIGATIONS[name].refusal(estimator, rows, y, groups), name
    images = [np.zeros((5, 784)), np.zeros((5, 3 * 64)), np.zeros((5, 4, 4))]
    for rows in images:
        assert MITIGATIONS["augment"].refusal(MLPNetClassifier(), rows, y, groups) is None


# --- the study ----------------------------------------------------------------------------------


BAD = {
    "labels": ((X := TRAIN[0], TRAIN[1][:-1], TRAIN[2], *TEST), {}, "X of 500 rows, y of 499 rows"),
    "groups": ((*TRAIN, TEST[0], TEST[1], TEST[2][:-1]), {}, "groups_test of 499 rows"),
    "one group": (
        (*TRAIN[:2], ["a"] * 500, *TEST[:2], ["a"] * 500),
        {},
        r"\['a'\] only, expected",
    ),
    "one test group": ((*TRAIN, *TEST[:2], ["day"] * 500), {}, r"groups_test with \['day'\] only"),
    "one class": ((X, [0] * 500, TRAIN[2], TEST[0], [0] * 500, TEST[2]), {}, r"y with \[0\] only"),
    "new class": (
        (*TRAIN, TEST[0], TEST[1] + 1, TEST[2]),
        {},
        r"y_test with \[2\], expected only what y has",
    ),
    "new group": ((*TRAIN, *TEST[:2], ["dusk"] * 500), {}, r"groups_test with \['dusk'\]"),
    "missing": ((*TRAIN[:2], [None] * 500, *TEST), {}, "groups with 500 missing labels"),
    "two columns": ((X, X, TRAIN[2], *TEST), {}, "y of shape .*, expected one dimension"),
    "numbers": ((X, X[:, 0], TRAIN[2], *TEST), {}, "Unknown label type: continuous"),
    "seeds": ((*TRAIN, *TEST), {"seeds": (1, 1)}, "expected each of them once"),
    "no seeds": ((*TRAIN, *TEST), {"seeds": ()}, "Got no seeds, expected one"),
    "seed": ((*TRAIN, *TEST), {"seeds": (0.5,)}, r"Got the seed 0\.5, expected ints"),
    "one number": ((*TRAIN, *TEST), {"seeds": 5}, r"Got seeds=5, .*Write seeds=range\(5\)"),
    "name": (
        (*TRAIN, *TEST),
        {"mitigations": ["prayer"]},
        "'prayer', expected one of",
    ),
    "word": ((*TRAIN, *TEST), {"mitigations": "nothing"}, r"Write mitigations=\['nothing'\]"),
    "no mitigation": ((*TRAIN, *TEST), {"mitigations": []}, "Got no mitigations"),
    "class": ((*TRAIN, *TEST), {"mitigations": {"a": Augment}}, "expected a function"),
    "lambda": (
        (*TRAIN, *TEST),
        {"mitigations": {"mine": lambda *_: None}, "cache": "unused"},
        "'mine', which cannot be kept",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_come_before_any_run(name):
    data, options, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        fairness_study({"refuser": Refuser()}, *data, **STUDY, **options)


@pytest.mark.parametrize(
    ("estimators", "message"),
    [
        ({}, "expected a dict of names to unfitted classifiers"),
        ([Refuser()], "expected a dict of names to unfitted classifiers"),
        ({"a": Refuser(), "b": StandardScaler()}, r"StandardScaler\(\) as estimator 'b', expected"),
        ({"a": LogisticRegression}, r"class LogisticRegression .*LogisticRegression\(\)"),
    ],
)
def test_estimators_that_are_none(estimators, message):
    with pytest.raises(TypeError, match=message):
        fairness_study(estimators, *TRAIN, *TEST, **STUDY)


def test_a_row_for_each_run_and_metric():
    mitigations = ["nothing", "group weights"]
    seeds = (3, 5)
    estimators = {**LINEAR, "forest": RandomForestClassifier(5)}
    options = {"mitigations": mitigations, "seeds": seeds, **STUDY}
    found = fairness_study(estimators, *TRAIN, *TEST, **options)
    columns = ["estimator", "mitigation", "seed", "metric", "group", "class"]
    assert list(found.columns) == [*columns, "value", "note"]
    assert not found.duplicated(columns).any()
    assert found["note"].isna().all()
    asked = {"estimator": "forest", "mitigation": "nothing", "seed": 3, "class": 1}
    for metric, (_, y, groups) in {"training rows": TRAIN, "rows": TEST}.items():
        counted = np.sum((y == 1) & (groups == "night"))
        assert value(found, metric, group="night", **asked) == counted
    counts = found.groupby(["estimator", "mitigation", "seed"]).size()
    assert len(counts) == 8
    assert counts.nunique() == 1
    seconds = found[found["metric"] == "fit seconds"]
    assert len(seconds) == 8
    assert (seconds["value"] > 0).all()
    plain = RandomForestClassifier(5, random_state=3).fit(*TRAIN[:2])
    asked = {"estimator": "forest", "mitigation": "nothing", "seed": 3}
    assert value(found, "accuracy", **asked) == plain.score(*TEST[:2])
    with joblib.parallel_config("threading"):
        again = fairness_study(estimators, *TRAIN, *TEST, n_jobs=2, **options)
    np.testing.assert_array_equal(numbers(found), numbers(again))


def test_every_random_state_is_the_seed_and_the_estimator_stays_as_it_was(seen):
    selector = SelectFromModel(RandomForestClassifier(3, random_state=7))
    model = make_pipeline(selector, Recorder(random_state=8))
    before = {k: v for k, v in model.get_params().items() if k.endswith("random_state")}

    def nothing_but_look(estimator, X, y, groups, seed):
        states = {k: v for k, v in estimator.get_params().items() if k.endswith("random_state")}
        looked.append((seed, states))
        assert set(groups) == {"day", "night"}
        return MITIGATIONS["nothing"](estimator, X, y, groups, seed)

    looked = []
    options = {"mitigations": {"look": nothing_but_look}, "seeds": (1, 2), **STUDY}
    fairness_study({"model": model}, *TRAIN, *TEST, **options)
    assert looked == [(seed, dict.fromkeys(before, seed)) for seed in (1, 2)]
    assert [fit["random_state"] for fit in seen] == [1, 2]
    assert set(before.values()) == {7, 8}
    assert {k: model.get_params()[k] for k in before} == before
    assert not hasattr(model[-1], "classes_")


class Mine:
    """A mitigation as a user would write it: it looks at the groups to predict."""

    def __call__(self, estimator, X, y, groups, seed):
        return self

    def predict(self, X, groups):
        return (groups == "day").astype(int)


def test_a_function_of_ones_own_joins_the_table():
    found = fairness_study(LINEAR, *TRAIN, *TEST, mitigations={"mine": Mine()}, **STUDY)
    assert value(found, "selection rate", group="day", **{"class": 1}) == 1
    assert value(found, "selection rate", group="night", **{"class": 1}) == 0


def test_a_mitigation_may_return_an_estimator_and_must_return_something():
    def plain(estimator, X, y, groups, seed):
        return estimator.fit(X, y)

    class ByGroup(BaseEstimator):
        def predict(self, X, groups):
            return (groups == "day").astype(int)

    mitigations = {"none": None, "plain": plain, "by group": lambda *given: ByGroup()}
    found = fairness_study(LINEAR, *TRAIN, *TEST, mitigations=mitigations, **STUDY)
    accuracy = found[found["metric"] == "accuracy"]
    values = [accuracy[accuracy["mitigation"] == m]["value"].tolist() for m in mitigations]
    assert values[0] == values[1]
    rate = {"mitigation": "by group", "class": 1}
    assert value(found, "selection rate", group="day", **rate) == 1
    nothing = {"forgetful": lambda *given: None}
    with pytest.raises(TypeError, match="'forgetful', which returned None, expected a fitted"):
        fairness_study(LINEAR, *TRAIN, *TEST, mitigations=nothing, on_error="raise", **STUDY)


class Keeping:
    """A mitigation that keeps in itself what it has fitted, and answers by that."""

    def __call__(self, estimator, X, y, groups, seed):
        self.answer = seed % 2
        time.sleep(0.05)
        return self

    def predict(self, X, groups):
        return np.full(len(X), self.answer)


def test_runs_of_one_mitigation_do_not_meet(tmp_path):
    mine = Keeping()
    options = {"mitigations": {"mine": mine}, "seeds": range(4), "cache": tmp_path, **STUDY}
    with joblib.parallel_config("threading"):
        found = fairness_study(LINEAR, *TRAIN, *TEST, n_jobs=4, **options)
    rates = found[(found["metric"] == "selection rate") & (found["class"] == 1)]
    assert rates.groupby("seed")["value"].unique().tolist() == [[0], [1], [0], [1]]
    assert not vars(mine)
    files = sorted(tmp_path.rglob("*.npz"))
    fairness_study(LINEAR, *TRAIN, *TEST, **options)
    assert sorted(tmp_path.rglob("*.npz")) == files


def test_a_run_that_fails_costs_its_own_row():
    estimators, options = {"refuser": Refuser(), **LINEAR}, {"mitigations": ["nothing"], **STUDY}
    with pytest.warns(RuntimeWarning, match="A run was started.*run of 'refuser' with 'nothing'"):
        found = fairness_study(estimators, *TRAIN, *TEST, **options)
    failed = found[found["estimator"] == "refuser"]
    assert failed["metric"].tolist() == ["failed"]
    assert failed["note"].tolist() == ["AssertionError: A run was started."]
    assert failed["value"].isna().all()
    alone = fairness_study(LINEAR, *TRAIN, *TEST, **options)
    np.testing.assert_array_equal(numbers(found)[1:], numbers(alone))
    assert set(summarize_study(found)["estimator"]) == {"linear"}
    with pytest.raises(AssertionError) as caught:
        fairness_study(estimators, *TRAIN, *TEST, on_error="raise", **options)
    assert "This was the run of 'refuser' with 'nothing', seed 0." in caught.value.__notes__


def stubborn(estimator, X, y, groups, seed):
    """Fail for seed 1 while FAILING says so."""
    if seed == 1 and FAILING:
        raise RuntimeError("power cut")
    return MITIGATIONS["nothing"](estimator, X, y, groups, seed)


FAILING = []


def test_a_study_that_was_stopped_does_only_what_is_missing(seen, tmp_path):
    def study(test=TEST, cache=tmp_path):
        options = {"mitigations": {"stubborn": stubborn}, "seeds": (0, 1, 2), "cache": cache}
        options["on_error"] = "raise"
        return fairness_study({"recorder": Recorder()}, *TRAIN, *test, **STUDY, **options)

    FAILING.append(True)
    with pytest.raises(RuntimeError, match="power cut"):
        study()
    FAILING.clear()
    assert [fit["random_state"] for fit in seen] == [0]
    whole = study()
    assert [fit["random_state"] for fit in seen] == [0, 1, 2]
    pd.testing.assert_frame_equal(study(), whole)
    assert len(seen) == 3
    study(test=(TEST[0] + 1, *TEST[1:]))
    assert len(seen) == 6
    study(cache=None)
    assert len(seen) == 9
