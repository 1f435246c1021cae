"""`ModuleClassifier`: a module of the user's own with everything that a classifier here has."""

import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from common import small, weights_of
from modules import (
    Branches,
    Centred,
    Forgetful,
    Keeping,
    Lazy,
    Plain,
    Returning,
    RowLSTM,
    perceptron,
    shufflenet,
)
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch import nn

import skfashion
from skfashion import ConvNetClassifier, ModuleClassifier
from skfashion.nets.layers import (
    ChannelDropout,
    Dropout,
    GroupedConv2d,
    StochasticDepth,
    StridedConv2d,
)

# Three of public style: what is made small, and whether the tests of it take long.
KINDS = {
    "batch norm and dropout": {"module": Plain},
    "LSTM over rows": {"module": RowLSTM, "lr": 1e-2},
    "torchvision": {
        "module": shufflenet,
        "lr": 5e-3,
        "module_params": {"num_classes": "auto"},
        "channels": 3,
    },
}


PATHS = "PYTHONPATH"


def net(module=Plain, **params):
    """Return a classifier that trains in a tenth of a second."""
    return small(ModuleClassifier, **({"module": module, "max_epochs": 2} | params))


@pytest.fixture(
    params=[pytest.param(k, marks=pytest.mark.slow if k == "torchvision" else ()) for k in KINDS]
)
def kind(request):
    """The parameters of three modules, one after the other."""
    return KINDS[request.param]


def checks():
    """Return scikit-learn's checks of each module; those of the first are among the common ones."""
    expected = {f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")}
    for name, params in list(KINDS.items())[1:]:
        estimator = ModuleClassifier(max_epochs=10, **params)
        for _, check in estimator_checks_generator(estimator, mark=None):
            function = getattr(check, "func", check).__name__
            # On memory maps the first module is trained, too.
            is_again = bool(getattr(check, "keywords", {}).get("readonly_memmap"))
            if function not in expected and not is_again:
                yield pytest.param(params, check, id=f"{function}-{name}")


@pytest.mark.slow
@pytest.mark.parametrize(("params", "check"), list(checks()))
def test_scikit_learn_checks(params, check):
    learns = "classifier" in getattr(check, "func", check).__name__
    check(ModuleClassifier(max_epochs=10 if learns else 1, **params))


# --- what it has in common with the others --------------------------------------------------------


def test_it_learns_whatever_the_layout(kind, digits):
    X, y = digits
    estimator = net(**(kind | {"max_epochs": 8, "lr": 1e-2})).fit(X, y)
    assert estimator.score(X, y) > (0.5 if kind["module"] is shufflenet else 0.7)
    proba = estimator.predict_proba(X)
    again = clone(estimator).fit(X.reshape(-1, 8, 8, 1), y)
    np.testing.assert_array_equal(again.predict_proba(X.reshape(-1, 1, 8, 8)), proba)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(estimator)).predict_proba(X), proba)
    alone = np.concatenate([estimator.predict_proba(X[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, proba[:5], atol=1e-6)
    assert estimator.transform(X[:3]).shape == (3, len(estimator.get_feature_names_out()))


def test_the_seed_decides_and_the_process_is_left_alone(kind, digits):
    X, y = digits
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = weights_of(net(**kind, random_state=3).fit(X[:100], y[:100]))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    np.testing.assert_array_equal(
        weights_of(net(**kind, random_state=3).fit(X[:100], y[:100])), one
    )
    other = weights_of(net(**kind, random_state=4).fit(X[:100], y[:100]))
    assert not np.array_equal(other, one)


def test_dropout_draws_from_the_fit(digits):
    """Beside a thread that draws all the time from the generator of the process."""
    X, y = digits
    alone = net(max_epochs=3).fit(X, y)
    layers = [type(layer) for layer in alone.net_.module_.modules()]
    assert Dropout in layers
    assert nn.Dropout not in layers
    done = threading.Event()

    def draw():
        while not done.is_set():
            torch.rand(1)
            time.sleep(1e-4)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        # The module is made by functions that draw nothing, so that the thread may.
        made = [nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10)]
        module = nn.Sequential(*made)
        found = [weights_of(net(module).fit(X, y)) for _ in range(2)]
    finally:
        done.set()
        thread.join()
    np.testing.assert_array_equal(*found)
    assert not np.array_equal(found[0], weights_of(net(module, random_state=1).fit(X, y)))


def test_a_thread_that_draws_while_a_layer_computes_changes_nothing(digits, monkeypatch):
    def make():
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 10))

    X, y = digits
    expected = weights_of(net(make).fit(X, y))
    convolve = nn.functional.conv2d

    def convolve_meanwhile(*args):
        thread = threading.Thread(target=torch.rand, args=(1,))
        thread.start()
        thread.join()
        return convolve(*args)

    monkeypatch.setattr(nn.functional, "conv2d", convolve_meanwhile)
    np.testing.assert_array_equal(weights_of(net(make).fit(X, y)), expected)


@pytest.mark.parametrize("layer", [Dropout, nn.Flatten])
def test_a_thread_that_draws_during_each_call_of_a_quiet_layer_changes_nothing(
    layer, digits, monkeypatch
):
    def make():
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))

    X, y = digits
    expected = weights_of(net(make).fit(X, y))
    forward = layer.forward

    def forward_meanwhile(self, x):
        thread = threading.Thread(target=torch.rand, args=(1,))
        thread.start()
        thread.join()
        return forward(self, x)

    monkeypatch.setattr(layer, "forward", forward_meanwhile)
    np.testing.assert_array_equal(weights_of(net(make).fit(X, y)), expected)


def test_a_thread_that_draws_now_and_then_changes_nothing(digits, monkeypatch):
    def make():
        return nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))

    expected = weights_of(net(make).fit(*digits))
    rectify, calls = nn.functional.relu, []

    def rectify_meanwhile(x, inplace=False):
        calls.append(0)
        if len(calls) % 4 == 1:  # PyTorch calls it twice where a default device is set
            thread = threading.Thread(target=torch.rand, args=(1,))
            thread.start()
            thread.join()
        return rectify(x, inplace)

    monkeypatch.setattr(nn.functional, "relu", rectify_meanwhile)
    np.testing.assert_array_equal(weights_of(net(make).fit(*digits)), expected)


@pytest.mark.filterwarnings("ignore:.*process-wide generator")
def test_threads_take_turns_where_layers_draw_from_the_process(digits):
    class Slow(Forgetful):
        def forward(self, x):
            time.sleep(1e-3)  # so that others come
            return super().forward(x)

    def fit(seed):
        return weights_of(net(Slow, random_state=seed).fit(*digits))

    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(fit, range(3)))
    np.testing.assert_array_equal(together, [fit(seed) for seed in range(3)])


def test_a_module_that_fails_in_sixteen_bits_computes_in_all(digits, monkeypatch):
    class Adding(nn.Module):
        def __init__(self, n_classes):
            super().__init__()
            self.conv, self.out = nn.Conv2d(1, 4, 8), nn.Linear(4, n_classes)

        def forward(self, x):
            x = self.conv(x).flatten(1)
            index = torch.arange(4).expand(x.shape[0], 4)
            zeros = torch.zeros(x.shape[0], 4, dtype=self.conv.weight.dtype)
            return self.out(zeros.scatter_add(1, index, x))

    monkeypatch.setattr("skfashion.training.arithmetic.has_bfloat16", lambda device: True)
    assert net(Plain, precision="auto").fit(*digits).net_.compute_dtype is torch.bfloat16
    assert net(Adding, precision="auto").fit(*digits).net_.compute_dtype is None


def test_dropout_of_channels(digits):
    def make(n_classes):
        layers = [nn.Conv2d(1, 4, 3), nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(144, n_classes)]
        return nn.Sequential(*layers)

    module = net(make).fit(*digits).net_.module_
    (layer,) = [part for part in module.modules() if isinstance(part, ChannelDropout)]
    layer.generator = torch.Generator().manual_seed(0)
    images = torch.ones(2000, 4, 3, 3)
    assert torch.equal(layer(images), images)
    dropped = layer.train()(images).flatten(2)
    assert ((dropped == 0).all(2) | (dropped == 2).all(2)).all()
    assert abs(float(dropped.mean()) - 1) < 0.05


def test_dropout_that_layers_share(digits):
    def make(n_classes):
        drop = nn.Dropout(0.5)
        layers = [nn.Sequential(nn.Flatten(), drop), nn.Sequential(nn.Linear(64, 32), drop)]
        return nn.Sequential(*layers, nn.Linear(32, n_classes))

    first, second, _ = net(make).fit(*digits).net_.module_.features.module
    assert isinstance(first[1], Dropout)
    assert first[1] is second[1]


@pytest.mark.parametrize(
    ("params", "layer"),
    [
        ({"module": Forgetful}, "Forgetful"),
        ({"module": RowLSTM, "module_params": {"num_layers": 2, "dropout": 0.5}}, r"lstm \(LSTM\)"),
    ],
)
def test_randomness_that_cannot_be_caught_is_named_and_repeats(params, layer, digits, tmp_path):
    before = torch.get_rng_state()
    with pytest.warns(UserWarning, match=f"in which {layer} draw from PyTorch's process-wide"):
        one = net(**params, max_epochs=4).fit(*digits)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    with pytest.warns(UserWarning, match="process-wide"):
        again = net(**params, max_epochs=4).fit(*digits)
    np.testing.assert_array_equal(weights_of(again), weights_of(one))
    with pytest.warns(UserWarning, match="process-wide"):
        paused = net(**params, max_epochs=4)
        state = paused._fit_until(*digits, until=2)
        paused._fit_until(*digits, until=4, paused=state)
    np.testing.assert_array_equal(weights_of(paused), weights_of(one))


def test_randomness_of_predictions_is_named(digits):
    estimator = net(Forgetful, module_params={"always": True})
    with pytest.warns(UserWarning) as caught:
        estimator.fit(*digits)
    assert any("draw in predictions, too" in str(warning.message) for warning in caught)


def test_numbers_that_files_would_forget_are_told(digits):
    with pytest.warns(UserWarning, match="neither parameters nor buffers"):
        net(Centred).fit(*digits)


# --- how the module is made -----------------------------------------------------------------------


def test_a_signature_gets_what_it_names(digits):
    X, y = digits
    seen = {}

    def make(n_classes, num_classes, in_channels, in_chans, in_features, image_shape, width=3):
        seen.update({name: value for name, value in locals().items() if name != "seen"})
        return perceptron(in_features, n_classes)

    net(make, module_input="rows", channels=3, module_params={"width": 5}).fit(X, y)
    assert seen == {
        "n_classes": 10,
        "num_classes": 10,
        "in_channels": 3,
        "in_chans": 3,
        "in_features": 192,
        "image_shape": (3, 8, 8),
        "width": 5,
    }


def test_auto_stands_for_what_is_hidden(digits):
    def make(**options):
        assert options == {"in_features": 64, "num_classes": 10, "width": "auto"}
        return perceptron(64, 10)

    params = {"in_features": "auto", "num_classes": "auto", "width": "auto"}
    net(make, module_input="rows", module_params=params).fit(*digits)


def test_parameters_of_the_module_are_parameters(digits):
    X, y = digits
    estimator = net()
    assert estimator.get_params()["module__width"] == 4
    assert "module__width" not in estimator.get_params(deep=False)
    copied = clone(estimator.set_params(module__width=2, module_params={"dropout": 0.1}))
    assert copied.module_params == {"dropout": 0.1, "width": 2}
    assert copied.get_params()["module__width"] == 2
    with pytest.raises(ValueError, match="Invalid parameter 'module__widht' .* Did you mean 'w"):
        copied.set_params(module__widht=3, lr=1.0)
    assert copied.lr != 1.0
    with pytest.raises(TypeError, match=r"Did you mean module_params=\{'width': \.\.\.\}\?"):
        ModuleClassifier(module=Plain, **{"module__width": 2})
    with pytest.raises(TypeError, match=r"got Plain as a positional argument.* module=Plain\."):
        ModuleClassifier(Plain)
    search = GridSearchCV(net(), {"module__width": [1, 2], "lr": [1e-2]}, cv=2).fit(X, y)
    width = search.best_params_["module__width"]
    assert search.best_estimator_.net_.module_.features.module.conv.out_channels == width


def test_lazy_layers_learn_their_sizes(digits):
    X, y = digits
    estimator = net(Lazy, module_params={"num_classes": "auto"}).fit(X, y)
    assert estimator.net_.module_.head.in_features == 4 * 6 * 6
    proba = pickle.loads(pickle.dumps(estimator)).predict_proba(X)
    np.testing.assert_array_equal(proba, estimator.predict_proba(X))


def test_a_module_is_copied_and_its_weights_are_the_first(digits):
    X, y = digits
    module = Plain(10)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    estimator = net(module, lr=1e-12, weight_decay=0.0).fit(X, y)
    now = estimator.net_.module_.features.module.conv.weight
    torch.testing.assert_close(now.detach(), before["conv.weight"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert isinstance(module.drop, nn.Dropout)


def test_layers_that_go_wrong_in_sixteen_bits_are_the_packages_own(digits):
    ops = pytest.importorskip("torchvision.ops")

    def make(n_classes):
        layers = [nn.Conv2d(1, 4, 3, 2, padding=1), nn.Conv2d(4, 4, 3, groups=4)]
        layers += [nn.Conv2d(4, 4, 1, 2, padding="valid"), ops.StochasticDepth(0.2, "row")]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, n_classes))

    layers = list(net(make).fit(*digits).net_.module_.features.module)
    expected = [StridedConv2d, GroupedConv2d, nn.Conv2d, StochasticDepth]
    assert [type(layer) for layer in layers[:4]] == expected


def test_results_that_a_module_keeps_are_no_hindrance(digits):
    X, y = digits
    estimator = net(Keeping, ema_decay=0.9).fit(X, y)
    proba = estimator.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(estimator)).predict_proba(X), proba)
    module = Keeping(64, 10)
    module(torch.ones(2, 64))
    assert net(module).fit(X, y).predict(X).shape == (300,)


def test_a_generator_of_its_own_stays(digits):
    class Own(nn.Module):
        def __init__(self, n_classes):
            super().__init__()
            self.generator = nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes))

        def forward(self, x):
            return self.generator(x)

    estimator = net(Own).fit(*digits)
    assert isinstance(estimator.net_.module_.features.module.generator, nn.Sequential)


def test_an_odd_use_of_layers_is_left_as_it_is(digits):
    """Batch norm folded away, or a last layer taken out, would break what looks at them."""
    X, y = digits

    class Odd(nn.Module):
        def __init__(self, n_classes):
            super().__init__()
            self.parts = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
            self.out = nn.Linear(144, n_classes)

        def forward(self, x):
            skipped = self.parts[0](x)
            x = self.parts[2](self.parts[1](skipped)) + skipped
            return self.out(x.flatten(1)) + 0 * self.out.weight.sum()

    estimator = net(Odd, max_epochs=5).fit(X, y)
    module = estimator.net_.module_
    assert not module.has_head
    images = torch.from_numpy(X.reshape(-1, 1, 8, 8).copy())
    with torch.no_grad():
        expected = module.features.module(module.standardize(images)).double().softmax(1)
    np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-6)
    assert estimator.transform(X).shape == (300, 144)


# --- errors -----------------------------------------------------------------------------------


def aux_in_training(n_classes):
    class Aux(Returning):
        def forward(self, x):
            found = super().forward(x)
            return (found, found) if self.training else found

    return Aux(n_classes, lambda x: x, 64)


class Uncalled(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(64, 10), nn.LazyLinear(3)

    def forward(self, x):
        return self.used(x.flatten(1))


def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch would rather not have it used
        return torch.jit.script(nn.Linear(64, 10))


def by_mode(in_training, in_predictions):
    """Return what makes a module that returns something else in either mode."""

    class Two(Returning):
        def forward(self, x):
            found = super().forward(x)
            return in_training(found) if self.training else in_predictions(found)

    return lambda n_classes: Two(n_classes, lambda x: x.clamp(-30, 30), 64)


def ending(*layers):
    """Return a module that ends with these layers."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), *layers)


def returning(function):
    return lambda n_classes, in_features: Returning(n_classes, function, in_features)


BAD = {
    "probabilities": (returning(lambda x: x.softmax(1)), "Got probabilities .*Leave out the softm"),
    "tuple": (returning(lambda x: (x, x)), r"Got a tuple .* expected logits, .* shape \(2, 10\)"),
    "one number": (returning(lambda x: x[:, 0]), r"Got a tensor of shape \(2,\) .*expected logits"),
    "whole numbers": (returning(lambda x: x.long()), "torch.int64"),
    "no module": (lambda: "a word", "which returns a str, expected .*torch.nn.Module"),
    "no default": (lambda depth: nn.Flatten(), r"cannot be made: .*\(\) ends with TypeError"),
    "no weights": (nn.Flatten, "no weights that are trained"),
    "1,000 classes": (
        lambda **options: shufflenet(**options),
        r'of shape \(2, 1000\) .* module_params=\{"num_classes": "auto"\} asks',
    ),
    "other sizes": (lambda: nn.Linear(3, 10), "fails on a batch of shape .*channels=3 repeats"),
    "written in C": (dict, "which returns a dict, expected"),
    "never called": (lambda: Uncalled(), "in which lazy layers are not called"),
    "TorchScript": (scripted, "a module of TorchScript"),
    "training": (aux_in_training, "Got a tuple from .* in training"),
    "sigmoid": (returning(torch.sigmoid), "ends with a sigmoid in predictions: .* than 23%; exp"),
    "sigmoid layer": (lambda: ending(nn.Sigmoid()), "ends with a sigmoid .*Leave out the sigmoid"),
    "seen from afar": (returning(lambda x: x.sigmoid().view(-1, 5, 2).flatten(1)), "a sigmoid in"),
    "hard sigmoid": (lambda: ending(nn.Hardsigmoid()), "ends with a hard sigmoid"),
    "softmax of columns": (returning(lambda x: x.softmax(0)), "ends with a softmax in predictions"),
    "softmax in training": (
        by_mode(lambda x: x.softmax(1), lambda x: x),
        "ends with a softmax in training",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_a_module_does_wrong_is_said(name, digits):
    module, message = BAD[name]
    X, y = digits
    estimator = net(module, channels=3 if name == "1,000 classes" else None)
    if name == "no weights":
        X = X[:, :10].reshape(-1, 1, 1, 10)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    assert not hasattr(estimator, "net_")


@pytest.mark.parametrize("function", [lambda x: x.clamp(0, 1), lambda x: x.tanh().square()])
def test_numbers_that_stay_from_zero_to_one_are_told(function, digits):
    with pytest.warns(UserWarning, match="nothing but numbers from 0 to 1 for 48 random images"):
        net(returning(function)).fit(*digits)


def fails_far_away(x):
    if x.abs().max() > 20:
        raise ValueError("too large")
    return x.clamp(0, 1)


def zeros_first(n_classes):
    module = ending(nn.Hardtanh(-30, 30))
    nn.init.zeros_(module[1].weight)
    nn.init.zeros_(module[1].bias)
    return module


# Shares by chance, or as far as can be told, and what fails when it is tried: nothing is said.
UNSUSPECTED = {
    "zeros first": zeros_first,
    "rectified": returning(lambda x: x.relu() * 0.1),
    "fails far away": returning(fails_far_away),
    "takes no gradients": by_mode(lambda x: x, lambda x: torch.from_numpy(x.numpy())),
}


@pytest.mark.parametrize("name", UNSUSPECTED)
def test_what_may_be_logits_is_taken_for_logits(name, digits):
    X, y = digits
    assert net(UNSUSPECTED[name]).fit(X, y).predict(X).shape == (300,)


def test_a_file_of_a_net_that_would_be_refused_today_is_read(digits, tmp_path):
    pytest.importorskip("safetensors")
    X, y = digits
    path = tmp_path / "net.safetensors"
    net(returning(lambda x: x.clamp(-30, 30))).fit(X, y).save(path)
    again = skfashion.load(path, module=returning(torch.sigmoid))
    assert again.predict_proba(X).max() < 0.24
    with pytest.raises(ValueError, match="ends with a sigmoid"):
        again.fit(X, y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"module": None}, "Got module=None, expected a class or a function"),
        ({"module": nn.Flatten(), "module_params": {"a": 1}}, "made already"),
        ({"module_params": {"widht": 3}}, "cannot be made: .* Did you mean 'width' by 'widht'"),
        ({"module": "resnet18"}, "must be a callable .*torchvision.models.resnet18, not a name"),
        ({"features": "fc3"}, "Got features='fc3', expected the name of .*conv, norm"),
        ({"module": RowLSTM, "features": "lstm"}, "or returns no tensor with a row an image"),
        ({"module": Branches, "loss": "ldam"}, "Got loss='ldam' with a module that does not end"),
        ({"criterion": nn.CrossEntropyLoss(), "loss": "focal"}, "Got loss='focal' together with"),
        ({"criterion": nn.NLLLoss, "label_smoothing": 0.1}, "Got label_smoothing=0.1 together"),
        ({"criterion": nn.Module.register_buffer, "max_epochs": 1}, "register_buffer"),
    ],
)
def test_parameters_that_do_not_go_together(params, message, digits):
    with pytest.raises((ValueError, TypeError), match=message):
        net(**({"module": Plain} | params)).fit(*digits)


def test_channels_of_colour_images_are_not_repeated(digits):
    X, y = digits
    with pytest.raises(ValueError, match="Got channels=3 for images of 2 channels"):
        net(channels=3).fit(X.reshape(-1, 2, 8, 4), y)


# --- features, losses -------------------------------------------------------------------------


def test_features_are_what_the_last_linear_layer_gets_or_what_is_named(digits):
    X, y = digits
    estimator = net().fit(X, y)
    module = estimator.net_.module_
    with torch.no_grad():
        logits = module.head(torch.from_numpy(estimator.transform(X)))
    np.testing.assert_allclose(estimator.decision_function(X), logits, atol=1e-5)
    named = net(features="pool").fit(X, y)
    assert named.transform(X).shape == (300, 64)
    np.testing.assert_allclose(named.predict_proba(X), estimator.predict_proba(X), atol=1e-6)
    caught = net(Branches).fit(X, y)
    assert caught.transform(X).shape == (300, 24)
    layers = [nn.Conv2d(1, 10, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    without = net(nn.Sequential(*layers)).fit(X, y)
    np.testing.assert_allclose(without.transform(X), without.decision_function(X), atol=1e-6)


def test_weights_of_another_net_begin_and_a_head_for_other_labels_does_not(digits):
    X, y = digits
    before = net().fit(X, y)
    still = {"lr": 1e-12, "weight_decay": 0.0, "max_epochs": 1}
    after = net(init_from=FrozenEstimator(before), **still).fit(X, y % 3)
    own, its = (n.net_.module_.features.module.conv.weight for n in (before, after))
    torch.testing.assert_close(own, its)
    assert after.net_.module_.head.out_features == 3


def test_a_loss_a_row_is_weighted_as_ours(digits):
    X, y = digits
    weights = np.random.RandomState(0).rand(len(y))
    expected = weights_of(net().fit(X, y, weights))
    for criterion in (nn.CrossEntropyLoss(reduction="none"), row_losses):
        found = weights_of(net(criterion=criterion).fit(X, y, weights))
        np.testing.assert_array_equal(found, expected)
    mean = net(criterion=nn.CrossEntropyLoss).fit(X, y)
    np.testing.assert_allclose(weights_of(mean), weights_of(net().fit(X, y)), atol=1e-5)
    again = pickle.loads(pickle.dumps(mean))
    assert isinstance(again.net_.criterion_.loss, nn.CrossEntropyLoss)
    hinge = net(criterion=nn.MultiMarginLoss(), max_epochs=8, lr=1e-2).fit(X, y, X_val=X, y_val=y)
    assert hinge.score(X, y) > 0.7
    assert "valid_loss" in hinge.history_


def test_log_probabilities_are_logits(digits):
    X, y = digits
    with_softmax = net(lambda: ending(nn.LogSoftmax(1)), criterion=nn.NLLLoss)
    estimator = with_softmax.fit(X, y, X_val=X, y_val=y)
    plain = net(lambda: ending(nn.Hardtanh(-1e9, 1e9))).fit(X, y, X_val=X, y_val=y)
    np.testing.assert_allclose(weights_of(estimator), weights_of(plain), atol=1e-5)
    proba = estimator.predict_proba(X)
    np.testing.assert_allclose(np.exp(estimator.decision_function(X)), proba, atol=1e-6)
    np.testing.assert_allclose(proba, plain.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(estimator.history_["valid_loss"], plain.history_["valid_loss"])
    assert estimator.transform(X).shape == (300, 64)
    weights = np.arange(1, 301)
    rows = net(lambda: ending(nn.LogSoftmax(1)), criterion=nn.NLLLoss(reduction="none"))
    expected = net(lambda: ending(nn.Hardtanh(-1e9, 1e9))).fit(X, y, weights)
    found = rows.fit(X, y, weights)
    np.testing.assert_allclose(weights_of(found), weights_of(expected), atol=1e-5)
    # The softmax of log-probabilities is the probabilities: the default loss takes them as well.
    default = net(lambda: ending(nn.LogSoftmax(1))).fit(X, y)
    np.testing.assert_allclose(default.predict_proba(X), proba, atol=1e-5)


@pytest.mark.parametrize(
    "criterion",
    [
        nn.NLLLoss,
        nn.NLLLoss(reduction="none"),
        nn.functional.nll_loss,
        partial(nn.functional.nll_loss, reduction="none"),
    ],
)
@pytest.mark.parametrize("module", [Plain, Branches, lambda: ending(nn.LogSoftmax(0))])
def test_a_loss_of_log_probabilities_refuses_logits(criterion, module, digits):
    estimator = net(module, criterion=criterion)
    with pytest.raises(ValueError, match=r"no log-probabilities.*CrossEntropyLoss.*LogSoftmax"):
        estimator.fit(*digits)
    assert not hasattr(estimator, "net_")


def row_losses(logits, targets):
    return torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def test_one_number_refuses_weights(digits):
    X, y = digits
    estimator = net(criterion=nn.MultiMarginLoss())
    with pytest.raises(ValueError, match="returns one number .*expected one loss a row"):
        estimator.fit(X, y, np.arange(1, 301))
    with pytest.raises(ValueError, match=r"Got shape \(32, 10\) from criterion"):
        net(criterion=lambda logits, targets: logits).fit(X, y)
    with pytest.raises(ValueError, match=r"criterion that fails .*\(32,\).*nn.CrossEntropyLoss"):
        net(criterion=nn.BCEWithLogitsLoss()).fit(X, y)
    with pytest.raises(ValueError, match="cannot be made without arguments"):
        net(criterion=RowLosses).fit(X, y)
    with pytest.raises(ValueError, match="whose objects cannot be called"):
        net(criterion=dict).fit(X, y)


class RowLosses:
    def __init__(self, needed):
        pass


# --- tables, files ----------------------------------------------------------------------------


def test_rows_may_be_a_table_and_sparse(digits):
    X, y = digits
    estimator = net(perceptron, module_input="rows", lr=1e-2, max_epochs=8)
    dense = clone(estimator).fit(X, y)
    assert dense.score(X, y) > 0.8
    X = X[:, :40].astype(np.float32)
    dense, sparse = clone(estimator).fit(X, y), clone(estimator).fit(csr_matrix(X), y)
    assert dense.image_shape_ == (1, 40)
    np.testing.assert_allclose(sparse.predict_proba(X), dense.predict_proba(X), atol=1e-6)


def test_a_file_names_the_module_and_the_loader_gives_it(kind, digits, tmp_path):
    pytest.importorskip("safetensors")
    X, y = digits
    estimator = net(**kind).fit(X, y)
    estimator.save(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=rf"'modules\.{kind['module'].__name__}', which loading"):
        skfashion.load(tmp_path / "net.safetensors")
    again = skfashion.load(tmp_path / "net.safetensors", module=kind["module"])
    np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    assert again.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    again.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"cannot be loaded.*[^.]\.$"):
        skfashion.load(tmp_path / "net.safetensors", module=lambda: perceptron(3, 2))
    with pytest.raises(ValueError, match=r"cannot be made.*[^.]\.$"):
        skfashion.load(tmp_path / "net.safetensors", module=lambda depth: perceptron(3, 2))
    wrong = rf"saved with module='modules\.{kind['module'].__name__}', given is 'modules\.Lazy'"
    with pytest.raises(ValueError, match=wrong):
        skfashion.load(tmp_path / "net.safetensors", module=Lazy)
    small(ConvNetClassifier, max_epochs=1).fit(X, y).save(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="holds a ConvNetClassifier, expected no module"):
        skfashion.load(tmp_path / "other.safetensors", module=Plain)


def test_a_file_leaves_the_criterion_out_and_refuses_what_it_cannot_hold(digits, tmp_path):
    pytest.importorskip("safetensors")
    X, y = digits
    path = tmp_path / "net.safetensors"
    estimator = net(criterion=nn.CrossEntropyLoss(), module_params={"width": 2}).fit(X, y)
    with pytest.warns(UserWarning, match="Got criterion, which no file without code can hold"):
        estimator.save(path)
    again = skfashion.load(path, module=Plain)
    assert again.criterion is None
    assert again.module_params == {"width": 2}
    np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))

    def make(n_classes, activation):
        layers = [nn.Flatten(), nn.Linear(64, 8), activation(), nn.Linear(8, n_classes)]
        return nn.Sequential(*layers)

    def numbered(n_classes, numbers):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes))

    estimator = net(numbered, module_params={"numbers": {"deep": [10**12]}}).fit(X, y)
    with pytest.raises(ValueError, match="for which it is too small"):
        estimator.save(path)
    estimator = net(make, module_params={"activation": nn.GELU}).fit(X, y)
    with pytest.raises(ValueError, match="Got module_params=.*expected what a file without code"):
        estimator.save(path)


def test_skops_says_what_to_do_with_a_module_that_is_made(digits):
    skops_io = pytest.importorskip("skops.io")
    estimator = net(Plain(10))
    model = make_pipeline(MinMaxScaler(), estimator)
    message = (
        r"Got module=Plain\(\.\.\.\), .*ModuleClassifier\(module=Plain, module_params=\{\.\.\.\}\)"
    )
    for made in (model, model.fit(*digits), model.set_params(moduleclassifier__module=Plain)):
        with pytest.raises(TypeError, match=message):
            skops_io.dumps(made)
    expected = model.predict_proba(digits[0])
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(model, protocol))
        np.testing.assert_array_equal(again.predict_proba(digits[0]), expected)


def test_skops_says_what_to_do_with_a_loss_that_has_tensors(digits):
    skops_io = pytest.importorskip("skops.io")
    estimator = net(criterion=nn.CrossEntropyLoss(torch.ones(10))).fit(*digits)
    for made in (estimator, estimator.set_params(criterion=None)):
        with pytest.raises(TypeError, match=r"Got criterion=CrossEntropyLoss.*class_weight"):
            skops_io.dumps(made)
    skops_io.dumps(net(criterion=nn.CrossEntropyLoss()).fit(*digits))


def test_an_exported_file_says_the_same(kind, digits, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    export = pytest.importorskip("skfashion.export")
    pytest.importorskip("onnxscript")
    X, y = digits
    estimator = net(**kind).fit(X, y)
    export.to_onnx(estimator, tmp_path / "net.onnx", X[:40], features=True)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    found = session.run(None, {"images": X[:5].reshape(-1, 1, 8, 8)})
    np.testing.assert_allclose(found[1], estimator.predict_proba(X[:5]), atol=1e-5)
    np.testing.assert_allclose(found[2], estimator.transform(X[:5]), atol=1e-4)


def test_features_from_the_middle_are_exported(digits, tmp_path):
    export = pytest.importorskip("skfashion.export")
    X, y = digits
    estimator = net(Branches).fit(X, y)
    export.to_torch_export(estimator, tmp_path / "net.pt2", X[:20], features=True)
    found = torch.export.load(tmp_path / "net.pt2").module()(
        torch.tensor(X[:5].reshape(-1, 1, 8, 8))
    )
    np.testing.assert_allclose(found[-1].detach(), estimator.transform(X[:5]), atol=1e-5)


def test_an_exported_pipeline_says_the_same(digits, tmp_path):
    """ONNX's LSTM has inputs that it is not given, of which skl2onnx would ask where they are."""
    onnxruntime = pytest.importorskip("onnxruntime")
    export = pytest.importorskip("skfashion.export")
    pytest.importorskip("skl2onnx")
    X, y = digits
    halves = [("a", net(RowLSTM)), ("b", net(RowLSTM, random_state=1))]
    model = make_pipeline(MinMaxScaler(), VotingClassifier(halves, voting="soft")).fit(X, y)
    export.to_onnx(model, tmp_path / "model.onnx", X[:40])
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found = session.run(["probabilities"], {"X": X[:5]})[0]
    np.testing.assert_allclose(found, model.predict_proba(X[:5]), atol=1e-5)


def test_what_cannot_be_exported_is_said(digits, tmp_path):
    export = pytest.importorskip("skfashion.export")
    X, y = digits
    estimator = net(returning(lambda x: x if x.sum().item() > 1e9 else x + 0)).fit(X, y)
    with pytest.raises(ValueError, match="module torch.export cannot record"):
        export.to_torch_export(estimator, tmp_path / "net.pt2", X[:20])
    counting = net(returning(lambda x: x + x.new_zeros(len(x), 1))).fit(X, y)
    with pytest.raises(ValueError, match=r"\(use x.shape\[0\], not len\(x\)\)"):
        export.to_torch_export(counting, tmp_path / "net.pt2", X[:20])


@pytest.mark.slow
def test_a_class_of_a_script_works_in_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\n"
        "from sklearn.datasets import load_digits\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "from torch import nn\n"
        "from skfashion import ModuleClassifier\n"
        "class MyNet(nn.Module):\n"
        "    def __init__(self, in_features, n_classes, width=8):\n"
        "        super().__init__()\n"
        "        self.a, self.b = nn.Linear(in_features, width), nn.Linear(width, n_classes)\n"
        "    def forward(self, x):\n"
        "        return self.b(self.a(x).relu())\n"
        "if __name__ == '__main__':\n"
        "    X, y = load_digits(return_X_y=True)\n"
        "    net = ModuleClassifier(module=MyNet, module_input='rows', max_epochs=2)\n"
        "    net.set_params(random_state=0, image_shape=(8, 8))\n"
        "    grid = {'module__width': [4, 16]}\n"
        "    found = [GridSearchCV(net, grid, cv=2, n_jobs=n).fit(X[:300], y[:300])\n"
        "             for n in (1, 2)]\n"
        "    scores = [s.cv_results_['mean_test_score'] for s in found]\n"
        "    assert np.array_equal(*scores), scores\n"
        "    print(scores[0])\n"
    )
    paths = [str(Path(skfashion.__file__).parents[1]), *filter(None, [os.environ.get(PATHS)])]
    own = os.environ | {PATHS: os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=own)
    assert done.returncode == 0, done.stderr


class Blurred(nn.Module):
    """A module whose layers use names that those of the package have."""

    def __init__(self, n_classes):
        super().__init__()
        self.register_buffer("kernel", torch.ones(1, 1, 2, 2) / 4)
        self.stands_for = "a blur"
        self.head = nn.LazyLinear(n_classes)

    def forward(self, x):
        return self.head(nn.functional.conv2d(x, self.kernel).flatten(1))


def test_names_of_somebodys_layers_are_left_alone():
    X, y = np.random.default_rng(0).integers(0, 256, (40, 6, 6), np.uint8), np.arange(40) % 2
    fitted = ModuleClassifier(module=Blurred, max_epochs=1, random_state=0).fit(X, y)
    assert fitted.predict(X).shape == (40,)
