"""Machines, the history of their status, their downtimes and the gaps in which nobody saw them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL, Identifier

from schemas.ids import milliseconds
from schemas.messages.machines import GapMarked, MachineChanged, StatusRestated, Stretch
from sql.bulk import append, load, upsert_newer, versions
from sql.read_models.events import PLACE, Event, newest

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
    "current_product_id",
    "current_quantity_ordered",
)
TOLD = ("tenant_id", *STATE, "cycle_time_seconds", "known_at", "happened_at", "event_partition", "event_offset")
MACHINE = ("tenant_id", *STATE, "cycle_time_seconds", "updated_at")
HISTORY = (
    "tenant_id",
    "machine_id",
    "version",
    "status",
    "previous_status",
    "from_at",
    "to_at",
    "reason",
    "is_restated",
    "recovery",
    *PLACE,
)
GAP_END = HISTORY.index("to_at")
CHANGES = ("machine.status_changed", "machine.status_restated")
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
    history = [_history_row(tenant_id, each) for each in events if each.message.type in CHANGES]
    gaps = [each for each in events if each.message.type == "machine.gap_marked"]
    downtimes = [each for each in events if each.message.type in ("downtime.started", "downtime.ended")]
    told = [_told_row(tenant_id, each) for each in _news(cursor, changed)]
    return (
        _write_machines(cursor, tenant_id, changed)
        + append(cursor, "machine_states", TOLD, told)
        + append(cursor, "machine_status_history", HISTORY, history)
        + _write_gaps(cursor, tenant_id, gaps)
        + _write_downtimes(cursor, tenant_id, downtimes)
    )


def _write_machines(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    rows = [_machine_row(tenant_id, each) for each in newest(events, "machine_id")]
    return upsert_newer(cursor, "machines", MACHINE, rows, ("tenant_id", "machine_id"))


def _machine_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    """A missing cycle time is shown as 0 here (002 section 4.4); the logs keep it absent."""
    told: MachineChanged = event.message.payload
    fields = (getattr(told, name) for name in STATE)
    return (tenant_id, *fields, told.cycle_time_seconds or 0, event.message.timestamp)


def _news(cursor: Cursor[Any], events: Sequence[Event]) -> list[Event]:
    """The events that are newer than all that was told of their machine before; what is told again is not."""
    known = versions(cursor, "machines", "machine_id", (each.message.payload.machine_id for each in events))
    news = []
    for event in events:
        told: MachineChanged = event.message.payload
        if told.version > known.get(told.machine_id, 0):
            known[told.machine_id] = told.version
            news.append(event)
    return news


def _told_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    """The machine as it was then: so that any second of it can be shown again."""
    told: MachineChanged = event.message.payload
    fields = (getattr(told, name) for name in (*STATE, "cycle_time_seconds"))
    return (tenant_id, *fields, event.known_at, event.message.timestamp, event.partition, event.offset)


def _history_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    """A change of status, told as it happened or restated; a restated one ends where the next one known begins."""
    told = event.message.payload
    is_restated = isinstance(told, StatusRestated)
    from_at, to_at = (told.from_at, told.to_at) if is_restated else (told.status_since, None)
    known = (told.machine_id, told.version, told.status, told.previous_status)
    return (tenant_id, *known, from_at, to_at, told.reason, is_restated, None, *event.place)


def _write_gaps(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """The stretches of which nothing is known. One that is told again is one row, as long as it was told at most."""
    rows: dict[tuple[str, datetime], tuple[Any, ...]] = {}
    for event in events:
        told: GapMarked = event.message.payload
        whole = (Stretch(from_at=told.from_at, to_at=told.to_at),)
        for stretch in whole if told.unrecovered is None else told.unrecovered:
            key = told.machine_id, stretch.from_at
            if key not in rows or rows[key][GAP_END] < stretch.to_at:
                rows[key] = _gap_row(tenant_id, event, stretch)
    if not rows:
        return 0
    incoming = load(cursor, "machine_status_history", HISTORY, rows.values(), "gaps")
    cursor.execute(
        SQL(
            "INSERT INTO machine_status_history AS kept ({names}) SELECT {names} FROM {incoming} "
            "ON CONFLICT (tenant_id, machine_id, status, version) DO UPDATE SET {changes}, "
            "recorded_at = clock_timestamp() WHERE EXCLUDED.to_at > kept.to_at"
        ).format(
            names=SQL(", ").join(map(Identifier, HISTORY)),
            incoming=incoming,
            changes=SQL(", ").join(
                SQL("{0} = EXCLUDED.{0}").format(Identifier(name)) for name in ("to_at", "reason", "recovery", *PLACE)
            ),
        )
    )
    return cursor.rowcount


def _gap_row(tenant_id: str, event: Event, stretch: Stretch) -> tuple[Any, ...]:
    told: GapMarked = event.message.payload
    known = (told.machine_id, milliseconds(stretch.from_at), "gap", None)
    return (tenant_id, *known, stretch.from_at, stretch.to_at, told.reason, False, told.recovery, *event.place)


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
            "duration_seconds = EXCLUDED.duration_seconds, recorded_at = clock_timestamp() "
            "WHERE EXCLUDED.ended_at < coalesce(kept.ended_at, 'infinity')"
        ).format(names=names, incoming=incoming)
    )
    return cursor.rowcount
