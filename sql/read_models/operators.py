"""Operators, what they are certified to do, and their shifts."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor

from schemas.messages.operators import OperatorChanged, ShiftChanged
from sql.bulk import append, delete_older, upsert_newer, versions
from sql.read_models.events import PLACE, Event, newest

STATE = (
    "operator_id",
    "employee_id",
    "version",
    "first_name",
    "last_name",
    "email",
    "phone",
    "department",
    "job_title",
    "hire_date",
    "location",
    "is_active",
    "current_status",
    "status_since",
    "synced_at",
)
OPERATOR = ("tenant_id", *STATE, "updated_at")
CERTIFIED = ("skill_code", "skill_name", "proficiency_level", "certification_date", "certification_expiry")
SKILL = ("tenant_id", "operator_id", "version", *CERTIFIED)
HAPPENED = (
    "operator_id",
    "shift_date",
    "shift_name",
    "shift_id",
    "employee_id",
    "version",
    "status",
    "is_scheduled",
    "is_overtime",
    "scheduled_start",
    "scheduled_end",
    "break_start",
    "break_end",
    "actual_clock_in",
    "actual_clock_out",
    "away_seconds",
)
SHIFT = ("tenant_id", *HAPPENED, "updated_at", *PLACE)
SHIFT_KEY = ("tenant_id", "operator_id", "shift_date", "shift_name")


def project(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """Write what events of the topic hr-updates say of one tenant's operators and their shifts; rows written."""
    return _write_operators(cursor, tenant_id, events) + _write_shifts(cursor, tenant_id, events)


def _write_operators(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    told = [each for each in events if isinstance(each.message.payload, OperatorChanged)]
    known = versions(cursor, "operators", "operator_id", (each.message.payload.operator_id for each in told))
    latest = newest(told, "operator_id", known=known)
    rows = [
        (tenant_id, *(getattr(each.message.payload, name) for name in STATE), each.message.payload.changed_at)
        for each in latest
    ]
    written = upsert_newer(cursor, "operators", OPERATOR, rows, ("tenant_id", "operator_id"))
    return written + _write_skills(cursor, tenant_id, [each.message.payload for each in latest])


def _write_skills(cursor: Cursor[Any], tenant_id: str, told: Sequence[OperatorChanged]) -> int:
    """An operator's skills are replaced as a whole by their latest version."""
    if not told:
        return 0
    delete_older(cursor, "operator_skills", "operator_id", {each.operator_id: each.version for each in told})
    rows = [
        (tenant_id, each.operator_id, each.version, *(getattr(skill, name) for name in CERTIFIED))
        for each in told
        for skill in each.skills
    ]
    return append(cursor, "operator_skills", SKILL, rows)


def _write_shifts(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """The latest version of each shift; a row names the event that said so."""
    told = [each for each in events if isinstance(each.message.payload, ShiftChanged)]
    rows = [_shift_row(tenant_id, each) for each in newest(told, "operator_id", "shift_date", "shift_name")]
    return upsert_newer(cursor, "operator_shifts", SHIFT, rows, SHIFT_KEY)


def _shift_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    told: ShiftChanged = event.message.payload
    return (tenant_id, *(getattr(told, name) for name in HAPPENED), told.changed_at, *event.place)
