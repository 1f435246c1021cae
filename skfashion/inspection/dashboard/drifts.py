"""Drift logs: each test's statistic beside its threshold, window after window."""

import pandas as pd

from skfashion.inspection.dashboard.texts import as_number, as_text
from skfashion.inspection.drawing import CLASS_COLORS

NEEDED = ("kind", "statistic", "threshold")


def is_drift(frame):
    """Tell whether a table is a drift log: a row a test, or a row a report with "tests"."""
    if "tests" in frame:
        return frame["tests"].map(lambda v: isinstance(v, dict)).any()
    return sum(column in frame for column in NEEDED) > 1


def drift_section(name, frame):
    """Return the section of a drift log; as ``section_of``.

    Parameters
    ----------
    name : str
    frame : DataFrame
        A row a test: "kind", "statistic", "threshold", and perhaps "alarm", "window" and "time"; or
        a row a window, whose "tests" are dicts of these by kind, as ``DriftReport.to_dict`` has it.
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
    n_windows, n_alarms = (
        len({row["place"] for row in rows}),
        sum(r["alarm"] == "alarm" for r in rows),
    )
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    return {
        "name": name,
        "kind": "drift",
        "summary": f"{n_windows:,} windows, {len(kinds)} tests each, {n_alarms:,} alarms.",
        "data": {"kinds": kinds, "rows": rows, "along": along or "row"},
        "charts": {"drift": _chart(kinds, along or "row", is_time)},
    }


def _tests_of(frame):
    """Return a log with a row a test."""
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


def _chart(kinds, along, is_time):
    import altair as alt

    place = "place:T" if is_time else "place:Q"
    tip = ["kind:N", alt.Tooltip(place, title=along), "statistic:Q", "threshold:Q", "alarm:N"]
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=alt.X(place, title=along, scale=alt.Scale(zero=False)),
        y=alt.Y("ratio:Q", title="statistic / threshold"),
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
