"""The process `jobs`: reacts to events, makes deliveries, runs what runs by the clock. Two of them share the work.

procrastinate carries attempts and runs: a queue for each external system, so that a slow one holds up nobody else,
one for the clock, one for what people's changes say (`sql/outbox.py`). What a process that died had begun is taken
back from it.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg
import structlog
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from psycopg.conninfo import make_conninfo
from psycopg_pool import PoolTimeout

from connectors import exporter, foreign, reactor
from connectors.clockwork import Clockwork
from connectors.credentials import Unsealable, secret
from connectors.database import Database
from connectors.deliveries import metrics
from connectors.deliveries.breakers import FIGURES, STATE
from connectors.deliveries.kind import Rows
from connectors.deliveries.runner import Runner
from connectors.deliveries.transactions import KafkaIsAway, Transactions
from connectors.repairs import dispatcher
from connectors.resilience import wait
from connectors.transports.files import Files
from connectors.transports.mail import Post
from connectors.transports.rest import Rest
from schemas.settings import Settings
from sql import circuits, clock_runs, deliveries, outbox, queue
from sql.reads.deliveries import pending
from streams import telemetry
from streams.driver import Output
from streams.kafka.producer import Publisher

log = structlog.get_logger()

AT_ONCE_PER_SYSTEM: Final = 4
AT_ONCE_BY_CLOCK: Final = 2
AT_ONCE_FROM_OUTBOX: Final = 4
THREADS: Final = 24
WAIT_SECONDS: Final = 2.0
ANNOUNCE_SECONDS: Final = 0.5
POLL_SECONDS: Final = 10.0
"""Only where an announcement was lost."""
HEARTBEAT_SECONDS: Final = 3.0
STALLED_SECONDS: Final = 12.0
HEAL_SECONDS: Final = 3.0
GRACE_SECONDS: Final = 4.0
AGAIN: Final = RetryStrategy(wait=2)
"""Weather, and a process that ends while it works: the job goes back to the queue, however often."""


@dataclass(slots=True)
class Parts:
    """What the process is made of."""

    settings: Settings
    transactions: Transactions
    runner: Runner
    clockwork: Clockwork
    connector: PsycopgConnector

    def delivering(self) -> App:
        """The jobs that make deliveries, and those that publish what transactions had to say."""
        app = App(connector=self.connector)

        @app.task(name=deliveries.TASK, retry=AGAIN)
        async def deliver(tenant_id: str, delivery_id: str) -> None:
            """Make an attempt."""
            with _told(delivery_id):
                await self.runner.attempt(tenant_id, delivery_id)

        @app.task(name=outbox.TASK, retry=AGAIN)
        async def say(topic: str, key: str, value: str) -> None:
            """Publish what a transaction had to say."""
            with _told(f"say {key}"):
                output = Output(topic, key.encode(), value.encode())
                await asyncio.to_thread(self.transactions.publish, [output])

        return app

    def ticking(self) -> App:
        """The jobs by the clock, and the tick that looks which are due."""
        app = App(connector=self.connector)

        @app.task(name=clock_runs.TASK, retry=AGAIN)
        async def run_clock_job(tenant_id: str, run_id: str) -> None:
            """Make a run."""
            with _told(run_id):
                await asyncio.to_thread(self.clockwork.run, tenant_id, run_id)

        @app.periodic(cron="* * * * *")
        @app.task(name="tick", queue=clock_runs.QUEUE, queueing_lock="tick", lock="tick", retry=AGAIN)
        async def tick(timestamp: int) -> None:
            """Ask for the runs that are due."""
            with _told("tick"):
                await self.transactions.in_thread(
                    self.settings.tenant_id, lambda rows: self.clockwork.tick(rows, datetime.now(UTC))
                )

        return app


@contextlib.contextmanager
def _told(job: str) -> Iterator[None]:
    """A job that fails goes back to the queue, and somebody hears of it."""
    try:
        yield
    except (psycopg.OperationalError, PoolTimeout, KafkaIsAway) as error:
        log.warning("a job waits for better weather", job=job, reason=str(error).strip())
        raise
    except Exception:
        log.exception("a job failed and will be tried again", job=job)
        raise


async def _run(settings: Settings) -> None:
    """Work until SIGTERM; Postgres and Kafka may come and go."""
    stop, stop_threads = telemetry.stop_requested(), threading.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="jobs"))
    transactions = Transactions(database := Database(settings), Publisher(settings))
    database.open()
    reacting = asyncio.create_task(asyncio.to_thread(reactor.run, settings, stop_threads, transactions.publish))
    working = asyncio.create_task(_work_on(settings, transactions, stop))
    hearing = [asyncio.create_task(foreign.run(settings, stop, each)) for each in foreign.FOREIGN.values()]
    repairing = asyncio.create_task(asyncio.to_thread(dispatcher.run, settings, stop_threads, transactions.publish))
    try:
        done, _ = await asyncio.wait((reacting, working, repairing, *hearing), return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        stop.set()
        stop_threads.set()
        await asyncio.gather(reacting, working, repairing, *hearing, return_exceptions=True)
        database.close()


async def _work_on(settings: Settings, transactions: Transactions, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            async with _parts(settings, transactions) as parts:
                await _work(parts, stop)
        except (psycopg.OperationalError, ConnectorException, PoolTimeout, OSError) as error:
            log.warning("postgres_is_away", reason=str(error).strip())
            await wait(stop, WAIT_SECONDS)


@contextlib.asynccontextmanager
async def _parts(settings: Settings, transactions: Transactions) -> AsyncIterator[Parts]:
    async def ask(name: str) -> str | None:
        try:
            return await transactions.in_thread(settings.tenant_id, lambda rows: secret(settings, rows, name))
        except Unsealable as error:
            log.error("a credential cannot be read", credential=name, reason=str(error))
            return None

    conninfo = make_conninfo(settings.database_url, options="-c search_path=ops,public")
    connector = PsycopgConnector(conninfo=conninfo, min_size=1, max_size=6)
    rest = Rest(settings, ask)
    runner = Runner(settings, transactions, rest, Files(settings, ask), Post(settings, ask))
    try:
        yield Parts(settings, transactions, runner, Clockwork(settings, transactions), connector)
    finally:
        await rest.close()


async def _work(parts: Parts, stop: asyncio.Event) -> None:
    """Work jobs off until told to stop. Raises what ends one of the workers."""
    ticking, delivering = parts.ticking(), parts.delivering()
    async with ticking.open_async():
        running = [
            asyncio.ensure_future(each)
            for each in (
                _worker(ticking, clock_runs.QUEUE, AT_ONCE_BY_CLOCK),
                _worker(delivering, outbox.QUEUE, AT_ONCE_FROM_OUTBOX),
                *(_worker(delivering, deliveries.queue_of(name), AT_ONCE_PER_SYSTEM) for name in deliveries.SYSTEMS),
                _look_after(parts, delivering, stop),
                _announce(parts, stop),
                stop.wait(),
            )
        ]
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for each in done:
            each.result()


def _worker(app: App, name: str, at_once: int) -> Awaitable[None]:
    return app.run_worker_async(
        queues=[name],
        name=name,
        concurrency=at_once,
        install_signal_handlers=False,
        listen_notify=True,
        fetch_job_polling_interval=POLL_SECONDS,
        update_heartbeat_interval=HEARTBEAT_SECONDS,
        stalled_worker_timeout=STALLED_SECONDS,
        shutdown_graceful_timeout=GRACE_SECONDS,
        delete_jobs="successful",
    )


async def _look_after(parts: Parts, app: App, stop: asyncio.Event) -> None:
    """Take back what dead processes had begun, make lost jobs again, and keep the figures current."""
    while not stop.is_set():
        await _take_back(app)
        await parts.transactions.in_thread(parts.settings.tenant_id, _heal)
        await wait(stop, HEAL_SECONDS)


async def _announce(parts: Parts, stop: asyncio.Event) -> None:
    """One question for all queues, instead of one from each worker."""
    while not stop.is_set():
        await parts.transactions.in_thread(parts.settings.tenant_id, queue.announce)
        await wait(stop, ANNOUNCE_SECONDS)


async def _take_back(app: App) -> None:
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        log.warning("a job of a process that died goes back to the queue", job=job.call_string)
        metrics.HEALED.inc()
        try:
            await app.job_manager.retry_job(job)
        except ConnectorException as error:
            # Another process was quicker, or the next job of the delivery waits already: this one is needless.
            log.debug("not taken back", job=job.call_string, reason=str(error))
            with contextlib.suppress(ConnectorException):
                await app.job_manager.finish_job_by_id_async(job.id or 0, Status.ABORTED, delete_job=True)


def _heal(rows: Rows) -> None:
    made = deliveries.reschedule_orphans(rows) + clock_runs.reschedule_orphans(rows)
    metrics.HEALED.inc(made)
    counts = {row["external_system"]: row for row in pending(rows)}
    for system in deliveries.SYSTEMS:
        row = counts.get(system)
        metrics.PENDING.labels(system).set(row["deliveries"] if row else 0)
        metrics.OLDEST.labels(system).set(row["oldest_seconds"] if row else 0)
    for breaker in circuits.states(rows):
        STATE.labels(breaker["external_system"]).set(FIGURES[breaker["state"]])


def main(settings: Settings) -> int:
    """Run until SIGTERM. The exit code."""
    telemetry.start("jobs", settings)
    exporter.export(settings)
    # What procrastinate tells of each job is ours to tell where it matters.
    logging.getLogger("procrastinate").setLevel(max(logging.WARNING, logging.getLogger().level))
    try:
        asyncio.run(_run(settings))
    except Exception:
        log.exception("the process ends and will be started again; what it had begun is taken up again")
        return 1
    telemetry.stopped()
    return 0
