"""The table of architectures, and the searches simulated on it."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.data import load_split
from benchmarks.studies import architecture_search as searches
from benchmarks.studies import architectures

TINY = {"train_rows": 60, "valid_rows": 40, "judge_rows": 50, "epochs": [1, 3], "more": {}}


def asked_for(**more):
    blind = load_split("sample")._replace(X_test=None, y_test=None)
    own = {"settings": TINY, "images": blind, "brief": False, "jobs": 1}
    return SimpleNamespace(**own | more)


@pytest.mark.parametrize("family", architectures.FAMILIES)
def test_every_beginning_is_a_factorial(family):
    factors, _ = architectures.FAMILIES[family]
    n = architectures.N_ARCHITECTURES
    found = [tuple(architectures.levels(family, number).values()) for number in range(n)]
    assert set(found) == set(itertools.product(*factors.values())) and len(set(found)) == n
    *others, last = factors.values()
    first = n // len(last)
    assert set(found[:first]) == {(*levels, last[0]) for levels in itertools.product(*others)}
    own = [str(architectures.architecture(family, number)) for number in range(n)]
    assert len(set(own)) == n
    planned = architectures.STUDY.plan(SimpleNamespace(seeds=[0, 1]))
    assert planned == [(number, seed) for number in range(n) for seed in (0, 1)]


def test_a_long_training_ends_as_a_plain_fit_and_is_no_short_one(monkeypatch):
    monkeypatch.setattr(architectures, "FAMILIES", dict([*architectures.FAMILIES.items()][:1]))
    asked = asked_for()
    short, long = architectures.measure(0, 5, asked)
    assert (short["epochs"], long["epochs"]) == (1, 3)
    assert len(long["scores"]) == len(long["averaged"]) == 3 and set(long["judge"]) == {"1", "3"}
    X, y, X_valid, y_valid, X_judge, y_judge = architectures.drawn(asked)
    assert not {image.tobytes() for image in X} & {image.tobytes() for image in X_judge}
    (net,) = architectures.classifiers(0, TINY).values()
    net.set_params(random_state=5, max_epochs=3).fit(X, y)
    assert net.score(X_valid, y_valid) == pytest.approx(long["scores"][-1], abs=1e-6)
    assert net.score(X_judge, y_judge) == pytest.approx(long["judge"]["3"], abs=1e-6)
    assert long["averaged"][-1] == long["scores"][-1]
    # The learning rate falls to nothing within its only epoch.
    assert short["scores"][0] != long["scores"][0]
    (brief,) = architectures.measure(0, 5, asked_for(brief=True))
    assert brief == short


def test_seconds_are_of_each_family():
    rows = list(architectures.measure_seconds(0, None, asked_for()))
    assert [row["family"] for row in rows] == [*architectures.FAMILIES]
    assert all(row["seconds"] > 0 for row in rows)


@pytest.fixture(scope="module")
def known():
    """Return eight architectures, of which the last is the best and the slowest."""
    n, n_epochs = 8, 27
    quality = np.arange(n) / 100
    epochs = 1 - 0.5 ** np.arange(1, n_epochs + 1)
    curves = 0.5 + quality[:, None, None] + 0.1 * epochs
    levels = [{"family": "a" if i < 4 else "b", "x": (i // 2) % 2, "y": i % 2} for i in range(n)]
    finals = {length: 0.5 + np.repeat(quality[:, None], 1, 1) for length in (1, 3, 9, 27)}
    return searches.Table(levels, 1.0 + np.arange(n), curves, curves, finals, quality)


def test_a_grid_finds_the_best_and_trains_all(known):
    everything = np.random.RandomState(0).permutation(8)
    assert searches.whole(known, 0, everything, None) == (7, 27 * known.seconds.sum())
    chosen, spent = searches.whole(known, 0, np.array([2, 5]), None)
    assert (chosen, spent) == (5, 27 * (3 + 6))


def test_who_goes_on_pays_for_no_epoch_twice(known):
    everything = np.random.RandomState(0).permutation(8)
    chosen, anew = searches.halving(known, 0, everything, 3)
    # 8 for 9 epochs, the best 3 for 27.
    assert (chosen, anew) == (7, 9 * 36 + 27 * (6 + 7 + 8))
    chosen, going_on = searches.halving(known, 0, everything, 3, goes_on=True)
    assert (chosen, going_on) == (7, 9 * 36 + 18 * (6 + 7 + 8))


def test_halving_is_led_astray_by_a_bad_beginning(known):
    slow = known.averaged.copy()
    slow[7, :, :9] = 0
    misled = known._replace(averaged=slow)
    chosen, _ = searches.halving(misled, 0, np.arange(8), 3, goes_on=True)
    assert chosen == 6


def test_optuna_asks_the_table_and_prunes(known):
    tried = np.arange(8)
    chosen, spent = searches.tpe(known, 0, tried, None)
    assert chosen in tried and 8 * 27 <= spent <= 8 * 27 * known.seconds.max()
    assert (chosen, spent) == searches.tpe(known, 0, tried, None)
    _, pruned = searches.tpe(known, 0, np.arange(8), None, prunes=True)
    assert pruned < spent


def test_regret_is_judged_by_what_chose_nothing(known, monkeypatch):
    wrong = known._replace(judge=known.judge[::-1])
    monkeypatch.setattr(searches, "known", lambda scope: wrong)
    asked = SimpleNamespace(settings={"repetitions": 3}, brief=False)
    found = searches.measure(searches.UNITS[0], None, asked)
    assert found["regrets"] == pytest.approx([7.0] * 3) and found["share_of_grid"] == 1
