"""Runs real agents as processes, loads them, hurts them, and audits what came of it."""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import stamina
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from schemas.codec import decode, encode
from schemas.settings import Settings
from schemas.topics import changelog_of, key_of
from streams.driver import Processor, stored
from streams.kafka.producer import producer_config
from streams.states import States, Tables
from streams.topology import TOPOLOGY, processor
from tests.integration.kept import Kept
from tests.messages import created, message, units_counted
from tests.plants import SLACK

INBOX, EVENTS, DEAD_LETTERS = "work-order-inbox", "work-orders", "integration-failures"


def kept_agents(bootstrap: str, folder: Path, name: str, **env: str) -> Kept:
    """One agents process."""
    told = {"KAFKA_BOOTSTRAP": bootstrap, "SPOOL_DIR": str(folder)}
    return Kept(folder / f"{name}.log", ["streams", "agents"], told | env)


@stamina.retry(on=KafkaException, attempts=20, wait_max=0.5)
def ends(settings: Settings, *topics: str) -> dict[tuple[str, int], int]:
    """Where the logs of these topics end now. A topic made a moment ago has no leader yet: asked again."""
    consumer = Consumer(settings.kafka(**{"group.id": "audit"}))
    try:
        known = consumer.list_topics(timeout=10).topics
        lanes = [TopicPartition(topic, partition) for topic in topics for partition in known[topic].partitions]
        return {(lane.topic, lane.partition): consumer.get_watermark_offsets(lane, 10)[1] for lane in lanes}
    finally:
        consumer.close()


def read(settings: Settings, *topics: str, since: dict[tuple[str, int], int] | None = None) -> list[Any]:
    """All records of these topics, from `since` or from the beginning."""
    consumer = Consumer(settings.kafka(**{"group.id": "audit", "enable.partition.eof": True}))
    try:
        since = since or {}
        wanted = {lane: since.get(lane, OFFSET_BEGINNING) for lane in ends(settings, *topics)}
        consumer.assign([TopicPartition(topic, partition, offset) for (topic, partition), offset in wanted.items()])
        pending, found = set(wanted), []
        while pending:
            for record in consumer.consume(10_000, 0.2):
                if record.error() is None:
                    found.append(record)
                elif record.error().code() == KafkaError._PARTITION_EOF:
                    pending.discard((record.topic(), record.partition()))
        return found
    finally:
        consumer.close()


@dataclass
class Load:
    """Counts for some orders, at a steady pace, all different; knows what it sent."""

    settings: Settings
    name: str
    orders: int = 40
    sent: Counter[str] = field(default_factory=Counter)
    log_ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._producer = Producer(producer_config(self.settings))
        self._since = ends(self.settings, EVENTS, DEAD_LETTERS)
        for order in self.names:
            self._say(created(order, 10_000_000))
        self._producer.flush()

    @property
    def names(self) -> list[str]:
        return [f"WO-{self.name}-{index}" for index in range(self.orders)]

    def _say(self, said: Any) -> None:
        self._producer.produce(INBOX, encode(said), key_of(said.type, said.tenant_id, said.payload))

    def count(self, number: int, units: int = 1) -> None:
        """One more count for an order."""
        order = self.names[number % self.orders]
        self.sent[order] += units
        log_id = f"{order}-{number}"
        self.log_ids.add(log_id)
        payload = units_counted(order, units, log_id, cumulative_units=self.sent[order])
        self._say(message("production.counted", payload, number / 1000, source=f"bench-{order}", position=number))

    def at_pace(self, per_second: int, seconds: float) -> None:
        """Send at a steady pace for so long."""
        first, began = len(self.log_ids), time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            for number in range(len(self.log_ids), first + int(passed * per_second)):
                self.count(number, 1 + number % 3)
            self._producer.poll(0)
            threading.Event().wait(0.005)
        self._producer.flush()

    def audit(self, patience_seconds: float = 90) -> "Audit":
        """What came out, once every count was seen or patience ended."""
        give_up_at = time.monotonic() + patience_seconds * SLACK.times
        while True:
            audit = Audit.of(self)
            if audit.heard >= self.log_ids or time.monotonic() > give_up_at:
                return audit
            threading.Event().wait(1.0)


@dataclass
class Audit:
    """What was published and remembered of a load."""

    heard: set[str]
    units_by_output: Counter[str]
    units_by_state: dict[str, int]
    repeats: int
    contradictions: list[str]
    dead_letters: list[str]

    @classmethod
    def of(cls, load: Load) -> "Audit":
        by_id: dict[str, bytes] = {}
        heard: set[str] = set()
        units: Counter[str] = Counter()
        repeats, contradictions = 0, []
        for record in read(load.settings, EVENTS, since=load._since):
            said = decode(record.value())
            order = said.payload.work_order_id
            if not order.startswith(f"WO-{load.name}-"):
                continue
            if said.message_id in by_id:
                repeats += 1
                if by_id[said.message_id] != record.value():
                    contradictions.append(said.message_id)
                continue
            by_id[said.message_id] = record.value()
            if said.type == "work_order.progressed":
                heard.add(said.payload.log_id)
                units[order] += said.payload.units
        return cls(heard, units, states_of(load), repeats, contradictions, dead_letters_of(load))


def states_of(load: Load) -> dict[str, int]:
    """Units per order, from the states as a new worker would read them back."""
    work_orders: Processor = processor("work_orders")
    states = {each.name: States(changelog_of(each.name)) for each in TOPOLOGY}
    tables = Tables(load.settings, TOPOLOGY, states)
    for each in states.values():
        each.keep_only(set(range(load.settings.partitions)))
    tables._read_back(lambda: True)
    found: dict[str, int] = defaultdict(int)
    for partition in states["work_orders"].partitions.values():
        for value in partition.values():
            kept = stored(work_orders, value)
            if kept and kept.state and kept.state.work_order_id.startswith(f"WO-{load.name}-"):
                found[kept.state.work_order_id] += kept.state.quantity_produced
    return found


def dead_letters_of(load: Load) -> list[str]:
    """Codes of the dead letters since the load began."""
    letters = read(load.settings, DEAD_LETTERS, since=load._since)
    return [msgspec.json.decode(each.value())["payload"]["error_details"]["error_code"] for each in letters]
