"""Means, deviations and paired intervals of differences."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skfashion.studies import summarize_study

KEYS = ["treatment", "metric", "seed", "permutation", "value"]


def frame_of(values, **more):
    """Return a frame from {(treatment, seed, permutation): value}."""
    rows = [(t, "f1_macro", seed, order, value) for (t, seed, order), value in values.items()]
    return pd.DataFrame(rows, columns=KEYS).assign(**more)


@pytest.fixture
def runs():
    """Three treatments, five seeds, three orders of the classes, one of which is harder."""
    random = np.random.default_rng(0)
    values = {}
    for treatment, gain in (("nothing", 0), ("weights", 0.02), ("noise", 0)):
        for seed in range(5):
            for order in (None, 1, 2):
                luck = np.random.default_rng(seed).normal(scale=0.05)
                hard = 0.2 if order == 1 else 0
                values[treatment, seed, order] = (
                    0.7 + gain + luck - hard + random.normal(scale=0.005)
                )
    return values


def test_numbers_by_hand(runs):
    found = summarize_study(frame_of(runs)).set_index("treatment")
    table = pd.Series(runs).unstack([0, 2])
    for treatment in ("nothing", "weights", "noise"):
        by_seed = table[treatment].mean(axis=1)
        row = found.loc[treatment]
        assert row.n_seeds == 5
        assert row["mean"] == pytest.approx(by_seed.mean())
        assert row.deviation == pytest.approx(by_seed.std(ddof=1))
        if treatment == "nothing":
            assert row[["difference", "low", "high"]].isna().all()
            continue
        differences = by_seed - table["nothing"].mean(axis=1)
        expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
        assert row.difference == pytest.approx(differences.mean())
        assert (row.low, row.high) == pytest.approx((expected.low, expected.high))
        assert row.p_value == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    # Luck of a seed is in the deviation, not in the difference.
    assert found.loc["weights", "low"] > 0
    assert found.loc["noise", "low"] < 0 < found.loc["noise", "high"]
    assert found.loc["weights", "deviation"] > 0.02


def test_confidence_widens_the_interval(runs):
    narrow, wide = (
        summarize_study(frame_of(runs), confidence=c).set_index("treatment").loc["weights"]
        for c in (0.5, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high
    assert narrow.difference == wide.difference


def test_order_of_the_rows_does_not_matter(runs):
    frame = frame_of(runs)
    shuffled = frame.sample(frac=1, random_state=0)
    expected = summarize_study(frame).set_index("treatment").sort_index()
    found = summarize_study(shuffled).set_index("treatment").sort_index()
    pd.testing.assert_frame_equal(found, expected)


def test_pairs_are_of_one_seed_and_one_permutation(runs):
    # Where a run is missing, the others must not be compared with other orders.
    missing = {run: v for run, v in runs.items() if run != ("weights", 0, 1)}
    found = summarize_study(frame_of(missing)).set_index("treatment").loc["weights"]
    table = pd.Series(missing).unstack([0, 2])
    pairs = (table["weights"] - table["nothing"]).mean(axis=1)
    assert found.difference == pytest.approx(pairs.mean())
    assert abs(found.difference - 0.02) < 0.01


def test_groups_are_everything_else_missing_values_included(runs):
    parts = [
        frame_of(runs, **{"class": name, "ratio": ratio})
        for name, ratio in (("a", 10.0), ("b", 10.0), (None, np.nan))
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame["class"] = frame["class"].convert_dtypes()
    found = summarize_study(frame)
    assert len(found) == 9
    alone = summarize_study(frame_of(runs))
    for name in ("mean", "difference", "low", "high"):
        np.testing.assert_array_equal(found[name].to_numpy(), np.tile(alone[name], 3))
    assert found.columns.tolist() == [
        *("treatment", "metric", "class", "ratio", "n_seeds", "mean", "deviation"),
        *("difference", "low", "high", "p_value", "p_holm"),
    ]


def test_p_values_are_corrected_by_holm_within_a_group():
    """The smallest times three, the next times two, and none smaller than the one before."""
    gains = {"a": [0.03, 0.04, 0.05], "b": [0.02, 0.05, 0.06], "c": [-0.01, 0.01, 0.03]}
    values = {("nothing", seed, None): 0.5 for seed in range(3)}
    values |= {(name, s, None): 0.5 + g for name, its in gains.items() for s, g in enumerate(its)}
    frame = pd.concat([frame_of(values, estimator="net"), frame_of(values, estimator="forest")])
    found = summarize_study(frame).set_index(["estimator", "treatment"])
    a, b, c = (stats.ttest_1samp(gains[name], 0).pvalue for name in "abc")
    assert a < b < c and 3 * a < 2 * b
    for estimator in ("net", "forest"):
        its = found.loc[estimator]
        assert its.loc[["a", "b", "c"], "p_value"].tolist() == pytest.approx([a, b, c])
        assert its.loc[["a", "b", "c"], "p_holm"].tolist() == pytest.approx([3 * a, 2 * b, c])
        assert np.isnan(its.loc["nothing", "p_holm"])
    # Two that are alike: the second is not below the first.
    values |= {("d", s, None): 0.5 + g + 1e-9 * s for s, g in enumerate(gains["a"])}
    found = summarize_study(frame_of(values)).set_index("treatment")
    assert found.loc["a", "p_holm"] == pytest.approx(found.loc["d", "p_holm"], rel=1e-5)


def test_what_never_varies_is_no_chance():
    values = {("nothing", s, None): 0.5 for s in range(3)}
    values |= {("same", s, None): 0.5 for s in range(3)} | {
        ("more", s, None): 0.75 for s in range(3)
    }
    found = summarize_study(frame_of(values)).set_index("treatment")
    assert found.loc["same", "p_value"] == 1 and found.loc["more", "p_value"] == 0


def test_mitigations_are_treatments_by_another_name(runs):
    frame = frame_of(runs)
    renamed = frame.rename(columns={"treatment": "mitigation"})
    found = summarize_study(renamed).rename(columns={"mitigation": "treatment"})
    pd.testing.assert_frame_equal(found, summarize_study(frame))
    odd = frame.rename(columns={"treatment": "arm"}).drop(columns="permutation")
    odd = odd.groupby(["arm", "metric", "seed"], as_index=False).value.mean()
    assert len(summarize_study(odd, column="arm", baseline="noise")) == 3


def test_baseline_can_be_missing_for_one_estimator(runs):
    frame = pd.concat(
        [
            frame_of(runs, estimator="net"),
            frame_of({k: v for k, v in runs.items() if k[0] == "weights"}, estimator="forest"),
        ]
    )
    found = summarize_study(frame).set_index(["estimator", "treatment"])
    assert found.loc["forest", "weights"][["difference", "low", "high"]].isna().all()
    assert found.loc["net", "weights"][["difference", "low", "high"]].notna().all()


def test_one_seed_has_no_deviation_and_no_interval():
    found = summarize_study(frame_of({("nothing", 0, None): 0.5, ("weights", 0, None): 0.6}))
    row = found.set_index("treatment").loc["weights"]
    assert row.difference == pytest.approx(0.1)
    assert row[["deviation", "low", "high"]].isna().all()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"baseline": "none"}, r"Got baseline='none', expected one of \['nothing', 'w"),
        ({}, {"confidence": 95}, "Got confidence=95, expected a number between 0 and 1"),
        ({"treatment": "arm"}, {}, r"columns \['arm', .*Name another column"),
        ({"seed": "run"}, {}, "expected 'seed', 'value' and one"),
    ],
)
def test_errors_say_what_was_given_and_what_is_expected(runs, change, options, message):
    with pytest.raises(ValueError, match=message):
        summarize_study(frame_of(runs).rename(columns=change), **options)


def test_runs_that_occur_twice_are_refused(runs):
    frame = frame_of(runs)
    with pytest.raises(ValueError, match=r"two rows of one run, {'treatment': 'weights'.*"):
        summarize_study(pd.concat([frame, frame[frame.treatment == "weights"]]))
