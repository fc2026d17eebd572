"""What processors remember, by partition, in memory; read back from their changelogs, newest input offset first."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.settings import Settings
from streams.beginnings import beginnings
from streams.driver import Processor, offset_of
from streams.kafka.reader import READ_TO_THE_END, RECORDS_AT_ONCE, Lane, ends_partition, lane_of, reader_config

FORGOTTEN: Final = b",null]"
"""How the stored form of a forgotten entity ends (`driver.Kept` with no state)."""
FORGOTTEN_AT_ONCE: Final = 1_000
KEPT_AFTER_FORGETTING_SECONDS: Final = 25 * 3600.0
MARK: Final = b"from-the-beginning"
"""Key of a record in each changelog partition that has all states; no entity has it, theirs are `tenant/entity`. Where
it is missing, states were lost: a topic that was deleted, a partition that was emptied, one only half filled again.
"""
MARKED: Final = b"[0,{},{}]"


class StatesLost(Exception):
    """States are gone that cannot be folded again from the beginning of the log."""


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
        self.of_inbox = {processor.inbox: of[processor.name] for processor in topology}

    async def adopt(self, lanes: Iterable[Lane], still_wanted: Callable[[], bool]) -> bool:
        """Hold the states of these inbox partitions and no others. False if `still_wanted` turned false on the way."""
        lanes = set(lanes)
        for inbox, states in self.of_inbox.items():
            states.keep_only({partition for topic, partition in lanes if topic == inbox})
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
            (topic, partition), offset, error = lane_of(record), record.offset(), record.error()
            if error is None:
                key, value = record.key(), record.value()
                assert offset is not None
                assert isinstance(key, bytes)
                assert not isinstance(value, str)
                tables[topic].restore(partition, key, value, record.timestamp()[1] / 1000)
                tables[topic].read_to[partition] = offset + 1
                self.restored += 1
            elif ends_partition(error):
                ended.add((topic, partition))
        return ended

    def lost(self, start: Mapping[Lane, int]) -> dict[Lane, int]:
        """Of these inbox partitions, those whose states do not reflect all that comes before the offset they are read
        from, with the offset of the first record that the log holds of them. Blocks.

        Raises StatesLost where folding from there would not give the same states again.
        """
        doubtful = {lane: offset for lane, offset in start.items() if offset > 0 and not self.is_marked(lane)}
        if not doubtful:
            return {}
        found = beginnings(self._settings, {inbox for inbox, _ in doubtful})
        lost = {lane: found.first[lane] for lane, offset in doubtful.items() if found.first.get(lane, offset) < offset}
        if grown := found.grown & {inbox for inbox, _ in lost}:
            raise StatesLost(
                f"States of {', '.join(sorted(grown))} are lost, and it was given more partitions since it began: what "
                "its entities were before lies in others. Stop all agents, run `streams refold`."
            )
        return lost

    def is_marked(self, lane: Lane) -> bool:
        """Whether the states of an inbox partition are all there."""
        return lane[1] in self.of_inbox[lane[0]].marked

    def first_from(self, lane: Lane, offset: int, timeout_seconds: float = 10.0) -> int | None:
        """The offset of the first record that the log holds at or after this offset; None if it has none. Blocks."""
        consumer = Consumer(reader_config(self._settings, **READ_TO_THE_END))
        try:
            consumer.assign([TopicPartition(lane[0], lane[1], offset)])
            record = consumer.poll(timeout_seconds)
            return record.offset() if record is not None and record.error() is None else None
        finally:
            consumer.close()
