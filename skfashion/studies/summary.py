"""From rows of runs to means, deviations and differences that can be believed."""

import numpy as np
import pandas as pd
from scipy import stats

from skfashion.utils.names import advises

# What was compared, in the studies of this package.
TREATMENT_COLUMNS = ("treatment", "mitigation")

# What is repeated to see how much chance there is in a result.
REPEATED = ("seed", "permutation")


@advises
def summarize_study(frame, *, baseline="nothing", confidence=0.95, column=None):
    """Return mean and standard deviation over seeds, and the difference from the baseline.

    Within a seed, the values of all permutations are averaged first: they share one set of rows and
    one set of initial weights, so they are not independent repetitions.

    Parameters
    ----------
    frame : DataFrame
        One row per run and metric, as ``imbalance_study`` and ``fairness_study`` return it: columns
        "value", "seed", that of the treatment, and any others, which define the groups; a "note" is
        ignored, and failed runs are left out.
    baseline : str, default="nothing"
        Treatment that the others are compared with.
    confidence : float between 0 and 1, default=0.95
        Confidence of the intervals.
    column : str, default=None
        Column of the treatment; None is "treatment" or "mitigation", whichever is there.

    Returns
    -------
    DataFrame
        A row for each group, in the order of `frame`: its columns but "seed", "permutation" and
        "value", and

        - "n_seeds": int;
        - "mean" and "deviation" over the seeds (n - 1 in the denominator; NaN for one seed);
        - "difference": mean over the seeds of the value minus the baseline's of the same seed and
          permutation; NaN for the baseline itself, and where it has no such run;
        - "low" and "high": the ends of its interval, by Student's t of the paired differences; NaN
          for fewer than two seeds. If both have the same sign, the difference is larger than
          expected from the chance of drawn training rows and initial weights, at this confidence
          and for one comparison: of twenty, one will be so by chance. The test rows that all seeds
          share add chance that the interval does not include (Nadeau and Bengio, Machine Learning
          52, 2003).

    Raises
    ------
    ValueError
        If a column is missing, `baseline` is not in the frame, `confidence` is not between 0 and
        1, or a run occurs twice.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfashion.studies import summarize_study
    >>> frame = pd.DataFrame(
    ...     {
    ...         "treatment": ["nothing"] * 3 + ["SMOTE"] * 3,
    ...         "seed": [0, 1, 2] * 2,
    ...         "metric": "f1_macro",
    ...         "value": [0.50, 0.60, 0.70, 0.53, 0.62, 0.73],
    ...     }
    ... )
    >>> summary = summarize_study(frame)
    >>> summary[["treatment", "mean", "difference", "low", "high"]].round(3)
      treatment   mean  difference    low   high
    0   nothing  0.600         NaN    NaN    NaN
    1     SMOTE  0.627       0.027  0.012  0.041
    """
    frame = _without_failures(frame)
    column = _check(frame, baseline, confidence, column)
    repeated = [name for name in REPEATED if name in frame.columns]
    groups = [name for name in frame.columns if name not in {*repeated, "value"}]
    others = [name for name in groups if name != column]
    run = [*groups, *repeated]
    if frame.duplicated(run).any():
        twice = frame.loc[frame.duplicated(run), run].iloc[0].to_dict()
        raise ValueError(f"Got two rows of one run, {twice}; expected one. Drop the duplicates.")
    values = frame.assign(difference=_differences(frame, column, baseline, [*others, *repeated]))
    by_seed = _grouped(values, [*groups, "seed"])[["value", "difference"]].mean().reset_index()
    by_group = _grouped(by_seed, groups)
    summary = by_group["value"].agg(n_seeds="count", mean="mean", deviation="std")
    paired = by_group["difference"].agg(["count", "mean", "std"])
    n = paired["count"].to_numpy()
    enough = n > 1
    half = np.full(len(n), np.nan)
    half[enough] = (
        stats.t.ppf((1 + confidence) / 2, n[enough] - 1)
        * paired["std"].to_numpy()[enough]
        / np.sqrt(n[enough])
    )
    summary["difference"] = paired["mean"]
    summary["low"] = paired["mean"] - half
    summary["high"] = paired["mean"] + half
    summary["p_value"] = _p_values(n, paired["mean"].to_numpy(), paired["std"].to_numpy())
    summary = summary.reset_index()
    # Without a name for its groups, all are compared with each other.
    together = _grouped(summary, others) if others else summary.groupby(lambda _: 0)
    summary["p_holm"] = together["p_value"].transform(_corrected)
    return summary


def _p_values(n, means, deviations):
    """Return two-sided p-values of means of paired differences, by Student's t."""
    found = np.full(len(n), np.nan)
    varies = deviations > 0
    t = means[varies] / deviations[varies] * np.sqrt(n[varies])
    found[varies] = 2 * stats.t.sf(np.abs(t), n[varies] - 1)
    # Always the same difference is no chance, or none at all.
    found[deviations == 0] = np.where(means[deviations == 0] == 0, 1.0, 0.0)
    return found


def _corrected(p_values):
    """Return p-values that Holm's method has corrected for their number."""
    ordered = p_values.dropna().sort_values()
    steps = ordered * np.arange(len(ordered), 0, -1)
    return steps.cummax().clip(upper=1).reindex(p_values.index)


def _without_failures(frame):
    """Return the rows of runs that have values, without notes."""
    if "metric" in frame.columns:
        frame = frame[frame["metric"] != "failed"]
    return frame.drop(columns="note", errors="ignore")


def _check(frame, baseline, confidence, column):
    """Refuse wrong arguments; return the name of the column of treatments."""
    if column is None:
        found = [name for name in TREATMENT_COLUMNS if name in frame.columns]
        column = found[0] if len(found) == 1 else None
    missing = {column, "seed", "value"} - set(frame.columns)
    if missing:
        raise ValueError(
            f"Got a frame with the columns {list(frame.columns)}, expected 'seed', 'value' and one "
            f"of {TREATMENT_COLUMNS}. Name another column of treatments by column=…"
        )
    known = frame[column].unique().tolist()
    if baseline not in known:
        raise ValueError(f"Got baseline={baseline!r}, expected one of {known}.")
    if not 0 < confidence < 1:
        raise ValueError(f"Got confidence={confidence!r}, expected a number between 0 and 1.")
    return column


def _differences(frame, column, baseline, keys):
    """Return each value minus the baseline's of the same keys."""
    is_base = frame[column] == baseline
    codes = pd.Series(_grouped(frame, keys).ngroup(), index=frame.index)
    base = pd.Series(frame.loc[is_base, "value"].to_numpy(), index=codes[is_base].to_numpy())
    return (frame["value"] - codes.map(base)).where(~is_base)


def _grouped(frame, keys):
    # Missing ratios, permutations and classes are groups as well.
    return frame.groupby(keys, dropna=False, sort=False, observed=True)
