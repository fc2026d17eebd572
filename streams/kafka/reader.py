"""Reads the inbox partitions that are ours, fast: librdkafka fetches and unpacks in its own threads."""

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.settings import Settings
from streams.driver import Record

Lane = tuple[str, int]
"""A topic and one of its partitions."""

MOST_RECORDS: Final = 2_000
READ_TO_THE_END: Final = {"enable.partition.eof": True, "auto.offset.reset": "earliest"}
RECORDS_AT_ONCE: Final = 5_000
"""How many records of what is read to its end are taken with one call."""
MOVING: Final = frozenset(
    {
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
    }
)
"""A group's coordinator is not settled yet; it passes by itself."""


def reader_config(settings: Settings, **options: object) -> dict[str, object]:
    """A consumer that belongs to no group: what it reads and where it begins is told from outside."""
    config = settings.kafka(
        **{
            "group.id": "mfg-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 16 * 1024,
        }
    )
    return config | options


def lane_of(record: Message) -> Lane:
    """Where a record, or an error of a partition, comes from."""
    topic, partition = record.topic(), record.partition()
    assert topic is not None
    assert partition is not None
    return topic, partition


def ends_partition(error: KafkaError) -> bool:
    """Whether an error only says that a partition was read to its end. Raises KafkaException for one that stays."""
    if error.code() == KafkaError._PARTITION_EOF:
        return True
    if not error.retriable():
        raise KafkaException(error)
    return False


def is_moving(error: Exception) -> bool:
    """Whether the broker that knows a group's offsets is being found: after a start, or when another takes over."""
    return isinstance(error, KafkaException) and error.args[0].code() in MOVING


class Reader:
    """Batches of records from given offsets on. All calls to librdkafka happen in one thread, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = Consumer(reader_config(settings))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._lanes: frozenset[Lane] = frozenset()

    async def _call(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def begin(self, start: Mapping[Lane, int]) -> None:
        """Read these partitions from these offsets, and no others."""
        self._lanes = frozenset(start)
        await self._call(self._consumer.assign, _partitions(start))

    async def read_from(self, lane: Lane, offset: int) -> None:
        """Read one of them on from this offset."""
        if lane in self._lanes:
            await self._call(self._step_back, lane, offset)

    def _step_back(self, lane: Lane, offset: int) -> None:
        self._consumer.incremental_unassign([TopicPartition(*lane)])
        self._consumer.incremental_assign([TopicPartition(*lane, offset)])

    async def read(self, timeout_seconds: float) -> dict[Lane, list[Record]]:
        """What has arrived, by partition; waits for the first record and for no other."""
        batches: dict[Lane, list[Record]] = await self._call(self._read, timeout_seconds)
        return batches

    def _read(self, timeout_seconds: float) -> dict[Lane, list[Record]]:
        batches: dict[Lane, list[Record]] = {}
        for message in self._arrived(timeout_seconds):
            if (error := message.error()) is not None:
                if not error.retriable():
                    raise KafkaException(error)
                continue
            record = Record(message.offset(), message.key() or b"", message.value() or b"", message.timestamp()[1])
            lane = (message.topic(), message.partition())
            batch = batches.get(lane)
            if batch is None:
                batches[lane] = [record]
            else:
                batch.append(record)
        return batches

    def _arrived(self, timeout_seconds: float) -> Iterable[Any]:
        first = self._consumer.consume(1, timeout_seconds)
        return [*first, *self._consumer.consume(MOST_RECORDS, 0)] if first else ()

    async def ends(self) -> dict[Lane, int]:
        """Where the partitions end, as the last fetch told."""
        ends: dict[Lane, int] = await self._call(self._known_ends)
        return ends

    def _known_ends(self) -> dict[Lane, int]:
        found = {}
        for lane in self._lanes:
            watermarks = self._consumer.get_watermark_offsets(TopicPartition(*lane), cached=True)
            if watermarks is not None and watermarks[1] >= 0:
                found[lane] = watermarks[1]
        return found


def _partitions(start: Mapping[Lane, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition, offset) for (topic, partition), offset in start.items()]
