"""Tails the event topics once for everybody: consoles get what changed, waiting commands get their outcome."""

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
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
MOST_FRAMES = 8

FOLLOWED = (*READ_MODELS, "plans")
"""Topics that consoles are told of: those of the read models, and plans, whose rows are written before their events."""
NO_ANSWERS = ("inventory", "alerts", "plans", "calibration-priors")
SUBJECTS = (
    "plan_id",
    "production_order_id",
    "transaction_id",
    "reservation_id",
    "work_order_id",
    "machine_id",
    "material_id",
    "operator_id",
    "production_order_id",
    "bom_id",
    "plan_id",
    "subject_id",
    "prior_id",
    "failure_key",
    "alert_id",
    "production_order_id",
    "bom_id",
)
"""Fields that say what an event is about; the first that it has."""
BESIDE_THEIR_SUBJECT = frozenset(
    {"operator.shift_changed", "downtime.started", "downtime.ended", "machine.status_restated", "machine.gap_marked"}
)
"""Events that come together with one about how their operator or machine stands now, and must not hide it."""

Change = tuple[str, str]
"""Kind and id of what changed."""


class Outcomes:
    """Commands that wait: the first event or dead letter of their own tenant that answers one resolves it.

    Ids follow from names and keys that callers choose: those of two tenants may be the same.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], Future[Message[Any]]] = {}

    def expect(self, tenant_id: str, message_id: str) -> "Future[Message[Any]]":
        """Call before the command is published."""
        return self._waiting.setdefault((tenant_id, message_id), Future())

    def forget(self, tenant_id: str, message_id: str) -> None:
        """Nobody waits any more."""
        self._waiting.pop((tenant_id, message_id), None)

    def see(self, message: Message[Any]) -> None:
        """An event went by. What a command leads to later may pass its answer, and is none."""
        if MESSAGES[message.type].topic in NO_ANSWERS:
            return
        cause = message.payload.original_message_id if message.type == "integration.failed" else message.correlation_id
        future = self._waiting.pop((message.tenant_id, cause or ""), None)
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
        self.text = encode(self.told).decode()

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
        self.text = encode(self.told).decode()
        self._events, self._delays, self._began = Counter(), [], time.monotonic()
        self.beat += 1


class _Frame:
    """What changed within one refresh, by what it is about; the latest event wins. Encoded once, for whoever asks."""

    def __init__(self, number: int, changes: dict[Change, Message[Any]]) -> None:
        self.number, self.changes = number, changes

    @cached_property
    def text(self) -> str:
        """As consoles are told it."""
        return encode(_told(self.changes)).decode()


@dataclass(eq=False)
class _Console:
    """Who looks on, and the latest frame it was told."""

    seen: int


class _Channel:
    """A tenant's consoles and the frames that not all of them were told.

    All wake together, and the first one cuts the frame: however many look on, what changed is encoded once. Who is
    slow gets several frames as one, and one that is stuck keeps no more than the latest event of each thing.
    """

    def __init__(self) -> None:
        self.consoles: set[_Console] = set()
        self.changes: dict[Change, Message[Any]] = {}
        self.frames: deque[_Frame] = deque()
        self.number = 0

    def cut(self) -> None:
        """What changed until now is a frame."""
        if self.changes:
            self.number += 1
            self.frames.append(_Frame(self.number, self.changes))
            self.changes = {}
        told = min((each.seen for each in self.consoles), default=self.number)
        while self.frames and self.frames[0].number <= told:
            self.frames.popleft()
        while len(self.frames) > MOST_FRAMES:
            first = self.frames.popleft()
            self.frames[0] = _Frame(self.frames[0].number, first.changes | self.frames[0].changes)

    def news(self, console: _Console) -> str | None:
        """What a console was not told yet."""
        unseen = [each for each in self.frames if each.number > console.seen]
        console.seen = self.number
        if len(unseen) < 2:
            return unseen[0].text if unseen else None
        return _Frame(self.number, reduce(or_, (each.changes for each in unseen))).text


class Hub:
    """Who looks on, and what changed: a few times a second, the latest for each thing, so that a flood costs little."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._lock = threading.Lock()
        self._projects: Counter[str] = Counter()
        self.pulse = Pulse()

    def project_changed(self, tenant_id: str) -> None:
        """Rows of a project were written: what its streams show may be another now."""
        with self._lock:
            self._projects[tenant_id] += 1

    def project_changes(self, tenant_id: str) -> int:
        """How often something happened to a tenant's projects, as far as this gateway knows."""
        return self._projects[tenant_id]

    def see(self, message: Message[Any]) -> None:
        """An event went by."""
        if _is_of_project(message):
            self.project_changed(message.tenant_id)
        with self._lock:
            channel = self._channels.get(message.tenant_id)
            if channel is not None:
                channel.changes[_change(message)] = message

    async def listen(self, tenant_id: str) -> AsyncGenerator[dict[str, Any]]:
        """What changes for a tenant, a few times a second at most, and the pulse once a second."""
        channel, console = self._enter(tenant_id)
        CONSOLES.inc()
        beat = -1
        try:
            yield {"event": "hello", "data": "{}"}
            while True:
                await asyncio.sleep(REFRESH_SECONDS - time.monotonic() % REFRESH_SECONDS)
                with self._lock:
                    channel.cut()
                    news = channel.news(console)
                if news is not None:
                    yield {"event": "changes", "data": news}
                if beat != self.pulse.beat:
                    beat = self.pulse.beat
                    yield {"event": "pulse", "data": self.pulse.text}
        finally:
            CONSOLES.dec()
            self._leave(tenant_id, channel, console)

    def _enter(self, tenant_id: str) -> tuple[_Channel, _Console]:
        with self._lock:
            channel = self._channels.setdefault(tenant_id, _Channel())
            channel.cut()
            console = _Console(channel.number)
            channel.consoles.add(console)
        return channel, console

    def _leave(self, tenant_id: str, channel: _Channel, console: _Console) -> None:
        with self._lock:
            channel.consoles.discard(console)
            if not channel.consoles:
                self._channels.pop(tenant_id, None)


def _is_of_project(message: Message[Any]) -> bool:
    """Whether a prior learned, or set aside, what a project's task took."""
    observation = getattr(message.payload, "observation", None)
    return observation is not None and observation.project_id is not None


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
                    "fetch.wait.max.ms": 250,
                    "fetch.queue.backoff.ms": 5,
                }
            )
        )
        try:
            found = consumer.list_topics(timeout=5).topics
            lanes = [
                (topic, partition) for topic in FOLLOWED if topic in found for partition in found[topic].partitions
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
