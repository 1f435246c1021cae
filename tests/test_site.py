"""The site of the documentation: no warning, no broken link, a search without a network."""

import importlib
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import skfashion
from benchmarks.browsing import SIZES, violations

pytest.importorskip("sphinx_gallery")
ROOT = Path(__file__).absolute().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, its examples as they are written: `make docs` runs them."""
    folder = tmp_path_factory.mktemp("site")
    built = ("_build", "auto_examples", "auto_tours", "generated")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns(*built))
    shutil.copy(ROOT / "README.md", folder)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    answer = subprocess.run(
        [*command, "docs", "html"],
        cwd=folder,
        env=os.environ | {"SKFASHION_GALLERY": "0", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert answer.returncode == 0, answer.stderr
    return folder / "html"


class Page(HTMLParser):
    """What a page leads to, what it loads, and the anchors it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.anchors = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values.get("id"), values.get("name")}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag in ("script", "img") and values.get("src"):
            self.loaded.append(values["src"])
        elif tag == "link" and "stylesheet" in values.get("rel", ""):
            self.loaded.append(values["href"])


def test_links_lead_to_pages_and_headings_of_the_site(site):
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    assert len(pages) > 60
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = not target.suffix == ".html" or target in pages
            anchor = unquote(parts.fragment)
            if not target.exists() or not known:
                broken.append(f"{path.name}: {link}")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                broken.append(f"{path.name}: {link} (no such anchor)")
    assert broken == []


def test_every_public_name_has_a_page(site):
    reference = Page(site / "api.html").anchors
    names = ("datasets", "ensemble", "exceptions", "export", "inspection", "model_selection")
    names += ("studies",)
    modules = [importlib.import_module(f"skfashion.{name}") for name in names]
    for module in (skfashion, *modules):
        for name in module.__all__:
            full = f"{module.__name__}.{name}"
            page = site / "generated" / f"{full}.html"
            assert page.exists() or full in reference, f"{full} is missing in docs/api.rst"
    assert (site / "generated" / "skfashion.adaptation.adapt_batch_norm.html").exists()


def test_every_example_is_in_the_gallery(site):
    index = (site / "auto_examples" / "index.html").read_text(encoding="utf-8")
    names = [path.stem for path in (ROOT / "docs" / "gallery").rglob("plot_*.py")]
    assert 15 <= len(names) <= 24
    assert [name for name in names if f"{name}.html" not in index] == []


def test_pages_lead_to_examples_and_reference(site):
    # In the text itself, not only beside it.
    first, guide = (
        (site / f"{name}.html").read_text(encoding="utf-8").partition("<article")[2]
        for name in ("index", "user_guide")
    )
    assert 'href="auto_examples/index.html"' in first
    assert 'href="api.html"' in first
    assert 'href="auto_examples/4_what_it_has_learned/plot_calibrated_probabilities.html"' in guide


def test_each_page_says_to_searches_what_it_is(site):
    for name in ("index", "imbalance", "why", "generated/skfashion.ConvNetClassifier"):
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        assert text.count('name="description"') == 1, name
    assert 'content="What class imbalance does to a classifier' in (
        (site / "imbalance.html").read_text(encoding="utf-8")
    )


# The theme complains of a mode that nobody has chosen yet.
THEME = ("Got invalid theme mode",)
# What people type, and the page that they look for.
FIRST_HITS = {
    "save model": "saving",
    "GPU": "gpu",
    "transfer learning": "little_labels",
    "data augmentation": "user_guide",
    "checkpoint": "checkpoints",
    "class imbalance": "imbalance",
    "own images": "own_images",
    "nn.Module": "own_network",
    "export": "export",
}


def test_search_finds_first_what_people_look_for_without_a_network(site, opened):
    # Sphinx asks for the pages found, to show some of their words: of files a browser gives none.
    expected = (
        *("Access to fetch at 'file:", "Failed to fetch", *THEME),
        "Failed to load resource: net::ERR_FAILED",
    )
    for words, name in FIRST_HITS.items():
        page = opened(site / "search.html", f"?q={words}", expected=expected)
        page.wait_for_selector("ul.search li a", timeout=30_000)
        found = page.eval_on_selector_all("ul.search li a", "all => all.map(a => a.href)")
        assert Path(urlsplit(found[0]).path).name == f"{name}.html", words


def test_nothing_is_wider_than_a_telephone(site, opened):
    wider = """() => [...document.querySelectorAll("article *")].filter(
        (element) =>
          element.getBoundingClientRect().right > window.innerWidth &&
          !element.closest("pre, .pst-scrollable-table-container"),
      ).map((element) => element.textContent.slice(0, 40))"""
    names = ("index", "user_guide", "searching", "imbalance")
    names += ("generated/skfashion.MLPNetClassifier",)
    for name in names:
        page = opened(site / f"{name}.html", size=(390, 844), expected=THEME)
        assert page.evaluate(wider) == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pages_can_be_used_without_eyes_or_a_pointer(size, scheme, site, opened):
    names = ("index", "user_guide", "auto_examples/index", "generated/skfashion.MLPNetClassifier")
    for name in names:
        page = opened(site / f"{name}.html", size=SIZES[size], scheme=scheme, expected=THEME)
        found = [one for one in violations(page) if one[1] in ("serious", "critical")]
        assert found == [], name
