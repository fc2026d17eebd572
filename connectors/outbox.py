"""Makes messages durable in the order they came, and only then acknowledges them: in Kafka, or in the spool.

While Kafka answers, what came in during one round trip goes out as the next batch. When it does not answer in
time, the batch is written to the spool and acknowledged; from then on everything queues up behind the spool, which
is emptied from its front as soon as Kafka is back. So one source's messages never overtake one another. What was
handed to the producer when Kafka went away lies in both places; the producer sends it first, then it is forgotten here.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from connectors import metrics
from connectors.resilience import wait
from connectors.spool import Spool, SpoolFull
from streams.driver import Output
from streams.kafka.producer import Publisher

BATCH: Final = 2000
PATIENCE_SECONDS: Final = 1.5
LOOK_AGAIN_SECONDS: Final = 1.0
HIGH_WATER: Final = 20_000

log = structlog.get_logger()


class Item(NamedTuple):
    """A record to publish (None: it was said before), and what to call when it and all before it are durable.

    One with a shelf is not published: it is kept there as it is.
    """

    output: Output | None
    acknowledge: Callable[[], None] | None = None
    shelf: Spool | None = None


class Outbox:
    """Takes items at once; acknowledges each when it is durable, in order."""

    def __init__(self, publisher: Publisher, spool: Spool, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._publisher = publisher
        self._spool = spool
        self._patience = patience_seconds
        self._waiting: deque[Item] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._freed = asyncio.Event()
        self._keeping = asyncio.Lock()
        self._handed_over = 0
        self._drain: asyncio.Task[None] | None = None
        self._is_closing = False
        self.is_blocked = False

    @property
    def is_spooling(self) -> bool:
        """Whether messages go to disk because Kafka does not answer."""
        return self._drain is not None

    @property
    def has_room(self) -> bool:
        """False: too much waits; a source should not be read on until `room`."""
        return self._room.is_set()

    async def room(self) -> None:
        """Return when there is room."""
        await self._room.wait()

    def put(self, item: Item) -> None:
        """Take an item."""
        self._waiting.append(item)
        self._arrived.set()
        if len(self._waiting) > HIGH_WATER:
            self._room.clear()

    async def settled(self) -> None:
        """Return when all that was put before is durable and acknowledged."""
        done = asyncio.Event()
        self.put(Item(None, done.set))
        await done.wait()

    def close(self) -> None:
        """Nothing more will come: `run` returns when all that waits is durable."""
        self._is_closing = True
        self._arrived.set()

    async def run(self) -> None:
        """Work until closed. Raises what is no weather: NotDelivered, a broken spool."""
        look = asyncio.create_task(self._look())
        if self._spool.depth:
            log.warning("the spool holds messages of an earlier run", messages=self._spool.depth)
            self._start_draining()
        try:
            while self._waiting or not self._is_closing:
                await self._arrived.wait()
                self._arrived.clear()
                while self._waiting:
                    await self._take_batch()
                self._raise_what_draining_raised()
        finally:
            look.cancel()
            if self._drain:
                self._drain.cancel()

    async def _take_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        metrics.WAITING.set(len(batch) + len(self._waiting))
        await self._make_durable([item.output for item in batch if item.output and not item.shelf])
        await self._shelve([item for item in batch if item.shelf])
        for item in batch:
            if item.acknowledge:
                item.acknowledge()
        metrics.WAITING.set(len(self._waiting))
        if not self._room.is_set() and len(self._waiting) < HIGH_WATER // 2:
            self._room.set()

    async def _make_durable(self, outputs: list[Output]) -> None:
        """Return when every record is in Kafka or on disk, however long that takes."""
        was_handed_over = False
        patience = self._patience
        while True:
            self._raise_what_draining_raised()
            if not self.is_spooling and not was_handed_over:
                self._publisher.send_all(outputs)
                was_handed_over = True
            if was_handed_over and await self._delivered(patience):
                metrics.PUBLISHED.inc(len(outputs))
                self._unblock()
                return
            if await self._keep(outputs, was_handed_over):
                return
            patience = LOOK_AGAIN_SECONDS
            if not was_handed_over:
                self._freed.clear()
                await wait(self._freed, LOOK_AGAIN_SECONDS)

    async def _shelve(self, items: list[Item]) -> None:
        """Return when every item lies on its shelf, however long the disk takes."""
        for shelf in {item.shelf for item in items if item.shelf}:
            outputs = [item.output for item in items if item.shelf is shelf and item.output]
            while not await self._lies_on(shelf, outputs):
                self._freed.clear()
                await wait(self._freed, LOOK_AGAIN_SECONDS)

    async def _lies_on(self, shelf: Spool, outputs: list[Output]) -> bool:
        try:
            await asyncio.to_thread(shelf.keep, outputs, time.time())
        except SpoolFull as full:
            self._block(str(full))
            return False
        self._unblock()
        return True

    async def _delivered(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._publisher.delivered()
        except TimeoutError:
            return False
        return True

    async def _keep(self, outputs: list[Output], was_handed_over: bool) -> bool:
        """Write records to the spool; False if it takes nothing, or is not in use any more."""
        async with self._keeping:
            if not was_handed_over and not self.is_spooling:
                return False
            try:
                held_back = [_marked_late(output) for output in outputs]
                last = await asyncio.to_thread(self._spool.keep, held_back, time.time())
            except SpoolFull as full:
                self._block(str(full))
                return False
            self._unblock()
            metrics.SPOOLED.inc(len(outputs))
            if was_handed_over:
                self._handed_over = last
                log.warning("Kafka does not answer; messages go to the spool", after_seconds=self._patience)
            if self._drain is None:
                self._start_draining()
            return True

    def _start_draining(self) -> None:
        self._drain = asyncio.create_task(self._empty_spool())
        self._drain.add_done_callback(lambda _: self._arrived.set())

    async def _empty_spool(self) -> None:
        """Send what the spool holds, from its front, until it is empty."""
        if self._handed_over:
            await self._publisher.delivered()
            await self._forget(self._handed_over)
            self._handed_over = 0
        while True:
            oldest = await asyncio.to_thread(self._spool.first, BATCH)
            if oldest:
                self._publisher.send_all(kept.output for kept in oldest)
                await self._publisher.delivered()
                metrics.PUBLISHED.inc(len(oldest))
                await self._forget(oldest[-1].number)
                continue
            async with self._keeping:
                if self._spool.depth == 0:
                    self._drain = None
                    self._freed.set()
                    log.warning("Kafka answers again; the spool is empty")
                    return

    async def _forget(self, upto: int) -> None:
        await asyncio.to_thread(self._spool.forget, upto)
        self._freed.set()

    def _raise_what_draining_raised(self) -> None:
        if self._drain and self._drain.done():
            self._drain.result()

    def _block(self, reason: str) -> None:
        if not self.is_blocked:
            log.error("nothing is acknowledged until there is room", reason=reason)
        self.is_blocked = True
        metrics.SPOOL_FULL.set(1)

    def _unblock(self) -> None:
        if self.is_blocked:
            log.warning("there is room again; messages are acknowledged")
        self.is_blocked = False
        metrics.SPOOL_FULL.set(0)

    async def _look(self) -> None:
        """Keep the spool's figures current."""
        while True:
            oldest = self._spool.oldest_at
            metrics.SPOOL_DEPTH.set(self._spool.depth)
            metrics.SPOOL_OLDEST.set(time.time() - oldest if oldest else 0)
            metrics.SPOOL_BYTES.set(await asyncio.to_thread(self._spool.size_bytes))
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _marked_late(output: Output) -> Output:
    """The record with `late` set. Inside JSON texts quotes are escaped, so the first match is the envelope's field."""
    return output._replace(value=output.value.replace(b'"late":false', b'"late":true', 1))
