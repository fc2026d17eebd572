"""Reads a foreign Kafka topic in a consumer group: nothing is committed but what was made durable elsewhere."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import structlog
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.settings import Settings
from streams.kafka.reader import MOVING

log = structlog.get_logger()

MOST_RECORDS: Final = 1_000
LONGEST_PAUSE_MS: Final = 24 * 60 * 60 * 1000
PATIENCE_SECONDS: Final = 5.0
# A commit that comes after the partitions moved on: their new owner reads these records again.
TOO_LATE: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError._ASSIGNMENT_LOST,
        KafkaError._STATE,
        KafkaError._NO_OFFSET,
    }
)


class NotLetIn(Exception):
    """Kafka answers, and its group has had no place for us for too long. A new reader is let in, or asks again."""


class Heard(NamedTuple):
    """A record of a foreign topic. `at` is when the broker, or its producer, stamped it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    at: datetime

    @property
    def address(self) -> str:
        """Where it lies."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class GroupReader:
    """Batches of a topic's records. All calls to librdkafka happen in one thread, one after the other.

    librdkafka comes back to its group by itself; once in a while it does not (seen: a broker that froze for 20 s and
    was killed 3 s after it woke), and reads nothing for ever. So who has had no place in the group for twice the
    session timeout, though Kafka answers, is given up.
    """

    def __init__(self, settings: Settings, topic: str, group: str) -> None:
        self._consumer = Consumer(
            settings.kafka(
                **{
                    "group.id": group,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "auto.offset.reset": "earliest",
                    "isolation.level": "read_committed",
                    "fetch.queue.backoff.ms": 5,
                    "fetch.wait.max.ms": 100,
                    "queued.max.messages.kbytes": 16 * 1024,
                    "session.timeout.ms": settings.session_timeout_ms,
                    "max.poll.interval.ms": LONGEST_PAUSE_MS,
                    "log_level": 0,
                }
            )
        )
        self._topic = topic
        self._let_in_within = 2 * settings.session_timeout_ms / 1000
        self._outside_since: float | None = time.monotonic()
        self._consumer.subscribe([topic], on_assign=self._come_in, on_revoke=self._go_out, on_lost=self._go_out)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=group)

    async def _call(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def read(self, timeout_seconds: float) -> Sequence[Heard]:
        """What has arrived; waits for the first record and for no other.

        Raises KafkaException for what is fatal, and NotLetIn.
        """
        records: Sequence[Heard] = await self._call(self._read, timeout_seconds)
        return records

    def _read(self, timeout_seconds: float) -> Sequence[Heard]:
        first = self._consumer.consume(1, timeout_seconds)
        found = [*first, *self._consumer.consume(MOST_RECORDS, 0)] if first else []
        self._look_for_our_place()
        return [_heard(message) for message in found if _is_record(message)]

    def _come_in(self, *_: object) -> None:
        self._outside_since = None

    def _go_out(self, *_: object) -> None:
        self._outside_since = time.monotonic()

    def _look_for_our_place(self) -> None:
        """Raises NotLetIn."""
        if self._outside_since is None or time.monotonic() - self._outside_since < self._let_in_within:
            return
        try:
            self._consumer.list_topics(self._topic, timeout=PATIENCE_SECONDS)
        except KafkaException as error:
            log.debug("kafka_is_away", reason=str(error.args[0]))
            self._outside_since = time.monotonic()
            return
        sentence = f"The group had no place for us for {self._let_in_within:g} s, though Kafka answers."
        raise NotLetIn(sentence)

    async def commit(self, records: Iterable[Heard]) -> None:
        """These and all before them are done. Waits while Kafka is away only so long; then they are read again."""
        await self._call(self._commit, records)

    def _commit(self, records: Iterable[Heard]) -> None:
        ends: dict[tuple[str, int], int] = {}
        for record in records:
            lane = (record.topic, record.partition)
            ends[lane] = max(ends.get(lane, 0), record.offset + 1)
        if not ends:
            return
        try:
            done = self._consumer.commit(
                offsets=[TopicPartition(topic, partition, end) for (topic, partition), end in ends.items()],
                asynchronous=False,
            )
        except KafkaException as error:
            _judge(error.args[0])
            return
        for each in done or ():
            if each.error is not None:
                _judge(each.error)

    async def close(self) -> None:
        """Leave the group, so that others go on at once."""
        await self._call(self._consumer.close)
        self._thread.shutdown(wait=False)


def _is_record(message: Any) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.fatal():
        raise KafkaException(error)
    log.debug("kafka_is_away", reason=error.str())
    return False


def _judge(error: KafkaError) -> None:
    """Whoever owns the partitions now reads on from the last commit; weather passes. Raises KafkaException else."""
    if error.code() not in TOO_LATE and not error.retriable() and error.code() not in _WEATHER:
        raise KafkaException(error)
    log.debug("commit_came_too_late", reason=error.str())


_WEATHER: Final = MOVING | frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._WAIT_COORD,
        KafkaError.REQUEST_TIMED_OUT,
    }
)


def _heard(message: Any) -> Heard:
    kind, stamped = message.timestamp()
    is_stamped = kind != TIMESTAMP_NOT_AVAILABLE and stamped > 0
    return Heard(
        message.topic(),
        message.partition(),
        message.offset(),
        message.key() or b"",
        message.value() or b"",
        datetime.fromtimestamp(stamped / 1000, UTC) if is_stamped else datetime.now(UTC),
    )
