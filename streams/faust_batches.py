"""Makes Faust hand on batches and commit only what is done.

Faust keeps the group: membership, assignment of partitions and changelogs, agents, tables, the order of events in a
rebalance, commits. What is replaced cost messages or time, as measured (TRAPS.md, streams/README.md):

    BatchScheduling   one record per inbox and fetch, carrying the raw records of its partitions
    BatchConsumer     fetches with librdkafka (`kafka.reader`); commits what finished rounds say, and nothing else
    StateTable        its states lie by partition, and the newest by input offset wins
    OwnRecovery       the states are read back by `states.Tables`; Faust's recovery only gives the signal
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import faust
import structlog
from aiokafka import ConsumerRecord
from faust.serializers.codecs import Codec
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP, EventT

from streams import round_metrics as metrics
from streams.driver import Record
from streams.kafka.reader import Lane, Reader
from streams.states import States

READ_SECONDS: Final = 0.2
"""How long the reader's one thread waits for records; whoever else needs it waits as long."""

log = structlog.get_logger()


class AsItIs(Codec):
    """Hands a value through: batches are decoded by the fold, where a bad message can become a dead letter."""

    def _loads(self, s: bytes) -> Any:
        return s

    def _dumps(self, s: Any) -> bytes:
        return bytes(s)


class BatchScheduling(DefaultSchedulingStrategy):
    """The strategy for `ConsumerScheduler`: one record per inbox, its value what each partition has.

    Faust needs about a millisecond for a record that it carries, one after the other, and fetches again after the last:
    with one per message it reaches a thousand messages a second, with one per partition the latency of eight.
    """

    def iterate(self, records: Mapping[TP, list[Record]]) -> Iterator[tuple[TP, Any]]:
        """One carrier per inbox; it travels under one of its partitions."""
        by_inbox: dict[str, dict[TP, list[Record]]] = {}
        for tp, batch in records.items():
            by_inbox.setdefault(tp.topic, {})[tp] = batch
        for batches in by_inbox.values():
            tp, batch = next(iter(batches.items()))
            yield tp, ConsumerRecord(tp.topic, tp.partition, batch[-1].offset, None, 0, None, batches, None, -1, -1, ())


class _Unread(dict[TP, int | None]):
    """Faust drops what lies before its read offset; after a step back that would be what we asked for."""

    def __missing__(self, _tp: TP) -> None:
        return None

    def __setitem__(self, _tp: TP, _offset: int | None) -> None:
        return None


class BatchThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, which keeps the group and commits, and leaves the fetching to the reader."""

    async def rest(self) -> None:
        """Fetch nothing."""
        consumer = self._ensure_consumer()
        consumer.pause(*consumer.assignment())

    def still_here(self) -> None:
        """Tell aiokafka that somebody reads; a worker that does not read for long has to leave the group."""
        with self._ensure_consumer()._subscription.fetch_context():
            pass

    async def leave(self) -> None:
        """Leave the group."""
        await self._ensure_consumer().stop()


class BatchConsumer(driver.Consumer):
    """Faust's consumer, with our own reader and our own record of what is done."""

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

    async def verify_all_partitions_active(self) -> None:
        """Miss no fetches: Faust would say of each partition, three times a minute, that none was ever sent."""

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

    # -- what is read

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 (Faust's signature)
    ) -> dict[TP, list[Record]]:
        self._thread.still_here()
        batches = await self.app.reader.read(min(timeout, READ_SECONDS))
        return {TP(*lane): batch for lane, batch in batches.items()}

    def highwater(self, tp: TP) -> int:
        """Only Faust's statistics ask for it; the truth is in `Reader.ends`."""
        return 0

    async def read_from(self, lane: Lane, offset: int) -> None:
        """Read one of our partitions on from this offset."""
        await self.app.reader.read_from(lane, offset)

    # -- what is ours

    def _turn_page(self, first_offsets: dict[Lane, int]) -> None:
        """A new epoch: what was under way belongs to the old one."""
        self.epoch += 1
        self._done.clear()
        self.first_offsets = first_offsets
        self.app.on_positions()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Nothing is ours until partitions were assigned again."""
        self._turn_page({})
        await self.app.reader.begin({})
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Partitions are assigned; reading begins with `perform_seek`."""
        metrics.REBALANCES.inc()
        self._turn_page({})
        await self._thread.call_thread(self._thread.rest)
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Begin every inbox partition where its last finished round ended, or at the start of its log."""
        epoch = self.epoch
        inboxes = {tp for tp in self.assignment() if tp.topic in self.app.inboxes}
        committed = await self.seek_to_committed() if inboxes else {}
        earliest = await self.earliest_offsets(*inboxes) if inboxes else {}
        first = {(tp.topic, tp.partition): _first_to_read(tp, committed.get(tp), earliest[tp]) for tp in inboxes}
        if epoch == self.epoch:
            self._committed_offset.update({tp: committed.get(tp) for tp in inboxes})
            self._turn_page(first)
            await self.app.reader.begin(first)

    async def leave(self) -> None:
        """Leave the group now, so that the other workers need not wait for the session to time out."""
        await self._thread.call_thread(self._thread.leave)


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
        if self._recovery is None:  # type: ignore[has-type]
            self._recovery = OwnRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class BatchApp(faust.App):
    """A Faust app whose agents on `inboxes` receive batches; it says through `on_positions` that positions changed."""

    def __init__(self, *args: Any, inboxes: frozenset[str], reader: Reader, **kwargs: Any) -> None:
        self.inboxes = inboxes
        self.reader = reader
        self.on_positions: Callable[[], None] = lambda: None
        ours = {"ConsumerScheduler": BatchScheduling, "Table": StateTable, "TableManager": Tables}
        super().__init__(*args, **ours, **kwargs)

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def inbox(self, name: str) -> Any:
        """An inbox as a Faust topic: raw batches, never acknowledged by Faust."""
        return self.topic(name, key_type=bytes, value_type=None, value_serializer=AsItIs(), acks=False)
