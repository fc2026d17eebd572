"""Materials as they are asked for, and the ids that are taken before their rows are there."""

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


def page(cursor: Cursor[Row], text: str | None, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Materials by id, and the cursor of the next page. Raises BadCursor."""
    last_id = values_of(after, 1)[0] if after else ""
    cursor.execute(
        f"SELECT {STATE} FROM materials WHERE material_id > %(last_id)s AND (%(text)s::text IS NULL "
        "OR material_id ILIKE %(text)s OR part_number ILIKE %(text)s OR part_name ILIKE %(text)s) "
        "ORDER BY material_id LIMIT %(limit)s".encode(),
        {"last_id": last_id, "text": pattern_of(text) if text else None, "limit": limit + 1},
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
