"""Keeps the read models current: event topics -> rows, with the offsets in the same transaction."""

import contextlib
import threading
import time
from collections import Counter as Counts
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import stamina
import structlog
from confluent_kafka import KafkaException, Message
from prometheus_client import Counter, Gauge, Histogram

from schemas.settings import Settings
from sql import database, offsets
from sql.offsets import Lane, Superseded
from sql.read_models.events import Event
from sql.read_models.registry import READ_MODELS
from streams import integration_metrics, telemetry
from streams.driver import Output
from streams.kafka.consumer import LogReader, LogTruncated, lag
from streams.kafka.producer import Publisher
from streams.projection import Line, lines, moves, write

log = structlog.get_logger()

RECORDS = Counter("projector_records", "event records projected", ["topic"])
ROWS = Counter("projector_rows", "rows written", ["topic"])
TRANSACTIONS = Counter("projector_transactions", "transactions committed")
DEAD_LETTERS = Counter("projector_dead_letters", "event records that Postgres refused")
LAG = Gauge("projector_lag_records", "records not projected yet", ["topic"])
DELAY = Histogram(
    "projector_delay_seconds",
    "from our reception of a message to its row, for the oldest one of each transaction",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
READY = Gauge("projector_ready", "1 while this projector writes")
LOCK = 7_201_001
IDLE_SECONDS = 0.25
# So many records are a transaction that is worth its price at once; fewer wait for the pace.
FEW = 50


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
        """Write a batch and its offsets in one transaction. Raises Superseded, psycopg.Error for weather.

        The offsets come first: a zombie is stopped before it writes anything, and whoever holds the offsets (a
        rebuild) holds every projector, without a deadlock over the rows.
        """
        with self._connection.transaction(), self._connection.cursor() as cursor:
            offsets.move(cursor, moves(batch))
            written = write(cursor, batch)
            if written.refused:
                DEAD_LETTERS.inc(len(written.refused))
                self._publish(written.refused)
        TRANSACTIONS.inc()
        for topic, rows in written.rows.items():
            ROWS.labels(topic).inc(rows)
        _observe(written.events)


def _observe(events: Sequence[Event]) -> None:
    """Count what was written, and tell how long the one that waited longest did."""
    for topic, records in Counts(event.topic for event in events).items():
        RECORDS.labels(topic).inc(records)
    integration_metrics.observe([event.message for event in events])
    if events:
        oldest = min(event.message.received_at for event in events)
        DELAY.observe((datetime.now(UTC) - oldest).total_seconds())


def main(settings: Settings) -> int:
    """Run until SIGTERM. The exit code: 0 as asked, 1 where somebody must look or another one took over."""
    telemetry.start("projector", settings)
    stop = telemetry.stop_flag()
    publisher = Publisher(settings)
    try:
        _run(settings, stop, publisher.publish)
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
                with (
                    database.locked(settings.database_url, LOCK, stop, IDLE_SECONDS) as connection,
                    contextlib.closing(LogReader(settings)) as reader,
                ):
                    _follow(settings, stop, Projector(connection, publish), reader)


def _is_weather(error: Exception) -> bool:
    if isinstance(error, psycopg.Error):
        log.warning("postgres_is_away", reason=str(error).strip())
        return database.is_weather(error)
    if isinstance(error, KafkaException):
        log.warning("kafka_is_away", reason=str(error))
        return True
    return False


def _follow(settings: Settings, stop: threading.Event, projector: Projector, reader: LogReader) -> None:
    lanes = reader.lanes(READ_MODELS)
    projected = projector.offsets(lanes)
    reader.read_from(projected)
    READY.set(1)
    began = 0.0
    while not stop.is_set():
        batch = lines(_gather(settings, reader, began))
        if batch:
            began = time.monotonic()
            projector.project(batch)
            projected.update({line.lane: line.offset + 1 for line in batch})
        _report_lag(reader, projected)


def _gather(settings: Settings, reader: LogReader, began: float) -> list[Message]:
    """What is there; a little is given the time to become more.

    An event after a pause is written at once. In a trickle transactions begin no faster than the pace: at 17 messages
    a second each would be one of its own, and three quarters of the work are the transactions.
    """
    first = reader.read(1, IDLE_SECONDS)
    if not first:
        return []
    pace = settings.projector_pace_seconds - (time.monotonic() - began)
    few = min(FEW, settings.projector_batch)
    batch = [*first, *reader.read(few - 1, max(settings.projector_wait_seconds, pace))]
    room = settings.projector_batch - len(batch)
    return [*batch, *reader.read(room, settings.projector_wait_seconds)] if len(batch) >= few and room else batch


def _report_lag(reader: LogReader, projected: Mapping[Lane, int]) -> None:
    for topic, records in lag(reader.ends(projected), projected).items():
        LAG.labels(topic).set(records)
