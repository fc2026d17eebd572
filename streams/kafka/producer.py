"""Publishes records and knows when Kafka has all of them: one idempotent producer, keys spread as Java spreads them."""

import asyncio
from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.codec import LARGEST_DEAD_LETTER
from schemas.settings import Settings
from streams.driver import Output

LOOK_AGAIN_SECONDS: Final = 0.001


class NotDelivered(Exception):
    """Kafka refused a record for good; nothing that was to follow it may happen."""


def producer_config(settings: Settings, **options: object) -> dict[str, object]:
    """How everything of ours produces: no duplicates, no reordering, never given up (TRAPS, Kafka clients)."""
    config = settings.kafka(
        **{
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "message.timeout.ms": 0,
            "linger.ms": 0,
            "compression.type": "lz4",
            "message.max.bytes": LARGEST_DEAD_LETTER,
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 256 * 1024,
        }
    )
    return config | options


class Publisher:
    """Takes records at once; `delivered` returns when Kafka has acknowledged every record taken so far.

    Only failures are reported one by one (`delivery.report.only.error`). A success costs nothing in Python: the
    length of librdkafka's queue says when all is acknowledged. A callback per record would take the interpreter's
    lock a hundred thousand times a second from the fold.
    """

    def __init__(self, settings: Settings, **options: object) -> None:
        self._refused: KafkaError | None = None
        self._producer = Producer(
            producer_config(settings, **options)
            | {"delivery.report.only.error": True, "on_delivery": self._on_delivery, "error_cb": self._on_error}
        )

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        self._refused = error or self._refused

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._refused = error

    def send(self, topic: str, key: bytes, value: bytes | None, partition: int = -1) -> None:
        """Hand a record over. Waits only while librdkafka's queue is full."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition)
                return
            except BufferError:
                self._producer.poll(0.01)

    def send_all(self, outputs: Iterable[Output]) -> None:
        """Hand over what a fold says."""
        for output in outputs:
            self.send(output.topic, output.key, output.value)

    def publish(self, outputs: Iterable[Output]) -> None:
        """`send_all`, and return when all is in Kafka, for whoever runs no event loop. Raises NotDelivered."""
        self.send_all(outputs)
        asyncio.run(self.delivered())

    async def delivered(self) -> None:
        """Return when all that was sent is in Kafka. Raises NotDelivered; waits as long as Kafka is away."""
        self._producer.poll(0)
        while len(self._producer) and self._refused is None:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            self._producer.poll(0)
        if self._refused is not None:
            raise NotDelivered(f"Kafka refused a record: {self._refused.str()}")

    def is_kafka_reachable(self, timeout_seconds: float = 2.0) -> bool:
        """Whether a broker answers."""
        try:
            self._producer.list_topics(timeout=timeout_seconds)
        except KafkaException:
            return False
        return True
