"""The planner: takes requests from `plan-inbox`, has them computed, keeps the results; follows the machines meanwhile.

A request is a row in Postgres and a message, said from one transaction. The planner accepts the message (a row of
`ops.plan_jobs`, with its offset, in one transaction), has a worker compute the plan from one moment of the tenant, and
writes result, event and the end of the job in one transaction. Killed at any moment, it computes once more what it had
accepted and not written; the row's status sees to it that nothing takes effect twice.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import psycopg
import structlog
from confluent_kafka import KafkaException
from prometheus_client import Counter, Gauge, Histogram
from psycopg.rows import dict_row, tuple_row

from schemas.settings import Settings
from sql import database, offsets, plans
from sql.offsets import Lane, Superseded
from sql.plans import Job
from streams import telemetry
from streams.driver import Output
from streams.kafka.consumer import LogReader, LogTruncated, lag
from streams.kafka.producer import Publisher
from streams.planning import FOLLOWED, TOPICS, results, taking, work
from streams.planning.workers import Outcome, Worker
from streams.projection import Line, lines, moves

log = structlog.get_logger()

READY = Gauge("planner_ready", "1 while this planner takes requests")
LAG = Gauge("planner_lag_records", "records not taken yet", ["topic"])
WAITING = Gauge("planner_waiting", "plans that are accepted and not finished", ["kind"])
PLANS = Counter("planner_plans", "plans that ended", ["kind", "status"])
DEAD_LETTERS = Counter("planner_dead_letters", "messages that the planner refused")
SECONDS = Histogram(
    "planner_seconds",
    "from the beginning of a computation to its result",
    ["kind"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60, 120),
)
LOCK: Final = 7_201_020
OFFSETS: Final = "ops.planning_offsets"
BATCH: Final = 500
IDLE_SECONDS: Final = 0.05
PAUSE_SECONDS: Final = 1.0
KINDS: Final = ("mrp", "schedule", "proposal")

Publish = Callable[[Sequence[Output]], None]


class Planner:
    """Accepts requests, hands them to the workers and keeps what they find, over one connection."""

    def __init__(self, connection: psycopg.Connection[Any], publish: Publish, workers: dict[str, Worker]) -> None:
        self._connection, self._publish, self._workers = connection, publish, workers
        self._begun: dict[str, datetime] = {}
        self._is_due = True

    def offsets(self, lanes: list[Lane], ends: dict[Lane, int]) -> dict[Lane, int]:
        """Where to go on. What happened to machines before anybody planned is not looked at: it begins at the end."""
        with self._connection.transaction(), self._connection.cursor(row_factory=tuple_row) as cursor:
            cursor.executemany(
                f"INSERT INTO {OFFSETS} (topic, partition, next_offset) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                [(*lane, ends[lane]) for lane in lanes if lane[0] == FOLLOWED],
            )
            return offsets.read(cursor, lanes, OFFSETS)

    def accept(self, batch: Sequence[Line]) -> None:
        """Take a batch of messages over, with their offsets. Raises Superseded, psycopg.Error for weather."""
        with self._connection.transaction():
            with self._connection.cursor(row_factory=tuple_row) as cursor:
                offsets.move(cursor, moves(batch), OFFSETS)
            with self._connection.cursor(row_factory=dict_row) as rows:
                outputs = [output for line in batch if (output := taking.take(rows, line)) is not None]
            if outputs:
                DEAD_LETTERS.inc(sum(output.topic == "integration-failures" for output in outputs))
                self._publish(outputs)
        self._is_due = True

    def finish(self) -> None:
        """Keep what workers found."""
        for worker in self._workers.values():
            if (outcome := worker.outcome()) is not None:
                self._keep(outcome)
                self._is_due = True

    def _keep(self, outcome: Outcome) -> None:
        try:
            status = self._write(outcome)
        except psycopg.Error as error:
            if not database.is_data(error):
                raise
            log.exception("a plan cannot be kept", plan=outcome.job.plan_id)
            status = self._write(outcome._replace(result=None, error=error))
        PLANS.labels(outcome.job.kind, status).inc()
        if (begun := self._begun.pop(outcome.job.plan_id, None)) is not None:
            SECONDS.labels(outcome.job.kind).observe((datetime.now(UTC) - begun).total_seconds())

    def _write(self, outcome: Outcome) -> str:
        with self._connection.transaction(), self._connection.cursor(row_factory=dict_row) as rows:
            database.tenant(rows, outcome.job.owner_id)
            return results.keep(rows, outcome, datetime.now(UTC))

    def hand_out(self) -> None:
        """Give idle workers what waits, the oldest first."""
        if not self._is_due:
            return
        with self._connection.transaction(), self._connection.cursor(row_factory=dict_row) as rows:
            waiting = plans.jobs(rows)
        self._is_due = False
        for kind in KINDS:
            its = [job for job in waiting if job.kind == kind]
            WAITING.labels(kind).set(len(its))
            for job in its:
                if self._workers[kind].is_idle:
                    self._begin(job)

    def _begin(self, job: Job) -> None:
        now = datetime.now(UTC)
        with self._connection.transaction(), self._connection.cursor(row_factory=dict_row) as rows:
            database.tenant(rows, job.owner_id)
            if job.attempts >= plans.MOST_ATTEMPTS:
                plans.end(rows, job, "failed", f"Its computation broke off {job.attempts} times.")
                return
            if not plans.begin(rows, job):
                plans.end(rows, job, "cancelled", "Somebody cancelled it.")
                return
        self._begun[job.plan_id] = now
        self._workers[job.kind].submit(job, now)


def main(settings: Settings) -> int:
    """Run until SIGTERM. The exit code: 0 as asked, 1 where somebody must look."""
    telemetry.start("planner", settings)
    stop = telemetry.stop_flag()
    publisher = Publisher(settings)
    try:
        _run(settings, stop, publisher.publish)
    except LogTruncated as error:
        log.critical("planner_stops", reason=str(error))
        return 1
    telemetry.stopped()
    return 0


def _run(settings: Settings, stop: threading.Event, publish: Publish) -> None:
    """Plan until told to stop; Postgres, Kafka and another planner are waited out."""
    while not stop.is_set():
        try:
            with (
                database.locked(settings.database_url, LOCK, stop, PAUSE_SECONDS) as connection,
                contextlib.closing(LogReader(settings)) as reader,
                _workers(settings) as workers,
            ):
                _follow(stop, Planner(connection, publish, workers), reader)
        except (KafkaException, Superseded) as error:
            log.warning("planning_waits", reason=str(error))
        except psycopg.Error as error:
            if not database.is_weather(error):
                raise
            log.warning("postgres_is_away", reason=str(error).strip())
        finally:
            READY.set(0)
        stop.wait(PAUSE_SECONDS)


@contextlib.contextmanager
def _workers(settings: Settings) -> Iterator[dict[str, Worker]]:
    """A process for each kind of plan; they end with the planner."""
    made = {kind: Worker(partial(work.compute, settings.database_url, settings.plant_timezone)) for kind in KINDS}
    try:
        yield made
    finally:
        for worker in made.values():
            worker.close()


def _follow(stop: threading.Event, planner: Planner, reader: LogReader) -> None:
    if stop.is_set():
        return
    found = reader.lanes(TOPICS)
    at = planner.offsets(found, reader.ends_now(lane for lane in found if lane[0] == FOLLOWED))
    reader.read_from(at)
    READY.set(1)
    while not stop.is_set():
        if batch := lines(reader.read(BATCH, IDLE_SECONDS)):
            planner.accept(batch)
            at.update({line.lane: line.offset + 1 for line in batch})
        planner.finish()
        planner.hand_out()
        for topic, records in lag(reader.ends(at), at).items():
            LAG.labels(topic).set(records)
