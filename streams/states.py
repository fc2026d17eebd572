"""What processors remember, by partition, in memory; read back from their changelogs, newest input offset first."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.settings import Settings
from streams.driver import Processor, offset_of
from streams.kafka.partitions import partition_of
from streams.kafka.reader import Lane, reader_config

READ_TO_THE_END: Final = {"enable.partition.eof": True, "auto.offset.reset": "earliest"}
RECORDS_AT_ONCE: Final = 5_000
LOOKED_AT: Final = 10_000
FORGOTTEN: Final = b",null]"
"""How the stored form of a forgotten entity ends (`driver.Kept` with no state)."""
FORGOTTEN_AT_ONCE: Final = 1_000
KEPT_AFTER_FORGETTING_SECONDS: Final = 25 * 3600.0
MARK: Final = b"from-the-beginning"
"""Key of the first record of each changelog partition; no entity has it, theirs are `tenant/entity`. What begins later
has lost states: a topic that was deleted, a partition that was emptied.
"""
MARKED: Final = b"[0,{},{}]"


class States:
    """The states of one processor: per partition, entity key to stored state."""

    def __init__(self, changelog: str) -> None:
        self.changelog = changelog
        self.partitions: dict[int, dict[bytes, bytes]] = {}
        self.read_to: dict[int, int] = {}
        self.marked: set[int] = set()
        self._forgotten_at: dict[tuple[int, bytes], float] = {}

    def keep_only(self, partitions: set[int]) -> None:
        """Drop what belongs to partitions that are somebody else's now."""
        for partition in self.partitions.keys() - partitions:
            del self.partitions[partition]
            self.read_to.pop(partition, None)
        self.marked &= partitions
        self._forgotten_at = {key: at for key, at in self._forgotten_at.items() if key[0] in partitions}
        for partition in partitions:
            self.partitions.setdefault(partition, {})

    def remember(self, partition: int, changed: Mapping[bytes, bytes | None], at: float) -> None:
        """Take over states whose changelog records are acknowledged. No value: nothing is kept of the entity."""
        for key, value in changed.items():
            self._keep(partition, key, value, at)

    def restore(self, partition: int, key: bytes, value: bytes | None, at: float) -> None:
        """Take over one changelog record, unless a newer state of the same entity is known.

        A worker that was paused may write its older states after the new owner's newer ones. Each state carries the
        input offset it reflects, so the newest wins, not the last written.
        """
        if key == MARK:
            self.marked.add(partition)
            return
        known = self.partitions[partition].get(key)
        if value is None or known is None or offset_of(value) >= offset_of(known):
            self._keep(partition, key, value, at)

    def _keep(self, partition: int, key: bytes, value: bytes | None, at: float) -> None:
        if value is None:
            self.partitions[partition].pop(key, None)
            self._forgotten_at.pop((partition, key), None)
            return
        self.partitions[partition][key] = value
        if value.endswith(FORGOTTEN):
            self._forgotten_at.setdefault((partition, key), at)
        elif self._forgotten_at:
            self._forgotten_at.pop((partition, key), None)

    def long_forgotten(self, now: float) -> list[tuple[int, bytes]]:
        """Some entities that were forgotten more than a day ago: nobody can bring back an older state of theirs.

        Until then a forgotten entity keeps its offset (`driver.Kept`), so that a late changelog record of a paused
        worker does not count as newer.
        """
        oldest = islice(self._forgotten_at.items(), FORGOTTEN_AT_ONCE)
        return [key for key, at in oldest if now - at > KEPT_AFTER_FORGETTING_SECONDS]


class Tables:
    """The states of all processors, and how they come back after partitions were shared out anew."""

    def __init__(self, settings: Settings, topology: Iterable[Processor], of: Mapping[str, States]) -> None:
        self.of = of
        self.restored = 0
        self._settings = settings
        self._inboxes = {processor.name: processor.inbox for processor in topology}

    async def adopt(self, lanes: Iterable[Lane], still_wanted: Callable[[], bool]) -> bool:
        """Hold the states of these inbox partitions and no others. False if `still_wanted` turned false on the way."""
        lanes = set(lanes)
        for name, states in self.of.items():
            states.keep_only({partition for topic, partition in lanes if topic == self._inboxes[name]})
        return await asyncio.to_thread(self._read_back, still_wanted)

    def _read_back(self, still_wanted: Callable[[], bool]) -> bool:
        """Read every changelog partition of the tables from where it was read to, up to its end. Blocks.

        confluent-kafka's end-of-partition signal is exact on empty, truncated and compacted partitions, where Faust's
        own recovery stalls (issues 597, 651), and it reads some thirty times as fast.
        """
        tables = {table.changelog: table for table in self.of.values()}
        wanted = [
            TopicPartition(table.changelog, partition, table.read_to.get(partition, OFFSET_BEGINNING))
            for table in tables.values()
            for partition in table.partitions
        ]
        consumer = Consumer(reader_config(self._settings, **READ_TO_THE_END))
        try:
            consumer.assign(wanted)
            pending = {(each.topic, each.partition) for each in wanted}
            while pending:
                if not still_wanted():
                    return False
                pending -= self._read_some(consumer, tables)
        finally:
            consumer.close()
        return True

    def _read_some(self, consumer: Consumer, tables: Mapping[str, States]) -> set[Lane]:
        """Apply what one call returns; the partitions whose end it met."""
        ended: set[Lane] = set()
        for record in consumer.consume(RECORDS_AT_ONCE, 0.2):
            topic, partition, offset = record.topic(), record.partition(), record.offset()
            assert topic is not None
            assert partition is not None
            error = record.error()
            if error is None:
                key, value = record.key(), record.value()
                assert offset is not None
                assert isinstance(key, bytes)
                assert not isinstance(value, str)
                tables[topic].restore(partition, key, value, record.timestamp()[1] / 1000)
                tables[topic].read_to[partition] = offset + 1
                self.restored += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add((topic, partition))
            elif not error.retriable():
                raise KafkaException(error)
        return ended

    def has_grown(self, inbox: str) -> bool:
        """Whether an inbox was spread over more partitions: records lie where their keys do not go any more. Blocks.

        The first of each partition are looked at; where keys moved, a third of them and more did.
        """
        consumer = Consumer(reader_config(self._settings, **READ_TO_THE_END))
        try:
            partitions = consumer.list_topics(inbox, timeout=30).topics[inbox].partitions
            return any(self._has_strangers(consumer, inbox, number, len(partitions)) for number in partitions)
        finally:
            consumer.close()

    def _has_strangers(self, consumer: Consumer, inbox: str, partition: int, partitions: int) -> bool:
        consumer.assign([TopicPartition(inbox, partition, OFFSET_BEGINNING)])
        looked_at = 0
        while looked_at < LOOKED_AT:
            for record in consumer.consume(RECORDS_AT_ONCE, 0.2):
                if (error := record.error()) is None:
                    looked_at += 1
                    key = record.key()
                    if isinstance(key, bytes) and partition_of(key, partitions) != partition:
                        return True
                elif error.code() == KafkaError._PARTITION_EOF:
                    return False
                elif not error.retriable():
                    raise KafkaException(error)
        return False

    def is_whole(self, changelog: str, partition: int) -> bool:
        """Whether a changelog without a mark begins at its beginning: it is older than marks are. Blocks."""
        consumer = Consumer(reader_config(self._settings))
        try:
            first, end = consumer.get_watermark_offsets(TopicPartition(changelog, partition), timeout=30)
            return bool(first == 0 < end)
        finally:
            consumer.close()

    def first_from(self, lane: Lane, offset: int, timeout_seconds: float = 10.0) -> int | None:
        """The offset of the first record that the log holds at or after this offset; None if it has none. Blocks."""
        consumer = Consumer(reader_config(self._settings, **READ_TO_THE_END))
        try:
            consumer.assign([TopicPartition(lane[0], lane[1], offset)])
            record = consumer.poll(timeout_seconds)
            return record.offset() if record is not None and record.error() is None else None
        finally:
            consumer.close()
