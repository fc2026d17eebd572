"""How long to wait before trying again: to reconnect (002 section 4.4), and to deliver (002 section 7.1)."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from typing import Any, Final, Literal

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
