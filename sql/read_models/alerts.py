"""Alerts."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor

from sql.bulk import append
from sql.read_models.events import PLACE, Event

TOLD = ("alert_id", "alert_key", "kind", "severity", "entity_type", "entity_id", "message", "raised_at")
ALERT = ("tenant_id", *TOLD, *PLACE)


def project(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """Write one tenant's alerts of the topic alerts; rows written."""
    rows = [(tenant_id, *(getattr(event.message.payload, name) for name in TOLD), *event.place) for event in events]
    return append(cursor, "alerts", ALERT, rows)
