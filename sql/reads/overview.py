"""The plant in a few figures, and how far the read models are."""

from datetime import datetime
from typing import Any

from psycopg import Cursor

from sql.offsets import PROJECTION, REACTIONS, Lane

Row = dict[str, Any]

FIGURES = """
SELECT
  (SELECT count(*) FROM work_orders WHERE status NOT IN ('completed', 'cancelled')) AS open_orders,
  (SELECT count(*) FROM work_orders WHERE status = 'completed') AS completed_orders,
  (SELECT count(*) FROM machines WHERE status = 'running' AND last_seen_at >= %s) AS running_machines,
  (SELECT count(*) FROM machines) AS machines,
  (SELECT count(*) FROM integration_failures WHERE status = 'pending_manual_review') AS dead_letters,
  (SELECT count(*) FROM alerts WHERE acknowledged_at IS NULL) AS open_alerts
"""


def figures(cursor: Cursor[Row], heard_since: datetime) -> Row:
    """Counts for the head of the console. Of a machine not heard since then nobody knows whether it runs."""
    cursor.execute(FIGURES, [heard_since])
    return cursor.fetchone() or {}


def offsets(cursor: Cursor[Row]) -> tuple[dict[Lane, int], dict[Lane, int]]:
    """The next offset of each event partition: for the read models, and for our reactions."""
    return _offsets(cursor, PROJECTION), _offsets(cursor, REACTIONS)


def _offsets(cursor: Cursor[Row], table: str) -> dict[Lane, int]:
    cursor.execute(f"SELECT topic, partition, next_offset FROM {table}".encode())
    return {(row["topic"], row["partition"]): row["next_offset"] for row in cursor.fetchall()}
