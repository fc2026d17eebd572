"""The warehouse's change data capture, from its topic into the inbox of materials; part of the process `jobs`.

Accepted means durable: a record is committed only when what it says, or its dead letter, is in Kafka. After a crash
it is read again and says the same message under the same id, which changes nothing: it is a total at a moment.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from confluent_kafka import KafkaException

from connectors import metrics
from connectors.resilience import wait
from connectors.said import said
from connectors.systems.inventory_cdc import stock_updated
from connectors.systems.statement import Context, Statement
from connectors.transports.kafka import GroupReader, Heard
from schemas.codec import Unreadable
from schemas.ids import tenant_of
from schemas.settings import Settings
from streams.driver import Output, failure_output
from streams.kafka.producer import Publisher

log = structlog.get_logger()

TOPIC: Final = "inventory-cdc"
GROUP: Final = "mfg-inventory-cdc"
INTEGRATION: Final = "inventory_cdc"
LOOK_AGAIN_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 5.0
MOST_BYTES_IN_A_LETTER: Final = 600_000
OLDEST: Final = timedelta(days=1)


async def run_cdc(settings: Settings, stop: asyncio.Event) -> None:
    """Take what the warehouse says until told to stop. Kafka may come and go."""
    publisher = Publisher(settings)
    while not stop.is_set():
        reader = GroupReader(settings, TOPIC, GROUP)
        try:
            await _take(settings, reader, publisher, stop)
        except KafkaException as error:
            log.warning("inventory_cdc_interrupted", reason=str(error.args[0]))
            await wait(stop, PAUSE_SECONDS)
        finally:
            await reader.close()


async def _take(settings: Settings, reader: GroupReader, publisher: Publisher, stop: asyncio.Event) -> None:
    while not stop.is_set():
        records = await reader.read(LOOK_AGAIN_SECONDS)
        publisher.send_all(outputs(settings, records))
        if await _delivered(publisher, stop):
            await reader.commit(records)


async def _delivered(publisher: Publisher, stop: asyncio.Event) -> bool:
    """Whether all is in Kafka before we are told to stop."""
    delivering, stopping = asyncio.create_task(publisher.delivered()), asyncio.create_task(stop.wait())
    await asyncio.wait((delivering, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if delivering.done():
        delivering.result()
        return True
    delivering.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await delivering
    return False


def outputs(settings: Settings, records: Sequence[Heard]) -> list[Output]:
    """For each record the message it is, or its dead letter."""
    return [_output(settings, record) for record in records]


def _output(settings: Settings, record: Heard) -> Output:
    metrics.RECEIVED.labels("kafka").inc()
    tenant_id = tenant_of(record.key, settings.tenant_id)
    statement: Statement | None = None
    try:
        context = Context(tenant_id, min(settings.max_message_bytes, MOST_BYTES_IN_A_LETTER))
        statement = stock_updated(record.address, record.value, context)
        is_late = _is_late(settings, record, statement)
    except Unreadable as refusal:
        metrics.DEAD_LETTERS.labels(refusal.code).inc()
        return _letter(tenant_id, record, statement, refusal)
    metrics.ACCEPTED.labels(statement.type).inc()
    return said(
        statement.type,
        tenant_id,
        statement.payload,
        message_id=statement.message_id,
        timestamp=statement.timestamp,
        received_at=record.at,
        source_system="WMS",
        source=f"{TOPIC}-{record.partition}",
        late=is_late,
    )


def _is_late(settings: Settings, record: Heard, statement: Statement) -> bool:
    """Whether it took long to the topic. A late total is good as long as no newer one came; a wrong clock is not.

    Age is measured against the record's own time: what waited in Kafka for us is not older for it.
    """
    age = record.at - statement.timestamp
    if age < -timedelta(seconds=settings.future_seconds):
        sentence = f"The change is {-age} ahead of its record; at most {settings.future_seconds:g} s are accepted."
        raise Unreadable("FUTURE_TIMESTAMP", sentence, "timestamp")
    if age > OLDEST:
        sentence = f"The change is {age} older than its record; at most {OLDEST} are accepted."
        raise Unreadable("STALE_TIMESTAMP", sentence, "timestamp")
    return age > timedelta(seconds=settings.stale_seconds)


def _letter(tenant_id: str, record: Heard, statement: Statement | None, refusal: Unreadable) -> Output:
    """The same record always gives the same dead letter; what is too large for one lies whole at its address."""
    failure_key = hashlib.sha256(record.address.encode()).hexdigest()[:32]
    if len(record.value) > MOST_BYTES_IN_A_LETTER:
        sentence = f"{refusal.reason} The first {MOST_BYTES_IN_A_LETTER} bytes are here, all of them in the topic."
        refusal = Unreadable(refusal.code, sentence, refusal.path)
    return failure_output(
        tenant_id=tenant_id,
        failure_key=failure_key,
        moment=record.at,
        integration_type=INTEGRATION,
        data=record.value[:MOST_BYTES_IN_A_LETTER],
        refusal=refusal,
        inbox=TOPIC,
        address=record.address,
        message_id=statement.message_id if statement else None,
        correlation_id=failure_key,
    )
