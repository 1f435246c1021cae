"""Charts of a report, as specifications of Vega-Lite."""

from skfashion.inspection.displays.training_curve import score_is_loss
from skfashion.inspection.drawing import COLORS, SHAPES

# Patterns of lines, so that models differ without colours, too.
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [3, 6])
# Panel and rows of each column of a history.
CURVES = {
    "train_loss": ("loss", "training"),
    "valid_loss": ("loss", "validation"),
    "train_accuracy": ("accuracy or score", "training"),
    "valid_score": ("accuracy or score", "validation"),
}


def _by_model(names):
    import altair as alt

    n = len(names)
    dashes = [DASHES[i % len(DASHES)] for i in range(n)]
    colors = [COLORS[i % len(COLORS)] for i in range(n)]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(n)]
    return {
        "shape": alt.Shape("model:N", sort=names, scale=alt.Scale(domain=names, range=shapes)),
        "color": alt.Color("model:N", sort=names, scale=alt.Scale(domain=names, range=colors)),
        "strokeDash": alt.StrokeDash(
            "model:N", sort=names, scale=alt.Scale(domain=names, range=dashes)
        ),
    }


def numbers_of_reliability(displays):
    """Return the rows of :func:`reliability`, each model's by its name."""
    import pandas as pd

    parts = [
        pd.DataFrame(
            {
                "model": name,
                "confidence": one.confidence,
                "accuracy": one.accuracy,
                "images": one.counts,
            }
        )
        for name, one in displays.items()
    ]
    return pd.concat(parts).set_index("model")


def reliability(displays):
    """Return accuracy against confidence, of each model.

    Parameters
    ----------
    displays : dict of str to ReliabilityDisplay
    """
    import altair as alt
    import pandas as pd

    data = numbers_of_reliability(displays).reset_index()
    share = alt.Scale(domain=[0, 1])
    ideal = pd.DataFrame({"confidence": [0, 1], "accuracy": [0, 1]})
    x = alt.X("confidence:Q", scale=share, axis=alt.Axis(format="%"))
    y = alt.Y("accuracy:Q", scale=share, axis=alt.Axis(format="%"))
    diagonal = alt.Chart(ideal).mark_line(color="gray", strokeDash=[2, 4]).encode(x=x, y=y)
    line = (
        alt.Chart(data)
        .mark_line(point=True)
        .encode(
            x=x,
            y=y,
            tooltip=["model", "confidence", "accuracy", "images"],
            **_by_model(list(displays)),
        )
    )
    return _sized(diagonal + line, 320)


def _curves_of(history):
    """Return which columns are drawn: a score that is the loss is there already."""
    is_loss = "valid_score" in history and score_is_loss(history)
    return [name for name in CURVES if name in history and not (name == "valid_score" and is_loss)]


def numbers_of_curves(histories):
    """Return what :func:`curves` draws, a row an epoch, each model's by its name; or None."""
    import pandas as pd

    if not histories:
        return None
    parts = [
        pd.DataFrame({"model": name, "epoch": range(1, len(history) + 1)}).join(
            history[_curves_of(history)].reset_index(drop=True)
        )
        for name, history in histories.items()
    ]
    data = pd.concat(parts).set_index("model")
    return data[["epoch", *(column for column in CURVES if column in data)]]


def curves(histories):
    """Return loss and scores against epochs, of each model that has a history; None if none has.

    Parameters
    ----------
    histories : dict of str to pandas.DataFrame
    """
    import altair as alt
    import pandas as pd

    if not histories:
        return None
    parts = [
        pd.DataFrame(
            {
                "model": name,
                "epoch": range(1, len(history) + 1),
                "value": history[column].to_numpy(),
                "panel": panel,
                "rows": rows,
            }
        )
        for name, history in histories.items()
        for column in _curves_of(history)
        for panel, rows in [CURVES[column]]
    ]
    data = pd.concat(parts, ignore_index=True)
    names = list(histories)
    styles = _by_model(names)
    # Whole epochs, ten at most: Vega's own ticks are halves where there are two.
    n_epochs = int(data["epoch"].max())
    ticks = list(range(1, n_epochs + 1, max(1, round(n_epochs / 10))))
    charts = []
    for panel, part in data.groupby("panel", sort=False):
        base = alt.Chart(part, title=panel).encode(
            x=alt.X("epoch:Q", axis=alt.Axis(values=ticks, format="d")),
            y=alt.Y("value:Q", title=panel, scale=alt.Scale(zero=False)),
            color=styles["color"],
            tooltip=["model", "epoch", "rows", "value"],
        )
        # Two layers: in one, the legend of the lines would show points.
        lines = base.mark_line().encode(strokeDash=alt.StrokeDash("rows:N", title="rows"))
        charts.append(lines + base.mark_point(filled=True).encode(shape=styles["shape"]))
    return alt.vconcat(*(_sized(chart, 180) for chart in charts))


def numbers_of_distribution(counts, names):
    """Return what :func:`distribution` draws, a row a class."""
    import pandas as pd

    return pd.DataFrame(counts, index=pd.Index(names, name="class"))


def distribution(counts, names):
    """Return how many rows each class has.

    Parameters
    ----------
    counts : dict of str to ndarray of shape (n_classes,)
        By what they are called.
    names : list of str
        Of the classes.
    """
    import altair as alt
    import pandas as pd

    parts = [
        pd.DataFrame({"rows of": what, "class": names, "rows": values})
        for what, values in counts.items()
    ]
    sets = list(counts)
    return _sized(
        alt.Chart(pd.concat(parts, ignore_index=True))
        .mark_bar()
        .encode(
            x=alt.X("rows:Q"),
            y=alt.Y("class:N", sort=names, title=None),
            yOffset=alt.YOffset("rows of:N", sort=sets),
            color=alt.Color(
                "rows of:N",
                sort=sets,
                scale=alt.Scale(domain=sets, range=list(COLORS[: len(sets)])),
            ),
            tooltip=["class", "rows of", "rows"],
        ),
        max(120, 26 * len(names)),
    )


def _sized(chart, height):
    return chart.properties(width=420, height=height)
