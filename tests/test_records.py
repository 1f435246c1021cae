"""The records: their network, what changes in a training from epoch to epoch, their study."""

import numpy as np
import pytest
import small_studies
import torch
from sklearn.base import clone
from skorch.callbacks import Callback
from torch.nn.functional import unfold

from benchmarks.records import best
from benchmarks.records.residual_groups import ErasingEnds, ImageSides, ResidualGroups, Whitening
from benchmarks.studies import records
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


# --- recipes, and the study of their parts --------------------------------------------------------


def test_a_recipe_learns(images):
    X, y = images
    net = best.recipe(0, max_epochs=8).set_params(batch_size=25, module__widths=(8, 12, 16))
    assert net.fit(X, y).score(X, y) > 0.4  # of ten classes


@pytest.mark.parametrize("name", records.CHANGES)
def test_a_change_changes_what_its_name_says(name):
    net, base = records.changed(name, 0, 9), best.recipe(0, 9)
    callbacks = [[type(one) for one in its.skorch_callbacks] for its in (net, base)]
    others = [its.set_params(skorch_callbacks=None).get_params() for its in (net, base)]
    different = {key for key in others[1] if str(others[0].get(key)) != str(others[1][key])}
    left_out = set(callbacks[1]) - set(callbacks[0])
    assert bool(different) + bool(left_out) == (name != "nothing")
    net._validate_params()


def test_the_table_compares_run_by_run():
    rows = [
        small_studies.ABOUT
        | {"unit": {"change": change, "split": split, "epochs": epochs}, "seed": seed}
        | {"accuracy": {"10": 0.9 + 0.01 * split + gain}, "seconds": 10.0 + 10 * gain}
        for change, gain in {"nothing": 0.0, "erasing to the end": 0.002}.items()
        for split in range(2)
        for seed in range(2)
        for epochs in (records.EPOCHS, 1)
    ]
    table = records.table(rows)
    (line,) = [line for line in table.splitlines() if line.startswith("| erasing")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:] == ["90.70", "+0.20 [+0.20, +0.20]", "1.00"]
    assert f"{records.EPOCHS} epochs" in table


def test_a_row_of_the_study(images):
    X, y = images
    unit = {"change": "nothing", "split": 0, "epochs": 1}
    found = records.measure(unit, 0, split=(X[:150], X[150:], y[:150], y[150:]))
    assert set(found["accuracy"]) == {"None", "flip", "10"}
    assert (
        records.describe(unit, 0, None)["settings"]["skorch_callbacks"][0]["class"] == "Whitening"
    )
