"""Reads what processors remember, as it is now, from their changelogs: for those who ask about some entities only."""

import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import stamina
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from schemas.settings import Settings
from streams.driver import offset_of
from streams.kafka.reader import (
    READ_TO_THE_END,
    RECORDS_AT_ONCE,
    Lane,
    ends_partition,
    is_moving,
    lane_of,
    reader_config,
)

PATIENCE_SECONDS: Final = 5.0
OPTIONS: Final = {**READ_TO_THE_END, "fetch.wait.max.ms": 5, "log_level": 2}


class StillReading(Exception):
    """The states could not be read to their end in time. What was read is kept: asked again, it goes on from there."""


@dataclass(slots=True)
class _Known:
    """What is known of one partition of a changelog: how far it was read, and where each entity's newest state lies."""

    read_to: int = OFFSET_BEGINNING
    places: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Entity to the input offset that its newest state reflects, and where that state lies in the changelog."""


class Changelogs:
    """The newest states, read on whenever they are asked for. Not for several threads at once.

    Of every entity of a partition that was ever asked for it is kept where its state lies (some 250 bytes); the states
    themselves are kept up to a limit, and read again where they had to go.
    """

    def __init__(self, settings: Settings, most_bytes: int) -> None:
        self._consumer = Consumer(reader_config(settings, **OPTIONS))
        self._most_bytes, self._bytes = most_bytes, 0
        self._known: dict[Lane, _Known] = {}
        self._values: OrderedDict[tuple[Lane, bytes], bytes] = OrderedDict()
        self.read = 0

    def close(self) -> None:
        """Let go."""
        self._consumer.close()

    def read_on(self, lanes: Collection[Lane], until: float) -> None:
        """Read these partitions to their present ends, unless `until` (monotonic) comes first: raises StillReading."""
        pending = set(lanes)
        starts = [TopicPartition(*lane, self._known.setdefault(lane, _Known()).read_to) for lane in pending]
        self._consumer.assign(starts)
        try:
            while pending:
                if time.monotonic() > until:
                    raise StillReading("The states are still being read from Kafka. Try again in a moment.")
                pending -= self._read_some()
        finally:
            self._consumer.unassign()

    def _read_some(self) -> set[Lane]:
        """Take over what one call returns; the partitions whose end it met."""
        ended: set[Lane] = set()
        first = self._consumer.consume(1, 0.2)
        for record in [*first, *self._consumer.consume(RECORDS_AT_ONCE, 0)] if first else ():
            lane = lane_of(record)
            known = self._known[lane]
            if (error := record.error()) is None:
                self._take(lane, known, record)
                known.read_to = record.offset() + 1
            elif ends_partition(error):
                known.read_to = record.offset()
                ended.add(lane)
        return ended

    def _take(self, lane: Lane, known: _Known, record: Any) -> None:
        """The newest by input offset counts, not the last written: a paused worker writes older states late."""
        key, value = record.key(), record.value()
        self.read += 1
        if value is None:
            known.places.pop(key, None)
            self._forget(lane, key)
            return
        reflects = offset_of(value)
        if key not in known.places or reflects >= known.places[key][0]:
            known.places[key] = reflects, record.offset()
            self._keep(lane, key, value)

    def _keep(self, lane: Lane, key: bytes, value: bytes) -> None:
        self._forget(lane, key)
        self._values[lane, key] = value
        self._bytes += len(value)
        while self._bytes > self._most_bytes and len(self._values) > 1:
            _, gone = self._values.popitem(last=False)
            self._bytes -= len(gone)

    def _forget(self, lane: Lane, key: bytes) -> None:
        self._bytes -= len(self._values.pop((lane, key), b""))

    def state_of(self, lane: Lane, key: bytes) -> bytes | None:
        """The state of an entity as of the last `read_on` of its partition; None if there is none."""
        place = self._known[lane].places.get(key)
        if place is None:
            return None
        if (value := self._values.get((lane, key))) is None:
            value = self._read_again(lane, key, place[1])
            self._keep(lane, key, value)
        self._values.move_to_end((lane, key))
        return value

    def _read_again(self, lane: Lane, key: bytes, offset: int) -> bytes:
        """A state that had to go. Where compaction took it meanwhile, the partition is read from its beginning."""
        self._consumer.assign([TopicPartition(*lane, offset)])
        try:
            record = self._consumer.poll(PATIENCE_SECONDS)
        finally:
            self._consumer.unassign()
        if record is None or record.error() is not None or record.offset() != offset:
            del self._known[lane]
            raise StillReading(f"A state of {key.decode(errors='replace')} moved while it was read. Try again.")
        value: bytes = record.value()
        return value


class Ends:
    """Where partitions end now, and how far a group has come: one question for any number of them.

    It asks as a member of that group would, but never joins it and never commits.
    """

    def __init__(self, settings: Settings, group: str) -> None:
        self._consumer = Consumer(reader_config(settings, **{"group.id": group, "log_level": 2}))

    def of(self, lanes: Iterable[Lane]) -> dict[Lane, int]:
        """The offset after the last record of each. Raises KafkaException."""
        asked = [TopicPartition(*lane, OFFSET_END) for lane in lanes]
        return _offsets(self._consumer.offsets_for_times(asked, PATIENCE_SECONDS)) if asked else {}

    @stamina.retry(on=is_moving, attempts=None, timeout=PATIENCE_SECONDS, wait_max=0.5)
    def done(self, lanes: Iterable[Lane]) -> dict[Lane, int]:
        """The offset that the group goes on from, 0 where it never began. Raises KafkaException."""
        asked = [TopicPartition(*lane) for lane in lanes]
        return _offsets(self._consumer.committed(asked, PATIENCE_SECONDS)) if asked else {}

    def close(self) -> None:
        """Let go."""
        self._consumer.close()


def _offsets(told: Iterable[TopicPartition]) -> dict[Lane, int]:
    found: dict[Lane, int] = {}
    for each in told:
        if each.error is not None:
            raise KafkaException(each.error)
        found[each.topic, each.partition] = max(0, each.offset)
    return found
