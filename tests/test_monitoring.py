"""skfashion.monitoring: windows, tests and estimates, and profiles that travel."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import skfashion
from skfashion import MLPNetClassifier
from skfashion.adaptation import adapt_batch_norm
from skfashion.monitoring import (
    DriftMonitor,
    DriftReport,
    ReferenceProfile,
    shift_probabilities,
)

K = 4


def draw(n, seed, prior=(0.25,) * K, spread=1.0, shift=0.0):
    """Return rows of four classes, their labels, and true probabilities for equal shares."""
    rng = np.random.RandomState(seed)
    y = rng.choice(K, n, p=prior)
    centres = 1.5 * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    X = centres[y] + spread * rng.normal(size=(n, 2)) + shift
    distances = ((X[:, None] - centres) ** 2).sum(axis=2)
    probabilities = np.exp(-distances / 2)
    return X, y, probabilities / probabilities.sum(axis=1, keepdims=True)


def profile_of(n=4000, seed=0, **options):
    X, y, probabilities = draw(n, seed)
    return ReferenceProfile.from_predictions(probabilities, y, features=X, pixels=X, **options)


PROFILE = profile_of()
KINDS = {
    *("classes", "confidence", "confidence_given_classes", "accuracy", "features", "mmd"),
    "pixels",
}


def reports(data, **options):
    X, _, probabilities = data
    monitor = DriftMonitor(PROFILE, **options)
    monitor.update(probabilities, X, X)
    return monitor.reports


# --- windows ------------------------------------------------------------------------------------

STREAM = draw(700, 5)
IMAGES = np.random.RandomState(0).randint(256, size=(700, 50)).astype(np.uint8)
WIDE = ReferenceProfile.from_predictions(
    STREAM[2], STREAM[1], features=IMAGES.astype(np.float32), pixels=IMAGES
)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 300), max_size=20), st.sampled_from([50, 101, 250]))
def test_chunks_of_any_size_give_the_same_windows(sizes, window):
    def feed(cuts, order="C"):
        monitor = DriftMonitor(WIDE, window=window)
        for start, end in zip([0, *cuts], [*cuts, 700], strict=True):
            part = slice(start, end)
            features = np.asarray(IMAGES[part], dtype=np.float32, order=order)
            monitor.update(np.asarray(STREAM[2][part], order=order), features, IMAGES[part])
        return monitor

    cuts = [cut for cut in np.cumsum(sizes).tolist() if cut <= 700]
    whole, parts = feed([]), feed(cuts, order="F")
    assert whole.n_windows == parts.n_windows == 700 // window
    assert whole.reports == parts.reports
    assert [report.window for report in whole.reports] == list(range(1, whole.n_windows + 1))


def test_the_last_full_window_is_reported():
    X, _, probabilities = STREAM
    monitor = DriftMonitor(PROFILE, window=100, history=2)
    first = monitor.update(probabilities[:99], X[:99], X[:99])
    known = {"classes": (0, 1, 2, 3), "reference_accuracy": first.reference_accuracy}
    assert first == monitor.report() == DriftReport(**known)
    assert (first.alarm, first.alarms, first.tests, first.class_prior) == (False, (), {}, None)
    second = monitor.update(probabilities[99:350], X[99:350], X[99:350])
    assert second.window == monitor.n_windows == 3
    assert [report.window for report in monitor.reports] == [2, 3]
    assert second == monitor.report() == monitor.reports[-1]
    assert set(second.tests) == KINDS
    for test in second.tests.values():
        assert set(test) == {"statistic", "threshold", "window", "alarm"}
        assert test["window"] == 3
        assert test["alarm"] == (test["statistic"] > test["threshold"])
    assert json.loads(json.dumps(second.to_dict()))["alarms"] == list(second.alarms)


def test_what_is_missing_has_no_tests():
    X, _, probabilities = STREAM
    monitor = DriftMonitor(PROFILE, window=100)
    assert set(monitor.update(probabilities[:100]).tests) == KINDS - {"features", "mmd", "pixels"}
    assert set(monitor.update(probabilities[:100], pixels=X[:100]).tests) == KINDS - {
        *("features", "mmd")
    }
    # Of one row of a window, so of the window.
    monitor.update(probabilities[:1], pixels=X[:1])
    assert "mmd" not in monitor.update(probabilities[:99], X[:99], X[:99]).tests
    assert set(monitor.update(probabilities[:100], X[:100], X[:100]).tests) == KINDS


WRONG = [
    ({"probabilities": STREAM[2][:, :3]}, "of shape \\(700, 3\\), expected \\(n, 4\\)"),
    ({"probabilities": np.log(STREAM[2])}, "no probabilities"),
    ({"probabilities": STREAM[2] * np.nan}, "NaN or infinity"),
    ({"probabilities": STREAM[2].astype(str)}, "expected real numbers"),
    ({"features": STREAM[0][:5]}, "features of shape \\(5, 2\\) and probabilities of 700 rows"),
    ({"features": STREAM[0][:, :1]}, "of 1 numbers a row, expected 2"),
    ({"pixels": np.full((700, 2), np.inf)}, "pixels with NaN"),
    ({"prior": [0.5, 0.5]}, "expected 4 positive numbers that sum to 1"),
    ({"prior": [1, 0, 0, 0]}, "expected 4 positive numbers that sum to 1"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_wrong_rows_are_refused_and_none_is_taken_in(wrong, message):
    X, _, probabilities = STREAM
    right = {"probabilities": probabilities, "features": X, "pixels": X}
    monitor, other = DriftMonitor(PROFILE), DriftMonitor(PROFILE)
    with pytest.raises(ValueError, match=message):
        monitor.update(**(right | wrong))
    assert monitor.update(**right) == other.update(**right)
    bare = ReferenceProfile.from_predictions(probabilities, STREAM[1])
    with pytest.raises(ValueError, match="Got pixels, and a profile that was made without"):
        DriftMonitor(bare).update(probabilities, pixels=X)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 49},
        {"window": 100.0},
        {"window": True},
        {"history": 0},
        {"false_alarm_rate": 0},
        {"false_alarm_rate": 1.0},
        {"profile": 3},
        {"profile": {}},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match="Got "):
        DriftMonitor(**{"profile": PROFILE, **wrong})


# --- what is noticed ----------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_false_alarms_are_no_more_than_stated(rate):
    # A reference for each: the chance in it is part of the promise.
    found = []
    for seed in range(60):
        profile = profile_of(1000, 1000 + seed)
        X, _, probabilities = draw(2000, seed)
        monitor = DriftMonitor(profile, window=200, false_alarm_rate=rate)
        monitor.update(probabilities, X, X)
        found += [report.alarm for report in monitor.reports]
    # Tests hang together, so that they stay below; but not at nothing.
    assert rate / 10 < np.mean(found) < rate


def test_a_class_mix_of_few_validation_rows_is_a_label_shift():
    # Most of what comes is of a class of which the reference has a hundred rows.
    found = []
    for seed in range(40):
        _, y, probabilities = draw(400, 1000 + seed)
        profile = ReferenceProfile.from_predictions(probabilities, y)
        monitor = DriftMonitor(profile, window=500)
        monitor.update(draw(2000, seed, prior=(0.97, 0.01, 0.01, 0.01))[2])
        found += [report.label_shift for report in monitor.reports]
    assert np.mean(found) > 0.95


def test_each_kind_is_noticed_by_its_tests():
    moved = reports(draw(500, 1, shift=0.8))[0]
    assert {"features", "mmd", "pixels", "confidence_given_classes"} <= set(moved.alarms)
    assert not moved.label_shift
    wider = reports(draw(500, 1, spread=1.8))[0]
    assert {"mmd", "pixels"} <= set(wider.alarms)
    nearer = draw(500, 1)[0] * 0.5
    unsure = DriftMonitor(PROFILE).update(0.5 * draw(500, 1)[2] + 0.125, nearer, nearer)
    assert "accuracy" in unsure.alarms
    skewed = reports(draw(500, 1, prior=(0.4, 0.2, 0.2, 0.2)))[0]
    assert "classes" in skewed.alarms
    assert skewed.label_shift
    assert not reports(draw(500, 1))[0].alarm


def test_statistics_are_those_of_scipy():
    X, y, probabilities = draw(300, 7)
    _, y_reference, reference = draw(4000, 0)
    monitor = DriftMonitor(PROFILE, window=300, false_alarm_rate=0.07)
    tests = monitor.update(probabilities, X, X).tests
    counts = [np.bincount(p.argmax(1), minlength=K) for p in (probabilities, reference)]
    expected = stats.chi2_contingency(counts, correction=False)
    assert tests["classes"]["statistic"] == pytest.approx(expected.statistic)
    assert tests["classes"]["threshold"] == pytest.approx(stats.chi2.isf(0.01, K - 1))
    whole = stats.ks_2samp(probabilities.max(1), reference.max(1)).statistic
    found = tests["confidence"]["statistic"]
    assert 0.5 * whole < found <= whole + 1e-12
    threshold = stats.kstwobign.isf(0.01) * np.sqrt(1 / 300 + 1 / 4000)
    assert tests["confidence"]["threshold"] == pytest.approx(threshold)


def test_mean_embeddings_exceed_their_threshold_as_often_as_stated():
    from skfashion.monitoring.projections import Embedding

    rng = np.random.RandomState(0)
    embedding = Embedding.of(rng.normal(size=(20_000, 8)))
    windows = rng.normal(size=(500, 100, 8))
    threshold = embedding.threshold(100, 0.1)
    assert 0.06 < np.mean([embedding.statistic(w) > threshold for w in windows]) < 0.14


# --- what is estimated --------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [(0.25,) * 4, (0.4, 0.2, 0.2, 0.2), (0.85, 0.05, 0.05, 0.05)])
def test_class_mix_and_accuracy_are_estimated(prior):
    _, y, probabilities = data = draw(5000, 3, prior)
    report = reports(data, window=5000)[0]
    truth = np.bincount(y, minlength=K) / 5000
    for estimate in (report.class_prior, report.class_prior_bbse):
        assert sum(estimate) == pytest.approx(1)
        assert np.abs(np.array(estimate) - truth).sum() / 2 < 0.02
    accuracy = (probabilities.argmax(1) == y).mean()
    assert report.expected_accuracy == pytest.approx(accuracy, abs=0.015)
    assert report.thresholded_confidence == pytest.approx(accuracy, abs=0.03)
    shifted = shift_probabilities(probabilities, PROFILE.prior, report.class_prior)
    oracle = shift_probabilities(probabilities, [0.25] * 4, prior)
    gain, possible = ((p.argmax(1) == y).mean() - accuracy for p in (shifted, oracle))
    assert gain == pytest.approx(possible, abs=0.003)


@pytest.mark.parametrize("power", [0.3, 3.0])
def test_probabilities_that_are_too_sure_or_too_modest_are_calibrated(power):
    def warped(data):
        p = data[2] ** power
        return p / p.sum(axis=1, keepdims=True)

    reference = draw(4000, 0)
    profile = ReferenceProfile.from_predictions(warped(reference), reference[1])
    assert profile.calibration.slope == pytest.approx(1 / power, rel=0.1)
    prior = (0.6, 0.2, 0.1, 0.1)
    data = draw(3000, 1, prior)
    report = DriftMonitor(profile, window=3000).update(warped(data))
    assert np.abs(np.array(report.class_prior) - prior).sum() / 2 < 0.03
    accuracy = (data[2].argmax(1) == data[1]).mean()
    assert report.expected_accuracy == pytest.approx(accuracy, abs=0.02)


def test_a_prior_that_was_fed_back_is_taken_back():
    X, _, probabilities = STREAM
    prior = [0.7, 0.1, 0.1, 0.1]
    shifted = shift_probabilities(probabilities, PROFILE.prior, prior)
    plain = DriftMonitor(PROFILE).update(probabilities)
    again = DriftMonitor(PROFILE).update(shifted, prior=prior)
    wrong = DriftMonitor(PROFILE).update(shifted)
    assert plain.alarms == again.alarms
    assert plain.class_prior == pytest.approx(again.class_prior, abs=1e-5)
    assert wrong.alarm


def test_the_accuracy_is_that_of_what_is_answered():
    prior = (0.7, 0.28, 0.01, 0.01)
    _, y, probabilities = draw(6000, 5, prior, spread=1.6)
    profile = ReferenceProfile.from_predictions(*draw(6000, 6, spread=1.6)[:0:-1])
    plain = DriftMonitor(profile, window=6000).update(probabilities)
    fed = shift_probabilities(probabilities, profile.prior, plain.class_prior)
    told = DriftMonitor(profile, window=6000).update(fed, prior=plain.class_prior)
    before, after = ((p.argmax(1) == y).mean() for p in (probabilities, fed))
    assert after > before + 0.1
    assert plain.expected_accuracy == pytest.approx(before, abs=0.02)
    assert told.expected_accuracy == pytest.approx(after, abs=0.02)
    for report in (plain, told):
        assert report.expected_accuracy_with_prior == pytest.approx(after, abs=0.02)


def test_monitors_and_reports_are_printed_in_a_few_words():
    monitor = DriftMonitor(PROFILE)
    assert str(monitor.report()).startswith("No full window yet. Accuracy on validation data: 0.")
    report = monitor.update(draw(700, 1, (0.7, 0.1, 0.1, 0.1))[2])
    first, accuracy, classes, shift = str(report).splitlines()
    assert first == "Window 1, 500 rows: alarm of " + ", ".join(report.alarms)
    assert f"{report.expected_accuracy:.3f}" in accuracy
    assert classes.startswith("Classes: 0 ") and shift.startswith("Label shift")
    assert report.to_dict()["classes"] == PROFILE.classes
    words = repr(monitor)
    assert "1 full" in words and "200 rows of the next" in words and "alarm of classes" in words
    accuracy = f"{PROFILE.calibration.accuracy:.3f}"
    words = f"ReferenceProfile({len(PROFILE.classes)} classes, 4000 rows, accuracy {accuracy}, "
    assert repr(PROFILE) == f"{words}features, pixels)"
    assert str(DriftReport()) == "No full window yet. Accuracy on validation data: unknown"


def test_images_are_called_pixels():
    with pytest.raises(TypeError, match="Did you mean 'pixels'?"):
        DriftMonitor(PROFILE).update(STREAM[2], images=STREAM[0])


# --- profiles -----------------------------------------------------------------------------------


def test_a_profile_is_small_and_comes_back():
    rng = np.random.RandomState(0)
    for k in (2, 10, 30):
        p = rng.dirichlet(np.full(k, 0.1), 2000)
        y = np.r_[np.arange(k), p.argmax(1)[k:]]
        rows = rng.normal(size=(2000, 300)) * 1e-2 - 10
        profile = ReferenceProfile.from_predictions(p, y, features=rows, pixels=rows)
        text = json.dumps(profile.to_dict(), allow_nan=False)
        assert len(text) <= 20_000
        again = ReferenceProfile.from_dict(json.loads(text))
        assert again.to_dict() == profile.to_dict()
        found, expected = (DriftMonitor(one).update(p, rows, rows) for one in (again, profile))
        assert found == expected
        # Rows are told from others far from 0, too.
        assert "mmd" in DriftMonitor(again).update(p, rows + 0.01, rows).alarms
    p = rng.dirichlet(np.full(100, 0.1), 2000)
    with pytest.raises(ValueError, match="Got 100 classes, whose profile has .* at most 20,000"):
        ReferenceProfile.from_predictions(p, np.arange(2000) % 100)


def test_rows_that_are_all_the_same_make_a_profile():
    y = np.arange(200) % 2
    same = np.full((200, 3), 7.0)
    with pytest.warns(UserWarning, match="predicted rightly"):
        profile = ReferenceProfile.from_predictions(np.eye(2)[y], y, features=same, pixels=same)
    assert not DriftMonitor(profile, window=200).update(np.eye(2)[y], same, same).alarm
    other = DriftMonitor(profile, window=200).update(np.eye(2)[y], same + 1, same + 1)
    assert {"mmd", "features", "pixels"} <= set(other.alarms)


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (STREAM[2], STREAM[1][:-1], "expected a label for each"),
        (STREAM[2][:99], STREAM[1][:99], "100 rows at least"),
        (STREAM[2], STREAM[1] % 3, "of shape \\(700, 4\\), expected \\(n, 3\\)"),
    ],
)
def test_validation_data_that_say_too_little_are_refused(rows, labels, message):
    with pytest.raises(ValueError, match=message):
        ReferenceProfile.from_predictions(rows, labels)
    with pytest.raises(ValueError, match="without a row of \\[3\\]"):
        ReferenceProfile.from_predictions(STREAM[2], STREAM[1] % 3, classes=range(4))
    with pytest.raises(ValueError, match="with \\[3\\], expected the classes \\[0, 1, 2, 7\\]"):
        ReferenceProfile.from_predictions(STREAM[2], STREAM[1], classes=[0, 1, 2, 7])


def test_rows_that_are_all_right_are_warned_of():
    forest = RandomForestClassifier(5, bootstrap=False, random_state=0)
    X, y, _ = draw(200, 0)
    with pytest.warns(UserWarning, match="200 rows of which every label is predicted rightly"):
        ReferenceProfile.from_estimator(forest.fit(X, y), X, y)


def places(document, path=()):
    """Yield the path of every value in a document, those in lists of many by the first and last."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        if isinstance(document, list) and 0 < key < len(document) - 1:
            continue
        yield *path, key
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


DOCUMENT = PROFILE.to_dict()
BAD = [None, "a", -1, 1e308, float("nan"), [], {}, [[1]], True, 10**30, [None]]


@given(st.sampled_from(list(places(DOCUMENT))), st.sampled_from(BAD))
@example(("classes", 0), float("nan"))
def test_a_profile_of_anybodys_is_refused_or_works(path, bad):
    document = copy.deepcopy(DOCUMENT)
    *first, last = path
    inner = document
    for key in first:
        inner = inner[key]
    inner[last] = bad
    try:
        monitor = DriftMonitor(ReferenceProfile.from_dict(document), window=50)
    except ValueError as error:
        assert str(error).startswith("Got a ")
        return
    report = monitor.update(STREAM[2][:50])
    json.dumps(report.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", [*DOCUMENT, None])
def test_a_profile_without_a_part_is_refused(name):
    with pytest.raises(ValueError, match="Got a "):
        ReferenceProfile.from_dict({k: v for k, v in DOCUMENT.items() if k != name} if name else 3)


# --- classifiers --------------------------------------------------------------------------------

X_DIGITS, Y_DIGITS = load_digits(return_X_y=True)
NAMES = np.array([f"digit {label}" for label in range(10)])[Y_DIGITS]


@pytest.fixture(scope="module")
def net():
    own = {"hidden_layer_sizes": (32,), "batch_norm": True, "n_threads": 1}
    net = MLPNetClassifier(**own, max_epochs=15, random_state=0)
    return net.fit(X_DIGITS[:800], NAMES[:800])


@pytest.fixture(scope="module")
def profile(net):
    return ReferenceProfile.from_estimator(net, X_DIGITS[800:1300], NAMES[800:1300])


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(20, random_state=0),
        make_pipeline(MinMaxScaler(), LogisticRegression()),
        make_pipeline(MinMaxScaler(), MLPNetClassifier(hidden_layer_sizes=(16,), max_epochs=5)),
    ],
    ids=["forest", "pipeline", "pipeline with a net"],
)
def test_any_classifier_has_a_profile(classifier):
    classifier.fit(X_DIGITS[:600], NAMES[:600])
    profile = ReferenceProfile.from_estimator(classifier, X_DIGITS[600:1200], NAMES[600:1200])
    assert profile.classes == sorted(set(NAMES))
    dim = X_DIGITS[1200:1400] / 2
    monitor = DriftMonitor(profile, window=200)
    assert "pixels" in monitor.update(classifier.predict_proba(dim), pixels=dim).alarms


def test_a_nets_features_and_images_are_in_its_profile(net, profile):
    rng = np.random.RandomState(0)
    rows = rng.choice(np.arange(800, 1300), 200)
    noisy = np.clip(X_DIGITS[rows] + rng.normal(0, 4, (200, 64)), 0, 16)
    for images, is_drift in ((X_DIGITS[rows], False), (noisy, True)):
        monitor = DriftMonitor(profile, window=200)
        report = monitor.update(net.predict_proba(images), net.transform(images), images)
        assert report.alarm == is_drift
        assert set(report.tests) == KINDS
    assert {"pixels", "features", "mmd"} <= set(report.alarms)


def test_set_params_does_what_shifting_does(net, profile):
    prior = np.r_[0.55, np.full(9, 0.05)]
    images = X_DIGITS[1300:]
    plain = net.predict_proba(images)
    shifted = shift_probabilities(plain, profile.prior, prior)
    fed = copy.copy(net).set_params(prior=tuple(prior))
    np.testing.assert_allclose(fed.predict_proba(images), shifted, atol=1e-6)
    # A profile of what has a prior already.
    of_fed = ReferenceProfile.from_estimator(fed, X_DIGITS[800:1300], NAMES[800:1300])
    np.testing.assert_allclose(of_fed.prior, prior)
    found = DriftMonitor(of_fed, window=400).update(plain[:400], prior=profile.prior)
    expected = DriftMonitor(of_fed, window=400).update(shifted[:400])
    assert found.class_prior == pytest.approx(expected.class_prior, abs=1e-4)


def test_a_report_can_be_fed_back(net, profile):
    digits = np.flatnonzero(np.arange(len(Y_DIGITS)) >= 1300)
    of_each = [np.resize(digits[Y_DIGITS[digits] == d], 120 - 10 * d) for d in range(10)]
    rows = np.concatenate(of_each)
    report = DriftMonitor(profile, window=500).update(net.predict_proba(X_DIGITS[rows[:500]]))
    fed = copy.copy(net).set_params(prior=report.class_prior)
    assert fed.predict_proba(X_DIGITS[:5]).shape == (5, 10)


# --- files --------------------------------------------------------------------------------------


def test_a_profile_travels_in_the_nets_file(net, profile, tmp_path):
    path = tmp_path / "net.safetensors"
    net.save(path, profile=profile)
    loaded = skfashion.load(path)
    assert loaded.profile_ == profile.to_dict()
    assert ReferenceProfile.from_dict(loaded.profile_).to_dict() == profile.to_dict()
    assert not hasattr(net, "profile_")
    # What was loaded with one is saved with it, and one that was trained since has none.
    loaded.save(path)
    assert skfashion.load(path).profile_ == loaded.profile_
    adapted = adapt_batch_norm(loaded, X_DIGITS[:100])
    assert not hasattr(adapted, "profile_")
    continued = skfashion.load(path).partial_fit(X_DIGITS[:50], NAMES[:50])
    assert not hasattr(continued, "profile_")
    continued.save(path)
    assert not hasattr(skfashion.load(path), "profile_")
    loaded.save(path, profile=profile.to_dict())
    assert not hasattr(skfashion.load(path).fit(X_DIGITS[:50], NAMES[:50]), "profile_")


def test_a_profile_of_others_is_refused_and_nothing_is_written(net, tmp_path):
    path = tmp_path / "net.safetensors"
    for wrong, message in ((PROFILE, "its profile is of other classes"), ({"a": 1}, "of format")):
        with pytest.raises(ValueError, match=message):
            net.save(path, profile=wrong)
    assert not path.exists()


@pytest.mark.slow
def test_a_profile_travels_in_metadata(net, profile, tmp_path):
    onnx = pytest.importorskip("onnx")
    from skfashion.export import to_onnx

    for one in (profile, profile.to_dict()):
        with pytest.warns(UserWarning, match="'features' and 'mmd' will be missing.*features=True"):
            to_onnx(net, tmp_path / "net.onnx", profile=one)
    # None with the features, and none of a profile without.
    to_onnx(net, tmp_path / "net.onnx", profile=profile.to_dict() | {"features": None})
    to_onnx(net, tmp_path / "net.onnx", profile=profile, features=True)
    said = {p.key: p.value for p in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert json.loads(said["skfashion.profile"]) == profile.to_dict()


def test_a_service_without_pytorch_can_monitor():
    folder = str(Path(skfashion.__file__).parent)
    # Without the package's first module, whatever that imports.
    code = f"""
import sys, types
for name in ("torch", "sklearn", "pandas", "skorch"):
    sys.modules[name] = None
package = types.ModuleType("skfashion")
package.__path__ = [{folder!r}]
sys.modules["skfashion"] = package
import json
from skfashion.monitoring import DriftMonitor
monitor = DriftMonitor(json.loads(sys.stdin.read()), window=50)
assert monitor.update([[0.7, 0.1, 0.1, 0.1]] * 50).alarm
assert "scipy.stats" not in sys.modules and "scipy.optimize" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], input=json.dumps(DOCUMENT), text=True, check=True)
