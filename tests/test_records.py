"""The network of the records, and what changes in its training from epoch to epoch."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback
from torch.nn.functional import unfold

from benchmarks.records.residual_groups import ErasingEnds, ImageSides, ResidualGroups, Whitening
from skfashion import Augmentation, ModuleClassifier, load
from skfashion.datasets import load_fashion_sample


@pytest.fixture(scope="module")
def images():
    X, y = load_fashion_sample(return_X_y=True)
    return X[:200], y[:200]


def net_of(*callbacks, **parameters):
    own = {"widths": (4, 6, 8)} | parameters.pop("module_params", {})
    usual = {"max_epochs": 4, "batch_size": 50, "optimizer": "muon", "random_state": 0}
    return ModuleClassifier(
        module=ResidualGroups,
        module_params=own,
        skorch_callbacks=list(callbacks),
        **usual | parameters,
    )


def module_of(net):
    return next(m for m in net.net_.module_.modules() if isinstance(m, ResidualGroups))


class Looks(Callback):
    """Notes the side of images and how many are erased, an entry an epoch."""

    seen = []  # callbacks are copied

    def on_epoch_begin(self, net, **kwargs):
        module = next(m for m in net.module_.modules() if isinstance(m, ResidualGroups))
        self.seen.append((module.side, getattr(net.augment, "erase", None)))


@pytest.fixture
def seen():
    Looks.seen.clear()
    return Looks.seen


def test_whitened_patches_are_uncorrelated_and_filters_stay(images):
    X, y = images
    net = net_of(Whitening(), max_epochs=2, lr=0.05).fit(X, y)
    module = net.net_.module_
    first = module_of(net).first
    with torch.no_grad():
        seen = module.standardize(torch.as_tensor(X).view(-1, 1, 28, 28))
        patches = unfold(seen, 3).transpose(1, 2).flatten(0, 1).double()
        found = (patches - patches.mean(0)) @ first.weight.flatten(1).double().T
    half = found.shape[1] // 2
    covariance = torch.cov(found[:, :half].T)
    # Less than 1 where a component hardly varies.
    assert 0.5 < covariance.diagonal().min() and covariance.diagonal().max() < 1.001
    assert (covariance - covariance.diagonal().diag()).abs().max() < 1e-3
    torch.testing.assert_close(first.weight[:half], -first.weight[half:])
    assert first.bias.abs().min() > 0


def test_images_are_smaller_in_the_first_epochs_alone(images, seen):
    sides = ImageSides([(0.25, 12), (0.5, 20)])
    net = net_of(sides, Looks()).fit(*images)
    assert [side for side, _ in seen] == [12, 20, None, None]
    assert net.predict_proba(images[0]).shape == (200, 10)


def test_smaller_images_are_what_the_network_sees(images):
    module = ResidualGroups(10, 1, widths=(4, 6))
    shapes = []
    module.first.register_forward_hook(lambda _, given, __: shapes.append(given[0].shape[2:]))
    x = torch.as_tensor(images[0][:2], dtype=torch.float32).view(-1, 1, 28, 28)
    module.side = 20
    module(x)
    module.eval()(x)
    assert shapes == [(20, 20), (28, 28)]


def test_erasing_ends(images, seen):
    net = net_of(ErasingEnds(0.75), Looks(), augment=Augmentation(erase=0.5)).fit(*images)
    assert [erase for _, erase in seen] == [0.5, 0.5, 0.5, 0.0]
    assert net.augment.erase == 0.5  # the user's


def test_biases_are_trained_faster(images):
    # One step of AdamW's changes all numbers by as much.
    one_step = {"max_epochs": 1, "batch_size": 200, "lr_schedule": "constant", "lr": 1e-3}
    moved = []
    for rate in (1.0, 8.0):
        net = net_of(module_params={"bias_rate": rate}, **one_step).fit(*images)
        norm = module_of(net).groups[0].norms[1]
        moved.append(float((norm.bias * rate).detach().abs().max()))
    assert moved[1] == pytest.approx(8 * moved[0], rel=0.05)


class Stops(Callback):
    """Ends a process's training after an epoch, as Ctrl-C does."""

    after = None  # not its own, so that the fit is the same one each time

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.after:
            raise KeyboardInterrupt


def test_a_training_that_was_stopped_ends_with_the_same_bits(images, tmp_path, monkeypatch):
    X, y = images
    parts = [Whitening(), ImageSides([(0.5, 20)]), ErasingEnds(0.75), Stops()]
    net = net_of(*parts, augment=Augmentation(flip="alternate", erase=0.5))
    whole = clone(net).fit(X, y).predict_proba(X)
    net.set_params(checkpoint_dir=tmp_path)
    for after in (1, 3):
        monkeypatch.setattr(Stops, "after", after)
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, y)
    monkeypatch.setattr(Stops, "after", None)
    resumed = net.fit(X, y)
    np.testing.assert_array_equal(resumed.predict_proba(X), whole)


def test_a_file_brings_it_back(images, tmp_path):
    X, y = images
    net = net_of(Whitening(), max_epochs=1).fit(X, y)
    with pytest.warns(UserWarning, match="skorch_callbacks"):
        net.save(tmp_path / "net.safetensors")
    found = load(tmp_path / "net.safetensors", module=ResidualGroups)
    np.testing.assert_array_equal(found.predict_proba(X), net.predict_proba(X))
