"""Publishes for requests: each waits for Kafka's delivery report, and gives up in time to say so."""

import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from connectors.gateway import correlation
from connectors.gateway.problems import unavailable
from connectors.said import message_of
from schemas.settings import Settings
from streams.driver import Output, output_of
from streams.kafka.producer import producer_config

PATIENCE_SECONDS = 5.0


class RequestPublisher:
    """One idempotent producer for all requests, polled by a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._producer = Producer(producer_config(settings, **{"log_level": 2}))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="publisher", daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(0.05)

    def publish(self, outputs: Sequence[Output]) -> None:
        """Return when Kafka has all of them. Raises Problem 503 after some seconds.

        What was not confirmed in time may still arrive later; ids are derived, so a second try changes nothing then.
        """
        pending = [self._send(output) for output in outputs]
        try:
            for each in pending:
                each.result(PATIENCE_SECONDS)
        except Late as error:
            raise unavailable("Kafka") from error

    def _send(self, output: Output) -> "Future[None]":
        done: Future[None] = Future()

        def report(error: KafkaError | None, _: Message) -> None:
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(unavailable("Kafka"))

        try:
            self._producer.produce(output.topic, output.value, output.key, on_delivery=report)
        except BufferError as error:
            raise unavailable("Kafka") from error
        return done

    def close(self) -> None:
        """Stop polling."""
        self._stop.set()
        self._thread.join()


def said(
    type_name: str,
    tenant_id: str,
    payload: Any,
    *,
    message_id: str | None = None,
    timestamp: datetime | None = None,
    source_system: str = "MRAOS",
    correlation_id: str | None = None,
) -> Output:
    """A message as the gateway says it, ready to publish. Without an id of its own it gets a random one."""
    now = datetime.now(UTC)
    identity = message_id or f"request-{uuid.uuid4().hex}"
    message = message_of(
        type_name,
        tenant_id,
        payload,
        message_id=identity,
        timestamp=timestamp or now,
        received_at=now,
        correlation_id=correlation_id or identity,
        source_system=source_system,
        source="gateway",
    )
    correlation.note(message.correlation_id)
    return output_of(message)
