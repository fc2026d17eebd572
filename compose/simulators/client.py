"""Speaks to the gateway as a business system does: with a token of its own, and again when the gateway is away."""

from collections.abc import Generator, Sequence
from threading import Event
from typing import Any, Final

import httpx2
import stamina

from schemas.settings import Settings

AWAY: Final = (429, 503)
TIMEOUT_SECONDS: Final = 20.0
PATIENCE_SECONDS: Final = 600.0
LONGEST_PAUSE_SECONDS: Final = 5.0


class Away(Exception):
    """The gateway asks to come back, after some seconds if it says so."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(f"{response.request.url.path} answered {response.status_code}")
        told = response.headers.get("Retry-After", "")
        self.seconds = float(told) if told.isdecimal() else None


class ClientCredentials(httpx2.Auth):
    """OAuth 2.0 client credentials (002 section 3.3): one token for many calls, a new one when it is refused."""

    requires_response_body = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token: str | None = None

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send a request with a token; once more with a fresh one after a 401."""
        if self._token is None:
            self._token = _token((yield self._ask()))
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == 401:
            self._token = _token((yield self._ask()))
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _ask(self) -> httpx2.Request:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.oauth_client_id,
            "client_secret": self._settings.oauth_client_secret or "",
        }
        return httpx2.Request("POST", self._settings.oauth_token_url, data=form)


class Header(httpx2.Auth):
    """A person's token or a system's key, in a header of every request."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send a request with it."""
        request.headers[self._name] = self._value
        yield request


def _token(response: httpx2.Response) -> str:
    if response.status_code in AWAY:
        raise Away(response)
    response.raise_for_status()
    return str(response.json()["access_token"])


class GatewayClient:
    """Calls that are repeated on network errors, 429 and 503 until they are answered or we are asked to stop."""

    def __init__(self, settings: Settings, stop: Event, auth: httpx2.Auth | None = None) -> None:
        self._stop = stop
        self._http = httpx2.Client(
            base_url=settings.gateway_url, auth=auth or ClientCredentials(settings), timeout=TIMEOUT_SECONDS
        )

    def post(self, path: str, body: bytes, key: str | None) -> httpx2.Response:
        """POST JSON, with an Idempotency-Key where there is one. Raises Away, httpx2.TransportError."""
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        return self._call("POST", path, content=body, headers=headers)

    def get(self, path: str, **parameters: int | Sequence[str]) -> httpx2.Response:
        """GET. Raises Away, httpx2.TransportError."""
        return self._call("GET", path, params=parameters)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        for attempt in stamina.retry_context(
            on=self._pause, attempts=None, timeout=PATIENCE_SECONDS, wait_max=LONGEST_PAUSE_SECONDS
        ):
            with attempt:
                response = self._http.request(method, path, **options)
                if response.status_code in AWAY:
                    raise Away(response)
                return response
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _pause(self, error: Exception) -> bool | float:
        """Whether to try again, or after how many seconds."""
        if self._stop.is_set():
            return False
        if isinstance(error, Away):
            return True if error.seconds is None else error.seconds
        return isinstance(error, httpx2.TransportError)
