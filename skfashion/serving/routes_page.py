"""What is looked at: the page, and the metrics."""

import base64
import secrets

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from skfashion.serving import webpage


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
        nonce = base64.b64encode(secrets.token_bytes(16)).decode()
        policy = {"Content-Security-Policy": webpage.policy(nonce)}
        return HTMLResponse(webpage.render(cards, nonce), headers=policy)

    @router.get("/metrics", response_class=PlainTextResponse, tags=["operation"])
    async def metrics():
        """Return the metrics in Prometheus' format."""
        return Response(telemetry.text(), media_type=telemetry.content_type)

    return router.routes
