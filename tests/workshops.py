"""Work centres and routings for suites that plan: made as rows, each time with names of their own."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from sql.database import Rows, ensure_tenant

BROCHURE = (("PRINTING", 98), ("DIE_CUTTING", 99), ("FOLDING", 99.5), ("PACKAGING", 100))
"""The operations of document 004, section 1.2, with what leaves them good, per cent."""


class Shop(NamedTuple):
    """A product, the routing that makes it, its work centres in the order of the operations."""

    product_id: str
    routing_id: str
    work_center_ids: tuple[str, ...]


def one(rows: Rows, query: str, values: Sequence[Any]) -> str:
    """The id that a statement returns."""
    rows.execute(query.encode(), values)
    found = rows.fetchone()
    assert found is not None
    return str(found["id"])


def shop(
    rows: Rows,
    operations: Sequence[tuple[str, float]] = BROCHURE,
    machines: Sequence[str | None] = (),
    *,
    setup_minutes: int = 30,
    run_seconds: float = 1,
) -> Shop:
    """A product with its routing, an operation each work centre; work centres are always open."""
    rows.execute("SELECT current_setting('app.current_tenant_id') AS id")
    (tenant,) = rows.fetchall()
    tenant_id, name = tenant["id"], uuid4().hex[:8].upper()
    ensure_tenant(rows, tenant_id)
    centers = [
        one(
            rows,
            "INSERT INTO work_centers (tenant_id, work_center_code, work_center_name, machine_id, created_by, "
            "updated_by, updated_at) VALUES (%s, %s, %s, %s, 'test', 'test', now()) RETURNING id",
            [tenant_id, f"{name}-{place}", f"{code} {name}", machines[place] if place < len(machines) else None],
        )
        for place, (code, _) in enumerate(operations)
    ]
    product_id = f"PROD-{name}"
    routing_id = one(
        rows,
        "INSERT INTO routing_templates (tenant_id, routing_code, routing_name, product_id, created_by, updated_by, "
        "updated_at) VALUES (%s, %s, %s, %s, 'test', 'test', now()) RETURNING id",
        [tenant_id, f"R-{name}", f"Routing {name}", product_id],
    )
    for place, (code, yielded) in enumerate(operations):
        rows.execute(
            "INSERT INTO routing_operations (tenant_id, routing_id, operation_id, sequence_number, work_center_id, "
            "setup_time_minutes, run_time_per_unit_seconds, yield_percentage, created_by, updated_by, updated_at) "
            "SELECT %s, %s, id, %s, %s, %s, %s, %s, 'test', 'test', now() FROM operations "
            "WHERE operation_code = %s AND tenant_id IS NULL",
            [tenant_id, routing_id, 10 * (place + 1), centers[place], setup_minutes, run_seconds, yielded, code],
        )
        assert rows.rowcount == 1
    return Shop(product_id, routing_id, tuple(centers))
