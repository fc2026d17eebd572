"""Materials as they are asked for, and the ids that are taken before their rows are there."""

from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.types.json import Jsonb

from sql.reads import reservations
from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

STATE = """
  material_id, part_number, part_name, description, category, unit_of_measure,
  trim_scale(standard_cost) AS standard_cost, currency, is_active, warehouse, location,
  trim_scale(on_hand_quantity) AS on_hand_quantity, trim_scale(reserved_quantity) AS reserved_quantity,
  trim_scale(allocated_quantity) AS allocated_quantity, trim_scale(available_quantity) AS available_quantity,
  trim_scale(safety_stock) AS safety_stock, available_quantity < safety_stock AS is_below_safety_stock, stock_at,
  version, updated_at
"""

SHORT = """(available_quantity < safety_stock OR EXISTS (SELECT FROM reservations r
  WHERE r.material_id = materials.material_id AND r.status IN ('partial', 'refused') AND r.shortage > 0))"""


def page(
    cursor: Cursor[Row], text: str | None, limit: int, after: str | None, *, is_short: bool = False
) -> tuple[list[Row], str | None]:
    """Materials by id, and the cursor of the next page; `is_short`: only those below their safety stock, or of which
    an order misses some. Raises BadCursor."""
    last_id = values_of(after, 1)[0] if after else ""
    cursor.execute(
        f"SELECT {STATE} FROM materials WHERE material_id > %(last_id)s AND (%(text)s::text IS NULL "
        "OR material_id ILIKE %(text)s OR part_number ILIKE %(text)s OR part_name ILIKE %(text)s) "
        f"AND (NOT %(is_short)s OR {SHORT}) ORDER BY material_id LIMIT %(limit)s".encode(),
        {
            "last_id": last_id,
            "text": pattern_of(text) if text else None,
            "is_short": is_short,
            "limit": limit + 1,
        },
    )
    rows = cursor.fetchall()
    return rows[:limit], cursor_of([rows[limit - 1]["material_id"]]) if len(rows) > limit else None


def one(cursor: Cursor[Row], material_id: str) -> Row | None:
    """One material with its lots, first expired first, who holds or wants it, and its latest changes; or None."""
    cursor.execute(f"SELECT {STATE} FROM materials WHERE material_id = %s".encode(), [material_id])
    found = cursor.fetchone()
    if found is None:
        return None
    cursor.execute(
        "SELECT batch_number, trim_scale(quantity) AS quantity, expiration_date FROM material_batches "
        "WHERE material_id = %s ORDER BY expiration_date NULLS LAST, batch_number",
        [material_id],
    )
    batches = cursor.fetchall()
    cursor.execute(
        "SELECT field, old_value, new_value, changed_at, changed_by, change_source FROM material_changes "
        "WHERE material_id = %s ORDER BY version DESC, field LIMIT 100",
        [material_id],
    )
    return found | {
        "batches": batches,
        "changes": cursor.fetchall(),
        "reservations": reservations.open_of_material(cursor, material_id),
    }


def unknown(cursor: Cursor[Row], material_ids: list[str]) -> set[str]:
    """Those of the ids that nobody ever told us of."""
    cursor.execute(
        "SELECT id FROM unnest(%s::text[]) AS id WHERE NOT EXISTS (SELECT FROM materials WHERE material_id = id) "
        "AND NOT EXISTS (SELECT FROM ops.material_keys WHERE material_id = id)",
        [material_ids],
    )
    return {row["id"] for row in cursor.fetchall()}


def behind(cursor: Cursor[Row], told: list[dict[str, Any]]) -> int:
    """How many materials are not yet as they were told: name, or a count of stock; None does not matter.

    A count that says nothing new changes no row.
    """
    cursor.execute(
        """
        SELECT count(*) AS behind FROM
          (SELECT * FROM jsonb_to_recordset(%s)
            AS told(material_id text, part_name text, stock_at timestamptz, on_hand numeric)) told
        LEFT JOIN materials m USING (material_id)
        WHERE m.material_id IS NULL OR m.part_name <> coalesce(told.part_name, m.part_name)
          OR told.stock_at IS NOT NULL AND m.stock_at IS NULL
          OR m.stock_at < told.stock_at AND m.on_hand_quantity <> told.on_hand
        """,
        [Jsonb(told)],
    )
    row = cursor.fetchone()
    return int(row["behind"]) if row else 0


def claim(cursor: Cursor[Row], tenant_id: str, material_ids: list[str]) -> None:
    """Remember that these materials were accepted, so that an order may name them before their rows are there."""
    cursor.execute(
        "INSERT INTO ops.material_keys (tenant_id, material_id) "
        "SELECT %s, id FROM unnest(%s::text[]) AS id ORDER BY id ON CONFLICT DO NOTHING",
        [tenant_id, material_ids],
    )


def figures(cursor: Cursor[Row]) -> Row:
    """How many materials there are, and of how many there is too little."""
    cursor.execute(
        "SELECT count(*) AS materials, count(*) FILTER (WHERE available_quantity < safety_stock) AS below_safety, "
        "count(*) FILTER (WHERE on_hand_quantity = 0) AS empty, max(stock_at) AS stock_at, "
        "(SELECT count(DISTINCT material_id) FROM reservations WHERE status IN ('partial', 'refused') "
        "AND shortage > 0) AS missed FROM materials"
    )
    return cursor.fetchone() or {}


def transactions(cursor: Cursor[Row], material_id: str, limit: int) -> list[Row]:
    """What orders used up of a material, latest first, with its place in the log."""
    cursor.execute(
        "SELECT transaction_id, work_order_id, trim_scale(quantity) AS quantity, unit_of_measure, batches, "
        "occurred_at, warehouse_confirmed_at, synchronized_at, event_topic, event_partition, event_offset "
        "FROM material_transactions WHERE material_id = %s ORDER BY occurred_at DESC, transaction_id LIMIT %s",
        [material_id, limit],
    )
    return cursor.fetchall()


STATE_THEN = """
SELECT known_at AS at, trim_scale(on_hand_quantity) AS on_hand_quantity, trim_scale(allocated_quantity) AS
  allocated_quantity, trim_scale(available_quantity) AS available_quantity, trim_scale(safety_stock) AS safety_stock
FROM material_states WHERE material_id = %(id)s
"""
STOCK = f"""
(WITH before AS ({STATE_THEN} AND known_at <= %(since)s ORDER BY known_at DESC, version DESC LIMIT 1)
 SELECT %(since)s::timestamptz AS at, on_hand_quantity, allocated_quantity, available_quantity, safety_stock
 FROM before)
UNION ALL
(SELECT at, on_hand_quantity, allocated_quantity, available_quantity, safety_stock FROM (
  SELECT DISTINCT ON (floor(extract(epoch FROM at) / %(step)s)) * FROM ({STATE_THEN} AND known_at > %(since)s) AS states
  ORDER BY floor(extract(epoch FROM at) / %(step)s), at DESC) AS last_of_each)
ORDER BY at
"""


def stock(cursor: Cursor[Row], material_id: str, since: datetime, until: datetime, most: int) -> list[Row]:
    """How much there was of a material in a stretch of time, the oldest first: about so many moments at most."""
    cursor.execute(
        "SELECT min(known_at) AS first_at FROM material_states WHERE material_id = %s AND known_at > %s",
        [material_id, since],
    )
    found = cursor.fetchone()
    first = max(found["first_at"], since) if found and found["first_at"] else since
    step = max((until - first).total_seconds() / most, 1.0)
    cursor.execute(STOCK.encode(), {"id": material_id, "since": since, "step": step})
    return cursor.fetchall()
