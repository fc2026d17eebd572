"""Who sends a request byte by byte is not waited for: a limit for its headers, and one for its body."""

from asyncio import TimerHandle
from functools import partial
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connectors.gateway.headers import secure
from connectors.gateway.problems import Problem, document_of
from schemas.codec import encode
from schemas.settings import Settings


class Patient(HttpToolsProtocol):
    """uvicorn's protocol, with two limits: from connecting, or a request's first byte, to its headers; to its end.

    uvicorn itself limits only how long nothing comes between two requests.
    """

    header_seconds: float
    body_seconds: float
    _limit: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Somebody has connected and has said nothing yet."""
        super().connection_made(transport)
        self._wait("headers", self.header_seconds)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._wait("headers", self.header_seconds)

    def on_headers_complete(self) -> None:
        """The body follows, if there is one."""
        self._wait("body", self.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of the request is here; answering takes as long as it takes."""
        self._stop_waiting()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Another protocol takes over."""
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _wait(self, what: str, seconds: float) -> None:
        self._stop_waiting()
        self._limit = self.loop.call_later(seconds, partial(self._give_up, what, seconds))

    def _give_up(self, what: str, seconds: float) -> None:
        """Say why, unless an answer has begun, and hang up. An earlier request is answered before."""
        is_later = what == "headers" and self.cycle is not None and not self.cycle.response_complete
        if is_later or self.pipeline:
            self._wait(what, seconds)
            return
        if what == "headers" or not self.cycle.response_started:
            self.transport.write(too_slow(what, seconds))
        self.transport.close()


STATUS: Final = 408


def too_slow(what: str, seconds: float) -> bytes:
    """The answer to somebody who is too slow."""
    problem = Problem(STATUS, f"The {what} of the request did not come within {seconds:g} seconds.")
    body = encode(document_of(problem))
    headers = MutableHeaders(
        {"Content-Type": "application/problem+json", "Content-Length": str(len(body)), "Connection": "close"}
    )
    secure(headers, "/")
    lines = [b"HTTP/1.1 408 Request Timeout", *(b"%s: %s" % each for each in headers.raw), b"", body]
    return b"\r\n".join(lines)


def protocol(settings: Settings) -> type[Patient]:
    """The protocol with a gateway's limits."""
    limits = {"header_seconds": settings.gateway_header_seconds, "body_seconds": settings.gateway_body_seconds}
    return type("LimitedProtocol", (Patient,), limits)
