"""What the reports of studies share: cells of tables, and what a caption says."""

import statistics

from benchmarks import results


def by_run(frame):
    """Summarise a study's table.

    Parameters
    ----------
    frame : DataFrame
        As `skfashion.studies.summarize_study` takes it, with the columns "estimator" and "metric",
        and one of "treatment" and "mitigation".

    Returns
    -------
    dict of (str, str, str) to dict
        Row of the summary by estimator, treatment and metric, with "of_seeds", how many seeds
        there are at all.
    """
    from skfashion.studies import summarize_study

    summary = summarize_study(frame).assign(of_seeds=frame["seed"].nunique())
    column = "treatment" if "treatment" in summary else "mitigation"
    keys = zip(summary["estimator"], summary[column], summary["metric"], strict=True)
    return dict(zip(keys, summary.to_dict("records"), strict=True))


def cell(row, factor, decimals):
    """Write mean ± deviation, and of how many seeds if not of all; "" for no row."""
    if row is None:
        return ""
    text = f"{factor * row['mean']:.{decimals}f}"
    if row["n_seeds"] > 1:
        text += f" ± {factor * row['deviation']:.{decimals}f}"
    some = row["n_seeds"] < row["of_seeds"]
    return text + (f" ({row['n_seeds']} of {row['of_seeds']} seeds)" if some else "")


def difference(row, factor, decimals):
    """Write the difference to nothing and its paired interval, "" for none."""
    if row is None or row["difference"] != row["difference"]:
        return ""
    text = f"{factor * row['difference']:+.{decimals}f}"
    if row["low"] != row["low"]:
        return text
    low, high = factor * row["low"], factor * row["high"]
    return f"{text} [{low:+.{decimals}f}, {high:+.{decimals}f}]"


def plus_minus(values, factor, decimals, *, signed=False):
    """Write the mean of numbers and half the width of its 95 % interval by Student's t.

    Parameters
    ----------
    values : list of float
    factor : float
        To the unit of the heading.
    decimals : int
    signed : bool
        Whether a plus is written.

    Returns
    -------
    str
    """
    from scipy import stats

    n = len(values)
    text = f"{factor * statistics.fmean(values):{'+' * signed}.{decimals}f}"
    if n < 2:
        return text
    half = stats.t.ppf(0.975, n - 1) * statistics.stdev(values) / n**0.5
    return f"{text} ± {factor * half:.{decimals}f}"


def means(values, factor, decimals):
    """Write mean ± deviation of numbers over seeds."""
    text = f"{factor * statistics.fmean(values):.{decimals}f}"
    if len(values) < 2:
        return text
    return f"{text} ± {factor * statistics.stdev(values):.{decimals}f}"


def caption(rows, what):
    """Say over how many seeds, what else is to be known, and where it was measured.

    Parameters
    ----------
    rows : list of dict
    what : str
        Sentences about the data.

    Returns
    -------
    str
    """
    seeds = len({row["seed"] for row in rows})
    versions = ", ".join(f"{name} {version}" for name, version in rows[-1]["versions"].items())
    # Seeds may have been measured one by one, on machines of the same size.
    machines = dict.fromkeys(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['ram_gb']} GB"
        for machine in (row["machine"] for row in rows)
    )
    return (
        f"Means ± deviations over {seeds} seed{'s' * (seeds > 1)}, differences to nothing with "
        "their paired 95 % intervals, in which the chance of the test rows is not. "
        f"{what} `{rows[-1]['command']}`; "
        f"{' / '.join(machines)}; {versions}; {results.commits(rows)}."
    )
