"""The page as one text: style, scripts and data go into a template."""

import base64
import hashlib
import html
import json
from functools import cache
from importlib import resources
from string import Template

# In the order in which they are run.
SHARED = ("resample.js", "picture.js", "drawing.js")
SERVICE, OFFLINE = ("service.js",), ("occlusion.js", "offline.js")
LAST = ("cards.js", "main.js")
TITLE = "Try the nets"
# What both pages refuse: requests elsewhere, and being put into other pages.
REFUSED = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:"


def render(models=None, nonce=""):
    """Return the page that a service answers ``GET /`` with.

    It asks that service ``POST v1/predict``, ``v1/explain``, ``v1/view`` and ``v1/neighbors``, with
    ``?model=NAME`` and a PNG as the body.

    Parameters
    ----------
    models : list of dict or None, default=None
        What ``GET /v1/models`` says of each: ``name``, ``classes``, ``image_shape`` (channels,
        height, width, or None), ``has_examples``. Of None, as where a key is needed, the page asks
        there.
    nonce : str, default=""
        Number of this answer, base64, which :func:`policy` names; a new one for each answer.

    Returns
    -------
    str
        HTML.
    """
    attribute = f' nonce="{html.escape(nonce)}"' if nonce else ""
    data = "" if models is None else data_block("cards", models)
    scripts = _scripts((*SHARED, *SERVICE, *LAST))
    about = "Pictures are made smaller in this browser, and sent to the service as PNG."
    return _page(
        policy="",
        nonce=attribute,
        style=_source("page.css"),
        about=about,
        data=data,
        scripts=f'<script type="module"{attribute}>{scripts}</script>',
    )


def policy(nonce):
    """Return the header ``Content-Security-Policy`` for a page of :func:`render`."""
    return (
        f"{REFUSED}; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "frame-ancestors 'none'"
    )


def render_offline(about, blocks, runtime, title=TITLE):
    """Return the page in which models are computed by the browser.

    Parameters
    ----------
    about : str
        A line for its foot.
    blocks : list of str
        Elements with data; see :func:`data_block` and :func:`packed_block`.
    runtime : str
        ONNX Runtime Web, a script that sets ``globalThis.ort``.
    title : str, default="Try the nets"
    """
    scripts = [runtime, _scripts((*SHARED, *OFFLINE, *LAST))]
    style = _source("page.css")
    # What may run is named by its hash; nothing may be requested, not even from this computer.
    allowed = " ".join(["'wasm-unsafe-eval'", *map(_hash_of, scripts)])
    rules = f"{REFUSED}; script-src {allowed}; style-src {_hash_of(style)}"
    return _page(
        policy=f'<meta http-equiv="Content-Security-Policy" content="{rules}">',
        nonce="",
        style=style,
        about=html.escape(about),
        data="\n".join(blocks),
        scripts="\n".join(f'<script type="module">{script}</script>' for script in scripts),
        title=title,
    )


def _page(title=TITLE, **parts):
    return Template(_source("page.html")).substitute(parts, title=html.escape(title))


def _scripts(names):
    return "\n".join(map(_source, names))


@cache
def _source(name):
    return (resources.files(__package__) / "templates" / name).read_text("utf-8")


def _hash_of(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def data_block(name, value):
    """Return an element with a value as JSON, which a script finds by its name."""
    # Inside of an element nothing is escaped, and "</script>" would end it.
    text = json.dumps(value, allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def packed_block(name, packed):
    """Return an element with bytes, compressed by gzip already, as base64."""
    text = base64.b64encode(packed).decode("ascii")
    return f'<script type="application/gzip" id="{name}">{text}</script>'
