"""Learning rates, optimizers, losses and precisions."""

import numpy as np
import pytest
import torch
from common import small, weights_of
from skorch.callbacks import LRScheduler

from skfashion import MLPNetClassifier
from skfashion.training import make_schedule


def schedule(name, n_epochs=10, steps_per_epoch=10, **options):
    defaults = {"warmup_fraction": "auto", "step_size": 3, "gamma": 0.5}
    factor = make_schedule(
        name, n_epochs=n_epochs, steps_per_epoch=steps_per_epoch, **(defaults | options)
    )
    return np.array([factor(step) for step in range(n_epochs * steps_per_epoch)])


def test_one_cycle_is_that_of_pytorch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=100, pct_start=0.26, cycle_momentum=False
    )
    expected = []
    for _ in range(100):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    # PyTorch's peak is at step pct_start * total - 1, ours at the first step after the warm-up.
    np.testing.assert_allclose(schedule("one_cycle"), expected, atol=1e-12)


def test_other_schedules():
    assert (
        make_schedule(
            "constant",
            n_epochs=2,
            steps_per_epoch=2,
            warmup_fraction="auto",
            step_size=1,
            gamma=0.1,
        )
        is None
    )
    np.testing.assert_array_equal(schedule("step"), 0.5 ** (np.arange(100) // 30))
    cosine = schedule("cosine")
    np.testing.assert_allclose(cosine, (1 + np.cos(np.pi * np.arange(100) / 99)) / 2, atol=1e-12)
    for name in ("constant", "step", "cosine"):
        warm = schedule(name, warmup_fraction=0.2)
        np.testing.assert_allclose(warm[:20], np.arange(1, 21) / 21)
        assert warm[20] == 1


@pytest.mark.parametrize("name", ["one_cycle", "step", "cosine"])
@pytest.mark.parametrize("warmup_fraction", ["auto", 0.0, 0.9])
@pytest.mark.parametrize("n_epochs", [1, 2])
def test_schedules_of_few_steps_are_finite(name, warmup_fraction, n_epochs):
    factors = schedule(name, n_epochs, 1, warmup_fraction=warmup_fraction)
    assert np.isfinite(factors).all()
    assert (factors >= 0).all()
    assert factors.max() > 0


def test_learning_rate_follows_the_schedule(digits):
    net = small(
        MLPNetClassifier, lr_schedule="step", step_size=2, gamma=0.1, lr=0.01, max_epochs=5
    ).fit(*digits)
    np.testing.assert_allclose(net.history_["lr"], [1e-2, 1e-2, 1e-3, 1e-3, 1e-4])


@pytest.mark.parametrize(
    ("params", "cls", "expected"),
    [
        ({"optimizer": "adamw"}, torch.optim.AdamW, {"weight_decay": 0.05}),
        ({"optimizer": "adam"}, torch.optim.Adam, {"weight_decay": 0.05}),
        ({"optimizer": "sgd", "lr": 0.1}, torch.optim.SGD, {"momentum": 0.8, "nesterov": True}),
        (
            {"optimizer": "sgd", "lr": 0.1, "nesterovs_momentum": False},
            torch.optim.SGD,
            {"nesterov": False},
        ),
        ({"optimizer": "sgd", "lr": 0.3, "momentum": 0.0}, torch.optim.SGD, {"nesterov": False}),
        ({"optimizer": torch.optim.RMSprop}, torch.optim.RMSprop, {"momentum": 0.8}),
        ({"optimizer": torch.optim.NAdam}, torch.optim.NAdam, {"weight_decay": 0.05}),
        # Of parts of the rows LBFGS takes a chaotic course, another one on each processor.
        (
            {"optimizer": torch.optim.LBFGS, "lr": 0.3, "batch_size": 300},
            torch.optim.LBFGS,
            {"max_iter": 20},
        ),
    ],
)
def test_optimizers(digits, params, cls, expected):
    X, y = digits
    defaults = {"weight_decay": 0.05, "momentum": 0.8, "max_epochs": 8, "batch_size": 100}
    net = small(MLPNetClassifier, **(defaults | params)).fit(X, y)
    group = net.net_.optimizer_.param_groups[0]
    assert isinstance(net.net_.optimizer_, cls)
    assert {key: group[key] for key in expected} == expected
    assert net.score(X, y) > 0.4


@pytest.mark.parametrize("bad", [torch.optim.lr_scheduler.StepLR, int])
def test_optimizer_that_is_none(digits, bad):
    with pytest.raises(ValueError, match=r"Got optimizer=.*subclass of torch\.optim\.Optimizer"):
        MLPNetClassifier(optimizer=bad).fit(*digits)


def test_label_smoothing_flattens_probabilities(digits):
    X, y = digits
    sharp = small(MLPNetClassifier, max_epochs=30).fit(X, y)
    smooth = small(MLPNetClassifier, max_epochs=30, label_smoothing=0.3).fit(X, y)
    assert smooth.predict_proba(X).max(1).mean() < sharp.predict_proba(X).max(1).mean() - 0.1


def test_divergence_names_the_epoch_and_leaves_nothing(any_class, digits):
    X, y = digits
    params = {"optimizer": "sgd", "lr": 1e38, "lr_schedule": "constant", "batch_norm": False}
    net = small(any_class, **params)
    with pytest.raises(ValueError, match=r"diverged in epoch \d.*learning rate that is too high"):
        net.fit(X, y)
    assert not hasattr(net, "classes_")
    net.set_params(lr=1e-2).partial_fit(X, y, classes=range(10))
    before = weights_of(net), net.n_iter_
    with pytest.raises(ValueError, match="diverged"):
        net.set_params(lr=1e38).partial_fit(X, y)
    np.testing.assert_array_equal(weights_of(net), before[0])
    assert net.n_iter_ == before[1]


def test_values_beyond_float32_are_refused_in_words():
    X = np.array([[1e300, 0.0], [0.0, 1.0]] * 5)
    with pytest.raises(ValueError, match=r"infinity or a value too large for dtype\('float32'\)"):
        MLPNetClassifier().fit(X, [0, 1] * 5)


def test_scheduler_of_skorch_has_its_way_with_a_constant_rate(digits):
    scheduler = LRScheduler("StepLR", step_size=1, gamma=0.1)
    net = small(MLPNetClassifier, lr_schedule="constant", skorch_callbacks=[scheduler])
    np.testing.assert_allclose(net.fit(*digits).history_["lr"], 5e-3 * 0.1 ** np.arange(3))
