"""Which events become which rows: one line an event topic."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Cursor

from sql.read_models import alerts, estimates, failures, machines, materials, operators, repairs, work_orders
from sql.read_models.events import Event

Project = Callable[[Cursor[Any], str, Sequence[Event]], int]

READ_MODELS: dict[str, Project] = {
    "work-orders": work_orders.project,
    "resource-status": machines.project,
    "inventory": materials.project,
    "hr-updates": operators.project,
    "calibration-priors": estimates.project,
    "alerts": alerts.project,
    "integration-failures": failures.project,
    "repairs": repairs.project,
}
TABLES = (
    "work_orders",
    "work_order_bom",
    "production_logs",
    "quality_inspections",
    "work_order_changes",
    "machines",
    "machine_states",
    "machine_status_history",
    "downtime_events",
    "materials",
    "material_batches",
    "material_states",
    "material_changes",
    "material_transactions",
    "reservations",
    "reservation_changes",
    "operators",
    "operator_skills",
    "operator_shifts",
    "estimate_versions",
    "estimate_observations",
    "alerts",
    "integration_failures",
)
# What no event tells: columns that people and their commands change, and the moment a row was written.
NOT_FROM_EVENTS: dict[str, tuple[str, ...]] = {
    "work_orders": ("erp_synchronized_at", "mes_job_id"),
    "material_transactions": ("synchronized_at",),
    "alerts": ("acknowledged_at", "acknowledged_by"),
    "operator_shifts": ("reported_in",),
    "integration_failures": (
        "status",
        "retry_count",
        "last_retry_at",
        "reason_code",
        "reason",
        "reason_path",
        "cause_key",
        "cause",
        "resolved_at",
        "resolution",
        "resolved_by",
    ),
}
WRITTEN_AT = "recorded_at"
