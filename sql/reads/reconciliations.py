"""Reconciliation with the ERP: our side of the comparison, the reports and what differed, and who decided."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import Cursor

from sql.bulk import as_json
from sql.reads.pages import cursor_of, values_of

Row = dict[str, Any]

LINES_OF_A_TIMELINE: Final = 20

OURS = """
SELECT o.work_order_id, o.erp_work_order_id, o.status, o.product_id, o.product_name, o.product_variant,
  trim_scale(o.quantity_ordered) AS quantity_ordered, trim_scale(o.quantity_produced) AS quantity_produced,
  trim_scale(o.quantity_scrapped) AS quantity_scrapped, o.unit_of_measure, o.priority, o.due_date,
  o.customer_order_id, o.production_line_preference, o.special_instructions, o.created_at, o.actual_start_at,
  o.actual_end_at, o.archived_at, o.version, o.updated_at, o.current_machine_id,
  coalesce(bill.lines, '[]'::jsonb) AS bill_of_materials,
  greatest(o.created_at, told.said_at) AS told_at, coalesce(told.heard_at, o.created_at) AS heard_at,
  EXISTS (SELECT FROM deliveries d WHERE d.kind = 'erp.work_order_completion' AND d.subject = o.work_order_id
    AND d.status = 'pending') AS is_report_under_way
FROM work_orders o
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('material_id', b.material_id, 'quantity_required',
    trim_scale(b.quantity_required), 'unit_of_measure', b.unit_of_measure, 'part_number', b.part_number,
    'part_name', b.part_name) ORDER BY b.line) AS lines
  FROM work_order_bom b WHERE b.work_order_id = o.work_order_id) bill ON true
LEFT JOIN (
  SELECT request_payload->'work_order'->>'erp_work_order_id' AS erp_work_order_id,
    max(CASE WHEN request_payload->>'timestamp' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]'
      THEN (request_payload->>'timestamp')::timestamptz ELSE timestamp END) AS said_at, max(timestamp) AS heard_at
  FROM integration_audit_log
  WHERE integration_type LIKE 'erp_work_order%%' AND direction = 'inbound' AND success AND timestamp >= %(since)s
    AND request_payload->'work_order'->>'erp_work_order_id' IS NOT NULL
  GROUP BY 1) told ON told.erp_work_order_id = o.erp_work_order_id
WHERE o.erp_work_order_id = ANY(%(ids)s)
  OR (o.created_at >= %(since)s AND o.created_at <= %(at)s AND o.origin = 'erp')
"""
"""`told_at` by the ERP's clock: its webhooks are in the audit log, and what it lists is not older than `since`."""


def ours(cursor: Cursor[Row], erp_ids: Sequence[str], since: datetime, at: datetime) -> list[Row]:
    """Our orders of these ERP ids, and those that came to us in the window, each with its bill of materials."""
    cursor.execute(OURS, {"ids": list(erp_ids), "since": since, "at": at})
    return cursor.fetchall()


def accepted(cursor: Cursor[Row], erp_ids: Sequence[str], after: datetime) -> set[str]:
    """Those of these ERP ids that were accepted after a moment and have no row yet."""
    cursor.execute(
        "SELECT k.erp_work_order_id FROM ops.work_order_keys k WHERE k.erp_work_order_id = ANY(%s) "
        "AND k.created_at > %s AND NOT EXISTS (SELECT FROM work_orders o WHERE o.work_order_id = k.work_order_id)",
        [list(erp_ids), after],
    )
    return {row["erp_work_order_id"] for row in cursor.fetchall()}


def unknown_materials(cursor: Cursor[Row], material_ids: Sequence[str]) -> set[str]:
    """Those of these materials that no master data names."""
    cursor.execute(
        "SELECT told.material_id FROM unnest(%s::text[]) AS told(material_id) "
        "WHERE NOT EXISTS (SELECT FROM materials m WHERE m.material_id = told.material_id) "
        "AND NOT EXISTS (SELECT FROM ops.material_keys k WHERE k.material_id = told.material_id)",
        [list(material_ids)],
    )
    return {row["material_id"] for row in cursor.fetchall()}


CALLS = """
SELECT erp_work_order_id, timestamp, direction, integration_type, event_type, said_at, http_status_code, success
FROM (
  SELECT coalesce(request_payload->'work_order'->>'erp_work_order_id', request_payload->>'erp_work_order_id')
      AS erp_work_order_id, timestamp, direction, integration_type, request_payload->>'event_type' AS event_type,
    request_payload->>'timestamp' AS said_at, http_status_code, success,
    row_number() OVER (PARTITION BY coalesce(request_payload->'work_order'->>'erp_work_order_id',
      request_payload->>'erp_work_order_id') ORDER BY timestamp DESC) AS nth
  FROM integration_audit_log
  WHERE external_system = 'ERP' AND timestamp >= %(since)s - interval '30 days'
    AND coalesce(request_payload->'work_order'->>'erp_work_order_id', request_payload->>'erp_work_order_id')
      = ANY(%(ids)s)) AS lines
WHERE nth <= %(most)s ORDER BY timestamp
"""
LOGS = """
SELECT work_order_id, produced_at, machine_id, units, scrapped_units, cumulative_units, order_version
FROM (SELECT *, row_number() OVER (PARTITION BY work_order_id ORDER BY order_version DESC) AS nth
      FROM production_logs WHERE work_order_id = ANY(%(ids)s)) AS logs
WHERE nth <= %(most)s ORDER BY order_version
"""


def calls(cursor: Cursor[Row], erp_ids: Sequence[str], since: datetime) -> list[Row]:
    """The latest calls between the ERP and us about these orders, oldest first."""
    cursor.execute(CALLS, {"ids": list(erp_ids), "since": since, "most": LINES_OF_A_TIMELINE})
    return cursor.fetchall()


def logs(cursor: Cursor[Row], order_ids: Sequence[str]) -> list[Row]:
    """The latest counter readings of these orders, oldest first."""
    cursor.execute(LOGS, {"ids": list(order_ids), "most": LINES_OF_A_TIMELINE})
    return cursor.fetchall()


REPORT = (
    "report_id", "delivery_id", "report_date", "window_from", "window_to", "compared_at", "orders_in_erp",
    "orders_in_ours", "discrepancies", "auto_synced", "manual_review", "in_transit", "counts", "status", "text",
    "requested_by",
)  # fmt: skip
ITEM = (
    "item", "erp_work_order_id", "work_order_id", "class", "risk", "field", "erp_value", "our_value", "action",
    "reason", "erp_timeline", "our_timeline", "message_id",
)  # fmt: skip
DECIDED = ("resolution", "resolved_by", "resolved_at", "note")
_JSON = frozenset({"counts", "erp_value", "our_value", "erp_timeline", "our_timeline"})


def keep(cursor: Cursor[Row], tenant_id: str, report: Row, items: Sequence[Row]) -> bool:
    """Store a report with its items; False if it is stored already."""
    cursor.execute(_insert("reconciliation_reports", REPORT, " ON CONFLICT DO NOTHING"), _values(tenant_id, report))
    if not cursor.rowcount:
        return False
    rows = [_values(tenant_id, item | {"report_id": report["report_id"]}) for item in items]
    if rows:
        cursor.executemany(_insert("reconciliation_items", ("report_id", *ITEM)), rows)
    return True


def _insert(table: str, columns: Sequence[str], conflict: str = "") -> bytes:
    names = ("tenant_id", *columns)
    values = ", ".join(f"%({name})s" for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values}){conflict}".encode()


def _values(tenant_id: str, row: Row) -> Row:
    return {name: as_json(value) if name in _JSON else value for name, value in row.items()} | {"tenant_id": tenant_id}


HEAD = ", ".join(REPORT)


def is_stored(cursor: Cursor[Row], report_id: str) -> bool:
    """Whether this report was made already."""
    cursor.execute("SELECT 1 FROM reconciliation_reports WHERE report_id = %s", [report_id])
    return cursor.fetchone() is not None


def page(cursor: Cursor[Row], limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Reports, latest first, and the cursor of the next page. Raises BadCursor."""
    at, key = values_of(after, 2) if after else ("infinity", "")
    cursor.execute(
        f"SELECT {HEAD} FROM reconciliation_reports WHERE (compared_at, report_id) < (%(at)s::timestamptz, %(key)s) "
        "ORDER BY compared_at DESC, report_id DESC LIMIT %(limit)s".encode(),
        {"at": at, "key": key, "limit": limit + 1},
    )
    rows = cursor.fetchall()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursor_of([last["compared_at"].isoformat(), last["report_id"]])


def one(cursor: Cursor[Row], report_id: str) -> Row | None:
    """One report with its items, or None."""
    cursor.execute(f"SELECT {HEAD} FROM reconciliation_reports WHERE report_id = %s".encode(), [report_id])
    report = cursor.fetchone()
    if report is None:
        return None
    cursor.execute(
        f"SELECT {', '.join((*ITEM, *DECIDED))} FROM reconciliation_items WHERE report_id = %s ORDER BY item".encode(),
        [report_id],
    )
    return report | {"items": cursor.fetchall()}


def held_item(cursor: Cursor[Row], report_id: str, item: int) -> Row | None:
    """One item, held until the transaction ends, or None."""
    cursor.execute(
        f"SELECT {', '.join((*ITEM, *DECIDED))} FROM reconciliation_items "
        "WHERE report_id = %s AND item = %s FOR UPDATE".encode(),
        [report_id, item],
    )
    return cursor.fetchone()


def resolve(cursor: Cursor[Row], report_id: str, item: int, decided: Row) -> Row:
    """Write what a person decided about an item; a report nobody has to look at any more is reviewed. The item."""
    cursor.execute(
        "UPDATE reconciliation_items SET action = CASE WHEN %(resolution)s = 'note' THEN action ELSE 'resolved' END, "
        "resolution = %(resolution)s, resolved_by = %(by)s, resolved_at = now(), note = %(note)s, "
        "message_id = coalesce(%(message_id)s, message_id) WHERE report_id = %(report)s AND item = %(item)s",
        decided | {"report": report_id, "item": item},
    )
    cursor.execute(
        "UPDATE reconciliation_reports r SET status = 'reviewed' WHERE report_id = %(report)s AND status = 'review' "
        "AND NOT EXISTS (SELECT FROM reconciliation_items i WHERE i.report_id = r.report_id "
        "AND i.action = 'manual_review')",
        {"report": report_id},
    )
    found = held_item(cursor, report_id, item)
    assert found is not None
    return found


def asked_by(cursor: Cursor[Row], moment: datetime) -> str | None:
    """Who asked for the run of that moment, if it was not the clock."""
    cursor.execute(
        "SELECT asked_by FROM ops.clock_runs WHERE name = 'reconciliation' AND moment = %s AND asked_by IS NOT NULL "
        "LIMIT 1",
        [moment],
    )
    row = cursor.fetchone()
    return None if row is None else str(row["asked_by"])
