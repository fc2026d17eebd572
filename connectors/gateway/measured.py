"""Measures every request by its route: how many, how they ended, how long they took."""

import time

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.integration_metrics import ERRORS, MESSAGES

REQUESTS = Counter("gateway_requests", "requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "gateway_request_seconds",
    "until the answer began",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
# Webhooks by the beginning of their route; whoever asks or commands is a person or a screen.
CALLERS = {
    "/api/v1/integrations/erp/": "ERP",
    "/api/v1/integrations/hr/": "HR",
    "/api/v1/integrations/inventory/": "WMS",
    "/webhooks/pas/": "PAS",
}
# An id that is taken already is an answer, not an error.
CONFLICT = 409
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Measured:
    """Counts by the route's pattern, so that ids do not become labels."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in METHODS else "other"
                REQUESTS.labels(method, route, message["status"]).inc()
                SECONDS.labels(method, route).observe(time.perf_counter() - begin)
                _count_integration(method, route, message["status"])
            await send(message)

        await self._app(scope, receive, watched)


def _count_integration(method: str, route: str, status: int) -> None:
    """A webhook is a message of the system that calls it."""
    system = next((name for path, name in CALLERS.items() if route.startswith(path)), None)
    if system is None or method != "POST":
        return
    MESSAGES.labels(system, "inbound").inc()
    if status >= 400 and status != CONFLICT:
        ERRORS.labels(system, f"HTTP {status}").inc()
