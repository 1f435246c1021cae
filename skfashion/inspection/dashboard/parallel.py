"""Parallel coordinates, which Vega-Lite has not: a specification of Vega.

Which candidates are drawn, and what is brushed, is decided by the page's script.
"""

from skfashion.inspection.drawing import CLASS_COLORS, SHAPES

HEIGHT, BETWEEN, BRUSH_WIDTH = 300, 118, 26
# Signs of a category that an axis shows.
LONGEST = 16


def parallel_coordinates(axes):
    """Return the chart, whose data are "lines", "chosen" and "ranges".

    Parameters
    ----------
    axes : list of dict
        "kind" is "number", "log" or "category"; with "low" and "high", or "texts".

    Returns
    -------
    dict
        Specification of Vega. "lines" and "chosen" have a row a candidate, with "candidate" and
        "path", as SVG has it; "ranges" a row a brushed axis, with "axis", "low" and "high", from 0
        to 1.
    """
    x = {"signal": f"datum.axis * {BETWEEN}"}
    columns = [{"axis": place, "label": axis["label"]} for place, axis in enumerate(axes)]
    chosen = {"scale": "color", "field": "candidate"}
    return {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "width": BETWEEN * (len(axes) - 1) or 1,
        "height": HEIGHT,
        "padding": {"left": 60, "right": 40, "top": 30, "bottom": 14},
        "autosize": "pad",
        "data": [{"name": name, "values": []} for name in ("lines", "chosen", "ranges")]
        + [{"name": "axes", "values": columns}],
        "scales": [_scale(f"axis{place}", axis) for place, axis in enumerate(axes)]
        + [
            {"name": "place", "domain": [0, 1], "range": [HEIGHT, 0]},
            _ordinal("color", CLASS_COLORS),
            _ordinal("shape", SHAPES),
        ],
        "axes": [_drawn_axis(place, axis) for place, axis in enumerate(axes)],
        "marks": [
            _lines(
                "line",
                "lines",
                {"stroke": {"value": CLASS_COLORS[5]}, "strokeOpacity": {"value": 0.4}},
            ),
            _lines("chosen-line", "chosen", {"stroke": chosen, "strokeWidth": {"value": 3}}),
            {
                "type": "rect",
                "name": "brush",
                "aria": False,
                "from": {"data": "ranges"},
                "encode": {
                    "update": {
                        "xc": x,
                        "width": {"value": BRUSH_WIDTH},
                        "y": {"scale": "place", "field": "high"},
                        "y2": {"scale": "place", "field": "low"},
                        "fill": {"value": "#8a8a8a"},
                        "fillOpacity": {"value": 0.35},
                        "stroke": {"value": "#8a8a8a"},
                    }
                },
            },
            {
                "type": "rect",
                "name": "hit",
                "aria": False,
                "from": {"data": "axes"},
                "encode": {
                    "update": {
                        "xc": x,
                        "width": {"value": BRUSH_WIDTH + 8},
                        "y": {"value": -8},
                        "y2": {"value": HEIGHT + 8},
                        "fill": {"value": "transparent"},
                        "cursor": {"value": "ns-resize"},
                        "tooltip": {"signal": "'drag to choose a range of ' + datum.label"},
                    }
                },
            },
        ],
    }


def _scale(name, axis):
    span = {"name": name, "range": [HEIGHT, 0], "zero": False, "nice": False}
    if axis["kind"] == "category":
        domain = axis["texts"]
        # One alone is at the bottom, as its lines are.
        return {"name": name, "type": "point", "domain": domain, "range": [HEIGHT, 0], "padding": 0}
    low, high = axis["low"], axis["high"]
    if low == high:
        high = low + 1
    return span | {"type": "log" if axis["kind"] == "log" else "linear", "domain": [low, high]}


def _drawn_axis(place, axis):
    ticks = {"tickCount": 5} if axis["kind"] == "number" else {}
    if axis["kind"] == "log":
        ticks = {"format": "~g", "tickCount": 5}
    return {
        "scale": f"axis{place}",
        "orient": "left",
        "offset": -place * BETWEEN,
        "title": axis["label"],
        "titleAngle": 0,
        "titleAlign": "center",
        "titleAnchor": "end",
        "titleX": 0,
        "titleY": -12,
        "titleLimit": BETWEEN - 6,
        "labelLimit": BETWEEN - 30,
        "labelOverlap": "greedy",
        "grid": False,
        "zindex": 1,
        **ticks,
    }


def _lines(name, data, style):
    """Return a line a candidate; what they show is in the table, for readers of screens."""
    style = {"path": {"field": "path"}, **style}
    update = {"encode": {"update": style}, "aria": False}
    return {"type": "path", "name": name, "from": {"data": data}, **update}


def _ordinal(name, values):
    domain = {"data": "chosen", "field": "candidate"}
    return {"name": name, "type": "ordinal", "domain": domain, "range": list(values)}
