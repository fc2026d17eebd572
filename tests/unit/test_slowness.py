"""A client that trickles its headers or its body is answered 408 and hung up on; others are served meanwhile."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import uvicorn

from connectors.gateway import main
from connectors.gateway.main import build
from connectors.gateway.slowness import protocol
from schemas.settings import Settings
from tests.gateways import without_postgres
from tests.plants import eventually

HEADER_SECONDS, BODY_SECONDS = 0.6, 1.0
POST = b"POST /oauth/token HTTP/1.1\r\nHost: plant\r\nContent-Type: application/x-www-form-urlencoded\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: plant\r\n\r\n"
# Longer than any limit here, and still an end: a server that waits for ever fails the test.
PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A gateway that listens, with short limits."""
    limits = Settings(gateway_header_seconds=HEADER_SECONDS, gateway_body_seconds=BODY_SECONDS)
    with without_postgres() as parts:
        server = uvicorn.Server(
            uvicorn.Config(
                build(parts), port=0, http=protocol(limits), lifespan="off", log_config=None, timeout_keep_alive=60
            )
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            eventually(lambda: server.started, PATIENCE_SECONDS, "the server does not listen")
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)


def trickle(port: int, first: bytes, drop: bytes, every_seconds: float = 0.1) -> tuple[bytes, float]:
    """Send the first bytes, then a drop at a time until hung up on; what was answered, and after how long."""
    answer, began = b"", time.monotonic()
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        connection.sendall(first)
        connection.settimeout(every_seconds)
        while time.monotonic() - began < PATIENCE_SECONDS:
            try:
                if not (said := connection.recv(65536)):
                    return answer, time.monotonic() - began
                answer += said
            except TimeoutError:
                try:
                    connection.sendall(drop)
                except OSError:
                    return answer, time.monotonic() - began
            except ConnectionError:
                return answer, time.monotonic() - began
    raise AssertionError(f"still connected after {PATIENCE_SECONDS} s, answered {answer!r}")


def asked(port: int) -> bytes:
    """The answer to an ordinary question."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        connection.sendall(GET)
        return connection.recv(65536)


def problem_of(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 "), answer
    assert b"x-content-type-options: nosniff" in head.lower()
    assert b"connection: close" in head.lower()
    found: dict[str, Any] = msgspec.json.decode(body)
    return found


@pytest.mark.parametrize(
    ("first", "drop"),
    [(b"", b""), (b"GET /health", b"a"), (b"GET /healthz HTTP/1.1\r\nHost: plant\r\nX-Slow: ", b"a")],
    ids=["nothing", "the first line", "headers"],
)
def test_headers_that_do_not_come_are_not_waited_for(port: int, first: bytes, drop: bytes) -> None:
    answer, seconds = trickle(port, first, drop)
    assert seconds >= HEADER_SECONDS * 0.9
    assert "headers" in problem_of(answer)["detail"]


@pytest.mark.parametrize(
    ("headers", "drop"),
    [(b"Content-Length: 100000\r\n\r\n", b"a"), (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n")],
    ids=["announced", "in chunks"],
)
def test_a_body_that_trickles_is_not_waited_for(port: int, headers: bytes, drop: bytes) -> None:
    answer, seconds = trickle(port, POST + headers, drop)
    assert seconds >= BODY_SECONDS * 0.9
    assert "body" in problem_of(answer)["detail"]


def test_a_second_request_on_a_connection_has_the_same_limits(port: int) -> None:
    answer, _ = trickle(port, GET + b"GET /he", b"a")
    first, _, rest = answer.partition(b"HTTP/1.1 408 ")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert b"headers" in rest


def test_a_refused_request_whose_body_goes_on_is_hung_up_on(port: int) -> None:
    refused = b"POST /api/v1/integrations/erp/work-orders HTTP/1.1\r\nHost: plant\r\nContent-Length: 100000\r\n\r\n"
    answer, seconds = trickle(port, refused, b"a")
    assert seconds < PATIENCE_SECONDS
    assert answer.startswith(b"HTTP/1.1 4")


def test_others_are_answered_while_a_hundred_trickle(port: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) for _ in range(100)]
    try:
        for each in slow:
            each.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        assert asked(port).startswith(b"HTTP/1.1 200 ")
    finally:
        for each in slow:
            each.close()


def test_who_is_quick_may_take_its_time_between_requests(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        connection.sendall(GET)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.settimeout(HEADER_SECONDS * 2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(PATIENCE_SECONDS)
        connection.sendall(GET)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_the_gateway_is_served_with_these_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda _app, **options: told.update(options))
    monkeypatch.setattr("connectors.gateway.main.telemetry.start", lambda *_: None)
    monkeypatch.setattr("connectors.gateway.main.State.build", lambda settings: settings)
    main.run(Settings(gateway_header_seconds=7, gateway_body_seconds=8))
    assert (told["http"].header_seconds, told["http"].body_seconds) == (7, 8)
