"""Tables of studies: what is compared, and how each class and group fares."""

from collections import Counter
from numbers import Real

import pandas as pd

from skfashion.inspection.dashboard.texts import as_number, as_text, codes_of
from skfashion.inspection.dashboard.words import with_words
from skfashion.inspection.drawing import CLASS_COLORS, SHAPES

# What is compared, the first of these that a table has.
COMPARED = ("treatment", "mitigation", "method", "estimator", "name", "label", "unit")
# Repeated to see the chance in a result: a point each.
REPEATED = ("seed", "split", "fold")
# Of result files: how they came about.
PROVENANCE = {
    *("study", "version", "schema", "settings", "data", "engine", "training", "code", "jobs"),
    *("versions", "machine", "commit", "command", "date", "threads", "note"),
}
# Numbers that say what was compared, not what came out.
FACTORS = {"ratio", "permutation", "labelled", "severity"}
MEASURED = ["metric", "class", "group", "value"]


def study_section(name, frame):
    """Return the section of a study; as ``section_of``.

    Parameters
    ----------
    name : str
    frame : DataFrame
        Tidy, with "metric", "value" and perhaps "class" and "group"; or with a column of numbers
        for each metric; or rows of result files, whose "metrics", "by_class" and "by_group" are
        dicts.
    """
    tidy = _tidied(frame)
    run_columns = [c for c in tidy.columns if c not in {*MEASURED, *PROVENANCE}]
    compared = next((column for column in COMPARED if column in run_columns), None)
    if compared is None:
        texts = [c for c in run_columns if tidy[c].map(lambda v: isinstance(v, str)).any()]
        compared = texts[0] if texts else None
    values = tidy["value"].map(as_number) if "value" in tidy else pd.Series(dtype=object)
    if compared is None or values.isna().all():
        raise ValueError(
            f"Got {name} with the columns {list(frame.columns)}, expected a study (a column to "
            f"compare, such as {', '.join(COMPARED[:4])}, and 'metric' and 'value', or columns of "
            "numbers), a search ('params' and 'mean_test_score') or a drift log ('kind', "
            "'statistic' and 'threshold', or 'tests'). Rename its columns."
        )
    tidy = tidy[values.notna()]
    return _section(name, tidy, values.dropna().tolist(), run_columns, compared)


def _section(name, tidy, values, run_columns, compared):
    repeated = [column for column in REPEATED if column in run_columns]
    factors = [c for c in run_columns if c != compared and c not in repeated]
    # Numbers of runs, so that each is written once.
    columns = {column: codes_of(tidy[column]) for column in [compared, *factors]}
    repeats = [
        ", ".join(f"{column} {as_text(value)}" for column, value in zip(repeated, row, strict=True))
        for row in tidy[repeated].itertuples(index=False, name=None)
    ] or [""] * len(tidy)
    keys = list(zip(*(codes for _, codes in columns.values()), repeats, strict=True))
    runs = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    usual = Counter(key[1:-1] for key in runs).most_common(1)[0][0]
    kinds, parts = zip(*map(_part, _column(tidy, "class"), _column(tidy, "group")), strict=True)
    metrics = list(zip(map(as_text, tidy["metric"]), kinds, strict=True))
    known_metrics = {metric: place for place, metric in enumerate(dict.fromkeys(metrics))}
    known_parts, part_codes = codes_of(parts)
    data = {
        "compared": compared,
        "values": columns[compared][0],
        "factors": [
            {"name": column, "values": columns[column][0], "usual": columns[column][0][code]}
            for column, code in zip(factors, usual, strict=True)
            if len(columns[column][0]) > 1
        ],
        "places": [i for i, column in enumerate(factors) if len(columns[column][0]) > 1],
        "metrics": [{"metric": metric, "by": kind} for metric, kind in known_metrics],
        "parts": known_parts,
        "colors": CLASS_COLORS,
        "shapes": SHAPES,
        "runs": [list(key) for key in runs],
        "rows": [
            [runs[key], known_metrics[metric], part, value]
            for key, metric, part, value in zip(keys, metrics, part_codes, values, strict=True)
        ],
    }
    n = len(data["values"])
    charts = {"overview": with_words(_overview(n), x="measure")}
    if any(kind for _, kind in known_metrics):
        charts["parts"] = with_words(_parts_chart(known_parts), x="parts", y="measure")
    words = f"{n} of the column {compared!r} compared: {len(runs):,} runs, {len(values):,} values."
    return {"name": name, "kind": "study", "summary": words, "data": data, "charts": charts}


def _column(tidy, name):
    return tidy[name].tolist() if name in tidy else [None] * len(tidy)


def _part(label, group):
    """Return by what a value is told apart, and its name: a class, a group, both, or neither."""
    names = {"group": group, "class": label}
    names = {kind: text for kind, value in names.items() if (text := as_text(value)) != "none"}
    return " and ".join(names), ", ".join(names.values())


def _tidied(frame):
    """Return a table with a row a value."""
    if {"metric", "value"} <= set(frame.columns):
        return frame[frame["metric"] != "failed"]
    nested = [column for column in ("metrics", "by_class", "by_group") if column in frame]
    nested = [column for column in nested if frame[column].map(lambda v: isinstance(v, dict)).any()]
    if nested:
        return _unnested(frame, nested)
    is_number = {
        column: pd.api.types.is_numeric_dtype(frame[column])
        and not pd.api.types.is_bool_dtype(frame[column])
        for column in frame.columns
    }
    known = {*FACTORS, *REPEATED, *PROVENANCE, *COMPARED, "class", "group"}
    metrics = [c for c, number in is_number.items() if number and c not in known]
    metrics = [c for c in metrics if not c.startswith("Unnamed")]
    others = [c for c in frame.columns if c not in metrics and not c.startswith("Unnamed")]
    others = [c for c in others if not frame[c].map(lambda v: isinstance(v, dict | list)).any()]
    return frame.melt(others, metrics, "metric", "value") if metrics else frame[others]


def _unnested(frame, nested):
    """Return rows of result files as a row a value."""
    rows = []
    kept = [c for c in frame.columns if c not in {*nested, *PROVENANCE}]
    kept = [c for c in kept if not frame[c].map(lambda v: isinstance(v, dict | list)).any()]
    for record in frame.to_dict("records"):
        run = {column: record[column] for column in kept}
        for column in nested:
            if isinstance(record[column], dict):
                rows += [run | leaf for leaf in _leaves(column, record[column])]
    return pd.DataFrame(rows)


def _leaves(column, values):
    """Yield the values in a dict of a result file, with what each is of."""
    for first, below in values.items():
        if isinstance(below, Real):
            yield {"metric": first, "value": below}
            continue
        for second, value in below.items() if isinstance(below, dict) else ():
            if isinstance(value, dict):
                yield from (
                    {"metric": metric, "group": first, "class": second, "value": leaf}
                    for metric, leaf in value.items()
                )
            elif column == "by_class":
                yield {"metric": first, "class": second, "value": value}
            else:
                yield {"metric": second, "group": first, "value": value}


def _overview(n):
    """Return the chart of all that is compared: a small point a run, a large one their mean."""
    import altair as alt

    base = alt.Chart(alt.NamedData("rows")).encode(
        y=alt.Y("compared:N", sort=None, title=None, axis=alt.Axis(labelLimit=170)),
        color=alt.Color("color:N", scale=None),
        shape=alt.Shape("shape:N", scale=None),
    )
    return _runs_and_means(base, alt.X, "compared:N").properties(width=620, height=max(90, 22 * n))


def _parts_chart(parts):
    """Return the chart of classes or groups of what is chosen."""
    import altair as alt

    angle = 0 if max(map(len, parts)) < 6 else -40
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=alt.X("part:N", sort=None, title=None, axis=alt.Axis(labelAngle=angle)),
        xOffset=alt.XOffset("compared:N", sort=None),
        color=_by("compared", alt.Color, CLASS_COLORS),
        shape=_by("compared", alt.Shape, SHAPES),
    )
    chart = _runs_and_means(base, alt.Y, "part:N", "compared:N")
    return chart.properties(width=640, height=280)


def _runs_and_means(base, channel, *names):
    """Return small points, one a run, and large ones, their means, along `channel`."""
    import altair as alt

    axis = channel.__name__.lower()
    # The script says where the axis ends, if far values are to be left out; means are of all.
    ends = [alt.param(name=name, value=None) for name in ("low", "high")]
    scale = alt.Scale(zero=False, nice=True, domainMin=ends[0], domainMax=ends[1])
    clip = alt.ExprRef("low !== null")
    of_run = channel("value:Q", title="value", scale=scale)
    of_mean = channel("mean(value):Q", title="value", scale=scale)
    mean = alt.Tooltip("mean(value):Q", title="mean", format=".5g")
    runs = base.mark_point(size=18, opacity=0.6, clip=clip).encode(
        tooltip=[*names, "repeat:N", "value:Q"], **{axis: of_run}
    )
    means = base.mark_point(filled=True, size=80, opacity=1, clip=clip).encode(
        tooltip=[*names, mean], **{axis: of_mean}
    )
    return (runs + means).add_params(*ends)


def _by(field, channel, values):
    """Return a channel whose values repeat where there are more names than these."""
    import altair as alt

    # Shape and colour make one legend where both have the same.
    legend = alt.Legend(title=None, symbolLimit=60)
    return channel(f"{field}:N", sort=None, scale=alt.Scale(range=list(values)), legend=legend)
