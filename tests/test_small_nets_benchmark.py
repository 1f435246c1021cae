"""`python -m benchmarks small-nets`: what is cut out of a net, the rows, the table."""

import itertools
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import small_studies
import torch
from common import small, weights_of
from scipy import stats
from sklearn.base import clone

from benchmarks.data import load_split
from benchmarks.pruning import prune
from benchmarks.studies import small_nets
from skfashion import MLPNetClassifier, ResNetClassifier
from skfashion.adaptation import adapt_batch_norm

STILL = {"lr": 1e-30, "max_epochs": 1, "batch_size": 300}
SETTINGS = {
    "ConvNetClassifier": {"channels": [4, 6], "hidden_layer_sizes": [9], "max_epochs": 2},
    "MLPNetClassifier": {"hidden_layer_sizes": [12], "max_epochs": 40},
}
TINY = small_nets.FULL | {
    "train_rows": 200,
    "valid_rows": 100,
    "keep": [0.5],
    "epochs": {"ConvNetClassifier": [1], "MLPNetClassifier": [1, 3]},
    "wide": {name: own | {"n_threads": 1} for name, own in SETTINGS.items()},
}

# --- cutting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0.5, 0.01])
def test_a_part_of_a_net_is_a_net_of_its_widths(fast_class, keep, digits):
    X, y = digits
    sizes = {"hidden_layer_sizes": (11, 4), "channels": (4, 7), "depth": 2}
    known = fast_class().get_params()
    sizes = {name: size for name, size in sizes.items() if name in known}
    wide = small(fast_class, **sizes).fit(X, y)
    before, parameters = weights_of(wide), wide.get_params()
    part = prune(wide, X, y, keep=keep, max_epochs=2)
    assert part.n_iter_ == 2
    np.testing.assert_array_equal(weights_of(wide), before)
    assert wide.get_params() == parameters
    expected = {
        "hidden_layer_sizes": (6, 2) if keep == 0.5 else (1, 1),
        "channels": (2, 4) if keep == 0.5 else (1, 1),
    }
    expected = {name: size for name, size in expected.items() if name in known}
    assert part.get_params() == parameters | expected
    again = clone(part).fit(X, y)
    assert weights_of(again).shape == weights_of(part).shape
    same = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(same.predict_proba(X), part.predict_proba(X))
    assert torch.equal(part.net_.module_.standardize.mean, wide.net_.module_.standardize.mean)


def test_all_of_a_net_is_that_net(fast_class, digits):
    X, y = digits
    wide = small(fast_class, batch_norm=False).fit(X, y)
    whole = prune(wide, X, y, keep=1, **STILL)
    np.testing.assert_allclose(whole.predict_proba(X), wide.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_what_matters_is_kept(fast_class, batch_norm, digits):
    # Half of all filters and neurons have no way to the logits: the other half is the whole net.
    X, y = digits
    sizes = {"hidden_layer_sizes": (8, 6), "channels": (4, 8)}
    wide = small(fast_class, batch_norm=batch_norm, **sizes).fit(X, y)
    layers = [m for m in wide.net_.module_.modules() if hasattr(m, "weight") and m.weight.ndim > 1]
    generator = np.random.RandomState(0)
    for one, behind in itertools.pairwise(layers):
        n = len(one.weight)
        dead = generator.permutation(n)[: n // 2]
        with torch.no_grad():
            behind.weight.unflatten(1, (n, -1))[:, dead] = 0
    if batch_norm:  # whose statistics are those of the net as it is now
        wide = adapt_batch_norm(wide, X)
    part = prune(wide, X, y, keep=0.5, precision="fp32", **STILL)
    np.testing.assert_allclose(part.predict_proba(X), wide.predict_proba(X), atol=1e-3)


def test_what_is_cut_out_may_be_taught(digits):
    X, y = digits
    wide = small(MLPNetClassifier).fit(X, y)
    shifted = np.eye(10)[(y + 1) % 10]
    taught = prune(wide, X, y, soft_targets=shifted, distillation_weight=1.0, max_epochs=60)
    assert taught.score(X, (y + 1) % 10) > 0.9


def test_what_cannot_be_cut_is_refused(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    for keep in (0, 1.1, np.nan):
        with pytest.raises(ValueError, match=f"Got keep={keep}, expected a share above 0"):
            prune(net, X, y, keep=keep)
    with pytest.raises(ValueError, match="Got a ResNetClassifier, expected an MLPNet"):
        prune(small(ResNetClassifier).fit(X[:50], y[:50]), X, y)
    with pytest.raises(ValueError, match="with loss='ldam', whose head"):
        prune(small(MLPNetClassifier, loss="ldam").fit(X, y), X, y)


# --- the study ------------------------------------------------------------------------------------


def asked_for(**more):
    blind = load_split("sample")._replace(X_test=None, y_test=None)
    return SimpleNamespace(**{"settings": TINY, "images": blind, "brief": False} | more)


def test_all_ways_lead_to_one_size_without_a_test_image():
    rows = list(small_nets.measure("MLPNetClassifier", 0, asked_for()))
    wide, *others = rows
    assert wide["name"] == small_nets.WIDE
    assert len(others) == 2 * 7
    assert {row["weights"] for row in others} == {784 * 6 + 6 + 6 * 10 + 10}
    cut = [row for row in others if row["name"] == "cut out"]
    assert [row["epochs"] for row in cut] == [1, 3]
    for row in others:
        by_itself = row["name"] in (small_nets.NARROW, small_nets.LONGER)
        before = round(row["seconds_with_wide"] - row["seconds"], 2)
        assert before == pytest.approx(0 if by_itself else wide["seconds"], abs=0.011)
        assert 0 < row["accuracy"] <= 1
    longer = [row["epochs"] for row in others if row["name"] == small_nets.LONGER]
    narrow = [row["epochs"] for row in others if row["name"] == small_nets.NARROW]
    assert all(np.array(longer) >= narrow)


def test_a_brief_look_trains_the_wide_net_alone():
    (row,) = small_nets.measure("MLPNetClassifier", 0, asked_for(brief=True))
    first = next(iter(small_nets.measure("MLPNetClassifier", 0, asked_for())))
    for key in ("name", "accuracy", "log_loss", "epochs", "weights"):
        assert row[key] == first[key]


@pytest.mark.slow
def test_the_table_shows_gains_over_both(tmp_path):
    rows = small_studies.run(small_nets.STUDY, TINY, tmp_path, "--seeds", "3")
    assert len(rows) == 3 * (8 + 15)
    lines = [
        [part.strip() for part in line.strip("|").split("|")]
        for line in small_nets.table(rows).splitlines()
        if line.startswith("| MLP") and "3 epochs" in line
    ]
    by_name = {line[4]: line for line in lines}
    assert len(by_name) == 7

    def accuracies(name):
        its = [row for row in rows if row["unit"] == "MLPNetClassifier" and row["budget"] == 3]
        return np.array([row["accuracy"] for row in its if row["name"] == name])

    for column, base in ((8, small_nets.NARROW), (9, small_nets.LONGER)):
        gains = 100 * (accuracies("cut out") - accuracies(base))
        low, high = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
        assert by_name["cut out"][column] == f"{gains.mean():+.2f} ± {(high - low) / 2:.2f}"
    assert by_name[small_nets.NARROW][8:10] == ["", ""]
    assert by_name[small_nets.LONGER][9] == ""
