"""Tails the event topics once for everybody: consoles get what changed, waiting commands get their outcome."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator
from concurrent.futures import Future
from typing import Any

import structlog
from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition
from prometheus_client import Gauge

from schemas.codec import Unreadable, decode_event, encode
from schemas.envelope import Message
from schemas.settings import Settings
from schemas.topics import MESSAGES
from sql.read_models.registry import READ_MODELS

log = structlog.get_logger()

CONSOLES = Gauge("gateway_live_consoles", "open live streams")
REFRESH_SECONDS = 0.25
BEAT_SECONDS = 1.0
RETRY_SECONDS = 2.0

NO_ANSWERS = ("inventory", "alerts")
SUBJECTS = (
    "transaction_id",
    "reservation_id",
    "work_order_id",
    "machine_id",
    "material_id",
    "operator_id",
    "failure_key",
    "alert_id",
)
"""Fields that say what an event is about; the first that it has."""
BESIDE_THEIR_SUBJECT = frozenset(
    {"operator.shift_changed", "downtime.started", "downtime.ended", "machine.status_restated", "machine.gap_marked"}
)
"""Events that come together with one about how their operator or machine stands now, and must not hide it."""

Change = tuple[str, str]
"""Kind and id of what changed."""


class Outcomes:
    """Commands that wait: the first event or dead letter that answers one resolves it."""

    def __init__(self) -> None:
        self._waiting: dict[str, Future[Message[Any]]] = {}

    def expect(self, message_id: str) -> "Future[Message[Any]]":
        """Call before the command is published."""
        return self._waiting.setdefault(message_id, Future())

    def forget(self, message_id: str) -> None:
        """Nobody waits any more."""
        self._waiting.pop(message_id, None)

    def see(self, message: Message[Any]) -> None:
        """An event went by. What a command leads to later may pass its answer, and is none."""
        if MESSAGES[message.type].topic in NO_ANSWERS:
            return
        cause = message.payload.original_message_id if message.type == "integration.failed" else message.correlation_id
        future = self._waiting.pop(cause or "", None)
        if future is not None and not future.done():
            future.set_result(message)


class Pulse:
    """How much goes by, and how old it is by then: counted as it passes, told once a second."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._delays: list[float] = []
        self._began = time.monotonic()
        self.beat = 0
        self.told: dict[str, Any] = {"events_per_second": {}, "delay_p95_seconds": None}

    def see(self, message: Message[Any]) -> None:
        """An event went by."""
        self._events[MESSAGES[message.type].topic] += 1
        if not message.late:
            self._delays.append(max(0.0, time.time() - message.received_at.timestamp()))

    def tick(self) -> None:
        """Sum up, if a second is over."""
        elapsed = time.monotonic() - self._began
        if elapsed < BEAT_SECONDS:
            return
        delays = sorted(self._delays)
        self.told = {
            "events_per_second": {topic: round(count / elapsed, 1) for topic, count in self._events.items()},
            "delay_p95_seconds": round(delays[int(0.95 * len(delays))], 4) if delays else None,
        }
        self._events, self._delays, self._began = Counter(), [], time.monotonic()
        self.beat += 1


class Hub:
    """Who looks on: for each console a set of what changed since it was told last, so that a flood costs little."""

    def __init__(self) -> None:
        self._consoles: dict[str, set[_Console]] = {}
        self._lock = threading.Lock()
        self.pulse = Pulse()

    def see(self, message: Message[Any]) -> None:
        """An event went by."""
        change = _change(message)
        with self._lock:
            for console in self._consoles.get(message.tenant_id, ()):
                console.changes[change] = message

    async def listen(self, tenant_id: str) -> AsyncGenerator[dict[str, Any]]:
        """What changes for a tenant, a few times a second at most, and the pulse once a second."""
        console = _Console()
        with self._lock:
            self._consoles.setdefault(tenant_id, set()).add(console)
        CONSOLES.inc()
        beat = -1
        try:
            yield {"event": "hello", "data": "{}"}
            while True:
                await asyncio.sleep(REFRESH_SECONDS)
                changes, console.changes = console.changes, {}
                if changes:
                    yield {"event": "changes", "data": encode(_told(changes)).decode()}
                if beat != self.pulse.beat:
                    beat = self.pulse.beat
                    yield {"event": "pulse", "data": encode(self.pulse.told).decode()}
        finally:
            CONSOLES.dec()
            with self._lock:
                self._consoles[tenant_id].discard(console)


class _Console:
    """What one console has not been told yet, by what it is about; the latest event wins."""

    def __init__(self) -> None:
        self.changes: dict[Change, Message[Any]] = {}


def _change(message: Message[Any]) -> Change:
    payload = message.payload
    for name in SUBJECTS:
        if identity := getattr(payload, name, None):
            return message.type if message.type in BESIDE_THEIR_SUBJECT else name, str(identity)
    return message.type, message.message_id


def _told(changes: dict[Change, Message[Any]]) -> list[dict[str, Any]]:
    return [
        {"type": message.type, "id": identity, "at": message.timestamp, "payload": message.payload}
        for (_, identity), message in changes.items()
        if message.type != "integration.failed"
    ] + [
        {
            "type": message.type,
            "id": identity,
            "at": message.timestamp,
            "code": message.payload.error_details.error_code,
        }
        for (_, identity), message in changes.items()
        if message.type == "integration.failed"
    ]


class Tail:
    """A thread that reads the event topics from their end on."""

    def __init__(self, settings: Settings, hub: Hub, outcomes: Outcomes) -> None:
        self._settings, self._hub, self._outcomes = settings, hub, outcomes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except KafkaException as error:
                log.warning("kafka_is_away", reason=str(error))
                self._stop.wait(RETRY_SECONDS)

    def _follow(self) -> None:
        consumer = Consumer(
            self._settings.kafka(
                **{
                    "group.id": "mfg-gateway-tail",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "latest",
                    "log_level": 2,
                    "fetch.wait.max.ms": 20,
                    "fetch.queue.backoff.ms": 5,
                }
            )
        )
        try:
            found = consumer.list_topics(timeout=5).topics
            lanes = [
                (topic, partition) for topic in READ_MODELS if topic in found for partition in found[topic].partitions
            ]
            consumer.assign([TopicPartition(topic, partition, OFFSET_END) for topic, partition in lanes])
            while not self._stop.is_set():
                # `consume` waits for all it is asked for: first one, then what else is there.
                first = consumer.consume(1, 0.1)
                for record in [*first, *consumer.consume(500, 0)] if first else ():
                    if record.error() is None:
                        self._see(str(record.topic()), record.value())
                self._hub.pulse.tick()
        finally:
            consumer.close()

    def _see(self, topic: str, value: str | bytes | None) -> None:
        data = value.encode() if isinstance(value, str) else value or b""
        try:
            message = decode_event(topic, data)
        except Unreadable as error:
            log.warning("event_not_readable", reason=error.reason)
            return
        self._outcomes.see(message)
        self._hub.see(message)
        self._hub.pulse.see(message)
