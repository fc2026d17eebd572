"""One moment of a tenant's shop or stock, read in one transaction that writes nothing: what plans stand on."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from schemas.codec import encode
from sql.database import Rows, rows_of
from sql.reads.work_centers import Maintenance, WorkCenter, maintenance, work_centers

ONE_MOMENT = "-c default_transaction_isolation=repeatable\\ read -c default_transaction_read_only=on"


class Order(NamedTuple):
    """A production order that is not done."""

    id: str
    number: str
    product_id: str
    product_name: str | None
    quantity: Decimal
    quantity_completed: Decimal
    priority: str
    due_date: datetime
    status: str
    material_available_at: datetime | None


class Run(NamedTuple):
    """An operation of such an order, done or not."""

    id: str
    order_id: str
    sequence: int
    operation: str
    predecessors: tuple[int, ...]
    quantity: Decimal
    quantity_good: Decimal
    setup_minutes: int
    run_minutes: int
    transfer_quantity: Decimal | None
    family: str | None
    work_center_id: str
    alternatives: tuple[str, ...]
    status: str
    setup_start: datetime | None
    scheduled_start: datetime | None
    scheduled_end: datetime | None
    is_frozen: bool
    work_order_id: str | None
    actual_start: datetime | None


class ChangeoverRule(NamedTuple):
    """A line of the changeover matrix; what is None holds for any."""

    work_center_id: str | None
    from_family: str | None
    to_family: str | None
    setup_minutes: int
    external_minutes: int


class Downtime(NamedTuple):
    """A machine that is down now."""

    downtime_id: str
    machine_id: str
    started_at: datetime
    repair_minutes: float | None
    reason: str


class Shop(NamedTuple):
    """All that a schedule depends on. `families`: what each work centre was set up for last."""

    at: datetime
    centers: list[WorkCenter]
    maintenance: list[Maintenance]
    downtimes: list[Downtime]
    orders: list[Order]
    runs: list[Run]
    changeovers: list[ChangeoverRule]
    families: dict[str, str]
    accepted_schedule_id: str | None


class Planning(NamedTuple):
    """How an item is ordered; what is None is not said."""

    item_id: str
    lot_policy: str
    lot_size: Decimal
    minimum: Decimal
    multiple: Decimal
    period_days: int
    smallest: Decimal
    lead_time_days: int
    safety_stock: Decimal | None
    scrap_percentage: Decimal
    is_purchased: bool | None
    supplier: str | None


class Line(NamedTuple):
    """One component of a bill of materials that holds on the day."""

    product_id: str
    revision: str
    effective_from: date
    effective_to: date | None
    output_quantity: Decimal
    unit: str
    item_id: str | None
    quantity: Decimal | None
    component_unit: str | None
    position: str | None
    scrap_percentage: Decimal | None


class KnownItem(NamedTuple):
    """An item of the item master."""

    item_id: str
    unit: str
    is_phantom: bool


class Conversion(NamedTuple):
    """One `unit` is `factor` times `into_unit`; of one item, or of all."""

    unit: str
    into_unit: str
    factor: Decimal
    item_id: str | None


class Material(NamedTuple):
    """What is in stock of a material."""

    material_id: str
    on_hand: Decimal
    reserved: Decimal
    safety_stock: Decimal


class Need(NamedTuple):
    """What an order in work still has to get of a material, beyond what is reserved for it."""

    work_order_id: str
    material_id: str
    quantity: Decimal
    due: datetime


class Coming(NamedTuple):
    """What an open order or requisition will bring."""

    receipt_id: str
    item_id: str
    quantity: Decimal
    due: datetime


class Stock(NamedTuple):
    """All that material requirements planning depends on."""

    at: datetime
    items: list[KnownItem]
    planning: list[Planning]
    lines: list[Line]
    conversions: list[Conversion]
    materials: list[Material]
    orders: list[Order]
    needs: list[Need]
    coming: list[Coming]
    centers: list[WorkCenter]


ORDERS = """
SELECT id::text AS id, production_order_number AS number, product_id, product_name, trim_scale(quantity) AS quantity,
  trim_scale(quantity_completed) AS quantity_completed, priority, due_date, status, material_available_at
FROM production_orders
WHERE deleted_at IS NULL AND status NOT IN ('completed', 'cancelled') ORDER BY due_date, id
"""
RUNS = """
SELECT r.id::text AS id, r.production_order_id::text AS order_id, r.sequence_number AS sequence,
  p.operation_name AS operation, r.predecessors, trim_scale(r.quantity) AS quantity,
  trim_scale(coalesce(w.quantity_good, r.quantity_good)) AS quantity_good, r.setup_minutes, r.run_minutes,
  trim_scale(r.transfer_quantity) AS transfer_quantity, r.setup_family AS family,
  r.work_center_id::text AS work_center_id, r.alternative_work_center_ids::text[] AS alternatives, r.status,
  r.setup_start, r.scheduled_start, r.scheduled_end, r.is_frozen, r.work_order_id, r.actual_start
FROM production_runs r
JOIN production_orders o ON o.tenant_id = r.tenant_id AND o.id = r.production_order_id
JOIN operations p ON p.id = r.operation_id
LEFT JOIN work_orders w ON w.tenant_id = r.tenant_id AND w.work_order_id = r.work_order_id
WHERE r.deleted_at IS NULL AND r.status <> 'cancelled' AND o.deleted_at IS NULL
  AND o.status NOT IN ('completed', 'cancelled')
ORDER BY r.production_order_id, r.sequence_number
"""
CHANGEOVERS = """
SELECT work_center_id::text AS work_center_id, from_family, to_family, setup_minutes, external_minutes
FROM changeover_details WHERE deleted_at IS NULL ORDER BY to_family IS NULL, id
"""
DOWNTIMES = """
SELECT DISTINCT ON (machine_id) downtime_id, machine_id, started_at, estimated_repair_time_minutes AS repair_minutes,
  downtime_reason_description AS reason
FROM downtime_events WHERE ended_at IS NULL ORDER BY machine_id, started_at DESC
"""
FAMILIES = """
SELECT DISTINCT ON (work_center_id) work_center_id::text AS center, setup_family AS family FROM production_runs
WHERE setup_family IS NOT NULL AND actual_start IS NOT NULL AND deleted_at IS NULL
ORDER BY work_center_id, actual_start DESC
"""
ACCEPTED = "SELECT id::text AS id FROM production_schedules WHERE status = 'accepted' AND deleted_at IS NULL"
ITEMS = "SELECT item_code AS item_id, uom AS unit, is_phantom FROM item_master ORDER BY item_code"
PLANNING = """
SELECT item_id, lot_policy, lot_size, minimum, multiple, period_days, smallest, lead_time_days, safety_stock,
  scrap_percentage, is_purchased, supplier
FROM item_planning WHERE deleted_at IS NULL ORDER BY item_id
"""
LINES = """
SELECT made.item_code AS product_id, b.revision, b.effective_from, b.effective_to, b.output_quantity, b.uom AS unit,
  coalesce(used.item_code, sold.item_code) AS item_id, c.quantity, c.uom AS component_unit, c.position,
  c.scrap_percentage
FROM manufacturing_boms b
JOIN item_master made ON made.tenant_id = b.tenant_id AND made.inventory_item_id = b.item_master_id
LEFT JOIN manufacturing_bom_components c ON c.tenant_id = b.tenant_id AND c.bom_id = b.id
LEFT JOIN item_master used ON used.tenant_id = c.tenant_id AND used.inventory_item_id = c.component_item_id
LEFT JOIN products p ON p.tenant_id = c.tenant_id AND p.id = c.component_product_id
LEFT JOIN item_master sold ON sold.tenant_id = p.tenant_id AND sold.inventory_item_id = p.inventory_item_id
WHERE b.deleted_at IS NULL AND b.lifecycle_status = 'active' AND b.effective_from <= %(day)s
  AND (b.effective_to IS NULL OR b.effective_to > %(day)s)
ORDER BY made.item_code, c.line
"""
CONVERSIONS = """
SELECT v.uom AS unit, v.into_uom AS into_unit, v.factor, i.item_code AS item_id
FROM inventory_uom_conversions v
LEFT JOIN item_master i ON i.tenant_id = v.tenant_id AND i.inventory_item_id = v.inventory_item_id ORDER BY v.id
"""
# What was consumed is off the stock already: reservations are what orders hold of it now.
MATERIALS = """
SELECT material_id, on_hand_quantity AS on_hand, reserved_quantity AS reserved, safety_stock
FROM materials ORDER BY material_id
"""
NEEDS = """
SELECT o.work_order_id, m.material_id, sum(m.quantity_required - m.consumed_quantity - m.reserved_quantity) AS quantity,
  o.due_date AS due
FROM work_orders o
JOIN work_order_materials m ON m.tenant_id = o.tenant_id AND m.work_order_id = o.work_order_id
WHERE o.status NOT IN ('completed', 'cancelled')
GROUP BY o.work_order_id, m.material_id, o.due_date
HAVING sum(m.quantity_required - m.consumed_quantity - m.reserved_quantity) > 0
ORDER BY o.work_order_id, m.material_id
"""
# What an order in work brings is one receipt, however many operations it has; so is an ERP order without runs.
COMING = """
SELECT 'PO ' || o.production_order_number AS receipt_id, o.product_id AS item_id,
  o.quantity - o.quantity_completed AS quantity, coalesce(max(r.scheduled_end), o.due_date) AS due
FROM production_orders o
JOIN production_runs r ON r.tenant_id = o.tenant_id AND r.production_order_id = o.id AND r.deleted_at IS NULL
WHERE o.deleted_at IS NULL AND o.status NOT IN ('completed', 'cancelled') AND o.quantity > o.quantity_completed
GROUP BY o.id, o.production_order_number, o.product_id, o.quantity, o.quantity_completed, o.due_date
HAVING bool_or(r.status IN ('released', 'in_progress', 'completed'))
UNION ALL
SELECT 'WO ' || w.work_order_id, w.product_id, w.quantity_ordered - w.quantity_good, w.due_date
FROM work_orders w
WHERE w.status NOT IN ('completed', 'cancelled') AND w.quantity_ordered > w.quantity_good AND NOT EXISTS (
  SELECT FROM production_runs r WHERE r.tenant_id = w.tenant_id AND r.work_order_id = w.work_order_id)
UNION ALL
SELECT 'PR ' || q.id::text, q.item_id, q.quantity, q.due_date::timestamptz
FROM purchase_requisitions q WHERE q.status = 'ordered' AND q.deleted_at IS NULL
ORDER BY 1
"""


@contextmanager
def one_moment(url: str, tenant_id: str) -> Iterator[Rows]:
    """A transaction of a tenant that sees one moment, whatever is written meanwhile, and writes nothing."""
    with rows_of(url, tenant_id, options=ONE_MOMENT) as rows:
        yield rows


def shop(rows: Rows, at: datetime) -> Shop:
    """The shop as the transaction sees it; `at` is the moment that it is read at."""
    return Shop(
        at=at,
        centers=[center for center in work_centers(rows) if center.is_active],
        maintenance=maintenance(rows, at),
        downtimes=[Downtime(**row) for row in _all(rows, DOWNTIMES)],
        orders=[Order(**row) for row in _all(rows, ORDERS)],
        runs=[_run(row) for row in _all(rows, RUNS)],
        changeovers=[ChangeoverRule(**row) for row in _all(rows, CHANGEOVERS)],
        families={row["center"]: row["family"] for row in _all(rows, FAMILIES)},
        accepted_schedule_id=next((row["id"] for row in _all(rows, ACCEPTED)), None),
    )


def stock(rows: Rows, at: datetime, day: date) -> Stock:
    """Items, bills that hold on a day, stock, demands and what is coming, as the transaction sees them."""
    return Stock(
        at=at,
        items=[KnownItem(**row) for row in _all(rows, ITEMS)],
        planning=[Planning(**row) for row in _all(rows, PLANNING)],
        lines=[Line(**row) for row in _all(rows, LINES, {"day": day})],
        conversions=[Conversion(**row) for row in _all(rows, CONVERSIONS)],
        materials=[Material(**row) for row in _all(rows, MATERIALS)],
        orders=[Order(**row) for row in _all(rows, ORDERS)],
        needs=[Need(**row) for row in _all(rows, NEEDS)],
        coming=[Coming(**row) for row in _all(rows, COMING)],
        centers=[center for center in work_centers(rows) if center.is_active],
    )


def digest(snapshot: Shop | Stock) -> str:
    """The same for the same facts, whenever they were read."""
    return hashlib.sha256(encode(snapshot[1:])).hexdigest()


def _all(rows: Rows, query: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    rows.execute(query.encode(), values)
    return rows.fetchall()


def _run(row: dict[str, Any]) -> Run:
    return Run(**row | {"predecessors": tuple(row["predecessors"]), "alternatives": tuple(row["alternatives"])})
