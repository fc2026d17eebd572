"""Routings with their operations, the one that holds for a product, and what an order makes of it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg import Cursor

Row = dict[str, Any]

OPERATIONS = """
SELECT r.id::text AS id, r.routing_id::text AS routing_id, r.sequence_number, r.operation_id::text AS operation_id,
  o.operation_code, o.operation_name, t.product_category,
  r.setup_time_minutes, r.run_time_per_unit_seconds, r.work_center_id::text AS work_center_id,
  r.alternative_work_center_ids::text[] AS alternative_work_center_ids, r.yield_percentage, r.scrap_percentage,
  r.is_concurrent, r.predecessor_operation_id::text AS predecessor_operation_id,
  p.sequence_number AS predecessor_sequence_number, r.transfer_quantity, r.description, r.work_instructions,
  coalesce(r.setup_time_minutes, o.setup_time_minutes, 0) AS effective_setup_time_minutes,
  coalesce(r.run_time_per_unit_seconds, o.run_time_per_unit_seconds, 0) AS effective_run_time_per_unit_seconds,
  coalesce(r.work_center_id, o.default_work_center_id)::text AS effective_work_center_id
FROM routing_operations r
JOIN operations o ON o.id = r.operation_id
JOIN routing_templates t ON t.tenant_id = r.tenant_id AND t.id = r.routing_id
LEFT JOIN routing_operations p ON p.id = r.predecessor_operation_id AND p.routing_id = r.routing_id
  AND p.deleted_at IS NULL
WHERE r.routing_id = ANY(%s::uuid[]) AND r.deleted_at IS NULL
ORDER BY r.routing_id, r.sequence_number
"""
FOR_PRODUCT = """
SELECT id::text AS id FROM routing_templates
WHERE is_active AND deleted_at IS NULL
  AND (product_id = %(product)s OR (product_id IS NULL AND product_category = %(category)s))
ORDER BY product_id IS NULL, routing_version DESC, routing_code LIMIT 1
"""


class RoutingOperation(NamedTuple):
    """An operation of a routing as it holds: with the times and the place of its kind where it says none itself."""

    id: str
    sequence_number: int
    operation_id: str
    operation_code: str
    work_center_id: str | None
    alternative_work_center_ids: tuple[str, ...]
    setup_minutes: Decimal
    run_seconds_per_unit: Decimal
    yield_percentage: Decimal
    scrap_percentage: Decimal
    is_concurrent: bool
    predecessor_operation_id: str | None
    predecessor_sequence_number: int | None
    transfer_quantity: Decimal | None
    work_instructions: str | None
    product_category: str | None = None


def operations(rows: Cursor[Row], routing_ids: Sequence[str]) -> list[Row]:
    """The operations of routings, by routing and sequence."""
    rows.execute(OPERATIONS.encode(), [list(routing_ids)])
    return rows.fetchall()


def as_they_hold(rows: Cursor[Row], routing_ids: Sequence[str]) -> dict[str, list[RoutingOperation]]:
    """The operations of routings as they hold, by routing, in sequence."""
    found: dict[str, list[RoutingOperation]] = {identity: [] for identity in routing_ids}
    for row in operations(rows, routing_ids):
        found[row["routing_id"]].append(held(row))
    return found


def held(row: Row) -> RoutingOperation:
    """A row of `operations` as it holds."""
    return RoutingOperation(
        id=row["id"],
        sequence_number=row["sequence_number"],
        operation_id=row["operation_id"],
        operation_code=row["operation_code"],
        work_center_id=row["effective_work_center_id"],
        alternative_work_center_ids=tuple(row["alternative_work_center_ids"]),
        setup_minutes=row["effective_setup_time_minutes"],
        run_seconds_per_unit=row["effective_run_time_per_unit_seconds"],
        yield_percentage=row["yield_percentage"],
        scrap_percentage=row["scrap_percentage"],
        is_concurrent=row["is_concurrent"],
        predecessor_operation_id=row["predecessor_operation_id"],
        predecessor_sequence_number=row["predecessor_sequence_number"],
        transfer_quantity=row["transfer_quantity"],
        work_instructions=row["work_instructions"],
        product_category=row["product_category"],
    )


def for_product(rows: Cursor[Row], product_id: str | None, product_category: str | None) -> str | None:
    """The id of the active routing that a product is made by: its own before that of its category, the newest first."""
    rows.execute(FOR_PRODUCT, {"product": product_id, "category": product_category})
    found = rows.fetchone()
    return None if found is None else str(found["id"])
