"""Training that goes on: warm starts, and fits in parts."""

import pickle

import numpy as np
import pytest
import torch
from common import small, weights_of
from sklearn.utils._param_validation import InvalidParameterError

from skfashion import ConvNetClassifier, MLPNetClassifier


def test_warm_start_goes_on_from_the_old_weights(any_class, digits):
    X, y = digits
    net = small(any_class, warm_start=True, max_epochs=10, lr=1e-2).fit(X, y)
    first = net.loss_curve_
    net.set_params(random_state=1).fit(X, y)
    assert net.loss_curve_[0] < 0.7 * first[0]
    assert net.n_iter_ == 10
    with pytest.raises(ValueError, match="`y` has the same classes as in the previous call to fit"):
        net.fit(X, np.where(y == 3, 33, y))
    with pytest.raises(ValueError, match="other parameters of the architecture"):
        larger = {"hidden_layer_sizes": (5, 5), "width": 12, "backbone": "resnet18"}
        net.set_params(**{k: v for k, v in larger.items() if hasattr(net, k)}).fit(X, y)
    net.set_params(warm_start=False).fit(X, np.where(y == 3, 33, y))
    assert 33 in net.classes_


def test_partial_fit_learns_pass_by_pass(fast_class, digits):
    X, y = digits
    net = small(fast_class, batch_size=16)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        net.partial_fit(X, y)
    for passes in range(1, 16):
        net.partial_fit(X, y, classes=range(10))
        assert net.n_iter_ == passes
    assert net.score(X, y) > 0.8
    assert (net.history_["lr"] == net.lr).all()
    with pytest.raises(ValueError, match="not the same as on last call to partial_fit"):
        net.partial_fit(X, y, classes=range(11))
    with pytest.raises(ValueError, match="Got y with the labels"):
        net.partial_fit(X[:2], [0, 77])


def test_partial_fit_costs_the_same_after_many_calls(digits):
    X, y = digits
    net = small(MLPNetClassifier).partial_fit(X, y, classes=range(10)).partial_fit(X, y)
    history = net.net_.history

    class Watched(type(history)):
        def __iter__(self):
            raise AssertionError("The rows of all calls before were walked through.")

    net.net_.history = Watched(history)
    assert net.partial_fit(X, y).n_iter_ == 3


def test_the_lowest_loss_is_known_whatever_came_between(digits):
    X, y = digits
    net = small(MLPNetClassifier, lr=0.05).partial_fit(X, y, classes=range(10))
    net.partial_fit(X[:50], np.roll(y[:50], 1)).partial_fit(X, y)
    with pytest.raises(ValueError, match="diverged"):
        net.set_params(lr=1e38).partial_fit(X, y)
    net = pickle.loads(pickle.dumps(net.set_params(lr=0.05).partial_fit(X, y)))
    rows = list(net.partial_fit(X[:50], np.roll(y[:50], 1)).net_.history)
    losses = [row["train_loss"] for row in rows]
    lowest = [loss < min(losses[:i], default=np.inf) for i, loss in enumerate(losses)]
    assert [row["train_loss_best"] for row in rows] == lowest
    assert len(rows) == 5
    assert not lowest[-1]


def test_partial_fit_with_a_row_at_a_time(any_class, digits):
    X, y = digits
    net = small(any_class).partial_fit(X, y, classes=range(10))
    for row in range(5):
        net.partial_fit(X[row : row + 1], y[row : row + 1])
    assert np.isfinite(net.predict_proba(X)).all()


def test_partial_fit_checks_parameters_every_time(digits):
    X, y = digits
    net = small(MLPNetClassifier).partial_fit(X, y, classes=range(10))
    before = weights_of(net)
    for name, value in (("lr", -1e-2), ("batch_size", 0)):
        with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of"):
            net.set_params(**{name: value}).partial_fit(X, y)
    np.testing.assert_array_equal(weights_of(net), before)


def test_partial_fit_after_a_move_to_another_device(digits):
    """As after a pickle that was opened on another machine: neither optimizer nor device."""
    X, y = digits
    net = small(MLPNetClassifier).partial_fit(X, y, classes=range(10))
    loaded = pickle.loads(pickle.dumps(net))
    loaded.net_.optimizer_device_ = torch.device("meta")
    assert loaded.partial_fit(X, y).n_iter_ == 2


@pytest.mark.parametrize("n_classes", [10, 30])
@pytest.mark.parametrize("labels", [["5"], ["a"]])
def test_labels_of_another_type_are_unknown(digits, n_classes, labels):
    X, y = digits
    net = small(MLPNetClassifier).partial_fit(X, y, classes=range(n_classes))
    with pytest.raises(ValueError, match="Got y with the labels"):
        net.partial_fit(X[:1], labels)


def test_failed_first_partial_fit_leaves_nothing(digits):
    X, y = digits
    net = small(MLPNetClassifier, optimizer="sgd", lr=1e30, batch_norm=False)
    with pytest.raises(ValueError, match="diverged"):
        net.partial_fit(X, y, classes=range(10))
    assert not [name for name in vars(net) if name.endswith("_")]


def test_partial_fit_keeps_the_optimizer(digits):
    X, y = digits
    net = small(MLPNetClassifier, batch_size=1000).partial_fit(X, y, classes=range(10))
    net.partial_fit(X, y)
    state = net.net_.optimizer_.state
    assert {int(entry["step"]) for entry in state.values()} == {2}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_partial_fit_trains_weights_that_were_put_in_place_of_others(fast_class, digits, optimizer):
    X, y = digits
    nets = []
    for assign in (False, True):
        # Filters of several channels, whose order in memory is a matter of choice.
        # In 16 bits its rounding would be seen.
        options = {"channels": (4, 6), "precision": "fp32"}
        net = small(fast_class, optimizer=optimizer, **options)
        net.partial_fit(X, y, classes=range(10))
        other = small(fast_class, random_state=1, **options).fit(X, y)
        # In another order in memory than the moments.
        state = {n: v.clone().contiguous() for n, v in other.net_.module_.state_dict().items()}
        net.net_.module_.load_state_dict(state, assign=assign)
        nets.append(net.partial_fit(X, y).partial_fit(X, y))
    np.testing.assert_allclose(*[net.predict_proba(X) for net in nets], atol=1e-5)


def test_layers_of_another_size_begin_with_no_moments(digits):
    X, y = digits
    net = small(MLPNetClassifier, batch_norm=False).partial_fit(X, y, classes=range(10))
    module = net.net_.module_
    module.features[1], module.head = torch.nn.Linear(64, 500), torch.nn.Linear(500, 10)
    net.partial_fit(X, y)
    moments = {p: net.net_.optimizer_.state[p]["exp_avg"] for p in module.parameters()}
    assert all(moment.shape == parameter.shape for parameter, moment in moments.items())
    # The steps of one pass, not of two.
    assert {int(entry["step"]) for entry in net.net_.optimizer_.state.values()} == {10}


def test_partial_fit_refuses_what_needs_all_data(digits):
    X, y = digits
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        MLPNetClassifier(early_stopping=True).partial_fit(X, y, classes=range(10))
    with pytest.raises(ValueError, match='class_weight="balanced" is not supported'):
        MLPNetClassifier(class_weight="balanced").partial_fit(X, y, classes=range(10))


@pytest.mark.parametrize(
    ("cls", "optimizer"),
    [
        (MLPNetClassifier, "adamw"),
        (MLPNetClassifier, "sgd"),
        (MLPNetClassifier, torch.optim.LBFGS),
        (ConvNetClassifier, "adamw"),
    ],
)
def test_failed_partial_fit_leaves_everything(cls, digits, optimizer):
    X, y = (array[:96] for array in digits)

    def trained():
        params = {"optimizer": optimizer, "class_weight": {3: 2.0}, "channels": (4, 6), "lr": 1e-3}
        net = small(cls, **params)
        return net.partial_fit(X, y, classes=range(10)).partial_fit(X, y)

    net = trained()
    weights, factors = weights_of(net), net.class_weight_.copy()
    params = net.get_params(deep=False)
    for change, error in (
        ({"class_weight": {0: 5.0, 77: 1.0}}, "expected only labels"),
        ({"class_weight": {0: 5.0}, "lr": 1e38, "batch_size": 7}, "diverged"),
    ):
        with pytest.raises(ValueError, match=error):
            net.set_params(**change).partial_fit(X, y)
        net.set_params(**params)
        np.testing.assert_array_equal(weights_of(net), weights)
        np.testing.assert_array_equal(net.class_weight_, factors)
        assert net.n_iter_ == 2
        assert (net.net_.lr, net.net_.batch_size) == (1e-3, 32)
    np.testing.assert_array_equal(
        weights_of(net.partial_fit(X, y)), weights_of(trained().partial_fit(X, y))
    )


def test_float16_learns_its_scale_from_call_to_call(digits):
    X, y = digits
    net = small(MLPNetClassifier, precision="fp16", batch_size=1000)
    net.partial_fit(X, y, classes=range(10))
    scaler = net.net_.scaler_
    scaler.update(1e-3)
    net.partial_fit(X, y)
    assert net.net_.scaler_ is scaler
    assert scaler.get_scale() < 1
    assert pickle.loads(pickle.dumps(net)).net_.scaler_ is None


def test_warm_start_keeps_or_refuses_the_standardisation(digits):
    X, y = digits
    net = small(MLPNetClassifier, warm_start=True).fit(X, y)
    mean = net.net_.module_.standardize.mean.clone()
    net.fit(X // 2, y)
    assert torch.equal(net.net_.module_.standardize.mean, mean)
    with pytest.raises(ValueError, match="Got standardize=False with warm_start=True"):
        net.set_params(standardize=False).fit(X, y)
