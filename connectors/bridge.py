"""Inbound: receive -> translate -> judge the age -> hand to the outbox, which acknowledges when it is durable."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
from prometheus_client import Counter

from connectors import metrics
from connectors.age import Age, Line, Outage, span
from connectors.held_lines import HeldLines
from connectors.outbox import Item, Outbox
from connectors.received import Received as Received
from connectors.registry import NOWHERE_INBOX, Route, Transport, filed, route_of
from connectors.said import said
from connectors.systems.statement import Context, Statement, milliseconds
from schemas.codec import Unreadable
from schemas.ids import short
from schemas.messages.machines import ConnectionGap, Recovery, Stretch
from schemas.settings import Settings
from streams.driver import Output, failure_output
from streams.integration_metrics import MESSAGES

# A record on Kafka may have 1 MB; as base64 these bytes have 800 kB.
MOST_BYTES_IN_A_LETTER: Final = 600_000
REFUSALS_REMEMBERED: Final = 10_000
LONGEST_ADDRESS: Final = 4000


class Recovered(NamedTuple):
    """What could be read back of a machine's outage: how many readings, and what stays unknown of its status."""

    recovery: Recovery
    readings: int
    unrecovered: tuple[Stretch, ...]
    sentence: str


NOTHING: Final[Mapping[str, Recovered]] = MappingProxyType({})


class Bridge:
    """From one transport's bytes to messages on Kafka; `take` never waits and never raises for what it is given."""

    def __init__(
        self, transport: Transport, settings: Settings, line: Line, outbox: Outbox, held_lines: HeldLines
    ) -> None:
        self._transport: Transport = transport
        self._settings = settings
        self._context = Context(settings.tenant_id, min(settings.max_message_bytes, MOST_BYTES_IN_A_LETTER))
        self._line = line
        self._outbox = outbox
        self._held_lines = held_lines
        held_lines.release_to(line.name, lambda received: self._translate(received, was_held=True))
        self._received = metrics.RECEIVED.labels(transport)
        self._messages = MESSAGES.labels("MES", "inbound")
        self._refused: OrderedDict[str, str] = OrderedDict()

    def take(self, received: Received) -> None:
        """One message: on its way to its inbox, to the dead letters, or kept as it is while what it comes by stands."""
        self._received.inc()
        self._messages.inc()
        filed_under = filed(route_of(self._transport, received.address))
        if self._held_lines.holds(filed_under):
            self._held_lines.keep(filed_under, self._line.name, received)
        else:
            self._translate(received)

    def _translate(self, received: Received, *, was_held: bool = False) -> None:
        route = route_of(self._transport, received.address)
        statement: Statement | None = None
        try:
            if route is None:
                raise Unreadable("UNKNOWN_ADDRESS", f"Nothing is known about messages from {received.address}.")
            statement = route.translate(received.address, received.data, self._context)
            is_late = self._is_late(statement.timestamp, received.received_at)
        except Unreadable as refusal:
            self._refuse(received, route, statement, refusal)
            return
        if received.is_repeatable and self._refused:
            self._refused.pop(received.address, None)
        self._held_lines.passed(filed(route))
        late = is_late or received.is_retained or was_held
        self._outbox.put(Item(self._output(statement, received.received_at, late), received.acknowledge))

    def mark_gap(
        self, machine_ids: Iterable[str], outage: Outage, reason: str, recovered: Mapping[str, Recovered] = NOTHING
    ) -> None:
        """Say for each machine that nothing was heard of it for a while, and what could be read back."""
        for machine_id in machine_ids:
            gap = ConnectionGap(machine_id=machine_id, from_at=outage.from_at, to_at=outage.to_at, reason=reason)
            if known := recovered.get(machine_id):
                gap = msgspec.structs.replace(
                    gap,
                    reason=f"{reason} {known.sentence}",
                    recovery=known.recovery,
                    recovered_readings=known.readings,
                    unrecovered=known.unrecovered,
                )
            gap_id = short(f"gap-{machine_id}-{milliseconds(outage.from_at)}-{milliseconds(outage.to_at)}")
            statement = Statement("mes.connection_gap", gap, outage.to_at, gap_id)
            self._outbox.put(Item(self._output(statement, outage.to_at, late=False)))

    def _is_late(self, timestamp: datetime, received_at: datetime) -> bool:
        """Whether an outage held the message back. Raises Unreadable for what is too old or not yet."""
        age = self._line.judge(timestamp, received_at)
        if age is Age.FRESH:
            return False
        seconds = (received_at - timestamp).total_seconds()
        if age is Age.STALE:
            limit = self._settings.stale_seconds
            sentence = f"The message is {span(seconds)} old, and the line was up; at most {span(limit)} are accepted."
            raise Unreadable("STALE_TIMESTAMP", sentence, "timestamp")
        if age is Age.FUTURE:
            limit = self._settings.future_seconds
            sentence = f"The message is {span(-seconds)} in the future; at most {span(limit)} are accepted."
            raise Unreadable("FUTURE_TIMESTAMP", sentence, "timestamp")
        metrics.LATE.labels(self._transport).inc()
        return True

    def _output(self, statement: Statement, received_at: datetime, late: bool) -> Output:
        _accepted(statement.type).inc()
        return said(
            statement.type,
            self._settings.tenant_id,
            statement.payload,
            message_id=statement.message_id,
            timestamp=statement.timestamp,
            received_at=received_at,
            source_system="MES",
            source=self._line.name,
            late=late,
        )

    def _refuse(
        self, received: Received, route: Route | None, statement: Statement | None, refusal: Unreadable
    ) -> None:
        """One dead letter with the original bytes; it is acknowledged like any message, once it is durable."""
        failure_key = hashlib.sha256(received.address.encode() + received.data).hexdigest()[:32]
        if received.is_repeatable:
            was_told = self._was_told(received.address, f"{refusal.code} {refusal.reason}")
        else:
            was_told = self._was_told(failure_key, refusal.code) and received.is_retained
        if was_told:
            metrics.REPEATED_REFUSALS.labels(received.address).inc()
            self._outbox.put(Item(None, received.acknowledge))
            return
        metrics.DEAD_LETTERS.labels(refusal.code).inc()
        self._held_lines.failed(filed(route), refusal, received.received_at, failure_key)
        data, refusal = self._shortened(failure_key, received.data, refusal)
        output = failure_output(
            tenant_id=self._settings.tenant_id,
            failure_key=failure_key,
            moment=received.received_at,
            integration_type=filed(route),
            data=data,
            refusal=refusal,
            inbox=route.inbox if route else NOWHERE_INBOX,
            address=received.address[:LONGEST_ADDRESS],
            message_id=statement.message_id if statement else None,
            correlation_id=failure_key,
        )
        self._outbox.put(Item(output, received.acknowledge))

    def _was_told(self, what: str, refusal: str) -> bool:
        """Whether the same refusal was told before; remembers it."""
        if self._refused.get(what) == refusal:
            return True
        self._refused[what] = refusal
        if len(self._refused) > REFUSALS_REMEMBERED:
            self._refused.popitem(last=False)
        return False

    def _shortened(self, failure_key: str, data: bytes, refusal: Unreadable) -> tuple[bytes, Unreadable]:
        """What fits a record. What does not is kept whole in a file beside the spool, and the dead letter says so."""
        if len(data) <= MOST_BYTES_IN_A_LETTER:
            return data, refusal
        path = self._settings.spool_dir / "oversized" / f"{failure_key}.bin"
        _write_durably(path, data)
        sentence = f"{refusal.reason} The first {MOST_BYTES_IN_A_LETTER} bytes are here, all of them in {path}."
        return data[:MOST_BYTES_IN_A_LETTER], Unreadable(refusal.code, sentence, refusal.path)


@cache
def _accepted(type_name: str) -> Counter:
    return metrics.ACCEPTED.labels(type_name)


def _write_durably(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
