"""How Sphinx makes the documentation."""

import json
import os
import re
import sys
import warnings
from html import escape
from pathlib import Path
from textwrap import shorten
from xml.etree import ElementTree

from docutils import nodes
from sphinx.errors import ExtensionError

import skfashion

# The module that says in which order examples stand.
sys.path.insert(0, str(Path(__file__).parent))

project = "skfashion"
author = "The skfashion developers"
version = release = skfashion.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "tours", "sg_execution_times.rst"]
root_doc = "index"
nitpicky = False

# Anchors as GitHub makes them, where the pages are read, too.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autosummary_generate = True
# The docstrings say what a parameter may be, in fewer words than its annotation.
autodoc_typehints = "none"
numpydoc_show_class_members = False
templates_path = ["templates"]

# At the right of a page "fit()", and not the class again.
toc_object_entries_show_parents = "hide"

# Name, version and address of each that is published, the newest first: two make a switch.
VERSIONS = json.loads(Path(__file__).with_name("static").joinpath("versions.json").read_text())
# Names that do not say themselves since when they are there have been there from the beginning.
FIRST_VERSION = "0.1.0"

html_theme = "pydata_sphinx_theme"
html_title = f"skfashion {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["names.js"]
html_search_scorer = str(Path(__file__).parent / "static" / "scorer.js")
html_favicon = "static/favicon.svg"
html_theme_options = {
    "logo": {
        "image_light": "static/logo-light.svg",
        "image_dark": "static/logo-dark.svg",
        "alt_text": "skfashion, to the start page",
    },
    "header_links_before_dropdown": 4,
    "show_toc_level": 2,
    "navigation_with_keys": True,
    "search_as_you_type": True,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_end": ["version", "theme-switcher", "navbar-icon-links"],
}
if len(VERSIONS) > 1:
    html_theme_options["navbar_end"][0] = "version-switcher"
    html_theme_options["switcher"] = {
        "json_url": VERSIONS[0]["url"] + "_static/versions.json",
        "version_match": version,
    }
    html_theme_options["check_switcher"] = False
html_show_sourcelink = False

# The times of the examples that were run, and the seconds after which one is named at the end. It
# fails the build only where EXAMPLE_SECONDS is set: elsewhere the machine may be a slow one.
TIMES, LONGEST = "examples.xml", float(os.environ.get("EXAMPLE_SECONDS", 60))
# The first cell of each notebook. Until the package is published, its wheel is built in a clone.
NOTEBOOK = f"""\
# Needs skfashion's wheel: in a clone of the repository, `pip wheel --no-deps -w dist .`, and then
# %pip install "dist/skfashion-{version}-py3-none-any.whl[docs]"
%matplotlib inline"""
sphinx_gallery_conf = {
    "examples_dirs": ["gallery", "tours"],
    "gallery_dirs": ["auto_examples", "auto_tours"],
    # Of the notebooks, which are for elsewhere.
    "first_notebook_cell": NOTEBOOK,
    "filename_pattern": r"plot_",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skfashion",),
    "matplotlib_animations": False,
    "show_signature": False,
    "remove_config_comments": True,
    "image_scrapers": ("matplotlib",),
    # No address in memory under a picture.
    "capture_repr": ("_repr_html_",),
    "within_subsection_order": "gallery_order.FromSimpleToSpecial",
    "download_all_examples": False,
    "plot_gallery": os.environ.get("SKFASHION_GALLERY", "1") == "1",
    # An example that fails, fails the build.
    "abort_on_example_error": True,
    "junit": TIMES,
}

# Of libraries that the examples use, not of these pages.
warnings.filterwarnings("ignore", category=DeprecationWarning)


def without_references(app, what, name, obj, options, lines):
    """Leave the words of references to scikit-learn's own site, in docstrings that come from it."""
    reference = r":(?:ref|term):`([^`<]*?)(?:\s*<[^`>]*>)?`"
    text = re.sub(reference, lambda found: found[1].replace("_", r"\_"), "\n".join(lines))
    lines[:] = text.split("\n")


def without_long_signatures(app, what, name, obj, options, signature, annotation):
    """Leave a signature that fills a screen to the list of parameters below it."""
    is_long = what == "class" and (signature or "").count("=") > 8
    return ("(*, …)", annotation) if is_long else None


def with_version(app, what, name, obj, options, lines):
    """Say since when there is a public class or function."""
    if what in ("class", "function") and not any("versionadded::" in line for line in lines):
        # Below the first paragraph, before which there may be blank lines.
        start = next((i for i, line in enumerate(lines) if line), 0)
        end = next((i for i in range(start, len(lines)) if not lines[i]), len(lines))
        lines[end:end] = ["", f".. versionadded:: {FIRST_VERSION}"]


def with_groups(app, what, name, obj, options, lines):
    """Put the groups of a classifier's parameters as headings between them, instead of before."""
    overview = re.compile(r"- ([a-z ]+): `(\w+)`")
    first = {found[2]: found[1] for found in map(overview.match, lines) if found}
    if what != "class" or not first:
        return
    start = next(i for i, line in enumerate(lines) if line.startswith("The parameters by group"))
    end = next(i for i, line in enumerate(lines) if line.startswith(":Parameters:"))
    del lines[start:end]
    for i in range(len(lines) - 1, start, -1):
        found = re.match(r"( +)\*\*(\w+)\*\* : ", lines[i])
        if found and found[2] in first:
            lines[i:i] = ["", f"{found[1]}.. rubric:: {first.pop(found[2]).capitalize()}", ""]


def with_gallery(app, name, source):
    """Lead links to the examples' scripts, for readers on GitHub, to the pages made of them."""
    for scripts, pages in (("gallery", "auto_examples"), ("tours", "auto_tours")):
        source[0] = source[0].replace(f"]({scripts})", f"]({pages}/index.rst)")
        source[0] = re.sub(rf"\]\({scripts}/([\w/]+)\.py\)", rf"]({pages}/\1.rst)", source[0])


def with_description(app, page, template, context, doctree):
    """Give a page the beginning of its first paragraph, for those who find it by a search."""
    paragraph = doctree.next_node(nodes.paragraph) if doctree is not None else None
    if paragraph is None or 'name="description"' in context["metatags"]:
        return
    words = shorten(paragraph.astext(), 160, placeholder=" …")
    context["metatags"] += f'<meta name="description" content="{escape(words)}" />'


def forget_times(app):
    """Remove the times of an earlier build."""
    Path(app.outdir, TIMES).unlink(missing_ok=True)


def check_times(app, exception):
    """Name the examples that took too long; fail if EXAMPLE_SECONDS is set."""
    path = Path(app.outdir, TIMES)
    if exception is not None or not path.exists():
        return
    seconds = {
        case.get("classname"): float(case.get("time"))
        for case in ElementTree.parse(path).iter("testcase")
    }
    slow = [f"{name} ({time:.0f})" for name, time in seconds.items() if time > LONGEST]
    if not slow:
        return
    message = f"Examples that took more than {LONGEST:.0f} seconds: {', '.join(slow)}"
    if "EXAMPLE_SECONDS" in os.environ:
        raise ExtensionError(message)
    print(message, file=sys.stderr)  # no warning of Sphinx's, which would be an error


def setup(app):
    """Connect them; times are forgotten before the examples are run."""
    app.connect("autodoc-process-docstring", without_references)
    # Of what numpydoc has made of a docstring.
    app.connect("autodoc-process-docstring", with_groups, priority=900)
    app.connect("autodoc-process-docstring", with_version, priority=901)
    app.connect("autodoc-process-signature", without_long_signatures)
    app.connect("source-read", with_gallery)
    app.connect("html-page-context", with_description)
    app.connect("builder-inited", forget_times, priority=1)
    app.connect("build-finished", check_times)
