"""Lines from outside that stand: what comes by them is kept raw and in order, and goes on its way when they go on.

Whatever is kept is on disk before it is acknowledged. A line whose shelf is not empty holds back what comes, so that
nothing newer overtakes what lies there; after a crash it goes on from the shelf's front. What was on its way then is
said once more, under the same ids.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import Gauge

from connectors.outbox import Item, Outbox
from connectors.received import Received
from connectors.spool import Kept, Spool
from schemas.codec import Unreadable
from schemas.settings import Settings
from streams.driver import Output
from streams.line_stops import cause_of
from streams.stopped_lines import StoppedLines

BATCH: Final = 1_000
HELD: Final = Gauge("line_held_messages", "messages kept raw because their line stands", ["line"])


class Raw(msgspec.Struct, frozen=True, array_like=True):
    """A message as it lies on the shelf."""

    data: bytes
    received_at: datetime
    is_retained: bool
    is_repeatable: bool


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Raw).decode


class HeldLines:
    """The lines of one process. `begin` before anything comes in, then `run`."""

    def __init__(self, settings: Settings, process: str, lines: Iterable[str], outbox: Outbox) -> None:
        self._settings = settings
        self._outbox = outbox
        self._release_to: dict[str, Callable[[Received], None]] = {}
        self._stopped = StoppedLines(settings, process, lines, self._publish, self._resumed)
        self._folder = settings.spool_dir / f"held-{process}"
        self._shelves: dict[str, Spool] = {}
        self._on_the_way: Counter[str] = Counter()
        self._releases: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    def release_to(self, source: str, take: Callable[[Received], None]) -> None:
        """Who takes what a source of that name once handed on."""
        self._release_to[source] = take

    # -- what a bridge asks and says

    def holds(self, line: str) -> bool:
        """Whether what comes by this line must be kept."""
        return self._stopped.stands(line) or line in self._releases

    def keep(self, line: str, source: str, received: Received) -> None:
        """Keep a message as it is; it is acknowledged when it is on disk."""
        self._on_the_way[line] += 1

        def acknowledge() -> None:
            self._on_the_way[line] -= 1
            HELD.labels(line).set(self._shelf(line).depth)
            if received.acknowledge is not None:
                received.acknowledge()

        raw = Raw(received.data, received.received_at, received.is_retained, received.is_repeatable)
        kept = Output(source, received.address.encode(), _encode(raw))
        self._outbox.put(Item(kept, acknowledge, self._shelf(line)))

    def passed(self, line: str) -> None:
        """A message of this line was understood."""
        self._stopped.windows[line].passed()

    def failed(self, line: str, refusal: Unreadable, received_at: datetime, failure_key: str) -> None:
        """A message of this line became a dead letter; the line may stop over it."""
        cause = cause_of(refusal.code, refusal.path, refusal.reason)
        if (trip := self._stopped.windows[line].failed(cause, received_at)) and not self._stopped.stands(line):
            self._stopped.stop(line, trip, failure_key)

    # -- how it goes on

    async def begin(self) -> None:
        """Find out which lines stand, and which hold something since an earlier run."""
        for line in self._stopped.windows:
            if self._path(line).exists() and self._shelf(line).depth:
                HELD.labels(line).set(self._shelf(line).depth)
                self._stopped.hold(line)
        await self._stopped.look()

    async def run(self) -> None:
        """Look after the lines until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            await self._stopped.run()

    def close(self) -> None:
        """Close the shelves."""
        for shelf in self._shelves.values():
            shelf.close()

    async def _resumed(self, line: str) -> None:
        has_kept = line in self._shelves and (self._on_the_way[line] or self._shelves[line].depth)
        if has_kept and self._release_to and line not in self._releases:
            assert self._tasks is not None
            self._releases[line] = self._tasks.create_task(self._release(line))

    async def _release(self, line: str) -> None:
        """Say what is kept, from its front, until nothing is left or the line stops again."""
        shelf = self._shelf(line)
        while not self._stopped.stands(line):
            oldest = await asyncio.to_thread(shelf.first, BATCH)
            if oldest:
                last = await self._say(line, oldest)
                await asyncio.to_thread(shelf.forget, last)
                HELD.labels(line).set(shelf.depth)
            elif self._on_the_way[line]:
                await self._outbox.settled()
            elif not shelf.depth:
                break
        del self._releases[line]

    async def _say(self, line: str, kept: Iterable[Kept]) -> int:
        """Hand messages on until the line stops again; the number of the last one, which is durable elsewhere now."""
        last = 0
        await self._outbox.room()
        for number, (source, address, value) in kept:
            raw = _decode(value)
            take = self._release_to.get(source) or next(iter(self._release_to.values()))
            take(Received(address.decode(), raw.data, raw.received_at, None, raw.is_retained, raw.is_repeatable))
            last = number
            if self._stopped.stands(line):
                break
        await self._outbox.settled()
        return last

    def _publish(self, alert: Output) -> None:
        self._outbox.put(Item(alert))

    def _shelf(self, line: str) -> Spool:
        shelf = self._shelves.get(line)
        if shelf is None:
            shelf = self._shelves[line] = Spool(self._path(line), self._settings.spool_max_bytes)
        return shelf

    def _path(self, line: str) -> Path:
        return self._folder / f"{line}.sqlite"
