"""Machines, the history of their status, their downtimes and the gaps in which nobody saw them."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL

from schemas.messages.machines import MachineChanged
from sql.bulk import append, load, upsert_newer
from sql.read_models.events import PLACE, Event

STATE = (
    "machine_id",
    "version",
    "machine_name",
    "line",
    "status",
    "status_since",
    "utilization_percentage",
    "overall_equipment_effectiveness",
    "current_work_order_id",
    "total_units",
    "last_seen_at",
)
MACHINE = ("tenant_id", *STATE, "cycle_time_seconds", "updated_at")
HISTORY = ("tenant_id", "machine_id", "version", "status", "previous_status", "from_at", "to_at", "reason", *PLACE)
DOWN = (
    "downtime_id",
    "machine_id",
    "downtime_reason_code",
    "downtime_reason_description",
    "severity",
    "started_at",
    "ended_at",
    "duration_seconds",
    "estimated_repair_time_minutes",
    "work_order_affected",
)
DOWNTIME = ("tenant_id", *DOWN, *PLACE)


def project(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """Write what events of the topic resource-status say of one tenant's machines; rows written."""
    changed = [each for each in events if isinstance(each.message.payload, MachineChanged)]
    history = [
        _history_row(tenant_id, each)
        for each in events
        if each.message.type in ("machine.status_changed", "machine.gap_marked")
    ]
    downtimes = [each for each in events if each.message.type in ("downtime.started", "downtime.ended")]
    return (
        _write_machines(cursor, tenant_id, changed)
        + append(cursor, "machine_status_history", HISTORY, history)
        + _write_downtimes(cursor, tenant_id, downtimes)
    )


def _write_machines(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    latest: dict[str, Event] = {}
    for event in events:
        known = latest.get(event.message.payload.machine_id)
        if known is None or known.message.payload.version < event.message.payload.version:
            latest[event.message.payload.machine_id] = event
    rows = [_machine_row(tenant_id, each) for each in latest.values()]
    return upsert_newer(cursor, "machines", MACHINE, rows, ("tenant_id", "machine_id"))


def _machine_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    """A missing cycle time is shown as 0 here (002 section 4.4); the logs keep it absent."""
    told: MachineChanged = event.message.payload
    fields = (getattr(told, name) for name in STATE)
    return (tenant_id, *fields, told.cycle_time_seconds or 0, event.message.timestamp)


def _history_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    told = event.message.payload
    if event.message.type == "machine.gap_marked":
        return (
            tenant_id,
            told.machine_id,
            event.message.position,
            "gap",
            None,
            told.from_at,
            told.to_at,
            told.reason,
            *event.place,
        )
    return (
        tenant_id,
        told.machine_id,
        told.version,
        told.status,
        told.previous_status,
        told.status_since,
        None,
        told.reason,
        *event.place,
    )


def _write_downtimes(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """A start opens a row, the earliest end closes it; the row names the event that opened it."""
    starts = [_downtime_row(tenant_id, each) for each in events if each.message.type == "downtime.started"]
    ends: dict[str, Event] = {}
    for each in events:
        told = each.message.payload
        if each.message.type == "downtime.ended":
            known = ends.get(told.downtime_id)
            if known is None or told.ended_at < known.message.payload.ended_at:
                ends[told.downtime_id] = each
    opened = append(cursor, "downtime_events", DOWNTIME, starts)
    rows = [_downtime_row(tenant_id, each) for each in ends.values()]
    return opened + _close_downtimes(cursor, rows) if rows else opened


def _downtime_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    return (tenant_id, *(getattr(event.message.payload, name) for name in DOWN), *event.place)


def _close_downtimes(cursor: Cursor[Any], rows: Sequence[Sequence[Any]]) -> int:
    incoming = load(cursor, "downtime_events", DOWNTIME, rows)
    names = SQL(", ").join(map(SQL, DOWNTIME))
    cursor.execute(
        SQL(
            "INSERT INTO downtime_events AS kept ({names}) SELECT {names} FROM {incoming} "
            "ON CONFLICT (tenant_id, downtime_id) DO UPDATE SET ended_at = EXCLUDED.ended_at, "
            "duration_seconds = EXCLUDED.duration_seconds "
            "WHERE EXCLUDED.ended_at < coalesce(kept.ended_at, 'infinity')"
        ).format(names=names, incoming=incoming)
    )
    return cursor.rowcount
