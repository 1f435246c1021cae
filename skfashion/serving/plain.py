"""Routes that are answered without what FastAPI does for each request, which costs half as much."""

from fastapi.routing import APIRoute
from starlette.requests import Request


class PlainRoute(APIRoute):
    """A route without parameters in its path, whose function takes the request alone.

    FastAPI describes it; the gate finds it by its path, and calls it.
    """

    async def respond(self, scope, receive, send):
        """Answer a request of ASGI."""
        scope["route"] = self
        response = await self.endpoint(Request(scope, receive))
        await response(scope, receive, send)


def plain_routes(routes):
    """Return routes to be found by their method and path."""
    return {
        (method, route.path): route.respond
        for route in routes
        if isinstance(route, PlainRoute)
        for method in route.methods
    }
