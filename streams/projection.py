"""Turns records of event topics into rows; what cannot become a row becomes a dead letter, alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from confluent_kafka import Message
from psycopg import Cursor, Error

from schemas.codec import Unreadable, decode_event
from schemas.ids import tenant_of
from schemas.topics import MESSAGES
from sql import database
from sql.offsets import Lane
from sql.read_models.events import Event
from sql.read_models.registry import READ_MODELS
from streams.driver import Output, failure_output
from streams.kafka.consumer import LogTruncated

# A dead letter of a dead letter must fit Kafka too; what is cut off stands in the topic, at the dead letter's address.
LARGEST_ORIGINAL = 512 * 1024


class Line(NamedTuple):
    """One record of an event topic as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    timestamp_ms: int = 0

    @property
    def lane(self) -> Lane:
        """Its topic and partition."""
        return self.topic, self.partition


def lines(records: Sequence[Message]) -> list[Line]:
    """confluent-kafka's records as ours."""
    return [
        Line(
            str(one.topic()),
            one.partition() or 0,
            one.offset() or 0,
            _bytes(one.key()),
            _bytes(one.value()),
            one.timestamp()[1],
        )
        for one in records
    ]


def moves(batch: Sequence[Line]) -> dict[Lane, tuple[int, int]]:
    """For each partition: the offset its first record has, which Postgres must name, and the one after its last.

    Nothing of ours leaves holes in a topic. One that shows up all the same is read again from Postgres' offset.
    Raises LogTruncated.
    """
    found: dict[Lane, tuple[int, int]] = {}
    for topic, partition, offset, *_ in batch:
        first, expected = found.get((topic, partition), (offset, offset))
        if offset != expected:
            raise LogTruncated(f"{topic}/{partition} goes on at {offset}, but {expected} comes next.")
        found[topic, partition] = (first, offset + 1)
    return found


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


@dataclass(slots=True)
class Written:
    """What a batch came to: the events that were read, rows written by topic, and what was refused."""

    events: list[Event] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    refused: list[Output] = field(default_factory=list)


def write(cursor: Cursor[Any], batch: Sequence[Line]) -> Written:
    """Write a batch inside the caller's transaction. Raises psycopg.Error for weather, never for data."""
    written = Written()
    for line in batch:
        try:
            written.events.append(_event(line))
        except Unreadable as reason:
            written.refused.append(_dead_letter(line, reason, None))
    refusals: list[tuple[Event, Exception]] = []
    for (topic, tenant_id), told in _groups(written.events).items():
        refusals += _write(cursor, topic, tenant_id, told, written.rows)
    if refusals:
        by_place = {line[:3]: line for line in batch}
        written.refused += [_refused(by_place[event[1:4]], event, error) for event, error in refusals]
    return written


def _event(line: Line) -> Event:
    """A record as an event of its topic. Raises Unreadable."""
    message = decode_event(line.topic, line.value)
    home = MESSAGES[message.type].topic
    if home != line.topic:
        raise Unreadable("WRONG_TOPIC", f"{message.type} belongs to {home}, not to {line.topic}.", "type")
    return Event(message, *line[:3], line.timestamp_ms)


def _groups(events: Sequence[Event]) -> dict[tuple[str, str], list[Event]]:
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        groups.setdefault((event.topic, event.message.tenant_id), []).append(event)
    return groups


def _write(
    cursor: Cursor[Any], topic: str, tenant_id: str, told: Sequence[Event], rows: Counter[str]
) -> list[tuple[Event, Exception]]:
    """Write one tenant's events of one topic; the halves of what Postgres refuses, down to the culprits."""
    try:
        with cursor.connection.transaction():
            database.tenant(cursor, tenant_id)
            written = READ_MODELS[topic](cursor, tenant_id, told)
    except (Error, ValueError) as error:
        if isinstance(error, Error) and not database.is_data(error):
            raise
        if len(told) == 1:
            return [(told[0], error)]
        half = len(told) // 2
        first = _write(cursor, topic, tenant_id, told[:half], rows)
        return first + _write(cursor, topic, tenant_id, told[half:], rows)
    rows[topic] += written
    return []


def _refused(line: Line, event: Event, error: Exception) -> Output:
    told = error.diag.message_primary if isinstance(error, Error) else None
    reason = Unreadable("REFUSED_BY_DATABASE", f"No row can be made of it: {told or error}.")
    return _dead_letter(line, reason, event)


def _dead_letter(line: Line, reason: Unreadable, event: Event | None) -> Output:
    """The dead letter of an event record; the same record always gives the same one."""
    address = f"{line.topic}/{line.partition}/{line.offset}"
    key = sha256(address.encode()).hexdigest()[:32]
    message = event.message if event else None
    return failure_output(
        tenant_id=message.tenant_id if message else tenant_of(line.key),
        failure_key=key,
        moment=message.received_at if message else datetime.fromtimestamp(max(line.timestamp_ms, 0) / 1000, UTC),
        integration_type=f"projection_{line.topic}".replace("-", "_"),
        data=line.value[:LARGEST_ORIGINAL],
        refusal=reason,
        inbox=line.topic,
        address=address,
        message_id=message.message_id if message else None,
        correlation_id=message.correlation_id if message else key,
    )
