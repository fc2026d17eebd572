"""Lets programs fold the same counts of work orders, one after the other, and times what they put out.

The input: work orders and 200,000 counts of them in `work-order-inbox`, 8 partitions. Each contestant is a process that
reads it from the same offsets, decodes, folds, and publishes an event per count, with its state in a changelog except
where its module says otherwise. Its rate is that of the middle 90 % of its output records, by Kafka's timestamps.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Event

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.codec import encode
from schemas.envelope import Message
from schemas.messages.work_orders import ProductionCounted
from schemas.settings import Settings
from schemas.topics import key_of
from streams.kafka.admin import create_topics
from streams.kafka.producer import producer_config
from streams.topology import GROUP
from tests.integration.workers import ends
from tests.messages import created, message

ROOT = Path(__file__).parents[2]
INBOX, EVENTS = "work-order-inbox", "work-orders"
COUNTS, ORDERS = 200_000, 400
PATIENCE_SECONDS = 300.0
SAMPLE_SECONDS = 0.1
Lane = tuple[str, int]


def count_of(order: str, number: int) -> Message[ProductionCounted]:
    """One count of an order, as the machine fold says it."""
    payload = ProductionCounted(
        work_order_id=order,
        machine_id="M-203",
        log_id=f"{order}-{number}",
        units=1,
        scrapped_units=0,
        units_reported=1,
        cumulative_units=number,
        counter_epoch=0,
        quality_status="pass",
        cycle_time_seconds=12.5,
    )
    return message("production.counted", payload, number / 100, source="machine-inbox-3", position=number)


def counted(order: str, number: int) -> bytes:
    """The same as it stands on Kafka."""
    return encode(count_of(order, number))


@cache
def load(bootstrap: str) -> tuple[dict[Lane, int], int]:
    """Write the input once a run; where it begins, and how many records it is."""
    return fresh_load(Settings(kafka_bootstrap=bootstrap)), ORDERS + COUNTS


def fresh_load(settings: Settings) -> dict[Lane, int]:
    """Write an input of its own: orders that nobody knows, and counts of them; where it begins."""
    create_topics(settings)
    begins = ends(settings, INBOX)
    producer = Producer(producer_config(settings))
    run = f"{time.time():.0f}"
    orders = [f"WO-{run}-{index}" for index in range(ORDERS)]
    for order in orders:
        said = created(order, 100_000_000)
        producer.produce(INBOX, encode(said), key_of(said.type, said.tenant_id, said.payload))
    key = {order: key_of("production.counted", said.tenant_id, created(order).payload) for order in orders}
    for number in range(COUNTS):
        order = orders[number % ORDERS]
        producer.produce(INBOX, counted(order, 1 + number // ORDERS), key[order])
        if number % 10_000 == 0:
            producer.poll(0)
    producer.flush()
    return begins


def stand_at(settings: Settings, group: str, begins: dict[Lane, int]) -> None:
    """Let a consumer group begin where the input begins."""
    offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in begins.items()]
    admin = AdminClient(settings.kafka())
    for future in admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, offsets)]).values():
        future.result()


def topic_for(settings: Settings, name: str, compact: bool = False) -> str:
    """A topic of its own for a contestant's outputs or states."""
    topic = f"bench-{name}-{time.time():.0f}"
    config = {"cleanup.policy": "compact"} if compact else {}
    new = NewTopic(topic, settings.partitions, settings.replication, config=config)
    admin = AdminClient(settings.kafka())
    for future in admin.create_topics([new]).values():
        future.result()
    return topic


@contextmanager
def running(settings: Settings, command: Sequence[str], **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A contestant, ended whatever happens; its log is shown if it failed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, (Path(folder) / "log").open("w+b") as log:
        told = {"KAFKA_BOOTSTRAP": settings.kafka_bootstrap, "SPOOL_DIR": folder, "METRICS_PORT": "0", **env}
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)} | told, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            failed = process.poll()
            if failed is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
            if failed:
                log.seek(0)
                sys.stderr.buffer.write(log.read()[-4000:])


class Odometer:
    """How many records a topic has got since a moment, as its brokers tell."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._consumer = Consumer(settings.kafka(**{"group.id": "bench-odometer"}))
        partitions = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        self._lanes = [TopicPartition(topic, partition) for partition in partitions]
        self._began_with = self._total()

    def _total(self) -> int:
        return sum(self._consumer.get_watermark_offsets(lane, 10)[1] for lane in self._lanes)

    def read(self) -> int:
        """Records so far."""
        return self._total() - self._began_with

    def rate(self, wanted: int, process: subprocess.Popen[bytes]) -> float:
        """Records per second of the middle 90 %, when that many were written."""
        points = [(time.monotonic(), 0)]
        while points[-1][1] < wanted:
            Event().wait(SAMPLE_SECONDS)
            points.append((time.monotonic(), self.read()))
            if process.poll() is not None or points[-1][0] - points[0][0] > PATIENCE_SECONDS:
                raise RuntimeError(f"{process.args!r} ended or stands still at {points[-1][1]} of {wanted} records.")
        return 0.9 * wanted / (_moment(points, 0.95 * wanted) - _moment(points, 0.05 * wanted))

    def close(self) -> None:
        self._consumer.close()


def _moment(points: Sequence[tuple[float, int]], count: float) -> float:
    """When that many records were there, between two looks by interpolation."""
    for (before, fewer), (after, more) in pairwise(points):
        if more >= count:
            return before + (after - before) * (count - fewer) / (more - fewer)
    return points[-1][0]


def measured(settings: Settings, group: str, topic: str, command: Sequence[str], outputs: int, **env: str) -> float:
    """The rate of a contestant."""
    begins, _records = load(settings.kafka_bootstrap)
    stand_at(settings, group, begins)
    odometer = Odometer(settings, topic)
    try:
        with running(settings, command, BENCH_GROUP=group, BENCH_INBOX=INBOX, BENCH_OUT=topic, **env) as process:
            return odometer.rate(outputs, process)
    finally:
        odometer.close()


@cache
def rate_of_our_agents(bootstrap: str) -> float:
    """`python -m streams agents`, as it runs in the plant. Measured once a run."""
    settings = Settings(kafka_bootstrap=bootstrap)
    return measured(settings, GROUP, EVENTS, [sys.executable, "-m", "streams", "agents"], COUNTS)
