"""Results of searches: an axis a parameter, and how chosen candidates did on each split."""

import ast
import json
import math
import re

import numpy as np
import pandas as pd

from skfashion.inspection.dashboard.parallel import BETWEEN, HEIGHT, parallel_coordinates
from skfashion.inspection.dashboard.texts import NONE, as_number, as_text, codes_of
from skfashion.inspection.dashboard.words import with_words
from skfashion.inspection.drawing import CLASS_COLORS, SHAPES

SCORE = re.compile(r"mean_test_(.+)")
SPLIT = re.compile(r"split(\d+)_test_(.+)")
# From the smallest to the largest of so many times, an axis is logarithmic.
LOG_FROM = 50
# Sorted beside the parameters.
BESIDE = ("n_resources", "mean_fit_time")


def is_search(frame):
    """Tell whether a table is ``cv_results_`` of a search."""
    return any(map(SCORE.fullmatch, frame.columns))


def search_section(name, frame):
    """Return the section of a search; as ``section_of``."""
    order = _order(frame, _scores(frame)[0])
    frame = _with_params(_as_losses(frame))
    scores = _scores(frame)
    params = [column for column in frame.columns if column.startswith("param_")]
    if not params:
        raise ValueError(
            f"Got {name} with the columns {list(frame.columns)}, expected cv_results_ of a search "
            "with 'params', or a column param_… for each parameter. Keep these when you save it."
        )
    beside = [column for column in BESIDE if column in frame]
    columns = [*params, *beside, *(f"mean_test_{score}" for score in scores)]
    axes = [_axis(column, frame[column].tolist()) for column in columns]
    # What is the same for all candidates tells none from another; scores stay.
    axes = [axis for axis in axes if len(axis["texts"]) > 1 or "mean_test_" in axis["column"]]
    places = [axis.pop("places") for axis in axes]
    data = {
        "axes": axes,
        "places": [list(row) for row in zip(*places, strict=True)],
        "texts": [
            [as_text(value) for value in row]
            for row in frame[[axis["column"] for axis in axes]].itertuples(index=False, name=None)
        ],
        "between": BETWEEN,
        "height": HEIGHT,
        "scores": scores,
        "curves": {score: _curves(frame, params, score) for score in scores},
        "order": order,
    }
    words = f"{len(frame):,} candidates, {len(params)} parameters."
    charts = {"parallel": parallel_coordinates(axes)}
    if any(data["curves"][score]["points"] for score in scores):
        charts["curves"] = _curves_chart(data["curves"][scores[0]]["along"])
    return {"name": name, "kind": "search", "summary": words, "data": data, "charts": charts}


def _scores(frame):
    """Return the names of what was scored."""
    return [match[1] for column in frame.columns if (match := SCORE.fullmatch(column))]


def _as_losses(frame):
    """Return a search in which what scikit-learn has negated, such as neg_log_loss, is itself."""
    negated = {
        column: column.replace("_test_neg_", "_test_")
        for column in frame.columns
        if "_test_neg_" in column and column.startswith(("mean_", "split"))
    }
    if set(negated.values()) & set(frame.columns):
        return frame
    return frame.assign(**{column: -frame[column] for column in negated}).rename(columns=negated)


def _with_params(frame):
    """Return a search with a column a parameter, also where only "params" has been kept."""
    if any(column.startswith("param_") for column in frame.columns) or "params" not in frame:
        return frame
    found = pd.DataFrame([_as_dict(value) for value in frame["params"]])
    return frame.join(found.add_prefix("param_"))


def _as_dict(value):
    """Return a candidate's parameters, of which a file may have kept the text."""
    if isinstance(value, dict):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value)
        except (TypeError, ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, dict):
            return found
    return {"params": value}


def _axis(column, values):
    """Return an axis, and where on it each candidate is: from 0 to 1, or None."""
    label = column.removeprefix("param_").removeprefix("mean_test_").replace("mean_fit", "fit")
    is_score = column.startswith("mean_test_")
    axis = {"column": column, "label": label if not is_score else f"test {label}"}
    numbers = [as_number(value) for value in values]
    missing = [as_text(value) == NONE for value in values]
    known = [number for number in numbers if number is not None]
    # Besides numbers, a parameter may be None, which then is a value of its own.
    if (
        known
        and (is_score or column in BESIDE or not any(missing))
        and all(number is not None or gap for number, gap in zip(numbers, missing, strict=True))
    ):
        low, high = min(known), max(known)
        is_log = low > 0 and high >= LOG_FROM * low
        scale = math.log if is_log else float
        span = scale(high) - scale(low) or 1.0
        places = [None if n is None else (scale(n) - scale(low)) / span for n in numbers]
        texts = sorted({as_text(number) for number in known})
        kind = "log" if is_log else "number"
        return axis | {"kind": kind, "low": low, "high": high, "texts": texts, "places": places}
    texts, codes = codes_of(values)
    order = sorted(range(len(texts)), key=lambda i: _natural(texts[i]))
    rank = {code: place for place, code in enumerate(order)}
    last = max(1, len(texts) - 1)
    return axis | {
        "kind": "category",
        "texts": [texts[i] for i in order],
        "places": [rank[code] / last for code in codes],
    }


def _natural(text):
    """Return a key that sorts numbers within texts by their size."""
    parts = re.split(r"(\d+)", text)
    return [(1, float(part), "") if part.isdigit() else (0, 0.0, part) for part in parts]


def _curves(frame, params, score):
    """Return the points of each candidate's curve: over its resources, or its splits."""
    means = frame[f"mean_test_{score}"].map(as_number)
    if "n_resources" in frame and frame["n_resources"].nunique() > 1:
        same = codes_of(frame[params].astype(str).agg("|".join, axis=1))[1]
        points = [
            [i, as_number(frame["n_resources"][j]), means[j]]
            for i, family in enumerate(same)
            for j, other in enumerate(same)
            if other == family and as_number(means[j]) is not None
        ]
        return {"along": "n_resources", "points": points}
    splits = {
        int(match[1]): column
        for column in frame.columns
        if (match := SPLIT.fullmatch(column)) and match[2] == score
    }
    points = [
        [i, split, value]
        for split, column in sorted(splits.items())
        for i, value in enumerate(map(as_number, frame[column]))
        if value is not None
    ]
    return {"along": "split", "points": points}


def _order(frame, score):
    """Return the candidates, the best first; those without a score last."""
    means = frame[f"mean_test_{score}"].map(as_number).astype(float).to_numpy()
    return np.argsort(np.where(np.isnan(means), np.inf, -means), kind="stable").tolist()


def _curves_chart(along):
    """Return the chart of the curves of chosen candidates."""
    import altair as alt

    title = {"n_resources": "resources", "split": "split"}[along]
    axis = alt.Axis(labelAngle=0)
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=alt.X("along:O" if along == "split" else "along:Q", title=title, axis=axis),
        y=alt.Y("value:Q", title="score", scale=alt.Scale(zero=False)),
        color=alt.Color("candidate:N", sort=None, scale=alt.Scale(range=list(CLASS_COLORS))),
        tooltip=["candidate:N", "params:N", alt.Tooltip("along:Q", title=title), "value:Q"],
    )
    shape = alt.Shape("candidate:N", sort=None, scale=alt.Scale(range=list(SHAPES)), legend=None)
    points = base.mark_point(filled=True, size=70).encode(shape=shape)
    chart = (base.mark_line() + points).properties(width=640, height=260)
    return with_words(chart, y="measure")
