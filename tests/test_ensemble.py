"""Several nets as one: snapshots of one training, and the mean of weights."""

import copy
import pickle

import numpy as np
import pytest
import torch
from clothes import as_images, net, pick
from common import FAST, LEARNING, kinds, light, small, weights_of
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks
from test_common import SAMPLE_WEIGHT_CHECKS

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.ensemble import SnapshotEnsembleClassifier, average_weights

CLASSES = ["Bag", "Sneaker", "Trouser"]
X, y = pick(dict.fromkeys(CLASSES, 50))
X_test, y_test = pick(dict.fromkeys(CLASSES, 40), start=50)
KINDS = kinds(LEARNING, fast=FAST)


# --- snapshots ----------------------------------------------------------------------------------


@parametrize_with_checks(
    [SnapshotEnsembleClassifier(light(MLPNetClassifier, random_state=0), n_snapshots=2)],
    expected_failed_checks=lambda ensemble: SAMPLE_WEIGHT_CHECKS,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def snapshots_of(cls, n_snapshots=3, **params):
    estimator = net(cls, **({"max_epochs": 8} | params))
    return SnapshotEnsembleClassifier(estimator, n_snapshots=n_snapshots)


@pytest.mark.parametrize("cls", KINDS)
def test_snapshots_are_cycles_of_one_training(cls):
    ensemble = snapshots_of(cls).fit(X, y)
    assert [snapshot.n_iter_ for snapshot in ensemble.estimators_] == [3, 3, 2]
    assert ensemble.n_iter_ == 8
    # The first is a plain fit, and the second goes on from there with a schedule of its own.
    first, second, third = ensemble.estimators_
    alone = net(cls, max_epochs=3).fit(X, y)
    np.testing.assert_array_equal(weights_of(first), weights_of(alone))
    alone.set_params(warm_start=True, random_state=second.random_state).fit(X, y)
    np.testing.assert_array_equal(weights_of(second), weights_of(alone))
    assert not np.array_equal(weights_of(second), weights_of(third))
    assert ensemble.score(X_test, y_test) > 0.85


def test_snapshots_vote_with_the_mean_of_their_probabilities(fast_class):
    ensemble = snapshots_of(fast_class).fit(as_images(X), y)
    probabilities = [snapshot.predict_proba(X_test) for snapshot in ensemble.estimators_]
    mean = ensemble.predict_proba(X_test)
    np.testing.assert_allclose(mean, np.mean(probabilities, axis=0))
    np.testing.assert_allclose(ensemble.predict_log_proba(X_test), np.log(mean), rtol=1e-6)
    assert np.ptp(probabilities, axis=0).max() > 0.01
    assert ensemble.predict(X_test).tolist() == np.take(CLASSES, mean.argmax(axis=1)).tolist()


def test_snapshots_leave_the_estimator_alone_and_repeat_themselves():
    ensemble = snapshots_of(MLPNetClassifier).fit(X, y)
    assert not hasattr(ensemble.estimator, "net_")
    assert ensemble.estimator.get_params() == net(MLPNetClassifier, max_epochs=8).get_params()
    assert not any(snapshot.warm_start for snapshot in ensemble.estimators_)
    before = ensemble.predict_proba(X_test)
    loaded = pickle.loads(pickle.dumps(ensemble))
    np.testing.assert_array_equal(loaded.predict_proba(X_test), before)
    np.testing.assert_array_equal(ensemble.fit(X, y).predict_proba(X_test), before)
    # Weights of rows and validation data reach every cycle.
    weights = np.where(y == "Bag", 0.0, 1.0)
    weighted = clone(ensemble).fit(X, y, weights, X_val=X_test, y_val=y_test)
    for snapshot in weighted.estimators_:
        assert snapshot.class_count_.tolist() == [0, 50, 50]
        assert len(snapshot.validation_scores_) == snapshot.n_iter_


def test_auto_epochs_are_shared_out_and_at_least_one_each():
    estimator = net(MLPNetClassifier, max_epochs="auto", batch_size=150)
    whole = clone(estimator).fit(X, y)
    assert SnapshotEnsembleClassifier(estimator, n_snapshots=4).fit(X, y).n_iter_ == whole.n_iter_
    estimator = net(ConvNetClassifier, max_epochs="auto", batch_size=1)
    ensemble = SnapshotEnsembleClassifier(estimator, n_snapshots=6).fit(X, y)
    assert [snapshot.n_iter_ for snapshot in ensemble.estimators_] == [1] * 6


def test_what_makes_no_snapshots_is_refused():
    with pytest.raises(ValueError, match="Got n_snapshots=3 with an estimator of max_epochs=2"):
        snapshots_of(MLPNetClassifier, max_epochs=2).fit(X, y)
    with pytest.raises(ValueError, match="Got an estimator with early_stopping=True, expected"):
        snapshots_of(MLPNetClassifier, early_stopping=True).fit(X, y)
    with pytest.raises(InvalidParameterError, match="The 'estimator' parameter of Snapshot"):
        SnapshotEnsembleClassifier(LogisticRegression()).fit(X, y)
    with pytest.raises(InvalidParameterError, match="The 'n_snapshots' parameter of Snapshot"):
        snapshots_of(MLPNetClassifier, n_snapshots=0).fit(X, y)
    ensemble = snapshots_of(MLPNetClassifier).fit(X, y)
    before = ensemble.predict_proba(X_test)
    ensemble.set_params(estimator__lr=1e30, estimator__optimizer="sgd", estimator__batch_norm=False)
    with pytest.raises(ValueError, match="diverged"):
        ensemble.fit(X, y)
    np.testing.assert_array_equal(ensemble.predict_proba(X_test), before)


def test_snapshots_in_pipelines_searches_and_other_ensembles():
    ensemble = snapshots_of(MLPNetClassifier)
    pipeline = make_pipeline(StandardScaler(), ensemble)
    grid = {
        "snapshotensembleclassifier__n_snapshots": [1, 3],
        "snapshotensembleclassifier__estimator__lr": [1e-4, 5e-3],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_["snapshotensembleclassifier__estimator__lr"] == 5e-3
    assert search.score(X_test, y_test) > 0.85
    for other in (
        VotingClassifier([("snapshots", ensemble), ("one", net(MLPNetClassifier))], voting="soft"),
        StackingClassifier([("snapshots", ensemble)], LogisticRegression(), cv=2),
        BaggingClassifier(ensemble, n_estimators=2, random_state=0),
    ):
        assert other.fit(X, y).score(X_test, y_test) > 0.85


# --- the mean of weights ------------------------------------------------------------------------


def passes_of(cls, n=3, **params):
    """Return copies of a net, taken between passes of its training."""
    estimator = net(cls, **params).fit(X, y)
    return [copy.deepcopy(estimator.partial_fit(X, y)) for _ in range(n)]


@pytest.mark.parametrize("cls", KINDS)
def test_the_mean_of_weights_is_the_mean_of_weights(cls):
    nets = passes_of(cls)
    before = [weights_of(estimator) for estimator in nets]
    average = average_weights(nets, X)
    state = average.net_.module_.state_dict()
    for name, tensor in state.items():
        tensors = [estimator.net_.module_.state_dict()[name] for estimator in nets]
        if "running" not in name and tensor.is_floating_point():
            mean = torch.stack(tensors).double().mean(0)
            torch.testing.assert_close(tensor.double(), mean, rtol=1e-6, atol=1e-7, msg=name)
            assert "standardize" in name or not torch.equal(tensors[0], tensors[1]), name
    assert average.score(X_test, y_test) > 0.85
    assert average.predict_proba(as_images(X_test)).shape == (120, 3)
    for estimator, weights in zip(nets, before, strict=True):
        np.testing.assert_array_equal(weights_of(estimator), weights)
    loaded = pickle.loads(pickle.dumps(average))
    np.testing.assert_array_equal(loaded.predict_proba(X_test), average.predict_proba(X_test))


def test_the_order_of_nets_and_a_net_alone_change_nothing():
    nets = passes_of(MLPNetClassifier, batch_norm=False)
    one = average_weights(nets).predict_proba(X_test)
    np.testing.assert_allclose(average_weights(nets[::-1]).predict_proba(X_test), one, rtol=1e-5)
    np.testing.assert_array_equal(
        average_weights(nets[:1]).predict_proba(X_test), nets[0].predict_proba(X_test)
    )
    # It goes on training as any other net does.
    average = average_weights(nets)
    assert average.partial_fit(X, y).n_iter_ == nets[0].n_iter_ + 1


def statistics_of(estimator):
    return {
        name: tensor
        for name, tensor in estimator.net_.module_.state_dict().items()
        if "running" in name
    }


def test_batch_norm_is_estimated_anew_on_the_given_rows():
    nets = passes_of(MLPNetClassifier)
    module = average_weights(nets, X).net_.module_
    mean, variance = module.features[2].running_mean, module.features[2].running_var
    with torch.no_grad():
        values = module.features[:2](module.standardize(torch.tensor(as_images(X))))
    torch.testing.assert_close(mean, values.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(variance, values.var(0), rtol=1e-4, atol=1e-5)
    # Of sorted rows, too, and of several blocks of them.
    many, order = np.repeat(X, 10, axis=0), np.argsort(np.repeat(y, 10))
    for name, tensor in statistics_of(average_weights(nets, many[order])).items():
        same = module.state_dict()[name]
        torch.testing.assert_close(tensor, same, rtol=0.05, atol=0.02, msg=name)
    other = average_weights(nets, X_test[:40])
    assert not torch.equal(other.net_.module_.features[2].running_mean, mean)


def test_snapshots_of_an_ensemble_can_be_averaged():
    ensemble = snapshots_of(ConvNetClassifier, max_epochs=12).fit(X, y)
    average = average_weights(ensemble.estimators_[1:], X)
    assert average.score(X_test, y_test) > 0.8


def test_nets_with_the_same_beginning_make_a_soup():
    base = net(MLPNetClassifier).fit(X, y)
    begun = {"init_from": FrozenEstimator(base), "lr": 1e-3}
    soup = [net(MLPNetClassifier, random_state=i, dropout=0.0, **begun).fit(X, y) for i in (1, 2)]
    assert average_weights([base, *soup], X).score(X_test, y_test) > 0.85
    # And so do nets that begin with the weights of one file.
    loaded = pickle.loads(pickle.dumps(soup))
    assert average_weights(loaded, X).score(X_test, y_test) > 0.85


def test_nets_from_the_weights_of_one_file_make_a_soup(tmp_path):
    path = tmp_path / "weights.pt"
    net(MLPNetClassifier).fit(X, y).net_.save_params(f_params=path)
    soup = [net(MLPNetClassifier, random_state=i, init_from=path).fit(X, y) for i in (1, 2)]
    average_weights(soup, X)
    # Another head begins at random: the same one where the seed is the same.
    labels = np.where(y == "Bag", "Bag", "other")
    heads = [
        net(MLPNetClassifier, random_state=i, init_from=path, lr=lr).fit(X, labels)
        for i, lr in ((1, 1e-3), (1, 2e-3), (2, 1e-3))
    ]
    average_weights(heads[:2], X)
    with pytest.raises(ValueError, match="the same random_state, if init_from has other labels"):
        average_weights(heads[1:], X)


def test_nets_that_were_trained_apart_are_refused(fast_class):
    apart = "without a common beginning"
    # The same random weights at first are no valley in common.
    nets = [net(fast_class, lr=lr).fit(X, y) for lr in (1e-3, 2e-3)]
    with pytest.raises(ValueError, match=apart):
        average_weights(nets, X)
    again = copy.deepcopy(nets[0])
    average_weights([nets[0], again.partial_fit(X, y)], X)
    again.set_params(random_state=9)
    with pytest.raises(ValueError, match=apart):
        average_weights([nets[0], again.fit(X, y)], X)
    again.set_params(warm_start=True)
    before = copy.deepcopy(again)
    average_weights([before, again.fit(X, y)], X)


def test_one_net_several_times_is_refused():
    model = net(MLPNetClassifier).fit(X, y)
    with pytest.raises(ValueError, match="same object more than once among 3 .*copy.deepcopy"):
        average_weights([model.partial_fit(X, y) for _ in range(3)])


def test_nets_that_do_not_mean_the_same_are_refused():
    base = net(MLPNetClassifier).fit(X, y)

    def refused(other, match, error=ValueError):
        with pytest.raises(error, match=match):
            average_weights([base, other], X)

    begun = {"init_from": FrozenEstimator(base)}
    refused(net(ConvNetClassifier).fit(X, y), "nets of different classes: MLPNet.* in net 0")
    refused(net(MLPNetClassifier).fit(X, y == "Bag"), r"different labels \(classes_\)")
    strip = net(MLPNetClassifier, image_shape=(14, 56)).fit(X, y)
    refused(strip, r"different images.*\(1, 28, 28\) in net 0, \(1, 14, 56\) in net 1")
    wide = net(MLPNetClassifier, hidden_layer_sizes=(20,)).fit(X, y)
    refused(wide, r"hidden_layer_sizes=\(16,\) in net 0, hidden_layer_sizes=\(20,\)")
    # The same shapes are not yet the same network.
    bent = net(MLPNetClassifier, activation="tanh", **begun).fit(X, y)
    refused(bent, "activation='relu' in net 0, activation='tanh'")
    precise = net(MLPNetClassifier, precision="fp64", **begun).fit(X, y)
    refused(precise, "different weights.*float32.*float64")
    dark = net(MLPNetClassifier).fit(X // 2, y)
    refused(dark, "different standardisation")
    refused(make_pipeline(base), r"Got a Pipeline as number 1.*pipeline\[-1\]", TypeError)
    refused(net(MLPNetClassifier), "not fitted yet", NotFittedError)
    with pytest.raises(ValueError, match="Got no estimators"):
        average_weights([])


def test_batch_norm_needs_rows():
    nets = passes_of(ConvNetClassifier, n=2)
    with pytest.raises(ValueError, match="Got X=None with nets that have batch norm"):
        average_weights(nets)
    with pytest.raises(ValueError, match="Got X with 1 image, expected at least 2"):
        average_weights(nets, X[:1])
    with pytest.raises(ValueError, match="X has 100 features"):
        average_weights(nets, X[:, :100])


def test_averaging_leaves_generators_and_dropout_alone():
    """Statistics are those of predictions: nothing is dropped, nothing is drawn."""
    nets = passes_of(ConvNetClassifier, n=2, dropout=0.5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    one, other = (average_weights(nets, X).predict_proba(X_test) for _ in range(2))
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()
    np.testing.assert_array_equal(one, other)
    assert not average_weights(nets, X).net_.module_.training


def test_names_of_columns_are_kept():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(784)])
    ensemble = SnapshotEnsembleClassifier(small(MLPNetClassifier), n_snapshots=2).fit(frame, y)
    assert ensemble.feature_names_in_.tolist() == list(frame.columns)
    average = average_weights(ensemble.estimators_, frame)
    assert average.feature_names_in_.tolist() == list(frame.columns)
    assert not hasattr(ensemble.fit(X, y), "feature_names_in_")
