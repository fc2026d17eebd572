"""Sales: confirmed orders on the topic `sales-orders`, one in three of them more than once."""

import itertools
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer

from tests.rehearse.ledger import Book, Saying

TOPIC: Final = "sales-orders"
PRODUCTS: Final = ("PROD-WD-100", "PROD-DR-210")
PATIENCE_SECONDS: Final = 120.0


class Sales:
    """A turn: one sales order of one or two lines."""

    def __init__(self, endpoints: dict[str, str], book: Book, seed: int) -> None:
        self._book, self._seed = book, seed
        self._chance = random.Random(f"{seed}/sales")
        self._numbers = itertools.count(1)
        self._producer = Producer(
            {
                "bootstrap.servers": endpoints["KAFKA_BOOTSTRAP"],
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.timeout.ms": 0,
                "log_level": 2,
            }
        )

    def turn(self) -> None:
        """Say one order, once or three times."""
        name = f"SO-RH-{self._seed}-{next(self._numbers)}"
        event = self._event(name)
        data = json.dumps(event).encode()
        for _ in range(self._chance.choice((1, 1, 3))):
            numbers = self._book.say(_sayings(name, event, data))
            self._producer.produce(TOPIC, data, name.encode(), on_delivery=self._answered(numbers))
        self._producer.poll(0)

    def close(self) -> None:
        """Wait until Kafka has them."""
        self._producer.flush(PATIENCE_SECONDS)

    def _answered(self, numbers: list[int]) -> Any:
        def report(error: KafkaError | None, _: Message) -> None:
            self._book.answer(numbers, "unknown" if error else "ok")

        return report

    def _event(self, name: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        products = self._chance.sample(PRODUCTS, self._chance.choice((1, 2)))
        lines = [{"product_id": each, "quantity": self._chance.randrange(40, 400, 20)} for each in products]
        return {
            "event_type": "sales.order.confirmed",
            "timestamp": now.isoformat(),
            "sales_order": {
                "sales_order_id": name,
                "customer": "Larsen Appliances",
                "priority": self._chance.choice(("low", "normal", "high", "urgent")),
                "due_date": (now + timedelta(days=3)).isoformat(),
                "lines": lines,
            },
        }


def _sayings(name: str, event: dict[str, Any], data: bytes) -> list[Saying]:
    """Each line is a production order of its own."""
    return [
        Saying(f"sale-{name}-{number}", "sales", "sale", name, data, {"quantity": line["quantity"]})
        for number, line in enumerate(event["sales_order"]["lines"], 1)
    ]
