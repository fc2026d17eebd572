"""What every process that listens to a source has in common: logs, the outbox, and a clean end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog
import uvloop

from connectors.held_lines import HeldLines
from connectors.outbox import Outbox
from connectors.spool import Spool
from schemas.settings import Settings
from streams import telemetry
from streams.kafka.producer import Publisher

FINISH_SECONDS: Final = 6.0

Source = Callable[[Outbox, HeldLines, asyncio.Event], Awaitable[None]]
log = structlog.get_logger()


def run_source(name: str, settings: Settings, lines: Iterable[str], source: Source) -> int:
    """Run a source with its lines into Kafka until SIGTERM (0), or until something unexpected happens (1)."""
    telemetry.start(name, settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_run(name, settings, lines, source))
        except Exception:
            log.exception("the process ends and will be started again; what is not acknowledged comes again")
            return 1
    telemetry.stopped()
    return 0


async def _run(name: str, settings: Settings, lines: Iterable[str], source: Source) -> None:
    stop = telemetry.stop_requested()
    spool = Spool(settings.spool_dir / f"{name}.sqlite", settings.spool_max_bytes)
    outbox = Outbox(Publisher(settings), spool)
    held_lines = HeldLines(settings, name, lines, outbox)
    sending = asyncio.create_task(outbox.run())
    listening = asyncio.create_task(_listen(source, outbox, held_lines, stop))
    try:
        await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
        outbox.close()
        async with asyncio.timeout(FINISH_SECONDS):
            await sending
    finally:
        stop.set()
        listening.cancel()
        sending.cancel()
        await asyncio.gather(listening, sending, return_exceptions=True)
        held_lines.close()
        spool.close()


async def _listen(source: Source, outbox: Outbox, held_lines: HeldLines, stop: asyncio.Event) -> None:
    await held_lines.begin()
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(held_lines.run())
        await source(outbox, held_lines, stop)
        looking.cancel()
