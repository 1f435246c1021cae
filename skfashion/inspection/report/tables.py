"""Tables of a report: headings and cells as they are written."""

from numbers import Integral, Real

# What is not known.
UNKNOWN = "\u2013"


def table_as_text(frame):
    """Return the headings and cells of a table as text.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its index is shown, too, unless it only counts the rows.

    Returns
    -------
    dict
        ``columns``, the headings; ``body``, a dict a row: ``keys``, what heads it, and ``values``.
    """
    import pandas as pd

    index = frame.index
    if isinstance(index, pd.RangeIndex) and index.name is None:
        headings, keys = [], [()] * len(frame)
    else:
        headings = ["" if name is None else str(name) for name in index.names]
        keys = list(index) if isinstance(index, pd.MultiIndex) else [(key,) for key in index]
    rows = frame.to_numpy(dtype=object).tolist()
    return {
        "columns": [*headings, *(str(column) for column in frame.columns)],
        "body": [
            {"keys": [_text(one) for one in key], "values": [_text(one) for one in row]}
            for key, row in zip(keys, rows, strict=True)
        ],
    }


def _text(value):
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return UNKNOWN
    if not isinstance(value, Real) or isinstance(value, Integral | bool):
        return str(value)
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
