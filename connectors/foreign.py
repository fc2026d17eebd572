"""Topics that others write, into our inboxes: the warehouse's changes, confirmed sales orders; part of `jobs`.

Accepted means durable: a record is committed only when what it says, or its dead letter, is in Kafka. After a crash
it is read again and says the same message under the same id, which changes nothing.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import structlog
from confluent_kafka import KafkaException

from connectors import metrics
from connectors.resilience import wait
from connectors.said import said
from connectors.systems.inventory_cdc import stock_updated
from connectors.systems.sales import order_confirmed
from connectors.systems.statement import Context, Statement, Translator
from connectors.transports.kafka import GroupReader, Heard, NotLetIn
from schemas.codec import Unreadable
from schemas.ids import tenant_of
from schemas.settings import Settings
from streams.driver import Output, failure_output
from streams.kafka.producer import Publisher
from streams.line_stops import cause_of
from streams.stopped_lines import StoppedLines

log = structlog.get_logger()

LOOK_AGAIN_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 5.0
MOST_BYTES_IN_A_LETTER: Final = 600_000


class Foreign(NamedTuple):
    """A topic that others write: who reads it, who says it, what it says, how much older than its record that may be.

    A late total is good as long as no newer one came, and an order does not go bad; a clock that is wrong does.
    """

    topic: str
    group: str
    integration: str
    system: str
    translate: Translator
    oldest: timedelta


INVENTORY: Final = Foreign(
    "inventory-cdc", "mfg-inventory-cdc", "inventory_cdc", "WMS", stock_updated, timedelta(days=1)
)
SALES: Final = Foreign("sales-orders", "mfg-sales-orders", "sales_orders", "ERP", order_confirmed, timedelta(days=365))
FOREIGN: Final = {each.topic: each for each in (INVENTORY, SALES)}


class Made(NamedTuple):
    """The message that a record is, or its dead letter with the reason."""

    output: Output
    refusal: Unreadable | None = None


async def run(settings: Settings, stop: asyncio.Event, foreign: Foreign) -> None:
    """Take what is said there until told to stop. Kafka may come and go."""
    publisher = Publisher(settings)
    lines = StoppedLines(settings, foreign.group, [foreign.topic], lambda alert: publisher.send_all([alert]))
    await lines.look()
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(lines.run())
        while not stop.is_set():
            reader = GroupReader(settings, foreign.topic, foreign.group)
            try:
                await _take(settings, foreign, reader, publisher, lines, stop)
            except (KafkaException, NotLetIn) as error:
                log.warning("foreign_topic_interrupted", topic=foreign.topic, reason=str(error.args[0]))
                await wait(stop, PAUSE_SECONDS)
            finally:
                await reader.close()
        looking.cancel()


async def _take(
    settings: Settings,
    foreign: Foreign,
    reader: GroupReader,
    publisher: Publisher,
    lines: StoppedLines,
    stop: asyncio.Event,
) -> None:
    """Take records until told to stop, or until the line has stopped and goes on: then they are read again."""
    while not stop.is_set():
        records = await reader.read(LOOK_AGAIN_SECONDS)
        if lines.stands(foreign.topic):
            await _stand(reader, foreign.topic, lines, stop)
            return
        taken = _taken(settings, foreign, records, lines)
        publisher.send_all(made.output for made in taken)
        if await _delivered(publisher, stop):
            await reader.commit(records[: len(taken)])
        if len(taken) < len(records):
            await _stand(reader, foreign.topic, lines, stop)
            return


async def _stand(reader: GroupReader, topic: str, lines: StoppedLines, stop: asyncio.Event) -> None:
    """Stay in the group; what comes is let go, and nothing is committed."""
    while lines.stands(topic) and not stop.is_set():
        await reader.read(LOOK_AGAIN_SECONDS)


def _taken(settings: Settings, foreign: Foreign, records: Sequence[Heard], lines: StoppedLines) -> list[Made]:
    """What the records are, up to the one over which the line stops."""
    taken = []
    window = lines.windows[foreign.topic]
    for record in records:
        made = _made(settings, foreign, record)
        taken.append(made)
        if made.refusal is None:
            window.passed()
            continue
        cause = cause_of(made.refusal.code, made.refusal.path, made.refusal.reason)
        if trip := window.failed(cause, record.at):
            lines.stop(foreign.topic, trip, _failure_key(record))
            break
    return taken


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


def outputs(settings: Settings, records: Sequence[Heard], foreign: Foreign = INVENTORY) -> list[Output]:
    """For each record the message it is, or its dead letter."""
    return [_made(settings, foreign, record).output for record in records]


def _made(settings: Settings, foreign: Foreign, record: Heard) -> Made:
    metrics.RECEIVED.labels("kafka").inc()
    tenant_id = tenant_of(record.key, settings.tenant_id)
    statement: Statement | None = None
    try:
        context = Context(tenant_id, min(settings.max_message_bytes, MOST_BYTES_IN_A_LETTER))
        statement = foreign.translate(record.address, record.value, context)
        is_late = _is_late(settings, foreign, record, statement)
    except Unreadable as refusal:
        metrics.DEAD_LETTERS.labels(refusal.code).inc()
        return Made(_letter(tenant_id, foreign, record, statement, refusal), refusal)
    metrics.ACCEPTED.labels(statement.type).inc()
    message = said(
        statement.type,
        tenant_id,
        statement.payload,
        message_id=statement.message_id,
        timestamp=statement.timestamp,
        received_at=record.at,
        source_system=foreign.system,
        source=f"{foreign.topic}-{record.partition}",
        late=is_late,
    )
    return Made(message)


def _failure_key(record: Heard) -> str:
    return hashlib.sha256(record.address.encode()).hexdigest()[:32]


def _is_late(settings: Settings, foreign: Foreign, record: Heard, statement: Statement) -> bool:
    """Whether it took long to the topic.

    Age is measured against the record's own time: what waited in Kafka for us is not older for it.
    """
    age = record.at - statement.timestamp
    if age < -timedelta(seconds=settings.future_seconds):
        sentence = f"The change is {-age} ahead of its record; at most {settings.future_seconds:g} s are accepted."
        raise Unreadable("FUTURE_TIMESTAMP", sentence, "timestamp")
    if age > foreign.oldest:
        sentence = f"The change is {age} older than its record; at most {foreign.oldest} are accepted."
        raise Unreadable("STALE_TIMESTAMP", sentence, "timestamp")
    return age > timedelta(seconds=settings.stale_seconds)


def _letter(
    tenant_id: str, foreign: Foreign, record: Heard, statement: Statement | None, refusal: Unreadable
) -> Output:
    """The same record always gives the same dead letter; what is too large for one lies whole at its address."""
    failure_key = _failure_key(record)
    if len(record.value) > MOST_BYTES_IN_A_LETTER:
        sentence = f"{refusal.reason} The first {MOST_BYTES_IN_A_LETTER} bytes are here, all of them in the topic."
        refusal = Unreadable(refusal.code, sentence, refusal.path)
    return failure_output(
        tenant_id=tenant_id,
        failure_key=failure_key,
        moment=record.at,
        integration_type=foreign.integration,
        data=record.value[:MOST_BYTES_IN_A_LETTER],
        refusal=refusal,
        inbox=foreign.topic,
        address=record.address,
        message_id=statement.message_id if statement else None,
        correlation_id=failure_key,
    )
