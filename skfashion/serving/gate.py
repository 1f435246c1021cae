"""What every request goes through: its id, the key, the queue, the clock, the log."""

import asyncio
import hmac
import itertools
import logging
import math
import re
import secrets
import time

from starlette.requests import ClientDisconnect

from skfashion.serving.logs import say, say_request
from skfashion.serving.problems import MEDIA_TYPE, ProblemError, problem_body

# A client's own request id, if it is no more than that.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEALTH = "/v2/health/"
# Open without a key: orchestrators ask for health, and the page brings no data.
OPEN = {"/"}
# Headers of ASGI, small letters, that an answer gets unless it has one of its own.
SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # The page has one of its own.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
# Seconds after which a client that was told 503 may come again.
RETRY_AFTER = "1"
# What a log says of a request whose client has gone; it is never sent.
GONE = 499


class Gate:
    """Middleware of ASGI, around all others.

    Parameters
    ----------
    app : callable
        Of ASGI.
    plain : dict of (str, str) to callable
        What answers a method and a path in place of the app.
    limits : Limits
    api_key : str or None
    telemetry : Telemetry
    """

    def __init__(self, app, plain, limits, api_key, telemetry):
        self.app, self._plain, self.limits, self.telemetry = app, plain, limits, telemetry
        self._key = None if api_key is None else api_key.encode()
        self.n_requests, self.is_draining = 0, False
        # Of the server, which sets them.
        self.connections, self.max_connections = (), math.inf
        # Of request ids: no other process has the same, and none needs to be a secret.
        self._begin, self._count = f"{secrets.token_hex(8)}-", itertools.count()

    async def __call__(self, scope, receive, send):
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # The last one of a name counts. By Starlette's class each look goes through all of them.
        start, headers = time.perf_counter(), dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if REQUEST_ID.fullmatch(given) else f"{self._begin}{next(self._count)}"
        exchange = _Exchange(receive, send, request_id, self)
        scope.setdefault("state", {})["request_id"] = request_id
        self.n_requests += 1
        try:
            await self._answer(scope, headers, exchange)
        finally:
            self.n_requests -= 1
            seconds, status = time.perf_counter() - start, exchange.status or GONE
            route = getattr(scope.get("route"), "path", "unknown")
            self.telemetry.request(route, scope["method"], status, seconds)
            say_request(
                request_id=request_id,
                route=route,
                status=status,
                seconds=round(seconds, 6),
            )

    async def _answer(self, scope, headers, exchange):
        # Below the path of another app, or of a proxy.
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        try:
            self._check(path, headers)
            answer = self._plain.get((scope["method"], path), self.app)
            async with asyncio.timeout(self.limits.timeout):
                await answer(scope, exchange.receive, exchange.send)
            return
        except ProblemError as problem:
            answer = problem
        except TimeoutError:
            answer = self._too_late(exchange)
        except ClientDisconnect:
            return
        except Exception:
            say("error", logging.ERROR, exc_info=True, request_id=exchange.request_id)
            answer = ProblemError(500, "The service has failed. Its log says why.")
        if exchange.status is None:
            await exchange.send_problem(answer)

    def _check(self, path, headers):
        """Refuse a request without the key, one too many, or of a connection too many."""
        if path.startswith(HEALTH):
            return
        if self.n_requests > self.limits.max_requests:
            raise ProblemError(
                503,
                "Got more requests at a time than are queued; come again in a second.",
                {"Retry-After": RETRY_AFTER},
            )
        if len(self.connections) > self.max_connections:
            raise ProblemError(
                503,
                "Got more connections than are kept; come again in a second.",
                {"Retry-After": RETRY_AFTER, "Connection": "close"},
            )
        if self._key is not None and path not in OPEN:
            kind, _, token = headers.get(b"authorization", b"").partition(b" ")
            given = token.strip() if kind.lower() == b"bearer" else headers.get(b"x-api-key", b"")
            if not hmac.compare_digest(given, self._key):
                raise ProblemError(
                    401,
                    "Got no valid key, expected one as 'Authorization: Bearer KEY'.",
                    {"WWW-Authenticate": "Bearer"},
                )

    def _too_late(self, exchange):
        seconds = f"{self.limits.timeout:g} seconds"
        if exchange.has_body:
            return ProblemError(504, f"No answer within {seconds}. Send less at a time.")
        closing = {"Connection": "close"}
        return ProblemError(408, f"Got no whole request within {seconds}.", closing)


class _Exchange:
    """The two ways of a request: what has come, and what has been sent."""

    def __init__(self, receive, send, request_id, gate):
        self._receive, self._send, self._gate = receive, send, gate
        self.request_id, self.status, self.has_body = request_id, None, False

    async def receive(self):
        message = await self._receive()
        self.has_body = self.has_body or not message.get("more_body", False)
        return message

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message["headers"], (b"x-request-id", self.request_id.encode())]
            given = {name for name, _ in headers}
            headers += [entry for entry in SECURITY if entry[0] not in given]
            if self._gate.is_draining and b"connection" not in given:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def send_problem(self, problem):
        body = problem_body(problem.status, problem.detail, self.request_id)
        headers = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), **problem.headers}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": problem.status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body})
