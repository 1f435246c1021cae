"""drift_study: streams that differ in a known way, and what is measured of them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from skfashion.datasets import make_corrupted
from skfashion.studies import (
    DRIFTS,
    ClassSkew,
    Clean,
    Corruption,
    GroupShare,
    NewClass,
    drift_study,
    summarize_study,
)

LABELS = np.array(["bag", "boot", "coat", "dress"])


def images(n, seed):
    """Return images of 6 x 6 pixels of four classes, each with a bright row of its own."""
    rng = np.random.RandomState(seed)
    y = np.arange(n) % 4
    X = rng.normal(60, 40, (n, 6, 6))
    X[np.arange(n), y] += 30
    return X.clip(0, 255).astype(np.uint8).reshape(n, 36), LABELS[y]


TRAIN, TEST = images(1600, 0), images(1200, 1)
SMALL = {"windows": [100, 200], "n_images": 400, "n_streams": 3, "verbose": 0, "on_error": "raise"}


class Seen(ClassifierMixin, BaseEstimator):
    """A classifier that knows how images are made, and writes down what it was given."""

    fits = []

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.fits.append((self.random_state, X, self.classes_))
        return self

    def predict_proba(self, X):
        means = X.reshape(len(X), 6, 6).mean(axis=2)[:, :4] / 8
        means = means[:, [list(LABELS).index(label) for label in self.classes_]]
        p = np.exp(means - means.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def frame():
    drifts = ["clean", "noise", "brightness", "classes 10:1", "dark group", "new class"]
    return drift_study({"seen": Seen()}, *TRAIN, *TEST, drifts=drifts, seeds=(0, 1), **SMALL)


def value(frame, metric, drift, estimator="seen", window=100, detector="DriftMonitor"):
    """Return the mean over seeds."""
    its = frame[(frame["metric"] == metric) & (frame["drift"] == drift)]
    its = its[(its["estimator"] == estimator) & (its["window"] == window)]
    return its[its["detector"] == detector]["value"].mean()


def test_a_tidy_table_of_every_drift(frame):
    assert list(frame.columns) == [
        *("estimator", "drift", "detector", "window", "seed", "metric", "value", "note")
    ]
    shown = set(frame["drift"])
    assert frame["drift"].unique().tolist() == [name for name in DRIFTS if name in shown]
    assert frame["note"].isna().all()
    key = ["estimator", "drift", "window", "seed", "metric"]
    assert not frame.duplicated(key).any()
    shares = frame[frame["metric"].str.startswith(("windows", "noticed"))]["value"]
    assert shares.between(0, 1).all()
    summary = summarize_study(frame, column="drift", baseline="clean")
    assert {"difference", "low", "high"} <= set(summary.columns)


def test_drifts_are_noticed_and_clean_windows_are_not(frame):
    assert value(frame, "windows with an alarm", "clean") <= 0.15
    for drift in ("noise", "brightness", "classes 10:1", "dark group"):
        assert value(frame, "noticed within 500 images", drift) == 1
        assert 100 <= value(frame, "images until the alarm", drift) <= 200
    kinds = frame[frame["metric"].str.startswith("windows with an alarm: ")]["metric"].unique()
    assert {kind.partition(": ")[2] for kind in kinds} == {
        *("classes", "confidence", "confidence_given_classes", "accuracy", "pixels")
    }


def test_what_is_estimated_is_compared_with_the_truth(frame):
    for drift in ("clean", "classes 10:1"):
        assert value(frame, "error of expected accuracy", drift, window=200) < 0.06
    skewed = "classes 10:1"
    mixes = [
        value(frame, f"error of class mix{name}", skewed, window=200)
        for name in ("", " of the validation data")
    ]
    assert mixes[0] < 0.1 < 0.3 < mixes[1]
    assert value(frame, "windows of label shift", skewed) > 0.5
    before, estimated, true, advised = (
        value(frame, f"accuracy {name}", skewed, window=200)
        for name in ("before", "with the estimated prior", "with the true prior", "as advised")
    )
    assert true > before
    assert estimated == pytest.approx(true, abs=0.03)
    assert before <= advised + 0.01
    # A class that nobody was taught has no place in a mix.
    assert np.isnan(value(frame, "error of class mix", "new class"))
    assert value(frame, "error of expected accuracy", "new class") > 0


def test_each_seed_is_a_fit_of_its_own_and_a_new_class_is_unknown():
    Seen.fits.clear()
    drifts = {"clean": Clean(), "noise": Corruption("noise"), "new": NewClass(0.3)}
    drift_study({"seen": Seen()}, *TRAIN, *TEST, drifts=drifts, seeds=(0, 1), **SMALL)
    assert [seed for seed, *_ in Seen.fits] == [0, 0, 1, 1]
    assert [len(classes) for *_, classes in Seen.fits] == [4, 3, 4, 3]
    assert len(Seen.fits[0][1]) == 1200
    left_out = [set(LABELS) - set(classes) for *_, classes in Seen.fits]
    assert left_out == [set(), {"bag"}, set(), {"boot"}]
    assert not np.array_equal(Seen.fits[0][1], Seen.fits[2][1])


def test_the_same_call_gives_the_same_table_and_a_cache_keeps_it(tmp_path):
    options = SMALL | {"drifts": ["noise"], "cache": tmp_path}
    first = drift_study({"bayes": GaussianNB()}, *TRAIN, *TEST, **options)
    assert list(tmp_path.iterdir())
    again = drift_study({"bayes": GaussianNB()}, *TRAIN, *TEST, **options)
    pd.testing.assert_frame_equal(first, again)
    fresh = drift_study({"bayes": GaussianNB()}, *TRAIN, *TEST, **(options | {"cache": None}))
    numbers = [f[f["metric"] != "fit seconds"].reset_index(drop=True) for f in (first, fresh)]
    pd.testing.assert_frame_equal(*numbers)


def test_other_detectors_see_the_same_windows():
    given = []

    def make(reference):
        assert len(reference["probabilities"]) == 400
        windows = []

        def detect(rows):
            assert {name: len(its) for name, its in rows.items()} == {
                "probabilities": 100,
                "pixels": 100,
            }
            windows.append(rows)
            given.append(rows["pixels"])
            return 30 if len(windows) == 2 else None

        return detect

    found = drift_study(
        *({"bayes": GaussianNB()}, *TRAIN, *TEST),
        drifts={"clean": Clean()},
        detectors={"second": make},
        **SMALL,
    )
    own = {"estimator": "bayes", "detector": "second"}
    assert value(found, "images until the alarm", "clean", **own) == 130
    assert value(found, "windows with an alarm", "clean", **own) == 0.25
    # No image twice in a stream, while there are others.
    stream = np.concatenate(given[:4])
    assert len(np.unique(stream, axis=0)) == len(np.unique(TEST[0], axis=0)) / 3


def test_a_run_that_fails_has_a_row():
    class Failing(Seen):
        def predict_proba(self, X):
            raise RuntimeError("no")

    options = SMALL | {"on_error": "warn", "drifts": ["clean", "noise"]}
    with pytest.warns(RuntimeWarning, match="A run failed"):
        found = drift_study({"failing": Failing()}, *TRAIN, *TEST, **options)
    assert found["metric"].tolist() == ["failed", "failed"]
    assert found["note"].str.contains("no").all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"drifts": ["fog"]}, "Got the drift 'fog', expected one of clean"),
        ({"drifts": []}, "Got no drifts"),
        ({"drifts": {"a": Corruption}}, "expected an object with draw and left_out"),
        ({"windows": [100, 800]}, "no window longer than a stream"),
        ({"windows": [0]}, "Got window=0, expected a positive int"),
        ({"n_streams": 1.5}, "Got n_streams=1.5"),
        ({"seeds": [-1]}, "Got the seed -1"),
        ({"detectors": [print]}, "expected a dict of names to functions"),
        ({"validation_size": "all"}, "Got validation_size='all'"),
        ({"estimators": {"ridge": RidgeClassifier()}}, "has no predict_proba"),
        ({"y_test": np.full(1200, "bag")}, "expected the same ones"),
    ],
)
def test_wrong_arguments_are_refused_before_any_run(wrong, message):
    data = dict(zip(("X", "y", "X_test", "y_test"), (*TRAIN, *TEST), strict=True))
    Seen.fits.clear()
    with pytest.raises((ValueError, TypeError), match=message):
        drift_study(**({"estimators": {"seen": Seen()}} | data | SMALL | wrong))
    assert not Seen.fits


# --- drifts -------------------------------------------------------------------------------------


def test_drifts_are_what_the_datasets_make():
    X, y = TEST
    np.testing.assert_array_equal(
        Corruption("blur", 2).draw(X, y, 3).X, make_corrupted(X, "blur", 2, random_state=3)
    )
    for ratio, profile in ((2, "step"), (100, "exponential")):
        shares = list(ClassSkew(profile, ratio).draw(X, y, 0).frequencies.values())
        assert sum(shares) == pytest.approx(1)
        assert max(shares) / min(shares) == pytest.approx(ratio, rel=0.01)
    orders = [ClassSkew("step", 2).draw(X, y, seed).frequencies for seed in (0, 1)]
    assert orders[0] != orders[1]
    changed = (GroupShare("lighting", 0.25).draw(X, y, 0).X != X).any(axis=1)
    assert changed.mean() == pytest.approx(0.25)
    assert NewClass(0.2).draw(X, y, 5).frequencies["boot"] == pytest.approx(0.2)
    assert Clean().draw(X, y, 0).frequencies is None
