"""Dropping in for scikit-learn's own: votes, stacks and bags of several kinds, curves."""

import joblib
import numpy as np
import pytest
from clothes import architectures, as_images, net, pick
from common import FAST
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    LearningCurveDisplay,
    StratifiedKFold,
    ValidationCurveDisplay,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.semi_supervised import SelfTrainingClassifier

CLASSES = ["Bag", "Sneaker", "Trouser"]
X, y = pick(dict.fromkeys(CLASSES, 50))
X_test, y_test = pick(dict.fromkeys(CLASSES, 40), start=50)
FOLDS = StratifiedKFold(3)


def kinds(cls):
    linear = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=1000))
    forest = RandomForestClassifier(20, random_state=0)
    return [("net", net(cls)), ("linear", linear), ("forest", forest)]


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_vote_of_different_kinds_weighs_its_members(learning_class, voting):
    vote = VotingClassifier(kinds(learning_class), voting=voting, weights=[5, 1, 1]).fit(X, y)
    assert vote.score(X_test, y_test) > 0.9
    # Five of seven votes are a majority.
    if voting == "hard":
        alone = net(learning_class).fit(X, y)
        np.testing.assert_array_equal(vote.predict(X_test), alone.predict(X_test))
    else:
        members = [clone(member).fit(X, y) for _, member in kinds(learning_class)]
        proba = np.average([m.predict_proba(X_test) for m in members], axis=0, weights=[5, 1, 1])
        np.testing.assert_allclose(vote.predict_proba(X_test), proba)


@pytest.mark.slow
def test_vote_of_the_package_s_own_kinds_can_be_searched():
    nets = [(cls.__name__, net(cls)) for cls in FAST]
    vote = VotingClassifier(nets, voting="soft")
    grid = {f"{nets[0][0]}__lr": [1e-4, 5e-3], nets[1][0]: [nets[1][1], "drop"]}
    with joblib.parallel_config("loky", max_nbytes="10K"):
        search = GridSearchCV(vote, grid, cv=FOLDS, n_jobs=2).fit(X, y)
    alone = GridSearchCV(vote, grid, cv=FOLDS).fit(X, y)
    for column in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(search.cv_results_[column], alone.cv_results_[column])
    assert search.score(X_test, y_test) > 0.85


def test_members_of_a_vote_are_fitted_in_threads_as_alone(fast_class):
    members = [(f"net{i}", net(fast_class, random_state=i)) for i in range(3)]
    vote = VotingClassifier(members, voting="soft", n_jobs=3)
    alone = clone(vote).set_params(n_jobs=None).fit(X, y)
    with joblib.parallel_config("threading"):
        together = vote.fit(X, y)
    np.testing.assert_array_equal(together.predict_proba(X_test), alone.predict_proba(X_test))


@pytest.mark.parametrize("passthrough", [False, True])
def test_stack_of_different_kinds_learns_whom_to_trust(learning_class, passthrough):
    members = [("net", net(learning_class)), ("noise", DummyClassifier())]
    final = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=1000))
    stack = StackingClassifier(members, final, cv=FOLDS, passthrough=passthrough)
    stack.fit(X, y)
    assert stack.score(X_test, y_test) > 0.85
    n_columns = 6 + 784 * passthrough
    assert stack.transform(X_test).shape == (120, n_columns)
    np.testing.assert_array_equal(
        stack.transform(X_test)[:, :3], net(learning_class).fit(X, y).predict_proba(X_test)
    )


def test_stack_of_fitted_nets_trains_nothing_again(fast_class):
    fitted = net(fast_class).fit(X, y)
    before = fitted.net_
    stack = StackingClassifier([("net", fitted)], LogisticRegression(), cv="prefit")
    stack.fit(as_images(X_test), y_test)
    assert stack.named_estimators_["net"].net_ is before
    assert stack.score(X, y) > 0.9
    frozen = StackingClassifier([("net", FrozenEstimator(fitted))], LogisticRegression(), cv=FOLDS)
    np.testing.assert_array_equal(frozen.fit(X_test, y_test).predict(X), stack.predict(X))


def test_bag_of_parts_of_rows_and_of_pixels(learning_class):
    bag = BaggingClassifier(
        net(learning_class, max_epochs=10),
        n_estimators=4,
        max_samples=0.8,
        max_features=225,  # an odd picture of 15 x 15 pixels
        bootstrap=False,
        random_state=0,
    ).fit(X, y)
    assert [member.image_shape_ for member in bag.estimators_] == [(15, 15)] * 4
    assert bag.score(X_test, y_test) > 0.7
    mean = np.mean(
        [
            member.predict_proba(X_test[:, columns])
            for member, columns in zip(bag.estimators_, bag.estimators_features_, strict=True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(bag.predict_proba(X_test), mean)


@pytest.mark.slow
def test_bag_judges_itself_by_the_rows_left_out(fast_class):
    options = {"n_estimators": 12, "max_samples": 0.5, "oob_score": True}
    bag = BaggingClassifier(net(fast_class, max_epochs=6), **options, random_state=0)
    assert bag.fit(X, y).oob_score_ > 0.85
    with joblib.parallel_config("loky", max_nbytes="10K"):
        parallel = clone(bag).set_params(n_jobs=2).fit(X, y)
    assert parallel.oob_score_ == bag.oob_score_
    # The workers' sums are added up in another order.
    np.testing.assert_allclose(parallel.predict_proba(X_test), bag.predict_proba(X_test))


def test_self_training_takes_the_surest_rows(fast_class):
    labels = y.astype(object)
    labels[30:] = -1
    training = SelfTrainingClassifier(
        net(fast_class, max_epochs=20), criterion="k_best", k_best=40, max_iter=3
    ).fit(X, labels)
    assert np.bincount(training.labeled_iter_.astype(int)).tolist() == [30, 40, 40, 40]
    assert training.termination_condition_ in {"all_labeled", "max_iter"}
    assert (training.transduction_ == y).mean() > 0.8


def test_learning_curve_display(learning_class):
    pytest.importorskip("matplotlib").use("Agg")
    options = {"train_sizes": [12, 90], "cv": FOLDS, "shuffle": True, "random_state": 0}
    display = LearningCurveDisplay.from_estimator(net(learning_class), X, y, **options)
    few, many = display.test_scores.mean(axis=1)
    assert many > 0.85
    assert many > few
    assert len(display.lines_) == 2
    # Images of four dimensions, in threads: the same curve.
    with joblib.parallel_config("threading"):
        sizes, _, scores = learning_curve(net(learning_class), as_images(X), y, n_jobs=2, **options)
    assert sizes.tolist() == [12, 90]
    np.testing.assert_array_equal(scores, display.test_scores)


def test_learning_curve_that_goes_on_from_part_to_part(fast_class):
    """`exploit_incremental_learning` calls partial_fit with more and more rows."""
    _, _, scores = learning_curve(
        net(fast_class, batch_size=8),
        *(X, y),
        train_sizes=[30, 60, 100],
        cv=FOLDS,
        exploit_incremental_learning=True,
        shuffle=True,
        random_state=0,
    )
    assert scores.mean(axis=1)[-1] > scores.mean(axis=1)[0]


def test_validation_curve_display(learning_class):
    pytest.importorskip("matplotlib").use("Agg")
    # Sizes of layers are tuples, which an axis cannot show; numbers it can.
    name, values = next(iter(architectures(learning_class).items()))
    values = [value if np.isscalar(value) else value[0] for value in values][:2]
    display = ValidationCurveDisplay.from_estimator(
        net(learning_class), X, y, param_name=name, param_range=values, cv=FOLDS
    )
    assert list(display.param_range) == values
    assert np.ptp(display.test_scores) > 0
    rates = [1e-6, net(learning_class).lr]
    display = ValidationCurveDisplay.from_estimator(
        net(learning_class), X, y, param_name="lr", param_range=rates, cv=FOLDS
    )
    slow, right = display.test_scores.mean(axis=1)
    assert right > 0.85
    assert right > slow
    assert display.param_name == "lr"
