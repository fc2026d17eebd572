"""Makes Faust hand on batches and commit only what is done.

Faust keeps the group: membership, partition assignment, fetching, agents, tables and their changelogs' assignment.
Four of its promises are replaced, each for a loss or a cost that was measured (TRAPS.md):

    BatchScheduling     one record per inbox and fetch, carrying the raw records of its partitions
    BatchConsumer       commits come from finished rounds alone; Faust acknowledges nothing (topics have acks=False)
    StateTable          its states lie by partition, and the newest by input offset wins
    OwnRecovery         the states are read back by `states.read_back`; Faust's recovery only gives the signal
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import faust
import structlog
from aiokafka import AIOKafkaConsumer
from faust.serializers.codecs import Codec
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP, EventT

from streams import round_metrics as metrics
from streams.kafka.reader import Lane, Reader
from streams.states import States

log = structlog.get_logger()

FETCH_WAIT_MS: Final = 20
"""How long a fetch waits for data. It covers only the partitions that were drained; the others wait for its answer."""


class AsItIs(Codec):
    """Hands a value through: batches are decoded by the fold, where a bad message can become a dead letter."""

    def _loads(self, s: bytes) -> Any:
        return s

    def _dumps(self, s: Any) -> bytes:
        return bytes(s)


def batch_scheduling(inboxes: frozenset[str]) -> type[DefaultSchedulingStrategy]:
    """The strategy for `ConsumerScheduler`: one record per inbox and fetch, record by record for all other topics.

    One per partition would do for throughput; but each record that Faust carries takes it a millisecond or so, one
    after the other, and the next fetch waits for the last.
    """

    class BatchScheduling(DefaultSchedulingStrategy):
        def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
            """The value of an inbox's one record: the list of raw records of each partition that has some."""
            for inbox in inboxes & {tp.topic for tp in records}:
                batches = {tp: some for tp, some in records.items() if tp.topic == inbox}
                carrier, some = next(iter(batches.items()))
                yield carrier, replace(some[-1], key=None, value=list(batches.values()))
            yield from super().iterate({tp: some for tp, some in records.items() if tp.topic not in inboxes})

    return BatchScheduling


class _Unread(dict[TP, int | None]):
    """Faust drops what lies before its read offset; after a step back that would be what we asked for."""

    def __missing__(self, _tp: TP) -> None:
        return None

    def __setitem__(self, _tp: TP, _offset: int | None) -> None:
        return None


class BatchThread(driver.AIOKafkaConsumerThread):
    """Faust's fetching thread with a short fetch wait (the driver hard-codes 1.5 s)."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def rest(self, tps: Iterable[TP]) -> None:
        """Fetch nothing from these partitions: changelogs are ours by assignment, but are not read here."""
        consumer = self._ensure_consumer()
        partitions = [driver.ensure_aiokafka_TP(tp) for tp in tps]
        if partitions:
            consumer.pause(*partitions)
            await consumer.seek_to_end(*partitions)


class BatchConsumer(driver.Consumer):
    """Faust's consumer, with our own record of what is done."""

    app: "BatchApp"
    _thread: BatchThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _Unread()
        self._done: dict[TP, int] = {}
        self.first_offsets: dict[Lane, int] = {}
        self.epoch = 0

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    # -- what is committed

    def set_done(self, lane: Lane, next_offset: int) -> None:
        """Everything before this offset may be committed."""
        self._done[TP(*lane)] = next_offset

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return iter([tp for tp in self._done if topics is None or tp in topics or tp.topic in topics])

    def _new_offset(self, tp: TP) -> int | None:
        return self._done.get(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps mean nothing here: batches leave them."""

    # -- where reading begins

    async def read_from(self, lane: Lane, offset: int) -> None:
        """Read on from this offset."""
        tp = TP(*lane)
        if tp in self.assignment():
            await self.seek_wait({tp: offset})

    async def leave(self) -> None:
        """Leave the group now, so that the other workers need not wait for the session to time out."""
        await self._thread.call_thread(self._thread._ensure_consumer().stop)

    def ends(self) -> dict[Lane, int]:
        """Where the logs of our inbox partitions end, as the last fetch told."""
        return {lane: self.highwater(TP(*lane)) or 0 for lane in self.first_offsets if TP(*lane) in self.assignment()}

    def _turn_page(self, start: dict[Lane, int]) -> None:
        """A new epoch: what was under way belongs to the old one."""
        self.epoch += 1
        self._done.clear()
        self.first_offsets = start
        self.app.on_positions()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Nothing is ours until partitions were assigned again."""
        self._turn_page({})
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Partitions are assigned; reading begins with `perform_seek`."""
        metrics.REBALANCES.inc()
        self._turn_page({})
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Begin every inbox partition where its last finished round ended, or at the start of its log."""
        epoch = self.epoch
        assigned = self.assignment()
        inboxes = {tp for tp in assigned if tp.topic in self.app.inboxes}
        await self._thread.call_thread(self._thread.rest, assigned - inboxes)
        if inboxes:
            committed = await self.seek_to_committed()
            earliest = await self.earliest_offsets(*inboxes)
            start = {tp: _first_to_read(tp, committed.get(tp), earliest[tp]) for tp in inboxes}
            await self.seek_wait(start)
            self._committed_offset.update({tp: committed.get(tp) for tp in inboxes})
            if epoch == self.epoch:
                self._turn_page({(tp.topic, tp.partition): offset for tp, offset in start.items()})


def _first_to_read(tp: TP, committed: int | None, earliest: int) -> int:
    """The committed offset, unless the log begins later: that is data we never folded."""
    if committed is not None and committed < earliest:
        metrics.MISSING.inc(earliest - committed)
        log.error("offsets_missing", topic=tp.topic, partition=tp.partition, first=committed, last=earliest - 1)
    return max(committed or 0, earliest)


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer


class StateTable(faust.Table[bytes, bytes]):
    """A Faust table whose states lie by partition (`states`); rounds change it, after Kafka has the changelog."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.states = States(self.changelog_topic_name)

    def apply_changelog_batch(self, batch: Iterable[EventT]) -> None:
        """Keep the newest by input offset, not the last written."""
        for event in batch:
            message = event.message
            self.states.restore(message.partition, message.key, message.value, message.timestamp)


class OwnRecovery(Recovery):
    """Faust's order of events after a rebalance, without its reading: `Tables.adopt` reads."""

    def need_recovery(self) -> bool:
        """Nothing is left to Faust's reader, which takes event by event and stalls on emptied changelogs."""
        return False


class Tables(TableManager):
    """Faust's table manager with that recovery."""

    @property
    def recovery(self) -> Recovery:
        """The recovery service."""
        if self._recovery is None:
            self._recovery = OwnRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class BatchApp(faust.App):
    """A Faust app whose agents on `inboxes` receive batches; it says through `on_positions` that positions changed."""

    def __init__(self, *args: Any, inboxes: frozenset[str], **kwargs: Any) -> None:
        self.inboxes = inboxes
        self.on_positions: Callable[[], None] = lambda: None
        ours = {"ConsumerScheduler": batch_scheduling(inboxes), "Table": StateTable, "TableManager": Tables}
        super().__init__(*args, **ours, **kwargs)

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def inbox(self, name: str) -> Any:
        """An inbox as a Faust topic: raw batches, never acknowledged by Faust."""
        return self.topic(name, key_type=bytes, value_type=None, value_serializer=AsItIs(), acks=False)
