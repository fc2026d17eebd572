"""Tokens for calls to other systems (OAuth 2.0 client credentials): fetched once, renewed before they expire."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import httpx2
from prometheus_client import Counter, Gauge

from connectors.resilience import Failure, trouble_of
from schemas.settings import Settings

AGE = Gauge("oauth_token_age_seconds", "how long ago the token for calls to other systems was fetched")
FETCHED = Counter("oauth_tokens_fetched", "tokens fetched for calls to other systems", ["outcome"])

Secret = Callable[[str], Awaitable[str | None]]
"""Asks for a secret by its name, at every use: a rotated one counts at once."""


class Token(NamedTuple):
    """An access token, and when it is to be renewed, by the clock that was given."""

    text: str
    fetched_at: float
    renew_at: float


class Tokens:
    """One token for all calls; whoever needs it while it is fetched waits for that one fetch."""

    def __init__(
        self,
        settings: Settings,
        client: httpx2.AsyncClient,
        secret: Secret,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._client, self._secret, self._clock = settings, client, secret, clock
        self._token: Token | None = None
        self._one_at_a_time = asyncio.Lock()
        AGE.set_function(self.age_seconds)

    async def current(self) -> str:
        """A token that is good for a while. Raises Failure where none is given."""
        async with self._one_at_a_time:
            if self._token is None or self._clock() >= self._token.renew_at:
                self._token = await self._fetch()
            return self._token.text

    def drop(self, refused: str) -> None:
        """Another system refused this token: the next call gets a new one."""
        if self._token is not None and self._token.text == refused:
            self._token = None

    def age_seconds(self) -> float:
        """How long ago the token was fetched; 0 where there is none."""
        return 0.0 if self._token is None else self._clock() - self._token.fetched_at

    async def _fetch(self) -> Token:
        try:
            token = await self._ask()
        except Failure:
            FETCHED.labels("failed").inc()
            raise
        FETCHED.labels("fetched").inc()
        return token

    async def _ask(self) -> Token:
        asked_at = self._clock()
        answer = await self._client.post(
            str(self._settings.integration_token_url),
            data={
                "grant_type": "client_credentials",
                "client_id": self._settings.integration_client_id,
                "client_secret": await self._secret("integration_client_secret") or "",
                "scope": self._settings.integration_scope,
            },
        )
        trouble = trouble_of(answer.status_code)
        if trouble is not None:
            # 400 is how an authorization server says that it does not know us (RFC 6749 section 5.2).
            is_refusal = answer.status_code in (400, 401, 403)
            sentence = f"The authorization server answered {answer.status_code}; there is no token."
            raise Failure("unauthorized" if is_refusal else trouble, sentence, status_code=answer.status_code)
        try:
            told = answer.json()
            text, seconds = str(told["access_token"]), float(told.get("expires_in", 3600))
        except (ValueError, KeyError, TypeError) as error:
            raise Failure("server_error", "The authorization server's answer holds no token.") from error
        early = min(self._settings.token_refresh_before_expiry_seconds, seconds / 2)
        return Token(text, asked_at, asked_at + seconds - early)
