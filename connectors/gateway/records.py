"""Reads exact records of the log by topic, partition and offset: bounded, and for many requests at once."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.gateway.problems import Problem, unavailable
from schemas.settings import Settings
from streams.kafka.consumer import Lane
from streams.topology import TOPOLOGY

READERS: Final = 2
PATIENCE_SECONDS: Final = 15.0
# Records in between are cheaper to read than a jump over them.
JUMP: Final = 4_000
BATCH: Final = 5_000
_INBOXES: Final = {processor.name: processor.inbox for processor in TOPOLOGY}


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Record(NamedTuple):
    """A record as the log has it."""

    place: Place
    key: bytes
    value: bytes
    timestamp_ms: int


class Read(NamedTuple):
    """The records that were found, and for each other place a sentence that says why not."""

    records: dict[Place, Record]
    missing: dict[Place, str]


def cause_of(message_id: str) -> Place | None:
    """The inbox record that led to a message of ours (`machines-5-998-0`); None for a message from outside."""
    name, *numbers = message_id.rsplit("-", 3)
    if name not in _INBOXES or len(numbers) != 3 or not all(number.isdecimal() for number in numbers):
        return None
    return Place(_INBOXES[name], int(numbers[0]), int(numbers[1]))


class Records:
    """Some consumers that belong to no group and commit nothing; a request has one for itself while it reads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._free: Queue[Consumer | None] = Queue()
        for _ in range(READERS):
            self._free.put(None)

    def read(self, places: Iterable[Place]) -> Read:
        """Read these records. Raises Problem 503 where Kafka is away, busy or too slow."""
        found = Read({}, {})
        until = time.monotonic() + PATIENCE_SECONDS
        with self._consumer() as consumer:
            try:
                for lane, offsets in _by_lane(places).items():
                    _read_lane(consumer, lane, offsets, found, until)
                consumer.unassign()
            except KafkaException as error:
                raise unavailable("Kafka") from error
        return found

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        """One of the consumers, made at its first use. One that failed is not used again."""
        try:
            consumer = self._free.get(timeout=PATIENCE_SECONDS)
        except Empty as error:
            raise Problem(503, "Others are reading the log; try again.", {"Retry-After": "5"}) from error
        try:
            consumer = consumer or Consumer(_config(self._settings))
            yield consumer
        except BaseException:
            if consumer is not None:
                consumer.close()
            consumer = None
            raise
        finally:
            self._free.put(consumer)

    def close(self) -> None:
        """Let go."""
        for _ in range(READERS):
            if (consumer := self._free.get(timeout=PATIENCE_SECONDS)) is not None:
                consumer.close()


def _config(settings: Settings) -> dict[str, object]:
    return settings.kafka(
        **{
            "group.id": "mfg-passports",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 20,
            "queued.max.messages.kbytes": 8 * 1024,
            "log_level": 2,
        }
    )


def _by_lane(places: Iterable[Place]) -> dict[Lane, list[int]]:
    lanes: dict[Lane, set[int]] = {}
    for topic, partition, offset in places:
        lanes.setdefault((topic, partition), set()).add(offset)
    return {lane: sorted(offsets) for lane, offsets in lanes.items()}


def _read_lane(consumer: Consumer, lane: Lane, offsets: Sequence[int], found: Read, until: float) -> None:
    """Read one partition's records, jumping over what nobody asked for."""
    topic, partition = lane
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
    except KafkaException as error:
        if error.args[0].code() not in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION):
            raise
        first = end = 0
    there = [offset for offset in offsets if first <= offset < end]
    for offset in offsets:
        place = Place(topic, partition, offset)
        if offset < first:
            found.missing[place] = f"{place} is no longer in the log: retention removed what stood before {first}."
        elif offset >= end:
            found.missing[place] = f"{place} was never written: the log ends at {end - 1}."
    for run in _runs(there):
        consumer.assign([TopicPartition(topic, partition, run[0])])
        _read_run(consumer, lane, run, found, until)


def _runs(offsets: Sequence[int]) -> Iterator[list[int]]:
    """Offsets that are read at once."""
    run: list[int] = []
    for offset in offsets:
        if run and offset - run[-1] > JUMP:
            yield run
            run = []
        run.append(offset)
    if run:
        yield run


def _read_run(consumer: Consumer, lane: Lane, run: Sequence[int], found: Read, until: float) -> None:
    wanted, last = set(run), run[-1]
    position = run[0]
    while position <= last:
        if time.monotonic() > until:
            raise Problem(503, f"Kafka did not deliver {lane[0]}/{lane[1]} in time; try again.", {"Retry-After": "5"})
        for message in consumer.consume(min(BATCH, last - position + 1), 0.2):
            offset = _offset(message)
            if (message.topic(), message.partition()) != lane or offset is None:
                continue
            position = offset + 1
            if offset in wanted:
                place = Place(*lane, offset)
                found.records[place] = Record(
                    place, message.key() or b"", message.value() or b"", message.timestamp()[1]
                )
    for offset in wanted:
        place = Place(*lane, offset)
        if place not in found.records:
            found.missing[place] = f"{place} is not in the log."


def _offset(message: Message) -> int | None:
    """A record's offset. Raises KafkaException for an error that does not pass by itself."""
    error = message.error()
    if error is None:
        return int(message.offset())
    if error.fatal() or error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise KafkaException(error)
    return None
