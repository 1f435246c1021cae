"""The dashboard in a real browser: what is chosen decides what is shown, and nothing is fetched."""

import json
import re
import signal
import subprocess
import sys
import time
from functools import partial

import pandas as pd
import pytest
from dashboards import IMBALANCE, imbalance_values, search_of
from pages import ROOT
from sklearn.naive_bayes import GaussianNB

from benchmarks.browsing import SIZES, violations
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import make_dashboard
from skfashion.studies import imbalance_study

pytest.importorskip("altair")
pytest.importorskip("vl_convert")
pytestmark = pytest.mark.slow

BAD = "</script><script>alert(1)</script>"
# Seconds in which a new row must be there on a busy machine; on an idle one it takes under five.
LONGEST = 50


@pytest.fixture(scope="module")
def search():
    return search_of(200)


@pytest.fixture(scope="module")
def pages(search, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    drift = pd.DataFrame(
        [
            {"window": w, "kind": kind, "statistic": w / 4, "threshold": 1.0, "alarm": w > 4}
            for w in range(1, 9)
            for kind in ("pixels", BAD)
        ]
    )
    results = {"study": IMBALANCE, "search": search, BAD: drift}
    make_dashboard(results).save(folder / "all.html")
    frame = make_dashboard({"search": search})._repr_html_()
    (folder / "notebook.html").write_text(frame, encoding="utf-8")
    return folder


@pytest.fixture
def drawn(opened, pages):
    def open_page(name="all.html", size="desktop", scheme="light"):
        page = opened(pages / name, size=SIZES[size], scheme=scheme)
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        page.requests = requests
        for chart in ("parts-0", "parallel-1", "curves-1", "drift-2"):
            page.wait_for_selector(f"[data-chart={chart}] svg")
        return page

    return open_page


def heard(page, chart):
    """Return what a chart's points say to a reader of screens, as dicts."""
    labels = page.locator(f"[data-chart={chart}] [aria-roledescription=point]").evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-label'))"
    )
    return [dict(re.findall(r"([^;]+?): ([^;]+)(?:; |$)", label)) for label in labels]


def classes_shown(page):
    """Return the values of runs that the chart of classes shows, by treatment, class and seed."""
    runs = [one for one in heard(page, "parts-0") if "repeat" in one]
    shown = {
        (one["compared"], one["part"], int(one["repeat"].split()[-1])): float(one["value"])
        for one in runs
    }
    assert len(shown) == len(runs)
    return shown


def choose(page, names, section="section-0"):
    page.locator(f"#{section} [data-choose=none]").first.click()
    for name in names:
        page.locator(f"#{section} [data-choices] label").filter(
            has=page.locator(f"xpath=self::*[normalize-space()='{name}']")
        ).locator("input").check()


def wait_until(is_so, seconds=10):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("estimator", ["MLPNetClassifier", "ConvNetClassifier"])
def test_two_treatments_leave_exactly_their_classes(estimator, drawn):
    page = drawn()
    page.locator("#section-0 [data-select=estimator]").select_option(estimator)
    page.locator("#section-0 [data-select=detail]").select_option("recall by class")
    names = ["SMOTE", "loss=logit_adjusted"]
    choose(page, names)
    expected = {
        (name, *key): value
        for name in names
        for key, value in imbalance_values(estimator, name, "recall").items()
    }
    assert len(expected) == 100  # two treatments, ten classes, five seeds
    wait_until(lambda: classes_shown(page) == expected)
    # The same as numbers, and after a reload.
    headings = page.locator("#section-0 [data-numbers] th[scope=col]").all_text_contents()
    assert headings == ["part", *names]
    page.reload()
    page.wait_for_selector("[data-chart=parts-0] svg")
    wait_until(lambda: classes_shown(page) == expected)


def title_of(page, chart, axis):
    """Return the title of a chart's axis, X or Y."""
    labels = page.locator(f"[data-chart={chart}] [aria-roledescription=axis]").evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-label'))"
    )
    return re.match(rf"{axis}-axis titled '(.*)' for", next(a for a in labels if a[0] == axis))[1]


def test_axes_are_named_and_end_as_is_chosen(drawn):
    page = drawn()
    assert (title_of(page, "overview-0", "X"), title_of(page, "parts-0", "X")) == (
        "accuracy",
        "class",
    )
    page.locator("#section-0 [data-select=metric]").select_option("balanced_accuracy")
    page.locator("#section-0 [data-select=detail]").select_option("recall by class")
    wait_until(lambda: title_of(page, "overview-0", "X") == "balanced_accuracy")
    wait_until(lambda: title_of(page, "parts-0", "Y") == "recall")
    # The charts fill the place.
    place, svg = (
        page.locator(f"[data-chart=overview-0]{what}").bounding_box()["width"]
        for what in ("", " svg")
    )
    assert svg == pytest.approx(place, abs=2)
    assert title_of(page, "curves-1", "Y") == "score"
    assert not page.locator("[data-wider]").is_visible()
    page.locator("#section-0 [data-select=metric]").select_option("accuracy")
    near, said = page.locator("[data-near]"), page.locator("#section-0 [data-said]")

    def n_shown():
        labels = page.locator("[data-chart=overview-0] [aria-roledescription=axis]")
        text = labels.first.get_attribute("aria-label")
        return float(re.search(r"from ([\d.]+) to", text)[1])

    wait_until(lambda: n_shown() < 0.7)
    near.check()
    wait_until(lambda: n_shown() > 0.7)
    assert re.fullmatch(r"\d of 115 values lie beyond the axis\.", said.inner_text())
    page.reload()
    page.wait_for_selector("[data-chart=overview-0] svg")
    assert near.is_checked() and n_shown() > 0.7
    near.uncheck()
    wait_until(lambda: n_shown() < 0.7)
    assert said.inner_text() == ""


def test_a_phone_says_that_there_are_more_axes(drawn):
    page = drawn(size="phone")
    page.locator("[data-wider]").wait_for()
    page.set_viewport_size({"width": 1280, "height": 900})
    wait_until(lambda: not page.locator("[data-wider]").is_visible())


def test_a_click_on_a_point_chooses_its_treatment(drawn):
    page = drawn()
    choose(page, ["nothing"])
    point = page.locator("[data-chart=overview-0] [aria-label*='NearMiss'][aria-label*=mean]")
    point.last.click(force=True)
    wait_until(lambda: {key[0] for key in classes_shown(page)} == {"nothing", "NearMiss"})


def inside(page):
    more = page.locator("[data-more]")
    if more.is_visible():
        more.click()
    boxes = page.locator("[data-candidates] input")
    return {int(value) for value in boxes.evaluate_all("all => all.map((one) => one.value)")}


def column_of(page, label):
    headings = page.locator("[data-axis] legend").all_text_contents()
    return headings.index(label)


def axis_box(page, label):
    axis = page.locator(".mark-rect.hit path").nth(column_of(page, label))
    axis.scroll_into_view_if_needed()
    return axis.bounding_box()


def drag(page, label, low, high):
    """Drag along an axis, from one share of its height to another."""
    box = axis_box(page, label)
    x, height = box["x"] + box["width"] / 2, box["height"] - 16  # eight pixels beyond each end
    for step, share in enumerate((low, (low + high) / 2, high)):
        page.mouse.move(x, box["y"] + 8 + height * (1 - share))
        if not step:
            page.mouse.down()
    page.mouse.up()


def ranges(page, label):
    ends = page.locator(f"[data-axis='{column_of(page, label)}'] [data-end]")
    return [end.input_value() for end in ends.all()]


def test_brushing_an_axis_leaves_exactly_the_candidates_inside(search, drawn):
    page = drawn()
    assert inside(page) == set(range(200))
    drag(page, "test score", 0.6, 0.93)
    low, high = map(float, ranges(page, "test score"))
    # Six digits: the scores of so few images lie farther apart.
    is_in = search["mean_test_score"].between(low, high)
    assert 10 < is_in.sum() < 190
    assert inside(page) == set(search.index[is_in])
    assert page.locator(".mark-path.line path").count() == is_in.sum()
    drag(page, "min_samples_split", 0.26, 0.74)
    low, high = map(float, ranges(page, "min_samples_split"))
    # What is brushed lies under the pointer: 2 to 21, from the bottom to the top.
    assert (low, high) == pytest.approx((2 + 0.26 * 19, 2 + 0.74 * 19), abs=0.1)
    is_in &= search["param_min_samples_split"].between(low, high)
    drag(page, "criterion", 0.8, 1.02)
    assert ranges(page, "criterion") == ["gini", "gini"]
    is_in &= search["param_criterion"] == "gini"
    assert inside(page) == set(search.index[is_in]) and is_in.sum() > 2
    said = page.locator("#section-1 [data-said]").inner_text()
    assert said == f"{is_in.sum()} of 200 candidates inside."
    # A click keeps all of an axis again.
    box = axis_box(page, "criterion")
    page.mouse.click(box["x"] + 5, box["y"] + 30)
    assert len(inside(page)) > is_in.sum()
    page.locator("[data-clear]").click()
    assert inside(page) == set(range(200))


def test_the_keyboard_does_what_the_mouse_does(search, drawn):
    page = drawn(size="phone")
    page.locator("[data-keep=ranges] summary").focus()
    page.keyboard.press("Enter")
    set_of = page.locator(f"[data-axis='{column_of(page, 'max_depth')}']")
    set_of.locator("[data-end=from]").select_option("3")
    set_of.locator("[data-end=to]").select_option("10")
    fill = page.locator(f"[data-axis='{column_of(page, 'ccp_alpha')}'] [data-end=to]")
    fill.fill("0.001")
    fill.press("Enter")
    is_in = search["param_max_depth"].isin([3, 10]) & (search["param_ccp_alpha"] <= 0.001)
    wait_until(lambda: inside(page) == set(search.index[is_in]))
    # The end that is not touched is no rounded number, which could leave out the smallest.
    for label in ("fit_time", "test score"):
        end = page.locator(f"[data-axis='{column_of(page, label)}'] [data-end=to]")
        end.fill("9")
        end.press("Enter")
    assert inside(page) == set(search.index[is_in])
    page.locator("#section-1 [data-choose=none]").click()
    for place in (0, 1):
        page.locator("[data-candidates] input").nth(place).focus()
        page.keyboard.press("Space")
    chosen = {
        int(one)
        for one in page.locator("[data-candidates] input:checked").evaluate_all(
            "all => all.map((one) => one.value)"
        )
    }
    expected = {
        (one, split, search[f"split{split}_test_score"][one]) for one in chosen for split in (0, 1)
    }
    assert len(expected) == 4

    def shown():
        points = heard(page, "curves-1")
        return {(int(p["candidate"]), int(p["split"]), float(p["score"])) for p in points}

    wait_until(lambda: shown() == expected)


def test_tests_of_a_drift_log_are_chosen(drawn):
    page = drawn()
    choose(page, ["pixels"], "section-2")
    wait_until(lambda: {one["kind"] for one in heard(page, "drift-2")} == {"pixels"})
    assert page.locator("#section-2 [data-numbers] tbody tr").count() == 4
    # A name that looks like a script is a word.
    assert BAD in page.locator("#section-2 h2").inner_text()


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desktop", "light")])
def test_nothing_is_wider_than_the_window_and_readers_are_served(size, scheme, drawn):
    page = drawn(size=size, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    pytest.importorskip("axe_playwright_python")
    assert violations(page) == []
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 22, 22)")
    unnamed = page.locator("input, select, button").evaluate_all(
        "all => all.filter((one) => !(one.labels?.length || one.ariaLabel || one.innerText))"
        ".map((one) => one.outerHTML)"
    )
    assert [one for one in unnamed if "data-more" not in one] == []
    assert page.requests == []


def test_a_notebook_shows_it(opened, pages):
    page = opened(pages / "notebook.html")
    frame = page.frame_locator("iframe")
    frame.locator("[data-chart=curves-0] svg").wait_for()
    frame.locator("[data-candidates] input").nth(4).check()
    frame.locator("text=200 of 200 candidates inside").wait_for()


def run_study(folder, treatments):
    X, y = load_fashion_sample(return_X_y=True)
    models = {"bayes": GaussianNB()}
    options = {"treatments": treatments, "ratios": [20], "cache": folder, "verbose": 0}
    return imbalance_study(models, X[:1500, ::28], y[:1500], X[:500, ::28], y[:500], **options)


def test_a_new_row_of_the_cache_appears(opened, tmp_path):
    cache, path = tmp_path / "cache", tmp_path / "page.html"
    run_study(cache, ["nothing", "RandomOverSampler"])
    words = ["dashboard", str(cache), "--watch", "-o", str(path)]
    # What a shell starts in the background ignores Ctrl-C, with all that it starts in turn.
    listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [sys.executable, "-m", "skfashion", *words]
    watcher = subprocess.Popen(command, cwd=ROOT, preexec_fn=listens)
    try:
        wait_until(path.exists, LONGEST)
        page = opened(path)
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        page.wait_for_selector("[data-chart=parts-0] svg")
        choose(page, ["RandomOverSampler"])
        boxes = page.locator("[data-choices] input")
        frame = run_study(cache, ["nothing", "RandomOverSampler", "RandomUnderSampler"])
        begun = time.monotonic()
        wait_until(lambda: boxes.count() == 3, LONGEST)
        print(f"seen after {time.monotonic() - begun:.1f} s")
        # What was chosen still is.
        page.wait_for_selector("[data-chart=parts-0] svg")
        assert {key[0] for key in classes_shown(page)} == {"RandomOverSampler"}
        choose(page, ["RandomUnderSampler"])
        page.locator("#pause").click()
        page.locator("[data-select=detail]").select_option("recall by class")
        wanted = frame[(frame.treatment == "RandomUnderSampler") & (frame.metric == "recall")]
        expected = sorted(wanted.value)
        wait_until(lambda: sorted(classes_shown(page).values()) == pytest.approx(expected))
        assert {re.sub("#.*", "", url) for url in requests} == {path.as_uri()}
    finally:
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(LONGEST) == 0
    # The last page comes to rest.
    assert "const RELOAD = null" in path.read_text(encoding="utf-8")
    assert json.dumps("RandomUnderSampler") in path.read_text(encoding="utf-8")
