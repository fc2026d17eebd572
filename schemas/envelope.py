"""The envelope every record on Kafka wears (document 002, Appendix B, and CONTRACT.md)."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

Payload = TypeVar("Payload")

Identifier = Annotated[str, Meta(min_length=1, max_length=128)]
Moment = Annotated[datetime, Meta(tz=True)]
TenantId = Annotated[str, Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Position = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Message(msgspec.Struct, Generic[Payload], frozen=True, kw_only=True, gc=False):
    """One thing that was said.

    `timestamp` is when it happened at its source; `received_at` is when we first had it; both are UTC.
    `source` and `position` number what a source says: per source, positions only grow; 0 = it does not number.
    `late` marks what a broker or a spool held back during an outage.
    """

    version: str = "1.0"
    message_id: Identifier
    type: str
    tenant_id: TenantId
    timestamp: Moment
    source_system: str
    destination_system: str = "MRAOS"
    correlation_id: str
    source: Identifier
    position: Position
    received_at: Moment
    late: bool = False
    payload: Payload


class TypeOf(msgspec.Struct, frozen=True):
    """Only the type of a message: what is read first, to know how to read the rest."""

    type: str
