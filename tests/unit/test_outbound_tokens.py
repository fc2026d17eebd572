"""A token is fetched once, renewed 300 s before it expires, and dropped when somebody refuses it."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from connectors.resilience import Failure
from connectors.transports.oauth import Tokens
from schemas.settings import Settings


class AuthorizationServer:
    """Gives numbered tokens; the transport under the client, so nothing of ours is replaced."""

    def __init__(self, answer: Callable[[int], httpx2.Response] | None = None) -> None:
        self.asked: list[dict[str, str]] = []
        self._answer = answer or (lambda number: self.token(number))

    @staticmethod
    def token(number: int, seconds: float = 3600) -> httpx2.Response:
        return httpx2.Response(200, json={"access_token": f"token-{number}", "expires_in": seconds})

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        body = (await request.aread()).decode()
        self.asked.append(dict(httpx2.QueryParams(body)))
        await asyncio.sleep(0)
        return self._answer(len(self.asked))


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def tokens(server: AuthorizationServer, clock: Clock, **settings: Any) -> Tokens:
    secrets = iter(["first secret", "second secret", "third secret"])

    async def secret(name: str) -> str:
        assert name == "integration_client_secret"
        return next(secrets)

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(server.handle))
    told = {"integration_token_url": "https://auth.company.com/oauth/token"} | settings
    return Tokens(Settings(**told), client, secret, clock)


async def test_it_asks_with_its_credentials_and_the_documents_scopes() -> None:
    server = AuthorizationServer()
    assert await tokens(server, Clock()).current() == "token-1"
    assert server.asked == [
        {
            "grant_type": "client_credentials",
            "client_id": "mraos_integration_client",
            "client_secret": "first secret",
            "scope": "erp.read erp.write mes.read hr.read inventory.readwrite pas.write",
        }
    ]


async def test_a_token_is_renewed_300_seconds_before_it_expires() -> None:
    server, clock = AuthorizationServer(), Clock()
    given = tokens(server, clock)
    seen = []
    for seconds in (0, 3299, 3300, 3301, 6600):
        clock.now = 1000.0 + seconds
        seen.append(await given.current())
    assert seen == ["token-1", "token-1", "token-2", "token-2", "token-3"]
    assert [each["client_secret"] for each in server.asked] == ["first secret", "second secret", "third secret"], (
        "a rotated secret counts at the next renewal"
    )


async def test_a_token_that_lives_shorter_is_renewed_at_half_its_life() -> None:
    server, clock = AuthorizationServer(lambda number: AuthorizationServer.token(number, 100)), Clock()
    given = tokens(server, clock)
    assert await given.current() == "token-1"
    clock.now += 49
    assert await given.current() == "token-1"
    clock.now += 1
    assert await given.current() == "token-2"


async def test_whoever_comes_while_it_is_fetched_gets_the_same() -> None:
    server = AuthorizationServer()
    given = tokens(server, Clock())
    assert set(await asyncio.gather(*(given.current() for _ in range(20)))) == {"token-1"}
    assert len(server.asked) == 1


async def test_a_refused_token_is_dropped_but_not_its_successor() -> None:
    given = tokens(AuthorizationServer(), Clock())
    first = await given.current()
    given.drop(first)
    assert await given.current() == "token-2"
    given.drop(first)
    assert await given.current() == "token-2", "a late refusal of the old one does not cost the new one"


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (httpx2.Response(400, json={"error": "invalid_client"}), "unauthorized"),
        (httpx2.Response(401), "unauthorized"),
        (httpx2.Response(503), "server_error"),
        (httpx2.Response(429), "rate_limited"),
        (httpx2.Response(200, json={"no": "token"}), "server_error"),
        (httpx2.Response(200, text="<html>"), "server_error"),
    ],
)
async def test_no_token_is_a_failure_of_its_kind(answer: httpx2.Response, trouble: str) -> None:
    with pytest.raises(Failure) as failure:
        await tokens(AuthorizationServer(lambda _: answer), Clock()).current()
    assert failure.value.trouble == trouble
