"""HTTP calls to other systems: address, sign-in, limits; whatever goes wrong is a Failure of a known kind."""

import asyncio
import base64
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2

from connectors.deliveries.kind import Call, System
from connectors.resilience import Failure, trouble_of
from connectors.transports.addresses import Forbidden, Pinned
from connectors.transports.answers import Answer, Unreachable
from connectors.transports.oauth import Secret, Tokens
from connectors.transports.tls import client_context
from schemas.codec import Unreadable, encode, parse
from schemas.settings import Settings

MOST_CONNECTIONS: Final = 32
LARGEST_ANSWER: Final = 64 * 1024 * 1024
URL_SETTING: Final[Mapping[System, str]] = {
    "ERP": "erp_url",
    "MES": "mes_url",
    "HR": "hr_url",
    "WMS": "wms_url",
    "PAS": "pas_url",
}


class Rest:
    """One HTTP client for all systems."""

    def __init__(self, settings: Settings, secret: Secret) -> None:
        self._settings, self._secret = settings, secret
        limits = httpx2.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS // 2)
        self._client = httpx2.AsyncClient(
            transport=Pinned(settings, verify=client_context(settings), limits=limits),
            timeout=httpx2.Timeout(settings.call_timeout_seconds),
            follow_redirects=False,
            headers={"Accept": "application/json", "User-Agent": "MRAOS"},
        )
        self.tokens = Tokens(settings, self._client, secret)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.aclose()

    async def call(self, system: System, call: Call, delivery_id: str, correlation_id: str) -> Answer:
        """Make a call. Raises Failure; Unreachable where the system has no address."""
        url, is_home = await self._address(system, call.path)
        headers = {"X-Correlation-ID": _header(correlation_id)}
        if call.method.upper() != "GET":
            headers["Idempotency-Key"] = delivery_id
        content = None
        if call.body is not None:
            content, headers["Content-Type"] = encode(call.body), "application/json"
        try:
            async with asyncio.timeout(self._settings.call_timeout_seconds):
                token = await self._sign(system, headers) if is_home else None
                begin = time.monotonic()
                answer = await self._client.request(
                    call.method, url, params=dict(call.query) or None, content=content, headers=headers
                )
        except (TimeoutError, httpx2.TimeoutException) as error:
            if isinstance(error, httpx2.ConnectTimeout):
                raise Failure("network", f"No connection to {system} came about in time.") from error
            seconds = f"{self._settings.call_timeout_seconds:g}"
            raise Failure("timeout", f"{system} did not answer within {seconds} s.") from error
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError) as error:
            raise Failure("refused", f"{system} cannot be called so: {error}.") from error
        except Forbidden as error:
            raise Failure("refused", f"{system} is not called: {error}") from error
        except httpx2.HTTPError as error:
            raise Failure("network", f"The connection to {system} failed: {_told(error)}.") from error
        if token is not None and answer.status_code == 401:
            self.tokens.drop(token)
        return _judged(system, answer, int((time.monotonic() - begin) * 1000))

    async def _address(self, system: System, path: str) -> tuple[str, bool]:
        """The URL, and whether it is the system's own, which is given our sign-in."""
        if path.startswith("$"):
            url = await self._secret(path[1:])
            if not url:
                raise Unreachable(f"{path[1:].upper()} is not set.")
            return url, False
        setting = URL_SETTING.get(system)
        if setting is None:
            return path, False
        base: str | None = getattr(self._settings, setting)
        if not base:
            raise Unreachable(f"{setting.upper()} is not set.")
        base = base.rstrip("/")
        if "://" in path:
            if not path.startswith(f"{base}/"):
                raise Failure("refused", f"{path[:200]} is not below {setting.upper()}: it is not called.")
            return path, True
        return f"{base}/{path.lstrip('/')}", True

    async def _sign(self, system: System, headers: dict[str, str]) -> str | None:
        """Add our sign-in; the token that was used, if one was."""
        if system == "MES":
            name, password = self._settings.mes_username, await self._secret("mes_password")
            if name is not None:
                pair = base64.b64encode(f"{name}:{password or ''}".encode()).decode()
                headers["Authorization"] = f"Basic {pair}"
            return None
        if self._settings.integration_token_url is None:
            return None
        token = await self.tokens.current()
        headers["Authorization"] = f"Bearer {token}"
        return token


def _judged(system: str, answer: httpx2.Response, milliseconds: int) -> Answer:
    body = _body(answer.content)
    trouble = trouble_of(answer.status_code)
    if trouble is None:
        return Answer(body, answer.status_code, milliseconds)
    raise Failure(
        trouble,
        f"{system} answered {answer.status_code}{_detail(body)}.",
        status_code=answer.status_code,
        retry_after=retry_after(answer.headers.get("retry-after"), datetime.now(UTC)),
        answer=body,
    )


def _body(data: bytes) -> Any:
    if not data.strip():
        return None
    try:
        return parse(data, LARGEST_ANSWER)
    except Unreadable:
        return data[:2000].decode(errors="replace").replace("\0", "")


def _detail(body: Any) -> str:
    """What a body says of an error, in the words of those who answer."""
    if isinstance(body, dict):
        for name in ("detail", "message", "error_description", "error", "title"):
            if isinstance(body.get(name), str):
                return f": {body[name][:300].rstrip('.')}"
    return ""


def _told(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _header(text: str) -> str:
    """A text as it may stand in a header."""
    return text.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")[:200]


def retry_after(told: str | None, now: datetime) -> float | None:
    """The seconds of a Retry-After header, in either of its forms."""
    if told is None:
        return None
    if told.strip().isdigit():
        return float(told)
    try:
        return max(0.0, (parsedate_to_datetime(told) - now).total_seconds())
    except (ValueError, TypeError):
        return None
