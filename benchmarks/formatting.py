"""How a table is written: its cells, its Markdown, and the caption below it."""

import statistics

from benchmarks import results


def pipe_table(lines, headings, align=None):
    """Return a table of Markdown."""
    from tabulate import tabulate

    return tabulate(lines, headings, tablefmt="pipe", disable_numparse=True, colalign=align)


def cell(values, factor=1, decimals=2, *, signed=False):
    """Write mean ± standard deviation, of a single number that alone; 100 gives per cent."""
    values = [factor * value for value in values]
    text = f"{statistics.fmean(values):{'+' * signed}.{decimals}f}"
    return text + (f" ± {statistics.stdev(values):.{decimals}f}" if len(values) > 1 else "")


def interval(values, factor=1, decimals=2, *, signed=False):
    """Write the mean ± half the width of its 95 % interval by Student's t; else as `cell`."""
    from scipy import stats

    n = len(values)
    text = f"{factor * statistics.fmean(values):{'+' * signed}.{decimals}f}"
    if n < 2:
        return text
    half = stats.t.ppf(0.975, n - 1) * statistics.stdev(values) / n**0.5
    return f"{text} ± {factor * half:.{decimals}f}"


def spread(values, form=".2f"):
    """Write median (smallest-largest), of a single number that alone."""
    median = f"{statistics.median(values):{form}}"
    return median + (f" ({min(values):{form}}-{max(values):{form}})" if len(values) > 1 else "")


def median(rows, *keys, form=".0f"):
    """Write the median of the numbers at some keys of rows."""
    return f"{statistics.median(values(rows, *keys)):{form}}"


def values(rows, *keys):
    """Return one value of each row, such as ``values(rows, "seconds", "fit")``."""
    found = []
    for value in rows:
        for key in keys:
            value = value[key]
        found.append(value)
    return found


def grouped(rows, *keys):
    """Return lists of rows by the value of a key, or by a tuple of those of several keys."""
    groups = {}
    for row in rows:
        found = tuple(row[key] for key in keys)
        groups.setdefault(found if len(keys) > 1 else found[0], []).append(row)
    return groups


def every(rows, *keys):
    """Write all values that rows have at some keys, once each; rows without one are passed over."""
    found = []
    for value in rows:
        for key in keys:
            value = None if value is None else value.get(key)
        if value is not None:
            found.append(str(value))
    return " / ".join(dict.fromkeys(found))


def seeds(rows):
    """Count the seeds of rows, such as "3 seeds"."""
    n = len({row["seed"] for row in rows})
    return f"{n} seed{'s' * (n > 1)}"


def caption(rows):
    """Say where rows were measured, and with what, in two lines."""
    machine = (
        f"{every(rows, 'machine', 'cpu')} ({every(rows, 'machine', 'instructions')}), "
        f"{every(rows, 'machine', 'cores')} cores, {every(rows, 'machine', 'ram_gb')} GB"
    )
    threads = f"; threads a run: {every(rows, 'threads')}" if "threads" in rows[0] else ""
    shared = any(row.get("timing_shared") for row in rows)
    warning = "; SECONDS OF A SHARED PROCESSOR, not to be compared" if shared else ""
    return f"{machine}{threads}{warning}.\n{versions(rows)}; {results.commits(rows)}."


def versions(rows):
    """Say which versions of packages rows were measured with."""
    names = dict.fromkeys(name for row in rows for name in row["versions"])
    return ", ".join(f"{name} {every(rows, 'versions', name)}" for name in names)


# --- tables of skfashion.studies ----------------------------------------------------------------


def by_run(frame):
    """Summarise a table of `skfashion.studies` by estimator, treatment or mitigation, and metric.

    A summary says besides how many seeds there are at all, ``of_seeds``.
    """
    from skfashion.studies import summarize_study

    summary = summarize_study(frame).assign(of_seeds=frame["seed"].nunique())
    keys = zip(*(summary[name] for name in ("estimator", _treatment(frame), "metric")), strict=True)
    return dict(zip(keys, summary.to_dict("records"), strict=True))


def _treatment(frame):
    """Return the name of the column with what was done."""
    return "treatment" if "treatment" in frame else "mitigation"


def summary_table(frame, columns, headings, difference_to="difference"):
    """Write a line a classifier and treatment, or a treatment alone with a single heading.

    Columns are (heading, metric, factor, decimals, whether the difference to nothing is shown).
    """
    found, lines, n = by_run(frame), [], len(headings)
    for heading, *_, has_difference in columns:
        headings = [*headings, heading, *([difference_to] if has_difference else [])]
    for names in dict.fromkeys(zip(frame["estimator"], frame[_treatment(frame)], strict=True)):
        line = [*names[-n:]]
        for _, metric, *form, has_difference in columns:
            row = found.get((*names, metric))
            line.append(summary_cell(row, *form))
            line += [difference(row, *form)] if has_difference else []
        lines.append(line)
    return pipe_table(lines, headings)


def summary_cell(row, factor, decimals):
    """Write mean ± deviation of a summary, and of how many seeds if not of all; "" for None."""
    if row is None:
        return ""
    text = f"{factor * row['mean']:.{decimals}f}"
    if row["n_seeds"] > 1:
        text += f" ± {factor * row['deviation']:.{decimals}f}"
    some = row["n_seeds"] < row["of_seeds"]
    return text + (f" ({row['n_seeds']} of {row['of_seeds']} seeds)" if some else "")


def difference(row, factor, decimals):
    """Write the difference to nothing and its paired interval of a summary, "" for none."""
    if row is None or row["difference"] != row["difference"]:
        return ""
    text = f"{factor * row['difference']:+.{decimals}f}"
    if row["low"] != row["low"]:
        return text
    low, high = factor * row["low"], factor * row["high"]
    return f"{text} [{low:+.{decimals}f}, {high:+.{decimals}f}]"


def summary_caption(rows, what):
    """Say over how many seeds a summary is, what else is to be known, and where it was measured."""
    # Seeds may have been measured one by one, on machines of the same size.
    machines = dict.fromkeys(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['ram_gb']} GB"
        for machine in values(rows, "machine")
    )
    return (
        f"Means ± deviations over {seeds(rows)}, differences to nothing with "
        "their paired 95 % intervals, in which the chance of the test rows is not. "
        f"{what} `{rows[-1]['command']}`; "
        f"{' / '.join(machines)}; {versions(rows[-1:])}; {results.commits(rows)}."
    )
