"""Titles of axes that the page's script decides: they follow what is chosen."""

from skfashion.inspection.pages import specification


def with_words(chart, **titles):
    """Return a layered chart of altair, as a specification, whose axes have such titles.

    Parameters
    ----------
    chart : altair.LayerChart
    **titles : str
        By "x" and "y", the name of the parameter that is the title there.
    """
    # altair's own check knows titles that are texts alone.
    found = specification(chart)
    for layer in found["layer"]:
        for axis, name in titles.items():
            encoding = layer["encoding"][axis]
            encoding["axis"] = (encoding.get("axis") or {}) | {"title": {"expr": name}}
    words = [{"name": name, "value": ""} for name in titles.values()]
    return found | {"params": [*found.get("params", []), *words]}
