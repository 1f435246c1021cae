"""Early stopping, scores, targets and validation data of the user's."""

import numpy as np
import pandas as pd
import pytest
import torch
from common import small, weights_of
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.metrics import make_scorer, recall_score

from skfashion import MLPNetClassifier


def clone_and_fit(net, X, y):
    return type(net)(**net.get_params()).fit(X, y)


def test_early_stopping_restores_the_best_epoch(any_class, digits):
    X, y = digits
    net = small(
        any_class,
        lr_schedule="constant",
        lr=0.03,
        max_epochs=60,
        scoring="accuracy",
        early_stopping=True,
        n_iter_no_change=4,
    )
    net.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    scores = net.validation_scores_
    assert net.n_iter_ == len(scores) < 60
    assert np.argmax(scores) == len(scores) - 5
    assert net.best_validation_score_ == max(scores) == net.score(X[150:], y[150:])


def test_early_stopping_holds_out_rows_and_learns_nothing_from_them(digits):
    X, y = digits
    net = small(MLPNetClassifier, early_stopping=True, validation_fraction=0.25, max_epochs=2)
    net.fit(X, y)
    statistics = net.net_.module_.standardize.mean.clone()
    # Change every row by turn: those held out leave the statistics untouched.
    untouched = []
    for row in range(0, len(X), 7):
        changed = X.copy()
        changed[row] = 255
        again = clone_and_fit(net, changed, y)
        untouched.append(torch.equal(again.net_.module_.standardize.mean, statistics))
    assert 0.05 < np.mean(untouched) < 0.5


def test_early_stopping_with_string_labels(any_class, fashion):
    X, y = fashion
    net = small(
        any_class,
        early_stopping=True,
        scoring="balanced_accuracy",
        class_weight={"Shirt": 2.0},
    ).fit(X, y)
    assert set(net.predict(X)) <= set(y)
    assert net.predict(X).dtype == y.dtype
    assert 0 < net.best_validation_score_ < 1


def test_held_out_rows_are_stratified(digits):
    X, y = digits
    names = np.where(np.arange(len(y)) < 40, "rare", "common")
    seen = []

    def watch(estimator, X, y):
        seen.append(dict(zip(*np.unique(y, return_counts=True), strict=True)))
        return 0.5

    small(MLPNetClassifier, early_stopping=True, validation_fraction=0.3, scoring=watch).fit(
        X, names
    )
    assert seen == [{"common": 78, "rare": 12}] * 3


def test_class_of_one_row_falls_back_to_an_unstratified_split(digits):
    X, y = digits
    y = np.where(np.arange(len(y)) == 5, 77, y)
    with pytest.warns(UserWarning, match="cannot be stratified.*smallest class has 1 row,"):
        small(MLPNetClassifier, early_stopping=True).fit(X, y)


def test_validation_data_is_only_recorded_without_early_stopping(digits):
    X, y = digits
    watched = small(MLPNetClassifier).fit(X, y, X_val=X[:50], y_val=y[:50])
    plain = small(MLPNetClassifier).fit(X, y)
    np.testing.assert_array_equal(weights_of(watched), weights_of(plain))
    assert plain.validation_scores_ is None
    assert plain.best_validation_score_ is None
    assert "valid_loss" not in plain.history_
    np.testing.assert_allclose(watched.validation_scores_, -watched.history_["valid_loss"])
    assert len(watched.history_) == watched.n_iter_ == 3


def test_scoring_may_be_any_scorer(digits):
    X, y = digits
    recall = make_scorer(recall_score, average="macro")
    for scoring in ("recall_macro", recall, lambda est, X, y: est.score(X, y), None):
        net = small(MLPNetClassifier, scoring=scoring).fit(X, y, X_val=X, y_val=y)
        assert net.validation_scores_[-1] == pytest.approx(recall(net, X, y), abs=0.05)
    without_weights = make_scorer(lambda y_true, y_pred: 1.0)
    for scoring in (lambda est, X, y: 1.0, without_weights, "adjusted_rand_score"):
        net = small(MLPNetClassifier, scoring=scoring, class_weight={3: 2.0})
        with pytest.raises(ValueError, match="takes no sample_weight"):
            net.fit(X, y, X_val=X, y_val=y)
    for scoring in ("roc_auc_ovr", "neg_log_loss", "f1_macro"):
        net = small(MLPNetClassifier, scoring=scoring, class_weight={3: 2.0})
        assert len(net.fit(X, y, X_val=X, y_val=y).validation_scores_) == 3


def test_a_score_of_nan_is_told_with_its_epoch(digits):
    """Once as a warning where it is only recorded, as an error where something depends on it."""
    X, y = digits

    def score(estimator, X, y):
        return np.nan if estimator.n_iter_ > 1 else 0.5

    message = "validation score of NaN in epoch 2 from scoring=.*score"
    net = small(MLPNetClassifier, scoring=score)
    with pytest.warns(UserWarning, match=message) as found:
        net.fit(X, y, X_val=X[:50], y_val=y[:50])
    assert len(found) == 1
    assert np.isnan(net.validation_scores_).tolist() == [False, True, True]
    with pytest.raises(ValueError, match=message):
        clone(net).set_params(early_stopping=True).fit(X, y)
    with pytest.raises(ValueError, match=message):
        clone(net).set_params(target_score=0.9).fit(X, y, X_val=X[:50], y_val=y[:50])


def test_misspelt_scoring_is_refused_even_without_validation(digits):
    with pytest.raises(ValueError, match="'acuracy'"):
        small(MLPNetClassifier, scoring="acuracy").fit(*digits)


def test_validation_arguments_come_together(digits):
    X, y = digits
    with pytest.raises(ValueError, match="Got only X_val, expected X_val and y_val together"):
        MLPNetClassifier().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="Got only sample_weight_val"):
        MLPNetClassifier().fit(X, y, sample_weight_val=np.ones(3))
    with pytest.raises(ValueError, match=r"'a\.png' and more as X_val, .*transform_input"):
        MLPNetClassifier().fit(X, y, X_val=["a.png", "b.png"], y_val=[0, 1])
    with pytest.raises(ValueError, match="Got y_val with the labels"):
        MLPNetClassifier().fit(X, y, X_val=X[:2], y_val=[0, 77])


def test_target_score_of_training_accuracy(digits):
    X, y = digits
    net = small(MLPNetClassifier, target_score=0.7, max_epochs=100, lr_schedule="constant")
    accuracies = net.fit(X, y).history_["train_accuracy"].to_numpy()
    assert accuracies[-1] >= 0.7 > accuracies[:-1].max()
    assert len(accuracies) < 100


def test_target_score_of_validation_data(digits):
    X, y = digits
    net = small(MLPNetClassifier, target_score=0.5, scoring="accuracy", max_epochs=100)
    net.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert net.validation_scores_[-1] >= 0.5 > max(net.validation_scores_[:-1])
    with pytest.raises(ValueError, match="scores are negative losses"):
        small(MLPNetClassifier, target_score=0.5).fit(X, y, X_val=X, y_val=y)
    with pytest.raises(ValueError, match="training accuracy; expected a number from 0 to 1"):
        small(MLPNetClassifier, target_score=90).fit(X, y)
    with pytest.raises(ValueError, match="Got target_score=nan"):
        small(MLPNetClassifier, target_score=np.nan).fit(X, y)


def test_target_score_of_rows_held_out(digits):
    X, y = digits
    net = small(MLPNetClassifier, early_stopping=True, target_score=0.5, scoring="accuracy")
    net.set_params(max_epochs=100, n_iter_no_change=100).fit(X, y)
    assert max(net.validation_scores_[:-1]) < 0.5 <= net.validation_scores_[-1]


def test_monitor_of_a_frame_sees_the_names(digits):
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    monitor = ScoringMonitor(scoring="accuracy")
    net = small(MLPNetClassifier).set_callbacks(monitor).fit(frame, y)
    scores = monitor.get_logs().data_as_pandas
    assert scores["accuracy"].iloc[-1] == net.score(frame, y)
    # Rows without names come next: those of the fit before must not be looked for in them.
    net.fit(X, y)
    assert net.score(X, y) == monitor.get_logs().data_as_pandas["accuracy"].iloc[-1]
