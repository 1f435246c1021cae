"""Drift logs: each test's statistic beside its threshold, window after window."""

import pandas as pd

from skfashion.inspection.dashboard.texts import as_number, as_text
from skfashion.inspection.drawing import CLASS_COLORS

NEEDED = ("kind", "statistic", "threshold")
# Where the dashed line of alarms lies, and what is named beside it: one test that is far beyond its
# threshold would squeeze all others on an even axis.
TICKS = [*(-5, -2, -1, 0, 1, 2, 5), *(10**n * k for n in range(1, 7) for k in (1, 2, 5))]
# On the axis of windows.
MOST_TICKS = 10


def is_drift(frame):
    """Tell whether a table is a drift log: a row a test, or a row a report with "tests"."""
    for column in ("tests", "report"):
        if column in frame and frame[column].map(lambda v: isinstance(v, dict)).any():
            return True
    # Of a service, all of them from before the first full window.
    if {"model", "report"} <= set(frame.columns) and frame["report"].isna().all():
        return True
    return sum(column in frame for column in NEEDED) > 1


def drift_section(name, frame):
    """Return the section of a drift log; as ``section_of``.

    Parameters
    ----------
    name : str
    frame : DataFrame
        A row a test: "kind", "statistic", "threshold", and perhaps "alarm", "window" and "time"; or
        a row a window, whose "tests" are dicts of these by kind, as ``DriftReport.to_dict`` has it;
        or a row an answer of a service, with "model" and such a "report".
    """
    tests = _tests_of(frame)
    missing = [column for column in NEEDED if column not in tests]
    if missing:
        raise ValueError(
            f"Got {name} with the columns {list(frame.columns)}, expected a drift log with "
            f"{', '.join(NEEDED)}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
            "missing. Write reports as JSON lines."
        )
    along = next((c for c in ("time", "window") if c in tests and tests[c].notna().any()), None)
    places = tests[along].tolist() if along else list(range(1, len(tests) + 1))
    is_time = along == "time" and all(isinstance(place, str) for place in places)
    rows = []
    for place, row in zip(places, tests.to_dict("records"), strict=True):
        statistic, threshold = as_number(row["statistic"]), as_number(row["threshold"])
        if statistic is None or threshold is None:
            continue
        is_alarm = row.get("alarm")
        is_alarm = statistic > threshold if not isinstance(is_alarm, bool) else is_alarm
        rows.append(
            {
                "place": place if is_time else as_number(place),
                "kind": as_text(row["kind"]),
                "statistic": statistic,
                "threshold": threshold,
                "ratio": statistic / threshold if threshold else None,
                "alarm": "alarm" if is_alarm else "no alarm",
            }
        )
    if not rows:
        raise ValueError(
            f"Got {name}, whose statistics and thresholds are no numbers, expected one of each a "
            "test. Reports from before the first full window have none: leave them out."
        )
    windows = {row["place"] for row in rows}
    n_alarms = sum(row["alarm"] == "alarm" for row in rows)
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    return {
        "name": name,
        "kind": "drift",
        "summary": f"{len(windows):,} windows, {len(kinds)} tests each, {n_alarms:,} alarms.",
        "data": {"kinds": kinds, "rows": rows, "along": along or "row"},
        "charts": {"drift": _chart(kinds, along or "row", None if is_time else windows)},
    }


def _reports_of(frame):
    """Return the reports in answers of a service; those of several models name theirs."""
    has_names = "model" in frame and frame["model"].nunique() > 1
    found = []
    for row in frame.to_dict("records"):
        if not isinstance(row["report"], dict) or not isinstance(row["report"].get("tests"), dict):
            continue
        report = {"time": row.get("time")} | row["report"]
        if has_names:
            tests = report["tests"].items()
            report["tests"] = {f"{row['model']}: {kind}": test for kind, test in tests}
        found.append(report)
    return pd.DataFrame(found, columns=None if found else ["time", "window", "tests"])


def _tests_of(frame):
    """Return a log with a row a test."""
    if "report" in frame and "tests" not in frame:
        frame = _reports_of(frame)
    if "tests" not in frame:
        return frame
    times = frame["time"].tolist() if "time" in frame else [None] * len(frame)
    windows = frame["window"].tolist() if "window" in frame else [None] * len(frame)
    return pd.DataFrame(
        [
            {"time": time, "window": window} | test | {"kind": kind}
            for time, window, tests in zip(times, windows, frame["tests"], strict=True)
            if isinstance(tests, dict)
            for kind, test in tests.items()
        ],
        columns=None if any(map(bool, frame["tests"])) else ["time", "window", *NEEDED],
    )


def _whole_ticks(places):
    """Return at most `MOST_TICKS` whole numbers for an axis of such; None for another."""
    places = [place for place in places if place is not None]
    if not places or not all(place == int(place) for place in places):
        return None
    low, high = int(min(places)), int(max(places))
    steps = (k * 10**n for n in range(17) for k in (1, 2, 5))
    step = next(step for step in steps if (high - low) / step < MOST_TICKS)
    return list(range(-(-low // step) * step, high + 1, step))


def _chart(kinds, along, places):
    """Return the chart; places are a set of numbers, or None of times."""
    import altair as alt

    is_time, ticks = places is None, None if places is None else _whole_ticks(places)
    place = "place:T" if is_time else "place:Q"
    tip = ["kind:N", alt.Tooltip(place, title=along), "statistic:Q", "threshold:Q", "alarm:N"]
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=alt.X(
            place,
            title=along,
            scale=alt.Scale(zero=False),
            axis=alt.Axis(values=ticks, format="d") if ticks else alt.Axis(),
        ),
        y=alt.Y(
            "ratio:Q",
            title="statistic / threshold",
            scale=alt.Scale(type="symlog", nice=True),
            # With a smaller count Vega leaves out every other one, perhaps that of alarms.
            axis=alt.Axis(values=TICKS, tickCount=len(TICKS), format=",d", labelOverlap="greedy"),
        ),
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=kinds, range=list(CLASS_COLORS)),
            legend=alt.Legend(title=None),
        ),
    )
    points = base.mark_point(filled=True, size=50, opacity=1).encode(
        shape=alt.Shape(
            "alarm:N",
            scale=alt.Scale(domain=["alarm", "no alarm"], range=["triangle-up", "circle"]),
            legend=alt.Legend(title=None),
        ),
        tooltip=tip,
    )
    rule = (
        alt.Chart(alt.InlineData([{"y": 1}]))
        .mark_rule(strokeDash=[6, 4], color="#8a8a8a", size=2)
        .encode(y="y:Q")
    )
    return (base.mark_line(opacity=0.5) + points + rule).properties(width=640, height=260)
