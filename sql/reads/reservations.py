"""Reservations as they are asked for: by order, by material, by where they stand."""

from typing import Any

from psycopg import Cursor

from sql.reads.pages import cursor_of, values_of

Row = dict[str, Any]

STATE = """
  r.reservation_id, r.work_order_id, r.material_id, m.part_number, m.part_name, m.unit_of_measure,
  trim_scale(r.quantity) AS quantity, trim_scale(r.quantity_requested) AS quantity_requested,
  trim_scale(r.shortage) AS shortage, r.status, r.batches, r.inventory_reservation_id, r.reason, r.version,
  r.created_at, r.updated_at, r.event_topic, r.event_partition, r.event_offset
"""
FROM = "FROM reservations r LEFT JOIN materials m USING (tenant_id, material_id)"


def page(
    cursor: Cursor[Row],
    limit: int,
    after: str | None,
    *,
    work_order_id: str | None = None,
    material_id: str | None = None,
    statuses: tuple[str, ...] = (),
) -> tuple[list[Row], str | None]:
    """Reservations by id, and the cursor of the next page. Raises BadCursor."""
    last_id = values_of(after, 1)[0] if after else ""
    cursor.execute(
        f"SELECT {STATE} {FROM} WHERE r.reservation_id > %(last_id)s "
        "AND (%(order)s::text IS NULL OR r.work_order_id = %(order)s) "
        "AND (%(material)s::text IS NULL OR r.material_id = %(material)s) "
        "AND (%(statuses)s::text[] IS NULL OR r.status = ANY(%(statuses)s)) "
        "ORDER BY r.reservation_id LIMIT %(limit)s".encode(),
        {
            "last_id": last_id,
            "order": work_order_id,
            "material": material_id,
            "statuses": list(statuses) or None,
            "limit": limit + 1,
        },
    )
    rows = cursor.fetchall()
    return rows[:limit], cursor_of([rows[limit - 1]["reservation_id"]]) if len(rows) > limit else None


def of_order(cursor: Cursor[Row], work_order_id: str) -> list[Row]:
    """What an order holds, by material."""
    cursor.execute(f"SELECT {STATE} {FROM} WHERE r.work_order_id = %s ORDER BY r.material_id".encode(), [work_order_id])
    return cursor.fetchall()


def open_of_material(cursor: Cursor[Row], material_id: str) -> list[Row]:
    """Who holds a material or waits for it, the first to ask first."""
    cursor.execute(
        f"SELECT {STATE} {FROM} WHERE r.material_id = %s AND r.status IN ('reserved', 'partial', 'refused') "
        "ORDER BY r.created_at, r.reservation_id".encode(),
        [material_id],
    )
    return cursor.fetchall()
