"""How long to wait before trying again (002 section 4.4)."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator

from schemas.settings import Settings


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
