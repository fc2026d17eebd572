"""The topology as Faust agents: one process that folds all inboxes; several share the partitions among them.

An agent only hands on the batches of its inbox; `rounds` does the work for all of them. Anything unexpected ends the
process at once and without cleaning up, and the runner starts it again: what was not done comes again (DESIGN 5).
"""

import asyncio
import faulthandler
import os
import signal
import ssl
import sys
import time
from collections.abc import Coroutine, Mapping
from typing import Any, Final, NoReturn

import faust
import structlog
import uvloop
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas.settings import Settings
from streams import round_metrics as metrics
from streams import telemetry
from streams.driver import Processor
from streams.faust_batches import BatchApp, BatchConsumer, StateTable
from streams.kafka.producer import Publisher
from streams.kafka.reader import Lane, Reader
from streams.rounds import Rounds
from streams.states import Tables
from streams.stopped_lines import StoppedLines
from streams.topology import GROUP, TOPOLOGY

LOOK_SECONDS: Final = 1.0
STALLED_LOOKS: Final = 2
NOT_PROGRESSING_SECONDS: Final = 120.0
STOP_SECONDS: Final = 8.0

log = structlog.get_logger()


def build_app(settings: Settings, topology: tuple[Processor, ...], reader: Reader) -> BatchApp:
    """The Faust app: settings that keep Faust to membership, assignment, fetching, agents and tables."""
    session_seconds = settings.session_timeout_ms / 1000
    settings.spool_dir.mkdir(parents=True, exist_ok=True)
    return BatchApp(
        GROUP,
        inboxes=frozenset(processor.inbox for processor in topology),
        reader=reader,
        broker=[f"kafka://{host}" for host in settings.kafka_bootstrap.split(",")],
        broker_credentials=_credentials(settings),
        broker_session_timeout=session_seconds,
        broker_heartbeat_interval=session_seconds / 5,
        broker_rebalance_timeout=max(30.0, session_seconds),
        broker_commit_interval=1.0,
        broker_max_poll_interval=NOT_PROGRESSING_SECONDS,
        stream_buffer_maxsize=4,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        store="memory://",
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        web_enabled=False,
        agent_supervisor="mode.supervisors.CrashingSupervisor",
        autodiscover=False,
        datadir=str(settings.spool_dir / "faust"),
    )


def _credentials(settings: Settings) -> Any:
    protocol = settings.kafka_security_protocol
    context = ssl.create_default_context(cafile=settings.kafka_ca_location) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context else None


class Agents:
    """The process: Faust, the rounds and their supervision."""

    def __init__(self, settings: Settings, topology: tuple[Processor, ...]) -> None:
        self._reader = Reader(settings)
        self._app = build_app(settings, topology, self._reader)
        states = {}
        for processor in topology:
            table = self._app.Table(processor.name, key_type=bytes, value_type=bytes, partitions=settings.partitions)
            assert isinstance(table, StateTable)
            states[processor.name] = table.states
            self._app.agent(self._app.inbox(processor.inbox), name=processor.name)(self._hand_on)
        self._consumer: BatchConsumer = self._app.consumer
        self._publisher = Publisher(settings)
        self._tables = Tables(settings, topology, states)
        self._lines = StoppedLines(
            settings,
            "agents",
            [processor.inbox for processor in topology],
            lambda alert: self._publisher.send_all([alert]),
            lambda inbox: self._rounds.resume(inbox),
        )
        boxes = settings.spool_dir / "agents"
        self._rounds = Rounds(topology, self._tables, self._publisher, self._consumer, boxes, self._lines)
        self._app.on_positions = self._rounds.wake
        self._stop = asyncio.Event()

    async def _hand_on(self, stream: Any) -> None:
        """The agent of every inbox."""
        with _ending_the_process("agent"):
            async for event in stream.events():
                for lane, records in event.value.items():
                    await self._rounds.put(lane, records)

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stop.set)
        self._starting = loop.create_task(self._guarded(self._app.start(), "faust"))
        rounds = loop.create_task(self._guarded(self._rounds.run(), "rounds"))
        watch = loop.create_task(self._guarded(self._watch(), "watch"))
        lines = loop.create_task(self._guarded(self._lines.run(), "lines"))
        await self._stop.wait()
        watch.cancel()
        lines.cancel()
        self._rounds.stop()
        await asyncio.wait_for(self._land(rounds), STOP_SECONDS)

    async def _land(self, rounds: asyncio.Task[None]) -> None:
        """Finish what is in flight, commit it, and leave the group, so that others take over at once."""
        await rounds
        if self._consumer.started:
            await self._consumer.commit()
            await self._consumer.leave()

    @staticmethod
    async def _guarded(work: Coroutine[Any, Any, Any], name: str) -> None:
        with _ending_the_process(name):
            await work

    async def _watch(self) -> None:
        """Heal what Faust dropped without a successor, and end the process when nothing moves."""
        behind: dict[Lane, tuple[int, int]] = {}
        moved_at, last_seen = time.monotonic(), None
        while True:
            faulthandler.dump_traceback_later(NOT_PROGRESSING_SECONDS, exit=True)
            await asyncio.sleep(LOOK_SECONDS)
            if self._app.crashed:
                raise RuntimeError("Faust crashed.") from self._app.crash_reason
            behind = await self._heal(behind)
            seen = (dict(self._rounds.guard.expected), self._consumer.epoch, self._tables.restored)
            if seen != last_seen or self._is_idle(behind):
                moved_at, last_seen = time.monotonic(), seen
            elif time.monotonic() - moved_at > NOT_PROGRESSING_SECONDS:
                if await asyncio.to_thread(self._publisher.is_kafka_reachable):
                    raise RuntimeError(f"Nothing moved for {NOT_PROGRESSING_SECONDS:.0f} s although Kafka answers.")
                moved_at = time.monotonic()

    def _is_idle(self, behind: Mapping[Lane, tuple[int, int]]) -> bool:
        return bool(self._consumer.first_offsets or self._app.unassigned) and not behind and not self._rounds.is_busy

    async def _heal(self, behind: Mapping[Lane, tuple[int, int]]) -> dict[Lane, tuple[int, int]]:
        """Read again what has been missing for two looks in a row: (next expected offset, looks) per partition."""
        expected, ends = self._rounds.guard.expected, await self._reader.ends()
        metrics.LAG.set(sum(max(0, end - expected.get(lane, end)) for lane, end in ends.items()))
        for name, states in self._tables.of.items():
            metrics.ENTITIES.labels(name).set(sum(map(len, states.partitions.values())))
        still: dict[Lane, tuple[int, int]] = {}
        for lane, end in ends.items():
            next_offset = expected.get(lane, end)
            if next_offset < end and not self._lines.stands(lane[0]):
                before, looks = behind.get(lane, (-1, 0))
                still[lane] = (next_offset, looks + 1 if before == next_offset else 1)
                if still[lane][1] % STALLED_LOOKS == 0 and not self._rounds.is_busy:
                    metrics.HOLES.inc()
                    await self._consumer.read_from(lane, next_offset)
        return still


class _ending_the_process:  # noqa: N801
    """Whatever leaves this block ends the process at once: no flush, no acknowledgement, no farewell to the group."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if error is not None and not isinstance(error, asyncio.CancelledError):
            die(self._where, error)


def die(where: str, error: BaseException) -> NoReturn:
    """End the process now; the runner starts it again."""
    log.critical("process_ends", where=where, error=repr(error), exc_info=error)
    sys.stdout.flush()
    os._exit(1)


def wait_for_kafka(settings: Settings) -> None:
    """Return when every topic of ours can be seen. Kafka may be started after us."""
    wanted = {processor.inbox for processor in TOPOLOGY}
    client = AdminClient(settings.kafka(**{"log_level": 0}))
    delay = 0.25
    while True:
        try:
            if wanted <= client.list_topics(timeout=5).topics.keys():
                return
            log.info("waiting_for_topics", missing=sorted(wanted))
        except KafkaException as error:
            log.debug("waiting_for_kafka", reason=str(error))
        time.sleep(delay)
        delay = min(2.0, delay * 1.5)


def main(settings: Settings) -> int:
    """Run the agents until SIGTERM. The exit code."""
    telemetry.start("agents", settings)
    wait_for_kafka(settings)
    with _ending_the_process("main"):
        uvloop.run(_run_and_exit(settings))
    return 0


async def _run_and_exit(settings: Settings) -> None:
    """All is committed and the group is left when `run` returns; Faust's own way out takes seconds and adds nothing."""
    await Agents(settings, TOPOLOGY).run()
    telemetry.stopped()
    sys.stdout.flush()
    os._exit(0)
