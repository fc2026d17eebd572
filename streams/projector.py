"""Keeps the read models current: event topics -> rows, with the offsets in the same transaction."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
import stamina
import structlog
from confluent_kafka import KafkaException, Message
from prometheus_client import Counter, Gauge, Histogram

from schemas.codec import Unreadable, decode, encode
from schemas.settings import Settings
from sql import database, offsets
from sql.offsets import Lane, Superseded
from sql.read_models.events import Event
from sql.read_models.registry import READ_MODELS
from streams import telemetry
from streams.driver import Output, failure_output
from streams.kafka.consumer import LogReader, LogTruncated
from streams.kafka.producer import Publisher

log = structlog.get_logger()

RECORDS = Counter("projector_records", "event records projected", ["topic"])
ROWS = Counter("projector_rows", "rows written", ["topic"])
TRANSACTIONS = Counter("projector_transactions", "transactions committed")
DEAD_LETTERS = Counter("projector_dead_letters", "event records that Postgres refused")
LAG = Gauge("projector_lag_records", "records not projected yet", ["topic"])
DELAY = Histogram(
    "projector_delay_seconds",
    "from our reception of a message to its row",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
READY = Gauge("projector_ready", "1 while this projector writes")
LOCK = 7_201_001
IDLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Line:
    """One record of an event topic as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes

    @property
    def lane(self) -> Lane:
        """Its topic and partition."""
        return self.topic, self.partition


def lines(records: Sequence[Message]) -> list[Line]:
    """confluent-kafka's records as ours."""
    return [
        Line(str(each.topic()), each.partition() or 0, each.offset() or 0, _bytes(each.key()), _bytes(each.value()))
        for each in records
    ]


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


class Projector:
    """Writes batches of event records to one database. `publish` must return when its records are durable."""

    def __init__(self, connection: psycopg.Connection[Any], publish: Callable[[Sequence[Output]], None]) -> None:
        self._connection = connection
        self._publish = publish

    def offsets(self, lanes: list[Lane]) -> dict[Lane, int]:
        """Where the read models stand."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            return offsets.read(cursor, lanes)

    def project(self, batch: Sequence[Line]) -> None:
        """Write a batch and its offsets in one transaction. Raises Superseded, psycopg.Error for weather."""
        moves = _moves(batch)
        events, refused = _decoded(batch)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for (topic, tenant_id), told in _groups(events).items():
                refused += self._write(cursor, topic, tenant_id, told)
            if refused:
                DEAD_LETTERS.inc(len(refused))
                self._publish(refused)
            offsets.move(cursor, moves)
        TRANSACTIONS.inc()
        _observe(events)

    def _write(self, cursor: psycopg.Cursor[Any], topic: str, tenant_id: str, told: Sequence[Event]) -> list[Output]:
        """Write one tenant's events; those that Postgres refuses for their data become dead letters, alone."""
        try:
            with self._connection.transaction():
                database.tenant(cursor, tenant_id)
                ROWS.labels(topic).inc(READ_MODELS[topic](cursor, tenant_id, told))
        except psycopg.Error as error:
            if not database.is_data(error):
                raise
            if len(told) == 1:
                return [_refused(told[0], error)]
            half = len(told) // 2
            return [
                *self._write(cursor, topic, tenant_id, told[:half]),
                *self._write(cursor, topic, tenant_id, told[half:]),
            ]
        return []


def _moves(batch: Sequence[Line]) -> dict[Lane, tuple[int, int]]:
    """For each partition: the offset its first record has, which Postgres must name, and the one after its last."""
    moves: dict[Lane, tuple[int, int]] = {}
    for line in batch:
        first, _ = moves.get(line.lane, (line.offset, 0))
        moves[line.lane] = (first, line.offset + 1)
    return moves


def _decoded(batch: Sequence[Line]) -> tuple[list[Event], list[Output]]:
    events, refused = [], []
    for line in batch:
        try:
            events.append(Event(decode(line.value), line.topic, line.partition, line.offset))
        except Unreadable as reason:
            refused.append(_dead_letter(line.lane, line.offset, line.value, reason, None))
    return events, refused


def _groups(events: Sequence[Event]) -> dict[tuple[str, str], list[Event]]:
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        groups.setdefault((event.topic, event.message.tenant_id), []).append(event)
    return groups


def _refused(event: Event, error: psycopg.Error) -> Output:
    reason = Unreadable("REFUSED_BY_DATABASE", f"Postgres refused the row: {error.diag.message_primary or error}")
    return _dead_letter((event.topic, event.partition), event.offset, encode(event.message), reason, event)


def _dead_letter(lane: Lane, offset: int, data: bytes, reason: Unreadable, event: Event | None) -> Output:
    address = f"{lane[0]}/{lane[1]}/{offset}"
    message = event.message if event else None
    key = sha256(address.encode()).hexdigest()[:32]
    return failure_output(
        tenant_id=_tenant(message.tenant_id if message else ""),
        failure_key=key,
        moment=message.received_at if message else datetime.fromtimestamp(0, UTC),
        integration_type=f"projection_{lane[0]}".replace("-", "_"),
        data=data,
        refusal=reason,
        inbox=lane[0],
        address=address,
        message_id=message.message_id if message else None,
        correlation_id=message.correlation_id if message else key,
    )


def _tenant(tenant_id: str) -> str:
    """A tenant that Postgres takes; what names none belongs to nobody."""
    try:
        return str(UUID(tenant_id))
    except ValueError:
        return str(UUID(int=0))


def _observe(events: Sequence[Event]) -> None:
    now = datetime.now(UTC)
    for event in events:
        RECORDS.labels(event.topic).inc()
        DELAY.observe((now - event.message.received_at).total_seconds())


def main(settings: Settings) -> int:
    """Run until SIGTERM. The exit code: 0 as asked, 1 where somebody must look or another one took over."""
    telemetry.start("projector", settings)
    stop = telemetry.stop_flag()
    publisher = Publisher(settings)

    def publish(outputs: Sequence[Output]) -> None:
        publisher.send_all(outputs)
        asyncio.run(publisher.delivered())

    try:
        _run(settings, stop, publish)
    except (Superseded, LogTruncated) as error:
        log.critical("projector_stops", reason=str(error))
        return 1
    telemetry.stopped()
    return 0


def _run(settings: Settings, stop: threading.Event, publish: Callable[[Sequence[Output]], None]) -> None:
    """Write, and begin again where Postgres says, whenever Postgres or Kafka was away."""
    for attempt in stamina.retry_context(on=_is_weather, attempts=None, timeout=None, wait_max=2.0):
        with attempt:
            READY.set(0)
            if not stop.is_set():
                with _connected(settings, stop) as connection, contextlib.closing(LogReader(settings)) as reader:
                    _follow(settings, stop, Projector(connection, publish), reader)


def _is_weather(error: Exception) -> bool:
    if isinstance(error, psycopg.Error):
        log.warning("postgres_is_away", reason=str(error).strip())
        return database.is_weather(error)
    if isinstance(error, KafkaException):
        log.warning("kafka_is_away", reason=str(error))
        return True
    return False


@contextlib.contextmanager
def _connected(settings: Settings, stop: threading.Event) -> Iterator[psycopg.Connection[Any]]:
    """A connection that holds the projector's lock; a second projector waits here until the first is gone."""
    with database.connect(settings.database_url) as connection:
        connection.autocommit = True
        while not stop.is_set():
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
            if row and row[0]:
                break
            stop.wait(IDLE_SECONDS)
        yield connection


def _follow(settings: Settings, stop: threading.Event, projector: Projector, reader: LogReader) -> None:
    lanes = reader.lanes(READ_MODELS)
    reader.read_from(projector.offsets(lanes))
    READY.set(1)
    projected = dict.fromkeys(lanes, 0)
    while not stop.is_set():
        batch = lines(_gather(settings, reader))
        if batch:
            projector.project(batch)
            projected.update({line.lane: line.offset + 1 for line in batch})
        _report_lag(reader, projected)


def _gather(settings: Settings, reader: LogReader) -> list[Message]:
    """What is there; a little is given the time to become more."""
    first = reader.read(1, IDLE_SECONDS)
    if not first:
        return []
    return [*first, *reader.read(settings.projector_batch - 1, settings.projector_wait_seconds)]


def _report_lag(reader: LogReader, projected: Mapping[Lane, int]) -> None:
    lag: dict[str, int] = {}
    for (topic, partition), end in reader.ends(projected).items():
        lag[topic] = lag.get(topic, 0) + max(0, end - projected[topic, partition])
    for topic, records in lag.items():
        LAG.labels(topic).set(records)
