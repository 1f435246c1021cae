"""Commands that write pages: `python -m benchmarks report`, of all that has been measured, and
`python -m skfashion report`, of classifiers in files."""

import base64
import dataclasses
import re
import sys
from pathlib import Path

import pytest
from small_studies import WAITING

ROOT = Path(__file__).absolute().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import report, results  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402
from benchmarks.registry import STUDIES  # noqa: E402
from benchmarks.studies import accuracy  # noqa: E402
from benchmarks.study import Study  # noqa: E402

pytest.importorskip("altair")
pytest.importorskip("vl_convert")
IMAGES = sorted((ROOT / "docs" / "images").glob("*.png"))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "results.html"
    assert main(["report", "-o", str(path)]) == 0
    return path


def without_scripts(html):
    """Return the page without its scripts, which write HTML, too."""
    return re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)


def test_every_study_is_there(path):
    html = path.read_text("utf-8")
    assert path.stat().st_size < 5e6
    markup = without_scripts(html)
    measured = [study for study in STUDIES.values() if study.name not in WAITING]
    others = [study for study in measured if study is not accuracy.STUDY]
    pages = {study.path: study.path.read_text("utf-8") for study in others}
    titles = {re.search(r"^# (.+)$", page, re.M)[1] for page in pages.values()}
    headings = re.findall(r"<h2>(.+)</h2>", markup)
    assert headings[0] == "Classifiers"
    assert sorted(headings[1:]) == sorted(titles)
    for study in others:
        before = pages[study.path].split(study.markers[0])[0]
        its_headings = re.findall(r"^##+ (.+)$", before, re.M)
        assert not its_headings or f"<h3>{its_headings[-1]}</h3>" in markup
    tables = [study.text(study.rows()) for study in measured]
    assert markup.count("<table>") == sum(len(re.findall(r"^\|:?-", t, re.M)) for t in tables)
    for group in accuracy.by_model(accuracy.STUDY.rows()):
        assert group[0]["label"] in markup
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", markup)
    assert '<div class="chart" tabindex="0" role="region" aria-label="Accuracy against' in markup


@pytest.mark.parametrize("picture", IMAGES, ids=lambda path: path.stem)
def test_every_picture_of_a_study_is_there(picture, path):
    html = path.read_text("utf-8")
    assert html.count(base64.b64encode(picture.read_bytes()).decode()) == 1
    assert picture.name in {name for study in STUDIES.values() for name in study.shown}


def test_a_picture_that_is_not_drawn_yet_is_left_out(monkeypatch, tmp_path):
    rows = accuracy.STUDY.rows()
    monkeypatch.setattr(results, "PUBLISHED", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n## Under it\n<!-- a-table:start -->\n", "utf-8")
    study = Study("a", "", "", lambda rows: "| a |\n|---|\n| 1 |", str(page), None)
    study = dataclasses.replace(study, pictures={"missing.png": None})
    results.append(study.file, rows)
    *_, (title, _, parts) = report.sections_of([study])
    assert title == "Title"
    assert parts == [("Under it", "| a |\n|---|\n| 1 |", [])]


def test_text_of_results_stays_text():
    bad = "| a |\n|---|\n| <script>alert(1)</script> |"
    parts = [("<b>H</b>", bad, [])]
    html = report.page([("<b>T</b>", "", parts)])
    assert "<script>alert" not in html
    assert "<b>T</b>" not in html and "<b>H</b>" not in html


def test_the_page_says_where_and_when_it_was_measured(path):
    rows = accuracy.STUDY.rows()
    about = re.search(r'<p class="about">(.*?)</p>', path.read_text("utf-8"), re.DOTALL)[1]
    days = sorted(row["date"][:10] for row in rows)
    for known in (rows[0]["machine"]["cpu"], rows[0]["commit"][:10], days[0], days[-1]):
        assert known in about
    assert f"torch {rows[0]['versions']['torch']}" in about


def test_no_cell_is_empty(path):
    markup = without_scripts(path.read_text("utf-8"))
    assert not re.search(r"<td[^>]*>\s*</td>", markup)
    assert re.search("<td[^>]*>\N{EN DASH}</td>", markup)


def test_only_long_tables_are_folded():
    short, long = ("| a |\n|---|\n" + "| 1 |\n" * n for n in (report.FOLDED, report.FOLDED + 1))
    parts = [("Short", short, []), ("Long", long, [])]
    markup = without_scripts(report.page([("T", "", parts)]))
    assert re.findall(r"<summary>(\d+ rows)", markup) == [f"{report.FOLDED + 1} rows"]
    assert markup.index("<h3>Short") < markup.index("<h3>Long") < markup.index("<details>")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(390, 844), (1280, 900)], ids=["phone", "desktop"])
def test_tables_are_sorted_by_a_click_or_a_key(path, size, opened):
    page = opened(path, size=size)
    page.wait_for_selector(".chart svg")
    table = page.locator("#s1 table")
    heading = table.locator("th").nth(6)

    def column():
        texts = table.locator("tbody tr td:nth-child(7)").all_inner_texts()
        return [float(text.split()[0].replace(",", "")) for text in texts]

    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column() == sorted(column())
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert column() == sorted(column(), reverse=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.slow
def test_all_tables_can_be_sorted(path, opened):
    page = opened(path)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    tables_ = page.locator("main table")
    assert page.locator("main table th").count() == page.locator("main table th button").count()
    for number in range(tables_.count()):
        heading = tables_.nth(number).locator("th").first
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == "ascending"
    # What is empty comes last, whatever the order.
    found = page.evaluate(
        """() => [...document.querySelectorAll("main table")].flatMap((table) =>
          [...table.tHead.rows[0].cells].flatMap((heading, column) => [1, 2].map(() => {
            heading.firstChild.click();
            const texts = [...table.tBodies[0].rows].map((row) => row.cells[column].innerText);
            const numbers = texts.map((text) => Number.isFinite(Number.parseFloat(text)));
            return numbers.lastIndexOf(true) < numbers.filter(Boolean).length;
          })))"""
    )
    assert len(found) > 100
    assert all(found)


UNITS = "| a |\n|---|\n" + "".join(
    f"| {text} |\n" for text in ("0.36 s an epoch", "15.9 ms", "2 min", "716 ms", "", "1.5 ± 0.1 s")
)


@pytest.mark.slow
def test_a_column_is_sorted_by_what_its_units_mean(tmp_path, opened):
    sizes = UNITS.replace("an epoch", "")
    for old, new in {" s": " GB", " ms": " MB", " min": " GB"}.items():
        sizes = sizes.replace(f"{old} ", f"{new} ")
    parts = [(None, UNITS, []), (None, sizes, [])]
    (tmp_path / "page.html").write_text(report.page([("T", "", parts)]), "utf-8")
    page = opened(tmp_path / "page.html")
    page.locator("th button").first.click()
    page.locator("th button").nth(1).click()
    tables_ = page.locator("main table")
    times = ["15.9 ms", "0.36 s an epoch", "716 ms", "1.5 ± 0.1 s", "2 min", "\N{EN DASH}"]
    assert tables_.first.locator("td").all_inner_texts() == times
    sizes = ["15.9 MB", "0.36 GB", "716 MB", "1.5 ± 0.1 GB", "2 GB", "\N{EN DASH}"]
    assert tables_.nth(1).locator("td").all_inner_texts() == sizes


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_column_stays_where_it_is(path, scheme, opened):
    page = opened(path, size=(390, 844), scheme=scheme)
    box = page.locator("#s1 .wide")
    box.evaluate("(box) => { box.scrollLeft = 200; }")
    assert box.evaluate("(box) => box.scrollLeft") == 200
    for cell in (box.locator("th").first, box.locator("tbody td").first):
        assert abs(cell.bounding_box()["x"] - box.bounding_box()["x"]) <= 1
        # Nothing of the other columns shows through it.
        back = "(cell) => getComputedStyle(cell).backgroundColor"
        assert cell.evaluate(back) == page.locator("body").evaluate(back)
    assert box.locator("tbody td").first.bounding_box()["width"] < 200


@pytest.mark.slow
@pytest.mark.parametrize("size", [(390, 844), (1280, 900)], ids=["phone", "desktop"])
def test_the_chart_is_no_wider_than_the_window(path, size, opened):
    page = opened(path, size=size)
    page.wait_for_selector(".chart svg")
    widths = page.evaluate(
        """() => [...document.querySelectorAll(".chart, .chart *")].map(
          (part) => part.getBoundingClientRect().right)"""
    )
    assert max(widths) <= size[0]
    assert page.evaluate(
        """() => [...document.querySelectorAll(".chart")].every(
          (one) => one.scrollWidth <= one.clientWidth)"""
    )
    words = " ".join(page.locator(".chart svg text").all_text_contents())
    for group in accuracy.by_model(accuracy.STUDY.rows()):
        assert (group[0]["label"][:8] in words) == (group[0]["unit"] != "dummy")


@pytest.mark.slow
def test_the_whole_heading_sorts(path, opened):
    page = opened(path)
    for heading in (page.locator("#s1 th").first, page.locator("#s1 th").nth(4)):
        heading.scroll_into_view_if_needed()
        size = heading.bounding_box()
        for x, y in ((2, 2), (size["width"] - 3, size["height"] - 3)):
            before = heading.get_attribute("aria-sort")
            page.mouse.click(size["x"] + x, size["y"] + y)
            assert heading.get_attribute("aria-sort") not in (None, before)
