"""Conditions that an alert was raised for and that last."""

from datetime import datetime
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

KEEP = """
INSERT INTO ops.watch_episodes (tenant_id, condition, entity_id, since, value, sentence, updated_at)
VALUES (%(tenant_id)s, %(condition)s, %(entity_id)s, %(at)s, %(value)s, %(sentence)s, %(at)s)
ON CONFLICT (tenant_id, condition, entity_id) DO UPDATE
SET value = EXCLUDED.value, sentence = EXCLUDED.sentence, updated_at = EXCLUDED.updated_at
"""


def lasting(rows: Cursor[Row]) -> dict[tuple[str, str], Row]:
    """What lasts, by condition and entity."""
    rows.execute("SELECT condition, entity_id, since, value, sentence, updated_at FROM ops.watch_episodes")
    return {(row["condition"], row["entity_id"]): row for row in rows.fetchall()}


def keep(
    rows: Cursor[Row], tenant_id: str, condition: str, entity_id: str, value: float, sentence: str, at: datetime
) -> None:
    """It begins, or lasts."""
    told = {
        "tenant_id": tenant_id,
        "condition": condition,
        "entity_id": entity_id,
        "value": value,
        "sentence": sentence,
        "at": at,
    }
    rows.execute(KEEP, told)


def end(rows: Cursor[Row], condition: str, entity_id: str) -> None:
    """It is over."""
    rows.execute("DELETE FROM ops.watch_episodes WHERE condition = %s AND entity_id = %s", [condition, entity_id])
