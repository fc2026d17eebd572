"""Makes deliveries: each is stored once, and its first attempt is in the queue when the transaction commits."""

from collections.abc import Iterable
from typing import Final

from connectors.deliveries.kind import New, Rows
from connectors.deliveries.registry import KINDS
from sql import database, deliveries

LONGEST_CORRELATION: Final = 200


def make(rows: Rows, news: Iterable[New]) -> int:
    """Store what is new of these; how many that was. Raises KeyError for a kind that is not in the registry."""
    made = 0
    for new in news:
        kind = KINDS[new.kind]
        database.tenant(rows, new.tenant_id)
        identity = deliveries.identity(new.kind, new.tenant_id, new.cause)
        fields = new._asdict() | {
            "delivery_id": identity,
            "external_system": kind.system,
            "integration_type": kind.integration_type,
            "correlation_id": (new.correlation_id or identity)[:LONGEST_CORRELATION],
        }
        made += deliveries.add(rows, fields, replaces_older=kind.is_asking)
    return made
