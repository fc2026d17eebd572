"""A shop in Postgres: work centres, production orders and their runs, as somebody would have entered them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg

from sql.database import ensure_tenant

Rows = psycopg.Cursor[dict[str, Any]]


class Placed(NamedTuple):
    """Ids of what was entered: work centres by code, runs by order number, in sequence."""

    name: str
    centers: dict[str, str]
    orders: dict[str, str]
    runs: dict[str, list[str]]


def now() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def _id(rows: Rows) -> str:
    found = rows.fetchone()
    assert found is not None
    return str(found["id"])


def center(rows: Rows, tenant_id: str, code: str, machine_id: str | None = None) -> str:
    """A work centre that is always open."""
    rows.execute(
        "INSERT INTO work_centers (tenant_id, work_center_code, work_center_name, machine_id) VALUES (%s, %s, %s, %s) "
        "RETURNING id::text AS id",
        [tenant_id, code, f"Work centre {code}", machine_id],
    )
    return _id(rows)


def order(rows: Rows, tenant_id: str, number: str, due: datetime, **fields: Any) -> str:
    """A production order."""
    told = {"product_id": "PROD-WD-100", "quantity": 100, "priority": "normal", "status": "expanded"} | fields
    rows.execute(
        "INSERT INTO production_orders (tenant_id, production_order_number, due_date, product_id, quantity, priority, "
        "status) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id::text AS id",
        [tenant_id, number, due, told["product_id"], told["quantity"], told["priority"], told["status"]],
    )
    return _id(rows)


def run(
    rows: Rows, tenant_id: str, order_id: str, sequence: int, centers: Sequence[str], minutes: int, **fields: Any
) -> str:
    """A run of an order at the first of some work centres, after the one before it."""
    told = {"quantity": 100, "setup_minutes": 10, "family": None, "predecessors": []} | fields
    rows.execute(
        "INSERT INTO production_runs (tenant_id, production_order_id, operation_id, sequence_number, predecessors, "
        "quantity, setup_minutes, run_minutes, setup_family, work_center_id, alternative_work_center_ids) "
        "SELECT %s, %s, id, %s, %s, %s, %s, %s, %s, %s, %s::uuid[] FROM operations WHERE operation_code = 'PRESSING' "
        "RETURNING id::text AS id",
        [
            tenant_id,
            order_id,
            sequence,
            told["predecessors"],
            told["quantity"],
            told["setup_minutes"],
            minutes,
            told["family"],
            centers[0],
            list(centers[1:]),
        ],
    )
    return _id(rows)


def shop(rows: Rows, tenant_id: str, orders: int = 3, minutes: int = 60) -> Placed:
    """Two presses, either of which can do the first operation, and a painting line; orders of two operations each."""
    ensure_tenant(rows, tenant_id)
    name = uuid4().hex[:6]
    centers = {code: center(rows, tenant_id, f"{code}-{name}", f"M-{code}-{name}") for code in ("P1", "P2", "L1")}
    placed = Placed(name, centers, {}, {})
    for number in range(orders):
        told = f"PO-{name}-{number}"
        order_id = order(rows, tenant_id, told, now() + timedelta(hours=4 + number))
        presses = [centers["P1"], centers["P2"]]
        placed.orders[told] = order_id
        placed.runs[told] = [
            run(rows, tenant_id, order_id, 10, presses, minutes, family=f"F{number % 2}"),
            run(rows, tenant_id, order_id, 20, [centers["L1"]], minutes // 2, predecessors=[10]),
        ]
    return placed


def clear(rows: Rows) -> None:
    """An empty shop; what other suites laid out is gone too. A job that keeps figures current waits meanwhile."""
    rows.execute("LOCK TABLE oee_calculations IN SHARE ROW EXCLUSIVE MODE")
    rows.execute("UPDATE oee_calculations SET work_center_id = NULL")
    for table in (
        "plan_proposals",
        "capacity_planning",
        "production_runs",
        "production_orders",
        "production_schedules",
        "routing_operations",
        "routing_templates",
        "changeover_details",
        "maintenance_records",
        "equipment_status_log",
        "asset_hierarchy",
        "operations",
        "work_centers",
    ):
        where = " WHERE tenant_id IS NOT NULL" if table == "operations" else ""
        rows.execute(f"DELETE FROM {table}{where}".encode())
