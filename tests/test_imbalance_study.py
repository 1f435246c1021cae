"""Studies of rare classes: what is run, with which rows, how often, and what is written down."""

import os
import signal
import time
import warnings

import children
import joblib
import numpy as np
import pandas as pd
import pytest
from imblearn.ensemble import BalancedRandomForestClassifier, EasyEnsembleClassifier
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import NearMiss, RandomUnderSampler, TomekLinks
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.datasets import make_imbalanced
from skfashion.studies import TREATMENTS, imbalance_study, summarize_study
from skfashion.studies.thresholds import ClassFactorsClassifier
from skfashion.studies.treatments import keep_layout, treated

DIGITS = load_digits()
X, y = DIGITS.data[:600].astype(np.uint8), DIGITS.target[:600]
X_test, y_test = DIGITS.data[600:900].astype(np.uint8), DIGITS.target[600:900]
DATA = (X, y, X_test, y_test)

BAYES = {"bayes": GaussianNB(var_smoothing=0.1)}


def study(estimators=BAYES, data=DATA, **options):
    """Run a study whose rarest class has five times fewer rows, without a progress bar."""
    return imbalance_study(estimators, *data, **{"ratios": [5], "verbose": 0, **options})


def value(frame, metric, **where):
    chosen = frame[frame.metric == metric]
    for column, wanted in where.items():
        chosen = chosen[chosen[column] == wanted]
    (found,) = chosen.value
    return found


class Net(ClassifierMixin, BaseEstimator):
    """Classifier with the parameters of this package's, which remembers what it was fitted with."""

    fits = []

    def __init__(
        self,
        class_weight=None,
        sampling=None,
        loss="cross_entropy",
        deferred_reweighting=None,
        prior=None,
        random_state=None,
    ):
        self.class_weight = class_weight
        self.sampling = sampling
        self.loss = loss
        self.deferred_reweighting = deferred_reweighting
        self.prior = prior
        self.random_state = random_state

    def fit(self, X, y):
        self.fits.append((self.get_params(), X, y))
        self.model_ = GaussianNB(var_smoothing=0.1).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def predict(self, X):
        return self.model_.predict(X)


@pytest.fixture
def fits():
    Net.fits.clear()
    return Net.fits


class Recorder(BaseEstimator):
    """Sampler that remembers the rows it saw and repeats them all."""

    seen = []

    def fit_resample(self, X, y):
        self.seen.append(np.array(X))
        return np.concatenate([X, X]), np.concatenate([y, y])


class Logged(GaussianNB):
    """Classifier that writes a line for each fit to a file."""

    def __init__(self, log=None, seconds=0.0, random_state=None):
        super().__init__(var_smoothing=0.1)
        self.log = log
        self.seconds = seconds
        self.random_state = random_state

    def fit(self, X, y):
        with open(self.log, "a") as file:
            file.write(f"{len(y)} {self.random_state}\n")
        time.sleep(self.seconds)
        return super().fit(X, y)


class Untouched(GaussianNB):
    """Classifier that must not be fitted."""

    def fit(self, X, y):
        raise AssertionError("A run began.")


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


# --- the table ----------------------------------------------------------------------------------


def test_table_has_one_row_a_run_and_metric():
    estimators = {**BAYES, "tree": DecisionTreeClassifier()}
    frame = study(
        estimators,
        treatments=["nothing", "RandomOverSampler"],
        profiles=["step"],
        ratios=[2, 5.5],
        permutations=[None, 3],
        seeds=[7],
    )
    keys = ["estimator", "treatment", "profile", "ratio", "permutation", "seed"]
    assert frame.columns.tolist() == [*keys, "metric", "class", "value", "note"]
    assert frame["note"].isna().all()
    assert not frame.duplicated([*keys, "metric", "class"]).any()
    runs = frame[keys].drop_duplicates()
    assert len(runs) == 2**4
    assert list(zip(runs.estimator, runs.treatment, strict=True))[::4] == [
        ("bayes", "nothing"),
        ("bayes", "RandomOverSampler"),
        ("tree", "nothing"),
        ("tree", "RandomOverSampler"),
    ]
    assert frame.ratio.dtype == frame.value.dtype == float
    assert frame.permutation.dtype == frame["class"].dtype == pd.Int64Dtype()
    assert frame.permutation.drop_duplicates().tolist() == [pd.NA, 3]
    of_classes = frame[frame["class"].notna()].groupby("metric").size()
    assert of_classes.to_dict() == dict.fromkeys(["precision", "recall", "rows"], 16 * 10)
    of_all = frame[frame["class"].isna()].groupby("metric").size()
    assert of_all.to_dict() == dict.fromkeys(
        [
            "accuracy",
            "balanced_accuracy",
            "ece",
            "f1_macro",
            "fit_seconds",
            "geometric_mean",
            "log_loss",
            "matthews_corrcoef",
            "peak_memory_mb",
            "predict_seconds",
            "roc_auc_ovr",
            "rows_trained",
            "worst_class_recall",
        ],
        16,
    )
    assert frame.value.notna().all()


def test_untreated_run_is_the_fit_of_the_imbalanced_rows():
    frame = study({"tree": DecisionTreeClassifier()}, treatments=["nothing"], permutations=[4])
    X_part, y_part = make_imbalanced(X, y, ratio=5, permutation=4, random_state=0)
    tree = DecisionTreeClassifier(random_state=0).fit(X_part, y_part)
    expected = balanced_accuracy_score(y_test, tree.predict(X_test))
    assert value(frame, "balanced_accuracy") == expected
    rows = frame[frame.metric == "rows"].set_index("class").value
    assert rows.to_dict() == pd.Series(y_part).value_counts().to_dict()
    assert value(frame, "rows_trained") == len(y_part)
    assert value(frame, "fit_seconds") > 0
    assert 20 < value(frame, "peak_memory_mb") < 1e5


def test_labels_stay_what_they_are():
    names = np.array(["n" + str(label) for label in range(10)])
    frame = study(data=(X, names[y], X_test, names[y_test]), treatments=["nothing"])
    numbers = study(treatments=["nothing"])
    assert frame["class"].dropna().unique().tolist() == names.tolist()
    recalls = frame.metric == "recall"
    assert frame[recalls].value.tolist() == numbers[recalls].value.tolist()


def test_profiles_with_fixed_numbers_run_once_and_lists_of_labels_become_text():
    order = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    counts = dict.fromkeys(range(10), 20)
    frame = study(
        treatments=["nothing"],
        profiles=["linear", counts],
        ratios=[2, 4],
        permutations=[None, 1, order],
    )
    runs = frame[["profile", "ratio", "permutation"]].drop_duplicates()
    ordered = [pd.NA, "1", "9, 8, 7, 6, 5, 4, 3, 2, 1, 0"]
    assert runs.profile.tolist() == ["linear"] * 6 + [str(counts)]
    np.testing.assert_array_equal(runs.ratio, [2.0] * 3 + [4.0] * 3 + [np.nan])
    assert runs.permutation.tolist() == [*ordered, *ordered, pd.NA]
    assert value(frame, "rows_trained", profile=str(counts)) == 200
    named = study(treatments=["nothing"], profiles={"even": counts}, ratios=[2, 4])
    assert named.profile.unique().tolist() == ["even"]
    assert value(named, "rows_trained") == 200


def test_deepsmote_runs_once_a_permutation():
    rows = np.arange(40_000) % 10
    data = (rows[:, None], rows, np.arange(10)[:, None], np.arange(10))
    frame = study(
        {"tree": DecisionTreeClassifier()},
        data,
        treatments=["nothing"],
        profiles=["deepsmote"],
        ratios=[10, 50],
        permutations=[None, 5],
    )
    runs = frame[frame.metric == "rows_trained"]
    assert runs.permutation.tolist() == [pd.NA, 5]
    assert runs.ratio.isna().all()
    assert runs.value.tolist() == [9000, 9000]


def test_estimators_without_probabilities_lack_what_needs_them():
    frame = study({"ridge": RidgeClassifier()}, treatments=["nothing"])
    assert not {"log_loss", "ece", "roc_auc_ovr"} & set(frame.metric)
    assert value(frame, "balanced_accuracy") > 0.7
    with pytest.raises(ValueError, match=r"treatment 'threshold tuning'.*none of the estimators"):
        study({"ridge": RidgeClassifier()}, treatments=["threshold tuning"])


# --- treatments ---------------------------------------------------------------------------------


def test_all_treatments_run_on_an_estimator_that_takes_them_all(fits):
    frame = study({"net": Net()}, ratios=[3])
    assert frame.treatment.unique().tolist() == list(TREATMENTS)
    rows = frame[frame.metric == "rows_trained"].set_index("treatment").value
    most = 10 * frame[frame.metric == "rows"].value.max()
    least = 10 * frame[frame.metric == "rows"].value.min()
    for name in ("RandomOverSampler", "SMOTE", "BorderlineSMOTE", "PCA + SMOTE"):
        assert rows[name] == most
    assert rows["ADASYN"] == pytest.approx(most, rel=0.02)
    assert rows["RandomUnderSampler"] == rows["NearMiss"] == least
    assert least < rows["TomekLinks"] <= rows["nothing"]
    unchanged = [n for n, t in TREATMENTS.items() if not hasattr(t, "fit_resample")]
    assert rows.drop(["PCA + SMOTE"])[lambda r: r.index.isin(unchanged)].nunique() == 1
    # Each fit had what its name says.
    found = {
        (p["class_weight"], p["sampling"], p["loss"], p["deferred_reweighting"], p["prior"])
        for p, _, _ in fits
    }
    losses = ["focal", "class_balanced", "balanced_softmax", "logit_adjusted", "ldam"]
    assert found == {
        (None, None, "cross_entropy", None, None),
        ("balanced", None, "cross_entropy", None, None),
        (None, "balanced", "cross_entropy", None, None),
        (None, "sqrt", "cross_entropy", None, None),
        (None, None, "cross_entropy", None, "uniform"),
        (None, None, "cross_entropy", 0.8, None),
        *((None, None, loss, drw, None) for loss in losses for drw in (None, 0.8)),
    }
    assert {p["random_state"] for p, _, _ in fits} == {0}


SAMPLERS = [RandomOverSampler, SMOTE, ADASYN, RandomUnderSampler, NearMiss, TomekLinks]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sampler_gives_the_fit_of_the_rows_that_it_makes(sampler, fits):
    seed = 0
    frame = study({"net": Net()}, treatments=[sampler.__name__], seeds=[seed])
    alone = sampler()
    if "random_state" in alone.get_params():
        alone.set_params(random_state=seed)
    X_part, y_part = make_imbalanced(X, y, ratio=5, random_state=seed)
    rows, labels = alone.fit_resample(X_part.astype(np.float32), y_part)
    ((_, X_fit, y_fit),) = fits
    np.testing.assert_array_equal(X_fit, rows)
    np.testing.assert_array_equal(y_fit, labels)
    # What only draws lots keeps the dtype; what computes gets floats.
    draws = sampler in (RandomOverSampler, RandomUnderSampler)
    assert X_fit.dtype == (np.uint8 if draws else np.float32)
    assert value(frame, "rows_trained") == len(rows)


def test_treatments_are_skipped_for_estimators_that_lack_a_parameter(capsys):
    estimators = {**BAYES, "tree": DecisionTreeClassifier(), "net": Net()}
    names = ["class_weight=balanced", "sampling=sqrt", "loss=ldam + DRW", "nothing"]
    frame = study(estimators, treatments=names)
    ran = frame[["estimator", "treatment"]].drop_duplicates().groupby("estimator").treatment
    assert ran.apply(list).to_dict() == {
        "bayes": ["nothing"],
        "net": names,
        "tree": ["class_weight=balanced", "nothing"],
    }
    assert capsys.readouterr() == ("", "")
    study({**BAYES, "net": Net()}, treatments=["sampling=sqrt"], verbose=1)
    told = capsys.readouterr()
    assert "bayes: no 'sampling=sqrt', which is not for it." in told.out + told.err


def test_treatments_of_ones_own():
    smote = SMOTE(k_neighbors=2)
    frame = study(
        {"tree": DecisionTreeClassifier()},
        treatments={
            "SMOTE of 2": smote,
            "shallow": {"max_depth": 1},
            "bagged": lambda estimator: BaggingClassifier(estimator, 5),
            "as it is": None,
        },
    )
    assert not hasattr(smote, "nn_k_")
    scores = frame[frame.metric == "balanced_accuracy"].set_index("treatment").value
    assert scores["shallow"] < 0.25 < scores["as it is"] < scores["bagged"]


def test_values_of_parameters_are_copied():
    inner = LogisticRegression()
    model = treated(BaggingClassifier(), {"estimator": inner})
    assert model[-1].estimator is not inner


def test_prior_is_corrected_by_the_estimator_or_around_it():
    correct = TREATMENTS["prior correction"]
    assert treated(Net(), correct)[-1].get_params() == Net(prior="uniform").get_params()
    around = treated(GaussianNB(), correct)[-1]
    assert isinstance(around, ClassFactorsClassifier)
    assert around.factors == "prior"
    assert isinstance(around.estimator, GaussianNB)
    last = treated(make_pipeline(StandardScaler(), Net()), correct)
    assert last.named_steps["net"].prior == "uniform"


def test_thresholds_are_tuned_around_a_whole_pipeline():
    pipeline = make_imblearn_pipeline(StandardScaler(), RandomOverSampler(), GaussianNB())
    tuned = treated(pipeline, TREATMENTS["threshold tuning"])
    # Inside of the folds: scaler and sampler must not see the rows that factors are tuned on.
    assert [name for name, _ in tuned.steps] == ["rows_trained", "classifier"]
    assert [type(step) for _, step in tuned[-1].estimator.steps] == [
        StandardScaler,
        RandomOverSampler,
        GaussianNB,
    ]


def test_components_are_for_tables():
    components = TREATMENTS["PCA + SMOTE"]
    assert treated(ConvNetClassifier(), components) is None
    assert treated(MLPNetClassifier(image_shape=(8, 8)), components) is None
    for estimator in (MLPNetClassifier(), GaussianNB()):
        steps = treated(estimator, components).steps
        assert [type(step).__name__ for _, step in steps[:3]] == [
            "Components",
            "SMOTE",
            "RowCounter",
        ]


def test_components_are_those_of_the_training_rows(fits):
    study({"net": Net()}, treatments=["PCA + SMOTE"], seeds=[1])
    X_part, y_part = make_imbalanced(X, y, ratio=5, random_state=1)
    ((_, X_fit, _),) = fits
    expected = PCA(50, random_state=1).fit_transform(X_part)
    np.testing.assert_allclose(X_fit[: len(expected)], expected, atol=1e-4)


def test_components_of_few_columns_are_all_of_them(fits):
    narrow = (X[:, 20:44], y, X_test[:, 20:44], y_test)
    study({"net": Net()}, treatments=["PCA + SMOTE"], data=narrow)
    ((_, X_fit, _),) = fits
    assert X_fit.shape[1] == 24


class Dropping(BaseEstimator):
    """Sampler that loses a class, as a cleaning one may."""

    def fit_resample(self, X, y):
        return X[y != 3], y[y != 3]


def test_a_class_that_a_sampler_lost_has_no_probability():
    frame = study(treatments={"dropping": Dropping()})
    recall = frame[(frame["metric"] == "recall")].set_index("class")["value"]
    assert recall[3] == 0
    assert (recall.drop(3) > 0).all()
    kept = np.flatnonzero(y_test != 3)
    data = (X, y, X_test[kept], y_test[kept])
    rest = study(treatments={"dropping": Dropping()}, data=data)
    X_part, y_part = Dropping().fit_resample(*make_imbalanced(X, y, ratio=5, random_state=0))
    proba = clone(BAYES["bayes"]).fit(X_part, y_part).predict_proba(X_test[kept])
    expected = log_loss(y_test[kept], proba, labels=np.delete(np.arange(10), 3))
    np.testing.assert_allclose(value(rest, "log_loss"), expected, rtol=1e-3)


def test_seed_goes_into_every_random_state(fits):
    inner = Net(random_state=42)
    estimator = make_pipeline(PCA(2, random_state=42), BaggingClassifier(inner, random_state=42))
    original = estimator.get_params()
    found = []

    def look(estimator):
        found.append(estimator)
        return estimator

    study({"pipeline": estimator}, treatments={"seen": look}, seeds=[5])
    assert estimator.get_params() == original
    # Bagging seeds its members itself, from its own random_state.
    bagged = BaggingClassifier(Net(), random_state=5).fit(
        PCA(2, random_state=5).fit_transform(make_imbalanced(X, y, ratio=5, random_state=5)[0]),
        make_imbalanced(X, y, ratio=5, random_state=5)[1],
    )
    assert [params for params, _, _ in fits[:10]] == [
        member.get_params() for member in bagged.estimators_
    ]


def test_pipelines_of_the_user_get_samplers_first_and_parameters_last(fits):
    pipeline = make_pipeline(StandardScaler(), Net())
    study({"p": pipeline}, treatments=["RandomUnderSampler", "class_weight=balanced"])
    (_, X_fit, y_fit), (params, _, _) = fits
    assert params["class_weight"] == "balanced"
    assert len(set(np.bincount(y_fit))) == 1
    np.testing.assert_allclose(X_fit.mean(axis=0), 0, atol=1e-6)  # scaled after sampling


def test_samplers_in_pipelines_of_the_user_count():
    pipeline = make_imblearn_pipeline(RandomUnderSampler(), StandardScaler(), GaussianNB())
    frame = study({"p": pipeline, **BAYES}, treatments=["nothing"])
    rows = frame[frame.metric == "rows"]
    least = 10 * rows.value.min()
    assert value(frame, "rows_trained", estimator="p") == least
    assert value(frame, "rows_trained", estimator="bayes") == rows.value.sum() / 2


def test_classical_rivals_are_estimators():
    estimators = {
        "balanced forest": BalancedRandomForestClassifier(10, sampling_strategy="all"),
        "easy ensemble": EasyEnsembleClassifier(3),
    }
    frame = study(estimators, treatments=["nothing"])
    assert (frame[frame.metric == "balanced_accuracy"].value > 0.6).all()


# --- leaks --------------------------------------------------------------------------------------


def numbered(n):
    """Return rows that are known by their only column, and their labels."""
    return np.arange(n, dtype=float)[:, None], np.arange(n) % 2


@pytest.fixture
def seen():
    Recorder.seen.clear()
    return Recorder.seen


def test_resampling_sees_the_training_rows_of_its_run_alone(seen):
    rows, labels = numbered(100)
    train, test = slice(0, 60), slice(60, 100)
    frame = study(
        data=(rows[train], labels[train], rows[test], labels[test]),
        treatments={"recorder": Recorder()},
        seeds=[0, 1],
    )
    assert len(seen) == 2
    for seed, found in enumerate(seen):
        part, _ = make_imbalanced(rows[train], labels[train], ratio=5, random_state=seed)
        np.testing.assert_array_equal(found, part)
        assert value(frame, "rows_trained", seed=seed) == 2 * len(part)


def test_resampling_sees_the_training_folds_alone(seen):
    rows, labels = numbered(90)
    folds = StratifiedKFold(3)
    cross_val_score(treated(GaussianNB(), Recorder()), rows, labels, cv=folds)
    assert len(seen) == 3
    for found, (train, _) in zip(seen, folds.split(rows, labels), strict=True):
        np.testing.assert_array_equal(found, rows[train])


def test_thresholds_are_tuned_on_rows_that_resampling_did_not_see(seen):
    rows, labels = numbered(90)
    pipeline = make_imblearn_pipeline(Recorder(), GaussianNB())
    treated(pipeline, TREATMENTS["threshold tuning"]).fit(rows, labels)
    assert [len(found) for found in seen] == [90, 60, 60, 60]


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"treatments": ["nothing", "smote"]},
            ValueError,
            r"'smote', .* mean 'SMOTE'\? .*dict",
        ),
        ({"treatments": "SMOTE"}, TypeError, r"Write treatments=\['SMOTE'\]"),
        ({"treatments": []}, ValueError, "no treatments, expected one at least"),
        ({"treatments": {"mine": SMOTE}}, TypeError, r"class SMOTE .*'mine'.* Write SMOTE\(\)"),
        ({"treatments": {"mine": 3}}, TypeError, "Got 3 as treatment 'mine', expected None, a"),
        ({"treatments": {"mine": {3: 4}}}, TypeError, "Got {3: 4} .*expected names of param"),
        ({"treatments": ["loss=focal"]}, ValueError, r"'loss=focal', which sets \['loss', 'defer"),
        ({"estimators": {}}, TypeError, "Got estimators={}, expected a dict of names"),
        ({"estimators": [GaussianNB()]}, TypeError, r"Got estimators=\[GaussianNB\(\)\]"),
        ({"estimators": {"nb": GaussianNB}}, TypeError, r"class GaussianNB .*GaussianNB\(\)"),
        ({"estimators": {"nb": StandardScaler()}}, TypeError, "'nb', expected a classifier"),
        ({"profiles": ["exp"]}, ValueError, "Got profile='exp', expected one of"),
        ({"profiles": "step"}, TypeError, r"Write profiles=\['step'\]"),
        ({"profiles": []}, ValueError, "Got no profiles, expected one"),
        ({"profiles": {}}, ValueError, r"Got profiles=\{\}, ratios"),
        ({"profiles": [{0: 3}]}, ValueError, "expected all labels of y"),
        ({"ratios": [5, 1e6]}, ValueError, "Got ratio=1000000.0"),
        ({"ratios": 100}, TypeError, r"Write ratios=\[100\]"),
        ({"ratios": np.int64(100)}, TypeError, r"Write ratios=\["),
        ({"ratios": [5, 5]}, ValueError, "expected each of them once"),
        ({"ratios": [None]}, ValueError, "Got the ratio None, expected numbers.*profiles='as_is'"),
        ({"ratios": [True]}, ValueError, "Got the ratio True, expected numbers"),
        ({"permutations": 3}, TypeError, r"Write permutations=\[3\]"),
        ({"permutations": [*range(9, -1, -1)]}, ValueError, r"one order .*=\[\[9, 8, 7"),
        ({"permutations": [[1, 2]]}, ValueError, r"Got permutation=\[1, 2\]"),
        ({"seeds": [0, -1]}, ValueError, "Got the seed -1, expected ints"),
        ({"seeds": [0.5]}, ValueError, r"Got the seed 0\.5"),
        ({"seeds": 5}, TypeError, r"Write seeds=range\(5\)"),
        ({"seeds": [1, 1]}, ValueError, "expected each of them once"),
        ({"on_error": "skip"}, ValueError, "Got on_error='skip', expected 'raise' or 'warn'"),
        ({"seeds": []}, ValueError, "no seeds, expected one at least. Without the parameter"),
        ({"data": (X, y[:-1], X_test, y_test)}, ValueError, "X of 600 rows and y of 599"),
        ({"data": (X, y, X_test[1:], y_test)}, ValueError, "X_test of 299 rows and y_test of 300"),
        ({"data": (X, y, X_test, y_test.astype(str))}, ValueError, "expected the same kind of la"),
        ({"data": (X, y, X_test, y_test + 1)}, ValueError, r"labels \[10\] in y_test, which are"),
        (
            {"data": (X.reshape(-1, 8, 8), y, X_test.reshape(-1, 8, 8), y_test)},
            ValueError,
            r"shape \(600, 8, 8\).*'RandomOverSampler' resamples flat rows.*reshape",
        ),
    ],
)
def test_errors_come_before_any_run(options, error, message):
    with pytest.raises(error, match=message):
        study(**{"estimators": {"untouched": Untouched()}, **options})


def test_orders_may_be_arrays_and_seeds_may_be_all_labels():
    orders = [np.roll(np.arange(10), i) for i in range(10)]
    for permutations in (orders, range(10)):
        frame = study(treatments={"nothing": None}, permutations=permutations)
        assert frame["permutation"].nunique() == 10


def test_errors_of_a_run_say_which_it_was():
    with pytest.raises(AssertionError, match="A run began") as caught:
        study({"untouched": Untouched()}, treatments=["SMOTE"], seeds=[3], on_error="raise")
    (note,) = caught.value.__notes__
    assert "SMOTE(random_state=3)" in note
    assert "Untouched()" in note
    assert "profile 'exponential', {'ratio': 5}, and the seed 3" in note


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_that_cannot_be_done_costs_its_own_row(tmp_path, n_jobs):
    options = {"treatments": ["nothing", "SMOTE"], "ratios": [12], "n_jobs": n_jobs}
    whole = study(treatments=["nothing"], ratios=[12])
    for cache in (None, tmp_path, tmp_path):  # an error is not kept
        with pytest.warns(
            RuntimeWarning, match=r"A run failed: ValueError: Expected n_neigh.*SMOT"
        ):
            frame = study(cache=cache, **options)
        failed = frame[frame.treatment == "SMOTE"]
        assert failed[["metric", "estimator", "seed"]].to_numpy().tolist() == [
            ["failed", "bayes", 0]
        ]
        assert failed[["value", "class"]].isna().all(axis=None)
        assert failed.note.item().startswith("ValueError: Expected n_neighbors")
        done = frame[frame.treatment == "nothing"]
        assert done.note.isna().all()
        measured = ["fit_seconds", "predict_seconds", "peak_memory_mb"]
        same = ~done.metric.isin(measured)
        np.testing.assert_array_equal(done[same].value, whole[same.to_numpy()].value)
    assert summarize_study(frame).treatment.unique().tolist() == ["nothing"]
    with pytest.raises(ValueError, match="Expected n_neighbors"):
        study(on_error="raise", **options)


# --- data that are skewed already ---------------------------------------------------------------

SKEWED = np.concatenate([np.flatnonzero(y == 1)[:50], np.flatnonzero(y == 0)[:20]])
FEW = (X[SKEWED], y[SKEWED], X_test[y_test < 2], y_test[y_test < 2])


@pytest.mark.parametrize("profiles", ["as_is", ["as_is"], {"mine": "as_is"}])
def test_data_may_be_taken_as_they_are(profiles):
    frame = study(
        {"tree": DecisionTreeClassifier()}, FEW, treatments=["nothing"], profiles=profiles
    )
    assert frame.profile.unique().tolist() == ["mine" if isinstance(profiles, dict) else "as_is"]
    rows = frame[frame.metric == "rows"].set_index("class").value
    assert rows.to_dict() == {0: 20, 1: 50}
    tree = DecisionTreeClassifier(random_state=0).fit(*make_imbalanced(*FEW[:2], {0: 20, 1: 50}))
    assert value(frame, "accuracy") == tree.score(*FEW[2:])
    options = {"ratios": [2, 4], "permutations": [None, 3], "seeds": [0, 1]}
    again = study(data=FEW, treatments=["nothing"], profiles=["as_is"], **options)
    assert again[["ratio", "permutation", "seed"]].drop_duplicates().seed.tolist() == [0, 1]


@pytest.mark.parametrize("profile", ["exponential", "step", "linear"])
def test_a_profile_that_turns_the_order_of_the_data_round_is_refused(profile):
    options = {"treatments": ["nothing"], "profiles": [profile], "ratios": [4]}
    with pytest.raises(ValueError, match=r"5 rows of 1 and 20 of 0, but .* 50 and 20: ") as caught:
        study({"untouched": Untouched()}, FEW, **options)
    assert "profiles='as_is'" in str(caught.value)
    assert "permutations=[[1, 0]]" in str(caught.value)
    frame = study(data=FEW, permutations=[[1, 0]], **options)
    assert frame[frame.metric == "rows"].value.tolist() == [5, 20]
    options |= {"profiles": [{0: 20, 1: 5}]}  # whoever writes numbers means them
    assert study(data=FEW, **options)[lambda f: f.metric == "rows"].value.tolist() == [20, 5]
    twice = (FEW[0][10:], FEW[1][10:], *FEW[2:])  # no more often than that
    study(data=twice, treatments=["nothing"], profiles=[profile], ratios=[4])


# --- many runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_backends_give_the_same_table(backend):
    options = {"treatments": ["nothing", "SMOTE"], "seeds": [0, 1], "n_jobs": 2}
    measured = ["fit_seconds", "predict_seconds", "peak_memory_mb"]
    estimators = {"sgd": SGDClassifier(loss="log_loss")}
    alone = study(estimators, **{**options, "n_jobs": None})
    with joblib.parallel_config(backend):
        together = study(estimators, **options)
    same = ~alone.metric.isin(measured)
    pd.testing.assert_frame_equal(alone[same], together[same])


def test_finished_runs_are_not_done_again(tmp_path):
    log, cache = tmp_path / "log", tmp_path / "cache"
    estimators = {"logged": Logged(str(log))}

    def again(**options):
        log.unlink(missing_ok=True)
        options = {"treatments": ["nothing"], "seeds": [0, 1], "cache": cache} | options
        return study(options.pop("estimators", estimators), **options), lines(log)

    first, ran = again()
    assert len(ran) == 2
    second, ran = again()
    assert ran == []
    pd.testing.assert_frame_equal(first, second)  # seconds and memory, too
    third, ran = again(seeds=[1, 2, 0], treatments=["RandomUnderSampler", "nothing"])
    assert len(ran) == 4
    np.testing.assert_array_equal(
        third.query("treatment == 'nothing' and seed < 2").sort_values("seed", kind="stable").value,
        first.value,
    )
    # Names are nothing that a result depends on.
    _, ran = again(estimators={"other": clone(estimators["logged"])}, treatments={"none": None})
    assert ran == []
    _, ran = again(n_jobs=2)
    assert ran == []
    for change in (
        {"ratios": [4]},
        {"permutations": [1]},
        {"profiles": ["step"]},
        {"data": (X, y, X_test[::-1], y_test[::-1])},
        {"cache": tmp_path / "elsewhere"},
        {"cache": None},
    ):
        _, ran = again(**change)
        assert len(ran) == 2, change


def test_runs_that_ended_before_an_error_are_kept(tmp_path):
    log = tmp_path / "log"
    options = {"treatments": ["nothing"], "cache": tmp_path / "cache"}
    with pytest.raises(AssertionError, match="A run began"):
        both = {"logged": Logged(str(log)), "untouched": Untouched()}
        study(both, on_error="raise", **options)
    study({"logged": Logged(str(log))}, **options)
    assert len(lines(log)) == 1


SCRIPT = """
import sys
from pathlib import Path
from test_imbalance_study import Logged, study
folder = Path(sys.argv[1])
frame = study(
    {"logged": Logged(str(folder / "log"), seconds=0.2)},
    treatments=["nothing", "RandomOverSampler"],
    seeds=range(6),
    n_jobs=int(sys.argv[2]),
    cache=folder / "cache",
)
frame.to_csv(folder / "frame.csv")
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_after_a_kill_only_what_is_missing_is_done(tmp_path, n_jobs):
    log = tmp_path / "log"
    process = children.start(SCRIPT, tmp_path, n_jobs, session=True)
    try:
        deadline = time.monotonic() + 120
        while len(lines(log)) < 5:
            assert process.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
    begun = len(lines(log))
    assert 5 <= begun < 12
    assert not (tmp_path / "frame.csv").exists()
    children.run(SCRIPT, tmp_path, n_jobs, out=tmp_path / "out")
    # Of those that had begun, at most one a worker had not ended.
    assert 12 <= len(lines(log)) <= 12 + n_jobs
    assert len(set(lines(log))) == 12
    frame = pd.read_csv(tmp_path / "frame.csv")
    assert (frame.groupby("metric").size().loc[["accuracy", "recall"]] == [12, 120]).all()


@pytest.mark.parametrize(
    ("sampler", "names", "shape"),
    [
        (SMOTE(k_neighbors=2), None, (8, 8)),
        (SMOTE(k_neighbors=2), [f"x{i}" for i in range(64)], (1, 64)),
        (RandomOverSampler(), None, "auto"),
    ],
)
def test_images_stay_images_where_a_sampler_invents_some(sampler, names, shape):
    X = DIGITS.data if names is None else pd.DataFrame(DIGITS.data, columns=names)
    model = treated(MLPNetClassifier(max_epochs=1, random_state=0), sampler)
    keep_layout(model, X)
    assert model[-1].image_shape == shape
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = model.fit(X, DIGITS.target)
    assert fitted[-1].image_shape_ == ((8, 8) if names is None else (1, 64))
