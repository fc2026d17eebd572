"""Which events become which rows: one line an event topic."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Cursor

from sql.read_models import alerts, failures, machines, materials, work_orders
from sql.read_models.events import Event

Project = Callable[[Cursor[Any], str, Sequence[Event]], int]

READ_MODELS: dict[str, Project] = {
    "work-orders": work_orders.project,
    "resource-status": machines.project,
    "inventory": materials.project,
    "alerts": alerts.project,
    "integration-failures": failures.project,
}
TABLES = (
    "work_orders",
    "work_order_bom",
    "production_logs",
    "quality_inspections",
    "machines",
    "machine_status_history",
    "downtime_events",
    "materials",
    "material_batches",
    "alerts",
    "integration_failures",
)
# What no event tells: columns that people and their commands change, and the moment a row was written.
NOT_FROM_EVENTS: dict[str, tuple[str, ...]] = {
    "alerts": ("acknowledged_at", "acknowledged_by"),
    "integration_failures": ("status", "retry_count", "last_retry_at"),
}
WRITTEN_AT = "recorded_at"
