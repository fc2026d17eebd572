"""What deliveries about material are made of: an order's reservations and transactions, and what was told of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

ORDER = """
SELECT o.work_order_id, o.erp_work_order_id, o.status, o.materials_status, o.due_date,
  coalesce(m.line, o.production_line_preference) AS line,
  now() > %(since)s::timestamptz + make_interval(secs => %(patience)s) AS is_overdue,
  ARRAY(SELECT DISTINCT b.material_id FROM work_order_bom b
    WHERE b.work_order_id = o.work_order_id AND b.quantity_required > 0
      AND NOT EXISTS (SELECT FROM reservations r WHERE r.work_order_id = b.work_order_id
        AND r.material_id = b.material_id) ORDER BY 1) AS undecided,
  ARRAY(SELECT DISTINCT b.material_id FROM work_order_bom b
    WHERE b.work_order_id = o.work_order_id AND b.quantity_required > 0
      AND NOT EXISTS (SELECT FROM material_transactions t WHERE t.work_order_id = b.work_order_id
        AND t.material_id = b.material_id) ORDER BY 1) AS unconsumed
FROM work_orders o LEFT JOIN machines m ON m.machine_id = o.assigned_machine_id
WHERE o.work_order_id = %(order)s
"""


def order(cursor: Cursor[Row], work_order_id: str, since: datetime, patience_seconds: float) -> Row | None:
    """An order with the materials whose reservations or consumption are not known yet.

    `is_overdue`: so long after `since` nobody waits for them any more.
    """
    values = {"order": work_order_id, "since": since, "patience": patience_seconds}
    cursor.execute(ORDER, values)
    return cursor.fetchone()


HELD = """
SELECT r.reservation_id, r.material_id, coalesce(m.part_number, r.material_id) AS part_number,
  coalesce(m.unit_of_measure, 'EA') AS unit_of_measure, trim_scale(r.quantity) AS quantity, r.inventory_reservation_id
FROM reservations r LEFT JOIN materials m USING (material_id)
WHERE r.work_order_id = %s AND r.status IN ('reserved', 'partial') AND r.quantity > 0 ORDER BY r.material_id
"""


def held(cursor: Cursor[Row], work_order_id: str) -> list[Row]:
    """What an order holds now, by material."""
    cursor.execute(HELD, [work_order_id])
    return cursor.fetchall()


REQUESTS = """
SELECT delivery_id, cause, status, request->'body' AS body, last_answer, created_at FROM deliveries
WHERE kind = %s AND subject = %s AND status <> 'cancelled' ORDER BY created_at, delivery_id
"""


def requests(cursor: Cursor[Row], kind: str, work_order_id: str) -> list[Row]:
    """An order's deliveries of a kind, the oldest first; `body` is None while it is not made yet."""
    cursor.execute(REQUESTS, [kind, work_order_id])
    return cursor.fetchall()


def body_of(cursor: Cursor[Row], delivery_id: str) -> Any:
    """What a delivery told."""
    cursor.execute("SELECT request->'body' AS body FROM deliveries WHERE delivery_id = %s", [delivery_id])
    found = cursor.fetchone()
    return found and found["body"]


TOLD = """
  EXISTS (SELECT FROM transaction_reports AS told
    WHERE told.transaction_id = t.transaction_id AND told.told_to = %(system)s)
"""
TELL = f"""
INSERT INTO transaction_reports (tenant_id, transaction_id, told_to, delivery_id)
SELECT tenant_id, transaction_id, %(system)s, %(delivery)s FROM material_transactions AS t
WHERE {{which}} AND NOT {TOLD} ON CONFLICT DO NOTHING
"""
OF_ORDER = TELL.format(which="t.work_order_id = %(order)s")
UNTIL = "t.synchronized_at IS NULL AND t.occurred_at < %(before)s"
UNREPORTED = TELL.format(which=UNTIL)
WAITING = f"SELECT EXISTS (SELECT FROM material_transactions AS t WHERE {UNTIL} AND NOT {TOLD}) AS is_waiting"


def tell_of_order(cursor: Cursor[Row], delivery_id: str, work_order_id: str) -> int:
    """Have a delivery tell the warehouse what the order used up and no other delivery tells; how many transactions."""
    cursor.execute(OF_ORDER.encode(), {"system": "WMS", "delivery": delivery_id, "order": work_order_id})
    return cursor.rowcount


def tell_until(cursor: Cursor[Row], delivery_id: str, before: datetime) -> int:
    """Have a delivery tell the ERP of all transactions of that time that no other tells it of; how many."""
    cursor.execute(UNREPORTED.encode(), {"system": "ERP", "delivery": delivery_id, "before": before})
    return cursor.rowcount


def is_waiting(cursor: Cursor[Row], before: datetime) -> bool:
    """Whether there are transactions of that time that no report tells the ERP of."""
    cursor.execute(WAITING.encode(), {"system": "ERP", "before": before})
    found = cursor.fetchone()
    return bool(found and found["is_waiting"])


FREE = """
WITH given_up AS (
  SELECT d.tenant_id, d.delivery_id FROM deliveries AS d JOIN integration_failures AS f USING (tenant_id, failure_key)
  WHERE d.kind = %(kind)s AND d.status = 'failed' AND f.status = 'discarded'
), freed AS (
  DELETE FROM transaction_reports AS told USING given_up
  WHERE told.delivery_id = given_up.delivery_id AND told.synchronized_at IS NULL RETURNING told.delivery_id
)
UPDATE deliveries SET request = NULL, told = told || '{"is_given_up": true}'
WHERE delivery_id IN (SELECT delivery_id FROM freed)
"""


def free(cursor: Cursor[Row], kind: str) -> int:
    """Let go of the transactions in reports that a person has given up; how many reports.

    Such a report has no request any more, and will never have one: its key is used up.
    """
    cursor.execute(FREE, {"kind": kind})
    return cursor.rowcount


def synchronized(cursor: Cursor[Row], delivery_id: str, at: datetime) -> list[Row]:
    """Mark what a delivery told of as known to its system; the transactions."""
    cursor.execute(
        "UPDATE transaction_reports SET synchronized_at = %s WHERE delivery_id = %s AND synchronized_at IS NULL",
        [at, delivery_id],
    )
    cursor.execute(
        "UPDATE material_transactions AS t SET synchronized_at = %s FROM transaction_reports AS told "
        "WHERE told.delivery_id = %s AND told.told_to = 'ERP' AND t.transaction_id = told.transaction_id",
        [at, delivery_id],
    )
    cursor.execute(
        "SELECT t.transaction_id, t.material_id, t.work_order_id FROM transaction_reports AS told "
        "JOIN material_transactions AS t USING (transaction_id) WHERE told.delivery_id = %s ORDER BY t.transaction_id",
        [delivery_id],
    )
    return cursor.fetchall()


ISSUES = """
SELECT t.transaction_id, t.material_id, trim_scale(t.quantity) AS quantity, t.occurred_at, t.batches
FROM transaction_reports AS told JOIN material_transactions AS t USING (transaction_id)
WHERE told.delivery_id = %s ORDER BY t.material_id, t.occurred_at, t.transaction_id
"""


def issues(cursor: Cursor[Row], delivery_id: str) -> list[Row]:
    """The transactions that a delivery tells of, with their lots."""
    cursor.execute(ISSUES, [delivery_id])
    return cursor.fetchall()


CONSUMED = """
SELECT o.erp_work_order_id, t.work_order_id, t.material_id, t.part_number, t.unit_of_measure,
  trim_scale(sum(t.quantity)) AS quantity, count(*) AS transactions,
  min(t.occurred_at) AS first_at, max(t.occurred_at) AS last_at
FROM transaction_reports AS told JOIN material_transactions AS t USING (transaction_id)
LEFT JOIN work_orders AS o ON o.work_order_id = t.work_order_id
WHERE told.delivery_id = %s
GROUP BY o.erp_work_order_id, t.work_order_id, t.material_id, t.part_number, t.unit_of_measure
ORDER BY t.work_order_id, t.material_id
"""


def consumed(cursor: Cursor[Row], delivery_id: str) -> list[Row]:
    """What a delivery reports: quantities by order and material."""
    cursor.execute(CONSUMED, [delivery_id])
    return cursor.fetchall()


def order_of(cursor: Cursor[Row], transaction_id: str) -> str | None:
    """The order that used material up."""
    cursor.execute("SELECT work_order_id FROM material_transactions WHERE transaction_id = %s", [transaction_id])
    found = cursor.fetchone()
    return str(found["work_order_id"]) if found else None


USED = """
SELECT material_id, sum(quantity) AS quantity FROM material_transactions WHERE work_order_id = %s GROUP BY material_id
"""


def used(cursor: Cursor[Row], work_order_id: str) -> dict[str, Any]:
    """How much of each material an order has used up."""
    cursor.execute(USED, [work_order_id])
    return {row["material_id"]: row["quantity"] for row in cursor.fetchall()}


def told_already(cursor: Cursor[Row], failure_keys: Sequence[str]) -> set[str]:
    """Those dead letters that are there already."""
    cursor.execute("SELECT failure_key FROM integration_failures WHERE failure_key = ANY(%s)", [list(failure_keys)])
    return {row["failure_key"] for row in cursor.fetchall()}
