"""What is looked at: the page, and the metrics."""

import base64
import hashlib
import html
import re
from importlib import import_module

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

# Scripts that are in a page, none of them from elsewhere.
SCRIPT = re.compile(r"<script\b(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
INDEX = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>skfashion</title>
<h1>skfashion</h1><p>Models: {}.</p>
<p>See <a href="v1/models">v1/models</a>, <a href="v2">v2</a>,
<a href="openapi.json">openapi.json</a> and <a href="metrics">metrics</a>.</p></html>
"""


def page_routes(registry, telemetry):
    """Return the routes of the page and of the metrics."""
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    async def page():
        """Show the page on which the models can be tried."""
        text = render([served.card for served in registry])
        return HTMLResponse(text, headers={"Content-Security-Policy": policy_of(text)})

    @router.get("/metrics", response_class=PlainTextResponse, tags=["operation"])
    async def metrics():
        """Return the metrics in Prometheus' format."""
        return Response(telemetry.text(), media_type=telemetry.content_type)

    return router


def render(cards):
    """Return the page for some models: the one to try them on, else a list of links."""
    try:
        page = import_module("skfashion.serving.webpage")
    except ImportError:
        return INDEX.format(html.escape(", ".join(card["name"] for card in cards)))
    return page.render(cards)


def policy_of(text):
    """Return what a browser may do for a page: run its own scripts, and ask this server."""
    scripts = (hashlib.sha256(script.encode()).digest() for script in SCRIPT.findall(text))
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in scripts]
    allowed = " ".join(hashes or ["'none'"])
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
