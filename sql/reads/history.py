"""What orders, machines and materials were at a moment: as the system knew them then.

What stood in the log by then was known. What a machine did before, and a spool or an outage held back, was not.
"""

from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from psycopg import Cursor

Row = dict[str, Any]
Kind = Literal["order", "machine", "material"]

HEAD = """
SELECT work_order_id, erp_work_order_id, work_order_number, product_id, product_name, product_variant,
  trim_scale(quantity_ordered) AS quantity_ordered, trim_scale(quantity_produced) AS quantity_produced,
  trim_scale(quantity_scrapped) AS quantity_scrapped, unit_of_measure, status, priority, due_date, customer_order_id,
  production_line_preference, special_instructions, actual_start_at, actual_end_at, is_interrupted,
  assigned_machine_id, assigned_operator_id, materials_status, coalesce(origin, 'erp') AS origin, bom_id, bom_revision
FROM work_order_changes
WHERE work_order_id = %(id)s AND known_at <= %(at)s AND status IS NOT NULL ORDER BY version DESC LIMIT 1
"""
# What the latest change of each sort told: any, an inspection or a head, a bill, the archiving.
CHANGES = """
SELECT last.version, last.known_at, last.happened_at, last.event_topic, last.event_partition, last.event_offset,
  quality.defect_count, quality.inspection_count, bill.bill_of_materials, gone.archived_at, born.created_at
FROM (SELECT * FROM work_order_changes WHERE work_order_id = %(id)s AND known_at <= %(at)s
      ORDER BY version DESC LIMIT 1) AS last
CROSS JOIN (SELECT defect_count, inspection_count FROM work_order_changes
      WHERE work_order_id = %(id)s AND known_at <= %(at)s AND inspection_count IS NOT NULL
      ORDER BY version DESC LIMIT 1) AS quality
CROSS JOIN (SELECT happened_at AS created_at FROM work_order_changes WHERE work_order_id = %(id)s
      ORDER BY version LIMIT 1) AS born
LEFT JOIN (SELECT bill_of_materials FROM work_order_changes
      WHERE work_order_id = %(id)s AND known_at <= %(at)s AND bill_of_materials IS NOT NULL
      ORDER BY version DESC LIMIT 1) AS bill ON true
LEFT JOIN (SELECT archived_at FROM work_order_changes
      WHERE work_order_id = %(id)s AND known_at <= %(at)s AND archived_at IS NOT NULL LIMIT 1) AS gone ON true
"""
READING = """
SELECT order_version AS version, known_at, produced_at AS happened_at, event_topic, event_partition, event_offset,
  machine_id, order_produced, order_scrapped
FROM production_logs WHERE work_order_id = %(id)s AND known_at <= %(at)s
ORDER BY known_at DESC, order_version DESC LIMIT 1
"""
SYNCHRONIZED = (
    "SELECT erp_synchronized_at FROM work_orders WHERE work_order_id = %(id)s AND erp_synchronized_at <= %(at)s"
)
NOTES = """
SELECT note_id, work_order_id, body, written_by, written_at FROM work_order_notes
WHERE work_order_id = %(id)s AND written_at <= %(at)s ORDER BY written_at DESC, note_id LIMIT 200
"""
HELD = """
SELECT DISTINCT ON (reservation_id) reservation_id, work_order_id, material_id, trim_scale(quantity) AS quantity,
  trim_scale(quantity_requested) AS quantity_requested, trim_scale(shortage) AS shortage, status, batches,
  inventory_reservation_id, reason, version, known_at, event_topic, event_partition, event_offset
FROM reservation_changes WHERE {owner} = %(id)s AND known_at <= %(at)s ORDER BY reservation_id, version DESC
"""
OPEN = ("reserved", "partial", "refused")
MACHINE = """
SELECT machine_id, machine_name, line, status, status_since, utilization_percentage, overall_equipment_effectiveness,
  current_work_order_id, current_product_id, current_quantity_ordered,
  coalesce(cycle_time_seconds, 0) AS cycle_time_seconds, total_units, last_seen_at, version, happened_at AS updated_at,
  known_at, 'resource-status' AS event_topic, event_partition, event_offset
FROM machine_states WHERE machine_id = %(id)s AND known_at <= %(at)s ORDER BY known_at DESC, version DESC LIMIT 1
"""
MATERIAL = """
SELECT material_id, part_number, part_name, description, category, unit_of_measure,
  trim_scale(standard_cost) AS standard_cost, currency, is_active, warehouse, location,
  trim_scale(on_hand_quantity) AS on_hand_quantity, trim_scale(reserved_quantity) AS reserved_quantity,
  trim_scale(allocated_quantity) AS allocated_quantity, trim_scale(available_quantity) AS available_quantity,
  trim_scale(safety_stock) AS safety_stock, available_quantity < safety_stock AS is_below_safety_stock, stock_at,
  version, happened_at AS updated_at, batches, known_at, event_topic, event_partition, event_offset
FROM material_states WHERE material_id = %(id)s AND known_at <= %(at)s ORDER BY known_at DESC, version DESC LIMIT 1
"""
# Where the moments stand at which something about an entity became known, and where the entity itself stands now.
MOMENTS: Final[dict[Kind, tuple[tuple[str, str], ...]]] = {
    "order": (("work_order_changes", "work_order_id"), ("production_logs", "work_order_id")),
    "machine": (("machine_states", "machine_id"),),
    "material": (("material_states", "material_id"), ("reservation_changes", "material_id")),
}
NOW: Final[dict[Kind, tuple[str, str]]] = {
    "order": ("work_orders", "work_order_id"),
    "machine": ("machines", "machine_id"),
    "material": ("materials", "material_id"),
}
EVENT = ("known_at", "event_topic", "event_partition", "event_offset")


class Then(NamedTuple):
    """Something as it was at a moment: its fields, what belonged to it, and the latest event about it by then."""

    state: Row
    parts: dict[str, list[Row]]
    event: Row


def order(cursor: Cursor[Row], work_order_id: str, at: datetime) -> Then | None:
    """A work order as the system knew it at a moment, without its progress in per cent; None if nobody knew it."""
    asked = {"id": work_order_id, "at": at}
    head, told = _one(cursor, HEAD, asked), _one(cursor, CHANGES, asked)
    if head is None or told is None:
        return None
    reading, synchronized = _one(cursor, READING, asked), _one(cursor, SYNCHRONIZED, asked)
    latest = reading if reading and reading["version"] > told["version"] else told
    if reading is not None:
        head["quantity_produced"] = max(head["quantity_produced"], reading["order_produced"])
        head["quantity_scrapped"] = max(head["quantity_scrapped"], reading["order_scrapped"])
    state = head | {
        "quantity_good": head["quantity_produced"] - head["quantity_scrapped"],
        "is_late": head["status"] not in ("completed", "cancelled") and head["due_date"] < at,
        "inspection_count": told["inspection_count"],
        "defect_count": told["defect_count"],
        "current_machine_id": reading["machine_id"] if reading else None,
        "erp_synchronized_at": synchronized["erp_synchronized_at"] if synchronized else None,
        "archived_at": told["archived_at"],
        "version": latest["version"],
        "created_at": told["created_at"],
        "updated_at": latest["happened_at"],
    }
    bill = [{"line": line} | item for line, item in enumerate(told["bill_of_materials"] or (), 1)]
    held = _all(cursor, HELD.format(owner="work_order_id"), asked)
    parts = {"bill_of_materials": bill, "reservations": held, "notes": _all(cursor, NOTES, asked)}
    return Then(state, parts, {name: latest[name] for name in EVENT})


def machine(cursor: Cursor[Row], machine_id: str, at: datetime) -> Then | None:
    """A machine as the system knew it at a moment; None if nobody knew it."""
    found = _one(cursor, MACHINE, {"id": machine_id, "at": at})
    return None if found is None else Then(found, {}, {name: found.pop(name) for name in EVENT})


def material(cursor: Cursor[Row], material_id: str, at: datetime) -> Then | None:
    """A material as the system knew it at a moment, its lots, and who held or waited for it; None if nobody knew it."""
    asked = {"id": material_id, "at": at}
    found = _one(cursor, MATERIAL, asked)
    if found is None:
        return None
    held = _all(cursor, HELD.format(owner="material_id"), asked)
    parts = {"batches": found.pop("batches"), "reservations": [each for each in held if each["status"] in OPEN]}
    return Then(found, parts, {name: found.pop(name) for name in EVENT})


def around(cursor: Cursor[Row], kind: Kind, identity: str, at: datetime) -> tuple[datetime | None, datetime | None]:
    """When something about it became known the last time before a moment, and the first time after it."""
    asked = [f"FROM {table} WHERE {key} = %(id)s AND known_at" for table, key in MOMENTS[kind]]
    before = ", ".join(f"(SELECT max(known_at) {each} < %(at)s)" for each in asked)
    after = ", ".join(f"(SELECT min(known_at) {each} > %(at)s)" for each in asked)
    found = _one(cursor, f"SELECT greatest({before}) AS before, least({after}) AS after", {"id": identity, "at": at})
    return (found["before"], found["after"]) if found else (None, None)


def is_here_now(cursor: Cursor[Row], kind: Kind, identity: str) -> bool:
    """Whether it is known now, whatever was known of its past."""
    table, key = NOW[kind]
    return _one(cursor, f"SELECT 1 AS found FROM {table} WHERE {key} = %(id)s", {"id": identity}) is not None


def _one(cursor: Cursor[Row], query: str, asked: Row) -> Row | None:
    cursor.execute(query.encode(), asked)
    return cursor.fetchone()


def _all(cursor: Cursor[Row], query: str, asked: Row) -> list[Row]:
    cursor.execute(query.encode(), asked)
    return cursor.fetchall()
