"""What is looked at: the page, and the metrics."""

import base64
import html
import secrets
from importlib import import_module

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

INDEX = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>skfashion</title>
<h1>skfashion</h1><p>Models: {}.</p>
<p>See <a href="v1/models">v1/models</a>, <a href="v2">v2</a>,
<a href="openapi.json">openapi.json</a> and <a href="metrics">metrics</a>.</p></html>
"""


def page_routes(registry, telemetry, has_key):
    """Return the routes of the page and of the metrics.

    Parameters
    ----------
    registry, telemetry : object
        Of the app.
    has_key : bool
        Whether clients need one: the page itself is for everybody, and says nothing of the models.
    """
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    async def page():
        """Show the page on which the models can be tried."""
        cards = None if has_key else [served.card for served in registry]
        try:
            webpage = import_module("skfashion.serving.webpage")
        except ImportError:
            names = "after the key" if cards is None else ", ".join(card["name"] for card in cards)
            return HTMLResponse(INDEX.format(html.escape(names)))
        nonce = base64.b64encode(secrets.token_bytes(16)).decode()
        policy = {"Content-Security-Policy": webpage.policy(nonce)}
        return HTMLResponse(webpage.render(cards, nonce), headers=policy)

    @router.get("/metrics", response_class=PlainTextResponse, tags=["operation"])
    async def metrics():
        """Return the metrics in Prometheus' format."""
        return Response(telemetry.text(), media_type=telemetry.content_type)

    return router
