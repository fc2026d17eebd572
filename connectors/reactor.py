"""Reacts to events: reads the log behind the projector, and keeps how far it is in Postgres.

What follows from a batch (deliveries, messages) and the offsets move in one transaction; a batch is taken up only when
the projector has written its rows. Of several processes one reacts, the others wait for its lock.
"""

import contextlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import psycopg
import structlog
from confluent_kafka import KafkaException
from psycopg.rows import dict_row, tuple_row

from connectors.deliveries import metrics
from connectors.deliveries.kind import Rows
from connectors.deliveries.making import make
from connectors.deliveries.transactions import KafkaIsAway, passes
from connectors.reactions import REACTIONS, Reacted, Reaction
from schemas.codec import Unreadable, decode_event
from schemas.envelope import Message
from schemas.settings import Settings
from sql import database, offsets
from sql.offsets import Lane, Superseded
from sql.read_models.registry import READ_MODELS
from streams.driver import Output, Rejected, failure_output
from streams.kafka.consumer import LogReader, lag
from streams.projection import Line, lines

log = structlog.get_logger()

LOCK: Final = 7_201_002
BATCH: Final = 500
IDLE_SECONDS: Final = 0.25
# Nobody waits for a reaction within a moment: Kafka answers four times a second, or when there is much.
UNHURRIED: Final[dict[str, object]] = {"fetch.wait.max.ms": 250, "fetch.min.bytes": 64 * 1024}
LOOK_AGAIN_SECONDS: Final = 0.1
PAUSE_SECONDS: Final = 1.0

Publish = Callable[[Sequence[Output]], None]
Table = Mapping[str, tuple[Reaction, ...]]


class Reactor:
    """Works off batches of event records over one connection. `publish` returns when its records are durable."""

    def __init__(
        self,
        settings: Settings,
        connection: psycopg.Connection[Any],
        publish: Publish,
        reactions: Table = REACTIONS,
    ) -> None:
        self._settings, self._connection, self._publish, self._reactions = settings, connection, publish, reactions
        self._concerns = re.compile(f'"type":"(?:{"|".join(map(re.escape, reactions))})"'.encode()).search

    def offsets(self, lanes: list[Lane], table: str = offsets.REACTIONS) -> dict[Lane, int]:
        """Where the reactions, or the read models, stand."""
        with self._connection.transaction(), self._connection.cursor(row_factory=tuple_row) as cursor:
            return offsets.read(cursor, lanes, table)

    def react(self, batch: Sequence[Line]) -> None:
        """Do what follows from a batch, once. Raises Superseded, psycopg.Error for weather, KafkaIsAway."""
        with self._connection.transaction():
            with self._connection.cursor(row_factory=tuple_row) as cursor:
                offsets.move(cursor, _moves(batch), offsets.REACTIONS)
            with self._connection.cursor(row_factory=dict_row) as rows:
                outputs: list[Output] = []
                for line in batch:
                    outputs += self._react_to(rows, line)
                self._publish(outputs)

    def _react_to(self, rows: Rows, line: Line) -> list[Output]:
        if not self._concerns(line.value):
            return []
        try:
            message = decode_event(line.topic, line.value)
        except Unreadable:
            return []  # the projector has made a dead letter of it
        outputs: list[Output] = []
        for reaction in self._reactions.get(message.type, ()):
            outputs += self._one(rows, line, message, reaction)
        return outputs

    def _one(self, rows: Rows, line: Line, message: Message[Any], reaction: Reaction) -> Sequence[Output]:
        """What one reaction makes of an event; what goes wrong in it is a dead letter and stops no other."""
        try:
            with self._connection.transaction():
                database.tenant(rows, message.tenant_id)
                reacted = reaction(rows, message, self._settings)
                carry_out(rows, reacted)
        except Exception as error:
            if passes(error):
                raise
            log.exception("a reaction failed", event=message.message_id, reaction=reaction.__name__)
            return [_dead_letter(line, message, reaction, error)]
        metrics.REACTIONS.labels(message.type).inc()
        return reacted.outputs


def carry_out(rows: Rows, reacted: Reacted) -> int:
    """Store the deliveries of what follows; how many are new. Its messages are the caller's to publish."""
    return make(rows, reacted.deliveries)


def _moves(batch: Sequence[Line]) -> dict[Lane, tuple[int, int]]:
    moves: dict[Lane, tuple[int, int]] = {}
    for line in batch:
        first, _ = moves.get(line.lane, (line.offset, 0))
        moves[line.lane] = (first, line.offset + 1)
    return moves


def _dead_letter(line: Line, message: Message[Any], reaction: Reaction, error: Exception) -> Output:
    address = f"{line.topic}/{line.partition}/{line.offset}"
    key = sha256(f"{address}/{reaction.__name__}".encode()).hexdigest()[:32]
    moment: datetime = message.received_at
    return failure_output(
        tenant_id=message.tenant_id,
        failure_key=key,
        moment=moment,
        integration_type=f"reaction_{reaction.__name__.strip('_')}",
        data=line.value,
        refusal=Rejected("REACTION_FAILED", f"What follows from it could not be done: {error}"),
        inbox=line.topic,
        address=address,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
    )


def run(settings: Settings, stop: threading.Event, publish: Publish) -> None:
    """React until told to stop; Postgres, Kafka and another process that reacts are waited out."""
    while not stop.is_set():
        try:
            with (
                database.locked(settings.database_url, LOCK, stop, IDLE_SECONDS) as connection,
                contextlib.closing(LogReader(settings, **UNHURRIED)) as reader,
            ):
                _follow(stop, Reactor(settings, connection, publish), reader)
        except (KafkaException, KafkaIsAway, Superseded) as error:
            log.warning("reactions_wait", reason=str(error))
        except psycopg.Error as error:
            if not database.is_weather(error):
                raise
            log.warning("postgres_is_away", reason=str(error).strip())
        finally:
            metrics.REACTOR_READY.set(0)
        stop.wait(PAUSE_SECONDS)


def _follow(stop: threading.Event, reactor: Reactor, reader: LogReader) -> None:
    if stop.is_set():
        return
    lanes = reader.lanes(READ_MODELS)
    reacted = reactor.offsets(lanes)
    reader.read_from(reacted)
    projected = reactor.offsets(lanes, offsets.PROJECTION)
    metrics.REACTOR_READY.set(1)
    while not stop.is_set():
        batch = lines(reader.read(BATCH, IDLE_SECONDS))
        while batch and not stop.is_set():
            ready = [line for line in batch if line.offset < projected[line.lane]]
            if ready:
                reactor.react(ready)
                reacted.update({line.lane: line.offset + 1 for line in ready})
                batch = [line for line in batch if line.offset >= projected[line.lane]]
            if batch:
                stop.wait(LOOK_AGAIN_SECONDS)
                projected = reactor.offsets(lanes, offsets.PROJECTION)
        _report(reader, reacted)


def _report(reader: LogReader, reacted: Mapping[Lane, int]) -> None:
    for topic, records in lag(reader.ends(reacted), reacted).items():
        metrics.REACTOR_LAG.labels(topic).set(records)
