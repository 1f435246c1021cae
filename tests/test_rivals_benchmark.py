"""The rivals that a reader looks for, what was tried for each, and a row of one's own."""

import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import data, models, recipes
from benchmarks.models import described
from benchmarks.studies import accuracy, competitors, rivals

# Those that need no package of their own beside what the tests are installed with.
PLAIN = ["random_forest_500", "extra_trees", "svm", "nystroem", "hog_svm", "skorch"]
WITH_PACKAGE = {"lightgbm": "lightgbm", "xgboost": "xgboost"}
SMALLER = {"n_estimators": 5, "n_components": 50, "max_epochs": 1}


@pytest.fixture(scope="module")
def split():
    return data.load_split("sample", 300)


@pytest.mark.parametrize("name", [*PLAIN, *WITH_PACKAGE])
def test_a_rival_learns_from_grey_levels(name, split):
    package = WITH_PACKAGE.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is a package of the extra 'bench', which is not installed here.")
    model = recipes.find(name)
    settings = {key: SMALLER.get(key, value) for key, value in model.settings.items()}
    net = model.make(0, 1, **settings).fit(split.X_train, split.y_train)
    assert net.predict_proba(split.X_test).sum(1) == pytest.approx(1, abs=1e-4)
    assert (net.predict(split.X_test) == split.y_test).mean() > (0.1 if name == "skorch" else 0.6)


def test_histograms_of_gradients_are_of_square_images():
    images = np.random.RandomState(0).randint(0, 256, (3, 784), np.uint8)
    assert models.gradients(images).shape == (3, 6 * 6 * 4 * 9)
    np.testing.assert_array_equal(models.gradients(images)[1], models.gradients(images[1:2])[0])
    # A brighter image has the same edges.
    np.testing.assert_allclose(
        models.gradients(images // 2 + 100)[0], models.gradients(images // 2)[0], atol=1e-5
    )


def test_nets_of_other_libraries_have_our_architecture(split):
    from benchmarks.same_nets import plain_net

    ours = models.MODELS["conv_net"].build(0, 1).set_params(max_epochs=1)
    module = ours.fit(split.X_train, split.y_train).net_.module_
    weights = sorted(tuple(p.shape) for p in module.parameters())
    assert sorted(tuple(p.shape) for p in plain_net().parameters()) == weights


def test_who_is_slow_or_draws_nothing_is_fitted_once():
    options = SimpleNamespace(models=["svm", "extra_trees", "catboost", "conv_net"])
    found = rivals.plan(SimpleNamespace(options=options, seeds=[0, 1, 2]))
    seeds = {}
    for unit, seed in found:
        seeds.setdefault((unit["model"], unit["rows"]), []).append(seed)
    assert seeds == {
        ("svm", None): [0],
        ("svm", 10_000): [0],
        ("extra_trees", None): [0, 1, 2],
        ("extra_trees", 10_000): [0, 1, 2],
        ("catboost", None): [0],
        ("catboost", 10_000): [0, 1, 2],
        ("conv_net", 10_000): [0, 1, 2],
    }


def test_versions_of_a_rivals_package_tell_its_rows():
    asked = SimpleNamespace(size="sample", jobs=1, options=SimpleNamespace())
    unit = {"model": "hog_svm", "rows": 100}
    assert rivals.describe(unit, 0, asked)["packages"] == ("scikit-image",)
    assert rivals.describe(unit, 0, asked)["data"]["train_rows"] == 100


def own_forest(seed, threads):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(7, random_state=seed, n_jobs=threads)


def test_somebody_may_compete_with_a_function_of_their_own(monkeypatch):
    monkeypatch.setitem(sys.modules, "mine", sys.modules[__name__])
    model = recipes.find("mine:own_forest")
    assert model.build(3, 1).get_params()["random_state"] == 3 and not model.ours
    options = SimpleNamespace(models=["dummy"], competitor="mine:own_forest")
    assert accuracy.STUDY.units(SimpleNamespace(options=options)) == ["dummy", "mine:own_forest"]
    with pytest.raises(KeyError):
        recipes.find("nobody")


def test_each_setting_of_a_competitor_is_tried_and_the_chosen_one_is_bold():
    asked = SimpleNamespace(options=SimpleNamespace(models=["logistic_regression", "dummy"]))
    units = competitors.units(asked)
    assert [unit["settings"]["C"] for unit in units] == [0.1, 1.0, 0.01]
    about = {
        "versions": {"torch": "2"},
        "machine": {"cpu": "x"},
        "date": "2026-11-30",
        "commit": "c",
        "seconds": 3.0,
    }
    about |= {"command": "c", "accuracy": 0.86}
    lines = competitors.table([{"unit": unit} | about for unit in units]).splitlines()
    bold = [line for line in lines if "**" in line]
    assert len(bold) == 1 and "C=0.1" in bold[0]


def test_what_the_comparison_takes_was_best_on_validation_rows():
    by_model = {}
    for row in competitors.STUDY.rows():
        by_model.setdefault(row["unit"]["model"], []).append(row)
    for name, rows in by_model.items():
        best = max(rows, key=lambda row: row["accuracy"])
        assert described(best["unit"]["settings"]) in competitors.taken(name)
