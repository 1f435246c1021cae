"""Distillation: soft targets and teachers, through fitted classifiers."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from common import small, weights_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from test_checkpoints import Stop, interrupt, noisy

from skfashion import Augmentation, ConvNetClassifier, MLPNetClassifier
from skfashion.ensemble import SnapshotEnsembleClassifier
from skfashion.model_selection import EpochHalvingSearchCV


@pytest.fixture(scope="module")
def soft(digits):
    """Probabilities for the digits: of the label most, of others what a seed says."""
    _, y = digits
    return softmax(np.random.RandomState(0).normal(size=(len(y), 10)) + 3 * np.eye(10)[y], axis=1)


@pytest.fixture(scope="module")
def teacher(digits):
    return RandomForestClassifier(20, random_state=0).fit(*digits)


def distilled(cls, **params):
    """Return a small net that learns soft targets alone."""
    return small(cls, **({"distillation_weight": 1.0} | params))


def same(one, two):
    assert_array_equal(weights_of(one), weights_of(two))
    assert one.loss_curve_ == two.loss_curve_


def differ(one, two):
    assert not np.allclose(weights_of(one), weights_of(two), rtol=1e-3, atol=1e-4)


# --- what is minimised ----------------------------------------------------------------------------


def softened(p, temperature):
    return p ** (1 / temperature) / (p ** (1 / temperature)).sum(axis=1, keepdims=True)


def hinton(z, p, temperature):
    """The paper's term: both distributions at a temperature, times its square."""
    q = log_softmax(z / temperature, axis=1)
    return -(temperature**2) * (softened(p, temperature) * q).sum(axis=1)


# Losses of rows by their labels alone.
OF_LABELS = {
    "cross_entropy": ({}, lambda log_p, y: -log_p[np.arange(len(y)), y]),
    "smoothed": (
        {"label_smoothing": 0.2},
        lambda log_p, y: -((0.8 * np.eye(10)[y] + 0.02) * log_p).sum(axis=1),
    ),
    "focal": (
        {"loss": "focal"},
        lambda log_p, y: (-((1 - np.exp(log_p)) ** 2) * log_p)[np.arange(len(y)), y],
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("kind", OF_LABELS)
def test_the_loss_is_the_papers(kind, temperature, weighted, digits, soft):
    X, y = digits
    weights = np.linspace(0.5, 2, len(y)) if weighted else None
    params, of_labels = OF_LABELS[kind]
    # A step so small that the loss is that of the logits that are predicted.
    still = {"lr": 1e-9, "optimizer": "sgd", "weight_decay": 0.0, "precision": "fp64"}
    net = MLPNetClassifier(
        **still, hidden_layer_sizes=(7,), max_epochs=1, batch_size=999, random_state=0, **params
    )
    net.set_params(distillation_weight=0.7, distillation_temperature=temperature)
    net.fit(X, y, weights, soft_targets=soft)
    z = net.decision_function(X)
    losses = 0.3 * of_labels(log_softmax(z, axis=1), y) + 0.7 * hinton(z, soft, temperature)
    assert_allclose(net.loss_curve_[0], np.average(losses, weights=weights), rtol=1e-6)


def test_soft_targets_that_are_the_labels_are_the_labels(estimator_class, digits):
    X, y = digits
    params = {"precision": "fp64", "max_epochs": 2}
    net = distilled(estimator_class, **params).fit(
        X[:100], y[:100], soft_targets=np.eye(10)[y[:100]]
    )
    plain = small(estimator_class, **params).fit(X[:100], y[:100])
    assert_allclose(weights_of(net), weights_of(plain), rtol=1e-6, atol=1e-8)


def test_written_out_they_are_so_to_the_last_bit(digits):
    X, y = digits
    plain = small(MLPNetClassifier, batch_norm=False)
    net = clone(plain).set_params(distillation_weight=1.0).fit(X, y, soft_targets=np.eye(10)[y])
    same(net, plain.fit(X, y))


def test_their_parameters_alone_change_nothing(fast_class, digits):
    params = {"distillation_weight": 0.5, "distillation_temperature": 4.0}
    same(small(fast_class, **params).fit(*digits), small(fast_class).fit(*digits))


def test_a_net_learns_what_its_labels_do_not_say(digits):
    X, y = digits
    shifted = np.eye(10)[(y + 1) % 10]
    net = distilled(MLPNetClassifier, max_epochs=20).fit(X, y, soft_targets=shifted)
    assert np.mean(net.predict(X) == (y + 1) % 10) > 0.95
    assert net.history_.train_accuracy.iloc[-1] < 0.05  # which is that of the labels


def test_a_low_temperature_leaves_the_most_probable_class(digits):
    # 0.4 to the power of 1,000 is no number of float64: the label would be all that is left.
    X, y = digits
    others = 0.4 * np.eye(10)[(y + 1) % 10] + 0.06
    net = distilled(MLPNetClassifier, max_epochs=20, distillation_temperature=1e-3)
    # The square of the temperature is a factor of the loss.
    net.set_params(optimizer="adam").fit(X, y, soft_targets=others)
    assert np.mean(net.predict(X) == (y + 1) % 10) > 0.9


def test_columns_are_in_the_order_of_the_sorted_labels(digits, soft):
    X, y = digits
    names = np.array(list("jihgfedcba"))[y]  # sorted the other way round
    net = distilled(MLPNetClassifier).fit(X, names, soft_targets=soft[:, ::-1])
    reversed_net = distilled(MLPNetClassifier).fit(X, 9 - y, soft_targets=soft[:, ::-1])
    same(net, reversed_net)
    assert_array_equal(net.classes_, list("abcdefghij"))


@pytest.mark.parametrize("convert", [list, pd.DataFrame, lambda p: p[:, ::-1][:, ::-1]])
def test_soft_targets_of_any_kind(convert, digits, soft):
    given = convert(soft)
    same(*(small(MLPNetClassifier).fit(*digits, soft_targets=p) for p in (soft, given)))


# --- rows: weights, parts held out, drawn, mixed --------------------------------------------------


def test_rows_of_weight_0_have_no_influence(fast_class, digits, soft):
    X, y = digits
    weights = np.arange(300) % 3 > 0
    kept = distilled(fast_class).fit(X[weights], y[weights], soft_targets=soft[weights])
    net = distilled(fast_class).fit(X, y, weights.astype(float), soft_targets=soft)
    same(net, kept)


def test_rows_held_out_teach_nothing_and_are_judged_by_their_labels(digits, soft):
    X, y = digits
    splitter = ShuffleSplit(1, test_size=90, random_state=0)
    _, held_out = next(splitter.split(X))

    def stopping(targets):
        net = distilled(MLPNetClassifier, early_stopping=True, validation_split=splitter)
        return net.fit(X, y, soft_targets=targets)

    net, without = stopping(soft), soft.copy()
    without[held_out] = 0.1
    same(net, stopping(without))
    log_p = net.predict_log_proba(X[held_out])[np.arange(90), y[held_out]]
    assert_allclose(max(net.validation_scores_), log_p.mean(), rtol=1e-5)


@pytest.mark.parametrize("params", [{"sampling": "sqrt"}, {"class_weight": {3: 5.0}}], ids=str)
def test_they_are_moved_to_the_frequencies_that_the_net_meets(params, digits):
    # Rows that look all the same, of which the labels are drawn from p: what a net can learn of
    # them is p, or where rows of one class count more, what follows from that.
    X = np.ones((1000, 2), dtype=np.float32)
    y = np.repeat([0, 3, 7], [600, 300, 100])
    p = np.tile([0.6, 0.3, 0.1], (1000, 1))
    common = {"lr": 0.05, "hidden_layer_sizes": (), "max_epochs": 20, "random_state": 0, **params}
    of_labels = MLPNetClassifier(**common).fit(X, y)
    net = MLPNetClassifier(distillation_weight=1.0, **common).fit(X, y, soft_targets=p)
    assert_allclose(net.predict_proba(X[:1])[0], net.effective_class_prior_, atol=0.01)
    assert_allclose(of_labels.predict_proba(X[:1]), net.predict_proba(X[:1]), atol=0.02)
    back = net.set_params(prior="train").predict_proba(X[:1])
    assert_allclose(back, p[:1], atol=0.01)


def test_a_row_all_of_whose_probability_is_weighed_away_keeps_its_label(digits):
    X, y = digits
    weight = dict.fromkeys(range(10), 1.0) | {0: 0.0}
    zeros = np.eye(10)[np.zeros(300, dtype=int)]
    net = distilled(MLPNetClassifier, class_weight=weight)
    of_labels = clone(net).fit(X, y, soft_targets=np.eye(10)[y])
    same(net.fit(X, y, soft_targets=zeros), of_labels)


def test_offsets_are_added_in_both_terms():
    X = np.ones((1000, 2), dtype=np.float32)
    y = np.repeat([0, 3, 7], [600, 300, 100])
    p = np.tile([0.6, 0.3, 0.1], (1000, 1))
    common = {"lr": 0.05, "hidden_layer_sizes": (), "max_epochs": 20, "random_state": 0}
    net = MLPNetClassifier(loss="balanced_softmax", distillation_temperature=2.0, **common)
    assert_allclose(net.fit(X, y, soft_targets=p).predict_proba(X[:1])[0], 1 / 3, atol=0.02)


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
@pytest.mark.parametrize("weighted", [False, True])
def test_images_that_are_mixed_mix_their_soft_targets(kind, weighted, digits):
    X, y = digits
    weights = np.linspace(0.5, 2, 300) if weighted else None
    params = {"precision": "fp64", "augment": Augmentation(**{kind: 0.5}), "batch_norm": False}
    others = (y + 1) % 10
    of_labels = small(MLPNetClassifier, **params).fit(X, others, weights)
    net = distilled(MLPNetClassifier, **params).fit(X, y, weights, soft_targets=np.eye(10)[others])
    assert_allclose(weights_of(net), weights_of(of_labels), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("augment", ["flip+shift", lambda images, generator: images.flip(-1)])
def test_images_that_are_changed_keep_theirs(augment, digits):
    X, y = digits
    params, others = {"precision": "fp64", "augment": augment}, (y + 1) % 10
    of_labels = small(MLPNetClassifier, **params).fit(X, others)
    net = distilled(MLPNetClassifier, **params).fit(X, y, soft_targets=np.eye(10)[others])
    assert_allclose(weights_of(net), weights_of(of_labels), rtol=1e-6, atol=1e-9)


def test_rows_that_are_drawn_bring_their_own(digits):
    X, y = digits
    params = {"sampling": {i: 1 + i for i in range(10)}, "precision": "fp64", "max_epochs": 2}
    net = distilled(MLPNetClassifier, **params).fit(X, y, soft_targets=np.eye(10)[y])
    plain = small(MLPNetClassifier, **params).fit(X, y)
    assert_allclose(weights_of(net), weights_of(plain), rtol=1e-6, atol=1e-9)


def test_sparse_rows(digits, soft):
    X, y = digits
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    for given in ({"soft_targets": soft}, {}):
        net = small(MLPNetClassifier, image_shape=(1, 64))
        if not given:
            net.set_params(teacher=FrozenEstimator(forest))
        nets = [clone(net).fit(rows, y, **given) for rows in (X, csr_matrix(X.astype(np.float32)))]
        assert_allclose(*map(weights_of, nets), rtol=1e-4, atol=1e-5)


def test_a_step_of_many_evaluations_sees_them(digits, soft):
    X, y = digits
    net = distilled(MLPNetClassifier, optimizer=torch.optim.LBFGS, lr=0.1, batch_size=300)
    net.fit(X, y, soft_targets=np.eye(10)[(y + 1) % 10])
    assert net.score(X, y) < 0.2


# --- what is refused ------------------------------------------------------------------------------


def changed(soft, row, values):
    p = soft.copy()
    p[row] = values
    return p


BAD = {
    r"shape \(300,\), expected \(300, 10\): one column for each label of y": lambda p: p[:, 0],
    r"shape \(300, 9\), expected \(300, 10\)": lambda p: p[:, :9],
    r"shape \(299, 10\), expected \(300, 10\)": lambda p: p[1:],
    "soft_targets contains NaN": lambda p: changed(p, 3, np.nan),
    "soft_targets contains infinity": lambda p: changed(p, 3, np.inf),
    "1 rows that are no probabilities, the first in row 7, of sum 2": lambda p: changed(p, 7, 0.2),
    "smallest number -0.2": lambda p: changed(p, 7, [1.2, -0.2, *[0] * 8]),
    "300 rows .* by a softmax": np.log,
    "soft_targets with 10 masked values": lambda p: np.ma.masked_array(p, changed(0 * p, 1, 1)),
}


@pytest.mark.parametrize("match", BAD)
def test_what_is_no_distribution_is_refused_and_nothing_is_half_done(match, digits, soft):
    net = small(MLPNetClassifier).fit(*digits)
    before = weights_of(net).copy()
    with pytest.raises(ValueError, match=match):
        net.fit(*digits, soft_targets=BAD[match](soft))
    assert_array_equal(weights_of(net), before)


def test_float16_has_rows_of_sum_1(digits, soft):
    small(MLPNetClassifier, max_epochs=1).fit(*digits, soft_targets=soft.astype(np.float16))


def test_what_does_not_go_together_is_refused_by_name(digits, soft, teacher):
    net = small(MLPNetClassifier, teacher=FrozenEstimator(teacher))
    with pytest.raises(ValueError, match="Got soft_targets and teacher, expected one of them"):
        net.fit(*digits, soft_targets=soft)
    net.set_params(deferred_reweighting=0.5)
    with pytest.raises(ValueError, match="Got deferred_reweighting=0.5 with teacher, .* None"):
        net.fit(*digits)
    for name, value in (("distillation_weight", 0), ("distillation_temperature", 0)):
        with pytest.raises(ValueError, match=f"The {name!r} parameter"):
            small(MLPNetClassifier, **{name: value}).fit(*digits)


# --- a teacher ------------------------------------------------------------------------------------


def test_a_teacher_is_its_soft_targets(estimator_class, digits, teacher):
    X, y = digits[0][:100], digits[1][:100]
    net = small(estimator_class, teacher=FrozenEstimator(teacher), max_epochs=2).fit(X, y)
    # A forest's probabilities are few, and float32 all but holds them.
    given = small(estimator_class, max_epochs=2).fit(X, y, soft_targets=teacher.predict_proba(X))
    assert_allclose(weights_of(net), weights_of(given), rtol=1e-3, atol=1e-4)
    differ(net, small(estimator_class, max_epochs=2).fit(X, y))


def test_a_teacher_is_neither_cloned_nor_fitted(digits, teacher):
    net = small(MLPNetClassifier, teacher=FrozenEstimator(teacher))
    assert clone(net).teacher.estimator is teacher
    trees = teacher.estimators_
    search = GridSearchCV(net, {"lr": [1e-3, 1e-2]}, cv=2).fit(*digits)
    assert search.best_estimator_.teacher.estimator is teacher
    assert teacher.estimators_ is trees
    with pytest.raises(ValueError, match="set parameters of the inner estimator"):
        net.set_params(teacher__n_estimators=3)


def test_a_teacher_with_its_labels_in_another_order(digits):
    X, y = digits

    class Backwards(LogisticRegression):
        """A classifier whose classes are not sorted."""

        def fit(self, X, y):
            super().fit(X, y)
            self.classes_, self.coef_ = self.classes_[::-1], self.coef_[::-1]
            self.intercept_ = self.intercept_[::-1]
            return self

    names = np.array(list("jihgfedcba"))[y]
    straight, backwards = (
        make_pipeline(StandardScaler(), cls()).fit(X, names)
        for cls in (LogisticRegression, Backwards)
    )
    nets = [
        small(MLPNetClassifier, teacher=FrozenEstimator(one)).fit(X, names)
        for one in (straight, backwards)
    ]
    assert_allclose(*map(weights_of, nets), rtol=1e-4, atol=1e-5)


def test_a_teacher_may_know_more_classes(digits, teacher):
    X, y = digits
    few = y < 4
    net = small(MLPNetClassifier, teacher=FrozenEstimator(teacher), precision="fp64")
    p = teacher.predict_proba(X[few])[:, :4].astype(np.float32).astype(float)
    given = clone(net).set_params(teacher=None)
    given.fit(X[few], y[few], soft_targets=p / p.sum(axis=1, keepdims=True))
    assert_allclose(weights_of(net.fit(X[few], y[few])), weights_of(given), rtol=1e-6, atol=1e-9)


def test_a_teacher_sees_rows_as_they_were_passed(digits, teacher):
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    of_frames = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, y)
    small(MLPNetClassifier, teacher=FrozenEstimator(of_frames)).fit(frame, y)  # without a warning
    images = X.reshape(-1, 8, 8)
    conv = FrozenEstimator(small(ConvNetClassifier).fit(images, y))
    flat, square = (small(MLPNetClassifier, teacher=conv).fit(rows, y) for rows in (X, images))
    same(flat, square)


def test_what_is_no_teacher_is_refused(digits, teacher):
    X, y = digits

    def taught_by(source, y=y):
        return small(MLPNetClassifier, teacher=source).fit(X, y)

    with pytest.raises(ValueError, match=r"Use\s+teacher=sklearn.frozen.FrozenEstimator\(teach"):
        taught_by(teacher)
    with pytest.raises(ValueError, match=r"FrozenEstimator\(SVC\(...\)\), expected a fitted"):
        taught_by(FrozenEstimator(SVC().fit(X, y)))
    for unfitted in (RandomForestClassifier(), small(MLPNetClassifier), make_pipeline(SVC())):
        with pytest.raises(ValueError, match="expected a fitted classifier with predict_proba"):
            taught_by(FrozenEstimator(unfitted))
    for labels in (y + 1, np.array(list("abcdefghij"))[y]):
        with pytest.raises(ValueError, match="labels that it does not know: .* all labels of y"):
            taught_by(FrozenEstimator(teacher), labels)


def test_a_teacher_whose_probabilities_are_none_is_refused(digits):
    class Unsure(LogisticRegression):
        def predict_proba(self, X):
            return 2 * super().predict_proba(X)

    with pytest.raises(ValueError, match=r"Got predict_proba of teacher=Fro.*Unsure.* of sum 2"):
        small(MLPNetClassifier, teacher=FrozenEstimator(Unsure().fit(*digits))).fit(*digits)


def test_a_pickle_holds_the_teacher(digits, teacher):
    net = small(MLPNetClassifier, teacher=FrozenEstimator(teacher)).fit(*digits)
    again = pickle.loads(pickle.dumps(net))
    assert_array_equal(again.predict_proba(digits[0]), net.predict_proba(digits[0]))
    same(again.fit(*digits), net)


# --- parts, pauses, checkpoints -------------------------------------------------------------------


def test_parts_are_taught_by_the_teacher(fast_class, digits, teacher):
    X, y = digits
    net = distilled(fast_class, teacher=FrozenEstimator(teacher))
    swapped = FrozenEstimator(RandomForestClassifier(20, random_state=0).fit(X, (y + 1) % 10))
    for _ in range(15):
        net.partial_fit(X, y, classes=range(10))
    assert net.score(X, y) > 0.9
    net.set_params(teacher=swapped)
    for _ in range(15):
        net.partial_fit(X, y)
    assert net.score(X, (y + 1) % 10) > 0.9
    net.set_params(teacher=None).partial_fit(X, y)


def test_the_temperature_of_parts_is_that_of_the_first(digits, teacher):
    X, y = digits
    params = {"teacher": FrozenEstimator(teacher), "distillation_temperature": 3.0}
    one, two = (small(MLPNetClassifier, **params).partial_fit(X, y, range(10)) for _ in range(2))
    one.set_params(distillation_temperature=1.0).partial_fit(X, y)
    assert_array_equal(weights_of(one), weights_of(two.partial_fit(X, y)))


def test_an_old_pickle_can_be_taught(digits, teacher):
    net = small(MLPNetClassifier).partial_fit(*digits, classes=range(10))
    for name in ("soft_weight", "temperature"):
        delattr(net.net_.criterion_, name)
    old = pickle.loads(pickle.dumps(net))
    old.set_params(teacher=FrozenEstimator(teacher)).partial_fit(*digits)


def test_a_warm_start_takes_others(digits, soft):
    net = small(MLPNetClassifier, warm_start=True).fit(*digits)
    plain = clone(net).fit(*digits).fit(*digits)
    differ(net.fit(*digits, soft_targets=soft), plain)


def test_a_checkpoint_belongs_to_its_soft_targets(tmp_path, digits, soft):
    X, y = digits
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path)
    interrupt(net, X, y, 4, soft_targets=soft)
    (path,) = tmp_path.glob("*.ckpt")
    named = noisy(MLPNetClassifier, checkpoint_dir=path, scoring=Stop(0))
    for other in (soft[:, ::-1], None):
        with pytest.raises(ValueError, match=r"data soft_targets: \w+ there, \w+ here"):
            named.fit(X, y, soft_targets=other)
    interrupt(net, X, y, 4, soft_targets=soft[:, ::-1])  # begins anew, in a file of its own
    assert len(list(tmp_path.glob("*.ckpt"))) == 2
    net.set_params(scoring=Stop(0)).fit(X, y, soft_targets=soft)
    whole = noisy(MLPNetClassifier, scoring=Stop(0)).fit(X, y, soft_targets=soft)
    assert_array_equal(weights_of(net), weights_of(whole))


def test_a_checkpoint_belongs_to_what_its_teacher_says(tmp_path, digits, teacher):
    X, y = digits
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, teacher=FrozenEstimator(teacher))
    interrupt(net, X, y, 4)
    # A forest with other parameters may say the same; another forest does not.
    like_it = pickle.loads(pickle.dumps(teacher)).set_params(verbose=0, warm_start=True)
    net.set_params(teacher=FrozenEstimator(like_it))
    interrupt(net, X, y, 2)
    other = RandomForestClassifier(3, random_state=1).fit(X, y)
    interrupt(net.set_params(teacher=FrozenEstimator(other)), X, y, 2)
    assert len(list(tmp_path.glob("*.ckpt"))) == 2


def test_the_last_digits_of_a_teacher_are_nothing_to_a_checkpoint(tmp_path, digits):
    class Trembling(LogisticRegression):
        """A teacher whose sums are made in another order each time."""

        def predict_proba(self, X):
            self.asked_ = getattr(self, "asked_", 0) + 1
            return super().predict_proba(X) * (1 + 1e-15 * self.asked_)

    X, y = digits
    teacher = FrozenEstimator(make_pipeline(StandardScaler(), Trembling()).fit(X, y))
    net = noisy(MLPNetClassifier, checkpoint_dir=tmp_path, teacher=teacher)
    for _ in range(2):
        interrupt(net, X, y, 2)
    assert len(list(tmp_path.glob("*.ckpt"))) == 1


def test_paused_trainings_are_taught_in_each_part(digits, soft, teacher):
    X, y = digits
    for net, given in (
        (small(MLPNetClassifier), {"soft_targets": soft}),
        (small(MLPNetClassifier, teacher=FrozenEstimator(teacher)), {}),
    ):
        whole = clone(net).fit(X, y, **given)
        paused = None
        for until in (1, 3):
            net = clone(net)
            paused = net._fit_until(X, y, until=until, paused=paused, **given)
        same(net, whole)


# --- pipelines and searches -----------------------------------------------------------------------


def test_soft_targets_arrive_through_pipelines_and_searches(digits, soft):
    X, y = digits
    folds = StratifiedKFold(2)
    net = small(MLPNetClassifier)
    name = "mlpnetclassifier__soft_targets"
    expected = make_pipeline(StandardScaler(), clone(net)).fit(X, y, **{name: soft})
    search = GridSearchCV(make_pipeline(StandardScaler(), net), {}, cv=folds)
    same(search.fit(X, y, **{name: soft}).best_estimator_[-1], expected[-1])
    with config_context(enable_metadata_routing=True):
        asking = clone(net).set_fit_request(soft_targets=True)
        routed = GridSearchCV(make_pipeline(StandardScaler(), asking), {}, cv=folds)
        same(routed.fit(X, y, soft_targets=soft).best_estimator_[-1], expected[-1])
    assert_array_equal(routed.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])
    (train, test), _ = folds.split(X, y)
    fold = make_pipeline(StandardScaler(), net).fit(X[train], y[train], **{name: soft[train]})
    assert search.cv_results_["split0_test_score"][0] == fold.score(X[test], y[test])


def test_halving_over_epochs_passes_them_on(digits, soft, teacher):
    X, y = digits
    for net, given in (
        (distilled(MLPNetClassifier), {"soft_targets": np.eye(10)[(y + 1) % 10]}),
        (small(MLPNetClassifier, teacher=FrozenEstimator(teacher)), {}),
    ):
        search = EpochHalvingSearchCV(
            net, {"lr": [1e-4, 1e-2]}, max_resources=9, cv=2, random_state=0
        ).fit(X, y, **given)
        best = search.best_estimator_
        same(clone(best).fit(X, y, **given), best)
        assert (best.score(X, y) < 0.2) == ("soft_targets" in given)


def test_snapshots_pass_them_on(digits, soft):
    net = small(MLPNetClassifier, max_epochs=2)
    ensemble = SnapshotEnsembleClassifier(net, n_snapshots=2).fit(*digits, soft_targets=soft)
    first = clone(net).set_params(max_epochs=1).fit(*digits, soft_targets=soft)
    assert_array_equal(weights_of(ensemble.estimators_[0]), weights_of(first))
