"""How long to wait before trying again: to reconnect (002 section 4.4), and to deliver (002 section 7.1)."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from schemas.settings import Settings

Trouble = Literal["unauthorized", "rate_limited", "not_found", "refused", "server_error", "timeout", "network"]

COUNTS: Final = frozenset({"server_error", "timeout", "network"})
"""Troubles that say that a system is down; only they open its circuit breaker (DESIGN section 7)."""
SETTING: Final[dict[Trouble, str]] = {
    "unauthorized": "retry_unauthorized",
    "rate_limited": "retry_rate_limited",
    "not_found": "retry_not_found",
    "server_error": "retry_server_error",
    "timeout": "retry_timeout",
    "network": "retry_network",
}
CODES: Final[dict[Trouble, str]] = {
    "unauthorized": "INT-001",
    "rate_limited": "INT-002",
    "refused": "INT-003",
    "not_found": "INT-004",
    "timeout": "INT-005",
    "server_error": "SERVER_ERROR",
    "network": "NETWORK_ERROR",
}
"""What a dead letter says: the code of 002 Appendix C where one fits."""
ANSWERS_WITHIN_SECONDS: Final = 2.0
HANGS_UP_WITHIN_SECONDS: Final = 0.3
_BY_STATUS: Final[dict[int, Trouble]] = {401: "unauthorized", 404: "not_found", 429: "rate_limited", 504: "timeout"}


class Failure(Exception):
    """An attempt that did not work: what kind of trouble it was, a sentence, and what the other system said."""

    def __init__(
        self,
        trouble: Trouble,
        sentence: str,
        *,
        status_code: int | None = None,
        retry_after: float | None = None,
        answer: Any = None,
    ) -> None:
        super().__init__(sentence)
        self.trouble, self.sentence = trouble, sentence
        self.status_code, self.retry_after, self.answer = status_code, retry_after, answer


def trouble_of(status_code: int) -> Trouble | None:
    """What an HTTP status means for a retry (002 section 7.1); None for success."""
    if 200 <= status_code < 300:
        return None
    if status_code in _BY_STATUS:
        return _BY_STATUS[status_code]
    return "server_error" if status_code >= 500 else "refused"


def next_attempt(settings: Settings, trouble: Trouble, earlier: int, retry_after: float | None = None) -> float | None:
    """Seconds until the next attempt after `earlier` failed ones of this kind and one more; None: give up.

    The table of 002 section 7.1; the seconds are settings. `retry_after` is what the other system asked for: it
    counts where it is longer.
    """
    if trouble not in SETTING:
        return None
    waits = delays(getattr(settings, SETTING[trouble]))
    if earlier >= len(waits):
        return None
    return max(waits[earlier], retry_after or 0.0)


def delays(told: str) -> list[float]:
    """Seconds, comma separated, as the settings have them; nothing means: never."""
    return [float(part) for part in told.split(",") if part.strip()]


def reconnect_delays(settings: Settings) -> Iterator[float]:
    """Seconds before each try to reconnect; the last one repeats; none is longer than the cap."""
    told = [min(float(part), settings.reconnect_cap_seconds) for part in settings.reconnect_delays.split(",")]
    return itertools.chain(told, itertools.repeat(told[-1]))


async def wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait until the event, but no longer; whether it came."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class Door(NamedTuple):
    """Where a server listens that lets its clients speak first, as MQTT brokers and OPC-UA servers do."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str, default_port: int) -> "Door":
        """The door of a server with this address."""
        told = urlsplit(url)
        return cls(told.hostname or "localhost", told.port or default_port)

    async def is_open(self) -> bool:
        """Whether a connection is taken and kept; a proxy before a server that is away takes it, and hangs up."""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
                reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        try:
            async with asyncio.timeout(HANGS_UP_WITHIN_SECONDS):
                return bool(await reader.read(1))
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            writer.close()


async def wait_for_server(
    stop: asyncio.Event, seconds: float, is_there: Callable[[], Awaitable[bool]], settings: Settings
) -> bool:
    """Wait before a try to reconnect; no longer than until a server that was away is there again. Whether it is.

    The waits of 002 grow to five minutes; knocking at its door meanwhile costs a server next to nothing, and a plant
    does not stand five minutes after its broker is back. Who is there, and refuses us, is not asked sooner.
    """
    loop, was_away = asyncio.get_running_loop(), False
    until = loop.time() + seconds
    while (left := until - loop.time()) > settings.reconnect_knock_seconds:
        if not await is_there():
            was_away = True
        elif was_away:
            return True
        if await wait(stop, settings.reconnect_knock_seconds):
            return False
    await wait(stop, left)
    return False
