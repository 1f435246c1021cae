"""The report in a real browser: clicks, keys, no error, no request."""

import numpy as np
import pytest
from clothes import net

from benchmarks.browsing import SIZES
from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import EmbeddingDisplay, make_report

pytest.importorskip("altair")
pytest.importorskip("vl_convert")
pytestmark = pytest.mark.slow

X, y = load_fashion_sample(subset="test", return_X_y=True)
BAD = "</script><script>alert(1)</script>"
NAMES = [*load_fashion_sample(subset="test").target_names[:9], BAD]
MODELS = [BAD, """a "net" of 'quotes' """]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    nets = {
        name: net(MLPNetClassifier, hidden_layer_sizes=n, max_epochs=2).fit(
            X[:400], y[:400], X_val=X[400:], y_val=y[400:]
        )
        for name, n in zip(MODELS, (8, 32), strict=True)
    }
    report = make_report(nets, X, y, class_names=NAMES, n_resamples=20)
    report.save(folder / "report.html")
    (folder / "notebook.html").write_text(report._repr_html_(), encoding="utf-8")
    display = EmbeddingDisplay.from_estimator(nets[MODELS[1]], X[:200], y[:200], class_names=NAMES)
    display.to_html(folder / "embedding.html")
    return folder


@pytest.fixture
def drawn(opened, pages):
    """Return a function that opens a page, and waits for its charts."""

    def open_page(name, size="desktop", scheme="light"):
        page = opened(pages / name, size=SIZES[size], scheme=scheme)
        page.wait_for_selector("[data-chart] svg, [data-chart] canvas")
        return page

    return open_page


def cell(page, i, j, model=0):
    return page.locator(f'.model[data-model="{model}"] button[data-row="{i}"][data-column="{j}"]')


def test_a_cell_is_clicked_and_its_images_appear(drawn):
    page = drawn("report.html")
    shown = page.locator('.model[data-model="1"] .shown')
    assert "No cell is chosen" in shown.inner_text()
    cell(page, 0, 0, model=1).click()
    count = int(cell(page, 0, 0, model=1).inner_text())
    assert shown.locator("img").count() == min(12, count)
    sizes = shown.locator("img").evaluate_all("found => found.map(one => one.naturalWidth)")
    assert set(sizes) == {28}
    assert f"predicted as {NAMES[0]}: {count}" in shown.inner_text()
    share = page.evaluate("CELLS[1][0][0].shares[0]")
    assert f"sure by {share}" in shown.locator("li").first.inner_text()
    assert cell(page, 0, 0, model=1).get_attribute("aria-pressed") == "true"
    other = page.locator('.model[data-model="0"] .shown')
    assert "No cell is chosen" in other.inner_text()


def test_the_keyboard_reaches_everything(drawn):
    page = drawn("report.html")
    cell(page, 0, 0).focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    assert cell(page, 0, 1).get_attribute("aria-pressed") == "true"
    shown = page.locator('.model[data-model="0"] .shown')
    assert f"{NAMES[0]}, predicted as {NAMES[1]}" in shown.inner_text()
    # The edge is the end.
    page.keyboard.press("ArrowUp")
    assert cell(page, 0, 1).evaluate("one => one === document.activeElement")
    # With Tab alone: every link and one cell of each matrix.
    page.evaluate("document.activeElement.blur()")
    page.evaluate("window.scrollTo(0, 0)")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(() => { const one = document.activeElement; return one.getAttribute('href') || "
                "one.getAttribute('aria-label') || one.tagName })()"
            )
        )
    links = page.locator("nav a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert set(links) <= reached
    assert sum("predicted as" in text for text in reached) == 2


@pytest.mark.parametrize("chart", ["reliability", "curves", "distribution"])
def test_the_numbers_of_a_chart_are_opened_by_a_key(chart, drawn):
    page = drawn("report.html", "phone")
    place = page.locator(f".chart:has([data-chart={chart}])")
    place.focus()
    assert place.evaluate("one => one === document.activeElement")
    assert place.get_attribute("role") == "region" and place.get_attribute("aria-label")
    table = page.locator(f"section:has([data-chart={chart}]) details table")
    assert table.count() == 1 and not table.is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert table.is_visible()
    assert table.locator("tbody tr").count() >= 4
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"][0]


@pytest.mark.parametrize(("name", "n_charts"), [("report.html", 3), ("embedding.html", 1)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(size, scheme, name, n_charts, drawn):
    page = drawn(name, size, scheme)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[size][0]
    assert page.locator("[data-chart] > svg, [data-chart] > canvas").count() == n_charts
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 22, 22)")


def test_an_embedding_shows_images_beside_the_pointer(drawn):
    page = drawn("embedding.html")
    box = page.locator("[data-chart] canvas").bounding_box()
    tip = page.locator("#vg-tooltip-element")
    seen = set()
    for step in range(1, 60):
        page.mouse.move(box["x"] + box["width"] * 0.35, box["y"] + box["height"] * step / 60)
        if tip.locator("img").count():
            assert tip.locator("img").evaluate("one => one.naturalWidth") == 28
            seen |= {name for name in NAMES if name in tip.inner_text()}
    assert seen


def test_a_class_that_looks_like_a_script_is_a_word(drawn):
    page = drawn("report.html")
    assert page.evaluate("document.scripts.length") == 3
    assert BAD in page.locator(".matrix thead").first.inner_text()
    headings = page.locator("#confusion h3").all_inner_texts()
    assert headings == [name.strip() for name in MODELS]
    assert page.locator(".matrix").nth(1).get_attribute("aria-label").endswith(MODELS[1])
    # A legend cuts long names.
    assert BAD[:20] in page.locator("[data-chart=reliability] svg").text_content()
    page = drawn("embedding.html")
    # Data, the libraries, what the page does.
    assert page.evaluate("document.scripts.length") == 3
    assert page.evaluate("CHARTS.chart.encoding.color.sort.at(-1)") == BAD


def test_a_notebook_shows_a_report_that_cannot_reach_it(opened, pages):
    page = opened(pages / "notebook.html")
    frame = page.frame_locator("iframe")
    frame.locator("[data-chart] svg").first.wait_for()
    frame.locator(".model button").first.click()
    assert frame.locator(".shown img").count()
    assert page.evaluate("document.querySelector('iframe').contentDocument") is None


def test_an_embedding_may_have_many_points(opened, tmp_path):
    rows = np.arange(6000) % len(X)
    points = np.random.RandomState(0).normal(size=(6000, 2))
    display = EmbeddingDisplay(points, y[rows], NAMES, (X[rows] / 255).reshape(-1, 28, 28))
    display.to_html(tmp_path / "many.html")
    page = opened(tmp_path / "many.html")
    page.wait_for_selector("[data-chart] canvas")
    sizes = page.evaluate("Object.values(CHARTS.chart.datasets).map((rows) => rows.length)")
    assert sizes == [6000]
