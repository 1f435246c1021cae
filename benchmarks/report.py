"""One page of all committed results: tables that can be sorted, and pictures."""

import html
import re
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.formatting import caption
from benchmarks.studies import accuracy
from benchmarks.study import DOCS

TEMPLATES = Path(__file__).parent / "templates"
# A part with a table of more rows than this is folded.
FOLDED = 50


def page(sections):
    """Return the page of all committed results, see `sections_of`."""
    try:
        from markdown_it import MarkdownIt

        from skfashion.inspection import pages

        pages.import_charts()
    except ImportError as error:
        raise BenchmarkError(
            f"The page needs a package that is not installed ({error}); install all of them with: "
            "pip install -e '.[tables]'"
        ) from error
    rows = accuracy.STUDY.rows()
    points = _points(rows)
    words = points.mark_text(align="left", dx=8, dy=-6).encode(text="classifier")
    # Words beside points need more room than a phone has.
    narrow = points.encode(color="classifier", shape="classifier")
    charts = {
        "accuracy": (points + words).properties(width=640, height=360),
        "accuracy, narrow": narrow.properties(width=640, height=300),
    }
    # No HTML of a table's own passes.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")

    def shown(picture, page, title):
        # The words that the page itself has for a picture.
        known = re.search(rf"!\[([^\]]+)\]\([^)]*{re.escape(picture.name)}\)", page)
        words = known[1] if known else f"{title}, as a picture"
        return {"words": words, "address": pages.png_uri(picture.read_bytes())}

    return pages.render(
        "results.html",
        folder=TEMPLATES,
        title="skfashion: results",
        about=[accuracy.about(rows), *caption(rows).splitlines()],
        charts={name: pages.specification(chart) for name, chart in charts.items()},
        sections=[
            {
                "title": title,
                "parts": [
                    {
                        "heading": heading,
                        "folded": _rows_if_many(text),
                        "html": _scrolled(markdown.render(_without_links(text)), heading or title),
                        "pictures": [shown(picture, page, title) for picture in pictures],
                    }
                    for heading, text, pictures in parts
                ],
            }
            for title, page, parts in sections
        ],
    )


def sections_of(studies):
    """Yield each page of studies, the main comparison first: its title, its text, and its parts."""
    found = {accuracy.STUDY.path: []}
    for study in studies:
        if rows := study.rows():
            found.setdefault(study.path, []).append((study, study.text(rows)))
    for path, its in found.items():
        page, parts = path.read_text("utf-8"), []
        # The title of README is that of the package.
        is_main = path == accuracy.STUDY.path
        title = "Classifiers" if is_main else re.search(r"^# (.+)$", page, re.M)[1]
        for study, table in sorted(its, key=lambda pair: page.index(pair[0].markers[0])):
            above = re.findall(r"^##+ (.+)$", page.partition(study.markers[0])[0], re.M)
            drawn = [path for path in (DOCS / "images" / n for n in study.shown) if path.exists()]
            parts.append((above[-1] if above else None, table, drawn))
        yield title, page, parts


def _rows_if_many(text):
    """Return how many rows the longest table of Markdown has, 0 if it need not be folded."""
    bodies = re.findall(r"^\|:?-.*\n((?:\|.*\n?)*)", text, re.M)
    n_rows = max((len(body.splitlines()) for body in bodies), default=0)
    return n_rows if n_rows > FOLDED else 0


def _without_links(text):
    """Return Markdown without pictures, and with only the words of links to files beside it."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)


def _scrolled(text, words):
    """Return HTML whose tables scroll sideways by themselves; their empty cells have a dash."""
    text = re.sub(r"(<td[^>]*>)\s*(?=</td>)", "\\1\N{EN DASH}", text)
    start = f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(words)}">'
    return text.replace("<table>", start + "<table>").replace("</table>", "</table></div>")


def _points(rows):
    """Return accuracy against seconds of the fit, a point a classifier."""
    import altair as alt
    import pandas as pd

    frame = pd.json_normalize([row for row in rows if row["unit"] != accuracy.FLOOR])
    columns = {
        "classifier": frame["label"],
        "fit s": frame["seconds.fit"],
        "accuracy %": 100 * frame["metrics.accuracy"],
        "log-loss": frame["metrics.log_loss"],
    }
    groups = pd.DataFrame(columns).groupby("classifier", as_index=False)
    data = groups.mean().assign(seeds=groups.size()["size"])
    return (
        alt.Chart(data)
        .mark_point(filled=True, size=90)
        .encode(
            x=alt.X("fit s", scale=alt.Scale(type="log")),
            y=alt.Y("accuracy %", scale=alt.Scale(zero=False, padding=20)),
            tooltip=list(data.columns),
        )
    )
