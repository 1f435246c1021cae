"""Named recipes, and the tables and pictures made of their rows."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).absolute().parents[1]))

from benchmarks import candidates, recipes, results, rivals, votes
from benchmarks.__main__ import main
from benchmarks.data import load_split
from benchmarks.models import described, parameters
from benchmarks.recipes import find
from benchmarks.studies import ablation, frontier, reference, robustness, sensitivity, tuning
from skfashion import MLPNetClassifier


def seeds_of(seed, n_nets):
    return list(range(seed * n_nets, (seed + 1) * n_nets))


@pytest.mark.parametrize("name", sorted(recipes.MODELS))
def test_every_recipe_builds_and_is_described(name):
    model = find(name)
    estimator = model.build(3, 1)
    assert parameters(estimator) == parameters(model.build(3, 1))
    if model.ours:
        nets = [net for _, net in getattr(estimator, "estimators", [("net", estimator)])]
        for net in nets:
            net._validate_params()
        assert [net.random_state for net in nets] == seeds_of(3, len(nets))
    assert model.ours != name.startswith("published:")


@pytest.mark.parametrize("name", sorted(tuning.CANDIDATES))
def test_candidates_build_and_differ(name):
    tried = tuning.CANDIDATES[name]
    for candidate in tried:
        estimator = recipes.build(*candidate, 3)
        nets = [net for _, net in getattr(estimator, "estimators", [("net", estimator)])]
        for net in nets:
            net._validate_params()
        assert [net.random_state for net in nets] == seeds_of(3, len(nets))
    words = {candidates.in_words(candidates.settings_of(*candidate)) for candidate in tried}
    assert len(words) == len(tried)


def test_ours_have_the_architecture_of_the_published():
    for name, entry in recipes.REFERENCES.items():
        if entry.published is None:
            assert name not in rivals.RECIPES
            continue
        published = rivals.build(name, 0)
        theirs = [p.shape for layer in published.layers() for p in layer.parameters()]
        for key in (f"ours:{name}", f"defaults:{name}"):
            ours = find(key).build(0, 1)
            module = ours._build_module((1, 28, 28), 10)
            shapes = [p.shape for p in module.parameters() if p.ndim > 1]
            assert shapes == [shape for shape in theirs if len(shape) > 1], key
        assert entry.target > entry.published


def test_published_recipes_train_and_are_watched():
    split = load_split("sample", 300)
    rival = rivals.build("fashionnet", 0)
    rival.n_epochs = 2
    rival.watch(split.X_test[:100], split.y_test[:100])
    rival.fit(split.X_train, split.y_train)
    assert rival.history_["epoch"] == [1, 2]
    assert rival.history_["seconds"][1] > rival.history_["seconds"][0] > 0
    accuracy = (rival.predict(split.X_test[:100]) == split.y_test[:100]).mean()
    assert rival.history_["test_accuracy"][-1] == accuracy
    np.testing.assert_allclose(rival.predict_proba(split.X_test).sum(1), 1)


def curve(*accuracies):
    seconds = [10.0 * (i + 1) for i in range(len(accuracies))]
    return {"curve": {"seconds": seconds, "test_accuracy": list(accuracies)}}


def test_time_counts_until_the_accuracy_or_to_the_end():
    group = [curve(0.8, 0.9, 0.85), curve(0.9, 0.8, 0.8), curve(0.1, 0.2, 0.3)]
    assert reference.seconds_to_reach(group, 0.9) == (20.0, 2)
    assert reference.seconds_to_reach(group[2:], 0.9) == (30.0, 0)


MACHINE = {"cpu": "a", "instructions": "b", "cores": 2, "ram_gb": 8}


def row(model, accuracy, seconds, seed=0, ours=True, **more):
    return {
        "study": "frontier",
        "version": 1,
        "unit": model,
        "label": model,
        "seed": seed,
        "metrics": {"accuracy": accuracy},
        "seconds": {"fit": seconds, "predict": 0.1},
        "settings": described(find(model).build(seed, 2)),
        "data": {"name": "full", "train_rows": 60_000, "test_rows": 10_000},
        "versions": {"torch": "2"},
        "machine": MACHINE,
        "threads": 2,
        "timing_shared": False,
        "engine": {"images": 5} if ours else None,
        "commit": "0123456789abc",
        "date": "2026-01-01T00:00:00+00:00",
        **more,
    }


def test_tables_state_ratios_and_aims():
    rows = [
        row("published:mlp-wider", 0.88, 30.0, ours=False, **curve(0.85, 0.89, 0.88)),
        row("fast:mlp-89", 0.889, 1.0),
        row("fast:mlp-89", 0.891, 1.2, seed=1),
        row("ours:mlp-wider", 0.905, 8.0),
        row("defaults:mlp-wider", 0.9, 5.0),
    ]
    table = frontier.table(rows)
    assert "| `mlp-89` | 89.0    | 89.00 ± 0.14" in table
    assert "`mlp-wider`, to 88.62 %, 20 s" in table
    assert "0.055" in table  # 1.1 of 20 seconds
    assert "0.067 (1.3 s)" in table
    assert "cnn-92" not in table
    table = reference.table(rows)
    assert "| `mlp-wider` |" in table
    assert "89.00" in table  # the best epoch
    assert "0.40" in table  # 8 of 20 seconds
    assert "Seeds of a row: 1 as published, 1 with our recipe, 1 with our defaults" in table
    assert "a (b), 2 cores, 8 GB; threads a run: 2." in table
    # Beside them stand the committed rows of other models.
    (axes,) = frontier.draw(rows).axes
    assert axes.get_xscale() == "log"
    names = {text.get_text() for text in axes.texts}
    assert {"fast:mlp-89", "ours:mlp-wider", "RandomForest"} <= names
    assert "defaults:mlp-wider" not in names


@pytest.mark.parametrize(
    "words", [["frontier", "--recipes"], ["reference", "--systems"], ["tuning", "--recipes"]]
)
def test_unknown_names_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        main([*words, "cnn-96"])
    assert f"{words[1]}: got 'cnn-96', expected some of mlp-" in capsys.readouterr().err


def test_rows_of_other_settings_are_left_out():
    today = row("fast:mlp-89", 0.9, 1.0)
    members = row("fast:cnn-95", 0.9, 1.0)
    published = row("published:mlp-wider", 0.9, 1.0, ours=False)
    rows = [today, members, published]
    assert recipes.of_today(rows) == {one["unit"]: [one] for one in rows}
    words = candidates.in_words(members["settings"])
    assert words.startswith("votes of 1 ConvNetClassifier(augment=Augmentation(")
    assert "1 Augmentation" not in words
    others = [
        today | {"settings": today["settings"] | {"lr": 9.0}},
        members | {"settings": {**members["settings"], "net0": members["settings"]["net1"]}},
    ]
    assert list(recipes.of_today([*others, published])) == ["published:mlp-wider"]
    # A parameter that exists since then has its default.
    before = {k: v for k, v in today["settings"].items() if k != "sam_rho"}
    assert "fast:mlp-89" in recipes.of_today([today | {"settings": before}])


def test_a_vote_fits_nobody_twice(tmp_path, monkeypatch):
    split = load_split("sample", 300)
    kinds = [("MLPNetClassifier", {"hidden_layer_sizes": (n,), "max_epochs": 2}) for n in (8, 9)]
    small, large = (
        recipes.build("VotingClassifier", {"estimators": times * kinds}, 0) for times in (1, 2)
    )
    fitted, seconds = votes.timed_fit(small, split.X_train, split.y_train, tmp_path)
    assert seconds > 0
    assert not hasattr(small, "classes_")
    proba = fitted.predict_proba(split.X_test)
    plain = recipes.build("VotingClassifier", {"estimators": kinds}, 0)
    plain.fit(split.X_train, split.y_train)
    np.testing.assert_array_equal(proba, plain.predict_proba(split.X_test))

    larger, more = votes.timed_fit(large, split.X_train, split.y_train, tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 4
    assert more > seconds
    # Members of the second seed are those that the larger vote has besides.
    monkeypatch.setattr(MLPNetClassifier, "fit", None)
    other = recipes.build("VotingClassifier", {"estimators": kinds}, 1)
    again, rest = votes.timed_fit(other, split.X_train, split.y_train, tmp_path)
    assert seconds + rest == pytest.approx(more)
    mean = (proba + again.predict_proba(split.X_test)) / 2
    np.testing.assert_allclose(larger.predict_proba(split.X_test), mean, atol=1e-12)
    with pytest.raises(TypeError):  # other labels: it would have to fit
        votes.timed_fit(other, split.X_train, split.y_train[::-1], tmp_path)
    with pytest.raises(ValueError, match="voting='hard', expected 'soft'"):
        votes.timed_fit(other.set_params(voting="hard"), split.X_train, split.y_train, tmp_path)


def test_seeds_of_a_vote_are_repetitions():
    small = {"hidden_layer_sizes": (8,)}
    kind = "VotingClassifier", {"estimators": [("MLPNetClassifier", small)] * 2}
    rows = [
        row("fast:cnn-95", 0.9, 1.0)
        | {"settings": described(recipes.build(*kind, seed)), "seed": seed}
        for seed in (0, 1)
    ]
    assert results.current(rows) == rows


def test_settings_are_compared_on_validation_data(tmp_path, monkeypatch):
    monkeypatch.setattr(votes, "KEPT", tmp_path / "members")
    split = load_split("sample", 300)
    parts = split.X_train, split.X_test, split.y_train, split.y_test
    small = {"hidden_layer_sizes": (16,), "max_epochs": 2}
    kinds = {
        "nothing": ("MLPNetClassifier", small),
        "flips": ("MLPNetClassifier", small | {"augment": {"flip": "alternate"}}),
        "votes": ("VotingClassifier", {"estimators": [("MLPNetClassifier", small)] * 2}),
    }
    units = [(name, *kind) for name, kind in kinds.items()]
    about = {
        "commit": "1",
        "machine": MACHINE,
        "versions": {},
        "date": "2026",
    }
    rows = [
        candidates.describe(unit, seed, None)
        | candidates.measure(unit, seed, split=parts)
        | {"seed": seed, **about}
        for seed in (0, 1)
        for unit in units
    ]
    plain, flips, voted = rows[:3]
    net = recipes.build(*kinds["flips"], 0).fit(split.X_train, split.y_train)
    assert list(plain["accuracy"]) == ["None"]
    for view in (None, "flip", 10):
        assert flips["accuracy"][str(view)] == net.set_params(tta=view).score(*parts[1::2])
    members = [recipes.build(*kinds["nothing"], seed) for seed in (0, 1)]
    proba = sum(m.fit(split.X_train, split.y_train).predict_proba(split.X_test) for m in members)
    right = members[0].classes_[proba.argmax(1)] == split.y_test
    assert voted["accuracy"] == {"as it votes": right.mean()}

    other = {**rows[0], "settings": rows[0]["settings"] | {"lr": 9.0}, "accuracy": {"None": 0}}
    kept = [row for row in rows if row["unit"] != "votes"]
    table = ablation.table([*kept, other], units)
    differences = [
        100 * (b["accuracy"]["None"] - a["accuracy"]["None"]) for a, b in (rows[:2], rows[3:5])
    ]
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert f"{np.mean(differences):+.2f} [{low:+.2f}, {high:+.2f}]" in table
    table = tuning.table(rows, kinds)
    mean = 50 * (rows[2]["accuracy"]["as it votes"] + rows[5]["accuracy"]["as it votes"])
    assert f"{mean:.2f}" in next(line for line in table.splitlines() if "votes of 2" in line)
    # What was tried stays in the table, candidate or not; what was chosen is bold.
    assert tuning.table(rows, {}) == table
    assert "**" not in table
    chosen = recipes.FASTEST["mlp-89"]
    kind = chosen.classifier, chosen.parameters
    rows[0] |= {"settings": candidates.settings_of(*kind)}
    lines = tuning.table(rows, kinds).splitlines()
    (bold,) = (line for line in lines if "**" in line)
    assert bold.startswith("| nothing")
    assert "batch_size=256, hidden_layer_sizes=(128,), lr=0.01, max_epochs=2" in bold


@pytest.mark.slow
def test_doubtful_test_images_are_found():
    split = load_split("sample", 300)
    X_test = split.X_test.copy()
    X_test[3] = split.X_train[7]
    X_test[3, :5] += 1
    found = sensitivity.near_duplicates(split._replace(X_test=X_test))
    assert 3 in found["test"]
    similarity = np.corrcoef(X_test, split.X_train)[: len(X_test), len(X_test) :]
    assert found["test"] == (similarity.max(1) > 0.98).nonzero()[0].tolist()

    y_test = split.y_test.copy()
    swapped = np.flatnonzero((y_test == 1) | (y_test == 9))[:12]
    y_test[swapped] = 10 - y_test[swapped]  # trousers are boots, and boots trousers
    checks = sensitivity.suspected_labels(
        split._replace(y_test=y_test), 0, n_folds=3, checker={"max_epochs": 5}
    )
    # One or two may look like what they are said to be, on one processor and not on another.
    assert len(set(swapped) & set(checks["test"])) >= 10
    assert len(checks["test"]) < 120
    assert checks["test_share"] == len(checks["test"]) / len(y_test)

    rows = [
        {
            **sensitivity.describe(what, 0),
            "unit": what,
            "seed": None if what == "near-duplicates" else 0,
            "command": "c",
            "commit": "0" * 40,
            "machine": MACHINE,
            "date": "2026-11-30",
            "versions": {},
            **row,
        }
        for what, row in (("near-duplicates", found), ("labels", checks))
    ]
    wrong = [*swapped.tolist(), 3]
    best = row("fast:cnn-95", 1 - len(wrong) / len(y_test), 1.0, wrong=wrong)
    best["data"] = {"test_rows": len(y_test)}
    table = sensitivity.table(rows, {"fast:cnn-95": [best]})
    n_left = len(y_test) - len(found["test"])
    n_wrong = len(set(wrong) - set(found["test"]))
    n_sure = len(y_test) - len(checks["test"])
    n_doubtful = len(set(wrong) - set(checks["test"]))
    cells = [f"{100 * (1 - n_wrong / n_left):.2f}", f"{100 * (1 - n_doubtful / n_sure):.2f}"]
    line = next(line for line in table.splitlines() if "cnn-95" in line)
    assert [cell.strip() for cell in line.split("|")[3:5]] == cells


def test_the_mean_corruption_error_is_relative_to_another_classifier():
    theirs = {"accuracy": {"noise": [0.8, 0.6], "blur": [0.5, 0.5]}}
    row = {"accuracy": {"noise": [0.9, 0.8], "blur": [0.25, 0.25]}}
    assert robustness.corruption_error(theirs, theirs) == pytest.approx(100)
    assert robustness.corruption_error(row, theirs) == pytest.approx((50 + 150) / 2)


def test_robustness_is_measured_by_kind_and_severity():
    split = load_split("sample", 200)
    disturbed = robustness.disturb(split.X_test)
    assert {len(images) for images in disturbed.values()} == {5}
    net = MLPNetClassifier(hidden_layer_sizes=16, max_epochs=2, random_state=0)
    found = robustness.accuracies(net, split, disturbed)
    assert found["clean"] == net.score(split.X_test, split.y_test)
    assert found["accuracy"]["noise"][2] == net.score(disturbed["noise"][2], split.y_test)
    about = {
        "command": "python -m benchmarks robustness",
        "machine": MACHINE,
        "date": "2026-11-30",
        "commit": "1",
    }
    about |= {"versions": {}, **found}
    rows = [
        {"unit": name, "seed": seed, **about}
        for name in ("MLPNetClassifier", "RandomForest")
        for seed in (0, 1)
    ]
    table = robustness.table(rows)
    assert table.index("RandomForest") < table.index("MLPNetClassifier")
    mean = 100 * np.mean([np.mean(values) for values in found["accuracy"].values()])
    assert f"{mean:.2f} ± 0.00" in table
    assert "a (b), 2 cores, 8 GB.\n" in table
    axes, _ = robustness.draw(rows).axes
    assert axes.images[0].get_array().shape == (2, len(disturbed))


def test_what_augmentation_changes_is_said_seed_by_seed():
    about = {"machine": MACHINE, "date": "2026", "commit": "1", "versions": {}, "command": "c"}
    rows = [
        {"unit": name, "seed": seed, "clean": clean + seed / 100, "seconds": 1.0, **about}
        | {"accuracy": {"noise": [noise - seed / 1000] * 5, "blur": [0.5 + add * seed] * 5}}
        for name, clean, noise, add in (
            ("MLPNetClassifier", 0.9, 0.7, 0.0),
            ("MLPNetClassifier, augmented", 0.8, 0.5, 0.1),
        )
        for seed in (0, 1, 2)
    ]
    (line,) = (line for line in robustness.table(rows).splitlines() if "[-10.00" in line)
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[:2] == ["MLPNetClassifier", "-10.00 [-10.00, -10.00]"]
    # Three seeds of 0, 10 and 20 points more are no proof.
    assert cells[3:] == ["", "noise"]


def test_the_page_has_the_recipes_to_copy():
    page = (Path(__file__).parents[1] / "docs" / "frontier.md").read_text(encoding="utf-8")
    source = page.split("```python\n")[1].split("```")[0]
    namespace = {}
    exec(source, namespace)
    assert set(namespace["recipes"]) == set(recipes.FASTEST) - {"best"}
    for name, shown in namespace["recipes"].items():
        built = find(f"fast:{name}").build(0, 2)
        assert parameters_without_seeds(shown) == parameters_without_seeds(built)


def parameters_without_seeds(estimator):
    return str(results.without_seeds(parameters(estimator)))
