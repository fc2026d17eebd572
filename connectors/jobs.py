"""What runs by the clock, on procrastinate: today it archives orders that closed long ago."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from psycopg.conninfo import make_conninfo

from schemas.envelope import Message
from schemas.messages.work_orders import WorkOrderCommand
from schemas.settings import Settings
from sql import database
from sql.read_models.work_orders import closed_before
from streams import telemetry
from streams.driver import output_of
from streams.kafka.producer import Publisher

log = structlog.get_logger()

ORDERS_AT_ONCE: Final = 500
WAIT_SECONDS: Final = 2.0


def build_app(settings: Settings, publisher: Publisher) -> App:
    """The jobs and their clocks (UTC)."""
    conninfo = make_conninfo(settings.database_url, options="-c search_path=ops,public")
    app = App(connector=PsycopgConnector(conninfo=conninfo, min_size=1, max_size=4))

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="archive_closed_orders", queueing_lock="archive_closed_orders", retry=3)
    async def archive_closed_orders(timestamp: int) -> None:
        """Orders that closed long ago leave the workers' memory; their rows stay."""
        moment = datetime.fromtimestamp(timestamp, UTC)
        count = await archive(settings, publisher, moment)
        log.debug("archived", orders=count)

    return app


async def archive(settings: Settings, publisher: Publisher, moment: datetime) -> int:
    """Ask for the archiving of orders closed `archive_after_days` before a moment; how many were asked for.

    Asking twice is harmless: the id follows from the order, and who is archived already answers with a refusal.
    """
    before = moment - timedelta(days=settings.archive_after_days)
    orders = await asyncio.to_thread(_closed, settings, before)
    publisher.send_all(output_of(_command(settings.tenant_id, order, moment)) for order in orders)
    await publisher.delivered()
    return len(orders)


def _closed(settings: Settings, before: datetime) -> list[str]:
    with database.connect(settings.database_url) as connection, connection.cursor() as cursor:
        database.tenant(cursor, settings.tenant_id)
        return closed_before(cursor, before, ORDERS_AT_ONCE)


def _command(tenant_id: str, order: str, moment: datetime) -> Message[Any]:
    identity = f"archive-{order}"
    return Message(
        message_id=identity,
        type="work_order.archive",
        tenant_id=tenant_id,
        timestamp=moment,
        source_system="MRAOS",
        correlation_id=identity,
        source="jobs",
        position=0,
        received_at=moment,
        payload=WorkOrderCommand(work_order_id=order, actor="jobs", reason="closed long ago"),
    )


async def _run(settings: Settings) -> None:
    """Work jobs off until SIGTERM; Postgres may come and go."""
    stop = telemetry.stop_requested()
    publisher = Publisher(settings)
    while not stop.is_set():
        try:
            await _work(build_app(settings, publisher), stop)
        except (psycopg.OperationalError, OSError) as error:
            log.warning("postgres_is_away", reason=str(error).strip())
            await _pause(stop)


async def _work(app: App, stop: asyncio.Event) -> None:
    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(install_signal_handlers=False, concurrency=2, listen_notify=True)
        )
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((worker, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not worker.done():
            worker.cancel()
        await asyncio.gather(worker, stopping, return_exceptions=True)
        if not stop.is_set() and not worker.cancelled():
            worker.result()


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await stop.wait()
    except TimeoutError:
        return


def main(settings: Settings) -> int:
    """Run until SIGTERM. The exit code."""
    telemetry.start("jobs", settings)
    asyncio.run(_run(settings))
    telemetry.stopped()
    return 0
