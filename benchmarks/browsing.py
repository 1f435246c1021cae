"""A real browser: how it is started, and how the page of a service or a file is used in it."""

import contextlib
import shutil
from importlib import resources

import numpy as np

from benchmarks.errors import BenchmarkError

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}


@contextlib.contextmanager
def chromium():
    """Start a Chromium without a window; it, and what steers it, must be installed."""
    # As distributions call it.
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise BenchmarkError("Pages are opened in Chromium: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BenchmarkError("Chromium is steered by playwright: pip install playwright") from None
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def ready(page):
    """Wait until the page has its models, without a network."""
    page.context.set_offline(True)
    page.wait_for_selector("body[data-ready]", timeout=60_000)
    return page


def bring(page, content, name="picture.png", waits=True):
    """Give the page a picture by its file input, and wait for the answers."""
    version = int(page.evaluate("document.body.dataset.version ?? 0"))
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})
    if waits:
        page.wait_for_selector(f'body[data-answered="{version + 1}"]')


def looked_at(page):
    """Wait until the slower questions are answered, too."""
    version = page.evaluate("document.body.dataset.version")
    page.wait_for_selector(f'body[data-answered="{version}"][data-done="{version}"]')


def card(page, name):
    """Return what the page says of a model."""
    return page.locator(f'article[aria-label="{name}"]')


def shown(page, name):
    """Return the probabilities that a model's card shows."""
    rows = card(page, name).locator("tbody tr")
    return np.float64(rows.evaluate_all("all => all.map(one => one.dataset.probability)"))


def violations(page):
    """Return what axe has against a page: id, impact and the first place of each."""
    axe = resources.files("axe_playwright_python") / "axe.min.js"
    page.evaluate(axe.read_text("utf-8"))
    # Without fetching style sheets, which a browser refuses of files.
    options = "{resultTypes: ['violations'], preload: false}"
    found = page.evaluate(f"axe.run(document, {options})")["violations"]
    return [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found]
