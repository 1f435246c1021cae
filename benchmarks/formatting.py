"""How a table is written: its cells, its Markdown, and what stands below it."""

import itertools
import math
import statistics
from functools import reduce
from operator import getitem

from benchmarks import results


def pipe_table(lines, headings, align=None):
    """Return a table of Markdown."""
    from tabulate import tabulate

    return tabulate(lines, headings, tablefmt="pipe", disable_numparse=True, colalign=align)


def group_table(groups, headings, columns):
    """Return a table, a line a group of `grouped`; ``columns`` are functions of its rows."""
    lines, marks = [], marks_of([row for its in groups.values() for row in its])
    for names, its in groups.items():
        first, *others = names if isinstance(names, tuple) else (names,)
        cells = (write(its) for write in columns.values())
        lines.append([first + mark(its, marks), *others, *cells])
    return pipe_table(lines, [*headings, *columns])


def marks_of(rows):
    """Return a mark for each day and machine of rows, for `mark`; none where there is one."""
    found = sorted({_place(row) for row in rows})
    return dict(zip(found, "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲ", strict=False)) if len(found) > 1 else {}


def mark(rows, marks):
    """Write on which days and machines rows were measured, as `caption` explains."""
    its = {_place(row) for row in rows}
    return "".join(sign for place, sign in marks.items() if place in its)


def _place(row):
    """Return the day and the machine of a row, which a cloud's processors call by one name."""
    machine = row["machine"]
    return row["date"][:10], f"{machine['cpu']} {machine.get('instructions', '')}".strip()


def mean_of(*keys, factor=1, decimals=2):
    """Return what writes mean ± deviation of the numbers at some keys of rows."""
    return lambda rows: cell(values(rows, *keys), factor, decimals)


def median_of(*keys, form=".0f"):
    """Return what writes the median of the numbers at some keys of rows."""
    return lambda rows: median(rows, *keys, form=form)


def cell(values, factor=1, decimals=2):
    """Write mean ± standard deviation, of a single number that alone; 100 gives per cent."""
    values = [factor * value for value in values]
    text = f"{statistics.fmean(values):.{decimals}f}"
    return text + (f" ± {statistics.stdev(values):.{decimals}f}" if len(values) > 1 else "")


def half_interval(values):
    """Return half the width of the mean's 95 % interval by Student's t."""
    from scipy import stats

    n = len(values)
    return stats.t.ppf(0.975, n - 1) * statistics.stdev(values) / n**0.5


def bounds(values):
    """Return the ends of the mean's 95 % interval by Student's t."""
    mean, half = statistics.fmean(values), half_interval(values)
    return mean - half, mean + half


def interval(values, factor=1, decimals=2, *, sign="+", widened=1.0, within=(-math.inf, math.inf)):
    """Write mean [low, high] of a 95 % interval `widened` times; `sign` is + of differences.

    What lies outside of `within`, which no value can reach, is cut off.
    """
    values, form = [factor * value for value in values], f"{sign}.{decimals}f"
    if not values:
        return ""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:{form}}"
    half = widened * half_interval(values)
    low, high = max(within[0], mean - half), min(within[1], mean + half)
    return f"{mean:{form}} [{low:{form}}, {high:{form}}]"


def spread(values, form=".2f"):
    """Write median (smallest-largest), of a single number that alone."""
    median = f"{statistics.median(values):{form}}"
    return median + (f" ({min(values):{form}}-{max(values):{form}})" if len(values) > 1 else "")


def median(rows, *keys, form=".0f"):
    """Write the median of the numbers at some keys of rows."""
    return f"{statistics.median(values(rows, *keys)):{form}}"


def values(rows, *keys):
    """Return one value of each row, such as ``values(rows, "seconds", "fit")``."""
    return [reduce(getitem, keys, row) for row in rows]


def grouped(rows, *keys):
    """Return lists of rows by a key, or a tuple of several; a key may be a function of a row."""
    groups = {}
    for row in rows:
        found = tuple(key(row) if callable(key) else row[key] for key in keys)
        groups.setdefault(found if len(keys) > 1 else found[0], []).append(row)
    return groups


def every(rows, *keys):
    """Write all values that rows have at some keys, once each; rows without one are passed over."""
    found = [reduce(lambda value, key: (value or {}).get(key), keys, row) for row in rows]
    return " / ".join(dict.fromkeys(str(value) for value in found if value is not None))


def seeds(rows):
    """Count the seeds of rows, such as "3 seeds"."""
    n = len({row["seed"] for row in rows})
    return f"{n} seed{'s' * (n > 1)}"


def caption(rows):
    """Say where rows were measured, and with what, in two lines."""
    keys = ("cpu", "instructions", "cores", "ram_gb")
    cpu, instructions, cores, ram = (every(rows, "machine", key) for key in keys)
    threads = f"; threads a run: {every(rows, 'threads')}" if "threads" in rows[0] else ""
    shared = any(row.get("timing_shared") for row in rows)
    warning = "; SECONDS OF A SHARED PROCESSOR, not to be compared" if shared else ""
    machine = f"{cpu} ({instructions}), {cores} cores, {ram} GB{threads}{warning}."
    names = dict.fromkeys(name for row in rows for name in row["versions"])
    versions = ", ".join(f"{name} {every(rows, 'versions', name)}" for name in names)
    return f"{machine}\n{versions}; {results.commits(rows)}. {_days(rows)}"


def _days(rows):
    """Say when rows were measured, and what `mark` stands for."""
    marks = marks_of(rows)
    if not marks:
        return f"Measured on {rows[0]['date'][:10]}."
    machines, places = len({machine for _, machine in marks}) > 1, seeds_by_place(rows)
    said = []
    for (day, machine), sign in marks.items():
        seeds = f"seeds {', '.join(map(str, places[day, machine]))}" if places else ""
        about = ", ".join(filter(None, [machine if machines else "", seeds]))
        said.append(f"{sign} {day}{f' ({about})' if about else ''}")
    return f"Measured on {', '.join(said)}."


def seeds_by_place(rows):
    """Return the seeds of each day and machine; none if a seed has several."""
    found = {}
    for row in rows:
        found.setdefault(_place(row), set()).add(row.get("seed"))
    every = list(itertools.chain(*found.values()))
    has_one_each = None not in every and len(every) == len({*every})
    return {place: sorted(seeds) for place, seeds in found.items()} if has_one_each else {}


def below(words, rows, command=None):
    """Write what stands below a table: some words, where it was measured, and the command."""
    return f"{words}\n{caption(rows)}\n\nCommand: `{command or rows[-1]['command']}`."


def table_above(lines, headings, words, rows, command=None):
    """Write a table, and as `below` what stands below it."""
    return f"{pipe_table(lines, headings)}\n\n{below(words, rows, command)}"


# --- tables of skfashion.studies ----------------------------------------------------------------


def frame_of(rows, treatment="treatment", more=(), marks=None):
    """Return the metrics of rows as `skfashion.studies` has them: a line a run and metric.

    A column besides, "mark", says when and where; ``marks`` are those of a table of more rows.
    """
    import pandas as pd

    keys, marks = (
        ("estimator", treatment, *more, "seed"),
        marks_of(rows) if marks is None else marks,
    )
    lines = [
        (*(row[key] for key in keys), mark([row], marks), *its)
        for row in rows
        for its in row["metrics"].items()
    ]
    columns = ["estimator", "treatment", *more, "seed", "mark", "metric", "value"]
    return pd.DataFrame(lines, columns=columns)


def marked(name, frame):
    """Write a name with all marks of its lines in what `frame_of` returns."""
    return name + "".join(sorted(set(frame["mark"])))


def by_run(frame):
    """Summarise what `frame_of` returns by run and metric, with the number of seeds at all."""
    from skfashion.studies import summarize_study

    summary = summarize_study(frame.drop(columns="mark")).assign(of_seeds=frame["seed"].nunique())
    return summary.set_index(["estimator", "treatment", "metric"]).to_dict("index")


def summary_table(frame, columns, headings, difference_to="difference"):
    """Write a line a classifier and treatment, or a treatment alone with a single heading.

    Columns are (heading, metric, factor, decimals, whether the difference to nothing is shown).
    """
    found, lines = by_run(frame), []
    for names, its in frame.groupby(["estimator", "treatment"], sort=False):
        *others, last = names[-len(headings) :]
        lines.append([*others, marked(last, its)])
        for _, metric, *form, has_difference in columns:
            lines[-1] += summary_cells(found.get((*names, metric)), *form)[: 1 + has_difference]
    shown = [(name, difference_to)[: 1 + has_difference] for name, *_, has_difference in columns]
    return pipe_table(lines, [*headings, *itertools.chain(*shown)])


def summary_cells(row, factor, decimals):
    """Write mean ± deviation of a summary, and its difference to nothing; "" for what is none."""
    if row is None:
        return "", ""
    text = f"{factor * row['mean']:.{decimals}f}"
    if row["n_seeds"] > 1:
        text += f" ± {factor * row['deviation']:.{decimals}f}"
    if row["n_seeds"] < row["of_seeds"]:
        text += f" ({row['n_seeds']} of {row['of_seeds']} seeds)"
    if math.isnan(row["difference"]):
        return text, ""
    keys = ("difference", "low", "high")
    difference, low, high = (f"{factor * row[key]:+.{decimals}f}" for key in keys)
    if math.isnan(row["low"]):
        return text, difference
    return text, f"{difference} [{low}, {high}]" + " \\*" * (row["p_holm"] < 0.05)


def summary_below(rows, words):
    """Write as `below`, and over how many seeds a summary is."""
    about = (
        f"Means ± standard deviations over {seeds(rows)}; differences to nothing with paired 95 % "
        "confidence intervals, which do not include the chance of the test images; \\* is an "
        "adjusted p below 0.05 (Holm's correction over all treatments of a classifier)."
    )
    return below(f"{about} {words}", rows)
