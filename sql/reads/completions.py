"""What is told of an order when it starts or is completed: its head, machines, materials, inspections."""

from datetime import datetime
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

ORDER = """
SELECT work_order_id, erp_work_order_id, product_id, product_name, status, quantity_ordered, quantity_produced,
  quantity_scrapped, quantity_good, actual_start_at, actual_end_at, defect_count, current_machine_id,
  assigned_machine_id, assigned_operator_id
FROM work_orders WHERE work_order_id = %s
"""
MACHINES = """
SELECT machine_id, min(produced_at) AS first_at, max(produced_at) AS last_at FROM production_logs
WHERE work_order_id = %s GROUP BY machine_id ORDER BY min(produced_at), machine_id
"""
BILL = """
SELECT material_id, min(part_number) AS part_number, min(unit_of_measure) AS unit_of_measure,
  sum(quantity_required) AS quantity_required
FROM work_order_bom WHERE work_order_id = %s GROUP BY material_id ORDER BY min(line)
"""
CONSUMED = """
SELECT used.material_id, coalesce(min(bill.part_number), min(material.part_number)) AS part_number,
  coalesce(min(used.unit_of_measure), min(bill.unit_of_measure), 'EA') AS unit_of_measure, used.quantity
FROM (SELECT tenant_id, material_id, min(unit_of_measure) AS unit_of_measure, sum(quantity) AS quantity
      FROM material_transactions WHERE work_order_id = %(order)s GROUP BY tenant_id, material_id) AS used
LEFT JOIN work_order_bom AS bill
  ON bill.tenant_id = used.tenant_id AND bill.work_order_id = %(order)s AND bill.material_id = used.material_id
LEFT JOIN materials AS material ON material.tenant_id = used.tenant_id AND material.material_id = used.material_id
GROUP BY used.material_id, used.quantity ORDER BY min(bill.line) NULLS LAST, used.material_id
"""
INSPECTIONS = """
SELECT (SELECT result FROM quality_inspections WHERE work_order_id = %(order)s
        ORDER BY inspected_at DESC, inspection_id DESC LIMIT 1) AS last_result,
  ARRAY(SELECT DISTINCT defect_type FROM quality_inspections
        WHERE work_order_id = %(order)s AND defect_detected AND defect_type IS NOT NULL ORDER BY 1) AS defect_types
"""


def order(rows: Cursor[Row], work_order_id: str) -> Row | None:
    """The order's head."""
    rows.execute(ORDER, [work_order_id])
    return rows.fetchone()


def machines(rows: Cursor[Row], work_order_id: str) -> list[Row]:
    """Every machine that counted for it, with its first and its last reading."""
    rows.execute(MACHINES, [work_order_id])
    return rows.fetchall()


def bill(rows: Cursor[Row], work_order_id: str) -> list[Row]:
    """Its bill of materials, a material a row."""
    rows.execute(BILL, [work_order_id])
    return rows.fetchall()


def consumed(rows: Cursor[Row], work_order_id: str) -> list[Row]:
    """What it used up, a material a row."""
    rows.execute(CONSUMED, {"order": work_order_id})
    return rows.fetchall()


def inspections(rows: Cursor[Row], work_order_id: str) -> Row:
    """The result of its last inspection, if it was inspected, and the kinds of defects found."""
    rows.execute(INSPECTIONS, {"order": work_order_id})
    found = rows.fetchone()
    return found or {"last_result": None, "defect_types": []}


def mark_synchronized(rows: Cursor[Row], work_order_id: str, at: datetime) -> None:
    """The ERP knows of its completion."""
    rows.execute(
        "UPDATE work_orders SET erp_synchronized_at = coalesce(erp_synchronized_at, %s) WHERE work_order_id = %s",
        [at, work_order_id],
    )


def keep_mes_job(rows: Cursor[Row], work_order_id: str, mes_job_id: str) -> None:
    """The MES has made a job of it."""
    rows.execute("UPDATE work_orders SET mes_job_id = %s WHERE work_order_id = %s", [mes_job_id, work_order_id])
